//! A connection without TCP: text goes in in chosen pieces, and comes out as fast as the peer is
//! said to acknowledge. It keeps to what the shard promises to a service, and to no more.

use super::*;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Enough for every test that does not want blocks to run out.
const BLOCKS: usize = 256;
/// Room to send when it does not matter.
pub(super) const ROOM: usize = 64 * 1024;

/// One connection of a service.
pub(super) struct Talk {
    service: Box<dyn Service>,
    rx_pool: Pool,
    tx_pool: Pool,
    held: Chain,
    queue: Chain,
    user: [u64; 2],
    room: usize,
    finished: bool,
    /// All that the service has asked for so far.
    pub(super) asked: Asked,
    /// Text that the peer has received.
    pub(super) received: Vec<u8>,
}

impl Talk {
    /// An open connection; at most `room` octets wait to be sent.
    pub(super) fn open(service: Box<dyn Service>, room: usize) -> Self {
        Self::open_with_blocks(service, room, BLOCKS)
    }

    fn open_with_blocks(service: Box<dyn Service>, room: usize, tx_blocks: usize) -> Self {
        let mut talk = Self {
            service,
            rx_pool: Pool::new(BLOCKS),
            tx_pool: Pool::new(tx_blocks),
            held: Chain::default(),
            queue: Chain::default(),
            user: [0; 2],
            room,
            finished: false,
            asked: Asked::default(),
            received: Vec::new(),
        };
        talk.call(&[], |service, conn| {
            service.on_open(conn);
            service.on_ready(conn);
        });
        talk
    }

