//! Slow start, congestion avoidance, fast retransmit and `NewReno` (RFC 5681, RFC 6582; MUST-19).

use crate::wire::Seq;

/// Congestion state of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Congestion {
    /// Congestion window, in octets.
    pub(super) cwnd: u32,
    ssthresh: u32,
    /// SND.NXT when the last loss was found: nothing before it may start another recovery.
    recover: Seq,
    /// Octets acknowledged towards the next increase in congestion avoidance.
    counted: u32,
    dup_acks: u8,
    in_recovery: bool,
}

/// Duplicate ACKs that prove a loss.
const DUP_ACKS: u8 = 3;

/// The initial window is this many segments (RFC 6928 §2).
const INITIAL_SEGMENTS: u32 = 10;

/// No window grows past this: it would not fit the sequence arithmetic (RFC 7323 §2.3).
const CWND_MAX: u32 = 1 << 30;

impl Congestion {
    pub(super) fn new(mss: u16, iss: Seq) -> Self {
        Self {
            cwnd: INITIAL_SEGMENTS * u32::from(mss),
            ssthresh: CWND_MAX,
            recover: iss,
            ..Self::default()
        }
    }

    /// `acked` octets were acknowledged, up to `una`; `flight` are still out. Says whether the
    /// segment at `una` is to be sent again: a partial acknowledgment (RFC 6582 §3.2).
    pub(super) fn on_ack(&mut self, acked: u32, una: Seq, flight: u32, mss: u16) -> bool {
        let mss = u32::from(mss);
        self.dup_acks = 0;
        if self.in_recovery {
            if self.recover.le(una) {
                self.in_recovery = false;
                self.cwnd = self.ssthresh.min(flight.max(mss) + mss);
                return false;
            }
            self.cwnd = self.cwnd.saturating_sub(acked).max(mss);
            if acked >= mss {
                self.cwnd += mss;
            }
            return true;
        }
        if self.cwnd < self.ssthresh {
            self.cwnd += acked.min(mss); // RFC 5681 §3.1: slow start
        } else {
            // RFC 5681 §3.1: one segment a round trip, by counting octets.
            self.counted += acked;
            if self.counted >= self.cwnd {
                self.counted -= self.cwnd;
                self.cwnd += mss;
            }
        }
        self.cwnd = self.cwnd.min(CWND_MAX);
        false
    }

    /// A duplicate ACK (RFC 5681 §2). Says whether the segment at `una` is to be sent again.
    pub(super) fn on_duplicate_ack(&mut self, una: Seq, nxt: Seq, flight: u32, mss: u16) -> bool {
        let mss = u32::from(mss);
        if self.in_recovery {
            self.cwnd = (self.cwnd + mss).min(CWND_MAX);
            return false;
        }
        self.dup_acks = self.dup_acks.saturating_add(1);
        // RFC 6582 §3.2 step 1: only what was sent after the last loss may prove a new one.
        if self.dup_acks != DUP_ACKS || !self.recover.le(una) {
            return false;
        }
        self.ssthresh = (flight / 2).max(2 * mss);
        self.cwnd = self.ssthresh + u32::from(DUP_ACKS) * mss;
        self.recover = nxt;
        self.in_recovery = true;
        true
    }

    /// The retransmission timer ran out (RFC 5681 §3.1, equation 4; RFC 6582 §4).
    pub(super) fn on_timeout(&mut self, nxt: Seq, flight: u32, mss: u16, first: bool) {
        let mss = u32::from(mss);
        if first {
            self.ssthresh = (flight / 2).max(2 * mss);
        }
        self.cwnd = mss;
        self.counted = 0;
        self.recover = nxt;
        self.in_recovery = false;
        self.dup_acks = 0;
    }

    /// The SYN or SYN-ACK was lost (RFC 6928 §2 after RFC 5681 §3.1).
    pub(super) fn on_syn_loss(&mut self, mss: u16) {
        self.cwnd = u32::from(mss);
    }

    /// None before the first loss.
    pub(super) const fn ssthresh(&self) -> Option<u32> {
        if self.ssthresh < CWND_MAX {
            Some(self.ssthresh)
        } else {
            None
        }
    }

    pub(super) const fn in_recovery(&self) -> bool {
        self.in_recovery
    }

    pub(super) const fn dup_acks(&self) -> u8 {
        self.dup_acks
    }

    /// Is no loss on anybody's mind? It is so when nothing is out.
    pub(super) const fn is_quiet(&self) -> bool {
        !self.in_recovery && self.dup_acks == 0
    }

    /// What there is to remember of it when nothing is out.
    pub(super) const fn rest(&self) -> [u32; 3] {
        [self.cwnd, self.ssthresh, self.counted]
    }

    /// From [`Congestion::rest`]. What was lost before `una` is history.
    pub(super) const fn wake([cwnd, ssthresh, counted]: [u32; 3], una: Seq) -> Self {
        Self {
            cwnd,
            ssthresh,
            recover: una,
            counted,
            dup_acks: 0,
            in_recovery: false,
        }
    }

    /// The connection was idle for longer than a timeout (RFC 5681 §4.1).
    pub(super) fn on_idle(&mut self, mss: u16) {
        self.cwnd = self.cwnd.min(INITIAL_SEGMENTS * u32::from(mss));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u16 = 1000;

    #[test]
    fn slow_start_doubles_a_round_trip() {
        let mut c = Congestion::new(MSS, Seq(0));
        for n in 1..=10 {
            c.on_ack(1000, Seq(n * 1000), 9000, MSS);
        }
        assert_eq!(c.cwnd, 20_000);
    }

    #[test]
    fn three_duplicates_halve_the_window_once() {
        let mut c = Congestion::new(MSS, Seq(0));
        let resent: Vec<bool> = (0..5)
            .map(|_| c.on_duplicate_ack(Seq(0), Seq(10_000), 10_000, MSS))
            .collect();
        assert_eq!(resent, [false, false, true, false, false]);
        assert_eq!(c.cwnd, 5000 + 3000 + 2000);
        assert!(c.on_ack(2000, Seq(2000), 8000, MSS), "partial ACK resends");
        assert!(!c.on_ack(8000, Seq(10_000), 0, MSS), "full ACK ends it");
        assert_eq!((c.cwnd, c.in_recovery), (2000, false));
    }

    #[test]
    fn a_timeout_leaves_one_segment() {
        let mut c = Congestion::new(MSS, Seq(0));
        c.on_timeout(Seq(10_000), 10_000, MSS, true);
        assert_eq!((c.cwnd, c.ssthresh), (1000, 5000));
        for _ in 0..3 {
            let resend = c.on_duplicate_ack(Seq(0), Seq(10_000), 10_000, MSS);
            assert!(!resend, "RFC 6582: not from before the loss");
        }
    }

    #[test]
    fn congestion_avoidance_adds_one_segment_a_round_trip() {
        let mut c = Congestion::new(MSS, Seq(0));
        c.on_timeout(Seq(0), 20_000, MSS, true);
        c.cwnd = 10_000;
        for n in 1..=10 {
            c.on_ack(1000, Seq(n * 1000), 9000, MSS);
        }
        assert_eq!(c.cwnd, 11_000);
    }
}
