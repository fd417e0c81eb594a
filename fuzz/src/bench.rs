//! A shard on a bench: the other end of its wire is the input's. After each step nothing is lost
//! track of, and at the end everything is back.

use super::octets::Octets;
use seawall::nic::memory::{MemoryPort, Misfortune, pair};
use seawall::service::{self, Conn, Service};
use seawall::shard::{Limits, Shard, ShardConfig, SharedCookies, SynCookies};
use seawall::tcp::Config;
use seawall::time::{Duration, Instant};
use seawall::wire::{
    Address, Checksum, Ctl, Endpoint, FourTuple, Headers, LinkHeader, Options, Segment, Seq,
    Timestamps, parse,
};

/// Frames of each end.
const FRAMES: usize = 64;

/// Breaths in which all that was said must be answered.
const BREATHS_MAX: usize = 2_000;

/// Deadlines that pass until a shard is empty.
const DEADLINES_MAX: usize = 5_000;

/// Ports that are listened on, each with its service; 1 is [`Whim`], and nobody is at 2.
const SERVICES: [(u16, &str); 4] = [(7, "echo"), (9, "discard"), (19, "chargen"), (80, "http")];
const PORTS: [u16; 6] = [1, 7, 9, 19, 80, 2];

/// Somebody whom the shard may talk to, as the shard has shown itself to them.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Seen from the shard.
    pub tuple: FourTuple,
    /// What the shard last acknowledged; its own choice before.
    pub seq: Seq,
    /// What is behind all that the shard sent.
    pub ack: Seq,
    /// The last `TSval` of the shard.
    ts: u32,
}

/// See the head of this file.
pub struct Bench {
    /// The shard.
    pub shard: Shard<MemoryPort>,
    wire: MemoryPort,
    /// The time.
    pub now: Instant,
    /// Whoever the input may speak for.
    pub peers: Vec<Peer>,
    blocks: usize,
    /// The segments that the shard sent in the last step.
    pub said: Vec<(FourTuple, Segment)>,
    whim: u16,
}

/// Does something else each time; what, is the matter of who asks and how often.
struct Whim;

impl Service for Whim {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        let turn = conn.user[0].wrapping_mul(7) + u64::from(conn.tuple.remote.port);
        conn.user[0] += 1;
        conn.rx.consume((turn % 5 * 400) as usize);
        let text = [turn as u8; 2_000];
        conn.tx.send(&text[..(turn % 11 * 150) as usize]);
        match turn % 17 {
            3 => conn.finish(),
            5 => conn.close(),
            7 => conn.abort(),
            9 => conn.set_no_delay(),
            _ => {}
        }
    }
}

impl Bench {
    /// Its first octets say how it is made.
    pub fn new(octets: &mut Octets<'_>, mode: Option<SynCookies>) -> Self {
        let config = config(octets, mode);
        let blocks = config.blocks;
        let (ours, wire) = pair(Misfortune::default(), FRAMES);
        let mut shard = Shard::new(ours, config);
        let whim = shard.add_service(Box::new(Whim));
        let mut peers = Vec::new();
        for server in [v4(1), v6(1)] {
            listen(&mut shard, server, 1, whim);
            for (port, name) in SERVICES {
                let service = service::by_name(name).expect("one of the crate's");
                let service = shard.add_service(service);
                listen(&mut shard, server, port, service);
            }
        }
        for (n, port) in PORTS.into_iter().enumerate() {
            for (local, remote) in [(v4(1), v4(2)), (v6(1), v6(2))] {
                peers.push(Peer {
                    tuple: FourTuple {
                        local: Endpoint {
                            address: local,
                            port,
                        },
                        remote: Endpoint {
                            address: remote,
                            port: 5_000 + n as u16,
                        },
                    },
                    seq: Seq(u32::MAX - 1_000),
                    ack: Seq(0),
                    ts: 0,
                });
            }
        }
        Self {
            shard,
            wire,
            now: Instant::from_nanos(1),
            peers,
            blocks,
            said: Vec::new(),
            whim,
        }
    }

