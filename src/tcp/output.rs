//! What to send: SYN, text, FIN, ACK (RFC 9293 §3.8, §3.10.2), with Nagle and silly-window
//! avoidance on both sides.

use super::keep_alive::clock_millis;
use super::tcb::Flags;
use super::{Context, Output, State, Tcb};
use crate::time::Instant;
use crate::wire::{Ctl, Options, Segment, Seq, Timestamps};

/// What is to go out, while it is a few numbers and not a segment yet.
#[derive(Clone, Copy)]
pub(crate) struct Next {
    seq: Seq,
    text_len: u32,
    ctl: Ctl,
    /// See [`Output`].
    pub(crate) text_offset: u32,
    /// See [`Output`].
    pub(crate) again: bool,
}

impl Next {
    const fn ack(seq: Seq) -> Self {
        Self {
            seq,
            text_len: 0,
            ctl: Ctl::ACK,
            text_offset: 0,
            again: false,
        }
    }

    /// As [`Segment::len`].
    const fn len(&self) -> u32 {
        self.text_len + self.ctl.syn as u32 + self.ctl.fin as u32
    }
}

impl Tcb {
    /// SEND: the user queued `n` octets more.
    pub fn on_send(&mut self, n: u32, cx: &Context<'_>) {
        debug_assert!(self.is_send_open(), "no text after CLOSE");
        let idle = self.snd.una == self.snd.nxt && self.snd.queued == 0;
        if idle && cx.now - self.rtt_at > self.rto.timeout(cx.config) {
            self.congestion.on_idle(self.snd.mss);
        }
        self.snd.queued += n;
        self.arm(cx);
    }

    /// RECEIVE: the user read `n` octets.
    pub fn on_receive(&mut self, n: u32, cx: &Context<'_>) {
        debug_assert!(n <= self.rcv.unread);
        self.rcv.unread -= n.min(self.rcv.unread);
        self.pass_urgent();
        if self.is_peer_finished() {
            return; // nothing will come
        }
        // The peer waits for a window that is nearly closed: tell it. Otherwise the next ACK does.
        let window = self.receive_window();
        let (step, growth) = (window.step(cx), window.growth(cx));
        let is_awaited = window.len() < 2 * step || growth >= cx.config.receive_buffer / 2;
        if growth >= step && is_awaited {
            self.flags.set(Flags::ACK_NOW);
        }
    }

    /// May [`Tcb::next_segment`] have something? Cheap, and never wrongly `false`.
    #[must_use]
    pub fn wants_to_send(&self) -> bool {
        const WANTED: u16 = Flags::ACK_NOW | Flags::RESEND_ONE | Flags::PROBE | Flags::KEEP_ALIVE;
        self.flags.has(WANTED) || self.snd.rtx != self.snd.nxt || self.has_unsent()
    }

    /// The next segment to send, or `None`. Called until then; each call counts as sent.
    pub fn next_segment(&mut self, cx: &Context<'_>) -> Option<Output> {
        let next = self.next(cx)?;
        Some(Output {
            segment: self.segment_of(next, cx),
            text_offset: next.text_offset,
            again: next.again,
        })
    }

    /// As [`Tcb::next_segment`], for whoever makes the [segment](Tcb::segment_of) of it where it is
    /// to stay: a copy of what was just written by smaller pieces waits for them.
    pub(crate) fn next(&mut self, cx: &Context<'_>) -> Option<Next> {
        let next = match self.state {
            State::Closed | State::Listen => return None,
            State::SynSent => self.next_syn(Ctl::SYN, cx),
            State::SynReceived => self.next_syn(Ctl::SYN_ACK, cx),
            State::FinWait2 | State::TimeWait => None,
            State::FinWait1 if self.is_syn_out() && self.snd.rtx == self.iss => {
                self.next_syn(Ctl::SYN_ACK, cx)
            }
            _ => self.next_text(cx),
        };
        if let Some(next) = next {
            self.resent = self.resent.saturating_add(u16::from(next.again));
            return Some(next);
        }
        // An ACK rides on whatever goes out; alone only if nothing does.
        self.next_keep_alive().or_else(|| self.next_ack())
    }

    // Whatever goes out beside it asks the peer for an answer just as well, or is none of its
    // concern any more.
    fn next_keep_alive(&mut self) -> Option<Next> {
        let is_wanted = self.flags.take(Flags::KEEP_ALIVE) && !self.rtx_at.is_armed();
        is_wanted.then(|| Next::ack(self.keep_alive_seq()))
    }

