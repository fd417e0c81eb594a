//! A peer that begins anew where we still have a connection, and whose SYN we never saw: the XDP
//! program answered it by a cookie (`xdp/answer.h`).
//!
//! Had the SYN come here it would have been challenged, and the peer would have reset what it
//! knows nothing of (RFC 9293 §3.5.2, RFC 5961 §4.2); or it would have taken the place of a
//! TIME-WAIT (RFC 9293 §3.6.1). The third segment stands for both: who brings a cookie back has
//! received what went to the peer's address, as one has who answers a challenge.

use super::at_work::Seat;
use super::{Shard, context};
use crate::nic::Port;
use crate::table::Handle;
use crate::tcp::{Actions, State, Tcb};
use crate::time::Instant;
use crate::wire::{Packet, Seq};

impl<P: Port> Shard<P> {
    /// The connection found nothing to do with a segment. Is it the third of a new handshake? Then
    /// the old connection is ended as by a reset, and the listener and the MSS of the new one are
    /// returned.
    pub(super) fn begin_anew(
        &mut self,
        seat: Seat,
        packet: &Packet,
        before: State,
        now: Instant,
    ) -> Option<(u16, u16)> {
        let (listener, mss, seq) = self.brought_back(packet, now)?;
        let mut out = Actions::default();
        let cx = context(&self.config.tcp, &packet.tuple, now);
        let tcb = &mut self.at_work[seat].tcb;
        if !tcb.on_begun_anew(seq, &packet.segment, &cx, &mut out) {
            return None;
        }
        self.act(seat, before, &out, None, now);
        Some((listener, mss))
    }

    /// As [`Shard::begin_anew`], of a record of TIME-WAIT and the block that was made of it.
    pub(super) fn begin_anew_after(
        &mut self,
        handle: Handle,
        tcb: &mut Tcb,
        packet: &Packet,
        now: Instant,
    ) -> Option<(u16, u16)> {
        let (listener, mss, seq) = self.brought_back(packet, now)?;
        let seg = &packet.segment;
        let cx = context(&self.config.tcp, &packet.tuple, now);
        // Nobody is driven out for one that would be refused.
        let is_welcome =
            self.has_room_for(seg) && self.admit(listener, &packet.tuple.remote.address).is_ok();
        if !is_welcome || !tcb.on_begun_anew(seq, seg, &cx, &mut Actions::default()) {
            return None;
        }
        self.forget_record(handle, now);
        Some((listener, mss))
    }

    // The listener and the MSS of a cookie that the program made, and the number of its SYN.
    fn brought_back(&mut self, packet: &Packet, now: Instant) -> Option<(u16, u16, Seq)> {
        let seg = &packet.segment;
        let keys = self.cookies.check_for_others(now)?;
        if !seg.ctl.ack || seg.ctl.syn || seg.ctl.rst {
            return None;
        }
        let seq = Seq(seg.seq.0.wrapping_sub(1));
        let iss = Seq(seg.ack.0.wrapping_sub(1));
        let mss = keys.check(&packet.tuple, seq, iss).ok()?;
        let listener = self.listener_at(&packet.tuple.local)?;
        Some((listener, mss, seq))
    }
}
