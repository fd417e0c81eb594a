//! The real port over a veth pair: what arrives, what leaves, what is refused and how it says so.
//!
//! Needs root and `ip`. Each test has two network namespaces of its own.

mod common;
mod veth;

use common::{ROOT, Row, until};
use seawall::limits::BURST_FRAMES;
use seawall::nic::af_xdp::{
    AfXdp, CopyMode, PortConfig, Program, QueueSpec, RingSizes, Verdict, XdpMode, occupant,
};
use seawall::nic::device::Device;
use seawall::nic::{Burst, Frame, Port};
use seawall::time::{Duration, Instant};
use seawall::wire::{Address, Endpoint};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use veth::{End, INTERFACE, Pair};

/// Owned on both ends.
const PORT: u16 = 7;
const FRAME: usize = 60;
/// SYNs that wait in a queue at most.
const SYNS_HELD: u64 = 1024;
/// Control bits.
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
/// Frames of the long tests.
const FRAMES: u64 = 100_000;
/// Frames under way at once: fewer than any ring holds, so that none may be lost.
const WINDOW: u64 = 512;

const TESTS: &[Row<()>] = &[
    (
        "native_mode_echoes_every_frame",
        ROOT,
        native_mode_echoes_every_frame,
    ),
    (
        "generic_mode_echoes_every_frame",
        ROOT,
        generic_mode_echoes_every_frame,
    ),
    (
        "two_queues_share_their_frames",
        ROOT,
        two_queues_share_their_frames,
    ),
    (
        "the_kernel_keeps_what_is_its_own",
        ROOT,
        the_kernel_keeps_what_is_its_own,
    ),
    (
        "a_full_transmit_ring_drops_and_counts",
        ROOT,
        a_full_transmit_ring_drops_and_counts,
    ),
    (
        "a_port_that_sleeps_is_overrun_and_recovers",
        ROOT,
        a_port_that_sleeps_is_overrun_and_recovers,
    ),
    (
        "syns_wait_in_a_lane_of_their_own",
        ROOT,
        syns_wait_in_a_lane_of_their_own,
    ),
    (
        "waiting_ends_when_something_arrives",
        ROOT,
        waiting_ends_when_something_arrives,
    ),
    ("a_taken_queue_is_refused", ROOT, a_taken_queue_is_refused),
    (
        "a_foreign_program_is_named",
        ROOT,
        a_foreign_program_is_named,
    ),
    (
        "zero_copy_is_refused_by_name",
        ROOT,
        zero_copy_is_refused_by_name,
    ),
    (
        "what_is_not_there_is_named",
        ROOT,
        what_is_not_there_is_named,
    ),
    ("nothing_is_left_behind", ROOT, nothing_is_left_behind),
];

fn main() -> ExitCode {
    common::run_together(TESTS)
}

/// A program and a port over all queues of one end, which owns [`PORT`].
struct Side {
    port: AfXdp,
    program: Program,
}

impl Side {
    fn open(end: &End, mode: XdpMode, queues: u32) -> Self {
        let mut program = Program::attach(INTERFACE, mode).unwrap();
        let queues: Vec<_> = (0..queues).map(|n| QueueSpec::new(INTERFACE, n)).collect();
        let port = AfXdp::open(&queues, &PortConfig::default()).unwrap();
        port.register(std::slice::from_mut(&mut program)).unwrap();
        program.own(endpoint(end)).unwrap();
        Self { port, program }
    }

    /// Sends every frame back where it came from, by the next queue, until `stop`.
    fn echo(&mut self, stop: &AtomicBool) {
        let queues = self.port.queues() as u16;
        let mut burst = Burst::new();
        // Relaxed: nothing else is published by it.
        while !stop.load(Ordering::Relaxed) {
            self.port.receive(Instant::ZERO, &mut burst);
            let idle = burst.is_empty();
            for mut frame in burst.drain(..) {
                let octets = self.port.bytes_mut(&mut frame);
                for at in 0..6 {
                    octets.swap(at, at + 6);
                }
                for at in 26..30 {
                    octets.swap(at, at + 4);
                }
                frame.set_queue((frame.queue() + 1) % queues);
                self.port.transmit(Instant::ZERO, frame);
            }
            self.port.flush(Instant::ZERO);
            if idle {
                self.port.wait(Duration::from_millis(1), None);
            }
        }
    }

