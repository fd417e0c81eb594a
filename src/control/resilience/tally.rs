//! What became of the honest clients of one phase.

use super::{Honest, Percentiles};
use core::time::Duration;
use hdrhistogram::Histogram;
use std::time::Instant;

/// The grain of a row's timeline.
const GRAIN: Duration = Duration::from_millis(250);

/// The longest handshake that is told from longer ones: above the patience of any client.
const HANDSHAKE_MAX: Duration = Duration::from_mins(1);

/// Counts of one phase.
pub(super) struct Tally {
    begin: Instant,
    span: Duration,
    attempted: u64,
    succeeded: u64,
    in_span: u64,
    handshakes: Histogram<u64>,
    timeline: Vec<u64>,
    answers: u64,
    broken: u64,
}

impl Tally {
    /// A phase that begins visits from `begin` for `span`.
    pub(super) fn new(begin: Instant, span: Duration) -> Self {
        let max = u64::try_from(HANDSHAKE_MAX.as_nanos()).expect("a minute fits");
        Self {
            begin,
            span,
            attempted: 0,
            succeeded: 0,
            in_span: 0,
            handshakes: Histogram::new_with_max(max, 3).expect("the bounds are constants that fit"),
            timeline: Vec::new(),
            answers: 0,
            broken: 0,
        }
    }

    /// A visit begins.
    pub(super) fn on_begin(&mut self) {
        self.attempted += 1;
    }

    /// A visit is over.
    pub(super) fn on_end(&mut self, is_good: bool, handshake: Option<Duration>, now: Instant) {
        if let Some(handshake) = handshake {
            let nanos = u64::try_from(handshake.as_nanos()).unwrap_or(u64::MAX);
            self.handshakes.saturating_record(nanos);
        }
        if !is_good {
            return;
        }
        self.succeeded += 1;
        let elapsed = now - self.begin;
        self.in_span += u64::from(elapsed < self.span);
        let place = (elapsed.as_millis() / GRAIN.as_millis()) as usize;
        if self.timeline.len() <= place {
            self.timeline.resize(place + 1, 0);
        }
        self.timeline[place] += 1;
    }

    /// A held connection was answered.
    pub(super) fn on_answer(&mut self, now: Instant) {
        self.answers += u64::from(now - self.begin < self.span);
    }

    /// A held connection broke.
    pub(super) const fn on_broken(&mut self) {
        self.broken += 1;
    }

    /// All visits are over; so many SYNs were sent again.
    #[expect(clippy::cast_precision_loss, reason = "rates for people")]
    pub(super) fn close(self, syn_retransmitted: u64) -> Honest {
        let seconds = self.span.as_secs_f64().max(1e-9);
        Honest {
            attempted: self.attempted,
            succeeded: self.succeeded,
            rate_per_s: self.in_span as f64 / seconds,
            syn_retransmitted,
            handshake_us: Percentiles::of(&self.handshakes, 1e3),
            timeline: self.timeline,
            established_per_s: self.answers as f64 / seconds,
            established_broken: self.broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stragglers_count_as_successes_but_not_for_the_rate() {
        let begin = Instant::now();
        let mut tally = Tally::new(begin, Duration::from_secs(2));
        let at = |millis| begin + Duration::from_millis(millis);
        for (is_good, handshake, millis) in [
            (true, Some(100), 10),
            (true, Some(200), 260),
            (false, None, 300),
            (true, Some(1_000_000), 2_600),
        ] {
            tally.on_begin();
            tally.on_end(is_good, handshake.map(Duration::from_micros), at(millis));
        }
        tally.on_answer(at(1_000));
        tally.on_answer(at(2_000));
        tally.on_broken();
        let honest = tally.close(7);
        assert_eq!((honest.attempted, honest.succeeded), (4, 3));
        assert_eq!(honest.timeline, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(
            (honest.syn_retransmitted, honest.established_broken),
            (7, 1)
        );
        assert!((honest.rate_per_s - 1.0).abs() < 1e-9);
        assert!((honest.established_per_s - 0.5).abs() < 1e-9);
        let p = honest.handshake_us;
        assert!(
            (p.p50 - 200.0).abs() < 1.0 && (p.p999 - 1e6).abs() < 1e3,
            "{p:?}"
        );
    }

    #[test]
    fn a_phase_without_handshakes_has_percentiles_of_zero() {
        let honest = Tally::new(Instant::now(), Duration::from_secs(1)).close(0);
        assert_eq!(honest.handshake_us.p99.to_bits(), 0.0_f64.to_bits());
        assert!(honest.timeline.is_empty());
    }
}
