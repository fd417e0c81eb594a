//! From `socket` to ESTABLISHED: bind, listen, accept, connect (OPEN of RFC 9293 §3.10.1).

use super::{Connection, Errno, Listener, Phase, Role, Settings, Socket, SocketId, Sockets};
use super::{errno_of, look::is_unspecified};
use crate::nic::Port;
use crate::service::End;
use crate::shard::OpenError;
use crate::time::Instant;
use crate::wire::{Address, Endpoint, FourTuple};
use std::collections::VecDeque;

impl<P: Port> Sockets<P> {
    /// `socket`: neither bound nor connected, of whatever family its first use says.
    pub fn socket(&mut self) -> SocketId {
        self.sweep();
        self.add(Socket::default())
    }

    /// `bind`. The address is one of ours, or the unspecified one of its family; port 0 is drawn.
    ///
    /// # Errors
    /// EINVAL: it is bound, or has been used. EADDRNOTAVAIL: not an address of ours, or no port is
    /// left. EADDRINUSE: another socket holds the port, and not both reuse addresses, or the other
    /// listens.
    pub fn bind(&mut self, id: SocketId, local: Endpoint) -> Result<(), Errno> {
        let socket = self.socket_mut(id)?;
        if socket.local.is_some() || !matches!(socket.role, Role::Idle) {
            return Err(Errno::EINVAL);
        }
        let is_ours = self.addresses.contains(&local.address);
        if !is_ours && !is_unspecified(&local.address) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        self.hold(id, local)
    }

    /// `listen`: up to `backlog` connections, and one more, wait to be accepted; then SYNs are
    /// dropped. A socket that is not bound gets a port. Called again it changes the backlog.
    ///
    /// # Errors
    /// EINVAL: it has a connection. EADDRINUSE: another socket listens there.
    pub fn listen(&mut self, id: SocketId, backlog: u32) -> Result<(), Errno> {
        let socket = self.socket_mut(id)?;
        match &socket.role {
            Role::Connection(_) => return Err(Errno::EINVAL),
            Role::Listener(listener) => {
                for endpoint in &listener.endpoints.clone() {
                    self.shard.set_backlog(*endpoint, backlog);
                }
                return Ok(());
            }
            Role::Idle => {}
        }
        let local = if let Some(local) = socket.local {
            local
        } else {
            let any = self.addresses.first().ok_or(Errno::EADDRNOTAVAIL)?;
            let address = unspecified(any.is_v4());
            self.hold(id, Endpoint { address, port: 0 })?;
            self.socket_mut(id)?.local.ok_or(Errno::EADDRNOTAVAIL)?
        };
        let endpoints = self.endpoints_of(local);
        if endpoints.iter().any(|at| self.listeners.contains_key(at)) {
            return Err(Errno::EADDRINUSE);
        }
        let settings = self.settings(id)?.of_connection();
        for endpoint in &endpoints {
            let listening = self.shard.try_listen(*endpoint, self.service, settings);
            listening.map_err(|_| Errno::EADDRINUSE)?;
            self.listeners.insert(*endpoint, id);
            self.shard.set_backlog(*endpoint, backlog);
        }
        let waiting = VecDeque::new();
        self.socket_mut(id)?.role = Role::Listener(Listener { endpoints, waiting });
        Ok(())
    }

    /// `accept`: the next connection that waits, and its peer. One that was reset meanwhile is
    /// accepted too, and tells its error when it is used.
    ///
    /// # Errors
    /// EAGAIN: none waits. EINVAL: it does not listen.
    pub fn accept(&mut self, id: SocketId, now: Instant) -> Result<(SocketId, Endpoint), Errno> {
        let Role::Listener(listener) = &mut self.socket_mut(id)?.role else {
            return Err(Errno::EINVAL);
        };
        let accepted = listener.waiting.pop_front().ok_or(Errno::EAGAIN)?;
        let tuple = self.connection_mut(accepted)?.tuple;
        self.shard.accepted(tuple.local);
        self.apply_settings(accepted, now);
        Ok((accepted, tuple.remote))
    }

