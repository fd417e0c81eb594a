//! Frames to values and back: what `wire` costs a segment.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use seawall::wire::{
    Checksum, Ctl, FourTuple, Headers, LinkHeader, Options, Packet, Segment, Seq, Timestamps, parse,
};
use std::hint::black_box;
use std::net::SocketAddr;

const LINK: LinkHeader = LinkHeader::new([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);

fn tuple(local: &str, remote: &str) -> FourTuple {
    let end = |text: &str| text.parse::<SocketAddr>().expect("an endpoint").into();
    FourTuple {
        local: end(local),
        remote: end(remote),
    }
}

fn segment(ctl: Ctl, text_len: u32) -> Segment {
    Segment {
        seq: Seq(0x0102_0304),
        ack: Seq(0x0506_0708),
        wnd: 512,
        ctl,
        text_len,
        options: Options {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some(Timestamps { val: 7, ecr: 9 }),
        },
        ..Segment::default()
    }
}

// A frame of each kind: its name, and the four-tuple and segment in it.
fn kinds() -> [(&'static str, FourTuple, Segment); 5] {
    let v4 = tuple("192.0.2.1:80", "192.0.2.2:40000");
    let v6 = tuple("[2001:db8::1]:80", "[2001:db8::2]:40000");
    [
        ("ack_v4_66", v4, segment(Ctl::ACK, 0)),
        ("ack_v6_86", v6, segment(Ctl::ACK, 0)),
        ("syn_v4_74", v4, segment(Ctl::SYN, 0)),
        ("text_v4_1514", v4, segment(Ctl::ACK, 1448)),
        ("text_v6_1514", v6, segment(Ctl::ACK, 1428)),
    ]
}

fn emit(tuple: &FourTuple, segment: &Segment, frame: &mut [u8]) -> Option<usize> {
    let headers = Headers {
        link: &LINK,
        tuple,
        segment,
        hop_limit: 64,
        tos: 0,
    };
    headers.emit(frame)
}

fn parses(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wire/parse");
    for (name, tuple, segment) in kinds() {
        let mut frame = [0x5a; 1792];
        let len = emit(&tuple, &segment, &mut frame).expect("it fits");
        let verified = frame[..len].to_vec();
        // The same with a checksum that holds the pseudo-header alone, which ends the check early.
        let mut partial = verified.clone();
        make_partial(&mut partial);
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("verify/{name}"), |bencher| {
            bencher.iter(|| parse(black_box(&verified), Checksum::Verify));
        });
        group.bench_function(format!("partial/{name}"), |bencher| {
            bencher.iter(|| parse(black_box(&partial), Checksum::TrustPartial));
        });
    }
    group.finish();
}

fn emits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wire/emit");
    for (name, tuple, segment) in kinds() {
        let mut frame = [0x5a; 1792];
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                emit(
                    black_box(&tuple),
                    black_box(&segment),
                    black_box(&mut frame),
                )
            });
        });
    }
    group.finish();
}

fn make_partial(frame: &mut [u8]) {
    let Packet { tuple, .. } = parse(frame, Checksum::Verify).expect("our own frame");
    let (addresses, tcp_at) = if tuple.local.address.is_v4() {
        (26, 34)
    } else {
        (22, 54)
    };
    let words = frame[addresses..tcp_at].chunks(2);
    let sum: u32 = words
        .map(|two| u32::from(two[0]) << 8 | u32::from(two[1]))
        .sum();
    let sum = sum + 6 + (frame.len() - tcp_at) as u32;
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = ((sum >> 16) + sum) as u16;
    frame[tcp_at + 16..][..2].copy_from_slice(&sum.to_be_bytes());
}

criterion_group!(benches, parses, emits);
criterion_main!(benches);
