//! What others may see of a server that runs, at no cost to its shards: counters as they were last
//! published, and tables through their readers.

use super::clock::Clock;
use super::published::Published;
use crate::shard::Counters;
use crate::table::Reader;
use std::sync::{Arc, OnceLock};

/// A view of one shard.
#[derive(Clone, Debug)]
pub struct ShardView {
    cpu: usize,
    published: Arc<Published>,
    /// The shard's thread makes its table, some time after it was started.
    reader: Arc<OnceLock<Reader>>,
}

impl ShardView {
    /// Of a shard that nothing is known of yet but the CPU that it will run on.
    #[must_use]
    pub fn new(cpu: usize) -> Self {
        Self {
            cpu,
            published: Arc::default(),
            reader: Arc::default(),
        }
    }

    /// The shard's side: where it publishes its counters.
    #[must_use]
    pub fn published(&self) -> &Published {
        &self.published
    }

    /// The shard's side: lets others look at its table. Once.
    pub fn show(&self, reader: Reader) {
        let shown = self.reader.set(reader);
        debug_assert!(shown.is_ok(), "a shard has one table");
    }

    /// The CPU that it was bound to.
    #[must_use]
    pub const fn cpu(&self) -> usize {
        self.cpu
    }

    /// What it counted, a moment ago.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.published.load()
    }

    /// Its connections; `None` before it has begun.
    #[must_use]
    pub fn reader(&self) -> Option<&Reader> {
        self.reader.get()
    }
}

/// A view of a server.
#[derive(Clone, Debug)]
pub struct ServerView {
    /// Its interfaces.
    pub interfaces: Vec<String>,
    /// The clock of all its shards.
    pub clock: Clock,
    /// Its shards, in their order.
    pub shards: Vec<ShardView>,
}