    /// Sends [`FRAMES`] numbered frames from `from` to `to`, by all queues in turn, and expects
    /// each to come back once; returns how many came back by each queue.
    fn send_and_expect(&mut self, from: &End, to: &End) -> Vec<u64> {
        let mut seen = vec![false; FRAMES as usize];
        let mut by_queue = vec![0; self.port.queues()];
        let (mut sent, mut back) = (0, 0);
        let deadline = deadline();
        let mut burst = Burst::new();
        while back < FRAMES {
            assert!(std::time::Instant::now() < deadline, "{back} of {sent}");
            let room = WINDOW - (sent - back);
            for _ in 0..room.min(BURST_FRAMES as u64).min(FRAMES - sent) {
                let queue = (sent % self.port.queues() as u64) as u16;
                self.send(from, to, queue, sent as u32);
                sent += 1;
            }
            self.port.flush(Instant::ZERO);
            self.port.receive(Instant::ZERO, &mut burst);
            if burst.is_empty() {
                self.port.wait(Duration::from_millis(1), None);
            }
            for frame in burst.drain(..) {
                assert_eq!(frame.len(), FRAME);
                let octets = self.port.bytes(&frame);
                let number = u32::from_be_bytes(octets[38..42].try_into().unwrap());
                assert!(!std::mem::replace(&mut seen[number as usize], true));
                by_queue[usize::from(frame.queue())] += 1;
                back += 1;
                self.port.release(frame);
            }
        }
        by_queue
    }

    fn send(&mut self, from: &End, to: &End, queue: u16, number: u32) {
        self.send_with(SYN, from, to, queue, number);
    }

    fn send_with(&mut self, control: u8, from: &End, to: &End, queue: u16, number: u32) {
        let mut frame = self.port.allocate(queue).unwrap();
        let mut octets = syn(from, to, number);
        octets[47] = control;
        self.port.bytes_mut(&mut frame)[..FRAME].copy_from_slice(&octets);
        frame.set_len(FRAME);
        self.port.transmit(Instant::ZERO, frame);
    }

    /// Flushes until as many frames are free as `free`.
    fn settle(&mut self, free: usize) {
        let deadline = deadline();
        while self.port.free_frames() != free {
            let now_free = self.port.free_frames();
            assert!(
                std::time::Instant::now() < deadline,
                "{now_free} of {free} frames"
            );
            self.port.flush(Instant::ZERO);
            self.port.wait(Duration::from_millis(1), None);
        }
    }
}

fn native_mode_echoes_every_frame() {
    echoes_every_frame(XdpMode::Auto, 1);
}

fn generic_mode_echoes_every_frame() {
    echoes_every_frame(XdpMode::Generic, 1);
}

fn two_queues_share_their_frames() {
    // Each frame comes back by the queue that it did not leave by.
    assert_eq!(
        echoes_every_frame(XdpMode::Native, 2),
        [FRAMES / 2, FRAMES / 2]
    );
}

fn echoes_every_frame(mode: XdpMode, queues: u32) -> Vec<u64> {
    let pair = Pair::new(queues);
    let mut near = pair.near.within(|| Side::open(&pair.near, mode, queues));
    let mut far = pair
        .far
        .within(|| Side::open(&pair.far, XdpMode::Native, queues));
    assert_eq!(near.program.is_native(), mode != XdpMode::Generic);
    let reports = near.port.reports();
    assert_eq!(reports.len(), queues as usize);
    assert!(
        reports.iter().all(|report| !report.zero_copy),
        "veth copies"
    );

    let free = [near.port.free_frames(), far.port.free_frames()];
    let stop = AtomicBool::new(false);
    let by_queue = std::thread::scope(|scope| {
        let echo = scope.spawn(|| near.echo(&stop));
        let stop_echo = Stop(&stop);
        let by_queue = far.send_and_expect(&pair.far, &pair.near);
        // It answers ping meanwhile: the kernel keeps the rest of the interface.
        pair.far.run(&["ping", "-c1", "-W5", pair.near.address]);
        drop(stop_echo);
        echo.join().unwrap();
        by_queue
    });
    near.settle(free[0]);
    far.settle(free[1]);
    for side in [&near, &far] {
        let counters = side.port.counters();
        assert_eq!((counters.received, counters.sent), (FRAMES, FRAMES));
        let lost = counters.transmit_full + counters.receive_full + counters.fill_empty;
        assert_eq!(lost, 0, "{counters:?}");
        assert_eq!(
            side.program.verdicts().unwrap().of(Verdict::Redirect),
            FRAMES
        );
    }
    by_queue
}

