//! Bytes on one side, plain values on the other. Pure: no state, no allocation, no clock.
//!
//! [`parse`] turns a frame into a [`Packet`] or a [`DropReason`](crate::drop_reason::DropReason);
//! [`emit`] writes the headers of a segment around text that is already in place. What a
//! connection does with a segment is `tcp`.

mod segment;
mod seq;
mod tuple;

pub use segment::{Ctl, Options, Segment, Timestamps};
pub use seq::Seq;
pub use tuple::{Address, Endpoint, FourTuple};
