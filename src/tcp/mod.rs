//! The protocol of RFC 9293, as a function of what happened and when.
//!
//! Pure: no clock, no I/O, no allocation, no lock, no panic on input. The shard owns the
//! [`Tcb`]s; it calls the event that happened and carries out the [`Actions`]:
//!
//! | event of RFC 9293 §3.10 | call | file |
//! |---|---|---|
//! | OPEN, active | [`Tcb::on_open`] | `open` |
//! | SEND | [`Tcb::on_send`], [`Tcb::on_send_urgent`] | `output`, `urgent` |
//! | RECEIVE | [`Tcb::on_receive`] | `output` |
//! | CLOSE, ABORT | [`Tcb::on_close`], [`Tcb::on_close_both`], [`Tcb::on_abort`] | `close` |
//! | STATUS | [`Tcb::status`], [`Tcb::state`] and its neighbours | `status`, `tcb` |
//! | SEGMENT ARRIVES, CLOSED and LISTEN | [`reset_for`], [`Tcb::on_syn`] | `listen` |
//! | SEGMENT ARRIVES, SYN-SENT | [`Tcb::on_segment`] | `open` |
//! | SEGMENT ARRIVES, other states | [`Tcb::on_segment`] | `input`, `ack`, `urgent`, `text` |
//! | ICMP messages (§3.9.2.2) | [`Tcb::on_icmp`] | `icmp` |
//! | USER, RETRANSMISSION, TIME-WAIT TIMEOUT | [`Tcb::on_timeout`] | `timer`, `keep_alive` |
//!
//! While nothing is under way, all that has to be remembered is a [`TcbAtRest`] ([`Tcb::rest`],
//! [`Tcb::wake`]; `rest`), and the segment that is expected next is taken by that as it lies
//! ([`TcbAtRest::take`]; `predict`).
//!
//! What a user may choose for one connection is in [`Settings`].
//!
//! What is to be sent is asked for afterwards: [`Tcb::next_segment`] until it says `None`, once a
//! burst, so that ACKs are aggregated (MUST-58, MUST-59).

mod ack;
mod actions;
mod close;
mod config;
mod congestion;
pub mod cookie;
mod icmp;
mod input;
mod iss;
mod keep_alive;
mod listen;
mod open;
mod output;
mod predict;
mod reassembly;
mod receive_window;
mod rest;
mod rto;
mod settings;
mod siphash;
mod status;
mod tcb;
mod text;
mod time_wait;
mod timer;
mod urgent;

pub use actions::{Actions, Context, End, Output, Report, Span};
pub use config::Config;
pub use iss::{IssSource, TimestampOffsets};
pub use listen::{Listened, on_listen, reset_for};
pub use reassembly::SACK_BLOCKS_MAX;
pub use rest::TcbAtRest;
pub use settings::{KeepAlive, Settings};
pub use status::{Status, Trust};
pub use tcb::{Open, Rcv, Snd, State, Tcb};
pub use time_wait::TimeWait;
pub(crate) use time_wait::{lengthen, shorten};

#[cfg(test)]
mod tests;
