//! OPEN by us, and SEGMENT ARRIVES in SYN-SENT (RFC 9293 §3.10.1, §3.10.7.3).

use super::keep_alive::clock_millis;
use super::listen::reset_at;
use super::tcb::Flags;
use super::{Actions, Context, End, Open, State, Tcb};
use crate::drop_reason::DropReason;
use crate::wire::{Segment, Seq};

impl Tcb {
    /// Active OPEN: a block in SYN-SENT, its SYN waiting in [`Tcb::next_segment`].
    #[must_use]
    pub fn on_open(iss: Seq, ts_offset: u32, cx: &Context<'_>) -> Self {
        Self::new(Open::Active, State::SynSent, iss, ts_offset, cx)
    }

    pub(super) fn arrive_in_syn_sent(
        &mut self,
        seg: &Segment,
        cx: &Context<'_>,
        out: &mut Actions,
    ) -> Result<(), DropReason> {
        // first, ACK: SND.UNA < SEG.ACK =< SND.NXT, or it speaks of another connection
        let acceptable = self.snd.una.lt(seg.ack) && seg.ack.le(self.snd.nxt);
        if seg.ctl.ack && !acceptable {
            if !seg.ctl.rst {
                out.reply = Some(reset_at(seg.ack));
            }
            return Err(DropReason::AckUnsent);
        }
        // second, RST: RFC 5961 §3 leaves SYN-SENT to the ACK above, which must be exact
        if seg.ctl.rst {
            if !seg.ctl.ack {
                return Err(DropReason::RstNotExact);
            }
            self.close_now();
            out.ended = Some(End::Refused);
            return Err(DropReason::Reset);
        }
        // third, security: not used outside MLS systems (Appendix A.1.2)
        // fourth, SYN
        if !seg.ctl.syn {
            return Err(DropReason::NoAck);
        }
        self.take_syn(seg, cx);
        if !seg.ctl.ack {
            // Simultaneous open (MUST-10): our SYN goes again, with an ACK of theirs.
            self.state = State::SynReceived;
            self.snd.rtx = self.iss;
            return Ok(());
        }
        self.snd.una = seg.ack;
        self.snd.rtx = self.snd.nxt;
        self.sample_rtt(seg, cx);
        self.establish(cx, out);
        self.syn_is_acknowledged(cx);
        self.flags.set(Flags::ACK_NOW);
        // Text or FIN on the SYN-ACK is not acknowledged, so it comes again.
        Ok(())
    }

    /// Our SYN is acknowledged: leave its timer and its losses behind.
    pub(super) fn syn_is_acknowledged(&mut self, cx: &Context<'_>) {
        if self.rto.timeouts > 0 {
            self.rto.after_syn_timeout();
            self.congestion.on_syn_loss(self.snd.mss);
        }
        self.rto.on_progress();
        self.stalled_at = clock_millis(cx.now);
        self.rearm(cx);
    }

    /// ESTABLISHED; or FIN-WAIT-1 at once, when the user closed while the handshake went on.
    pub(super) fn establish(&mut self, cx: &Context<'_>, out: &mut Actions) {
        out.opened = true;
        self.icmp = None; // whatever it said of the path, it was passed
        self.state = if self.flags.has(Flags::FIN_QUEUED) {
            State::FinWait1
        } else {
            State::Established
        };
        self.heard_at = clock_millis(cx.now);
        self.arm_keep_alive(cx);
    }
}
