//! What XDP a driver says it does: the generic netlink family "netdev" (Linux 6.3 and later).

use super::{Error, Link, Netlink};
use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, Nla, NlasIterator, Parseable, ParseableParametrized,
    parse_u64,
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
    let attributes = vec![DefaultNla::new(
        DEV_IFINDEX,
        link.index.to_ne_bytes().to_vec(),
    )];
    let mut message = GenlMessage::from_payload(Netdev(attributes));
    message.set_resolved_family_id(family);
    let answers = netlink.ask(&what, message, 0)?;
    let attributes = answers.iter().flat_map(|answer| &answer.payload.0);
    let features = attributes
        .filter(|nla| nla.kind() == DEV_XDP_FEATURES)
        .find_map(|nla| {
            let mut value = vec![0; nla.value_len()];
            nla.emit_value(&mut value);
            parse_u64(&value).ok()
        });
    Ok(features.map(XdpFeatures))
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
struct Netdev(Vec<DefaultNla>);

impl GenlFamily for Netdev {
    fn family_name() -> &'static str {
        FAMILY
    }

    fn command(&self) -> u8 {
        DEV_GET
    }

    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for Netdev {
    fn buffer_len(&self) -> usize {
        self.0.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.0.as_slice().emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Netdev {
    fn parse_with_param(bytes: &[u8], _: GenlHeader) -> Result<Self, DecodeError> {
        let attributes = NlasIterator::new(bytes).map(|nla| DefaultNla::parse(&nla?));
        attributes.collect::<Result<_, _>>().map(Self)
    }
}
