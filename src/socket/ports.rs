//! Which socket holds which local port, and ports for those who do not care (RFC 6056 §3.3.1).

use super::SocketId;
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// The holders of each port, and where the next draw of a port stands.
#[derive(Debug)]
pub(super) struct Ports {
    holders: HashMap<u16, Vec<SocketId>>,
    ephemeral: RangeInclusive<u16>,
    draws: u64,
}

impl Ports {
    pub(super) fn new(ephemeral: RangeInclusive<u16>, seed: u64) -> Self {
        assert!(
            *ephemeral.start() > 0 && ephemeral.start() <= ephemeral.end(),
            "there are ephemeral ports"
        );
        Self {
            holders: HashMap::new(),
            ephemeral,
            draws: seed,
        }
    }

    pub(super) fn holders(&self, port: u16) -> &[SocketId] {
        self.holders.get(&port).map_or(&[], Vec::as_slice)
    }

    pub(super) fn hold(&mut self, port: u16, id: SocketId) {
        self.holders.entry(port).or_default().push(id);
    }

    pub(super) fn release(&mut self, port: u16, id: SocketId) {
        if let Some(holders) = self.holders.get_mut(&port) {
            holders.retain(|holder| *holder != id);
            if holders.is_empty() {
                self.holders.remove(&port);
            }
        }
    }

    /// A port that nobody holds, drawn at random.
    pub(super) fn draw(&mut self) -> Option<u16> {
        let (first, count) = (*self.ephemeral.start(), self.ephemeral.len() as u64);
        let offset = self.next_draw();
        let mut ports = (0..count).map(|n| first + (offset.wrapping_add(n) % count) as u16);
        ports.find(|port| !self.holders.contains_key(port))
    }

    // SplitMix64: an attacker who knows earlier ports may guess later ones; what keeps a
    // connection safe is its ISS (RFC 6528).
    const fn next_draw(&mut self) -> u64 {
        self.draws = self.draws.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.draws;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ephemeral_port_is_drawn_once_and_then_none() {
        let mut ports = Ports::new(100..=199, 7);
        let mut drawn: Vec<u16> = (0..100)
            .map(|n| {
                let port = ports.draw().unwrap();
                ports.hold(port, SocketId(n));
                port
            })
            .collect();
        assert_ne!(drawn[..3], [100, 101, 102], "not in order");
        drawn.sort_unstable();
        assert!(drawn.iter().copied().eq(100..=199));
        assert_eq!(ports.draw(), None);
        let holder = ports.holders(150)[0];
        ports.release(150, holder);
        assert_eq!(ports.draw(), Some(150));
    }
}
