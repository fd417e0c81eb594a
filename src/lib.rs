//! TCP connection management on a Linux NIC, with the kernel out of the way.

pub mod buffer;
pub mod cli;
pub mod control;
pub mod drop_reason;
pub mod limits;
pub mod nic;
pub mod service;
pub mod shard;
pub mod table;
pub mod tcp;
pub mod time;
pub mod wheel;
pub mod wire;
