//! A million connections that do nothing, over veth: opened, held for two minutes, released; and
//! counted at both ends all the while. `cargo bench --bench soak -- --help` says how to ask for
//! fewer or shorter.
//!
//! `seawall serve` is on one core, `seawall load --pattern hold` on another, each in a network
//! namespace. Both ends have to agree with what was asked for, or the exit status is not 0:
//!
//! | when | who | says |
//! |---|---|---|
//! | held | server, by its counters and by a walk through its table | so many are open, all of them ESTABLISHED |
//! | held | server, from then on, ten times a second | not one less |
//! | over | client | so many opened, no fewer at any time while held, so many released, none failed |
//! | over | server | so many accepted and released; none reset, timed out or left |
//!
//! What is printed: how long it took to open, and, by the server's counters, from the first release
//! to the last; what the server's process has resident; what was sent again.

#[path = "../common/process.rs"]
mod process;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use nix::unistd::geteuid;
use process::{Process, Serve};
use seawall::control::admin::{Ask, Filter, Line, Matching, Stats, ask};
use seawall::control::lab::{CLIENT_INTERFACE, Lab, LabConfig};
use seawall::control::worker;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Addresses of the lab's network that nobody has.
const SOURCE: &str = "10.73.128.0/24";

const PORT: u16 = 9;

/// Between two looks at the server.
const LOOK: Duration = Duration::from_millis(100);

/// What connections may take to open or to be released beside what was asked for.
const PATIENCE: Duration = Duration::from_mins(1);

/// A million connections that do nothing, over veth
#[derive(Parser)]
#[command(name = "soak")]
struct Arguments {
    /// Connections
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    connections: u32,

    /// Connections to begin a second
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    rate: u32,

    /// Seconds for which all of them are held
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    hold: u32,

    /// Run it small, to see that it runs
    #[arg(long)]
    test: bool,

    /// What cargo says
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.test {
        (arguments.connections, arguments.hold) = (2000, 1);
    }
    let cpus = worker::allowed_cpus()?;
    let (client_cpu, server_cpu) = match cpus[..] {
        _ if !geteuid().is_root() => return skip("needs root, for network namespaces and XDP"),
        [first, .., last] => (first, last),
        _ => return skip("needs two processors"),
    };
    let lab = Lab::new(&LabConfig {
        neighbours: true,
        ..LabConfig::default()
    })?;
    let socket = std::env::temp_dir().join(format!("seawall-soak-{}.sock", std::process::id()));
    let target = lab.server_addresses().next().context("a server address")?;
    let target = format!("{target}:{PORT}");
    let serve = Serve::start(
        &lab,
        server_cpu,
        &[
            "--listen",
            &format!("{target}=discard"),
            "--connections",
            // Some may come before the server has seen the end of others.
            &(arguments.connections + arguments.connections / 8).to_string(),
            "--admin",
            &socket.to_string_lossy(),
        ],
    )?;
    let load = load(&lab, client_cpu, &arguments, &target)?;
    let mut watch = Watch::new(socket, &arguments);
    watch.until_open()?;
    let resident = watch.resident()?;
    watch.until_released()?;
    let client = finish(load)?;
    let server = serve.stop()?;
    check(&arguments, &client, &server)?;
    println!("{}", watch.table(&client, &server, resident));
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is what main returns, so that every way out looks the same"
)]
fn skip(why: &str) -> anyhow::Result<()> {
    println!("soak: skipped: {why}");
    Ok(())
}

fn load(lab: &Lab, cpu: usize, arguments: &Arguments, target: &str) -> anyhow::Result<Process> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
    command.args(["load", "--interface", CLIENT_INTERFACE, "--json", "-"]);
    command.args(["--target", target, "--source", SOURCE]);
    command.args(["--pattern", "hold"]);
    command.args(["--connections", &arguments.connections.to_string()]);
    command.args(["--rate", &arguments.rate.to_string()]);
    command.args(["--duration", &format!("{}s", arguments.hold)]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    Process::start(lab.client(), cpu, &mut command).context("starting the load")
}

// What the load says at its end.
fn finish(mut load: Process) -> anyhow::Result<Value> {
    let text = load.output()?;
    let json = text.lines().find(|line| line.starts_with('{'));
    Ok(serde_json::from_str(json.context("the load's JSON")?)?)
}

// The server, as its admin socket shows it.
struct Watch {
    socket: PathBuf,
    connections: u64,
    hold: Duration,
    opening: Duration,
    opened: Duration,
    released: Duration,
}

