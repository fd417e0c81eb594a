//! Timers: what is due, bounded so that no breath takes long.

use super::{Shard, context};
use crate::limits::BURST_FRAMES;
use crate::nic::Port;
use crate::tcp::Actions;
use crate::time::Instant;
use arrayvec::ArrayVec;

impl<P: Port> Shard<P> {
    /// Runs what is due. Says whether more is.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let mut due = ArrayVec::<u32, BURST_FRAMES>::new();
        // TIME-WAIT last: nobody waits for its end, however many end at once.
        let mut more = self.wheel.expire(now, &mut due);
        more |= self.time_wait.expire(now, &mut due);
        for slot in due {
            let Some(handle) = self.table.handle_at(slot) else {
                continue;
            };
            let Some((tuple, connection)) = self.at_work.entry_mut(&self.table, handle) else {
                continue;
            };
            let before = connection.tcb.state();
            let mut out = Actions::default();
            let cx = context(&self.config.tcp, &tuple, now);
            connection.tcb.on_timeout(&cx, &mut out);
            self.act(handle, before, &out, None, now);
        }
        more
    }
}
