//! `seawall load` over veth: against our own server and against the kernel's. Needs root; without
//! it every test reports itself as skipped.

mod common;

use common::{DEADLINE, ROOT, Row, until};
use libtest_mimic::Failed;
use seawall::control::generator::{Error, Load, LoadConfig, LoadReport};
use seawall::control::lab::{CLIENT_INTERFACE, Lab, LabConfig, SERVER_INTERFACE};
use seawall::control::server::{ChecksumRule, Server, ServerConfig, Totals};
use seawall::load::{Cause, Close, Pattern, Plan, Tally};
use seawall::nic::af_xdp::{CopyMode, XdpMode};
use seawall::service::by_name;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, ExitCode, Output};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Addresses that nobody's kernel has, in the lab's networks.
const SOURCES_V4: &str = "10.73.9.0/28";
const SOURCES_V6: &str = "2001:db8:73::900/124";

const PORT: u16 = 8080;

const TESTS: &[Row] = &[
    (
        "every_request_is_counted_by_our_server_too",
        ROOT,
        our_server,
    ),
    ("it_speaks_ipv6", ROOT, ipv6),
    ("held_connections_are_open_on_our_server", ROOT, hold),
    (
        "every_pattern_and_close_works_with_the_kernel",
        ROOT,
        kernel,
    ),
    ("a_closed_port_is_refused", ROOT, closed_port),
    ("what_the_machine_lacks_is_named", ROOT, bad_surroundings),
    ("the_command_writes_json_and_a_report", ROOT, command),
    ("a_signal_ends_it_with_everything_counted", ROOT, signal),
    ("wrong_arguments_are_status_2", ROOT, wrong_arguments),
];

fn main() -> ExitCode {
    common::run(TESTS)
}

// The server knows nothing of where the load comes from: it has to ask, by ARP and ND.
fn lab() -> Result<Lab, Failed> {
    Ok(Lab::new(&LabConfig::default())?)
}

fn target(lab: &Lab, is_v4: bool) -> SocketAddr {
    let address = lab.server_addresses().find(|a| a.is_ipv4() == is_v4);
    SocketAddr::new(address.unwrap(), PORT)
}

fn plan(target: SocketAddr, pattern: Pattern, close: Close) -> Plan {
    let sources = if target.is_ipv4() {
        SOURCES_V4
    } else {
        SOURCES_V6
    };
    let mut plan = Plan::new(target.into(), sources.parse().unwrap());
    plan.rate = 2000;
    plan.connections = Some(1000);
    plan.pattern = pattern;
    plan.close = close;
    plan.bytes = match pattern {
        Pattern::Request => Some(1000),
        Pattern::Stream => Some(100_000),
        Pattern::Connect | Pattern::Hold => None,
    };
    if pattern == Pattern::Hold {
        plan.duration = Some(Duration::from_millis(500));
    }
    plan
}

fn config(plan: Plan) -> LoadConfig {
    LoadConfig {
        interface: CLIENT_INTERFACE.into(),
        xdp_mode: XdpMode::Auto,
        copy: CopyMode::Auto,
        checksum: ChecksumRule::Auto,
        plan,
    }
}

fn run(lab: &Lab, plan: Plan) -> Result<LoadReport, Failed> {
    let load = lab.client().run(|| Load::start(&config(plan)))?;
    Ok(load.join()?)
}

fn serve(lab: &Lab, at: SocketAddr, service: &'static str) -> Result<Server, Failed> {
    let config = ServerConfig::new(SERVER_INTERFACE)
        .listen(at.into(), move || by_name(service).expect("a service"));
    Ok(lab.server().run(|| Server::start(config))?)
}

fn end(server: Server) -> Result<Totals, Failed> {
    until("the server has no connection left", || {
        (server.counters().connections.live() == 0).then_some(())
    })?;
    Ok(server.stop()?)
}

