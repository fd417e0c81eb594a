//! TIME-WAIT: entered, restarted, and given to a new SYN (RFC 9293 §3.6.1, RFC 1337, RFC 6191); and
//! [`TimeWait`], all that is to be remembered of it.

use super::input::Check;
use super::keep_alive::clock_millis;
use super::listen::seconds;
use super::tcb::Flags;
use super::{Actions, Config, Context, End, Open, Settings, State, Tcb};
use crate::drop_reason::DropReason;
use crate::time::{Duration, Instant};
use crate::wire::{Segment, Seq, Timestamps};
use core::num::NonZeroU8;

/// How far the ISS of a connection that takes the place of a TIME-WAIT stands past the old
/// SND.NXT at least: more than any window that old segments could fall into without scaling.
const REOPEN_GAP: u32 = 1 << 17;

/// A connection in TIME-WAIT that nothing is to be sent for: a block is made of it when a segment
/// comes, and answers as the one before would have.
///
/// All text was read, or nobody reads it, so the window is the whole buffer, less the FIN that
/// came into it: no less than was ever offered (SHLD-14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWait {
    /// Who began the connection.
    pub open: Open,
    /// When the 2 MSL began.
    pub began: Instant,
    /// How its segments leave: what else was chosen for it has no meaning any more.
    pub hop_limit: Option<NonZeroU8>,
    /// As `hop_limit`.
    pub tos: u8,
    snd_nxt: Seq,
    rcv_nxt: Seq,
    ts_recent: u32,
    has_timestamps: bool,
    has_scaling: bool,
    wnd_max: u32,
    challenge_at: Instant,
}

/// Bits of MAX.SND.WND that are kept behind its first; others are rounded up.
const WND_BITS: u32 = 9;
const EXPONENT_BITS: u32 = 5;

/// Steps in which the time of the next challenge ACK is kept, rounded up.
const CHALLENGE_BITS: u32 = 8;

/// Where these stand, above the two flags.
const TIMESTAMPS: u32 = 1;
const SCALING: u32 = 1 << 1;
const CHALLENGE: u32 = 2;
const WND: u32 = CHALLENGE + CHALLENGE_BITS;

impl TimeWait {
    /// Bits of [`TimeWait::pack`] beside its words.
    pub const BITS: u32 = WND + WND_BITS + EXPONENT_BITS;

    /// Three words and [`TimeWait::BITS`] bits that say it all, but for the four public fields.
    #[must_use]
    pub fn pack(&self, config: &Config) -> ([u32; 3], u32) {
        let flag = |is: bool, flag| if is { flag } else { 0 };
        let ahead = (self.challenge_at - self.began).as_nanos();
        let steps = ahead.div_ceil(challenge_step(config).as_nanos());
        let steps = steps.min((1 << CHALLENGE_BITS) - 1) as u32;
        let bits = flag(self.has_timestamps, TIMESTAMPS)
            | flag(self.has_scaling, SCALING)
            | steps << CHALLENGE
            | shorten(self.wnd_max, WND_BITS) << WND;
        ([self.snd_nxt.0, self.rcv_nxt.0, self.ts_recent], bits)
    }

    /// MAX.SND.WND
    #[cfg(test)]
    pub(super) const fn wnd_max(&self) -> u32 {
        self.wnd_max
    }

    /// The other way round.
    #[must_use]
    pub fn unpack(
        [snd_nxt, rcv_nxt, ts_recent]: [u32; 3],
        bits: u32,
        (open, began): (Open, Instant),
        (hop_limit, tos): (Option<NonZeroU8>, u8),
        config: &Config,
    ) -> Self {
        let steps = bits >> CHALLENGE & ((1 << CHALLENGE_BITS) - 1);
        Self {
            open,
            began,
            hop_limit,
            tos,
            snd_nxt: Seq(snd_nxt),
            rcv_nxt: Seq(rcv_nxt),
            ts_recent,
            has_timestamps: bits & TIMESTAMPS != 0,
            has_scaling: bits & SCALING != 0,
            wnd_max: lengthen(bits >> WND, WND_BITS),
            challenge_at: began + challenge_step(config) * steps,
        }
    }
}

// Of which there are enough for 2 MSL and one interval behind it.
pub(super) fn challenge_step(config: &Config) -> Duration {
    let fine = config.challenge_interval / 2;
    let coarse = (config.time_wait + config.challenge_interval) / ((1 << CHALLENGE_BITS) - 2);
    fine.max(coarse).max(Duration::from_nanos(1))
}

/// A number in few bits, an exponent above its first ones: exact below 2^(`mantissa` + 1), rounded
/// up above.
pub(crate) const fn shorten(n: u32, mantissa: u32) -> u32 {
    let shift = (u32::BITS - mantissa - 1).saturating_sub(n.leading_zeros());
    let rounded = n.div_ceil(1 << shift);
    // Its first one goes into the exponent; and when rounding made it longer, so does that.
    (shift << mantissa) + rounded
}