    fn next_ack(&self) -> Option<Next> {
        let is_wanted = self.flags.has(Flags::ACK_NOW) && !self.is_syn_out();
        is_wanted.then(|| Next::ack(self.snd.nxt))
    }

    fn next_syn(&mut self, ctl: Ctl, cx: &Context<'_>) -> Option<Next> {
        let again = self.snd.nxt != self.iss;
        if again && self.snd.rtx != self.iss {
            return None;
        }
        if again {
            self.flags.clear(Flags::TIMING); // Karn
        } else {
            self.time_this(self.iss, cx.now);
            self.snd.nxt = self.iss + 1;
        }
        self.snd.rtx = self.iss + 1;
        self.arm(cx);
        Some(Next {
            ctl,
            again,
            ..Next::ack(self.iss)
        })
    }

    fn next_text(&mut self, cx: &Context<'_>) -> Option<Next> {
        let mss = u32::from(self.snd.mss);
        if self.flags.take(Flags::RESEND_ONE) && self.snd.una != self.snd.nxt {
            let len = self.text_between(self.snd.una, self.snd.nxt).min(mss);
            return Some(self.next_part(self.snd.una, len, cx));
        }
        if self.flags.take(Flags::PROBE)
            && let Some(probe) = self.probe(cx)
        {
            return Some(probe);
        }
        let edge = self.snd.una + self.snd.wnd.min(self.congestion.cwnd);
        if self.snd.rtx.lt(self.snd.nxt) {
            let start = self.snd.rtx;
            if !start.lt(edge) {
                return None;
            }
            let text = self.text_between(start, self.snd.nxt);
            let len = text.min(mss).min(edge - start);
            let next = self.next_part(start, len, cx);
            self.snd.rtx = start + next.len();
            return Some(next);
        }
        let unsent = self.text_between(self.snd.nxt, self.fin_seq());
        // MUST-34, SHLD-15: a window that shrank leaves less than nothing.
        let usable = if self.snd.nxt.lt(edge) {
            edge - self.snd.nxt
        } else {
            0
        };
        let len = unsent.min(usable).min(mss);
        let fin_is_next = self.is_fin_unsent() && len == unsent && usable > len;
        if !fin_is_next && !self.is_worth_sending(len, unsent) {
            return None;
        }
        Some(self.next_part(self.snd.nxt, len, cx))
    }

    // RFC 9293 §3.8.6.2.1 (MUST-38) and §3.7.4 (SHLD-7): a full segment (SHLD-28); all there is,
    // with nothing out; or half of the largest window seen.
    fn is_worth_sending(&self, len: u32, unsent: u32) -> bool {
        let nothing_out = self.snd.una == self.snd.nxt;
        let may_be_small = nothing_out || self.settings.no_delay;
        len > 0
            && (len >= u32::from(self.snd.mss)
                || (may_be_small && (len == unsent || len >= self.snd.wnd_max / 2)))
    }

    // One octet past a closed window, or all that a small one takes (§3.8.6.1, §3.8.6.2.1).
    fn probe(&mut self, cx: &Context<'_>) -> Option<Next> {
        let (start, end) = (self.snd.una, self.fin_seq());
        let text = self.text_between(start, end);
        let len = text.min(self.snd.wnd.max(1)).min(self.snd.mss.into());
        if len == 0 && !self.flags.has(Flags::FIN_QUEUED) {
            return None;
        }
        Some(self.next_part(start, len, cx))
    }

    /// Octets of text, FIN excluded, from `start` to `end`.
    fn text_between(&self, start: Seq, end: Seq) -> u32 {
        let fin = self.fin_seq();
        let end = if fin.lt(end) { fin } else { end };
        if start.lt(end) { end - start } else { 0 }
    }

    fn is_fin_unsent(&self) -> bool {
        self.flags.has(Flags::FIN_QUEUED) && self.snd.nxt.le(self.fin_seq())
    }

    /// Is there text or a FIN that was never sent?
    pub(super) fn has_unsent(&self) -> bool {
        if matches!(
            self.state,
            State::Closed | State::TimeWait | State::FinWait2
        ) {
            return false;
        }
        if matches!(self.state, State::SynSent | State::SynReceived) {
            return self.snd.nxt == self.iss;
        }
        self.unsent() > 0 || self.is_fin_unsent()
    }

    /// Octets of text that were never sent.
    pub(super) fn unsent(&self) -> u32 {
        let start = self.queue_start();
        let from = if start.lt(self.snd.nxt) {
            self.snd.nxt
        } else {
            start
        };
        self.text_between(from, self.fin_seq())
    }

