//! `seawall flood` sends what it says, no more than it may, and nothing where it may not.
//!
//! Needs root. Each test has a lab of its own: the flood leaves the client, and what arrives at
//! the server is looked at frame by frame.

mod common;

use aya::maps::Array;
use aya::programs::{TestRun, TestRunOptions, Xdp};
use aya::{EbpfLoader, include_bytes_aligned};
use common::{DEADLINE, ROOT, Row};
use libtest_mimic::Failed;
use seawall::control::clock::Clock;
use seawall::control::lab::{CLIENT_INTERFACE, Lab, LabConfig, SERVER_INTERFACE};
use seawall::flood::frames::Frames;
use seawall::flood::guard::check_source;
use seawall::flood::{
    Error, Flood, Kind, Path, PathError, Plan, Rate, Report, SourceKind, Span, Target,
};
use seawall::nic::af_xdp::{AfXdp, PortConfig, Program, QueueSpec, XdpMode};
use seawall::nic::netlink::Netlink;
use seawall::nic::{Burst, Port};
use seawall::time::Instant;
use seawall::wire::{Checksum, parse};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::IpAddr;
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const TARGETS: [&str; 2] = ["10.73.0.1:80", "[2001:db8:73::1]:80"];

const TESTS: &[Row] = &[
    (
        "every_frame_of_every_kind_arrives_as_it_was_planned",
        ROOT,
        every_kind,
    ),
    (
        "af_xdp_sends_the_same_frames_as_the_program",
        ROOT,
        same_by_af_xdp,
    ),
    ("the_duration_is_exact_and_the_rate_is_kept", ROOT, duration),
    ("a_rate_beyond_the_machine_ends_on_time", ROOT, too_much),
    ("stopping_stops_at_once", ROOT, stopping),
    ("a_panic_of_who_looks_on_ends_it", ROOT, panics),
    ("a_signal_stops_it_and_it_reports", ROOT, signal),
    (
        "the_program_keeps_to_its_budget_and_its_bounds",
        ROOT,
        program,
    ),
    (
        "what_is_forbidden_exits_2_and_sends_nothing",
        ROOT,
        forbidden,
    ),
    (
        "without_a_program_at_the_other_end_it_falls_back",
        ROOT,
        falls_back,
    ),
    ("the_last_line_of_stdout_is_json", ROOT, json),
    (
        "a_neighbour_is_found_and_a_missing_one_is_named",
        ROOT,
        neighbour,
    ),
    ("a_wrong_interface_or_route_is_named", ROOT, routes),
    ("loopback_is_flooded_by_loopback", ROOT, loopback),
];

fn main() -> ExitCode {
    common::run(TESTS)
}

/// Whoever receives: all TCP to the server's addresses, on its only queue.
struct Receiver {
    port: AfXdp,
    _program: Program,
}

impl Receiver {
    fn open(lab: &Lab) -> Result<Self, Failed> {
        lab.server().run(|| {
            let mut program = Program::attach(SERVER_INTERFACE, XdpMode::Native)?;
            let queues = [QueueSpec::new(SERVER_INTERFACE, 0)];
            let port = AfXdp::open(&queues, &PortConfig::default())?;
            port.register(std::slice::from_mut(&mut program))?;
            for address in lab.server_addresses() {
                program.own_address(address.into())?;
            }
            Ok(Self {
                port,
                _program: program,
            })
        })
    }

    /// Takes frames until `is_over` and all that was sent before is taken.
    fn take(&mut self, is_over: &AtomicBool, frames: &mut Vec<Vec<u8>>) {
        let mut burst = Burst::new();
        loop {
            // Relaxed: nothing else is published by it; what was sent has arrived before.
            let over = is_over.load(Ordering::Relaxed);
            self.port.receive(Instant::ZERO, &mut burst);
            if burst.is_empty() && over {
                return;
            }
            for frame in burst.drain(..) {
                frames.push(self.port.bytes(&frame).to_vec());
                self.port.release(frame);
            }
            self.port.flush(Instant::ZERO);
            self.port.wait(Duration::from_millis(1), None);
        }
    }
}

