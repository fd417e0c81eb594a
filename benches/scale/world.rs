//! A shard over memory, or another stack, and peers that write their frames by hand. Only the
//! stack's breaths are timed: what the peers do is not.

use crate::ends::{SERVER, tuple};
use crate::frames::send;
use crate::machine::{thread_time, wall_time};
use crate::numbered::number;
use seawall::limits::{BURST_FRAMES, FRAME_BYTES};
use seawall::nic::memory::{MemoryPort, Misfortune, pair};
use seawall::nic::{Burst, Port};
use seawall::service::Service;
use seawall::shard::{Limits, Shard, ShardConfig};
use seawall::time::{Duration, Instant};
use seawall::wire::{Checksum, Ctl, Options, Segment, Seq, Timestamps, parse};

/// Lives side by side, and handshakes: two frames of each make a burst.
pub(crate) const SIDE_BY_SIDE: usize = BURST_FRAMES / 2;

/// Few, so that they stay in the cache, where a NIC would put them too.
const FRAMES: usize = 4 * BURST_FRAMES;

const REQUEST: &[u8] = b"GET /bytes/100 HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";

/// What a segment says. A server of HTTP skips empty lines before a request.
const TEXT: [u8; TEXT_BYTES] = [b'\n'; TEXT_BYTES];

/// Octets of text of a segment.
pub(crate) const TEXT_BYTES: usize = 64;

/// Bursts of [`World::say_bursts`].
const BURSTS: u64 = 32;

/// Segments of [`World::say_bursts`].
pub(crate) const SEGMENTS: u64 = BURSTS * BURST_FRAMES as u64;

/// How far a burst moves the clock: as if five million segments came in a second.
pub(crate) const STEP: Duration = Duration::from_nanos(200 * BURST_FRAMES as u64);

/// A shard with room for so many connections, and so many more in TIME-WAIT.
pub(crate) fn config(live: u32, time_wait: u32) -> ShardConfig {
    ShardConfig {
        connections: live as usize,
        blocks: 1 << 12,
        limits: Limits {
            time_wait: time_wait as usize,
            ..Limits::default()
        },
        ..ShardConfig::default()
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Default)]
pub(crate) struct Peer {
    pub(crate) next: Seq,
    acknowledges: Seq,
}

/// Its ends: the server's, and the peers'.
pub(crate) type Wire = (MemoryPort, MemoryPort);

/// A wire whose frames were all used once.
pub(crate) fn worn() -> Wire {
    let (mut near, mut far) = pair(Misfortune::default(), FRAMES);
    let wear = |from: &mut MemoryPort, to: &mut MemoryPort| {
        for _ in 0..FRAMES {
            assert!(from.send_bytes(Instant::ZERO, &[0; FRAME_BYTES]));
        }
        assert_eq!(to.drain(Instant::ZERO), FRAMES);
    };
    wear(&mut near, &mut far);
    wear(&mut far, &mut near);
    (near, far)
}

/// What the peers talk to.
pub(crate) trait Near {
    /// Does all that can be done at once: on the clock.
    fn breathe(&mut self, now: Instant);

    /// The turn of what runs on top and is none of the stack: off the clock. Is there something
    /// to do at once for that?
    fn serve(&mut self) -> bool {
        false
    }
}

impl Near for Shard<MemoryPort> {
    fn breathe(&mut self, now: Instant) {
        while Self::breathe(self, now).is_busy {}
    }
}

/// Takes what comes, so that the peers' own cost can be known.
pub(crate) struct Nobody(MemoryPort);

impl Near for Nobody {
    fn breathe(&mut self, now: Instant) {
        let mut burst = Burst::new();
        loop {
            self.0.receive(now, &mut burst);
            if burst.is_empty() {
                return;
            }
            for frame in burst.drain(..) {
                self.0.release(frame);
            }
        }
    }
}

/// See the head of this file.
pub(crate) struct World<N = Shard<MemoryPort>> {
    pub(crate) near: N,
    far: MemoryPort,
    /// The time in it.
    pub(crate) now: Instant,
    /// What the breaths took.
    pub(crate) breathed: Duration,
    /// By this clock.
    pub(crate) clock: fn() -> Duration,
    /// The ends of connections `0..`.
    pub(crate) peers: Vec<Peer>,
}

/// What a breath took.
pub(crate) struct Took {
    /// Of its thread's own time.
    pub(crate) own: Duration,
    /// By the clock on the wall, whoever had the core.
    pub(crate) wall: Duration,
    /// Is there more to do?
    pub(crate) is_busy: bool,
}

impl World {
    /// A server.
    pub(crate) fn new(config: ShardConfig, service: Box<dyn Service>) -> Self {
        Self::on(pair(Misfortune::default(), FRAMES), config, service)
    }

    /// A server whose memory is touched.
    pub(crate) fn populated(wire: Wire, config: ShardConfig, service: Box<dyn Service>) -> Self {
        let mut world = Self::on(wire, config, service);
        world.shard().populate();
        world
    }

    fn on((near, far): Wire, config: ShardConfig, service: Box<dyn Service>) -> Self {
        let mut shard = Shard::new(near, config);
        let service = shard.add_service(service);
        shard.listen(SERVER, service);
        Self::over(shard, far)
    }

    /// The server.
    pub(crate) const fn shard(&mut self) -> &mut Shard<MemoryPort> {
        &mut self.near
    }

    /// One breath, and what it took.
    pub(crate) fn breathe_once(&mut self) -> Took {
        let (began, began_own) = (wall_time(), thread_time());
        let breath = self.near.breathe(self.now);
        let own = thread_time().saturating_sub(began_own);
        Took {
            own,
            wall: wall_time().saturating_sub(began),
            is_busy: breath.is_busy,
        }
    }
}

