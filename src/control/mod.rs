//! What is around the shards: the lab they are tried out in, and their start and end.

pub mod lab;
pub mod namespace;
