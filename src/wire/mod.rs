//! Bytes on one side, plain values on the other. Pure: no state, no allocation, no clock.
//!
//! [`parse`] turns a frame into a [`Packet`] or a [`DropReason`](crate::drop_reason::DropReason);
//! [`Headers::emit`] writes the headers of a segment around text that is already in place. What a
//! connection does with a segment is `tcp`.

mod checksum;
mod emit;
mod ethernet;
mod ipv4;
mod ipv6;
mod options;
mod parse;
mod segment;
mod seq;
mod tcp;
mod tuple;

pub use emit::Headers;
pub use ethernet::LinkHeader;
pub use options::tcp_options_len;
pub use parse::{Checksum, Packet, parse};
pub use segment::{Ctl, Options, Segment, Timestamps};
pub use seq::Seq;
pub use tuple::{Address, Endpoint, FourTuple};