    /// A segment of one of the peers, near what the shard expects, and who it is.
    pub fn segment(&self, octets: &mut Octets<'_>) -> (usize, Segment) {
        let who = usize::from(octets.u8()) % self.peers.len();
        let peer = self.peers[who];
        let ctl = Ctl::from_byte(octets.u8());
        let marks = octets.u8();
        let has = |bit: u8| marks >> bit & 1 == 1;
        // The octets that are not needed are not taken: most segments are what is expected.
        let seq = if has(0) {
            i32::from(octets.i8()) * 100
        } else {
            0
        };
        let seq = if has(1) {
            seq + i32::from(octets.i8())
        } else {
            seq
        };
        let ack = if has(2) { i32::from(octets.i8()) } else { 0 };
        let segment = Segment {
            seq: Seq(peer.seq.0.wrapping_add_signed(seq)),
            ack: Seq(peer.ack.0.wrapping_add_signed(ack)),
            wnd: if has(3) { octets.u16() } else { 60_000 },
            up: 1,
            ctl,
            text_len: if has(4) {
                u32::from(octets.u8()) * 5
            } else {
                0
            },
            options: Options {
                mss: has(5).then(|| octets.u16()),
                window_scale: has(5).then(|| octets.u8() % 15),
                sack_permitted: has(6),
                timestamps: has(7).then(|| Timestamps {
                    val: (self.now.as_millis() as u32).wrapping_add_signed(octets.i8().into()),
                    ecr: peer.ts,
                }),
            },
        };
        (who, segment)
    }

