//! Rounds of about a millisecond. The median of many is not moved by what else the machine does,
//! and says nothing of what happens in fewer than half of them.

use std::time::{Duration, Instant};

/// Nanoseconds an operation, of each round.
#[derive(Default)]
pub(crate) struct Rounds {
    nanos: Vec<f64>,
    /// Operations of a round.
    pub(crate) operations: u64,
}

impl Rounds {
    /// Times `body`, which returns how many operations it did.
    pub(crate) fn time(&mut self, body: impl FnOnce() -> u64) {
        let began = Instant::now();
        let operations = body();
        self.add(began.elapsed(), operations);
    }

    /// Adds a round.
    pub(crate) fn add(&mut self, took: Duration, operations: u64) {
        self.operations = operations;
        self.nanos
            .push(took.as_secs_f64() * 1e9 / operations as f64);
    }

    /// Nanoseconds an operation.
    pub(crate) fn median(self) -> f64 {
        median(self.nanos)
    }
}

/// The middle one, or the mean of the two.
pub(crate) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    let middle = all.len() / 2;
    match all.len() {
        0 => f64::NAN,
        n if n.is_multiple_of(2) => f64::midpoint(all[middle - 1], all[middle]),
        _ => all[middle],
    }
}
