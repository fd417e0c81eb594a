//! Blind injection (RFC 5961): who knows both ends of a connection and cannot see it guesses.
//!
//! The connection has no timestamps: these would refuse most guesses before RFC 5961 does. What
//! nobody can tell from the peer's own is not among the guesses: a reset that is exact, and text
//! whose sequence number and acknowledgment are both acceptable.

use crate::common::until;
use crate::craft::{ACK, Injector, RST, SERVER_V4, SYN, TCP, checksum};
use crate::stage::{ECHO, Event, Stage, numbered, watch};
use libtest_mimic::Failed;
use seawall::drop_reason::DropReason;
use seawall::shard::Direction;
use seawall::wire::Segment;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

const GUESSES: u64 = 100_000;
/// Between two looks at the connection. The fill ring holds more.
const ROUND: u64 = 250;
const CHALLENGE_INTERVAL: Duration = Duration::from_millis(100);
/// What the kernel's client never says, so that a guess is told from it.
const WINDOW: u16 = 4242;
const TEXT: &[u8] = b"not what the client says";
/// More than any window that either end offers in this test.
const WINDOW_MAX: u32 = 1 << 24;

/// `SplitMix64`.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: u32) -> u32 {
        (self.next() % u64::from(bound)) as u32
    }
}

/// Where our end stands, as only the test can know.
#[derive(Clone, Copy, Default)]
struct Stand {
    rcv_nxt: u32,
    rcv_wnd: u32,
    snd_nxt: u32,
}

/// A guess of each kind in turn: half of them anywhere, half where the window is.
fn guess(n: u64, stand: Stand, draw: &mut Draw) -> (u8, u32, u32) {
    let anywhere = draw.next() as u32;
    let offset = match n / 3 % 2 {
        0 => anywhere,
        _ => draw.below(stand.rcv_wnd),
    };
    let seq = stand.rcv_nxt.wrapping_add(offset);
    // Beyond what was sent, or older than any window: RFC 5961 §5.2.
    let stray = 1 + draw.below(u32::MAX - WINDOW_MAX);
    let ack = stand.snd_nxt.wrapping_add(stray);
    match n % 3 {
        0 if offset == 0 => (RST, seq.wrapping_add(1), ack),
        0 => (RST, seq, ack),
        1 => (SYN, seq, ack),
        _ => (ACK, seq, ack),
    }
}

struct Attack {
    injector: Injector,
    client: [u8; 4],
    port: u16,
}

impl Attack {
    fn send(&mut self, (flags, seq, ack): (u8, u32, u32)) {
        let text = if flags == ACK { TEXT } else { &[] };
        let mut segment = [
            &self.port.to_be_bytes()[..],
            &ECHO.to_be_bytes(),
            &seq.to_be_bytes(),
            &ack.to_be_bytes(),
            &[0x50, flags],
            &WINDOW.to_be_bytes(),
            &[0; 4],
            text,
        ]
        .concat();
        let len = (segment.len() as u16).to_be_bytes();
        let pseudo = [&self.client[..], &SERVER_V4, &[0, TCP], &len].concat();
        let sum = checksum(&[&pseudo, &segment]);
        segment[16..18].copy_from_slice(&sum);
        let total = (20 + segment.len() as u16).to_be_bytes();
        let fixed = [0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, TCP, 0, 0];
        let mut header = [&fixed[..], &self.client, &SERVER_V4].concat();
        let sum = checksum(&[&header]);
        header[10..12].copy_from_slice(&sum);
        let frame = self.injector.v4(&[header, segment].concat());
        self.injector.send(&frame);
    }
}

/// What passed, and where that leaves our end.
struct Watch {
    events: Receiver<Event>,
    stand: Stand,
    guesses: u64,
    sent: u64,
}

impl Watch {
    fn look(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            let Event::Segment {
                direction, segment, ..
            } = event
            else {
                continue;
            };
            match direction {
                Direction::In => self.guesses += u64::from(segment.wnd == WINDOW),
                Direction::Out => self.on_ours(&segment),
            }
        }
    }

    fn on_ours(&mut self, segment: &Segment) {
        self.sent += 1;
        let syn = u32::from(segment.ctl.syn);
        self.stand.rcv_nxt = segment.ack.0;
        // Unscaled it is smaller than it is: still within the window.
        self.stand.rcv_wnd = u32::from(segment.wnd);
        self.stand.snd_nxt = segment.seq.0.wrapping_add(segment.text_len + syn);
    }
}