fn the_kernel_keeps_what_is_its_own() {
    let pair = Pair::new(1);
    let mut near = pair
        .near
        .within(|| Side::open(&pair.near, XdpMode::Native, 1));
    pair.far
        .run(&["ping", "-c3", "-i0.01", "-W5", pair.near.address]);

    // A closed port of the kernel is answered by the kernel.
    let closed = SocketAddr::new(pair.near.address.parse().unwrap(), 9);
    let refused = pair.far.within(|| TcpStream::connect(closed).unwrap_err());
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);

    // A port of ours is not: its SYN comes here.
    let ours = SocketAddr::new(closed.ip(), PORT);
    let timeout = Duration::from_millis(200);
    let error = pair
        .far
        .within(|| TcpStream::connect_timeout(&ours, timeout).unwrap_err());
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    let mut burst = Burst::new();
    near.port.receive(Instant::ZERO, &mut burst);
    let frame = burst.pop().unwrap();
    let octets = near.port.bytes(&frame);
    assert_eq!(octets[36..38], PORT.to_be_bytes());
    assert_eq!(octets[47], 2, "SYN");
    near.port.release(frame);

    // Until it is given back.
    near.program.disown(endpoint(&pair.near)).unwrap();
    let refused = pair.far.within(|| TcpStream::connect(ours).unwrap_err());
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

fn a_full_transmit_ring_drops_and_counts() {
    let pair = Pair::new(1);
    let mut near = pair
        .near
        .within(|| Side::open(&pair.near, XdpMode::Native, 1));
    let free = near.port.free_frames();
    for number in 0..3000 {
        near.send(&pair.near, &pair.far, 0, number);
    }
    let counters = near.port.counters();
    assert_eq!((counters.sent, counters.transmit_full), (2048, 952));
    // One flush sends them all, though one wakeup of the kernel sends 32.
    near.port.flush(Instant::ZERO);
    near.settle(free);

    let mut held = vec![];
    while let Some(frame) = near.port.allocate(0) {
        held.push(frame);
    }
    assert_eq!(held.len(), free);
    for frame in held {
        near.port.release(frame);
    }
    assert_eq!(near.port.free_frames(), free);
}

fn a_port_that_sleeps_is_overrun_and_recovers() {
    let pair = Pair::new(1);
    let mut near = pair
        .near
        .within(|| Side::open(&pair.near, XdpMode::Native, 1));
    let mut far = pair
        .far
        .within(|| Side::open(&pair.far, XdpMode::Native, 1));
    let free = far.port.free_frames();
    for number in 0..6000 {
        far.send(&pair.far, &pair.near, 0, number);
        if number % 64 == 63 {
            far.port.flush(Instant::ZERO);
        }
    }
    far.settle(free);
    let judged = || near.program.verdicts().unwrap().of(Verdict::Redirect);
    let deadline = deadline();
    while judged() < 6000 {
        assert!(std::time::Instant::now() < deadline, "{} of 6000", judged());
        std::thread::yield_now();
    }
    let counters = near.port.counters();
    let dropped = counters.receive_full.max(counters.fill_empty);
    assert!(dropped >= 6000 - SYNS_HELD, "{counters:?}");

    let mut burst = Burst::new();
    let mut received = 0;
    loop {
        near.port.receive(Instant::ZERO, &mut burst);
        if burst.is_empty() {
            break;
        }
        received += burst.len();
        burst.drain(..).for_each(|frame| near.port.release(frame));
    }
    assert_eq!(received as u64, SYNS_HELD, "as many as the ring held");

    far.send(&pair.far, &pair.near, 0, 6000);
    far.port.flush(Instant::ZERO);
    while burst.is_empty() {
        assert!(std::time::Instant::now() < deadline, "nothing more arrives");
        near.port.wait(Duration::from_millis(10), None);
        near.port.receive(Instant::ZERO, &mut burst);
    }
    burst.drain(..).for_each(|frame| near.port.release(frame));
}

