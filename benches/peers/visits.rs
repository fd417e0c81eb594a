//! Whole connections, at the hands of their peers.

use crate::world::{Near, Peer, SIDE_BY_SIDE, TEXT_BYTES, World};
use seawall::wire::Ctl;

const FIN: Ctl = Ctl {
    fin: true,
    ..Ctl::ACK
};

impl<N: Near> World<N> {
    /// Handshake, text, four-way release that the peer begins: of connections whose numbers follow
    /// each other, [`SIDE_BY_SIDE`] at most.
    pub(crate) fn visit(&mut self, all: &[u32]) {
        let mut peers = self.shake_hands(all);
        for (n, peer) in all.iter().zip(&mut peers) {
            self.send(*n, *peer, Ctl::ACK, &[]);
            self.send(*n, *peer, Ctl::ACK, &[b'\n'; TEXT_BYTES]);
            peer.next = peer.next + TEXT_BYTES as u32;
        }
        self.breathe();
        self.leave(all, peers);
    }

    /// Releases an open connection.
    pub(crate) fn end(&mut self, n: u32) {
        self.leave(&[n], [self.peers[n as usize]; SIDE_BY_SIDE]);
    }

    fn leave(&mut self, all: &[u32], mut peers: [Peer; SIDE_BY_SIDE]) {
        self.hear(all[0], &mut peers);
        for (n, peer) in all.iter().zip(&mut peers) {
            self.send(*n, *peer, FIN, &[]);
            peer.next = peer.next + 1;
        }
        self.breathe();
        // The server's FIN.
        self.hear(all[0], &mut peers);
        for (n, peer) in all.iter().zip(peers) {
            self.send(*n, peer, Ctl::ACK, &[]);
        }
        self.breathe();
        assert_eq!(self.drain(), 0, "nothing is left to say");
    }
}
