//! A block at rest: what there is to remember of a connection on which nothing is under way.
//!
//! All that was sent is acknowledged, both ways, and read; no timer runs but keep-alive and the end
//! of FIN-WAIT-2 (what is in TIME-WAIT has a shorter memory: [`TimeWait`](super::TimeWait)). Then
//! most of a [`Tcb`] follows from the rest of it:
//!
//! | of the block | at rest |
//! |---|---|
//! | SND.NXT, `snd.rtx`, SND.WL2, `recover` of RFC 6582, ISS | SND.UNA will do: no ACK to come is older, and our SYN is history |
//! | the peer's FIN, Last.ACK.sent | RCV.NXT, or the number before it |
//! | what is queued, unread, stored, urgent, timed | nothing |
//! | RTO without back-off | SRTT and RTTVAR; or it stands alone, before there are any |
//! | since when nothing makes progress | begins anew with what is sent next |
//! | moments | in milliseconds of the shard's clock, 49 days at most, as in a [`Tcb`]'s `heard_at` |
//!
//! Whoever keeps it also keeps the [`Settings`], which are alike for most connections, and the
//! deadline, which is in a wheel anyway.

use super::congestion::Congestion;
use super::keep_alive::clock_millis;
use super::listen::seconds;
use super::reassembly::Reassembly;
use super::rto::{BACKOFF_MAX, Rto};
use super::tcb::{Flags, TimestampState};
use super::{Config, Open, Rcv, Settings, Snd, State, Tcb};
use crate::time::{Duration, Instant};
use crate::wire::{IcmpKind, Seq};

/// See the module's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct TcbAtRest {
    // first, on the line of the cache that a look-up brings
    /// One of [`STATES`]: what it cannot be tells others that there is no block here.
    pub(super) state: State,
    /// [`ACTIVE`] and so on.
    pub(super) bits: u8,
    pub(super) quick_acks: u8,
    pub(super) probes: u8,
    pub(super) una: Seq,
    pub(super) rcv_nxt: Seq,
    pub(super) rcv_edge: Seq,
    pub(super) irs: Seq,
    pub(super) ts_recent: u32,
    pub(super) ts_offset: u32,
    pub(super) cwnd: u32,
    pub(super) ssthresh: u32,
    pub(super) counted: u32,
    pub(super) rto: [u32; 2],
    pub(super) heard_at: u32,
    pub(super) challenge_at: u32,
    /// How long before the peer was heard last a segment was timed last, in [`SILENCE_MILLIS`].
    pub(super) silence: u16,
    /// SND.WL1, from RCV.NXT. What is further back than a frame is long is before all to come.
    pub(super) wl1: i16,
    /// [`TimestampState::recent_at`] in [`AGE_SECONDS_LOG`], modulo half a year.
    pub(super) recent_at: u16,
    pub(super) mss: u16,
    pub(super) resent: u16,
    /// As the peer's window field had it, see [`WND_PLAIN`]; and the largest.
    pub(super) snd_wnd: u16,
    pub(super) snd_wnd_max: u16,
    /// Of our window field; and in the upper half of the peer's.
    pub(super) shifts: u8,
    /// One more than the place in [`KINDS`], and [`ICMPS`] for each doubling of the RTO.
    pub(super) icmp_and_backoff: u8,
}

const _: () = assert!(size_of::<TcbAtRest>() <= 72);

/// States in which nothing may be under way.
const STATES: [State; 3] = [State::Established, State::CloseWait, State::FinWait2];

const ACTIVE: u8 = 1;
pub(super) const TIMESTAMPS: u8 = 1 << 1;
const SCALING: u8 = 1 << 2;
const SACK: u8 = 1 << 3;
pub(super) const RECEIVE_SHUT: u8 = 1 << 4;
const DEADLINE: u8 = 1 << 5;
/// The window is not to be scaled: it is that of a SYN (RFC 7323 §2.2). The other is the largest.
pub(super) const WND_PLAIN: u8 = 1 << 6;
const WND_MAX_PLAIN: u8 = 1 << 7;

/// What is a bit here and there.
const AGREED: [(u8, u16); 4] = [
    (TIMESTAMPS, Flags::TIMESTAMPS),
    (SCALING, Flags::SCALING),
    (SACK, Flags::SACK),
    (RECEIVE_SHUT, Flags::RECEIVE_SHUT),
];

/// In milliseconds, so that up to four minutes can be told: the longest RTO is two.
pub(super) const SILENCE_MILLIS: u64 = 4;

/// ICMP errors that a connection outlives, by their numbers.
const KINDS: [IcmpKind; 8] = [
    IcmpKind::NetUnreachable,
    IcmpKind::HostUnreachable,
    IcmpKind::ProtocolUnreachable,
    IcmpKind::PortUnreachable,
    IcmpKind::SourceRouteFailed,
    IcmpKind::Prohibited,
    IcmpKind::TimeExceeded,
    IcmpKind::ParameterProblem,
];

