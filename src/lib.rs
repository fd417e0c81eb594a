//! TCP connection management on a Linux NIC, with the kernel out of the way.

pub mod buffer;
pub mod cli;
pub mod control;
pub mod drop_reason;
pub mod limits;
pub mod nic;
pub mod service;
pub mod time;
pub mod wire;
