//! For those who wait for connections: passive OPEN at an endpoint, and its end (RFC 9293 §3.10.1).

use super::Shard;
use crate::nic::Port;
use crate::wire::Endpoint;

/// Somebody who waits for connections at an endpoint.
pub(super) struct Listener {
    pub(super) service: u16,
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
    pub fn listen(&mut self, endpoint: Endpoint, service: u16) {
        assert!(
            usize::from(service) < self.services.len(),
            "no such service"
        );
        let listener = Listener {
            service,
            open: 0,
            waiting: 0,
            backlog: None,
            is_listening: true,
        };
        self.unlisten(endpoint);
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
    }

    /// Nobody waits for connections at `endpoint` any more. Those that were begun go on.
    pub fn unlisten(&mut self, endpoint: Endpoint) {
        if let Some(number) = self.listening.remove(&endpoint)
            && let Some(listener) = self.listeners.get_mut(usize::from(number))
        {
            listener.is_listening = false;
        }
    }

    /// From now on the connections of a listener wait to be accepted: while more than `backlog`
    /// do, SYNs are dropped, so that the peer tries again. Handshakes that are under way by then
    /// still succeed.
    pub fn set_backlog(&mut self, endpoint: Endpoint, backlog: u32) {
        if let Some(listener) = self.listener_at(endpoint) {
            listener.backlog = Some(backlog);
        }
    }

    /// One of those that waited at `endpoint` was accepted, or is not waited for any more.
    pub fn accepted(&mut self, endpoint: Endpoint) {
        if let Some(listener) = self.listener_at(endpoint) {
            listener.waiting = listener.waiting.saturating_sub(1);
        }
    }

    pub(super) fn is_backlog_full(&self, number: u16) -> bool {
        let listener = self.listeners.get(usize::from(number));
        listener.is_some_and(|it| it.backlog.is_some_and(|backlog| it.waiting > backlog))
    }

    fn listener_at(&mut self, endpoint: Endpoint) -> Option<&mut Listener> {
        let number = *self.listening.get(&endpoint)?;
        self.listeners.get_mut(usize::from(number))
    }
}