/// One more than there are kinds.
const ICMPS: u8 = KINDS.len() as u8 + 1;

const _: () = assert!(BACKOFF_MAX as usize * ICMPS as usize + KINDS.len() <= u8::MAX as usize);

impl TcbAtRest {
    /// Where the connection stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// May the user still send?
    #[must_use]
    pub const fn is_send_open(&self) -> bool {
        matches!(self.state(), State::Established | State::CloseWait)
    }

    /// Has the peer's FIN been reached?
    #[must_use]
    pub const fn is_peer_finished(&self) -> bool {
        matches!(self.state(), State::CloseWait)
    }

    /// Does it end when its moment comes? All others have something to send then.
    #[must_use]
    pub fn is_over_when_due(&self) -> bool {
        self.state() == State::FinWait2 && self.bits & RECEIVE_SHUT != 0
    }

    /// Does it wait for a moment? All others end only by what arrives or is called.
    #[must_use]
    pub const fn has_deadline(&self) -> bool {
        self.bits & DEADLINE != 0
    }
}

impl Tcb {
    /// Is nothing under way? Then it may be laid to rest.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        // What asks to send again, or to probe, is void where nothing is out or waits.
        const UNDER_WAY: u16 = Flags::ACK_NOW | Flags::KEEP_ALIVE | Flags::TIMING | Flags::SYN_OUT;
        let is_sent = self.snd.una == self.snd.nxt && self.snd.rtx == self.snd.nxt;
        let is_acked = self.rcv.acked == self.rcv.nxt && !self.flags.has(UNDER_WAY);
        let is_timed = self.rtx_at.is_armed() || self.ack_at.is_armed() || self.rto.timeouts > 0;
        let is_read = self.rcv.unread == 0 && !self.flags.has(Flags::URGENT_IN);
        let is_fin_early = self.flags.has(Flags::FIN_SEEN) != self.is_peer_finished();
        STATES.contains(&self.state)
            && is_sent
            && self.snd.queued == 0
            && is_acked
            && is_read
            && !is_timed
            && !is_fin_early
            && self.reassembly.is_empty()
            && self.congestion.is_quiet()
    }

    /// What there is to remember of it; `None` unless [`Tcb::is_quiet`].
    #[inline]
    #[must_use]
    pub fn rest(&self, now: Instant) -> Option<TcbAtRest> {
        if !self.is_quiet() {
            return None;
        }
        let (snd_wnd, wnd_is_plain) = field_of(self.snd.wnd, self.snd.shift)?;
        let (snd_wnd_max, max_is_plain) = field_of(self.snd.wnd_max, self.snd.shift)?;
        let icmp = match self.icmp {
            Some(icmp) => 1 + KINDS.iter().position(|kind| *kind == icmp)?,
            None => 0,
        };
        let mut bits = 0;
        for (bit, flag) in AGREED {
            bits |= if self.flags.has(flag) { bit } else { 0 };
        }
        if self.open == Open::Active {
            bits |= ACTIVE;
        }
        if self.life_at.is_armed() {
            bits |= DEADLINE;
        }
        if wnd_is_plain {
            bits |= WND_PLAIN;
        }
        if max_is_plain {
            bits |= WND_MAX_PLAIN;
        }
        // Rounded up: to have been idle for longer is the safe side.
        let timed = now.as_millis().saturating_sub(self.rtt_at.as_millis()) + 1;
        let silence = timed.saturating_sub(unheard(self.heard_at, now));
        let silence = silence.div_ceil(SILENCE_MILLIS);
        let challenge_at = if self.challenge_at <= now {
            now
        } else {
            self.challenge_at + ALMOST_A_MILLI
        };
        let wl1 = self.snd.wl1.0.wrapping_sub(self.rcv.nxt.0).cast_signed();
        let [cwnd, ssthresh, counted] = self.congestion.rest();
        Some(TcbAtRest {
            una: self.snd.una,
            rcv_nxt: self.rcv.nxt,
            rcv_edge: self.rcv.edge,
            irs: self.irs,
            ts_recent: self.ts.recent,
            ts_offset: self.ts.offset,
            cwnd,
            ssthresh,
            counted,
            rto: self.rto.rest(),
            heard_at: self.heard_at,
            challenge_at: clock_millis(challenge_at),
            silence: u16::try_from(silence).unwrap_or(u16::MAX),
            wl1: wl1.clamp(i16::MIN.into(), i16::MAX.into()) as i16,
            recent_at: (self.ts.recent_at >> AGE_SECONDS_LOG) as u16,
            mss: self.snd.mss,
            resent: self.resent,
            snd_wnd,
            snd_wnd_max,
            shifts: self.snd.shift << 4 | self.rcv.shift,
            quick_acks: self.rcv.quick_acks,
            probes: self.probes,
            icmp_and_backoff: icmp as u8 + ICMPS * self.rto.backoff().min(BACKOFF_MAX),
            state: self.state,
            bits,
        })
    }

    /// The block as it was. `life_at` is its [`Tcb::deadline`], NEVER when it has none.
    #[inline]
    #[must_use]
    pub fn wake(
        rest: &TcbAtRest,
        settings: Settings,
        life_at: Instant,
        config: &Config,
        now: Instant,
    ) -> Self {
        let (state, shift) = (rest.state, rest.shifts >> 4);
        let window = |field: u16, plain: u8| match rest.bits & plain {
            0 => u32::from(field) << shift,
            _ => field.into(),
        };
        let mut flags = Flags::default();
        for (bit, flag) in AGREED {
            if rest.bits & bit != 0 {
                flags.set(flag);
            }
        }
        if rest.is_peer_finished() {
            flags.set(Flags::FIN_SEEN);
        }
        if state == State::FinWait2 {
            flags.set(Flags::FIN_QUEUED);
        }
        let open = if rest.bits & ACTIVE != 0 {
            Open::Active
        } else {
            Open::Passive
        };
        let (una, rcv_nxt) = (rest.una, rest.rcv_nxt);
        let last_received = Seq(rcv_nxt.0.wrapping_sub(1));
        let silence = SILENCE_MILLIS * u64::from(rest.silence);
        let timed = (unheard(rest.heard_at, now) + silence) * NANOS_PER_MILLI;
        Self {
            state,
            open,
            flags,
            snd: Snd {
                una,
                nxt: una,
                rtx: una,
                wnd: window(rest.snd_wnd, WND_PLAIN),
                wnd_max: window(rest.snd_wnd_max, WND_MAX_PLAIN),
                wl1: Seq(rcv_nxt.0.wrapping_add_signed(rest.wl1.into())),
                wl2: una,
                up: una,
                queued: 0,
                mss: rest.mss,
                shift,
            },
            rcv: Rcv {
                nxt: rcv_nxt,
                edge: rest.rcv_edge,
                unread: 0,
                up: rcv_nxt,
                fin: last_received,
                acked: rcv_nxt,
                full_segments: 0,
                quick_acks: rest.quick_acks,
                shift: rest.shifts & 15,
            },
            ts: TimestampState {
                recent: rest.ts_recent,
                recent_at: recent_at(rest.recent_at, now),
                offset: rest.ts_offset,
            },
            congestion: Congestion::wake([rest.cwnd, rest.ssthresh, rest.counted], una),
            rtx_at: Instant::NEVER,
            ack_at: Instant::NEVER,
            rto: Rto::wake(rest.rto, rest.icmp_and_backoff / ICMPS, config),
            heard_at: rest.heard_at,
            stalled_at: rest.heard_at,
            resent: rest.resent,
            probes: rest.probes,
            settings,
            life_at,
            challenge_at: challenge_at(rest.challenge_at, config, now),
            reassembly: Reassembly::default(),
            rtt_seq: una,
            rtt_at: Instant::from_nanos(now.as_nanos().saturating_sub(timed)),
            iss: Seq(una.0.wrapping_sub(1)),
            irs: rest.irs,
            icmp: KINDS
                .get(usize::from(rest.icmp_and_backoff % ICMPS).wrapping_sub(1))
                .copied(),
        }
    }
}

