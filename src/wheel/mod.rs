//! Timers of a shard, by slot number: one deadline for each slot of the table.
//!
//! [`Wheel`] takes any deadline, a tick coarse; it is made for timers that are moved a hundred
//! times before they fire once. It is allocated at start, and hands over what is due in bursts, so
//! that one breath does a bounded amount of work. TIME-WAIT needs none of it: its records stand in
//! the order of their ends ([`table`](crate::table)).

mod buckets;
mod levels;

pub use levels::Wheel;

#[cfg(test)]
mod tests;

use crate::limits::BURST_FRAMES;
use arrayvec::ArrayVec;

/// Slots whose timers went off, of one breath.
pub type Due = ArrayVec<u32, BURST_FRAMES>;

/// End of a list.
const NONE: u32 = u32::MAX;