// More SYNs than there are frames; what comes behind them is received, and first.
fn syns_wait_in_a_lane_of_their_own() {
    const SYNS: u32 = 12_000;
    const SEGMENTS: u32 = 100;
    let pair = Pair::new(1);
    let mut near = pair
        .near
        .within(|| Side::open(&pair.near, XdpMode::Native, 1));
    let mut far = pair
        .far
        .within(|| Side::open(&pair.far, XdpMode::Native, 1));
    let free = far.port.free_frames();
    for number in 0..SYNS + SEGMENTS {
        let control = if number < SYNS { SYN } else { ACK };
        far.send_with(control, &pair.far, &pair.near, 0, number);
        if number % 64 == 63 {
            far.port.flush(Instant::ZERO);
        }
    }
    far.settle(free);
    let all = u64::from(SYNS + SEGMENTS);
    let judged = || near.program.verdicts().unwrap().of(Verdict::Redirect);
    let deadline = deadline();
    while judged() < all {
        assert!(
            std::time::Instant::now() < deadline,
            "{} of {all}",
            judged()
        );
        std::thread::yield_now();
    }
    let mut received = Vec::new();
    let mut burst = Burst::new();
    loop {
        near.port.receive(Instant::ZERO, &mut burst);
        if burst.is_empty() {
            break;
        }
        let is_syn = |frame: &Frame| near.port.bytes(frame)[47] == SYN;
        received.extend(burst.iter().map(is_syn));
        for frame in burst.drain(..) {
            near.port.release(frame);
        }
    }
    let syns = received.iter().filter(|is_syn| **is_syn).count();
    let held = SYNS_HELD as usize;
    assert_eq!((received.len() - syns, syns), (SEGMENTS as usize, held));
    let first = &received[..BURST_FRAMES];
    let first_syns = first.iter().filter(|is_syn| **is_syn).count();
    assert_eq!(first_syns, BURST_FRAMES / 8, "and SYNs are not shut out");
    let counters = near.port.counters();
    assert_eq!(counters.receive_full, u64::from(SYNS) - SYNS_HELD);
}

fn waiting_ends_when_something_arrives() {
    let pair = Pair::new(1);
    let mut near = pair
        .near
        .within(|| Side::open(&pair.near, XdpMode::Native, 1));
    let mut far = pair
        .far
        .within(|| Side::open(&pair.far, XdpMode::Native, 1));
    let begin = std::time::Instant::now();
    near.port.wait(Duration::from_micros(1_500), None);
    assert!(
        begin.elapsed() >= Duration::from_micros(1_500),
        "rounded up"
    );

    far.send(&pair.far, &pair.near, 0, 1);
    far.port.flush(Instant::ZERO);
    near.port.wait(Duration::from_mins(1), None);
    let mut burst = Burst::new();
    near.port.receive(Instant::ZERO, &mut burst);
    assert_eq!(burst.len(), 1);
    assert!(begin.elapsed() < Duration::from_secs(30));
    burst.drain(..).for_each(|frame| near.port.release(frame));
}

fn a_taken_queue_is_refused() {
    let pair = Pair::new(1);
    pair.near.within(|| {
        let queues = [QueueSpec::new(INTERFACE, 0)];
        let port = AfXdp::open(&queues, &PortConfig::default()).unwrap();
        let error = AfXdp::open(&queues, &PortConfig::default()).err().unwrap();
        let text = error.to_string();
        assert!(text.starts_with("queue 0 of veth0 is taken"), "{text}");
        drop(port);
        AfXdp::open(&queues, &PortConfig::default()).unwrap();
    });
}

fn a_foreign_program_is_named() {
    let pair = Pair::new(1);
    let attach = || Program::attach(INTERFACE, XdpMode::Auto);
    pair.near.within(|| {
        let ours = attach().unwrap();
        let text = attach().err().unwrap().to_string();
        assert!(text.contains("the XDP program `seawall` with id"), "{text}");
        assert!(text.contains("stop the process"), "{text}");
        drop(ours);
    });
    // By netlink, as `ip` attaches: it stays when its process ends.
    let object = concat!(env!("CARGO_MANIFEST_DIR"), "/xdp/seawall.bpf.o");
    for mode in ["xdpdrv", "xdpgeneric"] {
        let by_ip = [
            "ip", "link", "set", "dev", INTERFACE, mode, "obj", object, "sec", "xdp",
        ];
        pair.near.run(&by_ip);
        let text = pair.near.within(|| attach().err().unwrap().to_string());
        assert!(text.contains("the XDP program `seawall` with id"), "{text}");
        let remedy = format!("ip link set dev {INTERFACE} xdp off");
        assert!(text.contains(&remedy), "{text}");
        pair.near
            .run(&["ip", "link", "set", "dev", INTERFACE, mode, "off"]);
        pair.near.within(|| attach().map(drop).unwrap());
    }
}

