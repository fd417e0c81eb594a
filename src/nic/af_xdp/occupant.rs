//! Which XDP program holds an interface.

use aya::programs::{ProgramInfo, links::LinkType, loaded_links, loaded_programs};
use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage, LinkXdp};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::net::if_::if_nametoindex;
use std::fmt;
use std::io;

/// An XDP program that is attached to an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// The kernel's number of the program; 0 when it does not tell.
    pub id: u32,
    /// Name of the program, up to 15 octets; may be empty.
    pub name: String,
    /// Is it held by a `bpf_link`, so that it goes with the process that holds the link?
    pub by_link: bool,
}

impl Occupant {
    /// A program of which nothing is known.
    pub(super) const UNKNOWN: Self = Self {
        id: 0,
        name: String::new(),
        by_link: false,
    };

    /// What to do about it.
    pub(super) fn remedy(&self, interface: &str) -> String {
        if self.by_link {
            "stop the process that attached it (`bpftool link show` names it)".into()
        } else {
            format!("remove it with `ip link set dev {interface} xdp off`")
        }
    }
}

impl fmt::Display for Occupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.id, self.name.as_str()) {
            (0, _) => write!(f, "another XDP program"),
            (id, "") => write!(f, "the XDP program with id {id}"),
            (id, name) => write!(f, "the XDP program `{name}` with id {id}"),
        }
    }
}

/// The XDP program that is attached to `interface` of this network namespace, if any.
///
/// # Errors
/// No such interface, or netlink does not answer.
pub fn occupant(interface: &str) -> io::Result<Option<Occupant>> {
    let Some(id) = program_id(if_nametoindex(interface)?)? else {
        return Ok(None);
    };
    let program = loaded_programs()
        .filter_map(Result::ok)
        .find(|program| program.id() == id);
    let name = program.as_ref().and_then(ProgramInfo::name_as_str);
    let by_link = loaded_links()
        .filter_map(Result::ok)
        .any(|link| link.program_id() == id && matches!(link.link_type(), Ok(LinkType::Xdp)));
    Ok(Some(Occupant {
        id,
        name: name.unwrap_or_default().into(),
        by_link,
    }))
}

/// Asks for the link and reads `IFLA_XDP`.
fn program_id(index: u32) -> io::Result<Option<u32>> {
    let mut link = LinkMessage::default();
    link.header.index = index;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    let payload = NetlinkPayload::from(RouteNetlinkMessage::GetLink(link));
    let mut request = NetlinkMessage::new(header, payload);
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);

    let socket = Socket::new(NETLINK_ROUTE)?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&bytes, 0)?;
    let (reply, _) = socket.recv_from_full()?;
    let reply = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&reply)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let link = match reply.payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => link,
        NetlinkPayload::Error(error) => return Err(error.to_io()),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    let programs = link
        .attributes
        .iter()
        .filter_map(|attribute| match attribute {
            LinkAttribute::Xdp(programs) => Some(programs),
            _ => None,
        });
    Ok(programs.flatten().find_map(|attribute| match attribute {
        LinkXdp::ProgId(id) => Some(*id),
        _ => None,
    }))
}
