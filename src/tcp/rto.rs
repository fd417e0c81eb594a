//! The retransmission timeout (RFC 6298; MUST-18, MUST-19).

use super::Config;
use crate::time::Duration;

/// Estimator and back-off of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rto {
    /// SRTT in microseconds; 0 before the first sample.
    srtt: u32,
    /// RTTVAR in microseconds.
    rttvar: u32,
    /// RTO in microseconds, without back-off.
    base: u32,
    /// Timeouts in a row since something was acknowledged.
    pub(super) timeouts: u8,
    /// Doublings in force: like `timeouts`, but kept until a new sample (RFC 6298 §5.7).
    backoff: u8,
}

/// More doublings than that make no difference: of a microsecond it is a second.
pub(super) const BACKOFF_MAX: u8 = 20;

fn micros(d: Duration) -> u32 {
    u32::try_from(d.as_micros()).unwrap_or(u32::MAX)
}

impl Rto {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            srtt: 0,
            rttvar: 0,
            base: micros(config.rto_initial),
            timeouts: 0,
            backoff: 0,
        }
    }

    pub(super) fn srtt(&self) -> Option<Duration> {
        (self.srtt > 0).then(|| Duration::from_micros(self.srtt.into()))
    }

    pub(super) const fn rttvar(&self) -> Duration {
        Duration::from_micros(self.rttvar as u64)
    }

    pub(super) const fn backoff(&self) -> u8 {
        self.backoff
    }

    /// A round trip was measured (§2.2, §2.3); Karn's algorithm is the caller's.
    pub(super) fn on_sample(&mut self, rtt: Duration, config: &Config) {
        let rtt = micros(rtt).clamp(1, 1 << 28);
        if self.srtt == 0 {
            self.srtt = rtt;
            self.rttvar = rtt / 2;
        } else {
            let delta = self.srtt.abs_diff(rtt);
            self.rttvar = self.rttvar - self.rttvar / 4 + delta / 4;
            self.srtt = (self.srtt - self.srtt / 8 + rtt / 8).max(1);
        }
        self.base = self.base_of_sample(config);
        self.backoff = 0;
    }

    fn base_of_sample(&self, config: &Config) -> u32 {
        // The clock granularity G of §2.3 is the wheel's tick.
        let spread = self.rttvar.saturating_mul(4).max(1_000);
        let (min, max) = (micros(config.rto_min), micros(config.rto_max));
        self.srtt.saturating_add(spread).clamp(min, max.max(min))
    }

    /// What there is to remember of it beside the back-off: SRTT and RTTVAR, or before the first
    /// sample the RTO.
    pub(super) const fn rest(&self) -> [u32; 2] {
        match self.srtt {
            0 => [0, self.base],
            srtt => [srtt, self.rttvar],
        }
    }

    /// From [`Rto::rest`].
    pub(super) fn wake([srtt, other]: [u32; 2], backoff: u8, config: &Config) -> Self {
        let rto = Self {
            srtt,
            rttvar: if srtt == 0 { 0 } else { other },
            base: other,
            timeouts: 0,
            backoff,
        };
        match srtt {
            0 => rto,
            _ => Self {
                base: rto.base_of_sample(config),
                ..rto
            },
        }
    }

    /// Something new was acknowledged.
    pub(super) const fn on_progress(&mut self) {
        self.timeouts = 0;
    }

    /// A window that was closed has opened: the back-off of its probes says nothing about the
    /// network.
    pub(super) const fn on_window_open(&mut self) {
        self.timeouts = 0;
        self.backoff = 0;
    }

    /// The timer ran out (§5.5).
    pub(super) const fn on_timeout(&mut self) {
        self.timeouts = self.timeouts.saturating_add(1);
        self.backoff = self.backoff.saturating_add(1);
    }

    /// The SYN had to be sent again: begin data transfer with three seconds (§5.7).
    pub(super) fn after_syn_timeout(&mut self) {
        if self.srtt == 0 {
            self.base = self.base.max(3_000_000);
        }
        self.backoff = 0;
        self.timeouts = 0;
    }

    /// The timeout in force, back-off included.
    pub(super) fn timeout(&self, config: &Config) -> Duration {
        let micros = u64::from(self.base) << self.backoff.min(BACKOFF_MAX);
        Duration::from_micros(micros).min(config.rto_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimator_follows_rfc_6298() {
        let config = Config::default();
        let mut rto = Rto::new(&config);
        assert_eq!(rto.timeout(&config), Duration::from_secs(1)); // §2.1
        rto.on_sample(Duration::from_millis(400), &config);
        assert_eq!(rto.timeout(&config), Duration::from_millis(1200)); // §2.2: R + 4 * R/2
        rto.on_sample(Duration::from_millis(400), &config);
        assert_eq!(rto.timeout(&config), Duration::from_secs(1)); // RTTVAR 150
    }

    #[test]
    fn back_off_doubles_and_is_bounded() {
        let config = Config::default();
        let mut rto = Rto::new(&config);
        let mut seen = Vec::new();
        for _ in 0..8 {
            seen.push(rto.timeout(&config).as_secs());
            rto.on_timeout();
        }
        assert_eq!(seen, [1, 2, 4, 8, 16, 32, 64, 120]);
        rto.on_sample(Duration::from_millis(1), &config);
        assert_eq!(rto.timeout(&config), config.rto_min);
    }
}