    /// Sends a segment for a peer; its octet at `flip` is another.
    pub fn send(&mut self, who: usize, segment: &Segment, flip: Option<u16>) {
        let tuple = self.peers[who].tuple.reversed();
        let link = LinkHeader::new([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let headers = Headers {
            link: &link,
            tuple: &tuple,
            segment,
            hop_limit: 64,
            tos: 0,
        };
        let mut frame = vec![b'a'; headers.len() + segment.text_len as usize];
        let len = headers.emit(&mut frame).expect("there is room");
        if let Some(at) = flip {
            frame[usize::from(at) % len] ^= 1 << (at >> 13);
        }
        self.say(&frame);
    }

    /// Sends octets, and lets the shard do all there is to do.
    pub fn say(&mut self, frame: &[u8]) {
        self.wire.send_bytes(self.now, frame);
        self.settle();
    }

    /// Lets time pass: up to minutes, or to the next deadline.
    pub fn wait(&mut self, octet: u8) {
        let deadline = self.shard.next_deadline();
        self.now = match octet {
            0x80.. if deadline.is_armed() => deadline.max(self.now),
            _ => self.now + Duration::from_nanos(1 << (octet % 38)),
        };
        self.settle();
    }

    /// A user does something: begins, goes on, gives up.
    pub fn act(&mut self, octets: &mut Octets<'_>) {
        let peer = self.peers[usize::from(octets.u8()) % self.peers.len()];
        let link = LinkHeader::new([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]);
        match (octets.u8() % 3, self.shard.handle_of(&peer.tuple)) {
            (0, _) => {
                let _ = self.shard.open(peer.tuple, link, 0, self.whim, self.now);
            }
            (1, Some(handle)) => {
                self.shard.nudge(handle, self.now);
            }
            (2, Some(handle)) => {
                self.shard.abort(handle, self.now);
            }
            _ => {}
        }
        self.settle();
    }

    /// Everybody gives up, time passes, and nothing is left.
    pub fn end(mut self) {
        for peer in self.peers.clone() {
            if let Some(handle) = self.shard.handle_of(&peer.tuple) {
                self.shard.abort(handle, self.now);
            }
        }
        self.settle();
        for _ in 0..DEADLINES_MAX {
            let deadline = self.shard.next_deadline();
            if !deadline.is_armed() {
                break;
            }
            self.now = deadline.max(self.now + Duration::from_micros(1));
            self.settle();
        }
        let counters = self.shard.counters();
        // A frame that is not one of the peers' may have opened a connection that none closes.
        assert!(
            self.shard.is_empty() || self.shard.next_deadline() == Instant::NEVER,
            "{counters:?}"
        );
        if self.shard.is_empty() {
            assert_eq!(self.shard.free_blocks(), (self.blocks, self.blocks));
            assert_eq!(self.shard.next_deadline(), Instant::NEVER);
        }
    }

    fn settle(&mut self) {
        self.said.clear();
        for _ in 0..BREATHS_MAX {
            let breath = self.shard.breathe(self.now);
            if let Err(discrepancy) = self.shard.audit() {
                panic!("{discrepancy}");
            }
            assert_eq!(
                self.shard.port().frames_free(),
                FRAMES,
                "frames of the shard"
            );
            while let Some(bytes) = self.wire.take_bytes(self.now) {
                self.hear(&bytes);
            }
            assert_eq!(self.wire.frames_free(), FRAMES, "frames of the wire");
            if breath.received + breath.sent == 0 {
                return;
            }
        }
        panic!("it answers itself: {:?}", self.shard.counters());
    }

    // What a shard sends can be parsed, and is what its peer remembers.
    fn hear(&mut self, bytes: &[u8]) {
        let packet = parse(bytes, Checksum::Verify);
        let packet = packet.unwrap_or_else(|reason| panic!("{reason:?}: {bytes:02x?}"));
        let (tuple, segment) = (packet.tuple.reversed(), packet.segment);
        self.said.push((tuple, segment));
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.tuple == tuple) else {
            return;
        };
        peer.ack = segment.seq + segment.len();
        if segment.ctl.ack {
            peer.seq = segment.ack;
        }
        peer.ts = segment.options.timestamps.map_or(peer.ts, |ts| ts.val);
    }
}

fn config(octets: &mut Octets<'_>, mode: Option<SynCookies>) -> ShardConfig {
    let (size, marks) = (octets.u8(), octets.u8());
    let has = |bit: u8| marks >> bit & 1 == 1;
    let of = |shift: u32, choices: [usize; 4]| choices[usize::from(size.rotate_right(shift) & 3)];
    let modes = [
        SynCookies::Auto,
        SynCookies::Never,
        SynCookies::Auto,
        SynCookies::Always,
    ];
    ShardConfig {
        tcp: Config {
            mtu: if has(0) { 296 } else { 1500 },
            receive_buffer: of(0, [262_144, 65_535, 4_000, 500]) as u32,
            send_buffer: of(2, [65_535, 5_000, 1_000, 1]) as u32,
            timestamps: !has(1),
            window_scale: !has(2),
            sack: !has(3),
            ..Config::default()
        },
        connections: of(4, [16, 8, 3, 1]),
        blocks: of(6, [400, 64, 5, 2]),
        limits: Limits {
            half_open: if has(4) { 1 } else { 4096 },
            per_listener: u32::from(has(5)),
            per_source: u32::from(has(6)) * 2,
            time_wait: usize::from(has(7)),
        },
        syn_cookies: mode.unwrap_or(modes[usize::from(marks >> 4 & 3)]),
        cookies: SharedCookies::new(|epoch| [if epoch == 0 { 0 } else { 7 }; 16]),
        ..ShardConfig::default()
    }
}

fn listen(shard: &mut Shard<MemoryPort>, address: Address, port: u16, service: u16) {
    shard.listen(Endpoint { address, port }, service);
}

const fn v4(last: u8) -> Address {
    Address::v4([192, 0, 2, last])
}

const fn v6(last: u8) -> Address {
    Address([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
}
