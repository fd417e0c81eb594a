//! Timeouts (RFC 9293 §3.10.8): retransmission and probe, user timeout, delayed ACK, TIME-WAIT,
//! FIN-WAIT-2.

use super::keep_alive::{clock_millis, millis, since};
use super::tcb::Flags;
use super::{Actions, Context, End, Open, Report, State, Tcb};
use crate::time::{Duration, Instant};
use core::num::NonZeroU8;

impl Tcb {
    /// The connection's deadline came. Does whatever of it is due at `cx.now`; nothing when it
    /// was called too early.
    pub fn on_timeout(&mut self, cx: &Context<'_>, out: &mut Actions) {
        *out = Actions::default();
        if self.life_at <= cx.now {
            if self.is_life_bounded() {
                // TIME-WAIT: the user was told when it began. FIN-WAIT-2: our side was closed in
                // order, and nobody waits for the rest.
                if self.state != State::TimeWait {
                    out.ended = Some(End::Closed);
                }
                self.close_now();
            } else {
                self.on_keep_alive_timeout(cx, out);
            }
            if self.state == State::Closed {
                return;
            }
        }
        if self.ack_at <= cx.now {
            self.ack_at = Instant::NEVER;
            self.flags.set(Flags::ACK_NOW);
        }
        if self.rtx_at <= cx.now {
            self.on_retransmission_timeout(cx, out);
        }
    }

    // RFC 6298 §5.4 to §5.6, and the probe of a closed window (RFC 9293 §3.8.6.1).
    fn on_retransmission_timeout(&mut self, cx: &Context<'_>, out: &mut Actions) {
        if self.is_given_up(cx) {
            // MUST-20 (b): R2 is reached, for a SYN as for text (MUST-22). A peer that is silent
            // is not told.
            out.ended = Some(End::TimedOut);
            self.close_now();
            return;
        }
        let flight = self.snd.nxt - self.snd.una;
        let first = self.rto.timeouts == 0;
        self.rto.on_timeout();
        if self.rto.timeouts == cx.config.retries_reported {
            // MUST-20 (a), SHLD-9. No advice to IP: routes are not ours, and a router that moved
            // is learned from the peer's next segment.
            out.report = Some(Report::Silent);
        }
        self.flags.clear(Flags::TIMING | Flags::RESEND_ONE); // Karn
        if self.is_syn_out() {
            self.snd.rtx = self.iss;
        } else if self.snd.wnd == 0 || flight == 0 {
            // MUST-35, MUST-36. With nothing out, the window is open but too small for silly-window
            // avoidance: its override (§3.8.6.2.1) is to send what fits.
            self.flags.set(Flags::PROBE);
        } else {
            let (nxt, mss) = (self.snd.nxt, self.snd.mss);
            self.congestion.on_timeout(nxt, flight, mss, first);
            self.snd.rtx = self.snd.una;
        }
        self.rtx_at = self.next_timeout(cx);
    }

    // USER TIMEOUT (RFC 9293 §3.10.8), or R2 where the user named none. A SYN has to keep to both:
    // to a stranger we owe less.
    fn is_given_up(&self, cx: &Context<'_>) -> bool {
        let is_at_r2 = self.rto.timeouts >= self.retries_max(cx);
        match self.settings.user_timeout_millis {
            Some(limit) => {
                let is_late = since(self.stalled_at, cx.now) >= millis(limit);
                is_late || (is_at_r2 && self.is_syn_out())
            }
            None => is_at_r2,
        }
    }

    /// When the retransmission timer runs out: by the RTO, or when the user's patience does.
    pub(super) fn next_timeout(&self, cx: &Context<'_>) -> Instant {
        let rto = self.rto.timeout(cx.config);
        let limit = self.settings.user_timeout_millis.map(millis);
        let left = limit.map(|limit| limit.saturating_sub(since(self.stalled_at, cx.now)));
        // Not now: a timer that is due again at once would never let anything out.
        let left = left.map(|left| left.max(Duration::from_millis(1)));
        cx.now + left.map_or(rto, |left| left.min(rto))
    }

    fn retries_max(&self, cx: &Context<'_>) -> u8 {
        match (self.state, self.open) {
            (State::SynSent, _) | (State::SynReceived, Open::Active) => cx.config.syn_retries,
            (State::SynReceived, Open::Passive) => cx.config.syn_ack_retries,
            // MUST-21
            _ => self
                .settings
                .retries
                .map_or(cx.config.retries, NonZeroU8::get),
        }
    }

    /// Starts the retransmission timer unless it runs.
    pub(super) fn arm(&mut self, cx: &Context<'_>) {
        if !self.rtx_at.is_armed() {
            self.stalled_at = clock_millis(cx.now);
            self.rearm(cx);
        }
    }

    /// Starts the retransmission timer anew when something is out or waits for the window, and
    /// stops it otherwise (RFC 6298 §5.1 to §5.3).
    pub(super) fn rearm(&mut self, cx: &Context<'_>) {
        let needed = self.snd.una != self.snd.nxt || self.has_unsent();
        self.rtx_at = if needed {
            self.next_timeout(cx)
        } else {
            Instant::NEVER
        };
    }
}
