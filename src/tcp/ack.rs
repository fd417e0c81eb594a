//! SEGMENT ARRIVES, fifth check: the ACK field (RFC 9293 §3.10.7.4), with the round-trip sample
//! (RFC 6298, RFC 7323 §4) and the congestion window (RFC 5681).

use super::input::Check;
use super::keep_alive::clock_millis;
use super::listen::reset_at;
use super::tcb::Flags;
use super::{Actions, Context, End, State, Tcb};
use crate::drop_reason::DropReason;
use crate::time::Duration;
use crate::wire::{Segment, Seq};

impl Tcb {
    pub(super) fn check_ack(
        &mut self,
        seg: &Segment,
        cx: &Context<'_>,
        out: &mut Actions,
    ) -> Check {
        if !seg.ctl.ack {
            return Err(DropReason::NoAck);
        }
        if self.state != State::SynReceived {
            self.check_ack_range(seg)
                .inspect_err(|_| self.challenge(cx, out))?;
        }
        let advances = self.snd.una.lt(seg.ack) && seg.ack.le(self.snd.nxt);
        if self.state == State::SynReceived {
            if !advances {
                out.reply = Some(reset_at(seg.ack));
                return Err(DropReason::AckUnsent);
            }
            self.snd.una = seg.ack; // our SYN; nothing behind it was sent
            self.snd.rtx = self.snd.nxt;
            self.sample_rtt(seg, cx);
            self.take_window(seg);
            self.establish(cx, out);
            self.syn_is_acknowledged(cx);
            return Ok(());
        }
        self.hear(cx);
        if advances {
            self.take_acknowledgment(seg, cx, out);
        } else if self.is_duplicate_ack(seg) {
            let flight = self.snd.nxt - self.snd.una;
            let (una, nxt, mss) = (self.snd.una, self.snd.nxt, self.snd.mss);
            if self.congestion.on_duplicate_ack(una, nxt, flight, mss) {
                self.flags.set(Flags::RESEND_ONE);
                self.flags.clear(Flags::TIMING); // Karn
            }
        }
        // An older segment must not undo the window of a newer one.
        let newer =
            self.snd.wl1.lt(seg.seq) || (self.snd.wl1 == seg.seq && self.snd.wl2.le(seg.ack));
        let opens = newer && self.snd.una.le(seg.ack) && self.take_window(seg);
        self.rearm_after_ack(advances || opens, cx);
        Ok(())
    }

    // RFC 5961 §5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT
    pub(super) fn check_ack_range(&self, seg: &Segment) -> Check {
        let oldest = Seq(self.snd.una.0.wrapping_sub(self.snd.wnd_max));
        if self.snd.nxt.lt(seg.ack) {
            Err(DropReason::AckUnsent)
        } else if seg.ack.lt(oldest) {
            Err(DropReason::AckTooOld)
        } else {
            Ok(())
        }
    }

    // SND.UNA < SEG.ACK =< SND.NXT
    fn take_acknowledgment(&mut self, seg: &Segment, cx: &Context<'_>, out: &mut Actions) {
        let acked = seg.ack - self.snd.una;
        let text = acked.min(self.snd.queued);
        let fin_is_acknowledged = acked > text;
        self.sample_rtt(seg, cx);
        self.snd.una = seg.ack;
        self.snd.queued -= text;
        if self.snd.rtx.lt(self.snd.una) {
            self.snd.rtx = self.snd.una;
        }
        self.rto.on_progress();
        self.stalled_at = clock_millis(cx.now);
        let flight = self.snd.nxt - self.snd.una;
        if self
            .congestion
            .on_ack(acked, self.snd.una, flight, self.snd.mss)
        {
            self.flags.set(Flags::RESEND_ONE);
        }
        out.acked = text;
        if fin_is_acknowledged {
            debug_assert!(
                self.flags.has(Flags::FIN_QUEUED),
                "only a FIN is past the text"
            );
            match self.state {
                State::FinWait1 => self.enter_fin_wait_2(cx),
                State::Closing => self.enter_time_wait(cx, out),
                State::LastAck => {
                    self.close_now();
                    out.ended = Some(End::Closed);
                }
                _ => {}
            }
        }
    }

    // RFC 5681 §2: nothing but a repeated ACK, while something is out. An ACK of a closed window
    // answers a probe.
    fn is_duplicate_ack(&self, seg: &Segment) -> bool {
        seg.ack == self.snd.una
            && self.snd.una != self.snd.nxt
            && seg.len() == 0
            && self.snd.wnd > 0
            && self.offered(seg) == self.snd.wnd
            && self.snd.rtx == self.snd.nxt
    }

    // Says whether a window that was closed is open now.
    fn take_window(&mut self, seg: &Segment) -> bool {
        let was = self.snd.wnd;
        self.snd.wnd = self.offered(seg);
        self.snd.wnd_max = self.snd.wnd_max.max(self.snd.wnd);
        self.snd.wl1 = seg.seq;
        self.snd.wl2 = seg.ack;
        let opens = was == 0 && self.snd.wnd > 0;
        if opens {
            // Probes may have been refused: what is out goes again, now that there is room.
            self.snd.rtx = self.snd.una;
            self.rto.on_window_open();
        }
        opens
    }

    // SEG.WND; never scaled in a SYN (RFC 7323 §2.2).
    fn offered(&self, seg: &Segment) -> u32 {
        let shift = if seg.ctl.syn { 0 } else { self.snd.shift };
        u32::from(seg.wnd) << shift
    }

    /// Measures the round trip that this acknowledgment ends: by its echoed timestamp (RFC 7323
    /// §4.1), or by the one segment that is timed and was sent once (Karn; MUST-18).
    pub(super) fn sample_rtt(&mut self, seg: &Segment, cx: &Context<'_>) {
        let echoed = seg.options.timestamps.filter(|_| self.has_timestamps());
        let timed = self.flags.has(Flags::TIMING) && self.rtt_seq.lt(seg.ack);
        if timed {
            self.flags.clear(Flags::TIMING);
        }
        let rtt = if let Some(ts) = echoed {
            let millis = self.timestamp(cx.now).wrapping_sub(ts.ecr);
            // What is older than our longest timeout, or from the future, is no echo of ours.
            let plausible = u128::from(millis) <= cx.config.rto_max.as_millis();
            plausible.then(|| Duration::from_millis(millis.into()))
        } else {
            timed.then(|| cx.now - self.rtt_at)
        };
        if let Some(rtt) = rtt {
            self.rto.on_sample(rtt, cx.config);
        }
    }

    // RFC 6298 §5.2, §5.3. An ACK of a closed window is a sign of life (MUST-37).
    fn rearm_after_ack(&mut self, is_news: bool, cx: &Context<'_>) {
        if matches!(
            self.state,
            State::Closed | State::TimeWait | State::FinWait2
        ) {
            return;
        }
        if self.snd.wnd == 0 {
            self.rto.on_progress();
        }
        if is_news || !self.rtx_at.is_armed() {
            self.rearm(cx);
        }
    }
}