impl Watch {
    fn new(socket: PathBuf, arguments: &Arguments) -> Self {
        Self {
            socket,
            connections: arguments.connections.into(),
            hold: Duration::from_secs(arguments.hold.into()),
            opening: Duration::from_secs((arguments.connections / arguments.rate).into()),
            opened: Duration::ZERO,
            released: Duration::ZERO,
        }
    }

    fn until_open(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut before = self.live()?;
        while before < self.connections {
            let within = self.opening + PATIENCE;
            ensure!(
                began.elapsed() < within,
                "{before} are open after {within:?}"
            );
            std::thread::sleep(LOOK);
            before = self.live()?;
        }
        self.opened = began.elapsed();
        let seen = count(&self.socket)?;
        let established = seen.states.get("ESTABLISHED").copied();
        let all = Some(self.connections);
        ensure!(established == all, "the table has {:?}", seen.states);
        Ok(())
    }

    fn until_released(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.live()? == self.connections {
            let within = self.hold + PATIENCE;
            ensure!(began.elapsed() < within, "none released after {within:?}");
            std::thread::sleep(LOOK);
        }
        let held = began.elapsed();
        // All were open a moment before we saw it.
        let least = self.hold.saturating_sub(Duration::from_secs(1));
        ensure!(held >= least, "some were lost after {held:?}");
        let began = Instant::now();
        loop {
            let live = self.live()?;
            if live == 0 {
                break;
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "{live} are left after {PATIENCE:?}"
            );
            std::thread::sleep(LOOK);
        }
        self.released = began.elapsed();
        Ok(())
    }

    fn live(&self) -> anyhow::Result<u64> {
        Ok(stats(&self.socket)?.counts.connections.live)
    }

    // Octets that its process has resident.
    fn resident(&self) -> anyhow::Result<u64> {
        let pid = ask(&self.socket, &Ask::Stats)?.server().pid;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(kib.context("VmRSS")?.parse::<u64>()? * 1024)
    }

    fn table(&self, client: &Value, server: &Value, resident: u64) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        let seconds = |took: Duration| format!("{:.1} s", took.as_secs_f64());
        let held = client["hold"]["seconds"].as_f64().unwrap_or(f64::NAN);
        let micros = |of: &str| {
            let longest = client[of]["max"].as_f64().unwrap_or(f64::NAN);
            format!("{:.1} ms", longest / 1e3)
        };
        let mb = |bytes: u64| format!("{} MB", bytes / 1_000_000);
        for (what, found) in [
            ("connections", self.connections.to_string()),
            ("opened in", seconds(self.opened)),
            ("all held for", format!("{held:.1} s")),
            ("released in", seconds(self.released)),
            ("resident, the server", mb(resident)),
            ("dropped, the server", server["drops"].to_string()),
            ("a release, the longest", micros("release_us")),
            ("a handshake, the longest", micros("handshake_us")),
        ] {
            table.add_row([what.to_owned(), found]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

fn stats(socket: &Path) -> anyhow::Result<Stats> {
    match ask(socket, &Ask::Stats)?.line()? {
        Line::Stats(stats) => Ok(stats),
        line => bail!("no stats, but {line:?}"),
    }
}

fn count(socket: &Path) -> anyhow::Result<Matching> {
    match ask(socket, &Ask::Count(Filter::default()))?.line()? {
        Line::Counts(counts) => Ok(counts),
        line => bail!("no counts, but {line:?}"),
    }
}

// Both ends say the same, and what was asked for.
fn check(arguments: &Arguments, client: &Value, server: &Value) -> anyhow::Result<()> {
    let all = u64::from(arguments.connections);
    let expected = [
        (client, "/asked", all),
        (client, "/opened", all),
        (client, "/hold/open", all),
        (client, "/hold/least", all),
        (client, "/released", all),
        (client, "/unstarted", 0),
        (server, "/connections/accepted", all),
        (server, "/connections/released", all),
        (server, "/connections/reset", 0),
        (server, "/connections/timed_out", 0),
        (server, "/connections/live", 0),
    ];
    for (end, name, expected) in expected {
        let said = end.pointer(name).and_then(Value::as_u64);
        ensure!(
            said == Some(expected),
            "{name} is {said:?}, not {expected}: {end}"
        );
    }
    let failed = client["failed"].as_object().context("failures")?;
    let none = failed.values().all(|count| count == 0);
    ensure!(none, "some failed: {client}");
    Ok(())
}
