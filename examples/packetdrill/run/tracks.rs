//! Which connection a packet is of. A script that does not say so speaks of the socket that it
//! touched last, as packetdrill has it: a listener becomes the connection of the first segment
//! that it is sent.

use super::settings::Settings;
use super::stack::Stack;
use crate::flow::Flow;
use crate::frame::Seen;
use crate::script::{Direction, End, Packet};
use std::net::SocketAddr;

/// The first port of the remote host, when it begins.
const REMOTE_PORT: u16 = 30_000;

/// A connection of the script.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) flow: Flow,
}

#[derive(Debug)]
enum Current {
    /// Nothing yet: segments go to this end and belong to no socket.
    Local(SocketAddr),
    /// A socket that begins a connection: its first segment tells its port.
    Connecting(SocketAddr),
    Track(usize),
}

pub(super) struct Tracks {
    known: Vec<Track>,
    current: Current,
    local: SocketAddr,
    remote: SocketAddr,
    next_port: u16,
}

impl Tracks {
    pub(super) fn new(settings: &Settings) -> Self {
        let local = SocketAddr::new(settings.local, settings.port);
        Self {
            known: Vec::new(),
            current: Current::Local(local),
            local,
            remote: SocketAddr::new(settings.remote, settings.port),
            next_port: REMOTE_PORT,
        }
    }

    /// A socket listens at `local`: it is what the script speaks of now.
    pub(super) const fn listen(&mut self, local: SocketAddr) {
        self.current = Current::Local(local);
    }

    /// A socket connects to `remote`: it is what the script speaks of now.
    pub(super) const fn connect(&mut self, remote: SocketAddr) {
        self.current = Current::Connecting(remote);
    }

    /// The connection of a packet that is injected.
    pub(super) fn injected(
        &mut self,
        packet: &Packet,
        stack: &Stack,
    ) -> Result<&mut Track, String> {
        let index = if let Some((remote, local)) = self.ends(packet) {
            self.find(local, remote)
        } else {
            match self.current {
                Current::Track(index) => index,
                Current::Local(local) => {
                    let remote = SocketAddr::new(self.remote.ip(), self.next_port);
                    self.next_port += 1;
                    self.find(local, remote)
                }
                Current::Connecting(remote) => {
                    // Its SYN has not been expected yet; it is in the queue.
                    let mut seen = stack.sent.iter().filter_map(|sent| sent.seen.as_ref().ok());
                    let first = seen.find(|seen| seen.destination == remote);
                    let first = first.ok_or("no connection to inject into")?;
                    self.find(first.source, remote)
                }
            }
        };
        self.current = Current::Track(index);
        Ok(&mut self.known[index])
    }

    /// Is a segment that the stack sent of the connection that `packet` is of?
    pub(super) fn is_of(&self, packet: &Packet, seen: &Seen) -> bool {
        if let Some((local, remote)) = self.ends(packet) {
            return (seen.source, seen.destination) == (local, remote);
        }
        match self.current {
            Current::Local(local) => seen.source == local,
            Current::Connecting(remote) => seen.destination == remote,
            Current::Track(index) => {
                let track = &self.known[index];
                (seen.source, seen.destination) == (track.local, track.remote)
            }
        }
    }

    /// The connection of a segment that the stack sent.
    pub(super) fn sent(&mut self, seen: &Seen) -> &mut Track {
        let index = self.find(seen.source, seen.destination);
        self.current = Current::Track(index);
        &mut self.known[index]
    }

    fn find(&mut self, local: SocketAddr, remote: SocketAddr) -> usize {
        let mut tracks = self.known.iter();
        let known = tracks.position(|track| (track.local, track.remote) == (local, remote));
        known.unwrap_or_else(|| {
            self.known.push(Track {
                local,
                remote,
                flow: Flow::default(),
            });
            self.known.len() - 1
        })
    }

    // Source and destination, where the script names them.
    fn ends(&self, packet: &Packet) -> Option<(SocketAddr, SocketAddr)> {
        let (source, destination) = packet.ends?;
        let (ours, theirs) = (self.local.ip(), self.remote.ip());
        let at = |end: End, usual| SocketAddr::new(end.address.unwrap_or(usual), end.port);
        Some(match packet.direction {
            Direction::Inject => (at(source, theirs), at(destination, ours)),
            Direction::Expect => (at(source, ours), at(destination, theirs)),
        })
    }
}
