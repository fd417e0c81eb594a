//! Timers: what is due, bounded so that no breath takes long.

use super::connection::Place;
use super::rest::Why;
use super::{Shard, context};
use crate::limits::BURST_FRAMES;
use crate::nic::Port;
use crate::tcp::Actions;
use crate::time::{Duration, Instant};
use arrayvec::ArrayVec;

/// A timer of a connection at rest that finds no place at work tries again after so long.
const PLACE_AWAITED: Duration = Duration::from_millis(10);

impl<P: Port> Shard<P> {
    /// Runs what is due. Says whether more is.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let mut due = ArrayVec::<u32, BURST_FRAMES>::new();
        let mut more = self.expire_time_wait(now);
        more |= self.wheel.expire(now, &mut due);
        // All of it is called before any of it is waited for.
        for slot in &due {
            self.table.prefetch_at(*slot);
        }
        for slot in &due {
            self.call_at_work(*slot);
        }
        for &slot in &due {
            let Some(handle) = self.table.handle_at(slot) else {
                continue;
            };
            let why = match self.table.get(handle) {
                Some(Place::AtRest(rest)) if rest.tcb.is_over_when_due() => Why::IsOver,
                _ => Why::IsDue,
            };
            let Some(seat) = self.wake(handle, why, now) else {
                self.wheel.arm(slot, now + PLACE_AWAITED);
                continue;
            };
            let connection = &mut self.at_work[seat];
            let before = connection.tcb.state();
            let mut out = Actions::default();
            let cx = context(&self.config.tcp, &connection.tuple, now);
            connection.tcb.on_timeout(&cx, &mut out);
            self.act(seat, before, &out, None, now);
        }
        more
    }
}
