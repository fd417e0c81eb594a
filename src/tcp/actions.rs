//! What the protocol asks of the shard. Asking is all it does.

use super::Config;
use crate::drop_reason::DropReason;
use crate::time::Instant;
use crate::wire::{IcmpKind, Segment, Seq};

/// What an event needs to know of the world.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// When it happens.
    pub now: Instant,
    /// The shard's settings.
    pub config: &'a Config,
    /// Is the connection IPv4? Decides about default and offered segment sizes (MUST-15).
    pub is_v4: bool,
    /// May text out of order be stored? `false` when the shard's buffers run low.
    pub may_store: bool,
    /// May a SYN take the place of a connection in TIME-WAIT (MAY-2)? `false` where nobody listens,
    /// and nothing would come of it.
    pub may_reopen: bool,
}

/// A part of the text of the segment that arrived: `len` octets after the first `skip`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Octets to leave out.
    pub skip: u32,
    /// Octets to take.
    pub len: u32,
}

/// The answer sheet for one event. The shard owns one and clears it between events; at most one
/// of each, so nothing here can grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// Segment to send at once, in place of the one that arrived. All other output waits for
    /// [`Tcb::next_segment`](super::Tcb::next_segment).
    pub reply: Option<Segment>,
    /// Why the segment went no further.
    pub dropped: Option<DropReason>,
    /// Text of this segment that is in order: the user's.
    pub deliver: Span,
    /// Text of this segment to store until the hole before it is filled.
    pub store: Span,
    /// Where: octets past RCV.NXT, as it stands after this event.
    pub store_ahead: u32,
    /// Octets stored before that are now in order, right behind `deliver`.
    pub unlocked: u32,
    /// Octets of text at the front of the send queue that are acknowledged.
    pub acked: u32,
    /// ESTABLISHED was reached.
    pub opened: bool,
    /// The peer's FIN was reached: no text will follow (MUST-12).
    pub finished: bool,
    /// Something for the user to know that ends nothing (MUST-47).
    pub report: Option<Report>,
    /// The connection is over for its user.
    pub ended: Option<End>,
    /// A SYN that may take the place of this TIME-WAIT (RFC 6191): free the slot, give the SYN
    /// to the listener, with an ISS past this one.
    pub reopen: Option<Seq>,
}

/// How a connection ended for its user (MUST-12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both sides closed, and all text was acknowledged.
    Closed,
    /// The peer sent a reset.
    Reset,
    /// The peer answered our SYN by a reset.
    Refused,
    /// This side sent a reset.
    Aborted,
    /// The peer fell silent: retransmissions, keep-alives or the user timeout gave up (RFC 9293
    /// §3.8.3).
    TimedOut,
    /// An ICMP error said that our SYN leads nowhere (SHLD-26).
    Unreachable,
}

/// What a user is told while the connection goes on (RFC 9293 §3.9.1.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Urgent data is to come, or more of it (MUST-32).
    Urgent,
    /// R1: the peer has been silent for some retransmissions (SHLD-9).
    Silent,
    /// An ICMP error that the connection outlives (SHLD-25).
    Icmp(IcmpKind),
}

/// A segment to send, and where its text lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Headers of the segment; `text_len` octets follow.
    pub segment: Segment,
    /// Offset of its text from the front of the send queue.
    pub text_offset: u32,
    /// It was sent before.
    pub again: bool,
}