fn round_trip(stream: &mut TcpStream, at: &mut usize) -> Result<(), Failed> {
    let mut text = [0; 64];
    numbered(*at, &mut text);
    *at += text.len();
    stream.write_all(&text)?;
    let mut back = [0; 64];
    stream.read_exact(&mut back)?;
    assert_eq!(back, text);
    Ok(())
}

pub(crate) fn guesses() -> Result<(), Failed> {
    let mut events = None;
    let stage = Stage::with(|config| {
        config.shard.tcp.challenge_interval = CHALLENGE_INTERVAL;
        events = Some(watch(config));
    })?;
    let client = stage.lab().client();
    client.sysctl("net.ipv4.tcp_timestamps", "0")?;
    let mut stream = stage.connect(stage.at(ECHO))?;
    stream.set_nodelay(true)?;
    let std::net::SocketAddr::V4(from) = stream.local_addr()? else {
        unreachable!("it is connected to an IPv4 address");
    };
    let mut attack = Attack {
        injector: Injector::new(stage.lab())?,
        client: from.ip().octets(),
        port: from.port(),
    };
    let mut watch = Watch {
        events: events.expect("the server was adjusted"),
        stand: Stand::default(),
        guesses: 0,
        sent: 0,
    };
    let mut draw = Draw(0x5961);
    let mut said = 0;
    let mut replies = 0;
    let began = Instant::now();
    for round in 0..GUESSES / ROUND {
        round_trip(&mut stream, &mut said)?;
        // Our answer was seen before it was sent, and acknowledges all that was said.
        watch.look();
        let (stand, sent) = (watch.stand, watch.sent);
        let first = round * ROUND;
        for n in first..first + ROUND {
            attack.send(guess(n, stand, &mut draw));
        }
        until("every guess has arrived", || {
            watch.look();
            (watch.guesses == first + ROUND).then_some(())
        })?;
        replies += watch.sent - sent;
        assert_eq!(
            (watch.stand.rcv_nxt, watch.stand.snd_nxt),
            (stand.rcv_nxt, stand.snd_nxt),
            "a guess moved the connection in round {round}"
        );
    }
    // Text outside of the window may be a retransmission whose ACK was lost: each is acknowledged
    // (RFC 9293 §3.10.7.4). All else is rationed by RFC 5961 §7, but not mute.
    let strays = GUESSES / 6 + 1;
    let budget =
        u128::from(strays) + 1 + began.elapsed().as_millis() / CHALLENGE_INTERVAL.as_millis();
    assert!(replies > 0);
    assert!(
        u128::from(replies) <= budget,
        "{replies} replies, {budget} allowed"
    );
    round_trip(&mut stream, &mut said)?;
    drop(stream);
    let counters = stage.stop(1)?.counters;
    let connections = counters.connections;
    assert_eq!((connections.released, connections.reset), (1, 0));
    assert_eq!((connections.failed, connections.timed_out), (0, 0));
    let said = said as u64;
    assert_eq!((counters.text_in, counters.text_out), (said, said));
    // Each guess was refused by the check that RFC 5961 has for it, and by nothing else.
    let of = |reason| counters.drops.of(reason);
    // A SYN behind the window is told as old, and challenged all the same.
    let refused = [
        DropReason::Duplicate,
        DropReason::OutOfWindow,
        DropReason::RstNotExact,
        DropReason::UnexpectedSyn,
        DropReason::AckUnsent,
        DropReason::AckTooOld,
    ]
    .map(of);
    let sum: u64 = refused.iter().sum();
    assert!(sum >= GUESSES, "{refused:?}");
    assert_eq!(sum, counters.drops.total(), "{:?}", counters.drops);
    assert!(refused.iter().all(|count| *count > 0), "{refused:?}");
    assert!(of(DropReason::RstNotExact) >= GUESSES / 7);
    assert!(of(DropReason::UnexpectedSyn) >= GUESSES / 7);
    Ok(())
}
