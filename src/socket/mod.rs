//! The calls of BSD sockets over one shard, non-blocking and polled.
//!
//! [`Sockets`] owns a [`Shard`] and answers the calls that a program would make to a kernel:
//! `socket`, `bind`, `listen`, `accept`, `connect`, `read`, `write`, `shutdown`, `close`, `poll`.
//! No call waits: what would have to wait is [`Errno::EAGAIN`], an active open in progress is
//! [`Errno::EINPROGRESS`]. What a call has set in motion leaves in the next
//! [`Sockets::breathe`], which is to be called over and over, as [`Shard::breathe`] is. Time is an
//! argument, so all of it runs in simulated time over [`memory`](crate::nic::memory) as well.
//!
//! ```
//! use seawall::nic::memory::{Misfortune, pair};
//! use seawall::shard::{Shard, ShardConfig};
//! use seawall::socket::{Errno, Sockets, SocketsConfig};
//! use seawall::time::Instant;
//! use seawall::wire::{Address, Endpoint, LinkHeader};
//!
//! let at = |host| Address::v4([192, 0, 2, host]);
//! let link = LinkHeader::new([2; 6], [2; 6]);
//! let (a, b) = pair(Misfortune::default(), 256);
//! let [mut server, mut client] = [(a, 1), (b, 2)].map(|(port, host)| {
//!     let shard = Shard::new(port, ShardConfig::default());
//!     Sockets::new(shard, SocketsConfig::new(vec![at(host)]).with_link(link))
//! });
//! let (now, http) = (Instant::ZERO, Endpoint { address: at(1), port: 80 });
//! let listener = server.socket();
//! server.bind(listener, http)?;
//! server.listen(listener, 16)?;
//! let asking = client.socket();
//! assert_eq!(client.connect(asking, http, now), Err(Errno::EINPROGRESS));
//! for _ in 0..3 {
//!     client.breathe(now);
//!     server.breathe(now);
//! }
//! assert_eq!(client.write(asking, b"GET /", now), Ok(5));
//! client.breathe(now);
//! server.breathe(now);
//! let (asked, _) = server.accept(listener, now)?;
//! let mut text = [0; 16];
//! assert_eq!(server.read(asked, &mut text, now), Ok(5));
//! # Ok::<(), Errno>(())
//! ```
//!
//! Text waits in the connection until it is read, so the window that the peer sees closes when
//! nobody reads. Where RFC 9293 leaves a choice, or speaks of calls that BSD does not have, the
//! answers are those of Linux; where the two differ it says so at the call.

mod end;
mod look;
mod notes;
mod open;
mod ports;
mod readiness;
mod settings;
mod text;

pub use nix::errno::Errno;
pub use readiness::Readiness;
pub use settings::Settings;

use crate::nic::Port;
use crate::service::End;
use crate::shard::{Breath, Shard};
use crate::table::Handle;
use crate::time::Instant;
use crate::wire::{Address, Endpoint, FourTuple, LinkHeader};
use notes::{Note, Notes};
use ports::Ports;
use std::collections::{HashMap, VecDeque};
use std::ops::RangeInclusive;

/// The name of a socket, never given to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(u64);

/// Which side of a connection [`Sockets::shutdown`] ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `SHUT_RD`
    Read,
    /// `SHUT_WR`
    Write,
    /// `SHUT_RDWR`
    Both,
}

/// What sockets are made with.
#[derive(Clone, Debug)]
pub struct SocketsConfig {
    /// The addresses that sockets may be bound to. A socket that is bound to none, or to the
    /// unspecified address of a family, listens on all of them that are of its family, and
    /// connects from the first.
    pub addresses: Vec<Address>,
    /// The Ethernet header that leads to all whom [`Sockets::add_neighbour`] did not name.
    pub link: Option<LinkHeader>,
    /// Ports for sockets that are not bound to one.
    pub ephemeral_ports: RangeInclusive<u16>,
    /// Where the draws of these ports begin; from the operating system, but in tests.
    pub seed: u64,
}

impl SocketsConfig {
    /// Sockets for these addresses, with the ephemeral ports of RFC 6335 §6.
    #[must_use]
    pub const fn new(addresses: Vec<Address>) -> Self {
        Self {
            addresses,
            link: None,
            ephemeral_ports: 49_152..=65_535,
            seed: 0,
        }
    }

    /// Sends connections behind this Ethernet header.
    #[must_use]
    pub const fn with_link(mut self, link: LinkHeader) -> Self {
        self.link = Some(link);
        self
    }
}

/// The sockets of one shard.
pub struct Sockets<P: Port> {
    shard: Shard<P>,
    service: u16,
    addresses: Vec<Address>,
    link: Option<LinkHeader>,
    neighbours: HashMap<Address, LinkHeader>,
    by_id: HashMap<SocketId, Socket>,
    /// Whose a connection is.
    owners: HashMap<FourTuple, SocketId>,
    /// Whose a listen endpoint is.
    listeners: HashMap<Endpoint, SocketId>,
    ports: Ports,
    /// Closed by their users, and not known to be gone.
    closed: VecDeque<SocketId>,
    next: u64,
}

