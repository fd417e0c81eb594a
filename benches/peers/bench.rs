//! Criterion, and our own note of what it timed.

use crate::report::Report;
use crate::rounds::Rounds;
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use std::time::Duration;

/// How many connections, and what that is called.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    pub(crate) connections: u32,
}

pub(crate) struct Bench {
    pub(crate) criterion: Criterion,
    pub(crate) report: Report,
}

impl Bench {
    /// Times rounds of so many operations. `round` says what one took; it is not called when
    /// nobody wants to know.
    pub(crate) fn time(
        &mut self,
        question: &'static str,
        size: Size,
        who: &'static str,
        operations: u64,
        mut round: impl FnMut() -> Duration,
    ) {
        let mut rounds = Rounds::default();
        let mut group = self.criterion.benchmark_group(question);
        // Each sample as long as the other.
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Elements(operations));
        group.bench_function(BenchmarkId::new(who, size.name), |bencher| {
            bencher.iter_custom(|times| {
                let mut all = Duration::ZERO;
                for _ in 0..times {
                    let one = round();
                    rounds.add(one, operations);
                    all += one;
                }
                all
            });
        });
        group.finish();
        self.report.add((question, size.name), who, rounds);
    }
}
