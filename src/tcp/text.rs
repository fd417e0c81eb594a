//! SEGMENT ARRIVES, seventh and eighth check: text and FIN (RFC 9293 §3.10.7.4), and when to
//! acknowledge them (§3.8.6.3).

use super::input::Check;
use super::listen::reset_at;
use super::reassembly::Reassembly;
use super::tcb::Flags;
use super::{Actions, Context, End, Span, State, Tcb};
use crate::drop_reason::DropReason;
use crate::wire::{Ctl, Segment};

impl Tcb {
    pub(super) fn take_text(
        &mut self,
        seg: &Segment,
        cx: &Context<'_>,
        out: &mut Actions,
    ) -> Check {
        if seg.text_len == 0 {
            return Ok(());
        }
        if !matches!(
            self.state,
            State::Established | State::FinWait1 | State::FinWait2
        ) {
            // The peer's FIN has been reached: there can be no text behind it.
            return if self.is_peer_finished() {
                Err(DropReason::TextAfterFin)
            } else {
                Ok(())
            };
        }
        let skip = if seg.seq.lt(self.rcv.nxt) {
            self.rcv.nxt - seg.seq
        } else {
            0
        };
        if skip >= seg.text_len {
            return Ok(()); // only a FIN is new
        }
        let start = seg.seq + skip;
        // What lies past the window, or past the peer's FIN, is cut off.
        let mut edge = self.rcv.nxt + self.window();
        if self.flags.has(Flags::FIN_SEEN) && self.rcv.fin.lt(edge) {
            edge = self.rcv.fin;
        }
        let room = if start.lt(edge) { edge - start } else { 0 };
        let len = (seg.text_len - skip).min(room);
        if len == 0 {
            // A probe of a closed window: acknowledged, not taken (§3.8.6.1).
            if out.reply.is_none() {
                self.flags.set(Flags::ACK_NOW);
            }
            return Ok(());
        }
        if self.flags.has(Flags::RECEIVE_SHUT) {
            // SHLD-3: the user is gone, and the peer must learn that its text is lost.
            self.reset_with(self.snd.nxt, End::Aborted, out);
            return Err(DropReason::TextAfterClose);
        }
        let span = Span { skip, len };
        if start == self.rcv.nxt {
            self.take_in_order(span, cx, out);
            Ok(())
        } else {
            self.take_out_of_order(seg, span, cx, out)
        }
    }

    fn take_in_order(&mut self, span: Span, cx: &Context<'_>, out: &mut Actions) {
        out.deliver = span;
        let was_waiting = self.has_stored();
        self.rcv.nxt = self.rcv.nxt + span.len;
        if was_waiting {
            out.unlocked = self.reassembly.take(self.rcv.nxt);
            self.rcv.nxt = self.rcv.nxt + out.unlocked;
        }
        self.rcv.unread += span.len + out.unlocked;
        // SHLD-19: every second full-sized segment, or as much text in smaller ones. RFC 5681
        // §4.2: at once when a hole is filled.
        let mss = u32::from(self.snd.mss);
        if span.len >= mss {
            self.rcv.full_segments = self.rcv.full_segments.saturating_add(1);
        }
        let owed = self.rcv.nxt - self.rcv.acked;
        let is_young = self.rcv.quick_acks < cx.config.quick_acks;
        self.rcv.quick_acks += u8::from(is_young);
        if is_young || was_waiting || self.rcv.full_segments >= 2 || owed >= 2 * mss {
            self.flags.set(Flags::ACK_NOW);
        } else if !self.ack_at.is_armed() {
            self.ack_at = cx.now + cx.config.delayed_ack;
        }
    }

    // MAY-13, RFC 5681 §4.2: the peer learns of the hole at once, from each segment past it.
    fn take_out_of_order(
        &mut self,
        seg: &Segment,
        span: Span,
        cx: &Context<'_>,
        out: &mut Actions,
    ) -> Check {
        out.reply = Some(self.ack_segment(cx));
        let start = seg.seq + span.skip;
        if !cx.may_store || !self.reassembly.insert(start, span.len) {
            return Err(DropReason::ReassemblyFull);
        }
        out.store = span;
        out.store_ahead = start - self.rcv.nxt;
        Ok(())
    }

    pub(super) fn take_fin(&mut self, seg: &Segment, cx: &Context<'_>, out: &mut Actions) {
        if seg.ctl.fin && !self.flags.has(Flags::FIN_SEEN) {
            let fin = seg.seq + seg.text_len;
            // The FIN is the octet after the text, and needs a place in the window like any other.
            if fin.within(self.rcv.nxt, self.window()) {
                self.rcv.fin = fin;
                self.flags.set(Flags::FIN_SEEN);
            }
        }
        if !self.flags.has(Flags::FIN_SEEN) || self.rcv.fin != self.rcv.nxt {
            // RFC 5681 §4.2: a FIN out of order tells of a hole, like text.
            let is_early = seg.ctl.fin && self.rcv.nxt.lt(self.rcv.fin);
            if is_early && self.flags.has(Flags::FIN_SEEN) && out.reply.is_none() {
                self.flags.set(Flags::ACK_NOW);
            }
            return;
        }
        match self.state {
            State::Established => self.state = State::CloseWait,
            State::FinWait1 => self.state = State::Closing,
            State::FinWait2 => self.enter_time_wait(cx, out),
            _ => return, // the peer's FIN is already behind RCV.NXT
        }
        self.rcv.nxt = self.rcv.nxt + 1;
        // What the peer sent past its own FIN, before the FIN came, has no place in the stream.
        self.reassembly = Reassembly::default();
        self.flags.set(Flags::ACK_NOW);
        out.finished = true;
    }

    /// What ABORT sends: `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>`.
    // Departs from RFC 9293 §3.10.5: it has no ACK there. Kernels send one, and firewalls that
    // follow connections expect it; whoever receives it looks at the sequence number first.
    pub(super) fn abort_segment(&self) -> Segment {
        Segment {
            ack: self.rcv.nxt,
            ctl: Ctl::RST_ACK,
            ..reset_at(self.snd.nxt)
        }
    }
}
