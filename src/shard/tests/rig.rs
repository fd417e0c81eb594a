//! A shard, and a peer that is made of segments by hand.

use super::*;
use crate::drop_reason::DropReason;
use crate::wire::{Checksum, Packet};
use crate::wire::{Ctl, Headers, Options, Segment, Seq, Timestamps, parse};

const SERVER_V6: Endpoint = Endpoint {
    address: Address([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    port: 7,
};

/// A shard that serves, and the other end of its wire.
pub(super) struct Rig {
    pub(super) shard: Shard<MemoryPort>,
    pub(super) wire: MemoryPort,
    pub(super) now: Instant,
}

impl Rig {
    pub(super) fn new(config: ShardConfig) -> Self {
        Self::serving(config, Box::new(Echo))
    }

    pub(super) fn serving(config: ShardConfig, service: Box<dyn Service>) -> Self {
        let (ours, wire) = pair(Misfortune::default(), 1024);
        let mut shard = Shard::new(ours, config);
        let service = shard.add_service(service);
        shard.listen(SERVER, service);
        shard.listen(SERVER_V6, service);
        Self {
            shard,
            wire,
            now: Instant::ZERO,
        }
    }

    pub(super) fn frame(from: Endpoint, segment: Segment, text: &[u8]) -> Vec<u8> {
        let is_v4 = from.address.is_v4();
        let tuple = FourTuple {
            local: from,
            remote: if is_v4 { SERVER } else { SERVER_V6 },
        };
        let segment = Segment {
            text_len: text.len() as u32,
            ..segment
        };
        let link = link();
        let headers = Headers {
            link: &link,
            tuple: &tuple,
            segment: &segment,
            hop_limit: 64,
            tos: 0,
        };
        let mut bytes = vec![0; 1500];
        let at = headers.len();
        bytes[at..at + text.len()].copy_from_slice(text);
        let len = headers.emit(&mut bytes).unwrap();
        bytes.truncate(len);
        bytes
    }

    /// What is answered to one segment.
    pub(super) fn ask(&mut self, from: Endpoint, segment: Segment, text: &[u8]) -> Option<Packet> {
        let bytes = Self::frame(from, segment, text);
        assert!(self.wire.send_bytes(self.now, &bytes));
        self.shard.breathe(self.now);
        let answer = self.wire.take_bytes(self.now)?;
        Some(parse(&answer, Checksum::Verify).unwrap())
    }

    pub(super) fn dropped(&self, reason: DropReason) -> u64 {
        self.shard.counters().drops.of(reason)
    }
}

pub(super) fn client(n: u32) -> Endpoint {
    Endpoint {
        address: Address::v4((0xc612_0000 + (n >> 8)).to_be_bytes()),
        port: 1024 + (n & 0xff) as u16,
    }
}

pub(super) fn syn(seq: u32) -> Segment {
    Segment {
        seq: Seq(seq),
        wnd: 60_000,
        ctl: Ctl::SYN,
        options: Options {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some(Timestamps { val: 9, ecr: 0 }),
        },
        ..Segment::default()
    }
}

// The ACK of a SYN-ACK that answered `syn(seq)`.
pub(super) fn third(seq: u32, syn_ack: &Segment) -> Segment {
    Segment {
        seq: Seq(seq) + 1,
        ack: syn_ack.seq + 1,
        wnd: 500,
        ctl: Ctl::ACK,
        options: Options {
            timestamps: syn_ack.options.timestamps.map(|ts| Timestamps {
                val: 10,
                ecr: ts.val,
            }),
            ..Options::default()
        },
        ..Segment::default()
    }
}

pub(super) fn tuple_of(remote: Endpoint) -> FourTuple {
    FourTuple {
        local: SERVER,
        remote,
    }
}

/// Opens a connection to a `Speaker`, which closes first, and closes the peer's side: in TIME-WAIT
/// now. Returns the peer's FIN.
pub(super) fn close_after_speaker(rig: &mut Rig, from: Endpoint) -> Segment {
    let syn_ack = rig.ask(from, syn(50), b"").unwrap().segment;
    let fin = rig.ask(from, third(50, &syn_ack), b"").unwrap().segment;
    assert!(
        fin.ctl.fin && fin.text_len == 4,
        "it speaks and closes first"
    );
    let ours = Segment {
        ctl: Ctl::FIN_ACK,
        ack: syn_ack.seq + 6,
        ..third(50, &syn_ack)
    };
    let last = rig.ask(from, ours, b"").unwrap().segment;
    assert_eq!((last.ctl, last.ack), (Ctl::ACK, ours.seq + 1));
    ours
}

pub(super) fn always() -> ShardConfig {
    ShardConfig {
        syn_cookies: SynCookies::Always,
        ..ShardConfig::default()
    }
}

/// Opens a connection from there by its three segments; the last has text, or the answer to a
/// wrong last one would look like none. `None` when it was refused.
pub(super) fn open(rig: &mut Rig, from: Endpoint) -> Option<Segment> {
    let syn_ack = rig.ask(from, syn(50), b"")?.segment;
    let answer = rig.ask(from, third(50, &syn_ack), b"x")?.segment;
    (!answer.ctl.rst).then_some(syn_ack)
}
