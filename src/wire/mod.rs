//! Bytes on one side, plain values on the other. Pure: no state, no allocation, no clock.
//!
//! [`parse`] turns a frame into a [`Packet`] or a [`DropReason`](crate::drop_reason::DropReason);
//! [`Headers::emit`] writes the headers of a segment around text that is already in place.
//! [`Inquiry`] is what else we answer: ARP, Neighbour Discovery and ping; [`IcmpError`] what becomes
//! of segments on their way. What a connection does
//! with a segment is `tcp`.

mod arp;
mod checksum;
mod emit;
mod ethernet;
mod icmp;
mod icmp_error;
mod inquiry;
mod ipv4;
mod ipv6;
mod linux_syn;
mod neighbour;
mod options;
mod parse;
mod plain;
mod segment;
mod seq;
mod tcp;
mod tuple;

pub use emit::Headers;
pub use ethernet::LinkHeader;
pub use icmp_error::{IcmpError, IcmpKind};
pub use inquiry::Inquiry;
pub use linux_syn::parse_linux_syn;
pub use options::tcp_options_len;
pub use parse::{Checksum, Packet, parse, parse_any};
pub use plain::parse_plain;
pub use segment::{Ctl, Options, SackBlock, Segment, Timestamps};
pub use seq::Seq;
pub use tuple::{Address, Endpoint, FourTuple};
