//! `seawall list` and `seawall stats` against servers that run, in a lab. Needs root; without it
//! every test that does reports itself as skipped.

mod common;

use common::{Process, ROOT, Row, SEAWALL, until};
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use seawall::control::lab::{Lab, LabConfig};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

const TESTS: &[Row] = &[
    (
        "wrong_arguments_exit_with_2_and_say_what_is_wrong",
        &[],
        wrong_arguments,
    ),
    (
        "where_nobody_serves_there_is_one_line_and_1",
        &[],
        nobody_serves,
    ),
    ("counts_are_what_the_clients_hold", ROOT, counts),
    ("filters_choose", ROOT, filters),
    ("pages_visit_each_connection_once", ROOT, pages),
    ("stats_are_those_of_serve", ROOT, stats),
    ("a_socket_is_found_and_is_not_for_others", ROOT, found),
    ("the_socket_of_a_killed_server_is_replaced", ROOT, killed),
    ("of_two_servers_one_has_to_be_named", ROOT, two),
];

fn main() -> ExitCode {
    common::run(TESTS)
}

/// The services of the lab's server.
const ECHO: &str = "10.73.0.1:7";
const ECHO_V6: &str = "[2001:db8:73::1]:7";
const DAYTIME: &str = "10.73.0.1:13";

