//! SEGMENT ARRIVES, for a connection that exists (RFC 9293 §3.10.7.4): the checks, in the RFC's
//! order, up to the fourth. The fifth is `ack`, the sixth to eighth are `text`.

use super::listen::{reset_at, seconds};
use super::{Actions, Context, End, Open, State, Tcb};
use crate::drop_reason::DropReason;
use crate::time::Instant;
use crate::wire::{Ctl, Segment, Seq};

/// `Ok` lets the segment on to the next check; `Err` says why it stops here.
pub(super) type Check = Result<(), DropReason>;

/// After so long TS.Recent says nothing any more (RFC 7323 §5.5), in seconds.
const TS_RECENT_AGE: u32 = 24 * 24 * 3600;

/// How an arriving segment lies to the receive window (RFC 9293 §3.4, table 6).
fn is_acceptable(seg: &Segment, nxt: Seq, wnd: u32) -> bool {
    match seg.len() {
        0 => seg.seq.within(nxt, wnd) || (wnd == 0 && seg.seq == nxt),
        len => seg.seq.within(nxt, wnd) || (seg.seq + (len - 1)).within(nxt, wnd),
    }
}

impl Tcb {
    /// A segment arrived. Updates the block; writes what follows from it to `out`.
    pub fn on_segment(&mut self, seg: &Segment, cx: &Context<'_>, out: &mut Actions) {
        debug_assert!(
            !matches!(self.state, State::Closed | State::Listen),
            "the table holds no such block"
        );
        *out = Actions::default();
        let arrived = match self.state {
            State::SynSent => self.arrive_in_syn_sent(seg, cx, out),
            _ => self.arrive(seg, cx, out),
        };
        out.dropped = arrived.err();
        debug_assert!(self.snd.una.le(self.snd.nxt), "SND.UNA =< SND.NXT");
    }

    // The eight checks, in the RFC's order.
    fn arrive(&mut self, seg: &Segment, cx: &Context<'_>, out: &mut Actions) -> Check {
        self.check_reopen(seg, cx, out)?; // SYN in TIME-WAIT, before its window can refuse it
        self.check_timestamps(seg, cx, out)?; // RFC 7323 §5.3 R1
        self.check_sequence(seg, cx, out)?; // first
        self.check_rst(seg, cx, out)?; // second
        // third, security: not used outside MLS systems (Appendix A.1.2)
        self.check_syn(seg, cx, out)?; // fourth
        self.check_ack(seg, cx, out)?; // fifth
        if seg.ctl.syn {
            // Only a crossing SYN-ACK comes so far. Text or FIN on it is not acknowledged, so it
            // comes again.
            return Ok(());
        }
        self.check_urgent(seg, out); // sixth
        self.take_text(seg, cx, out)?; // seventh
        self.take_fin(seg, cx, out); // eighth
        self.update_recent(seg, cx.now);
        Ok(())
    }

    // RFC 7323 §5.3 R1. A reset is judged by its sequence number alone (§3.2).
    fn check_timestamps(&mut self, seg: &Segment, cx: &Context<'_>, out: &mut Actions) -> Check {
        if !self.has_timestamps() || seg.ctl.rst {
            return Ok(());
        }
        let Some(ts) = seg.options.timestamps else {
            // RFC 7323 §3.2: once agreed on, every segment has them. A SYN is judged below.
            return if seg.ctl.syn {
                Ok(())
            } else {
                Err(DropReason::NoTimestamps)
            };
        };
        let fresh = Seq(self.ts.recent).le(Seq(ts.val));
        let stale = seconds(cx.now).saturating_sub(self.ts.recent_at) > TS_RECENT_AGE;
        if fresh || stale {
            return Ok(());
        }
        self.acknowledge_unacceptable(seg, cx, out);
        Err(DropReason::Paws)
    }

    // RFC 7323 §4.3: only what we have acknowledged may set the clock that we echo.
    fn update_recent(&mut self, seg: &Segment, now: Instant) {
        if let Some(ts) = seg.options.timestamps
            && self.has_timestamps()
            && seg.seq.le(self.rcv.acked)
        {
            // PAWS let it pass: it is newer, or TS.Recent is outdated.
            self.ts.recent = ts.val;
            self.ts.recent_at = seconds(now);
        }
    }

    fn check_sequence(&mut self, seg: &Segment, cx: &Context<'_>, out: &mut Actions) -> Check {
        let wnd = self.window();
        let again = seg.ctl.syn && !seg.ctl.ack && !seg.ctl.rst && seg.seq == self.irs;
        if again && self.is_syn_out() {
            // The peer repeats its SYN, so it never saw our SYN-ACK, and a bare ACK would tell it
            // nothing. Text on it may reach into the window; the SYN does not.
            // Departs from RFC 9293 §3.10.7.4, first check: SYN-ACK instead of ACK.
            self.snd.rtx = self.iss;
            return Err(DropReason::Duplicate);
        }
        if is_acceptable(seg, self.rcv.nxt, wnd) || self.is_crossing_syn_ack(seg) {
            return Ok(());
        }
        if !seg.ctl.rst {
            if self.is_repeated(seg, cx) {
                self.update_recent(seg, cx.now);
            }
            self.acknowledge_unacceptable(seg, cx, out);
        }
        if self.state == State::TimeWait && self.is_fin_again(seg) {
            // The peer never saw our ACK of it: wait 2 MSL from here.
            self.restart_time_wait(cx);
        }
        // MUST-66: past a closed window only text and FIN are barred; RST, URG and ACK go on.
        if wnd == 0 && seg.seq == self.rcv.nxt {
            return Ok(());
        }
        let seen = seg.text_len > 0 && (seg.seq + seg.len()).le(self.rcv.nxt);
        Err(if seen {
            DropReason::Duplicate
        } else {
            DropReason::OutOfWindow
        })
    }