fn check_all_released(tally: &Tally, asked: u64, what: &str) {
    assert_eq!(
        (tally.asked, tally.opened, tally.released, tally.failures()),
        (asked, asked, asked, 0),
        "{what}: {:?}",
        tally.failed
    );
}

fn our_server() -> Result<(), Failed> {
    let lab = lab()?;
    for (pattern, service) in [
        (Pattern::Connect, "discard"),
        (Pattern::Request, "http"),
        (Pattern::Stream, "echo"),
        (Pattern::Stream, "discard"),
    ] {
        for close in [Close::Fin, Close::Rst, Close::Peer] {
            if close == Close::Peer && pattern != Pattern::Request {
                continue;
            }
            let at = target(&lab, true);
            let server = serve(&lab, at, service)?;
            let seen = run(&lab, plan(at, pattern, close))?;
            let totals = end(server)?;
            let what = format!("{pattern:?} {close:?} {service}");
            check_all_released(&seen.tally, 1000, &what);
            let there = totals.counters.connections;
            let ended = if close == Close::Rst {
                there.reset
            } else {
                there.released
            };
            assert_eq!((there.accepted, ended), (1000, 1000), "{what}: {there:?}");
        }
    }
    Ok(())
}

fn ipv6() -> Result<(), Failed> {
    let lab = lab()?;
    let at = target(&lab, false);
    let server = serve(&lab, at, "http")?;
    let seen = run(&lab, plan(at, Pattern::Request, Close::Fin))?;
    check_all_released(&seen.tally, 1000, "IPv6");
    assert_eq!(end(server)?.counters.connections.released, 1000);
    Ok(())
}

fn hold() -> Result<(), Failed> {
    let lab = lab()?;
    let at = target(&lab, true);
    let server = serve(&lab, at, "echo")?;
    let mut plan = plan(at, Pattern::Hold, Close::Fin);
    plan.connections = Some(5000);
    plan.rate = 10_000;
    plan.duration = Some(Duration::from_secs(1));
    let load = lab.client().run(|| Load::start(&config(plan)))?;
    until("all are open at once", || {
        (server.counters().connections.live() == 5000).then_some(())
    })?;
    let tally = load.join()?.tally;
    check_all_released(&tally, 5000, "hold");
    let hold = tally.hold.unwrap();
    assert_eq!((hold.asked, hold.open, hold.least), (5000, 5000, 5000));
    assert_eq!(end(server)?.counters.connections.released, 5000);
    Ok(())
}

/// A server on the kernel's TCP, a thread a connection.
struct KernelServer {
    listener: TcpListener,
    stop: AtomicBool,
    served: AtomicU64,
}

impl KernelServer {
    // Accepts until it is told to stop, and serves each connection by `service` to its end.
    fn run(&self, service: fn(TcpStream) -> std::io::Result<()>) {
        self.listener.set_nonblocking(true).unwrap();
        thread::scope(|scope| {
            while !self.stop.load(Ordering::Relaxed) {
                match self.listener.accept() {
                    Ok((stream, _)) => {
                        scope.spawn(move || {
                            stream.set_nonblocking(false).unwrap();
                            stream.set_read_timeout(Some(DEADLINE)).unwrap();
                            // A reset is how some of them are meant to end.
                            let ended = service(stream);
                            let is_good = ended
                                .as_ref()
                                .map_or_else(|e| e.kind() == ErrorKind::ConnectionReset, |()| true);
                            assert!(is_good, "{ended:?}");
                            self.served.fetch_add(1, Ordering::Relaxed);
                        });
                    }
                    Err(_) => thread::sleep(Duration::from_micros(200)),
                }
            }
        });
    }
}

fn read_to_end(mut stream: TcpStream) -> std::io::Result<()> {
    stream.read_to_end(&mut Vec::new()).map(drop)
}

fn close_first(stream: TcpStream) -> std::io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    read_to_end(stream)
}

fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut text = vec![0; 65_536];
    loop {
        let n = stream.read(&mut text)?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&text[..n])?;
    }
}

// One request; closes first when it was asked to.
fn http(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet)?;
        request.extend(octet);
    }
    let request = String::from_utf8(request).unwrap();
    assert!(request.starts_with("GET /bytes/1000 HTTP/1.1\r\nHost: 10.73.0.1:"));
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    stream.write_all(&[head.as_bytes(), &[b'x'; 1000]].concat())?;
    if request.contains("Connection: close") {
        return Ok(());
    }
    read_to_end(stream)
}

fn kernel() -> Result<(), Failed> {
    type Serve = fn(TcpStream) -> std::io::Result<()>;
    let lab = lab()?;
    let rows: &[(Pattern, Close, Serve)] = &[
        (Pattern::Connect, Close::Fin, read_to_end),
        (Pattern::Connect, Close::Rst, read_to_end),
        (Pattern::Connect, Close::Peer, close_first),
        (Pattern::Request, Close::Fin, http),
        (Pattern::Request, Close::Rst, http),
        (Pattern::Request, Close::Peer, http),
        (Pattern::Hold, Close::Fin, read_to_end),
        (Pattern::Hold, Close::Rst, read_to_end),
        (Pattern::Stream, Close::Fin, echo),
        (Pattern::Stream, Close::Fin, read_to_end),
        (Pattern::Stream, Close::Rst, read_to_end),
    ];
    for (n, (pattern, close, service)) in rows.iter().enumerate() {
        let mut at = target(&lab, true);
        at.set_port(PORT + n as u16);
        let server = KernelServer {
            listener: lab.server().run(|| TcpListener::bind(at))?,
            stop: AtomicBool::new(false),
            served: AtomicU64::new(0),
        };
        let what = format!("{pattern:?} {close:?}");
        let mut plan = plan(at, *pattern, *close);
        // Threads of a kernel server are slow to start; its backlog is 128.
        plan.connections = Some(300);
        plan.rate = 500;
        thread::scope(|scope| {
            let serving = scope.spawn(|| server.run(*service));
            let seen = run(&lab, plan).and_then(|seen| {
                check_all_released(&seen.tally, 300, &what);
                until(&what, || {
                    (server.served.load(Ordering::Relaxed) >= 300).then_some(())
                })
            });
            server.stop.store(true, Ordering::Relaxed);
            serving.join().unwrap();
            seen
        })?;
        assert_eq!(server.served.load(Ordering::Relaxed), 300, "{what}");
    }
    Ok(())
}

fn closed_port() -> Result<(), Failed> {
    let lab = lab()?;
    let seen = run(&lab, plan(target(&lab, true), Pattern::Connect, Close::Fin))?;
    let tally = &seen.tally;
    assert_eq!((tally.opened, tally.failed_by(Cause::Refused)), (0, 1000));
    Ok(())
}

type Check = fn(&Error) -> bool;

fn bad_surroundings() -> Result<(), Failed> {
    let lab = lab()?;
    let rows: &[(&str, &str, &str, Check, &str)] = &[
        (
            "203.0.113.1:80",
            SOURCES_V4,
            CLIENT_INTERFACE,
            |e| matches!(e, Error::NoRoute { .. }),
            "ip route add",
        ),
        (
            "10.73.77.77:80",
            SOURCES_V4,
            CLIENT_INTERFACE,
            |e| matches!(e, Error::NoNeighbour { .. }),
            "10.73.77.77",
        ),
        (
            "10.73.0.2:80",
            SOURCES_V4,
            CLIENT_INTERFACE,
            |e| matches!(e, Error::LocalTarget(_)),
            "this machine",
        ),
        (
            "10.73.0.1:80",
            SOURCES_V4,
            "lo",
            |e| matches!(e, Error::OtherInterface { .. }),
            CLIENT_INTERFACE,
        ),
        (
            "10.73.0.1:80",
            "10.73.0.2/32",
            CLIENT_INTERFACE,
            |e| matches!(e, Error::KernelAddress { .. }),
            "10.73.0.2",
        ),
        (
            "10.73.0.1:80",
            SOURCES_V4,
            "none0",
            |e| matches!(e, Error::Device(_)),
            "none0",
        ),
    ];
    for (target, sources, interface, is_it, says) in rows {
        let target: SocketAddr = target.parse()?;
        let plan = Plan::new(target.into(), sources.parse()?);
        let config = LoadConfig {
            interface: (*interface).into(),
            ..config(plan)
        };
        let error = lab.client().run(|| Load::start(&config)).err().expect(says);
        assert!(is_it(&error) && error.to_string().contains(says), "{error}");
    }
    Ok(())
}

