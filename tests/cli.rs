//! What the program promises on its command line: exit status, one line for what the machine
//! refuses, JSON for tools, and nothing left behind. What needs root says so and is skipped.

mod common;

use common::{Process, Row, SEAWALL, until};
use libtest_mimic::Failed;
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;
use seawall::control::lab::{Lab, LabConfig, SERVER_INTERFACE};
use seawall::control::namespace::{Namespace, join};
use seawall::nic::af_xdp::{AfXdp, PortConfig, Program, QueueSpec, XdpMode};
use seawall::nic::netlink::Netlink;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::{env, process, thread};

const TESTS: &[Row] = &[
    (
        "wrong_arguments_exit_with_2_and_say_what_is_wrong",
        &[],
        wrong_arguments,
    ),
    ("help_of_every_subcommand_has_examples", &[], help),
    (
        "a_missing_interface_is_one_line_and_1",
        &[],
        missing_interface,
    ),
    (
        "the_demo_in_memory_prints_one_line_of_json",
        &[],
        demo_in_memory,
    ),
    (
        "what_the_machine_refuses_is_one_line_and_1",
        &["root"],
        refusals,
    ),
    (
        "without_privilege_there_is_one_line_and_1",
        &["root"],
        no_privilege,
    ),
    ("a_program_in_the_way_is_named", &["root"], occupied),
    ("a_taken_queue_is_named", &["root"], taken_queue),
    (
        "serve_ends_with_one_line_of_json_on_either_signal",
        &["root"],
        serve_json,
    ),
    (
        "the_demo_over_af_xdp_prints_one_line_of_json",
        &["root"],
        demo_over_af_xdp,
    ),
    (
        "a_demo_that_is_interrupted_leaves_nothing",
        &["root"],
        demo_interrupted,
    ),
];

fn main() -> ExitCode {
    common::run(TESTS)
}

/// The server's first address in the lab.
const ADDRESS: &str = "10.73.0.1";

fn lab() -> Result<Lab, Failed> {
    Ok(Lab::new(&LabConfig::default())?)
}

// Runs it to its end in `namespace`; a refusal is status 1, one line on stderr that begins with
// our name and has all of `said` in it, and nothing on stdout.
fn refused(namespace: Option<&Namespace>, arguments: &str, said: &[&str]) -> Result<(), Failed> {
    let finished = Process::seawall(namespace, arguments)?.finish()?;
    assert_eq!(finished.status.code(), Some(1), "{arguments}: {finished:?}");
    assert_eq!(finished.stdout, "", "{arguments}");
    let line = finished.stderr.trim_end();
    assert!(line.starts_with("seawall: "), "{arguments}: {line}");
    assert_eq!(line.lines().count(), 1, "{arguments}: {line}");
    for words in said {
        assert!(line.contains(words), "{arguments}: no {words:?} in {line}");
    }
    Ok(())
}

fn wrong_arguments() -> Result<(), Failed> {
    let serve = "serve --interface x --listen 192.0.2.1:80=http";
    let with = |more: &str| format!("{serve} {more}");
    let rows = [
        (String::new(), "Usage: seawall"),
        ("bogus".into(), "unrecognized subcommand 'bogus'"),
        ("serve".into(), "--interface <IF>"),
        (
            "serve --listen 192.0.2.1:80=http".into(),
            "--interface <IF>",
        ),
        ("serve --interface x".into(), "--listen <ADDR:PORT=SERVICE>"),
        (
            "serve -i x -l 192.0.2.1:80".into(),
            "want ADDR:PORT=SERVICE",
        ),
        (
            "serve -i x -l 192.0.2.1=http".into(),
            "`192.0.2.1` is no ADDR:PORT",
        ),
        (
            "serve -i x -l 2001:db8::1:80=http".into(),
            "stands in brackets",
        ),
        ("serve -i x -l 192.0.2.1:0=http".into(), "port 0"),
        (
            "serve -i x -l 192.0.2.1:70=gopher".into(),
            "no service `gopher`; there are echo",
        ),
        (with("--time-wait 5"), "as in 60s, 500ms or 2m"),
        (with("--time-wait 2d"), "as in 60s, 500ms or 2m"),
        (with("--time-wait 48h"), "as in 60s, 500ms or 2m"),
        (with("--shards 0"), "'--shards <N>'"),
        (with("--queues 0"), "want `all` or a number from 1"),
        (with("--queues some"), "want `all` or a number from 1"),
        (with("--cpus one"), "'--cpus <CPU,...>'"),
        (with("--connections 0"), "'--connections <N>'"),
        (
            with("--xdp-mode fast"),
            "possible values: auto, native, generic",
        ),
        (with("--copy maybe"), "possible values: auto, on, off"),
        (
            with("--idle sleep"),
            "possible values: adaptive, spin, poll",
        ),
        (
            with("--checksum never"),
            "possible values: auto, verify, trust-partial",
        ),
        (with("--json=yes"), "'--json'"),
        ("demo --seconds 0".into(), "'--seconds <N>'"),
        ("demo --seconds 601".into(), "'--seconds <N>'"),
        ("demo eth0".into(), "unexpected argument 'eth0'"),
        ("check".into(), "--interface <IF>"),
    ];
    for (arguments, said) in rows {
        let finished = Process::seawall(None, &arguments)?.finish()?;
        assert_eq!(finished.status.code(), Some(2), "{arguments}: {finished:?}");
        assert!(finished.stderr.contains(said), "{arguments}: {finished:?}");
        assert_eq!(finished.stdout, "", "{arguments}");
    }
    Ok(())
}

