//! What is measured in a process of its own: sizes in, numbers out.

use crate::rounds::Rounds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How large and how long.
pub(crate) struct Sizes {
    /// Connections where all is in the cache.
    pub(crate) small: u32,
    /// A million.
    pub(crate) large: u32,
    /// Ten million.
    pub(crate) huge: u32,
    /// Connections in TIME-WAIT while lives are counted.
    pub(crate) time_wait: u32,
    /// Rounds of a millisecond.
    pub(crate) rounds: u32,
    /// Turns with and without somebody beside.
    pub(crate) turns: u32,
}

impl Sizes {
    /// Those that the figures are of.
    pub(crate) const FULL: Self = Self {
        small: 10_000,
        large: 1_000_000,
        huge: 10_000_000,
        time_wait: 4_000_000,
        rounds: 1000,
        turns: 12,
    };

    /// Those that show that it runs.
    pub(crate) const TEST: Self = Self {
        small: 1000,
        large: 2000,
        huge: 4000,
        time_wait: 4000,
        rounds: 4,
        turns: 2,
    };
}

/// What a part found out.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// By name.
    pub(crate) values: BTreeMap<String, f64>,
    /// Operations of a round, that instructions are counted for.
    pub(crate) operations: u64,
}

impl Measured {
    /// Nanoseconds an operation.
    pub(crate) fn of(rounds: Rounds) -> Self {
        let operations = rounds.operations;
        Self {
            operations,
            ..Self::default()
        }
        .with("ns", rounds.median())
    }

    /// And this.
    pub(crate) fn with(mut self, name: &str, value: f64) -> Self {
        self.values.insert(name.into(), value);
        self
    }
}
