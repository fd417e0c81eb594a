//! The end of a socket: CLOSE and ABORT (RFC 9293 §3.10.4, §3.10.5).

use super::{Errno, Role, SocketId, Sockets};
use crate::nic::Port;
use crate::time::{Duration, Instant};

impl<P: Port> Sockets<P> {
    /// `close`: the socket is gone for its user, and only [`Sockets::state`] still answers for it.
    /// Text that is queued is still sent, with a FIN behind it. What was received and not read is
    /// lost, and so is what comes from now on: the peer learns of it by a reset (SHLD-3, RFC 2525
    /// §2.17). With a linger of zero it is an abort; with a longer one the connection is given up
    /// when the peer acknowledges nothing for so long, and no call waits for that. A listener
    /// aborts what nobody has accepted.
    ///
    /// # Errors
    /// EBADF: no such socket.
    pub fn close(&mut self, id: SocketId, now: Instant) -> Result<(), Errno> {
        let socket = self.socket_mut(id)?;
        let linger = socket.settings.linger;
        match &socket.role {
            Role::Idle => {}
            Role::Listener(_) => self.stop_listening(id, now),
            Role::Connection(connection) => {
                let is_lost = !connection.rest.is_empty();
                let handle = connection.handle;
                self.socket_mut(id)?.is_closed = true;
                if let Some(handle) = handle {
                    let linger = if is_lost {
                        Some(Duration::ZERO)
                    } else {
                        linger
                    };
                    // Nobody can come back to it, so where there is no place to finish from it is
                    // aborted, for which there always is one.
                    if !self.shard.close(handle, linger, now) {
                        self.shard.abort(handle, now);
                    }
                }
            }
        }
        self.part_with(id, now);
        Ok(())
    }

    /// ABORT: a reset, and the socket is gone. A TIME-WAIT is not cut short (MUST-13).
    ///
    /// # Errors
    /// EBADF: no such socket.
    pub fn abort(&mut self, id: SocketId, now: Instant) -> Result<(), Errno> {
        match &self.socket_mut(id)?.role {
            Role::Idle => {}
            Role::Listener(_) => self.stop_listening(id, now),
            Role::Connection(connection) => {
                let handle = connection.handle;
                self.socket_mut(id)?.is_closed = true;
                if let Some(handle) = handle {
                    self.shard.abort(handle, now);
                }
            }
        }
        self.part_with(id, now);
        Ok(())
    }

    /// Aborts everything and forgets everything, TIME-WAIT too: as after [`Sockets::new`].
    pub fn reset(&mut self, now: Instant) {
        for (endpoint, _) in self.listeners.drain() {
            self.shard.stop_listening(&endpoint);
        }
        self.shard.forget_all(now);
        self.notes().0.clear();
        let all: Vec<SocketId> = self.by_id.keys().copied().collect();
        for id in all {
            self.remove(id);
        }
        self.closed.clear();
    }

    /// Listens no more; connections that nobody has accepted are aborted.
    pub(super) fn stop_listening(&mut self, id: SocketId, now: Instant) {
        let Some(socket) = self.by_id.get_mut(&id) else {
            return;
        };
        let Role::Listener(listener) = core::mem::take(&mut socket.role) else {
            return;
        };
        for endpoint in listener.endpoints {
            self.listeners.remove(&endpoint);
            self.shard.stop_listening(&endpoint);
        }
        for waiting in listener.waiting {
            // It has not been closed, for nobody had it.
            let aborted = self.abort(waiting, now);
            debug_assert_eq!(aborted, Ok(()), "what waits is a socket");
        }
    }

    // The user has let go of it: it goes now, or with its connection.
    fn part_with(&mut self, id: SocketId, now: Instant) {
        if let Some(socket) = self.by_id.get_mut(&id) {
            socket.is_closed = true;
        }
        self.collect(now);
        if self.is_gone(id) {
            self.remove(id);
        } else {
            self.closed.push_back(id);
        }
        self.sweep();
    }

    // Looks at two of those that are closed: there is at most one more with each call, so they
    // cannot pile up.
    pub(super) fn sweep(&mut self) {
        for _ in 0..2 {
            let Some(id) = self.closed.pop_front() else {
                return;
            };
            if self.is_gone(id) {
                self.remove(id);
            } else {
                self.closed.push_back(id);
            }
        }
    }

    /// Was it closed, and has its connection come to its end?
    pub(super) fn is_gone(&self, id: SocketId) -> bool {
        self.by_id.get(&id).is_none_or(|socket| {
            let state = match &socket.role {
                Role::Connection(connection) => self.state_of(id, connection),
                Role::Idle | Role::Listener(_) => None,
            };
            socket.is_closed && state.is_none()
        })
    }

    fn remove(&mut self, id: SocketId) {
        let Some(socket) = self.by_id.remove(&id) else {
            return;
        };
        if let Some(local) = socket.local {
            self.ports.release(local.port, id);
        }
        if let Role::Connection(connection) = socket.role
            && self.owners.get(&connection.tuple) == Some(&id)
        {
            self.owners.remove(&connection.tuple);
        }
    }
}