fn help() -> Result<(), Failed> {
    let subcommands = ["serve", "list", "stats", "demo", "check"];
    let helps = subcommands.map(|subcommand| format!("{subcommand} --help"));
    for arguments in ["--help".into()].iter().chain(&helps) {
        let finished = Process::seawall(None, arguments)?.finish()?;
        assert!(finished.status.success(), "{arguments}");
        assert_eq!(finished.stderr, "", "{arguments}");
        let (_, examples) = finished
            .stdout
            .split_once("Examples:")
            .ok_or_else(|| format!("no examples in {arguments}"))?;
        assert!(examples.contains("seawall "), "{arguments}: {examples}");
    }
    let finished = Process::seawall(None, "--version")?.finish()?;
    let version = concat!("seawall ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(finished.stdout, version);
    Ok(())
}

fn missing_interface() -> Result<(), Failed> {
    let serve = "serve --interface nosuch0 --listen 192.0.2.1:80=http";
    refused(
        None,
        serve,
        &["interface nosuch0 does not exist", "there are: "],
    )?;
    let finished = Process::seawall(None, "check --interface nosuch0")?.finish()?;
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert!(
        finished.stdout.contains("nosuch0 does not exist"),
        "{finished:?}"
    );
    Ok(())
}

// The one line of JSON on stdout.
fn json(stdout: &str) -> Result<Value, Failed> {
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    assert!(stdout.ends_with('\n'), "{stdout}");
    Ok(serde_json::from_str(stdout)?)
}

fn count(json: &Value, path: &str) -> u64 {
    let value = json.pointer(path).and_then(Value::as_u64);
    value.unwrap_or_else(|| panic!("no count {path} in {json}"))
}

fn number(json: &Value, path: &str) -> f64 {
    let value = json.pointer(path).and_then(Value::as_f64);
    value.unwrap_or_else(|| panic!("no number {path} in {json}"))
}

// What `demo --json` printed: `port`, connections of which none failed, and all the names.
fn check_demo(stdout: &str, port: &str) -> Result<u64, Failed> {
    let json = json(stdout)?;
    assert_eq!(json["port"], port);
    let opened = count(&json, "/connections/opened");
    assert_eq!(count(&json, "/connections/released"), opened, "{json}");
    assert_eq!(count(&json, "/connections/failed"), 0, "{json}");
    assert_eq!(number(&json, "/rate_per_s") > 0.0, opened > 0, "{json}");
    let [p50, p99, p999] =
        ["p50", "p99", "p999"].map(|p| number(&json, &format!("/handshake_us/{p}")));
    assert_eq!(p50 > 0.0, opened > 0, "{json}");
    assert!(p50 <= p99 && p99 <= p999, "{json}");
    assert!(json["drops"].is_object(), "{json}");
    Ok(opened)
}

fn demo_in_memory() -> Result<(), Failed> {
    let finished = Process::seawall(None, "demo --memory --seconds 1 --json")?.finish()?;
    assert!(finished.status.success(), "{finished:?}");
    assert!(check_demo(&finished.stdout, "memory")? > 0);
    // The story is told all the same.
    assert!(finished.stderr.contains("ESTABLISHED"), "{finished:?}");
    // And on stdout, when nobody wants JSON.
    let finished = Process::seawall(None, "demo --memory --seconds 1")?.finish()?;
    assert!(
        finished.stdout.contains("connections opened"),
        "{finished:?}"
    );
    assert_eq!(finished.stderr, "");
    Ok(())
}

fn demo_over_af_xdp() -> Result<(), Failed> {
    let finished = Process::seawall(None, "demo --seconds 1 --json")?.finish()?;
    assert!(finished.status.success(), "{finished:?}");
    assert!(check_demo(&finished.stdout, "af_xdp")? > 0);
    Ok(())
}

fn refusals() -> Result<(), Failed> {
    let lab = lab()?;
    let serve = format!("serve --interface sw0 --listen {ADDRESS}:80=http");
    let with = |more: &str| format!("{serve} {more}");
    let rows: [(String, &[&str]); 10] = [
        (
            "serve -i sw0 -l 203.0.113.1:80=http".into(),
            &["203.0.113.1", "`ip addr add 203.0.113.1/32 dev sw0`"],
        ),
        (
            // The client's.
            "serve -i sw0 -l 10.73.0.2:80=http".into(),
            &["10.73.0.2 is taken", "answers for it on sw0"],
        ),
        (
            "serve -i sw0 -l [2001:db8::5]:80=http".into(),
            &["2001:db8::5", "`ip addr add 2001:db8::5/128 dev sw0`"],
        ),
        (
            with(&format!("--listen {ADDRESS}:80=echo")),
            &["10.73.0.1:80", "twice"],
        ),
        (
            "serve -i sw0 -l 224.0.0.1:80=http".into(),
            &["224.0.0.1:80", "cannot be listened on"],
        ),
        (
            with("--queues 2"),
            &["sw0 has 1 receive queue", "--queues 1"],
        ),
        (
            with("--shards 2"),
            &["2 shards for 1 queue(s)", "--shards 1"],
        ),
        (with("--cpus 1000"), &["CPU 1000", "--cpus"]),
        (
            with("--copy off"),
            &["zero copy refused by driver veth", "--copy auto"],
        ),
        (
            with("--capture /nonexistent/x.pcap"),
            &["/nonexistent/x.pcap", "No such file"],
        ),
    ];
    for (arguments, said) in rows {
        refused(Some(lab.server()), &arguments, said)?;
    }
    Ok(())
}

/// A file that goes with its test.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // It was never made, when the test failed early.
        let _ = fs::remove_file(&self.0);
    }
}

