//! The generic netlink family "netdev": what XDP a driver says it does (Linux 6.3 and later), and who
//! polls its queues (Linux 6.17 and later).

use super::{Error, Link, Netlink};
use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, Nla, NlasIterator, Parseable, ParseableParametrized,
    parse_u32, parse_u64,
};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use nix::errno::Errno;

// include/uapi/linux/netdev.h
const FAMILY: &str = "netdev";
const DEV_GET: u8 = 1;
const DEV_IFINDEX: u16 = 1;
const DEV_XDP_FEATURES: u16 = 3;
const NAPI_GET: u8 = 11;
const NAPI_SET: u8 = 14;
const NAPI_IFINDEX: u16 = 1;
const NAPI_ID: u16 = 2;
const NAPI_PID: u16 = 4;
const NAPI_THREADED: u16 = 8;

/// What XDP a driver says it does (`enum netdev_xdp_act`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XdpFeatures(pub u64);

impl XdpFeatures {
    /// Runs programs in the driver: `XDP_PASS`, `XDP_DROP`, `XDP_TX`.
    #[must_use]
    pub const fn has_basic(self) -> bool {
        self.0 & 1 != 0
    }

    /// `XDP_REDIRECT`, which is how frames reach an `AF_XDP` socket.
    #[must_use]
    pub const fn has_redirect(self) -> bool {
        self.0 & 2 != 0
    }

    /// Sends what others redirect to it. On veth this shows only while a program is attached.
    #[must_use]
    pub const fn has_ndo_xmit(self) -> bool {
        self.0 & 4 != 0
    }

    /// `AF_XDP` without copying.
    #[must_use]
    pub const fn has_zero_copy(self) -> bool {
        self.0 & 8 != 0
    }
}

/// What the driver of an interface says it does; `None` when the kernel (before Linux 6.3) does
/// not tell. Asks in the calling thread's network namespace.
pub fn xdp_features(link: &Link) -> Result<Option<XdpFeatures>, Error> {
    let mut netlink = Netlink::open_generic()?;
    let Some(family) = family_id(&mut netlink)? else {
        return Ok(None);
    };
    let what = format!("asking for the XDP features of {}", link.name);
    let message = message(family, DEV_GET, &[(DEV_IFINDEX, link.index)]);
    let answers = netlink.ask(&what, message, 0)?;
    let features = answers.iter().find_map(|answer| {
        let value = answer.payload.value(DEV_XDP_FEATURES)?;
        parse_u64(&value).ok()
    });
    Ok(features.map(XdpFeatures))
}

/// Whoever polls the queues of an interface, by their numbers: none while nothing wants to be
/// polled, and none where the kernel (before Linux 6.8) does not tell. Asks in the calling thread's
/// network namespace.
pub(in crate::nic) fn napis(link: &Link) -> Result<Vec<u32>, Error> {
    let mut netlink = Netlink::open_generic()?;
    let Some(family) = family_id(&mut netlink)? else {
        return Ok(Vec::new());
    };
    let what = format!("asking who polls the queues of {}", link.name);
    let asked = || message(family, NAPI_GET, &[(NAPI_IFINDEX, link.index)]);
    let answers = match netlink.dump(&what, asked) {
        Err(error) if error.errno() == Some(Errno::EOPNOTSUPP) => return Ok(Vec::new()),
        answers => answers?,
    };
    let ids = answers.iter().map(|answer| answer.payload.number(NAPI_ID));
    Ok(ids.flatten().collect())
}

/// Gives one of [`napis`] a thread of its own, if it has none: its process number. `None` where the
/// kernel does not know how.
pub(in crate::nic) fn thread_of_napi(link: &Link, napi: u32) -> Result<Option<u32>, Error> {
    let mut netlink = Netlink::open_generic()?;
    let Some(family) = family_id(&mut netlink)? else {
        return Ok(None);
    };
    let what = format!("having a queue of {} polled by a thread", link.name);
    let wanted = message(family, NAPI_SET, &[(NAPI_ID, napi), (NAPI_THREADED, 1)]);
    match netlink.ask(&what, wanted, 0) {
        // An attribute, or a command, that it has never heard of.
        Err(error) if matches!(error.errno(), Some(Errno::EOPNOTSUPP | Errno::EINVAL)) => {
            return Ok(None);
        }
        done => drop(done?),
    }
    let answers = netlink.ask(&what, message(family, NAPI_GET, &[(NAPI_ID, napi)]), 0)?;
    let pid = answers.iter().find_map(|it| it.payload.number(NAPI_PID));
    Ok(pid)
}

// A request of the family, with numbers for its attributes.
fn message(family: u16, command: u8, attributes: &[(u16, u32)]) -> GenlMessage<Netdev> {
    let attributes = attributes.iter().map(|(kind, value)| {
        let value = value.to_ne_bytes().to_vec();
        DefaultNla::new(*kind, value)
    });
    let mut message = GenlMessage::from_payload(Netdev {
        command,
        attributes: attributes.collect(),
    });
    message.set_resolved_family_id(family);
    message
}

fn family_id(netlink: &mut Netlink) -> Result<Option<u16>, Error> {
    let message = GenlMessage::from_payload(GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName(FAMILY.into())],
    });
    let answers = match netlink.ask("looking for the netlink family netdev", message, 0) {
        Err(error) if error.errno() == Some(Errno::ENOENT) => return Ok(None),
        answers => answers?,
    };
    let mut attributes = answers.iter().flat_map(|answer| &answer.payload.nlas);
    Ok(attributes.find_map(|nla| match nla {
        GenlCtrlAttrs::FamilyId(id) => Some(*id),
        _ => None,
    }))
}

/// A message of the family: its attributes, unread.
#[derive(Clone, Debug)]
struct Netdev {
    command: u8,
    attributes: Vec<DefaultNla>,
}

impl Netdev {
    // The octets of an attribute.
    fn value(&self, kind: u16) -> Option<Vec<u8>> {
        let nla = self.attributes.iter().find(|nla| nla.kind() == kind)?;
        let mut value = vec![0; nla.value_len()];
        nla.emit_value(&mut value);
        Some(value)
    }

    fn number(&self, kind: u16) -> Option<u32> {
        parse_u32(&self.value(kind)?).ok()
    }
}

impl GenlFamily for Netdev {
    fn family_name() -> &'static str {
        FAMILY
    }

    fn command(&self) -> u8 {
        self.command
    }

    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for Netdev {
    fn buffer_len(&self) -> usize {
        self.attributes.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.attributes.as_slice().emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Netdev {
    fn parse_with_param(bytes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        let attributes = NlasIterator::new(bytes).map(|nla| DefaultNla::parse(&nla?));
        Ok(Self {
            command: header.cmd,
            attributes: attributes.collect::<Result<_, _>>()?,
        })
    }
}
