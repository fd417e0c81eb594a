//! ICMP errors about segments that this shard, or another of its mesh, has sent (MUST-54).

use super::arrive::hand_over;
use super::at_work::Seat;
use super::connection::Place;
use super::{Shard, context};
use crate::drop_reason::DropReason;
use crate::nic::{Frame, Port};
use crate::tcp::Actions;
use crate::time::Instant;
use crate::wire::IcmpError;

impl<P: Port> Shard<P> {
    /// Takes an error to the connection that caused it. The path back is not that of the
    /// connection's segments, so it may come by any queue.
    #[cold]
    pub(super) fn on_icmp(&mut self, error: &IcmpError, frame: Frame, now: Instant) {
        let hash = self.table.hash(&error.tuple);
        if let Some(mesh) = &self.mesh
            && let Some(owner) = mesh.other_owner(frame.queue(), hash)
        {
            let (port, counters) = (&mut self.port, &mut self.counters);
            return hand_over(mesh, owner, frame, port, counters);
        }
        let found = self.table.find(hash, &error.tuple);
        // At rest and in TIME-WAIT nothing is out that an error could be about.
        let place = found.and_then(|handle| Some((handle, self.table.get(handle)?)));
        let Some((handle, &Place::AtWork(place))) = place else {
            return self.refuse(frame, DropReason::IcmpIgnored);
        };
        let seat = Seat { handle, place };
        let connection = &mut self.at_work[seat];
        let before = connection.tcb.state();
        let mut out = Actions::default();
        let cx = context(&self.config.tcp, &error.tuple, now);
        connection.tcb.on_icmp(error, &cx, &mut out);
        match out.dropped {
            Some(reason) => self.counters.drops.count(reason),
            None => self.counters.icmp_errors += 1,
        }
        self.port.release(frame);
        self.act(seat, before, &out, None, now);
    }
}
