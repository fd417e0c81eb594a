//! Links, addresses, routes and neighbours over netlink: one synchronous request at a time.
//!
//! [`Netlink`] is one `NETLINK_ROUTE` socket; it belongs to the network namespace of the thread
//! that opened it, for good, wherever it is used afterwards. What can be asked of it stands in
//! `link.rs`, `address.rs` and `route.rs`; `netdev.rs` asks the generic family "netdev" what XDP
//! a driver does, and who polls its queues. None of this is for the data path: every request
//! allocates and waits for the kernel.

mod address;
mod link;
mod netdev;
mod route;

pub use address::InterfaceAddress;
pub use link::{Link, Mac, VethEnd, XdpAttachment, XdpMode};
pub use netdev::{XdpFeatures, xdp_features};
pub(super) use netdev::{napis, thread_of_napi};
pub use route::{Neighbour, Route};

use netlink_packet_core::{
    DefaultNla, ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
    NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable, Nla,
    NlasIterator, Parseable, parse_string,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::{NETLINK_GENERIC, NETLINK_ROUTE};
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use std::fmt::Debug;
use std::io;

/// How often a dump is begun anew because the tables changed under it.
const DUMP_TRIES: usize = 16;

/// Octets of `struct nlmsghdr`, which stands between an error's code and its explanation.
const HEADER_BYTES: usize = 16;

/// The attribute of an error that explains it in words (`NLMSGERR_ATTR_MSG`).
const ERROR_TEXT: u16 = 1;

/// What the kernel refused, or how talking to it failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The kernel said no.
    #[error("{what}: {}{}{}", errno.desc(), in_brackets(said), advice(*errno))]
    Refused {
        /// What was asked, of what.
        what: String,
        /// Why not.
        errno: Errno,
        /// The kernel's own words, if it had any.
        said: String,
    },
    /// There is no interface of this name here.
    #[error("interface {name} does not exist; there are: {}", exist.join(", "))]
    NoInterface {
        /// The name that was asked for.
        name: String,
        /// The names that exist.
        exist: Vec<String>,
    },
    /// The kernel's answer does not make sense to us.
    #[error("{what}: the kernel's answer cannot be read ({why}); please report it with `uname -r`")]
    Unreadable {
        /// What was asked, of what.
        what: String,
        /// What was wrong with the answer.
        why: String,
    },
}

impl Error {
    /// The errno of a refusal.
    #[must_use]
    pub const fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    pub(in crate::nic) fn refused(what: impl Into<String>, errno: Errno) -> Self {
        let (what, said) = (what.into(), String::new());
        Self::Refused { what, errno, said }
    }

    fn io(what: &str, error: &io::Error) -> Self {
        Self::refused(what, Errno::from_raw(error.raw_os_error().unwrap_or(0)))
    }

    fn unreadable(what: &str, why: &impl ToString) -> Self {
        let (what, why) = (what.to_owned(), why.to_string());
        Self::Unreadable { what, why }
    }
}

fn in_brackets(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(" ({said})")
    }
}

// What to do about it, where the errno alone tells.
fn advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EPERM | Errno::EACCES => "; run as root, or with CAP_NET_ADMIN",
        Errno::EEXIST => "; remove what is there, or choose another name",
        Errno::ENODEV => "; `ip link` lists the interfaces that exist",
        Errno::EOPNOTSUPP => "; the kernel or the driver does not support it",
        Errno::ENETUNREACH | Errno::EHOSTUNREACH => "; add a route to it with `ip route add`",
        _ => "",
    }
}

/// A socket to the kernel's routing tables, in the network namespace where it was opened.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Debug for Netlink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Netlink").finish_non_exhaustive()
    }
}

impl Netlink {
    /// Opens a socket to the tables of the calling thread's network namespace.
    pub fn open() -> Result<Self, Error> {
        Self::open_protocol(NETLINK_ROUTE)
    }

