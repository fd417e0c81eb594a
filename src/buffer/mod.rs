//! Text that waits: blocks of one fixed size, chained into queues.
//!
//! A shard has one [`Pool`] for text received and one for text to send, allocated at start. A
//! connection that holds no text owns no block. `pool` has the operations, `chain` what a
//! connection keeps of its queue. Which octets are stored ahead is known to `tcp`: a pool has
//! room for them, and no more.

mod chain;
mod pool;

pub use chain::Chain;
pub use pool::Pool;

#[cfg(test)]
mod tests;
