//! For those who wait for connections: passive OPEN at an endpoint, and its end (RFC 9293 §3.10.1).

use super::{OpenError, Shard};
use crate::nic::Port;
use crate::tcp::Settings;
use crate::wire::Endpoint;

/// Somebody who waits for connections at an endpoint.
pub(super) struct Listener {
    pub(super) service: u16,
    /// What its connections begin with.
    pub(super) settings: Settings,
    /// Connections that it has, those in TIME-WAIT left out.
    pub(super) open: u32,
    /// Connections that reached ESTABLISHED and were not accepted, where that is counted.
    waiting: u32,
    /// SYNs are refused while more than so many wait; `None` when nobody accepts, so nobody waits.
    backlog: Option<u32>,
    is_listening: bool,
}

impl Listener {
    pub(super) const fn on_open(&mut self) {
        if self.backlog.is_some() && self.is_listening {
            self.waiting += 1;
        }
    }
}

impl<P: Port> Shard<P> {
    /// Passive OPEN: segments for `endpoint` reach `service` (RFC 9293 §3.10.1).
    ///
    /// # Panics
    /// When somebody listens there already: see [`Shard::try_listen`].
    pub fn listen(&mut self, endpoint: Endpoint, service: u16) {
        self.try_listen(endpoint, service, Settings::default())
            .expect("nobody else listens there");
    }

    /// Passive OPEN at one local address (MUST-43), with what connections to `endpoint` begin with.
    ///
    /// # Errors
    /// [`OpenError::Exists`] when somebody listens there already: one OPEN does not touch another
    /// (MUST-41).
    pub fn try_listen(
        &mut self,
        endpoint: Endpoint,
        service: u16,
        settings: Settings,
    ) -> Result<(), OpenError> {
        assert!(
            usize::from(service) < self.services.len(),
            "no such service"
        );
        if self.listening.contains_key(&endpoint) {
            return Err(OpenError::Exists);
        }
        let listener = Listener {
            service,
            settings,
            open: 0,
            waiting: 0,
            backlog: None,
            is_listening: true,
        };
        // A number is free again when its listener is gone and the last connection that counts
        // against it as well.
        let mut listeners = self.listeners.iter();
        let free = listeners.position(|it| !it.is_listening && it.open == 0);
        let number = free.unwrap_or(self.listeners.len());
        if let Some(place) = self.listeners.get_mut(number) {
            *place = listener;
        } else {
            self.listeners.push(listener);
        }
        let number = u16::try_from(number).expect("fewer listen at once than there are ports");
        self.listening.insert(endpoint, number);
        self.listening_last = None;
        Ok(())
    }

    /// CLOSE of a passive OPEN (RFC 9293 §3.10.4): connections that it has go on. `false` when
    /// nobody listened.
    pub fn stop_listening(&mut self, endpoint: &Endpoint) -> bool {
        let Some(number) = self.listening.remove(endpoint) else {
            return false;
        };
        self.listening_last = None;
        if let Some(listener) = self.listeners.get_mut(usize::from(number)) {
            listener.is_listening = false;
        }
        true
    }

    /// From now on the connections of a listener wait to be accepted: while more than `backlog`
    /// do, SYNs are dropped, so that the peer tries again. Handshakes that are under way by then
    /// still succeed.
    pub fn set_backlog(&mut self, endpoint: Endpoint, backlog: u32) {
        if let Some(listener) = self.listener_mut(endpoint) {
            listener.backlog = Some(backlog);
        }
    }

    /// One of those that waited at `endpoint` was accepted, or is not waited for any more.
    pub fn accepted(&mut self, endpoint: Endpoint) {
        if let Some(listener) = self.listener_mut(endpoint) {
            listener.waiting = listener.waiting.saturating_sub(1);
        }
    }

    pub(super) fn is_backlog_full(&self, number: u16) -> bool {
        let listener = self.listeners.get(usize::from(number));
        listener.is_some_and(|it| it.backlog.is_some_and(|backlog| it.waiting > backlog))
    }

    fn listener_mut(&mut self, endpoint: Endpoint) -> Option<&mut Listener> {
        let number = *self.listening.get(&endpoint)?;
        self.listeners.get_mut(usize::from(number))
    }
}
