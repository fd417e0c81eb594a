//! What can be asked of a socket: its state, its readiness, its error, its names.

use super::{Connection, Errno, Phase, Readiness, Role, SocketId, Sockets};
use crate::nic::Port;
use crate::table::Handle;
use crate::tcp::State;
use crate::wire::{Address, Endpoint};

impl<P: Port> Sockets<P> {
    /// Where its connection stands; LISTEN for a listener, CLOSED where there is no connection.
    /// It answers for sockets that were closed as well, so TIME-WAIT can be seen.
    ///
    /// # Errors
    /// EBADF: there never was such a socket.
    pub fn state(&self, id: SocketId) -> Result<State, Errno> {
        if id.0 >= self.next {
            return Err(Errno::EBADF);
        }
        Ok(match self.by_id.get(&id).map(|socket| &socket.role) {
            Some(Role::Connection(connection)) => {
                self.state_of(id, connection).unwrap_or(State::Closed)
            }
            Some(Role::Listener(_)) => State::Listen,
            Some(Role::Idle) | None => State::Closed,
        })
    }

    /// Its connection, for what [`Sockets::shard`] knows of it; `None` where there never was one.
    /// It answers for sockets that were closed as well, until their connection is gone.
    ///
    /// # Errors
    /// EBADF: there is no such socket any more.
    pub fn handle(&self, id: SocketId) -> Result<Option<Handle>, Errno> {
        match &self.by_id.get(&id).ok_or(Errno::EBADF)?.role {
            Role::Connection(connection) => Ok(self.handle_of(id, connection)),
            Role::Idle | Role::Listener(_) => Ok(None),
        }
    }

    /// Its handle: another one since it is in TIME-WAIT. A connection that came after it between
    /// the same ends is another socket's.
    pub(super) fn handle_of(&self, id: SocketId, connection: &Connection) -> Option<Handle> {
        let handle = connection.handle?;
        if self.shard.state_at(handle).is_some() {
            return Some(handle);
        }
        let retired = self.shard.handle_of(&connection.tuple);
        let retired = retired.filter(|_| self.owners.get(&connection.tuple) == Some(&id));
        retired.filter(|it| it.is_retired()).or(Some(handle))
    }

    /// Where the connection of a socket stands.
    pub(super) fn state_of(&self, id: SocketId, connection: &Connection) -> Option<State> {
        self.shard.state_at(self.handle_of(id, connection)?)
    }

    /// `poll`: what can be done without waiting.
    ///
    /// # Errors
    /// EBADF: no such socket.
    pub fn poll(&mut self, id: SocketId) -> Result<Readiness, Errno> {
        self.socket_mut(id)?;
        let socket = &self.by_id[&id];
        let mut ready = Readiness::when(socket.error.is_some(), Readiness::ERR);
        ready |= match &socket.role {
            Role::Idle => Readiness::OUT | Readiness::HUP,
            Role::Listener(it) => Readiness::when(!it.waiting.is_empty(), Readiness::IN),
            Role::Connection(it) if it.phase == Phase::Connecting => Readiness::NONE,
            Role::Connection(it) => self.ready(it, socket.settings.send_buffer),
        };
        // An error is told by whatever is tried.
        if ready.has(Readiness::ERR) {
            ready |= Readiness::IN | Readiness::OUT;
        }
        Ok(ready)
    }

    fn ready(&self, connection: &Connection, send_buffer: Option<u32>) -> Readiness {
        let is_over = connection.phase == Phase::Over;
        let waiting = connection.handle.and_then(|it| self.shard.waiting(it));
        let waiting = waiting.filter(|_| !is_over);
        let is_read_over = connection.is_complete || connection.is_read_shut || is_over;
        let is_write_over = connection.is_write_shut || is_over;
        let has_text =
            !connection.rest.is_empty() || waiting.is_some_and(|waiting| waiting.unread > 0);
        let has_room = waiting.is_some_and(|waiting| {
            let own = self.shard.config().tcp.send_buffer;
            let limit = send_buffer.map_or(own, |n| n.min(own));
            waiting.unacknowledged < limit as usize
        });
        Readiness::when(has_text || is_read_over, Readiness::IN)
            | Readiness::when(is_read_over, Readiness::RDHUP)
            | Readiness::when(has_room || is_write_over, Readiness::OUT)
            | Readiness::when(is_read_over && is_write_over, Readiness::HUP)
    }

    /// `SO_ERROR`: what went wrong and was not told yet; it is now.
    ///
    /// # Errors
    /// EBADF: no such socket.
    pub fn error(&mut self, id: SocketId) -> Result<Option<Errno>, Errno> {
        Ok(self.socket_mut(id)?.error.take())
    }

    /// `getsockname`; `None` when it is not bound.
    ///
    /// # Errors
    /// EBADF: no such socket.
    pub fn local(&mut self, id: SocketId) -> Result<Option<Endpoint>, Errno> {
        let socket = self.socket_mut(id)?;
        Ok(match &socket.role {
            Role::Connection(connection) => Some(connection.tuple.local),
            Role::Idle | Role::Listener(_) => socket.local,
        })
    }

    /// `getpeername`.
    ///
    /// # Errors
    /// EBADF: no such socket. ENOTCONN: it has no connection that was open.
    pub fn peer(&mut self, id: SocketId) -> Result<Endpoint, Errno> {
        let connection = self.connection_mut(id)?;
        match connection.phase {
            Phase::Open => Ok(connection.tuple.remote),
            Phase::Connecting | Phase::Over => Err(Errno::ENOTCONN),
        }
    }
}

/// Is it the address that stands for all of its family?
pub(super) fn is_unspecified(address: &Address) -> bool {
    address.to_ip().is_unspecified()
}
