//! Our ends of connections: each address with ports 1024 to 65535, none of them twice within
//! 2 MSL of its last use.

use super::Sources;
use crate::time::{Duration, Instant};
use crate::wire::{Endpoint, FourTuple};
use std::collections::VecDeque;

/// The first port that connections come from: below are those of servers (RFC 6335 §6).
pub const PORT_MIN: u16 = 1024;

/// Ports of one address.
pub const PORTS: u64 = 65_536 - PORT_MIN as u64;

/// Tuples to one server, handed out and taken back.
///
/// Those that were never used are a number, those that rest are a queue: as the rest is equally
/// long for all, the first that came is the first that may go.
#[derive(Debug)]
pub struct Tuples {
    sources: Sources,
    addresses: u32,
    remote: Endpoint,
    rest: Duration,
    /// The port of number 0, counted from [`PORT_MIN`].
    port_first: u32,
    /// Numbers from here on were never used.
    fresh: u64,
    resting: VecDeque<(Instant, u32)>,
}

impl Tuples {
    /// Tuples from the first `addresses` of `sources` to `remote`, which rest for `rest` after
    /// use. Room for `capacity` that rest is made now.
    #[must_use]
    pub fn new(
        sources: Sources,
        addresses: u32,
        remote: Endpoint,
        rest: Duration,
        capacity: usize,
    ) -> Self {
        Self {
            sources,
            addresses,
            remote,
            rest,
            port_first: 0,
            fresh: 0,
            resting: VecDeque::with_capacity(capacity),
        }
    }

    /// Begins with another port (RFC 6056 §3.3). A load that follows another then rarely meets
    /// what the server still has in TIME-WAIT of the first.
    #[must_use]
    pub const fn starting_at(mut self, port: u16) -> Self {
        self.port_first = port as u32 % PORTS as u32;
        self
    }

    /// How many addresses it takes to begin `count` connections, `rate` a second, when each keeps
    /// its tuple for `life` at most and the tuple rests for `rest` after that.
    #[must_use]
    pub fn addresses_needed(rate: u64, count: u64, life: Duration, rest: Duration) -> u64 {
        let busy = (life + rest).as_nanos() * u128::from(rate);
        let at_once = u64::try_from(busy.div_ceil(1_000_000_000)).unwrap_or(u64::MAX);
        at_once.min(count).div_ceil(PORTS).max(1)
    }

    /// A tuple that no connection has had for 2 MSL; `None` when all are in use or rest.
    pub fn take(&mut self, now: Instant) -> Option<FourTuple> {
        let tuple = self.next(now);
        if self.has_rested(now) {
            self.resting.pop_front();
        } else if tuple.is_some() {
            self.fresh += 1;
        }
        tuple
    }

    /// The one that [`Tuples::take`] will hand out.
    #[must_use]
    pub fn next(&self, now: Instant) -> Option<FourTuple> {
        let number = match self.resting.front() {
            Some(&(_, number)) if self.has_rested(now) => number,
            _ => {
                let all = u64::from(self.addresses) * PORTS;
                u32::try_from(self.fresh)
                    .ok()
                    .filter(|_| self.fresh < all)?
            }
        };
        Some(self.tuple(number))
    }

    // Has the one that rests for longest done so for long enough?
    fn has_rested(&self, now: Instant) -> bool {
        self.resting.front().is_some_and(|(until, _)| *until <= now)
    }

    /// Its connection ended at `now`: its rest begins.
    pub fn give_back(&mut self, tuple: &FourTuple, now: Instant) {
        if let Some(number) = self.number(&tuple.local) {
            self.resting.push_back((now + self.rest, number));
        }
    }

    // Address by address, so that neighbours in time are of different hosts.
    fn tuple(&self, number: u32) -> FourTuple {
        let port = (number / self.addresses + self.port_first) % PORTS as u32;
        FourTuple {
            local: Endpoint {
                address: self.sources.nth(number % self.addresses),
                port: PORT_MIN + port as u16,
            },
            remote: self.remote,
        }
    }

    fn number(&self, local: &Endpoint) -> Option<u32> {
        let place = self.sources.place(&local.address)?;
        let port = u32::from(local.port.checked_sub(PORT_MIN)?);
        let ports = PORTS as u32;
        ((port + ports - self.port_first) % ports)
            .checked_mul(self.addresses)?
            .checked_add(place)
    }
}
