//! For those who begin connections, or hold them from outside: to find one again, to let its
//! service run unasked, to read and write, to end it.

use super::Shard;
use crate::nic::Port;
use crate::service::{Asked, Conn, Service};
use crate::table::Handle;
use crate::tcp::{Actions, State};
use crate::time::Instant;
use crate::wire::FourTuple;
use core::any::Any;

/// Text of a connection that waits, and whether more may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Octets in order from the peer that the user has not read.
    pub unread: usize,
    /// Octets to the peer that it has not acknowledged.
    pub unacknowledged: usize,
    /// May the user still send?
    pub is_send_open: bool,
    /// Is the peer's FIN behind what is unread?
    pub is_complete: bool,
}

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

    /// What waits on a connection that reached ESTABLISHED.
    #[must_use]
    pub fn waiting(&self, handle: Handle) -> Option<Waiting> {
        let connection = self.table.get(handle).filter(|c| c.is_open)?;
        Some(Waiting {
            unread: connection.received.len(),
            unacknowledged: connection.to_send.len(),
            is_send_open: connection.tcb.is_send_open(),
            is_complete: connection.tcb.is_peer_finished(),
        })
    }

    /// Reads from a connection, writes to it, asks for its end, outside of its service's calls.
    /// `None` before ESTABLISHED, and when its user has no connection any more.
    pub fn with_connection<T>(
        &mut self,
        handle: Handle,
        now: Instant,
        body: impl FnOnce(&mut Conn<'_>) -> T,
    ) -> Option<T> {
        let before = self.state_at(handle)?;
        let answer = self.call(handle, false, None, now, |_, conn| body(conn));
        self.settle(handle, before, None, now);
        answer
    }

    /// CLOSE, in whatever state the connection is (RFC 9293 §3.10.4): our side alone, or with
    /// `both` the peer's too, whose text is then answered by a reset (SHLD-3).
    pub fn close(&mut self, handle: Handle, both: bool, now: Instant) {
        let Some(before) = self.state_at(handle) else {
            return;
        };
        let asked = Asked {
            finish: !both,
            close: both,
            ..Asked::default()
        };
        self.fulfil(handle, asked, now);
        self.settle(handle, before, None, now);
    }

    /// Aborts every connection and forgets it, TIME-WAIT as well: the shard is as it was at first,
    /// but for its listeners. Departs from MUST-13 on purpose: for tests that follow each other.
    pub fn forget_all(&mut self, now: Instant) {
        let all: Vec<Handle> = self.table.iter().map(|(handle, ..)| handle).collect();
        for handle in all {
            if !self.abort(handle, now) {
                self.forget(handle, State::TimeWait, now);
            }
        }
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
