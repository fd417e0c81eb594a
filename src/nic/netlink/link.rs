//! Interfaces: what they are, and making, changing and removing them.

use super::{Error, Message, Netlink};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, LinkXdp,
    XdpAttached,
};
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};

/// An Ethernet address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = self.0.map(|octet| format!("{octet:02x}"));
        f.write_str(&octets.join(":"))
    }
}

/// Where in the kernel an XDP program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver, before the kernel makes a packet of the frame.
    Native,
    /// On packets the kernel has already made.
    Generic,
    /// On the NIC itself.
    Offload,
    /// In more than one of these places.
    Several,
}

impl fmt::Display for XdpMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Offload => "offload",
            Self::Several => "several modes",
        })
    }
}

/// An XDP program that is attached to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpAttachment {
    /// Its number, as `bpftool prog show id N` wants it; 0 when it is in several modes.
    pub program: u32,
    /// Where it runs.
    pub mode: XdpMode,
}

/// One interface, as the kernel described it a moment ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number in its namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its Ethernet address; zero when it is no Ethernet interface.
    pub mac: Mac,
    /// The largest IP packet it carries, in octets.
    pub mtu: u32,
    /// The software that makes it ("veth", "bond", "vlan"); `None` for hardware.
    pub kind: Option<String>,
    /// Receive queues it was made with; of these, `ethtool -l` says how many are in use.
    pub rx_queues: u32,
    /// Transmit queues it was made with.
    pub tx_queues: u32,
    /// The number of the other end of a veth, or of the interface below a vlan; in that one's
    /// namespace.
    pub peer: Option<u32>,
    /// The number of the bond or bridge that it belongs to.
    pub controller: Option<u32>,
    /// Is it switched on?
    pub up: bool,
    /// Is there a carrier: is the other end switched on too?
    pub running: bool,
    /// The XDP program attached to it.
    pub xdp: Option<XdpAttachment>,
}

/// One end of a veth pair that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct VethEnd<'a> {
    /// Its name.
    pub name: &'a str,
    /// The network namespace it is for; `None` is the namespace of the [`Netlink`] socket.
    pub namespace: Option<BorrowedFd<'a>>,
}

impl Netlink {
    /// All interfaces of the namespace.
    pub fn links(&mut self) -> Result<Vec<Link>, Error> {
        let messages = self.dump("listing the interfaces", || {
            Message::GetLink(LinkMessage::default())
        })?;
        Ok(messages.into_iter().filter_map(link_of).collect())
    }

    /// The interface of this name.
    pub fn link(&mut self, name: &str) -> Result<Link, Error> {
        let mut links = self.links()?;
        match links.iter().position(|link| link.name == name) {
            Some(at) => Ok(links.swap_remove(at)),
            None => Err(Error::NoInterface {
                name: name.to_owned(),
                exist: links.into_iter().map(|link| link.name).collect(),
            }),
        }
    }

    /// Makes a veth pair with `queues` receive and as many transmit queues at each end.
    pub fn add_veth(&mut self, ends: [VethEnd<'_>; 2], queues: u32, mtu: u32) -> Result<(), Error> {
        let what = format!("making the veth pair {} and {}", ends[0].name, ends[1].name);
        let [mut this, peer] = ends.map(|end| {
            let mut message = LinkMessage::default();
            message.attributes = vec![
                LinkAttribute::IfName(end.name.to_owned()),
                LinkAttribute::Mtu(mtu),
                LinkAttribute::NumTxQueues(queues),
                LinkAttribute::NumRxQueues(queues),
            ];
            let descriptor = end.namespace.map(|namespace| namespace.as_raw_fd());
            message
                .attributes
                .extend(descriptor.map(LinkAttribute::NetNsFd));
            message
        });
        this.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.ask(&what, Message::NewLink(this), NLM_F_CREATE | NLM_F_EXCL)?;
        Ok(())
    }

    /// Switches an interface on or off.
    pub fn set_up(&mut self, link: &Link, up: bool) -> Result<(), Error> {
        let what = format!("switching {} {}", link.name, if up { "on" } else { "off" });
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        message.header.change_mask = LinkFlags::Up;
        message.header.flags = if up {
            LinkFlags::Up
        } else {
            LinkFlags::empty()
        };
        self.ask(&what, Message::SetLink(message), 0).map(drop)
    }

    /// Gives an interface another Ethernet address.
    pub fn set_mac(&mut self, link: &Link, mac: Mac) -> Result<(), Error> {
        let what = format!("setting the address of {} to {mac}", link.name);
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        message.attributes = vec![LinkAttribute::Address(mac.0.to_vec())];
        self.ask(&what, Message::SetLink(message), 0).map(drop)
    }

    /// Removes an interface that software made; both ends of a veth.
    pub fn delete_link(&mut self, link: &Link) -> Result<(), Error> {
        let what = format!("removing {}", link.name);
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        self.ask(&what, Message::DelLink(message), 0).map(drop)
    }
}

fn link_of(message: Message) -> Option<Link> {
    let Message::NewLink(message) = message else {
        return None;
    };
    let flags = message.header.flags;
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        mac: Mac::default(),
        mtu: 0,
        kind: None,
        rx_queues: 1,
        tx_queues: 1,
        peer: None,
        controller: None,
        up: flags.contains(LinkFlags::Up),
        running: flags.contains(LinkFlags::Running),
        xdp: None,
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Address(octets) => {
                link.mac = octets.try_into().map(Mac).unwrap_or_default();
            }
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::NumRxQueues(queues) => link.rx_queues = queues,
            LinkAttribute::NumTxQueues(queues) => link.tx_queues = queues,
            LinkAttribute::Link(index) => link.peer = Some(index),
            LinkAttribute::Controller(index) => link.controller = Some(index),
            LinkAttribute::LinkInfo(infos) => {
                link.kind = infos.iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind.to_string()),
                    _ => None,
                });
            }
            LinkAttribute::Xdp(facts) => link.xdp = attachment(&facts),
            _ => {}
        }
    }
    Some(link)
}

fn attachment(facts: &[LinkXdp]) -> Option<XdpAttachment> {
    let mode = facts.iter().find_map(|fact| match fact {
        LinkXdp::Attached(XdpAttached::Driver) => Some(XdpMode::Native),
        LinkXdp::Attached(XdpAttached::SocketBuffer) => Some(XdpMode::Generic),
        LinkXdp::Attached(XdpAttached::Hardware) => Some(XdpMode::Offload),
        LinkXdp::Attached(XdpAttached::Multiple) => Some(XdpMode::Several),
        _ => None,
    })?;
    let program = facts.iter().find_map(|fact| match fact {
        LinkXdp::ProgId(program) => Some(*program),
        _ => None,
    });
    let program = program.unwrap_or(0);
    Some(XdpAttachment { program, mode })
}
