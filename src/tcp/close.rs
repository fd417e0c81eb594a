//! CLOSE and ABORT by the user (RFC 9293 §3.10.4, §3.10.5), and where closing leads.

use super::tcb::Flags;
use super::{Actions, Context, End, State, Tcb};
use crate::wire::{Segment, Seq};

impl Tcb {
    /// CLOSE: the user has no more text to send, and still reads. Its FIN goes out behind all
    /// that is queued (RFC 9293 §3.10.4).
    pub fn on_close(&mut self, cx: &Context<'_>, out: &mut Actions) {
        match self.state {
            // No peer knows of it yet.
            State::SynSent => {
                self.close_now();
                out.ended = Some(End::Closed);
            }
            // With nothing queued the FIN goes right behind the SYN-ACK.
            State::SynReceived if self.snd.queued == 0 && self.snd.nxt != self.iss => {
                self.flags.set(Flags::FIN_QUEUED | Flags::SYN_OUT);
                self.state = State::FinWait1;
            }
            // Remembered until ESTABLISHED.
            State::SynReceived => self.flags.set(Flags::FIN_QUEUED),
            State::Established => {
                self.flags.set(Flags::FIN_QUEUED);
                self.state = State::FinWait1;
                self.arm(cx);
            }
            State::CloseWait => {
                self.flags.set(Flags::FIN_QUEUED);
                self.state = State::LastAck;
                self.arm(cx);
            }
            // "connection closing"
            _ => {}
        }
    }

    /// CLOSE by a user who will not read either: text that still arrives is answered by a reset
    /// (MAY-1, SHLD-3), and so is text that was there and not read.
    pub fn on_close_both(&mut self, cx: &Context<'_>, out: &mut Actions) {
        let is_lost = self.rcv.unread > 0 || self.has_stored();
        if is_lost && self.state != State::TimeWait {
            self.on_abort(out); // SHLD-3: the peer must learn that its text is lost
            return;
        }
        self.flags.set(Flags::RECEIVE_SHUT);
        self.on_close(cx, out);
        if self.state == State::FinWait2 {
            self.enter_fin_wait_2(cx);
        }
    }

    /// ABORT: a reset where the peer knows of the connection, and nothing more.
    ///
    /// Departs from RFC 9293 §3.10.5: TIME-WAIT goes on. For its user the connection is over
    /// already, and nobody may cut the 2 MSL short (MUST-13).
    pub fn on_abort(&mut self, out: &mut Actions) {
        if matches!(self.state, State::TimeWait | State::Closed) {
            return;
        }
        if matches!(
            self.state,
            State::SynReceived
                | State::Established
                | State::FinWait1
                | State::FinWait2
                | State::CloseWait
        ) {
            out.reply = Some(self.abort_segment());
        }
        out.ended = Some(End::Aborted);
        self.close_now();
    }

    /// The peer has begun a new connection between the same ends, by a SYN with the number `seq`
    /// that was answered elsewhere; `seg`, the third of that handshake, proves it. This one is over,
    /// as if it had been reset. `false` when the SYN was no newer: not behind the number that this
    /// one began with, or in TIME-WAIT not what may take its place.
    pub fn on_begun_anew(
        &mut self,
        seq: Seq,
        seg: &Segment,
        cx: &Context<'_>,
        out: &mut Actions,
    ) -> bool {
        let is_newer = match self.state {
            State::SynSent | State::Closed => false,
            // It may be the same SYN, sent again because our answer was lost.
            State::SynReceived => self.irs.le(seq),
            State::TimeWait => self.is_successor(seq, seg.options.timestamps, cx),
            _ => self.irs.lt(seq),
        };
        if !is_newer {
            return false;
        }
        if self.state != State::TimeWait {
            out.ended = Some(End::Reset);
        }
        self.close_now();
        true
    }

    /// Our FIN is acknowledged, the peer's has not come. A user who reads waits as long as it
    /// takes; where nobody reads, the wait is bounded.
    pub(super) fn enter_fin_wait_2(&mut self, cx: &Context<'_>) {
        self.state = State::FinWait2;
        self.rearm(cx);
        if self.flags.has(Flags::RECEIVE_SHUT) {
            self.probes = 0;
            self.life_at = cx.now + cx.config.fin_wait_2;
        }
    }
}
