//! Text in and out: RECEIVE and SEND (RFC 9293 §3.10.2, §3.10.3), and CLOSE of one side.

use super::{Errno, How, Phase, Role, SocketId, Sockets};
use crate::nic::Port;
use crate::service::Conn;
use crate::time::Instant;

impl<P: Port> Sockets<P> {
    /// `read`: the next octets, as many as there are and `into` has room for. `Ok(0)` is the end:
    /// the peer has closed, or our side was shut for reading, or an error was told before.
    ///
    /// A reset takes what was not read with it (RFC 9293 §3.10.7.4, second check).
    ///
    /// # Errors
    /// EAGAIN: nothing has come. ENOTCONN. What ended the connection, once.
    pub fn read(&mut self, id: SocketId, into: &mut [u8], now: Instant) -> Result<usize, Errno> {
        let connection = self.reader(id)?;
        let n = into.len().min(connection.rest.len());
        for (octet, from) in into.iter_mut().zip(connection.rest.drain(..n)) {
            *octet = from;
        }
        if n > 0 || into.is_empty() {
            return Ok(n);
        }
        let read = self.take_text(id, now, |conn| read(conn, into))?;
        self.or_why_not(id, read)
    }

    /// `recv` with `MSG_PEEK`: as [`Sockets::read`], and the next read finds the same octets.
    pub fn peek(&mut self, id: SocketId, into: &mut [u8], now: Instant) -> Result<usize, Errno> {
        let connection = self.reader(id)?;
        let n = into.len().min(connection.rest.len());
        for (octet, from) in into.iter_mut().zip(&connection.rest) {
            *octet = *from;
        }
        if n > 0 || into.is_empty() {
            return Ok(n);
        }
        let read = self.take_text(id, now, |conn| conn.rx.peek(into))?;
        self.or_why_not(id, read)
    }

    // Who reads; a connection attempt that failed tells its error first.
    fn reader(&mut self, id: SocketId) -> Result<&mut super::Connection, Errno> {
        let socket = self.socket_mut(id)?;
        match &mut socket.role {
            Role::Connection(connection) => Ok(connection),
            Role::Idle => Err(socket.error.take().unwrap_or(Errno::ENOTCONN)),
            Role::Listener(_) => Err(Errno::ENOTCONN),
        }
    }

    fn take_text(
        &mut self,
        id: SocketId,
        now: Instant,
        take: impl FnOnce(&mut Conn<'_>) -> usize,
    ) -> Result<usize, Errno> {
        let handle = self.connection_mut(id)?.handle;
        let waiting = handle.filter(|handle| {
            let waiting = self.shard.waiting(*handle);
            waiting.is_some_and(|it| it.unread > 0)
        });
        let read = waiting.and_then(|handle| self.shard.with_connection(handle, now, take));
        Ok(read.unwrap_or(0))
    }

    fn or_why_not(&mut self, id: SocketId, read: usize) -> Result<usize, Errno> {
        let socket = self.socket_mut(id)?;
        let Role::Connection(connection) = &socket.role else {
            return Err(Errno::ENOTCONN);
        };
        if read > 0 || connection.is_complete {
            return Ok(read);
        }
        match socket.error.take() {
            Some(error) => Err(error),
            None if connection.is_read_shut || connection.phase == Phase::Over => Ok(0),
            None => Err(Errno::EAGAIN),
        }
    }

    /// `write`: queues as much of `text` as there is room for; returns how much that was.
    ///
    /// # Errors
    /// EAGAIN: no room, or not connected yet. EPIPE: our side is closed, or there is no connection
    /// any more. ENOTCONN: there never was one. What ended the connection, once.
    pub fn write(&mut self, id: SocketId, text: &[u8], now: Instant) -> Result<usize, Errno> {
        let socket = self.socket_mut(id)?;
        if let Some(error) = socket.error.take() {
            return Err(error);
        }
        let Role::Connection(connection) = &socket.role else {
            return Err(Errno::ENOTCONN);
        };
        if connection.is_write_shut || connection.phase == Phase::Over {
            return Err(Errno::EPIPE);
        }
        let (Some(handle), Phase::Open) = (connection.handle, connection.phase) else {
            return Err(Errno::EAGAIN);
        };
        let limit = socket
            .settings
            .send_buffer
            .map_or(usize::MAX, |n| n as usize);
        let sent = self.shard.with_connection(handle, now, |conn| {
            let room = limit.saturating_sub(conn.tx.unacknowledged());
            conn.tx.send(&text[..text.len().min(room)])
        });
        match sent.unwrap_or(0) {
            0 if !text.is_empty() => Err(Errno::EAGAIN),
            sent => Ok(sent),
        }
    }

    /// `shutdown`. For writing: a FIN behind all that is queued, while reading goes on
    /// (RFC 9293 §3.10.4). For reading: no segment tells the peer; what comes is still read, and
    /// behind it is the end. An open in progress is given up; a listener that is shut for reading
    /// listens no more.
    ///
    /// # Errors
    /// ENOTCONN: there is no connection.
    pub fn shutdown(&mut self, id: SocketId, how: How, now: Instant) -> Result<(), Errno> {
        let socket = self.socket_mut(id)?;
        let connection = match &mut socket.role {
            Role::Idle => return Err(Errno::ENOTCONN),
            Role::Listener(_) if how == How::Write => return Ok(()),
            Role::Listener(_) => {
                self.stop_listening(id, now);
                return Ok(());
            }
            Role::Connection(connection) => connection,
        };
        if connection.phase == Phase::Over {
            return Err(Errno::ENOTCONN);
        }
        let is_open = connection.phase == Phase::Open;
        connection.is_read_shut |= how != How::Write;
        let is_first = how != How::Read && !connection.is_write_shut;
        connection.is_write_shut |= how != How::Read;
        let handle = connection.handle;
        if let Some(handle) = handle.filter(|_| is_first || !is_open) {
            let is_done = self.shard.finish(handle, now);
            self.collect(now);
            if !is_done && self.shard.state_at(handle).is_some() {
                // As many are at work as may be: the call has to come again.
                if let Role::Connection(connection) = &mut self.socket_mut(id)?.role {
                    connection.is_write_shut &= !is_first;
                }
                return Err(Errno::EAGAIN);
            }
        }
        Ok(())
    }
}

fn read(conn: &mut Conn<'_>, into: &mut [u8]) -> usize {
    let mut read = 0;
    while read < into.len() && conn.rx.unread() > 0 {
        let text = conn.rx.text();
        let n = text.len().min(into.len() - read);
        into[read..read + n].copy_from_slice(&text[..n]);
        conn.rx.consume(n);
        read += n;
    }
    read
}