fn seawall(lab: &Lab, arguments: &[&str]) -> Output {
    lab.client().run(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
        command.arg("load").args(arguments).output().unwrap()
    })
}

const FLAGS: &[&str] = &["--interface", CLIENT_INTERFACE, "--source", SOURCES_V4];

fn command() -> Result<(), Failed> {
    let lab = lab()?;
    let at = target(&lab, true);
    let server = serve(&lab, at, "http")?;
    let folder = std::env::temp_dir().join(format!("seawall-load-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let (json, page) = (folder.join("load.json"), folder.join("load.html"));
    let at = at.to_string();
    let more = [
        "--target",
        &at,
        "--rate=1k",
        "--duration=500ms",
        "--pattern=request",
        "--bytes=100",
        "--json",
        json.to_str().unwrap(),
        "--report",
        page.to_str().unwrap(),
    ];
    let output = seawall(&lab, &[FLAGS, &more].concat());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("connections asked for") && told.contains("handshake"),
        "{told}"
    );
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(&json)?)?;
    for name in ["asked", "opened", "released"] {
        assert_eq!(json[name], 500, "{json}");
    }
    assert_eq!(json["failed"]["timeout"], 0);
    assert!(json["handshake_us"]["p99"].as_f64().unwrap() > 0.0);
    assert!(fs::read_to_string(&page)?.contains("Latency by percentile"));
    fs::remove_dir_all(&folder)?;
    assert_eq!(end(server)?.counters.connections.released, 500);
    // Nobody listens any more: the kernel resets.
    let output = seawall(
        &lab,
        &[FLAGS, &["--target", &at, "--connections=10", "--json=-"]].concat(),
    );
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(json["failed"]["refused"], 10);
    Ok(())
}

fn signal() -> Result<(), Failed> {
    let lab = lab()?;
    let at = target(&lab, true);
    let server = serve(&lab, at, "discard")?;
    let at = at.to_string();
    let child = lab.client().run(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
        command
            .arg("load")
            .args(FLAGS)
            .args(["--target", &at, "--duration=1m", "--json=-"]);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command.spawn()
    })?;
    until("some are released", || {
        (server.counters().connections.released > 100).then_some(())
    })?;
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(child.id().cast_signed()),
        nix::sys::signal::SIGINT,
    )?;
    let output = child.wait_with_output()?;
    assert_eq!(output.status.code(), Some(130));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(json["asked"], json["released"]);
    let released = end(server)?.counters.connections.released;
    assert_eq!(json["released"], released);
    Ok(())
}

fn wrong_arguments() -> Result<(), Failed> {
    let lab = lab()?;
    for (more, says) in [
        (
            &["--target=10.73.0.1:80", "--rate=1M"][..],
            "has 14 addresses and this rate takes 156",
        ),
        (
            &["--target=10.73.0.1:80", "--pattern=hold"],
            "--connections",
        ),
        (&["--target=10.73.0.1"], "ADDR:PORT"),
        (&[], "--target"),
    ] {
        let output = seawall(&lab, &[FLAGS, more].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(says), "{told}");
    }
    Ok(())
}
