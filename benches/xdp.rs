//! The XDP program that answers SYNs by cookies, beside one that changes nothing but where a frame
//! goes: nanoseconds a SYN (`BPF_PROG_TEST_RUN`), and SYN-ACKs a second over veth, on one core that
//! the source shares. Needs root: `cargo bench --bench xdp`.
//!
//! In the first part the frame is made anew before each run, and what that costs is taken off
//! (`xdp/bench.bpf.c`).
#![expect(clippy::cast_precision_loss, reason = "times and rates for people")]

use aya::maps::{Array, MapData, PerCpuArray, ProgramArray};
use aya::programs::XdpMode::Driver;
use aya::programs::{TestRun, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use seawall::control::clock::Clock;
use seawall::control::lab::{CLIENT_INTERFACE, Lab, LabConfig, SERVER_INTERFACE};
use seawall::control::server::epoch_answer;
use seawall::control::worker::pin;
use seawall::flood::{Flood, Kind, Plan, Rate, SourceKind, Span};
use seawall::nic::af_xdp::{Answers, Filter, Orders, Program, XdpMode};
use seawall::shard::ShardConfig;
use seawall::time::Duration;
use seawall::wire::{
    Address, Ctl, Endpoint, FourTuple, Headers, LinkHeader, Options, Segment, Seq, Timestamps,
};
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

static OBJECT: &[u8] = include_bytes_aligned!("../xdp/bench.bpf.o");
const IN_OBJECT: &str = "the object has it, and it is of this type";

const TEMPLATE_BYTES: usize = 96;

/// Runs of a program between two looks at the clock, and how often that is done.
const REPEAT: u32 = 1_000_000;
const ROUNDS: usize = 7;

const FLOOD: Duration = Duration::from_secs(2);
const FLOODS: usize = 3;

/// The core of all that is measured.
const CPU: usize = 0;

type Result<T> = core::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return ExitCode::SUCCESS;
    }
    match nanoseconds().and_then(|()| rates()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn bench_object() -> Result<Ebpf> {
    let mut ebpf = EbpfLoader::new().load(OBJECT)?;
    for name in ["restore", "nothing", "bounce", "sink"] {
        program(&mut ebpf, name).load()?;
    }
    Ok(ebpf)
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> &'a mut Xdp {
    let program = ebpf.program_mut(name).expect(IN_OBJECT);
    program.try_into().expect(IN_OBJECT)
}

/// Has the program answer SYNs to `endpoint`.
fn answer(answers: &mut Answers, endpoint: Endpoint, clock: Clock) -> Result<()> {
    let config = ShardConfig::default();
    let answer = epoch_answer(&config, endpoint.address, 0, [7; 16], clock.began());
    answers.set(0, &answer)?;
    answers.order(&Orders {
        answer: true,
        ..Orders::default()
    })?;
    Ok(())
}

// In the middle of an epoch.
fn clock() -> Clock {
    Clock::start().older_by(Duration::from_secs(10))
}

fn nanoseconds() -> Result<()> {
    pin(CPU)?;
    let mut bench = bench_object()?;
    let mut templates: Array<MapData, [u8; TEMPLATE_BYTES]> =
        bench.take_map("templates").expect(IN_OBJECT).try_into()?;
    let mut measured: ProgramArray<MapData> =
        bench.take_map("measured").expect(IN_OBJECT).try_into()?;
    for is_v4 in [true, false] {
        let (syn, len, server) = frame(is_v4, Ctl::SYN);
        templates.set(0, syn, 0)?;
        let mut filter = Filter::load()?;
        answer(&mut filter.answers()?, server, clock())?;
        filter.own_listener(server, 0)?;
        let mut run = |fd: &aya::programs::ProgramFd| -> Result<f64> {
            measured.set(0, fd, 0)?;
            fastest(ROUNDS, || nanoseconds_of(&mut bench, &syn[..len]))
        };
        let seawall = run(filter.program()?)?;
        let nothing = fd_of(&mut bench_object()?, "nothing")?;
        let bounce = fd_of(&mut bench_object()?, "bounce")?;
        let (nothing, bounce) = (run(&nothing)?, run(&bounce)?);
        let family = if is_v4 { "IPv4" } else { "IPv6" };
        let answered = filter.verdicts()?;
        let all: u64 = answered.iter().map(|(_, n)| n).sum();
        let of = answered.of(seawall::nic::af_xdp::Verdict::Answer);
        assert!(all == of && all > 0, "it answers: {of} of {all}");
        println!(
            "{family}: a SYN answered by a cookie {:.0} ns",
            seawall - nothing
        );
        let (segment, len, _) = frame(is_v4, Ctl::ACK);
        templates.set(0, segment, 0)?;
        let mut run = |fd: &aya::programs::ProgramFd| -> Result<f64> {
            measured.set(0, fd, 0)?;
            fastest(ROUNDS, || nanoseconds_of(&mut bench, &segment[..len]))
        };
        // There is no socket, so that nothing goes anywhere: finding that out is in it.
        let steered = run(filter.program()?)? - run(&fd_of(&mut bench_object()?, "nothing")?)?;
        println!("{family}: a segment of a connection, up to its redirection {steered:.0} ns");
        if is_v4 {
            println!("{family}: a bare header swap {:.0} ns", bounce - nothing);
            println!("{family}: above the swap {:.0} ns", seawall - bounce);
        }
    }
    Ok(())
}

fn fd_of(ebpf: &mut Ebpf, name: &str) -> Result<aya::programs::ProgramFd> {
    Ok(program(ebpf, name).fd()?.try_clone()?)
}

fn nanoseconds_of(bench: &mut Ebpf, frame: &[u8]) -> Result<f64> {
    let options = TestRunOptions {
        data_in: Some(frame),
        repeat: REPEAT,
        ..TestRunOptions::default()
    };
    let result = program(bench, "restore").test_run(options)?;
    Ok(result.duration.as_nanos() as f64)
}

// What comes on top is others' work.
fn fastest(rounds: usize, mut measure: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut all = Vec::new();
    for _ in 0..rounds {
        all.push(measure()?);
    }
    all.sort_by(f64::total_cmp);
    Ok(all.first().copied().unwrap_or_default())
}

// A SYN as Linux sends it, or another segment, and where it goes to.
fn frame(is_v4: bool, ctl: Ctl) -> ([u8; TEMPLATE_BYTES], usize, Endpoint) {
    let end = |last, port| Endpoint {
        address: if is_v4 {
            Address::v4([198, 18, 0, last])
        } else {
            Address([0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
        },
        port,
    };
    let server = end(1, 80);
    let segment = Segment {
        seq: Seq(0x1234_5678),
        wnd: 64_240,
        ctl,
        options: Options {
            mss: ctl.syn.then_some(1460),
            window_scale: ctl.syn.then_some(7),
            sack_permitted: ctl.syn,
            timestamps: Some(Timestamps { val: 9, ecr: 0 }),
        },
        ..Segment::default()
    };
    let headers = Headers {
        link: &LinkHeader::new([2; 6], [4; 6]),
        tuple: &FourTuple {
            local: end(2, 40_000),
            remote: server,
        },
        segment: &segment,
        hop_limit: 64,
        tos: 0,
    };
    let mut frame = [0; TEMPLATE_BYTES];
    let len = headers.emit(&mut frame).expect("a SYN fits");
    (frame, len, server)
}

fn rates() -> Result<()> {
    let lab = Lab::new(&LabConfig {
        neighbours: true,
        ..LabConfig::default()
    })?;
    let server = lab.server_addresses().find(IpAddr::is_ipv4);
    let target = SocketAddr::new(server.expect("the lab has one"), 80);
    let mut sink = bench_object()?;
    lab.client().run(|| {
        program(&mut sink, "sink")
            .attach(CLIENT_INTERFACE, Driver)
            .map(drop)
    })?;
    let arrived = sink.take_map("arrived").expect(IN_OBJECT);
    let arrived: PerCpuArray<MapData, u64> = arrived.try_into()?;
    let count = || -> Result<u64> { Ok(arrived.get(&0, 0)?.iter().sum()) };
    for _ in 0..FLOODS {
        let bounced = {
            let mut bounce = bench_object()?;
            lab.server().run(|| {
                program(&mut bounce, "bounce")
                    .attach(SERVER_INTERFACE, Driver)
                    .map(drop)
            })?;
            flood(&lab, target, &count)?
        };
        let answered = {
            let attached = lab
                .server()
                .run(|| Program::attach(SERVER_INTERFACE, XdpMode::Native));
            let mut program = attached?;
            answer(&mut program.answers()?, target.into(), clock())?;
            program.own_listener(target.into(), 0)?;
            flood(&lab, target, &count)?
        };
        let share = answered / bounced;
        println!(
            "SYN-ACKs {:.2} M/s, beside a bare bounce of {:.2} M/s: {:.0} %",
            answered / 1e6,
            bounced / 1e6,
            share * 100.0,
        );
    }
    Ok(())
}

// How many frames a second come back.
fn flood(lab: &Lab, target: SocketAddr, count: &impl Fn() -> Result<u64>) -> Result<f64> {
    let plan = Plan {
        interface: CLIENT_INTERFACE.into(),
        target: target.to_string().parse()?,
        rate: "max".parse::<Rate>()?,
        span: Span::new(FLOOD)?,
        kind: Kind::Syn,
        source: Some(SourceKind::LiveFrames),
        seed: 1,
    };
    let before = count()?;
    let report = lab.client().run(|| {
        let pinned = pin(CPU).map_err(|error| error.to_string());
        let flood = pinned.and_then(|()| Flood::open(&plan).map_err(|error| error.to_string()));
        let clock = Clock::start();
        let stop = AtomicBool::new(false);
        flood.and_then(|flood| {
            let report = flood.run(|| clock.now(), &stop, |_| {});
            report.map_err(|error| error.to_string())
        })
    })?;
    let came_back = count()? - before;
    Ok(came_back as f64 / report.elapsed.as_secs_f64())
}
