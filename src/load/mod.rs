//! The load generator, as far as it is pure: what is to be opened and when, what a connection
//! does, and what was seen.
//!
//! - [`Plan`] is what was asked for, checked; [`Schedule`] says when the n-th connection is to
//!   begin. The loop is open: a server that slows down does not slow down the schedule, and every
//!   latency counts from the intended start, so percentiles are free of coordinated omission.
//! - [`Sources`] and [`Tuples`] choose our ends. A tuple rests for 2 MSL after its connection.
//! - [`Visitor`] is the [`Service`](crate::service::Service) at our end of each connection.
//! - [`Tally`] counts what became of them; [`json`] and [`report`] show it.
//!
//! Shards, clocks and interfaces are not here: [`control::generator`](crate::control::generator)
//! drives these parts over any port.

mod answer;
pub(crate) mod chart;
pub mod json;
pub(crate) mod page;
mod percentiles;
mod plan;
mod progress;
pub mod report;
mod schedule;
mod sources;
mod tally;
mod tuples;
mod visitor;

pub use percentiles::Percentiles;
pub use plan::{BYTES_MAX, CONNECTIONS_MAX, Close, Pattern, Plan, PlanError, RATE_MAX};
pub use progress::Progress;
pub use schedule::Schedule;
pub use sources::Sources;
pub(crate) use tally::float;
pub use tally::{Cause, Hold, Sample, Tally};
pub use tuples::{PORT_MIN, PORTS, Tuples};
pub use visitor::Visitor;

#[cfg(test)]
mod tests;
