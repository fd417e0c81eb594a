//! `seawall stats`: the counters of a server that runs.

use super::admin::SocketArg;
use super::serve::parse_duration;
use super::terminal::{print_json, stop_flag};
use crate::control::admin::{self, Ask, Line, Stats};
use crate::control::counts::Counts;
use crate::time::Duration;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Arguments of `seawall stats`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo seawall stats
  sudo seawall stats --watch 1s
  sudo seawall stats --json | jq .connections.live

Frames that the rings dropped are counted by `serve` itself, and said when it ends; those that the
XDP program dropped are in the sum of all shards.

Exit status: 0 when it was answered, 1 when nobody answers or may be asked, 2 for wrong arguments.")]
pub struct StatsArgs {
    /// Whom to ask
    #[command(flatten)]
    pub server: SocketArg,

    /// Ask again and again, this far apart, until a signal comes; with --json, a line each time
    #[arg(long, value_name = "TIME", value_parser = parse_interval)]
    pub watch: Option<Duration>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval < Duration::from_millis(100) {
        return Err("less than 100ms: counters are published 20 times a second".into());
    }
    Ok(interval)
}

/// Runs `seawall stats`.
pub fn run(args: &StatsArgs) -> anyhow::Result<ExitCode> {
    let path = args.server.path()?;
    let stop = stop_flag()?;
    let mut before = None;
    loop {
        let stats = fetch(&path)?;
        if args.json {
            print_json(&stats)?;
        } else {
            writeln!(io::stdout(), "{}", table(&stats, before.as_ref()))?;
        }
        let Some(interval) = args.watch else {
            return Ok(ExitCode::SUCCESS);
        };
        before = Some(stats);
        if !sleep(interval, &stop) {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn fetch(path: &Path) -> Result<Stats, admin::Error> {
    let mut answer = admin::ask(path, &Ask::Stats)?;
    loop {
        if let Line::Stats(stats) = answer.line()? {
            return Ok(stats);
        }
    }
}

// False when a signal came.
fn sleep(interval: Duration, stop: &AtomicBool) -> bool {
    const TICK: Duration = Duration::from_millis(50);
    let until = Instant::now() + interval;
    loop {
        // Relaxed: the flag says only itself.
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(TICK));
    }
}

// With what came `before`, also how many a second.
#[expect(clippy::cast_precision_loss, reason = "rates for people")]
fn table(now: &Stats, before: Option<&Stats>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    let shards = now.shards.iter().map(|s| format!("shard {}", s.shard));
    let mut header = vec![format!("up {:.0} s", now.uptime_s), "all".into()];
    if before.is_some() {
        header.push("a second".into());
    }
    // One shard is all shards.
    let is_split = now.shards.len() > 1;
    header.extend(shards.filter(|_| is_split));
    table.set_header(header);
    let was = before.map(|before| (rows(before), now.uptime_s - before.uptime_s));
    let of_shards: Vec<_> = now.shards.iter().map(rows_of_shard).collect();
    for (name, grows, n) in rows(now) {
        let mut row = vec![name.clone(), n.to_string()];
        let find = |rows: &[Row]| rows.iter().find(|row| row.0 == name).map_or(0, |row| row.2);
        if let Some((was, seconds)) = &was {
            let more = n.saturating_sub(find(was)) as f64;
            row.push(if grows {
                format!("{:.0}", more / seconds)
            } else {
                String::new()
            });
        }
        row.extend(
            of_shards
                .iter()
                .filter(|_| is_split)
                .map(|rows| find(rows).to_string()),
        );
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

// What it is, whether it only ever grows, and how many.
type Row = (String, bool, u64);

fn rows(stats: &Stats) -> Vec<Row> {
    rows_of(&stats.counts, &stats.states)
}

fn rows_of_shard(shard: &admin::ShardStats) -> Vec<Row> {
    rows_of(&shard.counts, &shard.states)
}

fn rows_of(counts: &Counts, states: &BTreeMap<String, u64>) -> Vec<Row> {
    let (c, s, k) = (&counts.connections, &counts.segments, &counts.cookies);
    let plain = [
        ("accepted", true, c.accepted),
        ("released", true, c.released),
        ("reset", true, c.reset),
        ("timed out", true, c.timed_out),
        ("live", false, c.live),
        ("segments in", true, s.r#in),
        ("segments out", true, s.out),
        ("cookies sent", true, k.sent),
        ("by XDP", true, k.sent_by_xdp),
        ("cookies accepted", true, k.accepted),
        ("cookies rejected", true, k.rejected),
    ];
    let mut rows: Vec<Row> = plain.map(|(name, grows, n)| (name.into(), grows, n)).into();
    let states = states
        .iter()
        .map(|(name, n)| (format!("in {name}"), false, *n));
    let drops = counts.drops.iter();
    let drops = drops.map(|(name, n)| (format!("dropped {name}"), true, *n));
    rows.extend(states.chain(drops));
    rows
}