// The field that a window came in, and whether it was not scaled. Every window came in one.
fn field_of(wnd: u32, shift: u8) -> Option<(u16, bool)> {
    let field = wnd >> shift;
    let is_plain = field << shift != wnd;
    let field = if is_plain { wnd } else { field };
    Some((u16::try_from(field).ok()?, is_plain))
}

/// The age of TS.Recent is told in units of 256 seconds, of which 24 days have 8100.
pub(super) const AGE_SECONDS_LOG: u32 = 8;

// Rounded down, so that it is outdated four minutes early rather than late (RFC 7323 §5.5).
const fn recent_at(units: u16, now: Instant) -> u32 {
    let units_now = seconds(now) >> AGE_SECONDS_LOG;
    let age = (units_now as u16).wrapping_sub(units);
    units_now.saturating_sub(age as u32) << AGE_SECONDS_LOG
}

const NANOS_PER_MILLI: u64 = 1_000_000;

/// Added before milliseconds are cut off: never early.
const ALMOST_A_MILLI: Duration = Duration::from_nanos(NANOS_PER_MILLI - 1);

/// Milliseconds since then, 49 days at most.
pub(super) const fn unheard(heard_at: u32, now: Instant) -> u64 {
    clock_millis(now).wrapping_sub(heard_at) as u64
}

// It lies an interval ahead at most, or it is past: then it does not matter when it was.
fn challenge_at(millis: u32, config: &Config, now: Instant) -> Instant {
    let left = u64::from(millis.wrapping_sub(clock_millis(now)));
    // Both ends of it were cut to milliseconds.
    if u128::from(left) <= config.challenge_interval.as_millis() + 2 {
        Instant::from_nanos((now.as_millis() + left) * NANOS_PER_MILLI)
    } else {
        Instant::ZERO
    }
}