    fn call(&mut self, text: &[u8], event: impl FnOnce(&mut dyn Service, &mut Conn<'_>)) {
        let is_closing = self.asked.close || self.asked.finish;
        let limit = if is_closing { 0 } else { self.room };
        let in_frame = if self.held.is_empty() {
            text
        } else {
            let taken = self.rx_pool.append(&mut self.held, text);
            assert_eq!(taken, text.len(), "the test has too few blocks");
            &[]
        };
        let mut conn = Conn {
            rx: Reader::new(in_frame, &mut self.held, &mut self.rx_pool, self.finished),
            tx: Writer::new(&mut self.queue, &mut self.tx_pool, limit),
            user: &mut self.user,
            tuple: FourTuple::default(),
            now: Instant::ZERO,
            urgent: 0,
            asked: Asked::default(),
        };
        event(&mut *self.service, &mut conn);
        let left = conn.rx.left_in_frame();
        let asked = conn.asked;
        let left = &in_frame[in_frame.len() - left..];
        let taken = self.rx_pool.append(&mut self.held, left);
        assert_eq!(taken, left.len(), "the test has too few blocks");
        self.asked.finish |= asked.finish;
        self.asked.close |= asked.close;
        self.asked.abort |= asked.abort;
    }

    fn ready(&mut self, text: &[u8]) {
        self.call(text, Service::on_ready);
    }

    /// A segment arrives.
    pub(super) fn say(&mut self, text: &[u8]) {
        assert!(!self.finished, "text after FIN");
        if !self.asked.close {
            self.ready(text);
        }
    }

    /// The peer's FIN arrives.
    pub(super) fn fin(&mut self) {
        self.finished = true;
        if !self.asked.close {
            self.ready(&[]);
        }
    }

    /// The peer receives what is queued, and acknowledges it. Returns how much that was.
    pub(super) fn acknowledge(&mut self) -> usize {
        let n = self.queue.len();
        assert!(
            n <= self.room,
            "a service sent more than there was room for"
        );
        let before = self.received.len();
        self.received.resize(before + n, 0);
        let into = &mut self.received[before..];
        assert_eq!(self.tx_pool.read_at(&self.queue, 0, into), n);
        self.tx_pool.consume(&mut self.queue, n);
        if n > 0 {
            self.ready(&[]);
        }
        n
    }

    /// Until the service has nothing more to say.
    pub(super) fn acknowledge_all(&mut self) {
        while self.acknowledge() > 0 {}
    }

    /// Octets that the service left unread.
    pub(super) fn unread(&self) -> usize {
        self.held.len()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.tx_pool.clear(&mut self.queue);
        self.rx_pool.clear(&mut self.held);
        if !std::thread::panicking() {
            assert_eq!(self.rx_pool.free_blocks(), BLOCKS, "a block is lost");
        }
    }
}

fn named(name: &str) -> Box<dyn Service> {
    by_name(name).unwrap()
}

/// Octets that do not repeat soon.
fn text(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn every_name_has_a_service_and_no_other_has() {
    for (name, help) in NAMES {
        assert!(by_name(name).is_some(), "{name}");
        assert!(!help.is_empty() && help.len() < 70, "{name}: {help}");
    }
    for name in ["", "Echo", "gopher"] {
        assert!(by_name(name).is_none(), "{name}");
    }
}

#[test]
fn half_a_message_can_be_told_from_a_slow_one() {
    let (mut held, mut pool) = (Chain::default(), Pool::new(1));
    let open = Reader::new(b"half", &mut held, &mut pool, false);
    assert!(!open.is_complete() && !open.is_finished());
    let mut closed = Reader::new(b"half", &mut held, &mut pool, true);
    assert!(closed.is_complete() && !closed.is_finished());
    closed.clear();
    assert!(closed.is_finished() && closed.left_in_frame() == 0);
}

#[test]
fn text_out_of_order_survives_when_the_text_before_it_is_thrown_away() {
    let (mut held, mut pool) = (Chain::default(), Pool::new(2));
    assert_eq!(pool.append(&mut held, b"ab"), 2);
    assert!(pool.store_ahead(&mut held, 4, b"ef"));
    let mut reader = Reader::new(&[], &mut held, &mut pool, false);
    reader.clear();
    assert_eq!(reader.unread(), 0);
    assert_eq!(pool.append(&mut held, b"cd"), 2);
    pool.extend(&mut held, 2);
    assert_eq!(pool.front(&held), b"cdef");
    pool.clear(&mut held);
}

#[test]
fn echo_returns_every_octet_under_back_pressure() {
    let sent = text(20_000);
    for (room, piece) in [(ROOM, 1460), (1, 1), (1, 1460), (7, 1000), (5000, 20_000)] {
        let mut talk = Talk::open(named("echo"), room);
        for part in sent.chunks(piece) {
            talk.say(part);
        }
        talk.fin();
        if sent.len() > room {
            assert!(talk.unread() > 0 && !talk.asked.close, "room {room}");
        }
        talk.acknowledge_all();
        assert!(talk.received == sent, "room {room}, pieces of {piece}");
        assert!(talk.asked.close);
    }
}

#[test]
fn echo_waits_for_blocks_when_the_pool_runs_out() {
    let sent = text(50_000);
    let mut talk = Talk::open_with_blocks(named("echo"), ROOM, 2);
    sent.chunks(1460).for_each(|part| talk.say(part));
    talk.fin();
    assert!(talk.unread() > 0);
    talk.acknowledge_all();
    assert!(talk.received == sent);
}

#[test]
fn discard_reads_all_and_says_nothing() {
    let mut talk = Talk::open(named("discard"), ROOM);
    for part in text(100_000).chunks(1460) {
        talk.say(part);
        assert_eq!(talk.unread(), 0);
    }
    assert_eq!(talk.asked, Asked::default());
    talk.fin();
    assert_eq!((talk.acknowledge(), talk.asked.close), (0, true));
}

#[test]
fn daytime_tells_the_time_and_closes_first() {
    type Clock = fn() -> SystemTime;
    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }
    let rows: &[(Clock, &str)] = &[
        (|| at(0), "Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
        (|| at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
        (|| at(1 << 40), "Fri, 31 Dec 9999 23:59:59 GMT\r\n"),
        (
            || UNIX_EPOCH - Duration::from_secs(1),
            "Thu, 01 Jan 1970 00:00:00 GMT\r\n",
        ),
    ];
    for (clock, line) in rows {
        for room in [ROOM, 1, 30] {
            let mut talk = Talk::open(Box::new(Daytime::new(*clock)), room);
            assert_eq!(talk.asked.finish, room == ROOM);
            talk.say(b"what time is it?");
            talk.acknowledge_all();
            assert_eq!(str::from_utf8(&talk.received), Ok(*line));
            assert!(talk.asked.finish && !talk.asked.close);
            talk.say(b"thank you");
            assert_eq!((talk.unread(), talk.acknowledge()), (0, 0));
        }
    }
}

#[test]
fn chargen_sends_the_lines_of_rfc_864() {
    let mut talk = Talk::open(named("chargen"), ROOM);
    let mut one_by_one = Talk::open(named("chargen"), 1);
    talk.say(b"thrown away");
    assert_eq!(talk.unread(), 0);
    assert_eq!(talk.acknowledge(), ROOM);
    while one_by_one.received.len() < 8000 {
        assert_eq!(one_by_one.acknowledge(), 1);
    }
    assert_eq!(one_by_one.received, talk.received[..8000]);
    let lines: Vec<_> = talk.received.split_inclusive(|o| *o == b'\n').collect();
    assert_eq!(
        lines[0],
        br##" !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefg"##
            .iter()
            .chain(b"\r\n")
            .copied()
            .collect::<Vec<_>>()
    );
    // The last line of the RFC's example is the 95th.
    assert!(lines[94].starts_with(b"~ !\"#") && lines[94].ends_with(b"def\r\n"));
    assert_eq!(lines[95], lines[0]);
    for (number, pair) in lines[..96].windows(2).enumerate() {
        assert_eq!(pair[0].len(), 74, "line {number}");
        assert_eq!(pair[0][1..72], pair[1][..71], "line {number}");
    }
}

#[test]
fn chargen_goes_on_until_the_peer_closes() {
    let mut talk = Talk::open(named("chargen"), ROOM);
    for _ in 0..100 {
        assert_eq!(talk.acknowledge(), ROOM);
    }
    assert_eq!(talk.asked, Asked::default());
    talk.fin();
    assert!(talk.asked.close);
}

#[test]
fn one_instance_serves_connections_that_do_not_mix() {
    let mut service = named("http");
    let mut pool = Pool::new(8);
    let mut tx_pool = Pool::new(8);
    let mut conns = [(); 2].map(|()| (Chain::default(), Chain::default(), [0; 2]));
    let texts: [&[u8]; 2] = [
        b"GET /bytes/7 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /bytes/99 HTTP/1.1\r\nHost: b\r\n\r\n",
    ];
    let mut out = [Vec::new(), Vec::new()];
    for at in 0..2000 {
        for ((held, queue, user), (text, out)) in conns.iter_mut().zip(texts.iter().zip(&mut out)) {
            pool.append(held, text.get(at..=at).unwrap_or_default());
            service.on_ready(&mut Conn {
                rx: Reader::new(&[], held, &mut pool, false),
                tx: Writer::new(queue, &mut tx_pool, 1),
                user,
                tuple: FourTuple::default(),
                now: Instant::ZERO,
                urgent: 0,
                asked: Asked::default(),
            });
            out.extend_from_slice(tx_pool.front(queue));
            tx_pool.consume(queue, queue.len());
        }
    }
    for (out, len) in out.iter().zip([7, 99]) {
        let head_len = out.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(out.len() - head_len, len);
        let field = format!("Content-Length: {len}\r\n");
        assert!(str::from_utf8(out).unwrap().contains(&field));
    }
}