#[derive(Debug, Default)]
struct Socket {
    role: Role,
    /// What it is bound to; the port is 0 in none.
    local: Option<Endpoint>,
    /// The port was drawn: it is given back with the connection.
    is_drawn: bool,
    settings: Settings,
    /// What went wrong and was not told yet (`SO_ERROR`).
    error: Option<Errno>,
    /// Its user has closed it; its connection may live on.
    is_closed: bool,
}

#[derive(Debug, Default)]
enum Role {
    /// Neither listens nor has a connection.
    #[default]
    Idle,
    Listener(Listener),
    Connection(Connection),
}

#[derive(Debug)]
struct Listener {
    endpoints: Vec<Endpoint>,
    /// Connections that were not accepted yet.
    waiting: VecDeque<SocketId>,
}

#[derive(Debug)]
struct Connection {
    tuple: FourTuple,
    /// `None` when it had ended before anybody could look.
    handle: Option<Handle>,
    phase: Phase,
    /// What was not read when the peer had finished.
    rest: VecDeque<u8>,
    /// The peer has finished.
    is_complete: bool,
    is_read_shut: bool,
    is_write_shut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Open,
    Over,
}

impl Connection {
    const fn new(tuple: FourTuple, handle: Option<Handle>, phase: Phase) -> Self {
        Self {
            tuple,
            handle,
            phase,
            rest: VecDeque::new(),
            is_complete: false,
            is_read_shut: false,
            is_write_shut: false,
        }
    }
}

impl<P: Port> Sockets<P> {
    /// Sockets over `shard`. Whatever else it serves, it goes on serving.
    #[must_use]
    pub fn new(mut shard: Shard<P>, config: SocketsConfig) -> Self {
        Self {
            service: shard.add_service(Box::new(Notes::default())),
            shard,
            addresses: config.addresses,
            link: config.link,
            neighbours: HashMap::new(),
            by_id: HashMap::new(),
            owners: HashMap::new(),
            listeners: HashMap::new(),
            ports: Ports::new(config.ephemeral_ports, config.seed),
            closed: VecDeque::new(),
            next: 0,
        }
    }

    /// Connections to `address` leave behind `link`.
    pub fn add_neighbour(&mut self, address: Address, link: LinkHeader) {
        self.neighbours.insert(address, link);
    }

    /// Does all there is to do at `now`; see [`Shard::breathe`].
    pub fn breathe(&mut self, now: Instant) -> Breath {
        let breath = self.shard.breathe(now);
        self.collect(now);
        breath
    }

    /// When the next timer may be due; [`Instant::NEVER`] when none is armed.
    #[must_use]
    pub fn next_deadline(&self) -> Instant {
        self.shard.next_deadline()
    }

    /// The shard: for its counters, its port, its tap.
    pub const fn shard(&mut self) -> &mut Shard<P> {
        &mut self.shard
    }

    // Takes what was noted since the last time, in its order.
    fn collect(&mut self, now: Instant) {
        loop {
            let mut notes = core::mem::take(&mut self.notes().0);
            if notes.is_empty() {
                self.notes().0 = notes; // with its capacity
                return;
            }
            for note in notes.drain(..) {
                self.on_note(note, now);
            }
        }
    }

    fn notes(&mut self) -> &mut Notes {
        let notes = self.shard.service_mut(self.service);
        notes.expect("this number was given to the notes")
    }

    fn on_note(&mut self, note: Note, now: Instant) {
        match note {
            Note::Opened(tuple) => self.on_opened(tuple, now),
            Note::Complete(tuple, text) => {
                if let Some((_, connection)) = self.connection_of(&tuple) {
                    connection.rest = text.into();
                    connection.is_complete = true;
                }
            }
            Note::Ended(tuple, end) => {
                if let Some((error, connection)) = self.connection_of(&tuple) {
                    connection.phase = Phase::Over;
                    connection.is_complete |= end == End::Closed;
                    *error = errno_of(end);
                }
            }
            Note::Failed(tuple, end) => self.on_failed(&tuple, end),
        }
    }

    fn connection_of(
        &mut self,
        tuple: &FourTuple,
    ) -> Option<(&mut Option<Errno>, &mut Connection)> {
        let socket = self.by_id.get_mut(self.owners.get(tuple)?)?;
        match &mut socket.role {
            Role::Connection(connection) => Some((&mut socket.error, connection)),
            Role::Idle | Role::Listener(_) => None,
        }
    }

    // A socket that its user has not closed.
    fn socket_mut(&mut self, id: SocketId) -> Result<&mut Socket, Errno> {
        let socket = self.by_id.get_mut(&id);
        socket
            .filter(|socket| !socket.is_closed)
            .ok_or(Errno::EBADF)
    }

    fn connection_mut(&mut self, id: SocketId) -> Result<&mut Connection, Errno> {
        match &mut self.socket_mut(id)?.role {
            Role::Connection(connection) => Ok(connection),
            Role::Idle | Role::Listener(_) => Err(Errno::ENOTCONN),
        }
    }
}

// What a user is told who did not ask for this end.
const fn errno_of(end: End) -> Option<Errno> {
    match end {
        End::Closed => None,
        End::Reset => Some(Errno::ECONNRESET),
        End::Refused => Some(Errno::ECONNREFUSED),
        End::Aborted => Some(Errno::ECONNABORTED),
        End::TimedOut => Some(Errno::ETIMEDOUT),
        End::Unreachable => Some(Errno::EHOSTUNREACH),
    }
}

#[cfg(test)]
mod tests;
