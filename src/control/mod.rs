//! What is around the shards: their start and end, the threads they run on, the counters that
//! others read, and the lab they are tried out in.

pub mod clock;
pub mod generator;
pub mod host;
pub mod lab;
pub mod namespace;
pub mod published;
pub mod resilience;
pub mod server;
pub mod worker;