fn plan(target: &str, rate: u64, millis: u64, kind: Kind) -> Plan {
    Plan {
        interface: CLIENT_INTERFACE.into(),
        target: target.parse().unwrap(),
        rate: Rate::new(rate).unwrap(),
        span: Span::new(Duration::from_millis(millis)).unwrap(),
        kind,
        source: None,
        seed: 0x5eed,
    }
}

fn flood(lab: &Lab, plan: &Plan) -> Result<Report, Failed> {
    let (clock, stop) = (Clock::start(), AtomicBool::new(false));
    lab.client().run(|| {
        let flood = Flood::open(plan)?;
        Ok(flood.run(|| clock.now(), &stop, |_| {})?)
    })
}

/// A flood and all that arrives of it.
fn captured(lab: &Lab, plan: &Plan) -> Result<(Report, Vec<Vec<u8>>), Failed> {
    let mut receiver = Receiver::open(lab)?;
    let (is_over, mut frames) = (AtomicBool::new(false), Vec::new());
    let report = thread::scope(|scope| {
        scope.spawn(|| receiver.take(&is_over, &mut frames));
        let report = flood(lab, plan);
        is_over.store(true, Ordering::Relaxed);
        report
    })?;
    let counters = receiver.port.counters();
    assert_eq!(
        counters.receive_full + counters.fill_empty,
        0,
        "{counters:?}"
    );
    Ok((report, frames))
}

/// The frames that `plan` is to send, in order.
fn planned(lab: &Lab, plan: &Plan) -> Result<Vec<Vec<u8>>, Failed> {
    let path = lab
        .client()
        .run(|| Path::find(CLIENT_INTERFACE, &plan.target))?;
    let frames = Frames::new(plan, &path);
    let mut octets = [0; 128];
    let all = (0..plan.budget()).map(|number| {
        let len = frames.frame(number, &mut octets).unwrap();
        octets[..len].to_vec()
    });
    Ok(all.collect())
}

fn every_kind() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    for target in TARGETS {
        for kind in [
            Kind::Syn,
            Kind::Ack,
            Kind::Rst,
            Kind::Fin,
            Kind::Xmas,
            Kind::Mixed,
        ] {
            let plan = plan(target, 10_000, 200, kind);
            let (report, frames) = captured(&lab, &plan)?;
            assert_eq!(report.source, SourceKind::LiveFrames);
            check(&lab, &plan, &report, &frames)?;
        }
    }
    Ok(())
}

/// All that was sent has arrived, is what was planned, and is not more.
fn check(lab: &Lab, plan: &Plan, report: &Report, frames: &[Vec<u8>]) -> Result<(), Failed> {
    assert_eq!(report.sent, frames.len() as u64, "{plan:?}");
    check_sent(plan, report.sent);
    let planned = planned(lab, plan)?;
    let planned = &planned[..frames.len()];
    // SYNs come by a lane of their own: order holds among them, and among the others.
    assert!(by_lane(frames) == by_lane(planned), "{plan:?}");
    check_segments(planned, plan);
    Ok(())
}

/// What is no SYN, and SYNs.
fn by_lane(frames: &[Vec<u8>]) -> (Vec<&Vec<u8>>, Vec<&Vec<u8>>) {
    frames.iter().partition(|frame| {
        let ctl = parse(frame, Checksum::Verify).unwrap().segment.ctl;
        ctl.ack || !ctl.syn
    })
}

/// Never more than the budget. Less by what a source that got no CPU at the end had left.
fn check_sent(plan: &Plan, sent: u64) {
    let budget = plan.budget();
    assert!(sent <= budget, "{sent} of {budget}");
    assert!(sent >= budget / 2, "{sent} of {budget}");
}