    /// `connect`: begins it; the SYN leaves in the next breath. [`Readiness::OUT`] or
    /// [`Sockets::error`] tell how it went.
    ///
    /// [`Readiness::OUT`]: super::Readiness::OUT
    ///
    /// # Errors
    /// EINPROGRESS: it was begun. EALREADY: it had been begun before. EISCONN: it has a connection,
    /// or listens. The error of the attempt before, once. EADDRNOTAVAIL: no port is left, the
    /// peer's is 0, or there is a connection between these ends. EAFNOSUPPORT: bound to an address
    /// of the other family, or none of ours is of the peer's. EHOSTUNREACH: no way to the peer is
    /// known. ENETUNREACH: not the address of a host. ENOBUFS: the shard is full.
    pub fn connect(&mut self, id: SocketId, remote: Endpoint, now: Instant) -> Result<(), Errno> {
        self.sweep();
        let socket = self.socket_mut(id)?;
        match &socket.role {
            Role::Connection(connection) => {
                return Err(match connection.phase {
                    Phase::Connecting => Errno::EALREADY,
                    Phase::Open | Phase::Over => Errno::EISCONN,
                });
            }
            Role::Listener(_) => return Err(Errno::EISCONN),
            Role::Idle => {}
        }
        if let Some(error) = socket.error.take() {
            return Err(error);
        }
        let bound = socket.local;
        if !remote.address.is_unicast() {
            return Err(Errno::ENETUNREACH);
        }
        if remote.port == 0 {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let address = self.source_of(bound, &remote)?;
        let link = self.neighbours.get(&remote.address).copied().or(self.link);
        let link = link.ok_or(Errno::EHOSTUNREACH)?;
        let port = if let Some(local) = bound {
            local.port
        } else {
            self.hold(id, Endpoint { address, port: 0 })?;
            let socket = self.socket_mut(id)?;
            socket.is_drawn = true;
            socket.local.map_or(0, |local| local.port)
        };
        let tuple = FourTuple {
            local: Endpoint { address, port },
            remote,
        };
        let opened = self.shard.open(tuple, link, 0, self.service, now);
        let handle = opened.map_err(|error| {
            self.give_back(id);
            match error {
                OpenError::Exists => Errno::EADDRNOTAVAIL,
                OpenError::Full => Errno::ENOBUFS,
                OpenError::InvalidRemote => Errno::ENETUNREACH,
            }
        })?;
        self.owners.insert(tuple, id);
        let connection = Connection::new(tuple, Some(handle), Phase::Connecting);
        self.socket_mut(id)?.role = Role::Connection(connection);
        self.apply_settings(id, now);
        // Evicting a TIME-WAIT may have been noted.
        self.collect(now);
        Err(Errno::EINPROGRESS)
    }

    pub(super) fn on_opened(&mut self, tuple: FourTuple, now: Instant) {
        if let Some((_, connection)) = self.connection_of(&tuple)
            && connection.phase == Phase::Connecting
        {
            connection.phase = Phase::Open;
            let id = self.owners[&tuple];
            return self.apply_settings(id, now);
        }
        let handle = self.shard.handle_of(&tuple);
        let listener = self.listeners.get(&tuple.local).copied();
        let Some((id, settings)) = listener.and_then(|id| Some((id, self.settings(id).ok()?)))
        else {
            // Nobody listens there any more: its handshake was under way when `close` came.
            if let Some(handle) = handle {
                self.shard.abort(handle, now);
            }
            return;
        };
        let accepted = self.add(Socket {
            role: Role::Connection(Connection::new(tuple, handle, Phase::Open)),
            local: Some(tuple.local),
            settings,
            ..Socket::default()
        });
        self.ports.hold(tuple.local.port, accepted);
        self.owners.insert(tuple, accepted);
        if let Ok(Socket {
            role: Role::Listener(listener),
            ..
        }) = self.socket_mut(id)
        {
            listener.waiting.push_back(accepted);
        }
    }

    // The socket may try again; whom it wanted to reach it has forgotten.
    pub(super) fn on_failed(&mut self, tuple: &FourTuple, end: End) {
        let Some(id) = self.owners.remove(tuple) else {
            return;
        };
        if let Some(socket) = self.by_id.get_mut(&id) {
            socket.role = Role::Idle;
            socket.error = errno_of(end);
        }
        self.give_back(id);
    }

    fn add(&mut self, socket: Socket) -> SocketId {
        let id = SocketId(self.next);
        self.next += 1;
        self.by_id.insert(id, socket);
        id
    }

    // Gives the socket this local end, port 0 drawn.
    fn hold(&mut self, id: SocketId, mut local: Endpoint) -> Result<(), Errno> {
        if local.port == 0 {
            local.port = self.ports.draw().ok_or(Errno::EADDRNOTAVAIL)?;
        }
        let reuse = self.socket_mut(id)?.settings.reuse_address;
        let mut holders = self.ports.holders(local.port).iter();
        if holders.any(|holder| self.is_in_the_way(*holder, &local.address, reuse)) {
            return Err(Errno::EADDRINUSE);
        }
        self.ports.hold(local.port, id);
        self.socket_mut(id)?.local = Some(local);
        Ok(())
    }

    fn is_in_the_way(&self, holder: SocketId, address: &Address, reuse: bool) -> bool {
        let Some(socket) = self.by_id.get(&holder) else {
            return false;
        };
        let theirs = socket.local.map(|local| local.address).unwrap_or_default();
        let either = is_unspecified(&theirs) || is_unspecified(address);
        let overlaps = theirs == *address || (either && theirs.is_v4() == address.is_v4());
        let listens = matches!(socket.role, Role::Listener(_));
        let tolerated = reuse && socket.settings.reuse_address && !listens;
        overlaps && !tolerated && !self.is_gone(holder)
    }

    // A port that was drawn for a connection goes with it.
    fn give_back(&mut self, id: SocketId) {
        if let Some(socket) = self.by_id.get_mut(&id)
            && socket.is_drawn
            && let Some(local) = socket.local.take()
        {
            socket.is_drawn = false;
            self.ports.release(local.port, id);
        }
    }

    // The address that a connection to `remote` comes from.
    fn source_of(&self, bound: Option<Endpoint>, remote: &Endpoint) -> Result<Address, Errno> {
        let is_v4 = remote.address.is_v4();
        match bound {
            Some(local) if local.address.is_v4() != is_v4 => Err(Errno::EAFNOSUPPORT),
            Some(local) if !is_unspecified(&local.address) => Ok(local.address),
            _ => {
                let mut addresses = self.addresses.iter();
                let first = addresses.find(|address| address.is_v4() == is_v4);
                first.copied().ok_or(Errno::EAFNOSUPPORT)
            }
        }
    }

    fn endpoints_of(&self, local: Endpoint) -> Vec<Endpoint> {
        if !is_unspecified(&local.address) {
            return vec![local];
        }
        let addresses = self.addresses.iter();
        let same = addresses.filter(|address| address.is_v4() == local.address.is_v4());
        let port = local.port;
        same.map(|&address| Endpoint { address, port }).collect()
    }

    /// What is set on a socket.
    pub fn settings(&mut self, id: SocketId) -> Result<Settings, Errno> {
        Ok(self.socket_mut(id)?.settings.clone())
    }

    /// `setsockopt`, for as many settings at a time as `change` touches.
    ///
    /// # Errors
    /// EINVAL, and nothing is changed: one of them is out of the range that Linux has for it.
    pub fn set(
        &mut self,
        id: SocketId,
        now: Instant,
        change: impl FnOnce(&mut Settings),
    ) -> Result<(), Errno> {
        let mut settings = self.settings(id)?;
        change(&mut settings);
        settings.check()?;
        self.socket_mut(id)?.settings = settings;
        self.apply_settings(id, now);
        Ok(())
    }

    // Tells the connection of a socket, when there is one, what is set.
    fn apply_settings(&mut self, id: SocketId, now: Instant) {
        let Ok(settings) = self.settings(id) else {
            return;
        };
        let Ok(Some(handle)) = self.connection_mut(id).map(|it| it.handle) else {
            return;
        };
        self.shard.set(handle, settings.of_connection(), now);
    }
}

fn unspecified(is_v4: bool) -> Address {
    if is_v4 {
        Address::v4([0; 4])
    } else {
        Address::default()
    }
}
