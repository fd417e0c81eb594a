//! What is around the shards: their start and end, the threads they run on, the counters and
//! connections that others look at, and the lab they are tried out in.

pub mod admin;
pub mod clock;
pub mod counts;
pub mod generator;
pub mod host;
pub mod lab;
pub mod namespace;
pub mod published;
pub mod resilience;
pub mod server;
pub mod view;
mod whole;
pub mod worker;
