//! `seawall load`: the active opener as a load generator.

use super::serve::parse_duration;
use super::terminal::stop_flag;
use crate::control::generator::{Glance, Load, LoadConfig, LoadReport};
use crate::control::server::ChecksumRule;
use crate::load::json::{Json, Spread};
use crate::load::{BYTES_MAX, Cause, Close, Pattern, Plan, RATE_MAX, Sources, report};
use crate::nic::af_xdp::{CopyMode, XdpMode};
use crate::time::Duration;
use anyhow::Context;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use core::net::SocketAddr;
use core::sync::atomic::Ordering;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `seawall load`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Connections begin when the schedule says so, however slow the server is (open loop), and every
latency counts from that intended start. Each connection comes from an address of --source with a
port from 1024 to 65535, and uses no such pair again within 2 MSL (--time-wait).

What each pattern expects of the server:
  connect   nothing: any server that accepts; what it sends is thrown away
  request   HTTP/1.1 with Content-Length: GET /, or GET /bytes/N with --bytes N, answered by 200
  hold      that it leaves the connection open
  stream    that it throws away what it receives, or returns it (discard, echo)
With --close peer the server must close first by itself: `request` says `Connection: close`.

A source address must not be the kernel's, and the server's network must find it on this
interface; the route to the target and its Ethernet address come from the kernel's tables.

Examples:
  seawall load --interface eth0 --target 192.0.2.1:80 --source 192.0.2.128/25
  seawall load -i eth0 --target 192.0.2.1:80 --source 192.0.2.128/25 --pattern request \\
      --rate 50k --duration 30s --json load.json --report load.html
  seawall load -i eth0 --target 192.0.2.1:7 --source 198.51.100.0/24 --pattern hold \\
      --connections 1000000 --rate 50k

Exit status: 0 when every connection did as planned, 1 when some failed or the machine refuses
something, 2 for wrong arguments, 130 after SIGINT.")]
pub struct LoadArgs {
    /// Interface that leads to the target
    #[arg(long, short, value_name = "IF")]
    pub interface: String,

    /// The server
    #[arg(long, value_name = "ADDR:PORT", value_parser = parse_target)]
    pub target: SocketAddr,

    /// Addresses that connections come from, as 192.0.2.0/24; none of them the kernel's
    #[arg(long, value_name = "CIDR")]
    pub source: Sources,

    /// Connections to begin a second, as 500, 100k or 1M; those that are held are released as fast
    #[arg(long, value_name = "N", default_value = "1k", value_parser = parse_rate)]
    pub rate: u64,

    /// Connections in all [default: as many as --rate and --duration make]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub connections: Option<u64>,

    /// Connections at once, at most; those beyond begin late, and their latency counts that
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub concurrency: Option<u64>,

    /// How long connections begin, or are held, as 10s, 500ms or 2m [default: 10s, or until
    /// --connections have begun]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub duration: Option<Duration>,

    /// What each connection does
    #[arg(long, value_enum, default_value_t)]
    pub pattern: Pattern,

    /// How it is released
    #[arg(long, value_enum, default_value_t)]
    pub close: Close,

    /// Octets to ask for (request) or to send (stream), a connection
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=i64::from(BYTES_MAX)))]
    pub bytes: Option<u32>,

    /// A connection that is not over after this long has failed; for `hold`, not open, or not
    /// released
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_time)]
    pub timeout: Duration,

    /// How long a pair of address and port rests after its connection (2 MSL)
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub time_wait: Duration,

    /// Where the XDP program runs: in the driver, or before the kernel's stack
    #[arg(long, value_enum, default_value_t)]
    pub xdp_mode: XdpMode,

    /// Copy frames between driver and us; `off` insists on zero copy
    #[arg(long, value_enum, default_value_t)]
    pub copy: CopyMode,

    /// Accept checksums of the pseudo-header alone: `auto` on veth, where frames have no more
    #[arg(long, value_enum, default_value_t)]
    pub checksum: ChecksumRule,

    /// Write one JSON object of results to this file; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write a report with charts to this file: one page that needs no network
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

fn parse_target(text: &str) -> Result<SocketAddr, String> {
    let target: SocketAddr = text.parse().map_err(|_| {
        "want ADDR:PORT, as in 192.0.2.1:80; an IPv6 address stands in brackets".to_owned()
    })?;
    if target.port() == 0 {
        return Err("port 0 cannot be connected to".into());
    }
    Ok(target)
}

// A number with k or M behind it.
fn parse_number(text: &str) -> Option<u64> {
    let (digits, unit) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1_000.0),
        (at, 'M') => (&text[..at], 1_000_000.0),
        _ => (text, 1.0),
    };
    let is_plain = digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number = digits.parse::<f64>().ok().filter(|_| is_plain)? * unit;
    // Far inside the exact range: RATE_MAX and CONNECTIONS_MAX are below 2^53.
    let is_whole = number.fract() == 0.0 && number < 1e15;
    is_whole.then(|| format!("{number:.0}").parse().ok())?
}