    // Text at `start`, with FIN when it ends the stream.
    fn next_part(&mut self, start: Seq, len: u32, cx: &Context<'_>) -> Next {
        let last = start + len == self.fin_seq();
        // A FIN needs room like any octet, unless it was sent before or is itself the probe.
        let fits = self.fin_seq().lt(self.snd.una + self.snd.wnd);
        let may_finish = fits || len == 0 || !self.is_fin_unsent();
        let ctl = Ctl {
            psh: len > 0 && last, // MUST-61, SHLD-27
            fin: last && self.flags.has(Flags::FIN_QUEUED) && may_finish,
            ..Ctl::ACK
        };
        let next = Next {
            seq: start,
            text_len: len,
            ctl,
            text_offset: start - self.queue_start(),
            again: start.lt(self.snd.nxt),
        };
        let end = start + next.len();
        if next.again {
            self.flags.clear(Flags::TIMING); // Karn
        } else if !self.flags.has(Flags::TIMING) {
            self.time_this(start, cx.now);
        }
        // What armed the timer before was the wait for a window, not this.
        self.arm(cx);
        if self.snd.una == self.snd.nxt {
            self.rtx_at = self.next_timeout(cx);
        }
        if self.snd.nxt.lt(end) {
            if self.snd.rtx == self.snd.nxt {
                self.snd.rtx = end;
            }
            self.snd.nxt = end;
        }
        next
    }

    fn time_this(&mut self, seq: Seq, now: Instant) {
        self.flags.set(Flags::TIMING);
        self.rtt_seq = seq;
        self.rtt_at = now;
    }

    /// The segment that goes out next.
    #[inline]
    pub(crate) fn segment_of(&mut self, next: Next, cx: &Context<'_>) -> Segment {
        self.segment(next.seq, next.text_len, next.ctl, cx)
    }

    /// Headers of a segment. Whatever carries an ACK acknowledges all that arrived.
    pub(super) fn segment(
        &mut self,
        seq: Seq,
        text_len: u32,
        ctl: Ctl,
        cx: &Context<'_>,
    ) -> Segment {
        if ctl.ack {
            self.rcv.acked = self.rcv.nxt;
            self.rcv.full_segments = 0;
            self.flags.clear(Flags::ACK_NOW);
            self.ack_at = Instant::NEVER;
        }
        let wnd = if ctl.syn {
            // Never scaled in a SYN (RFC 7323 §2.2).
            let offer = cx.config.receive_buffer.saturating_sub(self.rcv.unread);
            offer.min(u16::MAX.into()) as u16
        } else {
            let mut window = self.receive_window();
            if ctl.ack {
                window.grow(cx);
                self.rcv.edge = window.edge;
            }
            window.field()
        };
        let up = if ctl.syn {
            None
        } else {
            self.urgent_field(seq)
        };
        Segment {
            seq,
            up: up.unwrap_or_default(),
            ack: if ctl.ack { self.rcv.nxt } else { Seq(0) },
            wnd,
            ctl: Ctl {
                urg: up.is_some(),
                ..ctl
            },
            text_len,
            options: self.options(ctl, cx),
        }
    }

    // A SYN offers what we can do; a SYN-ACK only what the SYN offered too (RFC 7323 §2.2, §3.2).
    fn options(&self, ctl: Ctl, cx: &Context<'_>) -> Options {
        let config = cx.config;
        let alone = ctl.syn && !ctl.ack;
        let has = |flag, ours: bool| if alone { ours } else { self.flags.has(flag) };
        let timestamps = has(Flags::TIMESTAMPS, config.timestamps).then(|| Timestamps {
            val: self.timestamp(cx.now),
            ecr: if ctl.ack { self.ts.recent } else { 0 },
        });
        if !ctl.syn {
            return Options {
                timestamps,
                ..Options::default()
            };
        }
        let scaled = has(Flags::SCALING, config.window_scale);
        Options {
            mss: Some(self.offered_mss(cx)), // SHLD-5, MAY-3
            window_scale: scaled.then(|| config.window_shift()),
            sack_permitted: has(Flags::SACK, config.sack),
            timestamps,
        }
    }

    /// `TSval`: milliseconds (RFC 7323 §5.4).
    pub(super) const fn timestamp(&self, now: Instant) -> u32 {
        timestamp(now, self.ts.offset)
    }
}

/// `TSval` of a connection whose clock is ahead of ours by `offset`.
pub(super) const fn timestamp(now: Instant, offset: u32) -> u32 {
    clock_millis(now).wrapping_add(offset)
}