/// The number that [`shorten`] made so short.
pub(crate) const fn lengthen(bits: u32, mantissa: u32) -> u32 {
    let (exponent, low) = (bits >> mantissa, bits & ((1 << mantissa) - 1));
    match exponent {
        0 => low,
        _ => (1 << mantissa | low) << (exponent - 1),
    }
}

impl Tcb {
    /// All that is to be remembered of it; `None` in another state, and while there is something
    /// to send.
    #[must_use]
    pub fn time_wait(&self, config: &Config) -> Option<TimeWait> {
        if self.state != State::TimeWait || self.wants_to_send() {
            return None;
        }
        let began = Instant::ZERO + (self.life_at - (Instant::ZERO + config.time_wait));
        Some(TimeWait {
            open: self.open,
            began,
            hop_limit: self.settings.hop_limit,
            tos: self.settings.tos,
            snd_nxt: self.snd.nxt,
            rcv_nxt: self.rcv.nxt,
            ts_recent: self.ts.recent,
            has_timestamps: self.has_timestamps(),
            has_scaling: self.has_window_scale(),
            wnd_max: self.snd.wnd_max,
            challenge_at: self.challenge_at.max(began),
        })
    }

    /// A block that goes on where the one of [`Tcb::time_wait`] was. `ts_offset` is as it was.
    #[must_use]
    pub fn from_time_wait(was: &TimeWait, ts_offset: u32, cx: &Context<'_>) -> Self {
        let mut tcb = Self::new(was.open, State::TimeWait, was.snd_nxt, ts_offset, cx);
        tcb.flags.set(Flags::FIN_QUEUED | Flags::FIN_SEEN);
        if was.has_timestamps {
            tcb.flags.set(Flags::TIMESTAMPS);
            tcb.ts.recent = was.ts_recent;
            tcb.ts.recent_at = seconds(was.began);
        }
        if was.has_scaling {
            tcb.flags.set(Flags::SCALING);
            tcb.rcv.shift = cx.config.window_shift();
        }
        tcb.snd.wnd_max = was.wnd_max;
        tcb.snd.wl1 = was.rcv_nxt;
        tcb.snd.wl2 = was.snd_nxt;
        tcb.rcv.nxt = was.rcv_nxt;
        tcb.rcv.acked = was.rcv_nxt;
        tcb.rcv.fin = Seq(was.rcv_nxt.0.wrapping_sub(1));
        let window = u32::from(u16::MAX) << tcb.rcv.shift;
        let window = window.min(cx.config.receive_buffer);
        tcb.rcv.edge = tcb.rcv.nxt + window.saturating_sub(1);
        tcb.life_at = was.began + cx.config.time_wait;
        tcb.challenge_at = was.challenge_at;
        tcb.heard_at = clock_millis(was.began);
        tcb.settings = Settings {
            hop_limit: was.hop_limit,
            tos: was.tos,
            ..Settings::default()
        };
        tcb
    }

    /// Both FINs are acknowledged (MUST-13). For the user the connection is over.
    pub(super) fn enter_time_wait(&mut self, cx: &Context<'_>, out: &mut Actions) {
        self.state = State::TimeWait;
        self.disarm_all();
        // Asked for in the same breath, and void: all is acknowledged.
        self.flags
            .clear(Flags::RESEND_ONE | Flags::PROBE | Flags::KEEP_ALIVE);
        self.restart_time_wait(cx);
        out.ended = Some(End::Closed);
    }

    /// The 2 MSL begin again.
    pub(super) fn restart_time_wait(&mut self, cx: &Context<'_>) {
        self.life_at = cx.now + cx.config.time_wait;
    }

    /// MAY-2: a SYN that is surely newer than the connection in TIME-WAIT may take its place, where
    /// somebody listens.
    pub(super) fn check_reopen(
        &mut self,
        seg: &Segment,
        cx: &Context<'_>,
        out: &mut Actions,
    ) -> Check {
        let is_syn = seg.ctl.syn && !seg.ctl.ack && !seg.ctl.rst;
        let may_be = self.state == State::TimeWait && is_syn && cx.may_reopen;
        if !may_be || !self.is_successor(seg.seq, seg.options.timestamps, cx) {
            return Ok(());
        }
        out.reopen = Some(self.snd.nxt + REOPEN_GAP);
        self.close_now();
        Err(DropReason::UnexpectedSyn)
    }

    /// Is the SYN with this number, whose side sends these timestamps, newer than the connection in
    /// TIME-WAIT: by a later timestamp (SHLD-4), or without timestamps by a later sequence number
    /// (RFC 6191 §2)?
    pub(super) fn is_successor(
        &self,
        seq: Seq,
        timestamps: Option<Timestamps>,
        cx: &Context<'_>,
    ) -> bool {
        match timestamps {
            Some(ts) if self.flags.has(Flags::TIMESTAMPS) => {
                Seq(self.ts.recent).lt(Seq(ts.val))
                    || (self.ts.recent == ts.val && self.rcv.nxt.lt(seq))
            }
            // The old one had none, the new one will: RFC 6191 §2.
            Some(_) if cx.config.timestamps => true,
            _ => self.rcv.nxt.lt(seq),
        }
    }
}
