//! Timeouts (RFC 9293 §3.10.8): retransmission and probe, delayed ACK, TIME-WAIT, FIN-WAIT-2.

use super::tcb::Flags;
use super::{Actions, Context, End, Open, State, Tcb};
use crate::time::Instant;

impl Tcb {
    /// The connection's deadline came. Does whatever of it is due at `cx.now`; nothing when it
    /// was called too early.
    pub fn on_timeout(&mut self, cx: &Context<'_>, out: &mut Actions) {
        *out = Actions::default();
        if self.life_at <= cx.now {
            // TIME-WAIT: the user was told when it began. FIN-WAIT-2: our side was closed in
            // order, and nobody waits for the rest.
            if self.state != State::TimeWait {
                out.ended = Some(End::Closed);
            }
            self.close_now();
            return;
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
        if self.rto.timeouts >= self.retries_max(cx) {
            // MUST-20 (b): R2 is reached. A peer that is silent is not told.
            out.ended = Some(End::TimedOut);
            self.close_now();
            return;
        }
        let flight = self.snd.nxt - self.snd.una;
        let first = self.rto.timeouts == 0;
        self.rto.on_timeout();
        self.flags.clear(Flags::TIMING | Flags::RESEND_ONE); // Karn
        if self.is_syn_out() {
            self.snd.rtx = self.iss;
        } else if self.snd.wnd == 0 || flight == 0 {
            // MUST-36. With nothing out, the window is open but too small for silly-window
            // avoidance: its override (§3.8.6.2.1) is to send what fits.
            self.flags.set(Flags::PROBE);
        } else {
            let (nxt, mss) = (self.snd.nxt, self.snd.mss);
            self.congestion.on_timeout(nxt, flight, mss, first);
            self.snd.rtx = self.snd.una;
        }
        self.rtx_at = cx.now + self.rto.timeout(cx.config);
    }

    const fn retries_max(&self, cx: &Context<'_>) -> u8 {
        match (self.state, self.open) {
            (State::SynSent, _) | (State::SynReceived, Open::Active) => cx.config.syn_retries,
            (State::SynReceived, Open::Passive) => cx.config.syn_ack_retries,
            _ => cx.config.retries,
        }
    }

    /// Starts the retransmission timer unless it runs.
    pub(super) fn arm(&mut self, cx: &Context<'_>) {
        if !self.rtx_at.is_armed() {
            self.rearm(cx);
        }
    }

    /// Starts the retransmission timer anew when something is out or waits for the window, and
    /// stops it otherwise (RFC 6298 §5.1 to §5.3).
    pub(super) fn rearm(&mut self, cx: &Context<'_>) {
        let needed = self.snd.una != self.snd.nxt || self.has_unsent();
        self.rtx_at = if needed {
            cx.now + self.rto.timeout(cx.config)
        } else {
            Instant::NEVER
        };
    }
}
