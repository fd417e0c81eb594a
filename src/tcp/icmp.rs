//! ICMP errors about segments of ours (RFC 9293 §3.9.2.2; MUST-54), as far as one may believe them
//! (RFC 5927), and path MTU discovery (RFC 1191, RFC 8201).

use super::listen::MSS_MIN;
use super::{Actions, Context, End, Report, Tcb};
use crate::drop_reason::DropReason;
use crate::wire::{IcmpError, IcmpKind};

/// No path is believed to be narrower. Departs from RFC 1191 §3, which goes down to 68 octets: who
/// forges such an error would have us send a header for each few octets.
const MTU_MIN_V4: u16 = 552;
/// RFC 8201 §4: what says less is discarded.
const MTU_MIN_V6: u16 = 1280;

/// RFC 1191 §7.1: where the MTU of a path may lie that a router did not tell.
const PLATEAUS: [u16; 9] = [
    32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 576, MTU_MIN_V4,
];

impl Tcb {
    /// An ICMP error quotes a segment of this connection.
    pub fn on_icmp(&mut self, error: &IcmpError, cx: &Context<'_>, out: &mut Actions) {
        *out = Actions::default();
        // RFC 5927 §4.1: who did not see the segment cannot know what is in flight.
        if !self.snd.una.le(error.seq) || !error.seq.lt(self.snd.nxt) {
            out.dropped = Some(DropReason::IcmpIgnored);
            return;
        }
        match error.kind {
            IcmpKind::PacketTooBig(mtu) => {
                if !self.shrink_to(mtu, error.len, cx) {
                    out.dropped = Some(DropReason::IcmpIgnored);
                }
            }
            // SHLD-26. Departs from it in synchronized states, as RFC 5927 §5.2 advises: there, a
            // forged error must not do what a forged reset cannot.
            kind if kind.is_hard() && self.is_syn_out() => {
                self.close_now();
                out.ended = Some(End::Unreachable);
            }
            // MUST-56: not aborted; SHLD-25: the user is told.
            kind => {
                self.icmp = Some(kind);
                out.report = Some(Report::Icmp(kind));
            }
        }
    }

    // SHLD-6, RFC 1191 §3, RFC 8201 §4: smaller segments from here on, and what is out goes again
    // in them. It is no sign of congestion.
    fn shrink_to(&mut self, mtu: u16, quoted: u16, cx: &Context<'_>) -> bool {
        let (headers, mtu) = match (cx.is_v4, mtu) {
            (true, 0) => (40, plateau_below(quoted)),
            (true, mtu) => (40, mtu.max(MTU_MIN_V4)),
            (false, mtu) => (60, mtu),
        };
        // A router that refuses what it claims to let through lies.
        let is_true = mtu < quoted && (cx.is_v4 || mtu >= MTU_MIN_V6);
        let options = if self.has_timestamps() { 12 } else { 0 };
        let mss = mtu.saturating_sub(headers + options).max(MSS_MIN);
        if !is_true || mss >= self.snd.mss || self.is_syn_out() {
            return false;
        }
        self.snd.mss = mss;
        self.snd.rtx = self.snd.una;
        true
    }
}

fn plateau_below(quoted: u16) -> u16 {
    let below = PLATEAUS.into_iter().find(|plateau| *plateau < quoted);
    below.unwrap_or(MTU_MIN_V4)
}
