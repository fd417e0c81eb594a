//! `seawall resilience`: honest clients before, during and after a flood.

mod table;

use super::serve::parse_duration;
use super::terminal::stop_flag;
use crate::control::resilience::{
    Against, Event, PATIENCE_MAX, PHASE_MAX, Plan, Row, Topology, has_nft, html, run as measure,
};
use crate::flood::{Kind, Rate};
use crate::time::Duration;
use anyhow::{Context, bail};
use core::sync::atomic::Ordering;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Honest clients at once, at most: they share a core with the server.
const CLIENTS_MAX: i64 = 1024;

/// Arguments of `seawall resilience`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
It needs no set-up and touches no interface of this machine: server, clients and attacker are
network namespaces of its own, which go with the process. The server and the honest clients share
CPU 0, the flood has CPU 1. Each flood comes from 198.18.0.0/15 and leaves the lab nowhere.

For each contestant and rate there are three phases: clients alone, beside the flood, alone again.
A connection counts to the phase it begins in, and every phase waits for its last connection.
At the end plain AF_XDP that sends each frame back (l2fwd) says what the port itself can do, beside
`serve` without clients; they take turns, and the median of three is told. With a flood that is not
of SYNs they are left out: hardly any of it is answered, and its cost is what the clients lose.

  apart   attacker and clients come in by two interfaces of the server
  shared  they share one interface and one queue; for `serve`, 80% of what it answers when flooded
          as fast as it goes is one rate more

Examples:
  seawall resilience
  seawall resilience --topology shared --against serve --rates 100k,max --json rows.json
  seawall resilience --kind ack --against serve,serve-xdp,kernel --rates 500k,max

Exit status: 0 when all was measured, whatever the figures are, or a signal ended it; 1 when the
machine refuses something; 2 for wrong arguments.")]
pub struct ResilienceArgs {
    /// Who shares an interface of the server with the attacker
    #[arg(long, value_enum, default_value_t = Topology::Apart)]
    pub topology: Topology,

    /// Who stands the flood [default: serve,kernel, and nft-synproxy where `nft` is installed]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME,..")]
    pub against: Vec<Against>,

    /// What the flood is made of
    #[arg(long, value_enum, default_value_t = Kind::Syn)]
    pub kind: Kind,

    /// Rates of the flood, segments a second, as 5000, 100k, 1.5M or max
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "RATE,..",
        default_value = "100k,250k,500k,max"
    )]
    pub rates: Vec<Rate>,

    /// How long connections begin in each phase, as 3s or 500ms; at most 40s
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = parse_phase)]
    pub phase: Duration,

    /// A connection that is not over after this long has failed; at most 15s
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_patience)]
    pub patience: Duration,

    /// Honest clients at once
    #[arg(
        long,
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=CLIENTS_MAX)
    )]
    pub clients: u16,

    /// Write the rows as a JSON list to this file; `-` is stdout, instead of the table
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write a report with charts to this file: one page that needs no network
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

fn parse_phase(text: &str) -> Result<Duration, String> {
    parse_up_to(text, PHASE_MAX)
}

fn parse_patience(text: &str) -> Result<Duration, String> {
    parse_up_to(text, PATIENCE_MAX)
}

fn parse_up_to(text: &str, max: Duration) -> Result<Duration, String> {
    let time = parse_duration(text)?;
    if time.is_zero() || time > max {
        return Err(format!("want more than no time, and at most {max:?}"));
    }
    Ok(time)
}

/// Runs `seawall resilience` until all is measured or a signal comes.
pub fn run(args: &ResilienceArgs) -> anyhow::Result<ExitCode> {
    let plan = plan_of(args, has_nft())?;
    let stop = stop_flag()?;
    let (least, most) = plan.duration();
    eprintln!(
        "{} contestants, {} rates: about {:.0} s, at most {:.0} s",
        plan.against.len(),
        plan.rates.len(),
        least.as_secs_f64(),
        most.as_secs_f64(),
    );
    let mut rows = Vec::new();
    let measured = measure(&plan, &stop, &mut |event| tell(event, &mut rows));
    Row::put_in_order(&mut rows);
    // What was measured before something went wrong is told all the same.
    show(args, &rows)?;
    measured?;
    if stop.load(Ordering::Relaxed) {
        eprintln!("stopped: what is above had been measured by then");
    }
    Ok(ExitCode::SUCCESS)
}

