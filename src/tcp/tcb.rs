//! The transmission control block: all that is remembered of one connection (RFC 9293 §3.3.1).

use super::congestion::Congestion;
use super::reassembly::Reassembly;
use super::rto::Rto;
use super::settings::Settings;
use crate::time::Instant;
use crate::wire::{Ctl, IcmpKind, SackBlock, Seq};

/// Where a connection stands (RFC 9293 §3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// No connection. The shard frees the slot when it sees this.
    Closed,
    /// Waiting for a SYN. Listeners have no block: no [`Tcb`] is ever in this state.
    Listen,
    /// Our SYN is out.
    SynSent,
    /// SYN seen and answered; ours not yet acknowledged.
    SynReceived,
    /// Text flows both ways.
    Established,
    /// We closed first; our FIN is not yet acknowledged.
    FinWait1,
    /// We closed first; our FIN is acknowledged.
    FinWait2,
    /// The peer closed first; our user has not closed.
    CloseWait,
    /// Both closed at once; our FIN is not yet acknowledged.
    Closing,
    /// The peer closed first, then we did; our FIN is not yet acknowledged.
    LastAck,
    /// Both FINs are acknowledged; old segments are left to die.
    TimeWait,
}

impl State {
    /// All eleven, in the order of RFC 9293 §3.3.2.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];

    /// The RFC's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        }
    }
}

/// Who began the connection. MUST-11: SYN-RECEIVED remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// We sent the first SYN.
    Active,
    /// The peer sent the first SYN.
    Passive,
}

/// Send sequence variables: `tcb.snd.una` is SND.UNA.
///
/// The send queue holds `queued` octets, the first of them at SND.UNA (behind our SYN while that
/// is not acknowledged); a FIN, once the user has closed, stands behind the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snd {
    /// Oldest octet not yet acknowledged.
    pub una: Seq,
    /// Next octet to send for the first time.
    pub nxt: Seq,
    /// Next octet to send again; equal to `nxt` when nothing is.
    pub rtx: Seq,
    /// Window the peer offers, scaled.
    pub wnd: u32,
    /// Largest window that the peer ever offered (MAX.SND.WND of RFC 5961 §5.2).
    pub wnd_max: u32,
    /// SEG.SEQ of the last window update.
    pub wl1: Seq,
    /// SEG.ACK of the last window update.
    pub wl2: Seq,
    /// First octet behind our urgent data (SND.UP, MUST-62), when there is some.
    pub up: Seq,
    /// Octets in the send queue, sent and unsent.
    pub queued: u32,
    /// Effective send MSS (MUST-16): largest text of a segment, options already taken off.
    pub mss: u16,
    /// Shift of the peer's window field.
    pub shift: u8,
}

/// Receive sequence variables: `tcb.rcv.nxt` is RCV.NXT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rcv {
    /// Next octet expected.
    pub nxt: Seq,
    /// Right edge of the window as offered to the peer: RCV.NXT + RCV.WND. Never moves left
    /// (SHLD-14).
    pub edge: Seq,
    /// Octets in order that the user has not read.
    pub unread: u32,
    /// First octet behind the peer's urgent data (RCV.UP, MUST-62), when there is some.
    pub up: Seq,
    /// The peer's FIN, when `Flags::FIN_SEEN`.
    pub fin: Seq,
    /// The last ACK we sent (Last.ACK.sent of RFC 7323 §4.3).
    pub acked: Seq,
    /// The peer's text that was sent in full-sized segments and is not yet acknowledged counts
    /// up to two (SHLD-19).
    pub full_segments: u8,
    /// Segments of text that were acknowledged at once because the connection was young.
    pub quick_acks: u8,
    /// Shift of our window field.
    pub shift: u8,
}

/// RFC 7323 §4.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TimestampState {
    /// TS.Recent
    pub(super) recent: u32,
    /// When TS.Recent was set, in seconds of the shard's clock (RFC 7323 §5.5).
    pub(super) recent_at: u32,
    /// Added to the clock, so that it tells nothing about the machine.
    pub(super) offset: u32,
}

/// Facts of a connection that are one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags(u16);

impl Flags {
    /// Timestamps were agreed on.
    pub(super) const TIMESTAMPS: u16 = 1;
    /// Window scaling was agreed on.
    pub(super) const SCALING: u16 = 1 << 1;
    /// The peer said SACK-permitted.
    pub(super) const SACK: u16 = 1 << 2;
    /// An ACK is to go out with this burst.
    pub(super) const ACK_NOW: u16 = 1 << 3;
    /// The user has closed: a FIN stands behind the send queue.
    pub(super) const FIN_QUEUED: u16 = 1 << 4;
    /// The user reads no more: text is answered by a reset (SHLD-3).
    pub(super) const RECEIVE_SHUT: u16 = 1 << 5;
    /// The peer's FIN has a place, `rcv.fin`, but text before it may be missing.
    pub(super) const FIN_SEEN: u16 = 1 << 6;
    /// A keep-alive is to go out with this burst.
    pub(super) const KEEP_ALIVE: u16 = 1 << 7;
    /// The oldest segment is to be sent again with this burst: fast retransmit.
    pub(super) const RESEND_ONE: u16 = 1 << 8;
    /// One octet is to be sent whatever the window says (MUST-36).
    pub(super) const PROBE: u16 = 1 << 9;
    /// `rtt_seq` is being timed.
    pub(super) const TIMING: u16 = 1 << 10;
    /// `rcv.up` is set, and the user has not read so far.
    pub(super) const URGENT_IN: u16 = 1 << 11;
    /// `snd.up` is set, and not yet acknowledged.
    pub(super) const URGENT_OUT: u16 = 1 << 12;
    /// In FIN-WAIT-1 with a SYN that is not acknowledged: the user closed in SYN-RECEIVED.
    pub(super) const SYN_OUT: u16 = 1 << 13;