fn no_privilege() -> Result<(), Failed> {
    let lab = lab()?;
    // Nobody may look into the folder that it was built in.
    let name = format!("seawall-nobody-{}", process::id());
    let copy = Removed(env::temp_dir().join(name));
    fs::copy(SEAWALL, &copy.0)?;
    let mut command = Command::new(&copy.0);
    command.args(["serve", "-i", "sw0", "-l", "10.73.0.1:80=http"]);
    command.current_dir("/").uid(65_534).gid(65_534);
    let finished = Process::start(Some(lab.server()), &mut command)?.finish()?;
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    assert_eq!(finished.stdout, "");
    let line = finished.stderr.trim_end();
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with("seawall: not permitted to "), "{line}");
    assert!(
        line.contains("root") && line.contains("CAP_NET_ADMIN"),
        "{line}"
    );
    Ok(())
}

fn occupied() -> Result<(), Failed> {
    let lab = lab()?;
    let serve = format!("serve --interface sw0 --listen {ADDRESS}:80=http");
    let said = [
        "sw0: the XDP program `seawall`",
        "is in the way",
        "stop the process",
    ];
    // In the same mode, and in the other.
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let program = lab
            .server()
            .run(|| Program::attach(SERVER_INTERFACE, mode))?;
        refused(Some(lab.server()), &serve, &said)?;
        drop(program);
    }
    // And it is one of ours, most of the time.
    let first = Process::seawall(Some(lab.server()), &serve)?;
    first.wait_for("serving http")?;
    refused(Some(lab.server()), &serve, &said)?;
    visit(&lab)?;
    first.signal(Signal::SIGTERM)?;
    assert!(first.finish()?.status.success());
    Ok(())
}

fn taken_queue() -> Result<(), Failed> {
    let lab = lab()?;
    let queue = [QueueSpec::new(SERVER_INTERFACE, 0)];
    let port = lab
        .server()
        .run(|| AfXdp::open(&queue, &PortConfig::default()))?;
    let serve = format!("serve --interface sw0 --listen {ADDRESS}:80=http");
    let said = [
        "queue 0 of sw0 is taken by another AF_XDP socket",
        "stop the process",
    ];
    refused(Some(lab.server()), &serve, &said)?;
    drop(port);
    Ok(())
}