fn zero_copy_is_refused_by_name() {
    let pair = Pair::new(1);
    pair.near.within(|| {
        let queues = [QueueSpec::new(INTERFACE, 0)];
        let config = PortConfig {
            copy: CopyMode::Off,
            ..PortConfig::default()
        };
        let text = AfXdp::open(&queues, &config).err().unwrap().to_string();
        let expected = "queue 0 of veth0: zero copy refused by driver veth; use --copy";
        assert!(text.starts_with(expected), "{text}");
    });
}

fn what_is_not_there_is_named() {
    let pair = Pair::new(2);
    pair.near.within(|| {
        assert_eq!(Device::open(INTERFACE).unwrap().rx_queues(), 2);
        assert_eq!(Device::open(INTERFACE).unwrap().driver(), "veth");
        assert!(Device::open("veth9").is_err());
        let open = |interface, queue| {
            let queues = [QueueSpec::new(interface, queue)];
            let port = AfXdp::open(&queues, &PortConfig::default());
            port.err().unwrap().to_string()
        };
        let no_interface = "veth9: no such interface";
        assert!(open("veth9", 0).starts_with(no_interface));
        let attach = Program::attach("veth9", XdpMode::Auto);
        assert!(attach.err().unwrap().to_string().starts_with(no_interface));
        let text = open(INTERFACE, 2);
        let expected = "queue 2 of veth0: no such queue; veth0 has 2";
        assert!(text.starts_with(expected), "{text}");
        assert!(open("lo", 7).starts_with("queue 7 of lo: no such queue"));

        let small = RingSizes {
            receive: 64,
            syns: 64,
            transmit: 64,
            fill: 64,
            completion: 64,
        };
        let config = PortConfig {
            rings: small,
            ..PortConfig::default()
        };
        let port = AfXdp::open(&[QueueSpec::new(INTERFACE, 1)], &config).unwrap();
        assert_eq!(port.reports()[0].rings, small);
        let text = port.register(&mut []).unwrap_err().to_string();
        assert!(
            text.starts_with("queue 1 of veth0: no XDP program"),
            "{text}"
        );
    });
}

fn nothing_is_left_behind() {
    let pair = Pair::new(2);
    pair.near.within(|| {
        for _ in 0..3 {
            let side = Side::open(&pair.near, XdpMode::Native, 2);
            assert_eq!(occupant(INTERFACE).unwrap().unwrap().name, "seawall");
            drop(side);
            // Whoever runs a command beside this holds what is open here until it runs.
            let is_gone = || occupant(INTERFACE).unwrap().is_none().then_some(());
            until("the program is gone", is_gone).unwrap();
        }
    });
    pair.far.run(&["ping", "-c1", "-W5", pair.near.address]);
}

/// Stops an echo when it goes, also when a test fails on the way.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn deadline() -> std::time::Instant {
    std::time::Instant::now() + Duration::from_mins(1)
}

fn endpoint(end: &End) -> Endpoint {
    let address: Ipv4Addr = end.address.parse().unwrap();
    Endpoint {
        address: Address::v4(address.octets()),
        port: PORT,
    }
}

/// A frame with a SYN for [`PORT`], with `number` as its sequence number.
fn syn(from: &End, to: &End, number: u32) -> [u8; FRAME] {
    let mut frame = [0; FRAME];
    frame[..12].fill(2);
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[14] = 0x45;
    frame[17] = 40;
    frame[22..24].copy_from_slice(&[64, 6]);
    frame[26..30].copy_from_slice(&endpoint(from).address.v4_octets());
    frame[30..34].copy_from_slice(&endpoint(to).address.v4_octets());
    frame[34..36].copy_from_slice(&PORT.to_be_bytes());
    frame[36..38].copy_from_slice(&PORT.to_be_bytes());
    frame[38..42].copy_from_slice(&number.to_be_bytes());
    frame[46] = 0x50;
    frame[47] = 2;
    frame
}
