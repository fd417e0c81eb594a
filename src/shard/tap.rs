//! Watching a shard's segments go by, for diagrams and traces.

use crate::tcp::State;
use crate::time::Instant;
use crate::wire::{FourTuple, Segment};

/// Which way a segment went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the peer.
    In,
    /// To the peer.
    Out,
}

/// Somebody who watches. Costs one branch a segment when nobody does.
pub trait Tap: Send {
    /// A segment of a connection passed; `state` is where our end stands after it.
    fn on_segment(
        &mut self,
        now: Instant,
        direction: Direction,
        tuple: &FourTuple,
        segment: &Segment,
        state: State,
    );

    /// The last trace of a connection is gone: its TIME-WAIT is over, or it was reset.
    fn on_closed(&mut self, _now: Instant, _tuple: &FourTuple) {}
}
