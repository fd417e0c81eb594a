//! The stack under test, the wire to it, and the time that both live in.

use super::host::Host;
use crate::frame::{self, Link, Seen};
use seawall::nic::memory::{MemoryPort, Misfortune, pair};
use seawall::shard::{Shard, ShardConfig};
use seawall::socket::{Sockets, SocketsConfig};
use seawall::time::{Duration, Instant};
use seawall::wire::LinkHeader;
use std::collections::VecDeque;
use std::net::IpAddr;

/// Frames of each end of the wire.
const FRAMES: usize = 2048;
/// A script has a few connections, and a window of text at most in each.
const CONNECTIONS: usize = 64;
const BLOCKS: usize = 1 << 10;
/// Breaths at one moment: more than any script needs, so that a stack that is never done fails.
const BREATHS_MAX: usize = 10_000;
/// The least that time goes on when a deadline was early.
const STEP: Duration = Duration::from_micros(100);

const LOCAL_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const REMOTE_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// From the remote host to the stack.
pub(super) const LINK: Link = Link {
    source: REMOTE_MAC,
    destination: LOCAL_MAC,
};

/// A segment that the stack sent, and when, counted from the beginning of the script.
pub(super) struct Sent {
    pub(super) at: Duration,
    /// What is wrong with it, if it is not even a segment.
    pub(super) seen: Result<Seen, String>,
}

pub(super) struct Stack {
    pub(super) sockets: Sockets<MemoryPort>,
    wire: MemoryPort,
    now: Instant,
    pub(super) sent: VecDeque<Sent>,
}

impl Stack {
    pub(super) fn new(local: IpAddr, host: &Host) -> Self {
        let (port, wire) = pair(Misfortune::default(), FRAMES);
        let mut config = ShardConfig {
            connections: CONNECTIONS,
            blocks: BLOCKS,
            ..ShardConfig::default()
        };
        // A script sends in one moment what an attacker would, and expects each answer.
        config.tcp.challenge_interval = Duration::ZERO;
        host.apply(&mut config);
        let link = LinkHeader::new(REMOTE_MAC, LOCAL_MAC);
        let sockets = SocketsConfig::new(vec![local.into()]).with_link(link);
        Self {
            sockets: Sockets::new(Shard::new(port, config), sockets),
            wire,
            now: Instant::ZERO,
            sent: VecDeque::new(),
        }
    }

    /// Since the beginning of the script.
    pub(super) fn now(&self) -> Duration {
        self.now - Instant::ZERO
    }

    pub(super) const fn instant(&self) -> Instant {
        self.now
    }

    /// Puts a frame on the wire, and lets the stack do what it has to.
    pub(super) fn inject(&mut self, frame: &[u8]) -> Result<(), String> {
        if !self.wire.send_bytes(self.now, frame) {
            return Err(format!("a frame of {} octets does not fit", frame.len()));
        }
        self.settle()
    }

    /// Lets the stack do all that there is to do now.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        for _ in 0..BREATHS_MAX {
            let breath = self.sockets.breathe(self.now);
            self.collect();
            if !breath.is_busy && breath.received == 0 && breath.sent == 0 {
                return Ok(());
            }
        }
        Err(format!("busy after {BREATHS_MAX} breaths"))
    }

    fn collect(&mut self) {
        let at = self.now();
        while let Some(frame) = self.wire.take_bytes(self.now) {
            if let Some(seen) = frame::read(&frame).transpose() {
                self.sent.push_back(Sent { at, seen });
            }
        }
    }

    /// Goes on to the next moment at which the stack has something to do, or to `end` if that is
    /// earlier.
    pub(super) fn step(&mut self, end: Duration) -> Result<(), String> {
        let end = (Instant::ZERO + end).max(self.now);
        let next = self.sockets.next_deadline().max(self.now + STEP);
        self.now = next.min(end);
        self.settle()
    }
}