impl World<Nobody> {
    /// Nobody where the server would be.
    pub(crate) fn without_shard() -> Self {
        Self::with(Nobody)
    }
}

impl<N: Near> World<N> {
    /// Whatever `make` puts at the near end of a wire.
    pub(crate) fn with(make: impl FnOnce(MemoryPort) -> N) -> Self {
        let (near, far) = pair(Misfortune::default(), FRAMES);
        Self::over(make(near), far)
    }

    const fn over(near: N, far: MemoryPort) -> Self {
        Self {
            near,
            far,
            now: Instant::ZERO,
            breathed: Duration::ZERO,
            clock: wall_time,
            peers: Vec::new(),
        }
    }

    /// Makes room for the ends of so many connections, touched.
    pub(crate) fn remember(&mut self, connections: u32) {
        self.peers.resize(connections as usize, Peer::default());
    }

    /// Opens connections `from..to`, and remembers the ends of those that there is room for.
    pub(crate) fn open(&mut self, from: u32, to: u32) {
        for first in (from..to).step_by(SIDE_BY_SIDE) {
            let all: Vec<u32> = (first..to.min(first + SIDE_BY_SIDE as u32)).collect();
            let peers = self.shake_hands(&all);
            for (n, peer) in all.iter().zip(peers) {
                self.send(*n, peer, Ctl::ACK, &[]);
                if let Some(at) = self.peers.get_mut(*n as usize) {
                    *at = peer;
                }
            }
            self.breathe();
        }
    }

    /// SYN, SYN-ACK: of connections whose numbers follow each other.
    pub(crate) fn shake_hands(&mut self, all: &[u32]) -> [Peer; SIDE_BY_SIDE] {
        let mut peers = [Peer::default(); SIDE_BY_SIDE];
        for (n, peer) in all.iter().zip(&mut peers) {
            peer.next = Seq(*n);
            self.send(*n, *peer, Ctl::SYN, &[]);
            peer.next = peer.next + 1;
        }
        self.breathe();
        self.hear(all[0], &mut peers);
        peers
    }

    /// Lives from the first SYN to TIME-WAIT at the server: handshake, request, reply, four-way
    /// release. `first` is that of [`SIDE_BY_SIDE`] of them.
    pub(crate) fn live(&mut self, first: u32) {
        const FIN: Ctl = Ctl {
            fin: true,
            ..Ctl::ACK
        };
        const PSH: Ctl = Ctl {
            psh: true,
            ..Ctl::ACK
        };
        let all: [u32; SIDE_BY_SIDE] = core::array::from_fn(|n| first + n as u32);
        let mut peers = self.shake_hands(&all);
        for (n, peer) in all.iter().zip(&mut peers) {
            self.send(*n, *peer, Ctl::ACK, &[]);
            self.send(*n, *peer, PSH, REQUEST);
            peer.next = peer.next + REQUEST.len() as u32;
        }
        self.breathe();
        // The reply, with the server's FIN.
        self.hear(first, &mut peers);
        for (n, peer) in all.iter().zip(peers) {
            self.send(*n, peer, Ctl::ACK, &[]);
            self.send(*n, peer, FIN, &[]);
        }
        self.breathe();
        self.far.drain(self.now);
    }

    /// A segment of text on connection `n`.
    pub(crate) fn say(&mut self, n: u32) {
        let peer = self.peers[n as usize];
        self.send(n, peer, Ctl::ACK, &TEXT);
        self.peers[n as usize].next = peer.next + TEXT_BYTES as u32;
    }

    /// Bursts of such segments, each on the connection that `next` says.
    pub(crate) fn say_bursts(&mut self, next: &mut impl FnMut() -> u32) {
        for _ in 0..BURSTS {
            for _ in 0..BURST_FRAMES {
                self.say(next());
            }
            self.breathe();
            self.drain();
            self.now = self.now + STEP;
        }
    }

    /// Breathes until nothing is left to do at once, on the clock.
    pub(crate) fn breathe(&mut self) {
        loop {
            let began = (self.clock)();
            self.near.breathe(self.now);
            self.breathed += (self.clock)().saturating_sub(began);
            if !self.near.serve() {
                return;
            }
        }
    }

    /// Forgets what the server said; returns how many frames that was.
    pub(crate) fn drain(&mut self) -> usize {
        self.far.drain(self.now)
    }

    /// A segment of connection `n`.
    pub(crate) fn send(&mut self, n: u32, peer: Peer, ctl: Ctl, text: &[u8]) {
        let segment = Segment {
            seq: peer.next,
            ack: peer.acknowledges,
            wnd: u16::MAX,
            ctl,
            text_len: text.len() as u32,
            options: Options {
                mss: ctl.syn.then_some(1460),
                window_scale: ctl.syn.then_some(7),
                sack_permitted: ctl.syn,
                timestamps: Some(Timestamps {
                    val: self.now.as_millis() as u32 + 1,
                    ecr: 0,
                }),
            },
            ..Segment::default()
        };
        let tuple = tuple(n).reversed();
        send(&mut self.far, self.now, &tuple, &segment, text);
    }

    /// What the server said to peers `first..`, each in order.
    pub(crate) fn hear(&mut self, first: u32, peers: &mut [Peer]) {
        while let Some(frame) = self.far.take_bytes(self.now) {
            let packet = parse(&frame, Checksum::Verify).expect("a good frame");
            let n = number(&packet.tuple.reversed());
            if let Some(peer) = peers.get_mut((n - first) as usize) {
                peer.acknowledges = packet.segment.seq + packet.segment.len();
            }
        }
    }
}
