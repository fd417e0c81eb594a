//! What became of the honest clients of one phase.

use super::{Honest, Percentiles};
use core::time::Duration;
use hdrhistogram::Histogram;
use std::time::Instant;

/// The grain of a row's timeline.
const GRAIN: Duration = Duration::from_millis(250);

/// The longest time that is told from longer ones: above the patience of any client.
const TIME_MAX: Duration = Duration::from_mins(1);

/// Counts of one phase.
pub(super) struct Tally {
    begin: Instant,
    span: Duration,
    attempted: u64,
    succeeded: u64,
    in_span: u64,
    handshakes: Histogram<u64>,
    timeline: Vec<u64>,
    answers: Histogram<u64>,
    bulk_octets: u64,
    broken: u64,
}

impl Tally {
    /// A phase that begins visits from `begin` for `span`.
    pub(super) fn new(begin: Instant, span: Duration) -> Self {
        let max = u64::try_from(TIME_MAX.as_nanos()).expect("a minute fits");
        let empty = || Histogram::new_with_max(max, 3).expect("the bounds are constants that fit");
        Self {
            begin,
            span,
            attempted: 0,
            succeeded: 0,
            in_span: 0,
            handshakes: empty(),
            timeline: Vec::new(),
            answers: empty(),
            bulk_octets: 0,
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
            self.handshakes.saturating_record(nanos(handshake));
        }
        if !is_good {
            return;
        }
        self.succeeded += 1;
        let elapsed = now - self.begin;
        self.in_span += u64::from(self.is_in_span(now));
        let place = (elapsed.as_millis() / GRAIN.as_millis()) as usize;
        if self.timeline.len() <= place {
            self.timeline.resize(place + 1, 0);
        }
        self.timeline[place] += 1;
    }

    /// A held connection was answered after `waited`.
    pub(super) fn on_answer(&mut self, waited: Duration, now: Instant) {
        if self.is_in_span(now) {
            self.answers.saturating_record(nanos(waited));
        }
    }

    /// So many octets of the bulk transfer were taken.
    pub(super) fn on_bulk(&mut self, octets: usize, now: Instant) {
        if self.is_in_span(now) {
            self.bulk_octets += octets as u64;
        }
    }

    fn is_in_span(&self, now: Instant) -> bool {
        now - self.begin < self.span
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
            established_per_s: self.answers.len() as f64 / seconds,
            established_us: Percentiles::of(&self.answers, 1e3),
            bulk_octets_per_s: self.bulk_octets as f64 / seconds,
            established_broken: self.broken,
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
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
        let waited = Duration::from_micros(300);
        tally.on_answer(waited, at(1_000));
        tally.on_answer(2 * waited, at(2_000));
        tally.on_bulk(5_000, at(1_999));
        tally.on_bulk(5_000, at(2_000));
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
        assert!((honest.established_us.p99 - 300.0).abs() < 1.0);
        assert!((honest.bulk_octets_per_s - 2_500.0).abs() < 1e-9);
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
