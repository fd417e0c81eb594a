//! Urgent data (RFC 9293 §3.8.5, RFC 6093): sixth check of SEGMENT ARRIVES, and SEND with URGENT.
//!
//! Urgent text is delivered in line, in sequences of any length (MUST-31). Its end is marked by
//! RCV.UP and SND.UP, which stand at the first octet behind it (MUST-62). New users had better not
//! begin with it (SHLD-13).

use super::tcb::Flags;
use super::{Actions, Report, State, Tcb};
use crate::wire::{Segment, Seq};

impl Tcb {
    /// Octets that the user has not read, or that have not even arrived, up to the end of the
    /// urgent data; 0 when there is none (MUST-33).
    #[must_use]
    pub fn urgent(&self) -> u32 {
        if self.flags.has(Flags::URGENT_IN) {
            self.rcv.up - self.read_seq()
        } else {
            0
        }
    }

    /// SEND with URGENT: the first `n` octets of the send queue, and all before them, are urgent.
    pub fn on_send_urgent(&mut self, n: u32) {
        debug_assert!(n <= self.snd.queued, "what is urgent is queued");
        self.snd.up = self.queue_start() + n;
        self.flags.set(Flags::URGENT_OUT);
    }

    // RCV.UP <- max(RCV.UP, SEG.UP), and the user is told of news (MUST-32).
    pub(super) fn check_urgent(&mut self, seg: &Segment, out: &mut Actions) {
        let is_open = matches!(
            self.state,
            State::Established | State::FinWait1 | State::FinWait2
        );
        if !seg.ctl.urg || !is_open {
            return;
        }
        let up = seg.seq + u32::from(seg.up);
        let is_pending = self.flags.has(Flags::URGENT_IN);
        let is_unread = self.read_seq().lt(up);
        if is_unread && (!is_pending || self.rcv.up.lt(up)) {
            self.rcv.up = up;
            self.flags.set(Flags::URGENT_IN);
            out.report = Some(Report::Urgent);
        }
    }

    /// The user has read: is the end of the urgent data behind it?
    pub(super) fn pass_urgent(&mut self) {
        if self.flags.has(Flags::URGENT_IN) && self.rcv.up.le(self.read_seq()) {
            self.flags.clear(Flags::URGENT_IN);
        }
    }

    /// The urgent field of a segment at `seq`. What is further away than the field can tell is
    /// still urgent: a later segment says where it ends.
    pub(super) fn urgent_field(&mut self, seq: Seq) -> Option<u16> {
        if !self.flags.has(Flags::URGENT_OUT) {
            return None;
        }
        if self.snd.up.le(self.snd.una) {
            self.flags.clear(Flags::URGENT_OUT);
            return None;
        }
        let is_before = seq.lt(self.snd.up);
        is_before.then(|| u16::try_from(self.snd.up - seq).unwrap_or(u16::MAX))
    }

    // The octet that the user reads next.
    fn read_seq(&self) -> Seq {
        let fin = u32::from(self.is_peer_finished());
        Seq(self.rcv.nxt.0.wrapping_sub(self.rcv.unread + fin))
    }
}
