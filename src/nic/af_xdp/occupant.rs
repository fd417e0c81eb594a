//! Which XDP program holds an interface.

use crate::nic::netlink::{self, Netlink};
use aya::programs::{ProgramInfo, links::LinkType, loaded_links, loaded_programs};
use std::fmt;

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
pub fn occupant(interface: &str) -> Result<Option<Occupant>, netlink::Error> {
    let Some(attached) = Netlink::open()?.link(interface)?.xdp else {
        return Ok(None);
    };
    let id = attached.program;
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