// A client's visit to http.
fn visit(lab: &Lab) -> Result<(), Failed> {
    let mut stream = lab.client().run(|| TcpStream::connect((ADDRESS, 80)))?;
    stream.set_read_timeout(Some(common::DEADLINE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    Ok(())
}

fn serve_json() -> Result<(), Failed> {
    let lab = lab()?;
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let serve = format!("serve --interface sw0 --listen {ADDRESS}:80=http --json");
        let process = Process::seawall(Some(lab.server()), &serve)?;
        process.wait_for("serving http on 10.73.0.1:80")?;
        for _ in 0..3 {
            visit(&lab)?;
        }
        process.signal(signal)?;
        let finished = process.finish()?;
        assert!(finished.status.success(), "{finished:?}");
        let said = "sw0 queue 0: XDP native, copy, rings rx ";
        assert!(finished.stderr.starts_with(said), "{finished:?}");
        let json = json(&finished.stdout)?;
        assert_eq!(count(&json, "/connections/accepted"), 3, "{json}");
        let ended = count(&json, "/connections/released") + count(&json, "/connections/live");
        assert_eq!(ended, 3, "{json}");
        assert_eq!(count(&json, "/connections/reset"), 0, "{json}");
        assert!(count(&json, "/segments/in") >= 9, "{json}");
        assert!(count(&json, "/segments/out") >= 9, "{json}");
        assert!(json["drops"].is_object(), "{json}");
        assert_eq!(json["queues"].as_array().map(Vec::len), Some(1), "{json}");
        assert_eq!(count(&json, "/queues/0/queue"), 0, "{json}");
        assert_eq!(json["queues"][0]["xdp"], "native", "{json}");
        assert_eq!(json["queues"][0]["copy"], true, "{json}");
        assert!(json["queues"][0]["cpu"].is_u64(), "{json}");
        // What it said at start is what it says at the end.
        let [bytes, huge] =
            ["bytes", "huge_bytes"].map(|of| count(&json, &format!("/tables/{of}")));
        let mb = |bytes: u64| (bytes + 500_000) / 1_000_000;
        let tables = match bytes {
            0 => "tables: not in huge pages: this kernel has none".into(),
            _ => format!("tables: {} MB, {} MB of it in huge", mb(bytes), mb(huge)),
        };
        assert!(finished.stderr.contains(&tables), "{finished:?}");
        assert!(huge <= bytes, "{json}");
    }
    Ok(())
}

// Whether an anonymous namespace is gone cannot be asked. But a veth between it and a namespace
// that stays goes with it.
fn demo_interrupted() -> Result<(), Failed> {
    let witness = Namespace::new()?;
    let names = |netlink: &mut Netlink| -> Result<Vec<String>, Failed> {
        let links = netlink.links()?.into_iter();
        Ok(links.map(|link| link.name).collect())
    };
    let mut netlink = witness.run(Netlink::open)?;
    let demo = Process::seawall(Some(&witness), "demo --seconds 600 --json")?;
    // It serves many clients, and so it has both its namespaces.
    demo.wait_for("many at once")?;
    let threads = format!("/proc/{}/task", demo.id());
    let shard = until("a shard of the demo runs", || {
        let threads = fs::read_dir(&threads).ok()?;
        let mut paths = threads.filter_map(|thread| Some(thread.ok()?.path()));
        paths.find(|path| {
            fs::read_to_string(path.join("comm")).is_ok_and(|name| name == "shard-0\n")
        })
    })?;
    let inside = File::open(shard.join("ns/net"))?;
    thread::scope(|scope| {
        let watch = scope.spawn(|| -> Result<(), Failed> {
            setns(&inside, CloneFlags::CLONE_NEWNET)?;
            let theirs = Namespace::current()?;
            join((&witness, "watch0"), (&theirs, "watched"), 1, 1500)?;
            Ok(())
        });
        watch.join().unwrap()
    })?;
    drop(inside);
    assert_eq!(names(&mut netlink)?, ["lo", "watch0"]);
    demo.signal(Signal::SIGINT)?;
    let finished = demo.finish()?;
    // As a shell reports SIGINT.
    assert_eq!(finished.status.code(), Some(130), "{finished:?}");
    // It may have been too early for a connection.
    let _ = check_demo(&finished.stdout, "af_xdp")?;
    until("its namespaces are gone", || {
        (names(&mut netlink).ok()? == ["lo"]).then_some(())
    })
}
