//! The percentiles that tables and JSON show of a histogram.

use super::tally::float;
use hdrhistogram::Histogram;
use serde::Serialize;

/// The usual, the bad and the very bad case; all zero when there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half are at most this.
    pub p50: f64,
    /// 99 in a hundred are at most this.
    pub p99: f64,
    /// 999 in a thousand are at most this.
    pub p999: f64,
}

impl Percentiles {
    /// Of what `histogram` holds, in units of `unit` of its own: 1000 makes microseconds of
    /// nanoseconds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>, unit: f64) -> Self {
        let at = |percentile| float(histogram.value_at_percentile(percentile)) / unit;
        Self {
            p50: at(50.0),
            p99: at(99.0),
            p999: at(99.9),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_the_unit_that_was_asked_for() {
        let mut histogram = Histogram::new(3).unwrap();
        assert_eq!(Percentiles::of(&histogram, 1e3), Percentiles::default());
        for nanoseconds in 1..=1000 {
            histogram.record(nanoseconds).unwrap();
        }
        let Percentiles { p50, p99, p999 } = Percentiles::of(&histogram, 1e3);
        assert_eq!((p50, p99), (0.5, 0.99));
        assert!((0.999..=1.0).contains(&p999), "{p999}");
    }
}
