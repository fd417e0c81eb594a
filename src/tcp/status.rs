//! STATUS (RFC 9293 §3.10.6): all that a user may want to know of a connection, for people and for
//! interfaces like Linux's `TCP_INFO`.

use super::{Context, Open, State, Tcb};
use crate::time::Duration;
use crate::wire::IcmpKind;

/// How much the congestion control trusts the path, by the names that Linux has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nothing is amiss.
    Open,
    /// Duplicate ACKs came: text was lost, or overtaken.
    Disorder,
    /// Fast recovery goes on (RFC 6582).
    Recovery,
    /// The retransmission timer ran out, and nothing was acknowledged since.
    Loss,
}

/// A snapshot of one connection. Octets, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where it stands.
    pub state: State,
    /// Who began it.
    pub open: Open,
    /// How well the path does.
    pub trust: Trust,
    /// Timestamps were agreed on.
    pub has_timestamps: bool,
    /// Window scaling was agreed on.
    pub has_window_scale: bool,
    /// SACK-permitted was said by both.
    pub is_sack_permitted: bool,
    /// Shift of the peer's window field.
    pub snd_shift: u8,
    /// Shift of ours.
    pub rcv_shift: u8,
    /// Timeouts in a row since something was acknowledged.
    pub retransmits: u8,
    /// Doublings of the RTO in force.
    pub backoff: u8,
    /// Probes in a row without answer, of a closed window or of an idle peer.
    pub probes: u8,
    /// Segments sent again since the connection began; it stops at 65,535.
    pub resent: u16,
    /// The retransmission timeout, back-off included.
    pub rto: Duration,
    /// Smoothed round-trip time, once there is one.
    pub srtt: Option<Duration>,
    /// Its variation.
    pub rttvar: Duration,
    /// Effective send MSS: text of a full segment, options taken off.
    pub snd_mss: u16,
    /// Text of a full segment from the peer, as far as our MSS option lets it.
    pub rcv_mss: u16,
    /// The MSS option that we send.
    pub advertised_mss: u16,
    /// Congestion window.
    pub cwnd: u32,
    /// Slow start threshold; `None` before the first loss.
    pub ssthresh: Option<u32>,
    /// SND.WND
    pub snd_wnd: u32,
    /// RCV.WND
    pub rcv_wnd: u32,
    /// Sequence numbers sent and not acknowledged: text, SYN and FIN.
    pub unacknowledged: u32,
    /// Full segments, the last perhaps a smaller one, that these make.
    pub unacknowledged_segments: u32,
    /// Text queued and never sent.
    pub unsent: u32,
    /// Text in order that the user has not read.
    pub unread: u32,
    /// Octets up to the end of urgent data; 0 when there is none (MUST-33).
    pub urgent: u32,
    /// Time since the peer was last heard.
    pub unheard: Duration,
    /// The last ICMP error that did not end the connection (SHLD-25).
    pub icmp: Option<IcmpKind>,
}

impl Tcb {
    /// STATUS.
    #[must_use]
    pub fn status(&self, cx: &Context<'_>) -> Status {
        let unacknowledged = self.snd.nxt - self.snd.una;
        let options = if self.has_timestamps() { 12 } else { 0 };
        let advertised_mss = self.offered_mss(cx);
        Status {
            state: self.state,
            open: self.open,
            trust: self.trust(),
            has_timestamps: self.has_timestamps(),
            has_window_scale: self.has_window_scale(),
            is_sack_permitted: self.is_sack_permitted(),
            snd_shift: self.snd.shift,
            rcv_shift: self.rcv.shift,
            retransmits: if self.is_probing() {
                0
            } else {
                self.rto.timeouts
            },
            backoff: self.rto.backoff(),
            probes: if self.is_probing() {
                self.rto.timeouts
            } else {
                self.probes
            },
            resent: self.resent,
            rto: self.rto.timeout(cx.config),
            srtt: self.rto.srtt(),
            rttvar: self.rto.rttvar(),
            snd_mss: self.snd.mss,
            rcv_mss: advertised_mss - options,
            advertised_mss,
            cwnd: self.congestion.cwnd,
            ssthresh: self.congestion.ssthresh(),
            snd_wnd: self.snd.wnd,
            rcv_wnd: self.window(),
            unacknowledged,
            unacknowledged_segments: unacknowledged.div_ceil(self.snd.mss.into()),
            unsent: self.unsent(),
            unread: self.rcv.unread,
            urgent: self.urgent(),
            unheard: super::keep_alive::since(self.heard_at, cx.now),
            icmp: self.icmp,
        }
    }

    fn trust(&self) -> Trust {
        if self.congestion.in_recovery() {
            Trust::Recovery
        } else if self.rto.timeouts > 0 && !self.is_probing() {
            Trust::Loss
        } else if self.congestion.dup_acks() > 0 {
            Trust::Disorder
        } else {
            Trust::Open
        }
    }

    // Does the timer wait for a window, not for an acknowledgment?
    fn is_probing(&self) -> bool {
        self.snd.wnd == 0 && !self.is_syn_out()
    }
}