    pub(super) const fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }

    pub(super) const fn set(&mut self, flag: u16) {
        self.0 |= flag;
    }

    pub(super) const fn clear(&mut self, flag: u16) {
        self.0 &= !flag;
    }

    /// Reads a flag and clears it.
    pub(super) const fn take(&mut self, flag: u16) -> bool {
        let was = self.has(flag);
        self.clear(flag);
        was
    }
}

/// Transmission control block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcb {
    // hot: every segment
    pub(super) state: State,
    pub(super) open: Open,
    pub(super) flags: Flags,
    /// Send side.
    pub snd: Snd,
    /// Receive side.
    pub rcv: Rcv,
    pub(super) ts: TimestampState,
    pub(super) congestion: Congestion,
    /// Retransmission, or zero-window probe.
    pub(super) rtx_at: Instant,
    /// Delayed ACK.
    pub(super) ack_at: Instant,
    pub(super) rto: Rto,
    /// When the peer was last heard, in milliseconds of the shard's clock.
    pub(super) heard_at: u32,
    /// Since when what is out, or waits for a window, makes no progress; the same clock.
    pub(super) stalled_at: u32,
    /// Segments sent again.
    pub(super) resent: u16,
    /// Keep-alives in a row without answer.
    pub(super) probes: u8,
    pub(super) settings: Settings,
    // cold: open, loss, close
    /// End of TIME-WAIT, or of FIN-WAIT-2 where nobody reads; else the next keep-alive.
    pub(super) life_at: Instant,
    /// The next challenge ACK may be sent at this moment.
    pub(super) challenge_at: Instant,
    pub(super) reassembly: Reassembly,
    /// The segment that is timed, when `Flags::TIMING`, and since when.
    pub(super) rtt_seq: Seq,
    pub(super) rtt_at: Instant,
    /// Our initial sequence number.
    pub(super) iss: Seq,
    /// The peer's.
    pub(super) irs: Seq,
    /// The last ICMP error that the connection outlived.
    pub(super) icmp: Option<IcmpKind>,
}

const _: () = assert!(size_of::<Tcb>() <= 240);

impl Tcb {
    /// Where the connection stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Who began it.
    #[must_use]
    pub const fn open(&self) -> Open {
        self.open
    }

    /// Did the peer say SACK-permitted, and we to it?
    #[must_use]
    pub const fn is_sack_permitted(&self) -> bool {
        self.flags.has(Flags::SACK)
    }

    /// Were timestamps agreed on?
    #[must_use]
    pub const fn has_timestamps(&self) -> bool {
        self.flags.has(Flags::TIMESTAMPS)
    }

    /// May the user still send?
    #[must_use]
    pub const fn is_send_open(&self) -> bool {
        matches!(
            self.state,
            State::SynSent | State::SynReceived | State::Established | State::CloseWait
        ) && !self.flags.has(Flags::FIN_QUEUED)
    }

    /// Has its user closed it both ways? Then there is nothing left to read or to write.
    #[must_use]
    pub const fn is_shut(&self) -> bool {
        self.flags.has(Flags::RECEIVE_SHUT)
    }

    /// Has the peer's FIN been reached?
    #[must_use]
    pub const fn is_peer_finished(&self) -> bool {
        matches!(
            self.state,
            State::CloseWait | State::Closing | State::LastAck | State::TimeWait
        )
    }

    /// Was window scaling agreed on?
    #[must_use]
    pub const fn has_window_scale(&self) -> bool {
        self.flags.has(Flags::SCALING)
    }

    /// Is text stored that waits for a hole before it to be filled?
    #[must_use]
    pub const fn has_stored(&self) -> bool {
        !self.reassembly.is_empty()
    }

    /// What a segment without text and with these control bits is to tell the peer beside its ACK:
    /// text that arrived ahead of a hole, when that was agreed on; the latest first (RFC 2018 §4).
    #[must_use]
    pub fn sack_blocks(&self, ctl: Ctl) -> &[SackBlock] {
        if self.is_sack_permitted() && ctl.ack && !ctl.syn && !ctl.rst {
            self.reassembly.ranges()
        } else {
            &[]
        }
    }

    /// Smoothed round-trip time, once there is one.
    #[must_use]
    pub fn srtt(&self) -> Option<crate::time::Duration> {
        self.rto.srtt()
    }

    /// The earliest of its timers; [`Instant::NEVER`] when none is armed.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.rtx_at.min(self.ack_at).min(self.life_at)
    }

    /// Where the first octet of the send queue stands: at SND.UNA, or behind our SYN.
    pub(super) fn queue_start(&self) -> Seq {
        self.snd.una + u32::from(self.is_syn_out())
    }

    /// Is our SYN not yet acknowledged?
    pub(super) const fn is_syn_out(&self) -> bool {
        matches!(self.state, State::SynSent | State::SynReceived) || self.flags.has(Flags::SYN_OUT)
    }

    /// Where our FIN stands, or will.
    pub(super) fn fin_seq(&self) -> Seq {
        self.queue_start() + self.snd.queued
    }

    /// Ends the connection for good.
    pub(super) const fn close_now(&mut self) {
        self.state = State::Closed;
        self.disarm_all();
    }

    pub(super) const fn disarm_all(&mut self) {
        self.rtx_at = Instant::NEVER;
        self.ack_at = Instant::NEVER;
        self.life_at = Instant::NEVER;
        self.probes = 0;
    }
}
