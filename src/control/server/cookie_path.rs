//! Who answers a SYN flood: the shards, or the XDP program in the driver.

mod epochs;

pub use epochs::epoch_answer;