/// A directory for sockets that goes with its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, Failed> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only that the numbers differ matters.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("seawall-list-{}-{count}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    // `seawall` as if its service's directory were this one.
    fn seawall(&self, arguments: &str) -> Command {
        let mut command = Command::new(SEAWALL);
        command.env("RUNTIME_DIRECTORY", &self.0);
        command.args(arguments.split_whitespace());
        command
    }

    fn serve(&self, lab: &Lab, more: &str) -> Result<Process, Failed> {
        let listen = format!("-l {ECHO}=echo -l {ECHO_V6}=echo -l {DAYTIME}=daytime");
        let mut command = self.seawall(&format!("serve -i sw0 {listen} {more}"));
        let process = Process::start(Some(lab.server()), &mut command)?;
        process.wait_for("serving daytime")?;
        Ok(process)
    }

    fn ask(&self, arguments: &str) -> Result<Output, Failed> {
        Ok(self.seawall(arguments).output()?)
    }

    // The lines of JSON that it prints.
    fn json(&self, arguments: &str) -> Result<Vec<Value>, Failed> {
        let output = self.ask(&format!("{arguments} --json"))?;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments}: {said}");
        let lines = text(&output.stdout);
        let values = lines.lines().map(serde_json::from_str);
        Ok(values.collect::<Result<_, _>>()?)
    }

    // How many there are in all and in these states.
    fn count(&self, filter: &str) -> Result<Value, Failed> {
        let mut lines = self.json(&format!("list --count {filter}"))?;
        assert_eq!(lines.len(), 1);
        Ok(lines.remove(0))
    }

    fn until_count(&self, filter: &str, n: u64) -> Result<(), Failed> {
        until(&format!("{n} of list --count {filter}"), || {
            let counts = self.count(filter).ok()?;
            (counts["total"] == n).then_some(())
        })
    }

    // One line on stderr with all of these words, nothing on stdout, status 1.
    fn refused(&self, arguments: &str, words: &[&str]) -> Result<(), Failed> {
        refused(&self.ask(arguments)?, arguments, words);
        Ok(())
    }

    fn sockets(&self) -> Result<Vec<PathBuf>, Failed> {
        let entries = fs::read_dir(&self.0)?.map(|entry| Ok(entry?.path()));
        entries.collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn refused(output: &Output, what: &str, words: &[&str]) {
    assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
    assert!(output.stdout.is_empty(), "{what}: {output:?}");
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{what}: {said}");
    assert!(said.starts_with("seawall: "), "{what}: {said}");
    for word in words {
        assert!(said.contains(word), "{what}: no {word:?} in {said}");
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn lab() -> Result<Lab, Failed> {
    Ok(Lab::new(&LabConfig::default())?)
}

// A client that has had its echo, and so is established on both sides.
fn client(lab: &Lab, to: &str) -> Result<TcpStream, Failed> {
    let to: SocketAddr = to.parse()?;
    let mut stream = lab.client().run(|| TcpStream::connect(to))?;
    stream.set_read_timeout(Some(common::DEADLINE))?;
    stream.write_all(b"!")?;
    stream.read_exact(&mut [0])?;
    Ok(stream)
}

fn clients(lab: &Lab, to: &str, n: usize) -> Result<Vec<TcpStream>, Failed> {
    (0..n).map(|_| client(lab, to)).collect()
}

// A visit to daytime: the server closes first, and has the TIME-WAIT.
fn visit(lab: &Lab) -> Result<(), Failed> {
    let to: SocketAddr = DAYTIME.parse()?;
    let mut stream = lab.client().run(|| TcpStream::connect(to))?;
    stream.set_read_timeout(Some(common::DEADLINE))?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn stop(process: Process) -> Result<(), Failed> {
    process.signal(Signal::SIGTERM)?;
    let finished = process.finish()?;
    assert!(finished.status.success(), "{finished:?}");
    Ok(())
}

fn wrong_arguments() -> Result<(), Failed> {
    let rows = [
        ("list --state open", "no connection is in state `open`"),
        ("list --state listen", "there are syn-sent,"),
        ("list --local nowhere", "`nowhere` is no ADDR"),
        ("list --remote 192.0.2.0/33", "`192.0.2.0/33` is no ADDR"),
        ("list --port 65536", "'--port <N>'"),
        ("list --older 10", "as in 500ms, 10s"),
        ("list --limit 0", "'--limit <N>'"),
        ("list --after 7", "`7` is no SHARD:SLOT"),
        ("list --count --limit 1", "cannot be used with"),
        ("stats --watch 1ms", "less than 100ms"),
        ("serve -i x -l 192.0.2.1:7=echo --admin", "--admin <PATH>"),
    ];
    for (arguments, words) in rows {
        let output = Command::new(SEAWALL).args(arguments.split(' ')).output()?;
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        let said = text(&output.stderr);
        assert!(said.contains(words), "{arguments}: {said}");
    }
    Ok(())
}

fn nobody_serves() -> Result<(), Failed> {
    let scratch = Scratch::new()?;
    for ask in ["list", "list --count", "stats"] {
        scratch.refused(ask, &["no seawall serve is running", "--socket"])?;
        let named = format!("{ask} --socket {}/none.sock", scratch.0.display());
        scratch.refused(&named, &["none.sock: no seawall serve answers"])?;
    }
    Ok(())
}

fn counts() -> Result<(), Failed> {
    let (lab, scratch) = (lab()?, Scratch::new()?);
    let server = scratch.serve(&lab, "--time-wait 60s")?;
    assert_eq!(scratch.count("")?["total"], 0);
    let held = clients(&lab, ECHO, 20)?;
    let held_v6 = clients(&lab, ECHO_V6, 10)?;
    for _ in 0..5 {
        visit(&lab)?;
    }
    scratch.until_count("--state time-wait", 5)?;
    let counts = scratch.count("")?;
    assert_eq!(counts["total"], 35, "{counts}");
    assert_eq!(counts["states"]["ESTABLISHED"], 30, "{counts}");
    assert_eq!(counts["states"]["TIME-WAIT"], 5, "{counts}");
    // For people: a line a state, and the sum.
    let table = text(&scratch.ask("list --count")?.stdout);
    let words: Vec<_> = table.split_whitespace().collect();
    assert_eq!(
        words,
        ["ESTABLISHED", "30", "TIME-WAIT", "5", "total", "35"]
    );
    // Echo closes when its client does: its clients have the TIME-WAITs.
    drop(held);
    scratch.until_count("--state established", 10)?;
    drop(held_v6);
    scratch.until_count("--state established", 0)?;
    assert_eq!(scratch.count("")?["total"], 5);
    stop(server)?;
    assert!(scratch.sockets()?.is_empty());
    Ok(())
}

fn filters() -> Result<(), Failed> {
    let (lab, scratch) = (lab()?, Scratch::new()?);
    let _server = scratch.serve(&lab, "--time-wait 60s")?;
    let held = clients(&lab, ECHO, 3)?;
    let held_v6 = clients(&lab, ECHO_V6, 2)?;
    visit(&lab)?;
    scratch.until_count("--state time-wait", 1)?;
    let first = held[0].local_addr()?;
    let first_v6 = held_v6[0].local_addr()?;
    let rows = [
        (String::new(), 6),
        ("--state established".into(), 5),
        ("--state established,time-wait".into(), 6),
        ("--state fin-wait-1".into(), 0),
        ("--port 7".into(), 5),
        ("--port 13".into(), 1),
        (format!("--local {ECHO}"), 3),
        ("--local 10.73.0.1".into(), 4),
        ("--local 2001:db8:73::1".into(), 2),
        (format!("--remote {first}"), 1),
        (format!("--remote {first_v6}"), 1),
        ("--remote 10.73.0.0/16".into(), 4),
        ("--remote 10.74.0.0/16".into(), 0),
        ("--remote 2001:db8::/32".into(), 2),
        ("--remote 2001:db8::/32 --state time-wait".into(), 0),
        ("--older 1h".into(), 0),
        ("--younger 1h".into(), 6),
    ];
    for (filter, n) in rows {
        assert_eq!(scratch.count(&filter)?["total"], n, "{filter}");
        let listed = scratch.json(&format!("list {filter}"))?;
        assert_eq!(listed.len(), n, "{filter}");
    }
    let row = &scratch.json(&format!("list --remote {first}"))?[0];
    assert_eq!(row["state"], "ESTABLISHED", "{row}");
    assert_eq!(row["open"], "passive", "{row}");
    assert_eq!(row["local"], ECHO, "{row}");
    assert_eq!(row["remote"], first.to_string(), "{row}");
    assert_eq!(row["shard"], 0, "{row}");
    assert!(
        row["age_s"].is_f64() && row["state_age_s"].is_f64(),
        "{row}"
    );
    // They grow older, and then an age divides them.
    until("they are a second old", || {
        let counts = scratch.count("--older 1s --state established").ok()?;
        (counts["total"] == 5).then_some(())
    })?;
    until("one is younger", || {
        let _young = client(&lab, ECHO).ok()?;
        let young = scratch.count("--younger 1s --port 7").ok()?;
        matches!(young["total"].as_u64(), Some(1..5)).then_some(())
    })?;
    // The state has an age of its own: TIME-WAIT began after the connection did.
    let row = &scratch.json("list --state time-wait")?[0];
    assert!(
        row["state_age_s"].as_f64() <= row["age_s"].as_f64(),
        "{row}"
    );
    Ok(())
}

fn pages() -> Result<(), Failed> {
    let (lab, scratch) = (lab()?, Scratch::new()?);
    let _server = scratch.serve(&lab, "")?;
    let held = clients(&lab, ECHO, 25)?;
    let expected: BTreeSet<_> = held
        .iter()
        .map(|stream| Ok(stream.local_addr()?.to_string()))
        .collect::<Result<_, Failed>>()?;
    let mut met = Vec::new();
    let mut after = String::new();
    loop {
        let page = scratch.json(&format!("list --limit 7 --state established {after}"))?;
        let Some(last) = page.last() else { break };
        after = format!("--after {}", last["cursor"].as_str().unwrap_or_default());
        let remotes = page.iter().filter_map(|row| row["remote"].as_str());
        met.extend(remotes.map(str::to_owned));
        // Others come and go between the pages.
        client(&lab, ECHO)?.shutdown(Shutdown::Both)?;
    }
    for remote in &expected {
        assert_eq!(met.iter().filter(|met| *met == remote).count(), 1);
    }
    let output = scratch.ask("list --limit 7")?;
    let table = text(&output.stdout);
    assert_eq!(table.lines().count(), 8, "{table}");
    assert!(
        table.starts_with("STATE        LOCAL        REMOTE"),
        "{table}"
    );
    let row: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert!(row[..2] == ["ESTABLISHED", ECHO], "{table}");
    assert!(expected.contains(row[2]), "{table}");
    assert!(text(&output.stderr).contains("there are more: --after 0:"));
    Ok(())
}

fn stats() -> Result<(), Failed> {
    let (lab, scratch) = (lab()?, Scratch::new()?);
    let server = scratch.serve(&lab, "--json")?;
    let held = clients(&lab, ECHO, 4)?;
    let stats = until("four are live", || {
        let stats = scratch.json("stats").ok()?.remove(0);
        (stats["connections"]["live"] == 4).then_some(stats)
    })?;
    assert_eq!(stats["connections"]["accepted"], 4, "{stats}");
    assert_eq!(stats["states"]["ESTABLISHED"], 4, "{stats}");
    assert_eq!(stats["shards"][0]["connections"]["live"], 4, "{stats}");
    assert!(stats["shards"][0]["cpu"].is_u64(), "{stats}");
    assert!(stats["uptime_s"].as_f64() > Some(0.0), "{stats}");
    let table = text(&scratch.ask("stats")?.stdout);
    assert!(table.contains("in ESTABLISHED"), "{table}");
    // Again and again, until the server is gone; and with the rates of the time between.
    let mut command = scratch.seawall("stats --watch 100ms --json");
    let watch = Process::start(None, &mut command)?;
    let table = Process::start(None, &mut scratch.seawall("stats --watch 100ms"))?;
    drop(held);
    until("they are released", || {
        let stats = scratch.json("stats").ok()?.remove(0);
        (stats["connections"]["released"] == 4).then_some(())
    })?;
    until("a rate is shown", || {
        table.stdout_so_far().contains("a second").then_some(())
    })?;
    server.signal(Signal::SIGTERM)?;
    let finished = server.finish()?;
    let summary: Value = serde_json::from_str(&finished.stdout)?;
    let finished = watch.finish()?;
    assert_eq!(finished.status.code(), Some(1), "{finished:?}");
    let mut lines = finished.stdout.lines().map(serde_json::from_str::<Value>);
    let last = lines.next_back().expect("it asked at least once")?;
    // What both say has the same names.
    for group in ["connections", "segments", "cookies"] {
        let names = |json: &Value| -> Vec<String> {
            let names = json[group].as_object().into_iter().flatten();
            names.map(|(name, _)| name.clone()).collect()
        };
        assert!(!names(&summary).is_empty());
        assert_eq!(names(&last), names(&summary));
    }
    Ok(())
}

fn found() -> Result<(), Failed> {
    let (lab, scratch) = (lab()?, Scratch::new()?);
    let server = scratch.serve(&lab, "")?;
    let sockets = scratch.sockets()?;
    let name = format!("sw0-{}.sock", server.id());
    assert_eq!(sockets, [scratch.0.join(name)]);
    let mode = fs::metadata(&sockets[0])?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Somebody else, who may look into the directory.
    chown(&scratch.0, Some(65_534), None)?;
    let copy = scratch.0.join("seawall");
    fs::copy(SEAWALL, &copy)?;
    let mut command = Command::new(&copy);
    command.args(["stats", "--socket"]).arg(&sockets[0]);
    command.current_dir("/").uid(65_534).gid(65_534);
    refused(&command.output()?, "stats", &["permission denied", "root"]);
    stop(server)
}

fn killed() -> Result<(), Failed> {
    let scratch = Scratch::new()?;
    let path = scratch.0.join("named.sock");
    let admin = format!("--admin {}", path.display());
    let lab_1 = lab()?;
    let server = scratch.serve(&lab_1, &admin)?;
    server.signal(Signal::SIGKILL)?;
    assert!(!server.finish()?.status.success());
    assert!(path.exists());
    scratch.refused("stats", &["no seawall serve is running"])?;
    // One of that name takes its place.
    let lab_2 = lab()?;
    let server = scratch.serve(&lab_2, &admin)?;
    assert_eq!(scratch.count("")?["total"], 0);
    // It lives: nobody takes its place.
    let lab_3 = lab()?;
    let serve = format!("serve -i sw0 -l {ECHO}=echo {admin}");
    let mut command = scratch.seawall(&serve);
    let other = Process::start(Some(lab_3.server()), &mut command)?.finish()?;
    assert_eq!(other.status.code(), Some(1), "{other:?}");
    let said = "named.sock: another process answers there";
    assert!(other.stderr.contains(said), "{other:?}");
    stop(server)?;
    assert!(!path.exists());
    Ok(())
}

fn two() -> Result<(), Failed> {
    let scratch = Scratch::new()?;
    // A dead one's socket is no choice, and goes.
    let dead = scratch.0.join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead)?);
    let (lab_1, lab_2, lab_3) = (lab()?, lab()?, lab()?);
    let first = scratch.serve(&lab_1, "")?;
    assert!(!dead.exists());
    let second = scratch.serve(&lab_2, "")?;
    let _quiet = scratch.serve(&lab_3, "--admin none")?;
    let _held = clients(&lab_2, ECHO, 3)?;
    let at = |process: &Process| scratch.0.join(format!("sw0-{}.sock", process.id()));
    let paths = [at(&first), at(&second)].map(|path| path.display().to_string());
    scratch.refused("list", &["several are running", &paths[0], &paths[1]])?;
    for (path, n) in paths.iter().zip([0, 3]) {
        let counts = scratch.count(&format!("--socket {path}"))?;
        assert_eq!(counts["total"], n, "{path}");
    }
    assert!(Path::new(&paths[0]).exists());
    stop(first)?;
    assert_eq!(scratch.count("")?["total"], 3);
    stop(second)
}
