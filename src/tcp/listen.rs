//! SEGMENT ARRIVES where there is no connection: CLOSED and LISTEN (RFC 9293 §3.10.7.1-2).
//!
//! Nothing here remembers anything but the block that a SYN to a listener makes.

use super::congestion::Congestion;
use super::keep_alive::clock_millis;
use super::reassembly::Reassembly;
use super::rto::Rto;
use super::settings::Settings;
use super::tcb::{Flags, TimestampState};
use super::{Context, Open, Rcv, Snd, State, Tcb};
use crate::drop_reason::DropReason;
use crate::time::Instant;
use crate::wire::{Ctl, Options, Segment, Seq};

/// The reset that answers a segment for no connection (RFC 9293 §3.10.7.1); `None` when it is a
/// reset itself.
#[must_use]
pub fn reset_for(seg: &Segment) -> Option<Segment> {
    if seg.ctl.rst {
        return None;
    }
    Some(if seg.ctl.ack {
        reset_at(seg.ack)
    } else {
        // <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
        Segment {
            ack: seg.seq + seg.len(),
            ctl: Ctl::RST_ACK,
            ..Segment::default()
        }
    })
}

/// `<SEQ=seq><CTL=RST>`
pub(super) fn reset_at(seq: Seq) -> Segment {
    Segment {
        seq,
        ctl: Ctl::RST,
        ..Segment::default()
    }
}

/// What a listener makes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listened {
    /// A SYN: make a block for it with [`Tcb::on_syn`].
    Syn,
    /// Answer with this reset.
    Reset(Segment),
    /// Do nothing.
    Drop(DropReason),
}

/// SEGMENT ARRIVES in LISTEN (RFC 9293 §3.10.7.2).
#[inline]
#[must_use]
pub fn on_listen(seg: &Segment) -> Listened {
    // first, RST
    if seg.ctl.rst {
        return Listened::Drop(DropReason::NoListener);
    }
    // second, ACK
    if seg.ctl.ack {
        return Listened::Reset(reset_at(seg.ack));
    }
    // third, SYN
    if seg.ctl.syn {
        return Listened::Syn;
    }
    // fourth, other text or control
    Listened::Drop(DropReason::NoListener)
}

impl Tcb {
    /// A SYN arrived for a listener: the block of the connection, in SYN-RECEIVED, with its
    /// SYN-ACK waiting in [`Tcb::next_segment`]. Text on the SYN is not taken: it is not
    /// acknowledged, so the peer sends it again once it is proven.
    #[must_use]
    pub fn on_syn(seg: &Segment, iss: Seq, ts_offset: u32, cx: &Context<'_>) -> Self {
        let mut tcb = Self::new(Open::Passive, State::SynReceived, iss, ts_offset, cx);
        tcb.take_syn(seg, cx);
        tcb
    }

    /// A block that knows only our own side.
    pub(super) fn new(
        open: Open,
        state: State,
        iss: Seq,
        ts_offset: u32,
        cx: &Context<'_>,
    ) -> Self {
        let mss = default_mss(cx.is_v4);
        Self {
            state,
            open,
            flags: Flags::default(),
            snd: Snd {
                una: iss,
                nxt: iss,
                rtx: iss,
                mss,
                ..Snd::default()
            },
            rcv: Rcv::default(),
            ts: TimestampState {
                offset: ts_offset,
                ..TimestampState::default()
            },
            congestion: Congestion::new(mss, iss),
            rtx_at: Instant::NEVER,
            ack_at: Instant::NEVER,
            life_at: Instant::NEVER,
            challenge_at: Instant::ZERO,
            reassembly: Reassembly::default(),
            rto: Rto::new(cx.config),
            iss,
            irs: Seq(0),
            heard_at: clock_millis(cx.now),
            stalled_at: clock_millis(cx.now),
            resent: 0,
            probes: 0,
            settings: Settings::default(),
            icmp: None,
            rtt_seq: iss,
            rtt_at: Instant::ZERO,
        }
    }

    /// The peer's SYN, with or without ACK: its sequence number, window and options.
    pub(super) fn take_syn(&mut self, seg: &Segment, cx: &Context<'_>) {
        self.irs = seg.seq;
        self.rcv.nxt = seg.seq + 1;
        self.rcv.acked = self.rcv.nxt;
        self.rcv.edge = self.rcv.nxt + cx.config.receive_buffer;
        self.snd.wnd = seg.wnd.into(); // never scaled in a SYN (RFC 7323 §2.2)
        self.snd.wnd_max = self.snd.wnd;
        self.snd.wl1 = seg.seq;
        self.snd.wl2 = seg.ack;
        self.take_options(&seg.options, cx);
        self.congestion = Congestion::new(self.snd.mss, self.iss);
    }

    fn take_options(&mut self, theirs: &Options, cx: &Context<'_>) {
        let config = cx.config;
        if let Some(shift) = theirs.window_scale.filter(|_| config.window_scale) {
            self.flags.set(Flags::SCALING);
            self.snd.shift = shift;
            self.rcv.shift = config.window_shift();
        } else {
            // Without scaling no window passes 64 KiB.
            let edge = config.receive_buffer.min(u16::MAX.into());
            self.rcv.edge = self.rcv.nxt + edge;
        }
        if let Some(ts) = theirs.timestamps.filter(|_| config.timestamps) {
            self.flags.set(Flags::TIMESTAMPS);
            self.ts.recent = ts.val;
            self.ts.recent_at = seconds(cx.now);
        }
        if theirs.sack_permitted && config.sack {
            self.flags.set(Flags::SACK);
        }
        // MUST-15, MUST-16; the options of every segment come off what is left (RFC 6691 §3).
        let send_mss = theirs.mss.unwrap_or(default_mss(cx.is_v4));
        let mss = send_mss.min(self.offered_mss(cx)).max(MSS_MIN);
        let options = if self.has_timestamps() { 12 } else { 0 };
        self.snd.mss = mss - options;
    }
}

/// A peer that announces less than this gets this: a tiny MSS would make us send a header for
/// each few octets, an amplifier (the value is the one that Linux refuses to go below).
pub(super) const MSS_MIN: u16 = 48;

const fn default_mss(is_v4: bool) -> u16 {
    if is_v4 { 536 } else { 1220 }
}

/// Seconds of the shard's clock, for times that are compared over days.
pub(super) const fn seconds(now: Instant) -> u32 {
    (now.as_millis() / 1000) as u32
}