    // Text or FIN that was taken before and comes again, so our ACK of it was lost. Departs from
    // RFC 7323 §5.3 R3, which is for segments in the window: the echo of the first copy would
    // measure the peer's timeout as a round trip. What lies further back than any window was
    // never the peer's, and may not set the clock.
    fn is_repeated(&self, seg: &Segment, cx: &Context<'_>) -> bool {
        let behind = self.rcv.nxt - seg.seq;
        let is_near = seg.len() <= behind && behind <= cx.config.receive_buffer;
        is_near && seg.len() > 0 && seg.ctl.ack && self.check_ack_range(seg).is_ok()
    }

    // The peer's FIN, which stands right before RCV.NXT, and with it an ACK that only the peer
    // could send. Any other FIN behind the window is old, or a guess.
    fn is_fin_again(&self, seg: &Segment) -> bool {
        let is_fin = seg.ctl.fin && !seg.ctl.rst && seg.seq + seg.len() == self.rcv.nxt;
        is_fin && seg.ctl.ack && self.check_ack_range(seg).is_ok()
    }

    // Simultaneous open (RFC 9293 figure 7): the peer's SYN comes once more, now with an ACK of
    // ours. Its SYN is behind the window; what counts is its ACK.
    fn is_crossing_syn_ack(&self, seg: &Segment) -> bool {
        self.is_syn_out()
            && self.open == Open::Active
            && seg.ctl.syn
            && seg.ctl.ack
            && !seg.ctl.rst
            && seg.seq == self.irs
    }

    // <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. What has text is a retransmission, paced by the peer's
    // timer. The rest is rationed, or two peers out of step would answer each other for ever.
    fn acknowledge_unacceptable(&mut self, seg: &Segment, cx: &Context<'_>, out: &mut Actions) {
        if (seg.text_len > 0 || seg.ctl.fin) && !seg.ctl.syn {
            out.reply = Some(self.ack_segment(cx));
        } else {
            self.challenge(cx, out);
        }
    }

    fn check_rst(&mut self, seg: &Segment, cx: &Context<'_>, out: &mut Actions) -> Check {
        if !seg.ctl.rst {
            return Ok(());
        }
        // SHLD-2: text on it is not looked at. RFC 5961 §3.2: only an exact hit kills. A near miss
        // has to prove that it is the peer.
        if seg.seq != self.rcv.nxt {
            self.challenge(cx, out);
            return Err(DropReason::RstNotExact);
        }
        if self.state == State::TimeWait {
            // RFC 1337: a reset may not cut TIME-WAIT short.
            return Err(DropReason::RstInTimeWait);
        }
        out.ended = Some(match (self.state, self.open) {
            (State::SynReceived, Open::Active) => End::Refused,
            // Both FINs are exchanged but for an ACK: the user has all that there was.
            (State::Closing | State::LastAck, _) if self.snd.queued == 0 => End::Closed,
            _ => End::Reset,
        });
        // "Return to LISTEN": the listener keeps no state, so forgetting is returning.
        self.close_now();
        Err(DropReason::Reset)
    }

    fn check_syn(&mut self, seg: &Segment, cx: &Context<'_>, out: &mut Actions) -> Check {
        if !seg.ctl.syn {
            return Ok(());
        }
        if self.is_crossing_syn_ack(seg) {
            return Ok(());
        }
        if self.state == State::SynReceived && self.open == Open::Passive {
            self.close_now();
            out.ended = Some(End::Reset);
        } else {
            self.challenge(cx, out); // RFC 5961 §4.2
        }
        Err(DropReason::UnexpectedSyn)
    }

    /// Asks a suspicious peer to prove itself with an ACK it could not have guessed. The budget
    /// is the connection's own: one shared by all connections is a side channel (CVE-2016-5696).
    pub(super) fn challenge(&mut self, cx: &Context<'_>, out: &mut Actions) {
        if self.challenge_at <= cx.now {
            self.challenge_at = cx.now + cx.config.challenge_interval;
            out.reply = Some(self.ack_segment(cx));
        }
    }

    /// Ends the connection with `<SEQ=seq><CTL=RST>`.
    pub(super) fn reset_with(&mut self, seq: Seq, end: End, out: &mut Actions) {
        out.reply = Some(reset_at(seq));
        out.ended = Some(end);
        self.close_now();
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`
    pub(super) fn ack_segment(&mut self, cx: &Context<'_>) -> Segment {
        self.segment(self.snd.nxt, 0, Ctl::ACK, cx)
    }
}
