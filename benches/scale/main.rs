//! How a shard stands up to ten million connections: one core, in memory, no NIC.
//! `cargo bench --bench scale -- --help` says how to ask for what.
//!
//! Each part runs in a process of its own, bound to a core, so that none inherits memory or caches.
//! A figure in nanoseconds is the median of a thousand rounds of about a millisecond: what the
//! machine does beside it does not move it, and what happens in fewer than half of the rounds is
//! not in it. Two that run in turns are compared turn by turn. Everything is over the memory port,
//! on simulated time: rings, interrupts and the wire are in no figure here.
//!
//! | figure | how it is taken | what it does not say |
//! |---|---|---|
//! | `lookup_ns`, `miss_ns_10m` | hash, prefetch, find and read the head of the value, in bursts of 32 random tuples of a full table (`lookup`) | values are 11 words, as large as a connection at rest |
//! | `insert_remove_per_s_10m` | find, remove, insert: one operation (`lookup`) | |
//! | `segments_per_s_1m` | 64 octets of text with timestamps on a random connection, thrown away by the service; a burst of 64 a breath, and 5 million a second on the shard's clock. Breaths alone are timed (`segments`) | text that is kept, or sent |
//! | `lifecycles_per_s` | SYN to four-way release of 32 at once with HTTP, while as many TIME-WAITs end as begin; breaths alone are timed. The peers' cost is printed too: of the loop with the shard, and of one without (`lifecycles`) | a flood beside it |
//! | `bytes_live`, `bytes_time_wait` | resident memory of the process's own with a full shard less that before it, divided: 10 M open, 4 M in TIME-WAIT (`bytes`) | text, and what lies in it |
//! | `rss_bytes`, `deadline_error_ms_max` | 10 M open and 20 M in TIME-WAIT; then the latest that any TIME-WAIT or delayed ACK was, until the last TIME-WAIT is over (`whole`) | |
//! | `breath_us_max` | 10 M delayed ACKs are due at one instant: the longest breath, in time of its thread (`breath`); by the clock on the wall it is printed beside, and so is the longest of as many turns of nothing | who else had the core |
//! | `reader_cost_percent` | `segments` on 10 M connections, in time of the shard's thread, with and without `seawall list --count` in a loop on another core (`reader`) | a reader on the shard's own core |
//! | `two_shards_ratio` | `segments` on two cores against one (`two_shards`); and beside it bare lines of memory | |
//!
//! Instructions an operation are the difference of two runs, one twice as long, counted by `perf
//! stat` or, with `--count`, by callgrind where the machine has no counters; "-" stands where there
//! is nothing. They are counted on small tables; those of
//! the peers, and of making tuples, are taken off.

#![expect(clippy::cast_precision_loss, reason = "no figure is known to 52 bits")]

mod breath;
mod bytes;
#[path = "../common/count.rs"]
mod count;
#[path = "../common/ends.rs"]
mod ends;
#[path = "../common/find.rs"]
mod find;
#[path = "../common/frames.rs"]
mod frames;
mod lifecycles;
mod lines;
mod lookup;
mod machine;
mod numbered;
mod part;
mod parts;
mod reader;
mod report;
mod room;
mod rounds;
mod segments;
mod two_shards;
mod whole;
mod world;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use part::{Measured, Sizes};
use parts::{Part, parts};
use report::Report;
use seawall::control::worker;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// How a shard stands up to ten million connections, on one core, in memory
#[derive(Parser)]
#[command(name = "scale")]
struct Arguments {
    /// Write the figures there, as JSON; those that were not taken are null
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Run everything small and once, to see that it runs
    #[arg(long)]
    test: bool,

    /// Only these parts, as lookup,breath: every part whose name begins so
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    only: Vec<String>,

    /// Count instructions by callgrind where there are no counters: takes minutes
    #[arg(long)]
    count: bool,

    /// Run one part, in this process
    #[arg(long, hide = true)]
    part: Option<String>,

    /// So many times the rounds
    #[arg(long, hide = true, default_value_t = 1)]
    times: u32,

    /// What cargo says
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let sizes = Sizes {
        rounds: arguments.times * arguments.sizes().rounds,
        ..arguments.sizes()
    };
    let parts = parts();
    if let Some(name) = &arguments.part {
        let part = parts.iter().find(|part| part.name == *name);
        let part = part.with_context(|| format!("no part {name}"))?;
        return run_here(part, &sizes);
    }
    let is_wanted = |part: &&Part| {
        let is_named = |only: &String| part.name.starts_with(only.as_str());
        arguments.only.is_empty() || arguments.only.iter().any(is_named)
    };
    let chosen: Vec<&Part> = parts.iter().filter(is_wanted).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        bail!("no such part; there are {}", names.join(" "));
    }
    let counts = arguments.count || !arguments.test && has_counters();
    let cpus = worker::allowed_cpus()?.len();
    let mut report = Report::default();
    for part in chosen {
        if cpus < part.cpus {
            let why = format!("left out: needs {} processors", part.cpus);
            report.missing.insert(part.name.clone(), why);
            continue;
        }
        eprintln!("scale: {} ...", part.name);
        let measured = match run_apart(&part.name, arguments.test) {
            Ok(measured) => measured,
            // Who has too little memory has other figures; but all that is small must run.
            Err(error) if arguments.test => return Err(error.context(part.name.clone())),
            Err(error) => {
                let why = format!("{error:#}");
                report.missing.insert(part.name.clone(), why);
                continue;
            }
        };
        if part.is_counted && counts {
            report.count(part, measured.operations, count);
        }
        report.measured.insert(part.name.clone(), measured);
    }
    println!("{}", report.table());
    for (part, why) in &report.missing {
        println!("{part}: {why}");
    }
    if let Some(path) = &arguments.json {
        let json = serde_json::to_string(&report.json())?;
        std::fs::write(path, json + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(())
}

impl Arguments {
    const fn sizes(&self) -> Sizes {
        if self.test { Sizes::TEST } else { Sizes::FULL }
    }
}

fn run_here(part: &Part, sizes: &Sizes) -> anyhow::Result<()> {
    let cpus = worker::allowed_cpus()?;
    ensure!(cpus.len() >= part.cpus, "needs {} processors", part.cpus);
    worker::pin(cpus[0])?;
    // Threads of a part wait for each other: when one dies, all do.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::exit(101);
    }));
    let measured = (part.measure)(sizes, &cpus)?;
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

fn run_apart(name: &str, is_test: bool) -> anyhow::Result<Measured> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--part", name])
        .args(is_test.then_some("--test"));
    let output = command.stderr(Stdio::piped()).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let complaint = complaint.trim().trim_start_matches("Error: ");
    ensure!(output.status.success(), "{complaint} ({})", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim()).with_context(|| text.trim().to_owned())
}

// The processor's counters cost nothing: they are used where they are.
fn has_counters() -> bool {
    count::instructions(&["--help"]).is_some_and(|(counter, _)| counter == "perf")
}

// Instructions of so many rounds: the difference between a run and one of twice its length, so
// that start and end cancel out.
fn count(name: &str) -> Option<(&'static str, u64, u32)> {
    const TIMES: u32 = 16;
    let run = |times: u32| {
        let times = times.to_string();
        count::instructions(&["--part", name, "--test", "--times", &times])
    };
    let ((counter, once), (_, twice)) = (run(TIMES)?, run(2 * TIMES)?);
    Some((
        counter,
        twice.saturating_sub(once),
        TIMES * Sizes::TEST.rounds,
    ))
}