/// Checksums, ends, control bits and options of a plan's frames, by our own parser.
fn check_segments(frames: &[Vec<u8>], plan: &Plan) {
    let turns = plan.kind.turns();
    let mut tuples = HashSet::new();
    for (frame, ctl) in frames.iter().zip(turns.iter().cycle()) {
        let packet = parse(frame, Checksum::Verify).unwrap();
        assert_eq!(packet.tuple.local, plan.target.endpoint());
        assert_eq!(check_source(packet.tuple.remote.address.to_ip()), Ok(()));
        assert_eq!(packet.segment.ctl, *ctl);
        assert_eq!(packet.segment.options.mss.is_some(), ctl.syn);
        assert_eq!(packet.segment.options.timestamps.is_some(), ctl.syn);
        assert_eq!(packet.segment.text_len, 0);
        tuples.insert(packet.tuple.remote);
    }
    assert!(tuples.len() + 2 >= frames.len(), "distinct");
}

fn same_by_af_xdp() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    for target in TARGETS {
        let plan = Plan {
            source: Some(SourceKind::AfXdp),
            ..plan(target, 20_000, 250, Kind::Mixed)
        };
        let (report, frames) = captured(&lab, &plan)?;
        assert_eq!(report.source, SourceKind::AfXdp);
        check(&lab, &plan, &report, &frames)?;
    }
    Ok(())
}

fn duration() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let _receiver = Receiver::open(&lab)?;
    let asked = Duration::from_millis(700);
    for source in [SourceKind::LiveFrames, SourceKind::AfXdp] {
        let mut plan = plan(TARGETS[0], 12_345, 700, Kind::Syn);
        plan.source = Some(source);
        let report = flood(&lab, &plan)?;
        assert_eq!(report.source, source);
        assert_eq!(plan.budget(), 8641, "rounded down");
        check_sent(&plan, report.sent);
        assert!(report.elapsed >= asked, "{report:?}");
        assert!(report.elapsed < asked + asked / 2, "{report:?}");
    }
    Ok(())
}

fn too_much() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let _receiver = Receiver::open(&lab)?;
    for source in [SourceKind::LiveFrames, SourceKind::AfXdp] {
        let mut plan = plan(TARGETS[0], Rate::MAX.per_s(), 300, Kind::Syn);
        plan.source = Some(source);
        let report = flood(&lab, &plan)?;
        assert!(report.sent > 1000 && report.sent <= plan.budget());
        let asked = plan.span.get();
        assert!(report.elapsed >= asked && report.elapsed < asked * 3);
    }
    Ok(())
}

fn stopping() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let _receiver = Receiver::open(&lab)?;
    for rate in [100, Rate::MAX.per_s()] {
        let plan = plan(TARGETS[0], rate, 60_000, Kind::Syn);
        let (clock, stop) = (Clock::start(), AtomicBool::new(false));
        let report = lab.client().run(|| -> Result<_, Failed> {
            let flood = Flood::open(&plan)?;
            // The first word of progress stops it.
            let report = flood.run(
                || clock.now(),
                &stop,
                |_| stop.store(true, Ordering::Relaxed),
            );
            Ok(report?)
        })?;
        assert!(report.sent > 0 && report.sent < plan.budget());
        assert!(report.elapsed < Duration::from_secs(5), "{report:?}");
    }
    Ok(())
}

fn panics() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let _receiver = Receiver::open(&lab)?;
    let plan = plan(TARGETS[0], 100, 60_000, Kind::Syn);
    let (clock, stop) = (Clock::start(), AtomicBool::new(false));
    let run = || {
        lab.client().run(|| {
            let flood = Flood::open(&plan).unwrap();
            flood.run(|| clock.now(), &stop, |_| panic!("on purpose"))
        })
    };
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    assert!(panicked.is_err());
    assert!(clock.elapsed() < DEADLINE, "the worker was called back");
    Ok(())
}