fn parse_rate(text: &str) -> Result<u64, String> {
    let rate = parse_number(text).filter(|rate| (1..=RATE_MAX).contains(rate));
    rate.ok_or_else(|| format!("want a number from 1 to {RATE_MAX}, as 500, 100k or 1.5M"))
}

fn parse_count(text: &str) -> Result<u64, String> {
    let count = parse_number(text).filter(|count| *count > 0);
    count.ok_or_else(|| "want a number from 1, as 500, 100k or 1M".into())
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text)?;
    if time.is_zero() {
        return Err("want more than no time".into());
    }
    Ok(time)
}

/// How often the bar moves.
const TICK: Duration = Duration::from_millis(100);

/// Runs `seawall load` until it is over, or a signal comes.
pub fn run(args: &LoadArgs) -> anyhow::Result<ExitCode> {
    let plan = plan(args);
    if let Err(error) = plan.check() {
        eprintln!("error: {error}\n\nFor more information, try 'seawall load --help'.");
        return Ok(ExitCode::from(2));
    }
    let stop = stop_flag()?;
    let load = Load::start(&LoadConfig {
        interface: args.interface.clone(),
        xdp_mode: args.xdp_mode,
        copy: args.copy,
        checksum: args.checksum,
        plan: plan.clone(),
    })?;
    let facts = facts(args, &load);
    for (name, value) in &facts {
        eprintln!("{name}: {value}");
    }
    let bar = ProgressBar::new(plan.schedule().count());
    let style = ProgressStyle::with_template("{wide_bar} {msg}");
    bar.set_style(style.expect("the template is a constant that parses"));
    let mut is_stopped = false;
    while !load.is_over() {
        std::thread::sleep(TICK);
        show(&bar, &load.glance());
        // Relaxed: the flag says only itself.
        if !is_stopped && stop.load(Ordering::Relaxed) {
            is_stopped = true;
            load.stop();
        }
    }
    bar.finish_and_clear();
    let seen = load.join()?;
    let json = serde_json::to_string(&Json::new(&plan, &seen.tally))?;
    match &args.json {
        Some(path) if path.as_os_str() == "-" => println!("{json}"),
        Some(path) => write(path, &(json + "\n"))?,
        None => {}
    }
    if let Some(path) = &args.report {
        write(path, &report::html(&plan, &seen.tally, &facts))?;
    }
    eprintln!("{}", table(&seen));
    if is_stopped {
        return Ok(ExitCode::from(130)); // as a shell reports SIGINT
    }
    let is_good = seen.tally.released == seen.tally.asked;
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn plan(args: &LoadArgs) -> Plan {
    Plan {
        rate: args.rate,
        connections: args.connections,
        concurrency: args.concurrency,
        duration: args.duration,
        pattern: args.pattern,
        close: args.close,
        bytes: args.bytes,
        timeout: args.timeout,
        time_wait: args.time_wait,
        ..Plan::new(args.target.into(), args.source)
    }
}

// What was got, for people.
fn facts(args: &LoadArgs, load: &Load) -> Vec<(String, String)> {
    let zero_copy = load.queues().iter().all(|queue| queue.zero_copy);
    let queues = load.queues().len();
    let value = format!(
        "{}, {} {}, XDP {}, {}",
        args.interface,
        queues,
        if queues == 1 { "queue" } else { "queues" },
        if load.is_native() {
            "native"
        } else {
            "generic"
        },
        if zero_copy { "zero copy" } else { "copy" },
    );
    vec![("interface".into(), value)]
}

fn show(bar: &ProgressBar, glance: &Glance) {
    bar.set_position(glance.started);
    bar.set_message(format!(
        "{} begun, {} opened, {} released, {} failed",
        glance.started, glance.opened, glance.released, glance.failed,
    ));
}

fn write(path: &PathBuf, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn table(seen: &LoadReport) -> String {
    let tally = &seen.tally;
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["", "", "p50", "p99", "p99.9", "max"]);
    let mut count = |name: &str, n: u64| {
        table.add_row([name.to_owned(), n.to_string()]);
    };
    count("connections asked for", tally.asked);
    count("opened", tally.opened);
    count("released", tally.released);
    for cause in Cause::ALL {
        let n = tally.failed_by(cause);
        if n > 0 {
            count(&format!("failed, {}: {}", cause.name(), cause.help()), n);
        }
    }
    if tally.failures() == 0 {
        count("failed", 0);
    }
    if tally.unstarted() > 0 {
        count("not begun in time", tally.unstarted());
    }
    if let Some(hold) = tally.hold {
        count("open at once, asked for", hold.asked);
        count("open at once", hold.open);
        count("open at once, at the least", hold.least);
    }
    count("segments sent again", seen.counters.segments_again);
    for (reason, n) in seen.counters.drops.nonzero() {
        count(&format!("dropped: {}", reason.name()), n);
    }
    table.add_row([
        "released a second".to_owned(),
        format!("{:.0}", tally.rate()),
    ]);
    for (name, histogram) in [
        ("started late by", &tally.late),
        ("handshake", &tally.handshake),
        ("first byte", &tally.first_byte),
        ("release", &tally.release),
        ("whole life", &tally.life),
    ] {
        if histogram.is_empty() {
            continue;
        }
        let p = Spread::of(histogram);
        let us = |value: f64| format!("{value:.0} µs");
        let values = [p.p50, p.p99, p.p999, p.max].map(us);
        table.add_row([vec![name.into(), String::new()], values.to_vec()].concat());
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        load: LoadArgs,
    }

    const GOOD: &[&str] = &[
        "load",
        "--interface=eth0",
        "--target=192.0.2.1:80",
        "--source=192.0.2.128/25",
    ];

    fn parse(more: &[&str]) -> Result<LoadArgs, String> {
        let all = GOOD.iter().chain(more);
        let cli = Cli::try_parse_from(all).map_err(|error| error.to_string())?;
        Ok(cli.load)
    }

    #[test]
    fn three_flags_are_enough() {
        let args = parse(&[]).unwrap();
        assert_eq!(plan(&args).check(), Ok(()));
        assert_eq!(plan(&args).schedule().count(), 10_000);
        for flag in 1..GOOD.len() {
            let without = GOOD.iter().enumerate().filter(|(n, _)| *n != flag);
            assert!(Cli::try_parse_from(without.map(|(_, text)| text)).is_err());
        }
    }

    #[test]
    fn numbers_may_be_thousands_and_millions() {
        for (text, number) in [
            ("1", 1),
            ("100k", 100_000),
            ("1.5M", 1_500_000),
            ("2K", 2000),
        ] {
            assert_eq!(parse_number(text), Some(number), "{text}");
        }
        for text in [
            "", "k", "1.5", "-1", "1e3", "1G", "inf", "NaN", "0x1", "1 k",
        ] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn each_wrong_flag_says_what_is_wanted() {
        for (flag, complaint) in [
            ("--target=192.0.2.1", "ADDR:PORT"),
            ("--target=192.0.2.1:0", "port 0"),
            ("--target=example.com:80", "ADDR:PORT"),
            ("--source=192.0.2.0/33", "33 bits"),
            ("--source=nowhere", "192.0.2.0/24"),
            ("--source=224.0.0.0/8", "no host"),
            ("--rate=0", "from 1 to"),
            ("--rate=200M", "from 1 to"),
            ("--connections=0", "from 1"),
            ("--concurrency=many", "from 1"),
            ("--duration=10", "number and a unit"),
            ("--duration=0s", "no time"),
            ("--duration=25m5s", "number and a unit"),
            ("--timeout=0s", "no time"),
            ("--time-wait=-1s", "number and a unit"),
            ("--pattern=dance", "possible values"),
            ("--close=never", "possible values"),
            ("--bytes=33554432", "33554431"),
            ("--bytes=-1", "33554431"),
            ("--xdp-mode=x", "possible values"),
            ("--copy=x", "possible values"),
            ("--checksum=x", "possible values"),
        ] {
            // The same flag twice is refused before its value is read, so each stands alone.
            let name = flag.split('=').next().unwrap();
            let others = GOOD.iter().filter(|good| !good.starts_with(name));
            let error = Cli::try_parse_from(others.chain([&flag])).err();
            let error = error
                .unwrap_or_else(|| panic!("{flag} is taken"))
                .to_string();
            assert!(error.contains(complaint), "{flag}: {error}");
        }
    }

    #[test]
    fn flags_that_do_not_go_together_say_why() {
        for (flags, complaint) in [
            (&["--pattern=hold"][..], "--connections"),
            (
                &["--pattern=hold", "--connections=5", "--concurrency=2"],
                "leave --concurrency out",
            ),
            (&["--pattern=stream"], "--bytes"),
            (&["--bytes=5"], "`request` and `stream`"),
            (&["--rate=1M"], "has 126 addresses and this rate takes 156"),
            (&["--rate=100M", "--duration=1m"], "126 addresses"),
            (&["--pattern=hold", "--connections=9M"], "8388608 can be"),
        ] {
            let error = plan(&parse(flags).unwrap()).check().unwrap_err();
            assert!(error.to_string().contains(complaint), "{flags:?}: {error}");
        }
    }
}
