//! For those who begin connections: to find one again, to let its service run unasked, to end it.

use super::Shard;
use crate::nic::Port;
use crate::service::Service;
use crate::table::Handle;
use crate::tcp::{Actions, State};
use crate::time::Instant;
use crate::wire::FourTuple;
use core::any::Any;

impl<P: Port> Shard<P> {
    /// The service of this number, when it is a `T`: for what it has learned.
    pub fn service_mut<T: Service>(&mut self, number: u16) -> Option<&mut T> {
        let service: &mut dyn Any = self.services.get_mut(usize::from(number))?.as_mut();
        service.downcast_mut()
    }

    /// The connection between these ends.
    #[must_use]
    pub fn handle_of(&self, tuple: &FourTuple) -> Option<Handle> {
        self.table.find(self.table.hash(tuple), tuple)
    }

    /// Where a connection stands; `None` when there is none any more.
    #[must_use]
    pub fn state_at(&self, handle: Handle) -> Option<State> {
        self.table.get(handle).map(|c| c.tcb.state())
    }

    /// The words that a connection's service remembers it by.
    pub fn user_mut(&mut self, handle: Handle) -> Option<&mut [u64; 2]> {
        self.table.get_mut(handle).map(|c| &mut c.user)
    }

    /// Lets the service of a connection run although nothing arrived for it. Nothing happens
    /// before ESTABLISHED, and when there is no connection any more.
    pub fn nudge(&mut self, handle: Handle, now: Instant) {
        let Some(before) = self.state_at(handle) else {
            return;
        };
        self.call_service(handle, false, None, now);
        self.settle(handle, before, None, now);
    }

    /// ABORT (RFC 9293 §3.10.5). `false` when nothing was left to abort: no connection, or one in
    /// TIME-WAIT, which nobody may cut short (MUST-13).
    pub fn abort(&mut self, handle: Handle, now: Instant) -> bool {
        let Some(connection) = self.table.get_mut(handle) else {
            return false;
        };
        let before = connection.tcb.state();
        if before == State::TimeWait {
            return false;
        }
        let mut out = Actions::default();
        connection.tcb.on_abort(&mut out);
        self.act(handle, before, &out, None, now);
        true
    }
}