fn signal() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let mut receiver = Receiver::open(&lab)?;
    let arguments = ["-t", TARGETS[0], "-r", "1000", "-d", "60s", "--json"];
    let mut command = seawall(&arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = lab.client().run(|| command.spawn())?;
    let clock = Clock::start();
    let mut burst = Burst::new();
    while burst.is_empty() {
        assert!(clock.elapsed() < DEADLINE, "nothing arrives");
        receiver.port.wait(Duration::from_millis(10), None);
        receiver.port.receive(Instant::ZERO, &mut burst);
    }
    burst
        .drain(..)
        .for_each(|frame| receiver.port.release(frame));
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT)?;
    let output = child.wait_with_output()?;
    assert!(clock.elapsed() < DEADLINE, "it stops");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = last_line(&output)?;
    let sent = report["sent"].as_u64().unwrap();
    assert!(sent > 0 && sent < 60_000, "{report}");
    Ok(())
}

/// The object alone, with plans that nothing in front of it would let through.
fn program() -> Result<(), Failed> {
    static OBJECT: &[u8] = include_bytes_aligned!("../xdp/flood.bpf.o");
    const REDIRECT: u32 = 4;
    const DROP: u32 = 1;
    // Target, as it stands in the template; what the program says to the first five frames.
    let rows: [(&str, u32); 14] = [
        ("10.0.0.1", REDIRECT),
        ("127.0.0.1", REDIRECT),
        ("172.31.255.255", REDIRECT),
        ("203.0.113.9", REDIRECT),
        ("::1", REDIRECT),
        ("2001:2::1", REDIRECT),
        ("fdff::1", REDIRECT),
        ("febf::1", REDIRECT),
        ("8.8.8.8", DROP),
        ("172.32.0.0", DROP),
        ("198.20.0.0", DROP),
        ("2001:2:1::1", DROP),
        ("fec0::1", DROP),
        ("2600::1", DROP),
    ];
    for (target, says) in rows {
        let lawful = if target.contains(':') {
            "[fd00::9]:80"
        } else {
            "10.0.0.9:80"
        };
        let plan = plan(lawful, 1, 1000, Kind::Ack);
        let path = Path {
            interface: 1,
            mtu: 1500,
            source: seawall::nic::netlink::Mac([2; 6]),
            destination: seawall::nic::netlink::Mac([4; 6]),
        };
        let frames = Frames::new(&plan, &path);
        let (mut template, len) = frames.template(plan.kind.turns()[0]);
        match target.parse()? {
            IpAddr::V4(v4) => template[30..34].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => template[38..54].copy_from_slice(&v6.octets()),
        }
        let budget = 3_u64;
        let mut octets = Vec::new();
        for word in [budget, plan.seed, Rate::MAX.per_s(), 60_000_000_000] {
            octets.extend(word.to_ne_bytes());
        }
        for word in [1_u32, 1, len as u32, 1] {
            octets.extend(word.to_ne_bytes());
        }
        octets.extend(template);
        octets.resize(40 + 8 * 104, 0);
        let mut ebpf = EbpfLoader::new()
            .override_global("plan", octets.as_slice(), true)
            .load(OBJECT)?;
        let state: Array<_, [u64; 5]> = ebpf.take_map("state").unwrap().try_into()?;
        let flood: &mut Xdp = ebpf.program_mut("flood").unwrap().try_into()?;
        flood.load()?;
        for number in 0..5 {
            let (blank, mut out) = (vec![0xee; len], vec![0; 256]);
            let result = flood.test_run(TestRunOptions {
                data_in: Some(&blank),
                data_out: Some(&mut out),
                ..TestRunOptions::default()
            })?;
            let within = if number < budget { says } else { DROP };
            assert_eq!(result.return_value, within, "{target}, frame {number}");
            if within == REDIRECT {
                let source: IpAddr = if target.contains(':') {
                    <[u8; 16]>::try_from(&out[22..38])?.into()
                } else {
                    <[u8; 4]>::try_from(&out[26..30])?.into()
                };
                assert_eq!(check_source(source), Ok(()));
            }
        }
        let refused = if says == DROP { budget } else { 0 };
        assert_eq!(state.get(&0, 0)?[..2], [budget, refused]);
    }
    Ok(())
}

