//! What became of the connections: counts, times, and samples over the run.

use crate::tcp::State;
use crate::time::{Duration, Instant};
use hdrhistogram::Histogram;

/// Samples that are kept. When there are as many, every other one goes and the next ones are
/// twice as far apart.
const SAMPLES_MAX: usize = 1024;

/// Why a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    /// Not over in time, whatever it was waiting for.
    Timeout,
    /// Reset by the server after the handshake.
    Rst,
    /// Reset by the server in the handshake.
    Refused,
    /// What arrived is not what was asked for, or the server closed before it was all there.
    Data,
}

impl Cause {
    /// All, in the order of [`Tally::failed`].
    pub const ALL: [Self; 4] = [Self::Timeout, Self::Rst, Self::Refused, Self::Data];

    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Rst => "rst",
            Self::Refused => "refused",
            Self::Data => "data",
        }
    }

    /// One line for people.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Timeout => "not over in time",
            Self::Rst => "reset by the server after the handshake",
            Self::Refused => "reset by the server in the handshake",
            Self::Data => "wrong or missing data, or closed too early",
        }
    }
}

/// The counts at one moment, since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Since the first intended start.
    pub at: Duration,
    /// Handshakes done.
    pub opened: u64,
    /// Connections released.
    pub released: u64,
    /// Connections failed.
    pub failed: u64,
    /// Connections in each state then, in the order of [`State::ALL`].
    pub states: [u64; State::ALL.len()],
}

/// What a hold came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// Connections that were to be open at once.
    pub asked: u64,
    /// Those ESTABLISHED when the last had opened or failed.
    pub open: u64,
    /// The fewest ESTABLISHED while they were held.
    pub least: u64,
    /// How long they were held.
    pub held: Duration,
}

/// Everything that was seen.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Connections that were to begin.
    pub asked: u64,
    /// Connections that began: a SYN was sent.
    pub started: u64,
    /// Handshakes done.
    pub opened: u64,
    /// Connections that did what they were to do and were released as planned.
    pub released: u64,
    /// The others that began, by [`Cause`].
    pub failed: [u64; Cause::ALL.len()],
    /// How late connections began: from the intended start to the SYN, in microseconds. Ours, not
    /// the server's.
    pub late: Histogram<u64>,
    /// From the intended start to ESTABLISHED, in microseconds.
    pub handshake: Histogram<u64>,
    /// From the intended start to the first text from the server, in microseconds.
    pub first_byte: Histogram<u64>,
    /// From our FIN, our reset or the server's FIN to the end, in microseconds.
    pub release: Histogram<u64>,
    /// From the intended start to the end, in microseconds.
    pub life: Histogram<u64>,
    /// Connections held, for the pattern that holds them.
    pub hold: Option<Hold>,
    /// From the first intended start to the end of the last connection.
    pub span: Duration,
    samples: Vec<Sample>,
    interval: Duration,
}

impl Tally {
    /// Nothing seen yet. Samples are `interval` apart at first.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            asked: 0,
            started: 0,
            opened: 0,
            released: 0,
            failed: [0; 4],
            late: micros(),
            handshake: micros(),
            first_byte: micros(),
            release: micros(),
            life: micros(),
            hold: None,
            span: Duration::ZERO,
            samples: Vec::with_capacity(SAMPLES_MAX),
            interval,
        }
    }

    /// Counts a failure.
    pub const fn fail(&mut self, cause: Cause) {
        self.failed[cause as usize] += 1;
    }

    /// Connections that failed for `cause`.
    #[must_use]
    pub const fn failed_by(&self, cause: Cause) -> u64 {
        self.failed[cause as usize]
    }

    /// Connections that failed, for whatever cause.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// Connections that are over.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.released + self.failures()
    }

    /// Connections that were to begin and did not before the end.
    #[must_use]
    pub const fn unstarted(&self) -> u64 {
        self.asked.saturating_sub(self.started)
    }

    /// Connections released a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let seconds = self.span.as_secs_f64();
        if seconds > 0.0 {
            float(self.released) / seconds
        } else {
            0.0
        }
    }

    /// The counts over time, oldest first.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// When the next sample is due, the first at `began`.
    #[must_use]
    pub fn next_sample(&self, began: Instant) -> Instant {
        let last = self.samples.last();
        last.map_or(began, |last| began + last.at + self.interval)
    }

    /// Takes a sample.
    pub fn sample(&mut self, at: Duration, states: [u64; State::ALL.len()]) {
        if self.samples.len() == SAMPLES_MAX {
            let mut is_kept = false;
            self.samples.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.interval *= 2;
        }
        self.samples.push(Sample {
            at,
            opened: self.opened,
            released: self.released,
            failed: self.failures(),
            states,
        });
    }
}

/// A histogram of microseconds: three digits, up to an hour.
fn micros() -> Histogram<u64> {
    Histogram::new_with_max(3_600_000_000, 3).expect("the bounds are constants that fit")
}

/// Counts are far below 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of one run are exact in a double"
)]
pub(crate) const fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_thin_out_and_never_grow_past_their_bound() {
        let interval = Duration::from_millis(100);
        let mut tally = Tally::new(interval);
        let began = Instant::from_nanos(5);
        assert_eq!(tally.next_sample(began), began);
        for n in 0..10_000_u64 {
            tally.opened = n;
            let at = tally.next_sample(began) - began;
            tally.sample(at, [n; 11]);
        }
        let samples = tally.samples();
        assert!(samples.len() <= SAMPLES_MAX && samples.len() > SAMPLES_MAX / 4);
        assert_eq!(samples[0].at, Duration::ZERO);
        assert!(samples.is_sorted_by(|a, b| a.at < b.at && a.opened < b.opened));
    }

    #[test]
    fn what_ended_is_released_or_has_a_cause() {
        let mut tally = Tally::new(Duration::from_secs(1));
        tally.asked = 10;
        tally.started = 6;
        tally.released = 2;
        for cause in Cause::ALL {
            tally.fail(cause);
        }
        assert_eq!(
            (tally.ended(), tally.failures(), tally.unstarted()),
            (6, 4, 4)
        );
        tally.span = Duration::from_millis(500);
        assert!((tally.rate() - 4.0).abs() < 1e-9);
    }
}
