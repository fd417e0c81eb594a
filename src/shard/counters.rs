//! What a shard counts. Plain numbers: one writer, and readers get copies.

use super::cookies::CookieCounters;
use crate::drop_reason::DropCounters;
use crate::tcp::{End, Open, State};

/// Connections by what became of them. Those of [`Connections::live`] are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Opened by a peer: reached ESTABLISHED.
    pub accepted: u64,
    /// Opened by us: reached ESTABLISHED.
    pub opened: u64,
    /// Closed by both sides, everything acknowledged.
    pub released: u64,
    /// Ended by a reset, of either side.
    pub reset: u64,
    /// Given up: the peer fell silent.
    pub timed_out: u64,
    /// Never reached ESTABLISHED: refused, reset or given up before.
    pub failed: u64,
    /// TIME-WAITs that had to make room for new connections before their 2 MSL were over.
    pub time_wait_evicted: u64,
}

impl Connections {
    /// Reached ESTABLISHED, and not ended.
    #[must_use]
    pub const fn live(&self) -> u64 {
        self.accepted + self.opened - self.released - self.reset - self.timed_out
    }

    pub(super) const fn count_opened(&mut self, open: Open) {
        match open {
            Open::Passive => self.accepted += 1,
            Open::Active => self.opened += 1,
        }
    }

    pub(super) const fn count_ended(&mut self, end: End) {
        match end {
            End::Closed => self.released += 1,
            End::Reset | End::Refused | End::Aborted | End::Unreachable => self.reset += 1,
            End::TimedOut => self.timed_out += 1,
        }
    }
}

/// What happened on a shard since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Segments that arrived with good headers.
    pub segments_in: u64,
    /// Segments sent.
    pub segments_out: u64,
    /// Of these, sent not for the first time.
    pub segments_again: u64,
    /// Frames handed over to the shard that owns their connection.
    pub handed_over: u64,
    /// ARP requests and Neighbor Solicitations answered, for addresses that are ours alone.
    pub neighbour_replies: u64,
    /// Pings answered, for addresses that are ours alone.
    pub echo_replies: u64,
    /// ICMP errors that a connection of ours took notice of.
    pub icmp_errors: u64,
    /// Octets of text received in order.
    pub text_in: u64,
    /// Octets of text acknowledged by peers.
    pub text_out: u64,
    /// Connections.
    pub connections: Connections,
    /// SYN cookies.
    pub cookies: CookieCounters,
    /// Connections in each state now, in the order of [`State::ALL`].
    pub states: [u64; State::ALL.len()],
    /// Frames that went nowhere.
    pub drops: DropCounters,
}

impl Counters {
    /// Adds another shard's counts.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            segments_in,
            segments_out,
            segments_again,
            handed_over,
            neighbour_replies,
            echo_replies,
            icmp_errors,
            text_in,
            text_out,
            connections,
            cookies,
            states,
            drops,
        } = self;
        *segments_in += other.segments_in;
        *segments_out += other.segments_out;
        *segments_again += other.segments_again;
        *handed_over += other.handed_over;
        *neighbour_replies += other.neighbour_replies;
        *echo_replies += other.echo_replies;
        *icmp_errors += other.icmp_errors;
        *text_in += other.text_in;
        *text_out += other.text_out;
        let (mine, theirs) = (connections, &other.connections);
        mine.accepted += theirs.accepted;
        mine.opened += theirs.opened;
        mine.released += theirs.released;
        mine.reset += theirs.reset;
        mine.timed_out += theirs.timed_out;
        mine.failed += theirs.failed;
        mine.time_wait_evicted += theirs.time_wait_evicted;
        cookies.sent += other.cookies.sent;
        cookies.accepted += other.cookies.accepted;
        cookies.rejected += other.cookies.rejected;
        cookies.switched_on += other.cookies.switched_on;
        cookies.switched_off += other.cookies.switched_off;
        for (mine, theirs) in states.iter_mut().zip(&other.states) {
            *mine += theirs;
        }
        drops.merge(&other.drops);
    }
}
