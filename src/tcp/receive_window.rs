//! RCV.WND: what the peer may send (RFC 9293 §3.8.6), with silly-window avoidance (§3.8.6.2.2).

use super::{Context, Tcb};
use crate::wire::Seq;

/// Octets that may arrive, and as much as decides how many more are offered.
#[derive(Clone, Copy)]
pub(super) struct ReceiveWindow {
    /// RCV.NXT
    pub(super) nxt: Seq,
    /// The first octet past the window. What was offered is never taken back.
    pub(super) edge: Seq,
    /// Octets that the user has not read.
    pub(super) unread: u32,
    /// Of our window field (RFC 7323 §2).
    pub(super) shift: u8,
}

impl ReceiveWindow {
    /// RCV.WND
    #[inline]
    pub(super) fn len(&self) -> u32 {
        if self.nxt.lt(self.edge) {
            self.edge - self.nxt
        } else {
            0
        }
    }

    /// MUST-39: it grows by a segment or half the buffer, or not at all; and by what its field can
    /// tell.
    #[inline]
    pub(super) fn step(&self, cx: &Context<'_>) -> u32 {
        let mss = u32::from(cx.config.mss(cx.is_v4));
        mss.min(cx.config.receive_buffer / 2).max(1 << self.shift)
    }

    /// Octets that might be offered beyond it.
    #[inline]
    pub(super) fn growth(&self, cx: &Context<'_>) -> u32 {
        let max = u32::from(u16::MAX) << self.shift;
        let free = cx.config.receive_buffer.saturating_sub(self.unread);
        free.min(max).saturating_sub(self.len())
    }

    /// Offers them, if they are worth it.
    #[inline]
    pub(super) fn grow(&mut self, cx: &Context<'_>) {
        let growth = self.growth(cx);
        if growth >= self.step(cx) {
            self.edge = self.edge + growth;
        }
    }

    /// The field that tells it, rounded down; not that of a SYN.
    #[inline]
    pub(super) fn field(&self) -> u16 {
        (self.len() >> self.shift).min(u16::MAX.into()) as u16
    }
}

impl Tcb {
    /// RCV.WND: octets past RCV.NXT that the peer may send; none while the user does not read, for
    /// as long as that takes (MAY-8). The window field rounds it down by
    /// the shift; what any earlier field offered is still within (RFC 7323 §2.4).
    #[must_use]
    pub fn window(&self) -> u32 {
        self.receive_window().len()
    }

    #[inline]
    pub(super) const fn receive_window(&self) -> ReceiveWindow {
        ReceiveWindow {
            nxt: self.rcv.nxt,
            edge: self.rcv.edge,
            unread: self.rcv.unread,
            shift: self.rcv.shift,
        }
    }
}
