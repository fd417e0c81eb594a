//! Keep-alive packets (RFC 9293 §3.8.4; MAY-5), for connections whose user asked for them (MUST-24).
//!
//! The timer is lazy: it is not moved when the peer is heard, but looks, when it runs out, for how
//! long it was not.

use super::tcb::Flags;
use super::{Actions, Context, End, State, Tcb};
use crate::time::{Duration, Instant};
use crate::wire::Seq;

impl Tcb {
    /// The peer sent an acceptable ACK, with or without text.
    pub(super) fn hear(&mut self, cx: &Context<'_>) {
        self.heard_at = clock_millis(cx.now);
        if self.probes > 0 {
            self.arm_keep_alive(cx);
        }
    }

    /// Starts the timer for what is left of the idle interval; stops it where nobody asked.
    pub(super) fn arm_keep_alive(&mut self, cx: &Context<'_>) {
        self.probes = 0;
        if self.is_synchronized() && !self.is_life_bounded() {
            let left = |idle: Duration| idle.saturating_sub(self.unheard(cx.now));
            let idle = self.settings.keep_alive.map(|keep| left(keep.idle()));
            self.life_at = idle.map_or(Instant::NEVER, |left| cx.now + left);
        }
    }

    pub(super) fn on_keep_alive_timeout(&mut self, cx: &Context<'_>, out: &mut Actions) {
        let Some(keep) = self.settings.keep_alive else {
            self.life_at = Instant::NEVER;
            return;
        };
        // MUST-26: only with nothing outstanding, and nothing heard for the whole interval.
        let unheard = self.unheard(cx.now);
        if self.rtx_at.is_armed() {
            self.probes = 0;
            self.life_at = cx.now + keep.idle();
            return;
        }
        if unheard < keep.idle() {
            return self.arm_keep_alive(cx);
        }
        let user_timeout = self.settings.user_timeout_millis.map(millis);
        let is_dead = match user_timeout {
            Some(limit) => self.probes > 1 && unheard >= limit, // MUST-29: never for one alone
            None => self.probes >= keep.probes_max(),
        };
        if is_dead {
            self.reset_with(self.snd.nxt, End::TimedOut, out);
            return;
        }
        self.probes = self.probes.saturating_add(1);
        self.flags.set(Flags::KEEP_ALIVE);
        self.life_at = cx.now + keep.interval();
    }

    /// SEG.SEQ of `<SEQ=SND.NXT-1><ACK=RCV.NXT><CTL=ACK>`: an octet that the peer has, so it must
    /// answer; and without text (SHLD-12).
    pub(super) const fn keep_alive_seq(&self) -> Seq {
        Seq(self.snd.nxt.0.wrapping_sub(1))
    }

    // `life_at` means something else where nothing is left to keep alive.
    pub(super) const fn is_life_bounded(&self) -> bool {
        match self.state {
            State::TimeWait => true,
            State::FinWait2 => self.flags.has(Flags::RECEIVE_SHUT),
            _ => false,
        }
    }

    const fn is_synchronized(&self) -> bool {
        !self.is_syn_out() && !matches!(self.state, State::Closed | State::Listen)
    }

    fn unheard(&self, now: Instant) -> Duration {
        since(self.heard_at, now)
    }
}

/// The shard's clock in milliseconds, for spans of less than 49 days.
pub(super) const fn clock_millis(now: Instant) -> u32 {
    now.as_millis() as u32
}

/// How long ago it was `then`.
pub(super) const fn since(then: u32, now: Instant) -> Duration {
    Duration::from_millis(clock_millis(now).wrapping_sub(then) as u64)
}

pub(super) const fn millis(n: core::num::NonZeroU32) -> Duration {
    Duration::from_millis(n.get() as u64)
}
