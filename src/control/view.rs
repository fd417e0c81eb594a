//! What others may see of a server that runs, at no cost to its shards: counters as they were last
//! published, and tables through their readers.

use super::clock::Clock;
use super::published::Published;
use crate::nic::af_xdp::{VERDICTS, Verdict, Verdicts};
use crate::shard::Counters;
use crate::table::Reader;
use core::sync::atomic::{AtomicU64, Ordering};
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
    /// Its XDP programs.
    pub xdp: XdpView,
}

/// A view of the XDP programs of a server, all together.
#[derive(Clone, Debug, Default)]
pub struct XdpView(Arc<XdpCells>);

#[derive(Debug, Default)]
struct XdpCells {
    verdicts: [AtomicU64; VERDICTS],
    syns: AtomicU64,
    switched_on: AtomicU64,
    switched_off: AtomicU64,
}

/// What XDP programs counted, a moment ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XdpCounts {
    /// What they decided.
    pub verdicts: Verdicts,
    /// SYNs to listeners, whoever answered them.
    pub syns: u64,
    /// Switches from the shards to the programs, as those who answer SYNs.
    pub switched_on: u64,
    /// Switches back.
    pub switched_off: u64,
}

impl XdpCounts {
    /// SYN-ACKs that they sent.
    #[must_use]
    pub const fn answers(&self) -> u64 {
        self.verdicts.of(Verdict::Answer)
    }
}

// Relaxed, all of them: each number says only itself.
impl XdpView {
    pub(super) fn store(&self, verdicts: &Verdicts, syns: u64) {
        for (cell, (_, count)) in self.0.verdicts.iter().zip(verdicts.iter()) {
            cell.store(count, Ordering::Relaxed);
        }
        self.0.syns.store(syns, Ordering::Relaxed);
    }

    pub(super) fn count_switch(&self, is_on: bool) {
        let cell = if is_on {
            &self.0.switched_on
        } else {
            &self.0.switched_off
        };
        cell.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> XdpCounts {
        let verdicts = core::array::from_fn(|n| self.0.verdicts[n].load(Ordering::Relaxed));
        XdpCounts {
            verdicts: Verdicts::from_array(verdicts),
            syns: self.0.syns.load(Ordering::Relaxed),
            switched_on: self.0.switched_on.load(Ordering::Relaxed),
            switched_off: self.0.switched_off.load(Ordering::Relaxed),
        }
    }
}