fn forbidden() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let _receiver = Receiver::open(&lab)?;
    // Even where there is a way to them.
    lab.client().run(|| -> Result<(), Failed> {
        let link = Netlink::open()?.link(CLIENT_INTERFACE)?;
        assert!(link.up);
        succeed(Command::new("ip").args("route add default via 10.73.0.1".split(' ')))
    })?;
    // What the two ends of the link say to each other by themselves comes to an end.
    let before = settled(&lab)?;
    for (target, rate, duration, complaint) in [
        ("8.8.8.8:80", "max", "1s", "8.8.8.8 is outside the ranges"),
        ("[2600::1]:80", "max", "1s", "2600::1 is outside the ranges"),
        (
            "[::ffff:8.8.8.8]:80",
            "max",
            "1s",
            "8.8.8.8 is outside the ranges",
        ),
        ("255.255.255.255:80", "1", "1s", "outside the ranges"),
        ("224.0.0.1:80", "1", "1s", "outside the ranges"),
        (TARGETS[0], "10000001", "1s", "no override"),
        (TARGETS[0], "0", "1s", "no override"),
        (TARGETS[0], "1", "60001ms", "at most 60 s"),
        (TARGETS[0], "1", "0s", "at most 60 s"),
        ("10.73.0.1:0", "1", "1s", "port 0"),
    ] {
        let arguments = ["-t", target, "-r", rate, "-d", duration];
        let output = lab.client().run(|| seawall(&arguments).output())?;
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{target}: {text}");
        assert!(text.contains(complaint), "{target}: {text}");
    }
    assert_eq!(counters(&lab)?, before, "not one frame");
    Ok(())
}

/// Frames and octets that the client's interface has sent.
fn counters(lab: &Lab) -> Result<(u64, u64), Failed> {
    let text = lab
        .client()
        .run(|| fs::read_to_string("/proc/thread-self/net/dev"))?;
    let line = text.lines().find_map(|line| {
        let (name, numbers) = line.split_once(':')?;
        (name.trim() == CLIENT_INTERFACE).then_some(numbers)
    });
    let numbers: Vec<u64> = line
        .ok_or("the interface is not listed")?
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok((numbers[9], numbers[8]))
}

/// As [`counters`], once IPv6 has been switched off and its last words are said.
fn settled(lab: &Lab) -> Result<(u64, u64), Failed> {
    lab.client().sysctl("net.ipv6.conf.all.disable_ipv6", "1")?;
    counters(lab)
}

fn falls_back() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let plan = plan(TARGETS[0], 1000, 100, Kind::Syn);
    let why = lab.client().run(|| -> Result<_, Failed> {
        let flood = Flood::open(&plan)?;
        assert_eq!(flood.source(), SourceKind::AfXdp);
        Ok(flood.why_not_live().map(ToOwned::to_owned))
    })?;
    let why = why.unwrap();
    assert!(
        why.contains("program is attached to its other end"),
        "{why}"
    );
    let before = counters(&lab)?.0;
    let report = flood(&lab, &plan)?;
    assert_eq!(report.source, SourceKind::AfXdp);
    check_sent(&plan, report.sent);
    assert!(counters(&lab)?.0 >= before + report.sent);

    let insists = Plan {
        source: Some(SourceKind::LiveFrames),
        ..plan
    };
    let error = lab.client().run(|| Flood::open(&insists).err().unwrap());
    assert!(matches!(error, Error::NoLiveFrames(_)), "{error}");
    Ok(())
}