    fn open_generic() -> Result<Self, Error> {
        Self::open_protocol(NETLINK_GENERIC)
    }

    fn open_protocol(protocol: isize) -> Result<Self, Error> {
        let what = "opening a netlink socket";
        let open = || -> io::Result<Socket> {
            let mut socket = Socket::new(protocol)?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            Ok(socket)
        };
        let socket = open().map_err(|error| Error::io(what, &error))?;
        // Refusals then come with words and without our own request. A kernel too old for these
        // refuses just as well.
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Asks for something to be done or for one thing to be told; what came before the
    /// acknowledgement. `flags` are added to request and acknowledge.
    fn ask<M>(&mut self, what: &str, message: M, flags: u16) -> Result<Vec<M>, Error>
    where
        M: NetlinkSerializable + NetlinkDeserializable + Debug,
    {
        self.send(what, message, NLM_F_REQUEST | NLM_F_ACK | flags)?;
        Ok(self.receive(what)?.0)
    }

    /// Asks for a whole table; again, when it changed while it was told.
    fn dump<M>(&mut self, what: &str, message: impl Fn() -> M) -> Result<Vec<M>, Error>
    where
        M: NetlinkSerializable + NetlinkDeserializable + Debug,
    {
        let mut told = Vec::new();
        for _ in 0..DUMP_TRIES {
            self.send(what, message(), NLM_F_REQUEST | NLM_F_DUMP)?;
            let (messages, interrupted) = self.receive(what)?;
            told = messages;
            if !interrupted {
                break;
            }
        }
        Ok(told)
    }

    fn send<M: NetlinkSerializable>(
        &mut self,
        what: &str,
        message: M,
        flags: u16,
    ) -> Result<(), Error> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        let sent = self.socket.send(&bytes, 0);
        sent.map(drop).map_err(|error| Error::io(what, &error))
    }

    // Everything up to the acknowledgement or the end of the dump; and whether a dump was
    // interrupted.
    fn receive<M>(&mut self, what: &str) -> Result<(Vec<M>, bool), Error>
    where
        M: NetlinkDeserializable + Debug,
    {
        let mut told = Vec::new();
        let mut interrupted = false;
        loop {
            let received = self.socket.recv_from_full();
            let (bytes, _) = received.map_err(|error| Error::io(what, &error))?;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let message = NetlinkMessage::<M>::deserialize(rest)
                    .map_err(|error| Error::unreadable(what, &error))?;
                // Messages stand at multiples of four octets; the last may lack the padding.
                let length = (message.header.length as usize)
                    .next_multiple_of(4)
                    .max(HEADER_BYTES);
                rest = rest.get(length..).unwrap_or_default();
                // An answer to an earlier request, which ended early.
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(message) => told.push(message),
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        return Err(refusal(what, &error));
                    }
                    NetlinkPayload::Done(done) if done.code != 0 => {
                        let errno = Errno::from_raw(done.code.saturating_neg());
                        return Err(Error::refused(what, errno));
                    }
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => {
                        return Ok((told, interrupted));
                    }
                    _ => {}
                }
            }
        }
    }
}

fn refusal(what: &str, error: &ErrorMessage) -> Error {
    let attributes = error.header.get(HEADER_BYTES..).unwrap_or_default();
    let text = NlasIterator::new(attributes)
        .filter_map(|nla| DefaultNla::parse(&nla.ok()?).ok())
        .find(|nla| nla.kind() == ERROR_TEXT);
    let said = text.and_then(|nla| {
        let mut value = vec![0; nla.value_len()];
        nla.emit_value(&mut value);
        parse_string(&value).ok()
    });
    Error::Refused {
        what: what.to_owned(),
        errno: Errno::from_raw(error.raw_code().saturating_neg()),
        said: said.unwrap_or_default(),
    }
}

/// What a routing request is: a name for the long one.
type Message = RouteNetlinkMessage;

#[cfg(test)]
mod tests;