fn plan_of(args: &ResilienceArgs, has_nft: bool) -> anyhow::Result<Plan> {
    let mut against = Vec::new();
    for &name in &args.against {
        if !against.contains(&name) {
            against.push(name);
        }
    }
    if against.contains(&Against::NftSynproxy) && !has_nft {
        bail!(
            "nft-synproxy needs `nft`, which is not installed; install nftables, or leave it out"
        );
    }
    if against.is_empty() {
        against = vec![Against::Serve, Against::ServeXdp, Against::Kernel];
        if has_nft {
            against.push(Against::NftSynproxy);
        } else {
            eprintln!("nft-synproxy is left out: `nft` is not installed (nftables)");
        }
    }
    let mut rates = args.rates.clone();
    rates.sort_unstable();
    rates.dedup();
    Ok(Plan {
        topology: args.topology,
        against,
        kind: args.kind,
        rates,
        phase: args.phase,
        clients: args.clients.into(),
        patience: args.patience,
    })
}

fn tell(event: Event, rows: &mut Vec<Row>) {
    match event {
        Event::Begins {
            against,
            rate,
            phase,
        } => eprint!(
            "{against}, flood of {}, {}: ",
            table::rate(rate.per_s()),
            phase.name(),
        ),
        Event::Ends(row) => {
            let honest = &row.honest;
            eprintln!(
                "{}/{} connections, {:.0} a second; {:.0} SYN-ACK/s",
                honest.succeeded, honest.attempted, honest.rate_per_s, row.flood.answered_per_s,
            );
            rows.push(*row);
        }
    }
}

fn show(args: &ResilienceArgs, rows: &[Row]) -> anyhow::Result<()> {
    let is_stdout = args
        .json
        .as_ref()
        .is_some_and(|file| file.as_os_str() == "-");
    if !is_stdout {
        println!("{}", table::table(rows));
        for line in table::conclusions(rows) {
            println!("{line}");
        }
    }
    if let Some(file) = &args.json {
        let json = serde_json::to_string(rows)?;
        if is_stdout {
            println!("{json}");
        } else {
            fs::write(file, json).with_context(|| format!("writing {}", file.display()))?;
        }
    }
    if let Some(file) = &args.report {
        let page = html(rows, &facts(args));
        fs::write(file, page).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

// What a reader of the report wants to know of the run.
fn facts(args: &ResilienceArgs) -> Vec<(String, String)> {
    let read = |file: &str| fs::read_to_string(file).map(|text| text.trim().to_owned());
    let kernel = read("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "unknown".into());
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let facts = [
        ("seawall", env!("CARGO_PKG_VERSION").to_owned()),
        ("Linux", kernel),
        ("Processors", processors.to_string()),
        ("Honest clients at once", args.clients.to_string()),
        ("Each phase", format!("{:?}", args.phase)),
    ];
    facts.map(|(name, value)| (name.into(), value)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ResilienceArgs,
    }

    fn parse(line: &str) -> Result<ResilienceArgs, clap::Error> {
        let words = ["resilience"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.args)
    }

    #[test]
    fn defaults_are_the_sweep_against_all_that_are_there() {
        let args = parse("").unwrap();
        let plan = plan_of(&args, true).unwrap();
        assert_eq!((plan.topology, plan.kind), (Topology::Apart, Kind::Syn));
        let all = [
            Against::Serve,
            Against::ServeXdp,
            Against::Kernel,
            Against::NftSynproxy,
        ];
        assert_eq!(plan.against, all);
        let rates: Vec<u64> = plan.rates.iter().map(|rate| rate.per_s()).collect();
        assert_eq!(rates, [100_000, 250_000, 500_000, 10_000_000]);
        assert_eq!((plan.phase, plan.clients), (Duration::from_secs(3), 16));
        assert_eq!(plan_of(&args, false).unwrap().against, all[..3]);
    }

    #[test]
    fn what_is_asked_for_by_name_must_be_there() {
        let args = parse("--against kernel,nft-synproxy,kernel --rates max,1k,max").unwrap();
        let plan = plan_of(&args, true).unwrap();
        assert_eq!(plan.against, [Against::Kernel, Against::NftSynproxy]);
        assert_eq!(plan.rates.len(), 2);
        let text = plan_of(&args, false).unwrap_err().to_string();
        assert!(text.contains("install nftables"), "{text}");
    }

    #[test]
    fn whatever_is_out_of_bounds_is_no_argument() {
        for (line, complaint) in [
            ("--topology ring", "possible values"),
            ("--kind icmp", "possible values"),
            ("--against nobody", "possible values"),
            ("--rates 100k,11M", "no override"),
            ("--rates much", "is no rate"),
            ("--phase 0s", "at most 40s"),
            ("--phase 41s", "at most 40s"),
            ("--phase 3", "a unit"),
            ("--patience 16s", "at most 15s"),
            ("--clients 0", "1..=1024"),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(complaint), "{line}: {error}");
        }
    }
}