fn json() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let _receiver = Receiver::open(&lab)?;
    let common = ["-r", "2000", "-d", "200ms", "-k", "fin", "--json"];
    for (target, extra, source) in [
        (TARGETS[0], &[][..], "live_frames"),
        (TARGETS[1], &["--source", "af-xdp"][..], "af_xdp"),
    ] {
        let arguments = [&["-t", target], &common[..], extra].concat();
        let output = lab.client().run(|| seawall(&arguments).output())?;
        assert!(output.status.success(), "{output:?}");
        let report = last_line(&output)?;
        let names: HashMap<String, Value> = serde_json::from_value(report.clone())?;
        assert_eq!(names.len(), 5, "{report}");
        assert_eq!(
            (&report["source"], &report["kind"]),
            (&source.into(), &"fin".into())
        );
        let sent = report["sent"].as_f64().unwrap();
        assert!((200.0..=400.0).contains(&sent), "{report}");
        let seconds = report["seconds"].as_f64().unwrap();
        assert!((0.2..1.0).contains(&seconds), "{report}");
        let rate = report["rate_per_s"].as_f64().unwrap();
        assert!((rate * seconds - sent).abs() < 0.01, "{report}");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("at most 400 frames: 2000/s"), "{text}");
        assert!(text.contains("source: "), "{text}");
    }
    Ok(())
}

fn neighbour() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let link = |space: &seawall::control::namespace::Namespace, name| {
        space.run(|| Netlink::open()?.link(name))
    };
    let server = link(lab.server(), SERVER_INTERFACE)?;
    let client = link(lab.client(), CLIENT_INTERFACE)?;
    for target in TARGETS {
        let target: Target = target.parse()?;
        let path = lab.client().run(|| Path::find(CLIENT_INTERFACE, &target))?;
        assert_eq!(path.destination, server.mac);
        assert_eq!((path.source, path.interface), (client.mac, client.index));
    }
    let nobody: Target = "10.73.9.9:80".parse()?;
    let error = lab
        .client()
        .run(|| Path::find(CLIENT_INTERFACE, &nobody).unwrap_err());
    assert!(matches!(error, PathError::NoNeighbour { .. }), "{error}");
    let text = error.to_string();
    assert!(text.starts_with("no neighbour 10.73.9.9 on sw1"), "{text}");
    Ok(())
}

fn routes() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let find = |interface: &str, target: &str| {
        let target: Target = target.parse().unwrap();
        let error = lab.client().run(|| Path::find(interface, &target));
        error.unwrap_err().to_string()
    };
    let text = find("nowhere", TARGETS[0]);
    assert!(text.contains("interface nowhere does not exist"), "{text}");
    let text = find(CLIENT_INTERFACE, "192.168.1.1:80");
    assert!(text.contains("add a route to it"), "{text}");
    let text = find("lo", TARGETS[0]);
    assert_eq!(
        text,
        "10.73.0.1 is reached by sw1, not by lo; use --interface sw1"
    );
    let text = find(CLIENT_INTERFACE, "10.73.0.2:80");
    assert!(text.contains("is reached by lo"), "{text}");
    // The whole network at once.
    let text = find(CLIENT_INTERFACE, "10.73.255.255:80");
    assert!(text.contains("10.73.255.255"), "{text}");
    Ok(())
}

fn loopback() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let plan = Plan {
        interface: "lo".into(),
        ..plan("127.0.0.1:80", 1000, 100, Kind::Syn)
    };
    let report = flood(&lab, &plan)?;
    assert_eq!(report.source, SourceKind::AfXdp);
    check_sent(&plan, report.sent);
    Ok(())
}

fn seawall(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
    command.args(["flood", "--interface", CLIENT_INTERFACE]);
    command.args(arguments);
    command
}

fn succeed(command: &mut Command) -> Result<(), Failed> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {output:?}").into())
}

fn last_line(output: &Output) -> Result<Value, Failed> {
    let text = String::from_utf8(output.stdout.clone())?;
    let line = text.lines().last().ok_or("nothing on stdout")?;
    Ok(serde_json::from_str(line)?)
}
