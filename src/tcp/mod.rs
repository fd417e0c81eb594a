//! The protocol of RFC 9293, as a function of what happened and when.
//!
//! Pure: no clock, no I/O, no allocation, no lock, no panic on input. The shard owns the
//! [`Tcb`]s; it calls the event that happened and carries out the [`Actions`]:
//!
//! | event of RFC 9293 §3.10 | call | file |
//! |---|---|---|
//! | OPEN, active | [`Tcb::on_open`] | `open` |
//! | SEND | [`Tcb::on_send`] | `output` |
//! | RECEIVE | [`Tcb::on_receive`] | `output` |
//! | CLOSE, ABORT | [`Tcb::on_close`], [`Tcb::on_close_both`], [`Tcb::on_abort`] | `close` |
//! | STATUS | [`Tcb::state`] and its neighbours | `tcb` |
//! | SEGMENT ARRIVES, CLOSED and LISTEN | [`reset_for`], [`Tcb::on_syn`] | `listen` |
//! | SEGMENT ARRIVES, SYN-SENT | [`Tcb::on_segment`] | `open` |
//! | SEGMENT ARRIVES, other states | [`Tcb::on_segment`] | `input`, `ack`, `text` |
//! | USER, RETRANSMISSION, TIME-WAIT TIMEOUT | [`Tcb::on_timeout`] | `timer` |
//!
//! What is to be sent is asked for afterwards: [`Tcb::next_segment`] until it says `None`, once a
//! burst, so that ACKs are aggregated (MUST-58, MUST-59).

mod ack;
mod actions;
mod close;
mod config;
mod congestion;
pub mod cookie;
mod input;
mod iss;
mod listen;
mod open;
mod output;
mod reassembly;
mod rto;
mod siphash;
mod tcb;
mod text;
mod time_wait;
mod timer;

pub use actions::{Actions, Context, End, Output, Span};
pub use config::Config;
pub use iss::{IssSource, TimestampOffsets};
pub use listen::{Listened, on_listen, reset_for};
pub use tcb::{Open, Rcv, Snd, State, Tcb};

#[cfg(test)]
mod tests;
