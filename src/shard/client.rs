//! For those who begin connections, or hold them from outside: to find one again, to let its
//! service run unasked, to read and write, to choose for it, to look at it, to end it.
//!
//! Whoever calls a connection at rest has it woken. Where as many are at work as may be
//! ([`ShardConfig::at_work`](super::ShardConfig::at_work)) the call finds none, but for ABORT.

use super::connection::Place;
use super::rest::Why;
use super::{Shard, context};
use crate::nic::Port;
use crate::service::{Conn, Service};
use crate::table::Handle;
use crate::tcp::{Actions, Context, Settings, State, Status, Tcb};
use crate::time::{Duration, Instant};
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

    /// The connection between these ends. When it enters TIME-WAIT it gets another handle, and when
    /// its 2 MSL begin anew.
    #[must_use]
    pub fn handle_of(&self, tuple: &FourTuple) -> Option<Handle> {
        self.table.find(self.table.hash(tuple), tuple)
    }

    /// Where a connection stands; `None` when there is none any more.
    #[must_use]
    pub fn state_at(&self, handle: Handle) -> Option<State> {
        if handle.is_retired() {
            return self.table.retired(handle).map(|_| State::TimeWait);
        }
        match self.table.get(handle)? {
            Place::AtWork(place) => self.at_work.at(*place).map(|c| c.tcb.state()),
            Place::AtRest(rest) => Some(rest.tcb.state()),
        }
    }

    /// The words that a connection's service remembers it by.
    pub fn user_mut(&mut self, handle: Handle) -> Option<&mut [u64; 2]> {
        match self.table.get_mut(handle)? {
            Place::AtWork(place) => self.at_work.at_mut(*place).map(|c| &mut c.user),
            Place::AtRest(rest) => Some(&mut rest.user),
        }
    }

    /// Lets the service of a connection run although nothing arrived for it. Nothing happens
    /// before ESTABLISHED. `false` when there is no such connection.
    pub fn nudge(&mut self, handle: Handle, now: Instant) -> bool {
        let Some(seat) = self.wake(handle, Why::ToWork, now) else {
            return self.is_over(handle);
        };
        let before = self.at_work[seat].tcb.state();
        self.call_service(seat, false, None, now);
        self.settle(seat, before, None, now);
        true
    }

    /// What waits on a connection that reached ESTABLISHED.
    #[must_use]
    pub fn waiting(&self, handle: Handle) -> Option<Waiting> {
        let (is_open, waiting) = match self.table.get(handle)? {
            Place::AtWork(place) => {
                let connection = self.at_work.at(*place)?;
                let waiting = Waiting {
                    unread: connection.received.len(),
                    unacknowledged: connection.to_send.len(),
                    is_send_open: connection.tcb.is_send_open(),
                    is_complete: connection.tcb.is_peer_finished(),
                };
                (connection.is_open, waiting)
            }
            Place::AtRest(rest) => {
                let waiting = Waiting {
                    unread: 0,
                    unacknowledged: 0,
                    is_send_open: rest.tcb.is_send_open(),
                    is_complete: rest.tcb.is_peer_finished(),
                };
                (self.word(handle)?.is_open, waiting)
            }
        };
        is_open.then_some(waiting)
    }

    /// Reads from a connection, writes to it, asks for its end, outside of its service's calls.
    /// `None` before ESTABLISHED, and when its user has no connection any more.
    pub fn with_connection<T>(
        &mut self,
        handle: Handle,
        now: Instant,
        body: impl FnOnce(&mut Conn<'_>) -> T,
    ) -> Option<T> {
        let seat = self.wake(handle, Why::ToWork, now)?;
        let before = self.at_work[seat].tcb.state();
        let answer = self.call(seat, false, None, now, |_, conn| body(conn));
        self.settle(seat, before, None, now);
        answer
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
        while let Some(handle) = self.table.oldest() {
            self.forget_record(handle, now);
        }
    }

    /// What was chosen for a connection; of one in TIME-WAIT, how its segments leave.
    #[must_use]
    pub fn settings(&self, handle: Handle) -> Option<Settings> {
        if let Some((_, tcb)) = self.woken(handle, Instant::ZERO) {
            return Some(*tcb.settings());
        }
        match self.table.get(handle)? {
            Place::AtWork(place) => self.at_work.at(*place).map(|c| *c.tcb.settings()),
            Place::AtRest(_) => self.class_at_rest(handle).map(|class| class.settings),
        }
    }

    /// The octet of the IP header that holds DSCP and ECN, of the last segment that the peer sent
    /// and the connection took (MAY-9); 0 before there was one. `None` when it is over.
    #[must_use]
    pub fn received_tos(&self, handle: Handle) -> Option<u8> {
        match self.table.get(handle)? {
            Place::AtWork(place) => self.at_work.at(*place).map(|c| c.tos),
            Place::AtRest(_) => self.word(handle).map(|word| word.tos),
        }
    }

    /// Chooses anew for a connection; before the next breath after [`Shard::open`], for its SYN
    /// too. `false` when there is no such connection; in TIME-WAIT nothing changes.
    pub fn set(&mut self, handle: Handle, settings: Settings, now: Instant) -> bool {
        self.on_call(handle, Why::ToWork, now, |tcb, cx, _| {
            tcb.set(settings, cx);
        })
    }

    /// STATUS (RFC 9293 §3.10.6).
    #[must_use]
    pub fn status(&self, handle: Handle, now: Instant) -> Option<Status> {
        if let Some((tuple, tcb)) = self.woken(handle, now) {
            return Some(tcb.status(&context(&self.config.tcp, &tuple, now)));
        }
        let tuple = self.table.tuple(handle)?;
        let cx = context(&self.config.tcp, &tuple, now);
        Some(self.tcb(handle, now)?.status(&cx))
    }

    /// CLOSE by a user who reads on (RFC 9293 §3.10.4): no more text will be sent. `false` when
    /// there is no such connection.
    pub fn finish(&mut self, handle: Handle, now: Instant) -> bool {
        self.on_call(handle, Why::ToWork, now, Tcb::on_close)
    }

    /// CLOSE by a user who is gone. Without `linger` what is queued goes out in the background, and
    /// text that comes is answered by a reset (SHLD-3). With a `linger` of nothing it is an ABORT;
    /// with a longer one it is given up when the peer acknowledges nothing for so long. `false`
    /// when there is no such connection, or one in TIME-WAIT that is to be aborted.
    pub fn close(&mut self, handle: Handle, linger: Option<Duration>, now: Instant) -> bool {
        if linger == Some(Duration::ZERO) {
            return self.abort(handle, now);
        }
        self.on_call(handle, Why::ToWork, now, |tcb, cx, out| {
            if let Some(linger) = linger {
                tcb.set_linger(linger, cx);
            }
            tcb.on_close_both(cx, out);
        })
    }

    // Is it in TIME-WAIT? "Connection closing": there is nothing left that a call could change.
    fn is_over(&self, handle: Handle) -> bool {
        handle.is_retired() && self.table.retired(handle).is_some()
    }

    // A call of the user's on one connection, and all that follows from it.
    fn on_call(
        &mut self,
        handle: Handle,
        why: Why,
        now: Instant,
        call: impl FnOnce(&mut Tcb, &Context<'_>, &mut Actions),
    ) -> bool {
        let Some(seat) = self.wake(handle, why, now) else {
            return self.is_over(handle);
        };
        let connection = &mut self.at_work[seat];
        let before = connection.tcb.state();
        let mut out = Actions::default();
        let cx = context(&self.config.tcp, &connection.tuple, now);
        call(&mut connection.tcb, &cx, &mut out);
        self.act(seat, before, &out, None, now);
        true
    }

    /// ABORT (RFC 9293 §3.10.5). `false` when nothing was left to abort: no connection, or one in
    /// TIME-WAIT, which nobody may cut short (MUST-13).
    pub fn abort(&mut self, handle: Handle, now: Instant) -> bool {
        if self.state_at(handle) == Some(State::TimeWait) {
            return false;
        }
        self.on_call(handle, Why::ToEnd, now, |tcb, _, out| tcb.on_abort(out))
    }
}
