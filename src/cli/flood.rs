//! `seawall flood`: a bounded flood for resilience tests.

use super::serve::parse_duration;
use super::terminal::{LiveLine, stop_flag};
use crate::control::clock::Clock;
use crate::flood::{Flood, Kind, Plan, Progress, Rate, Report, SourceKind, Span, Target};
use serde::Serialize;
use std::process::ExitCode;

/// Arguments of `seawall flood`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Bounds, without override:
  sources   198.18.0.0/15 and 2001:2::/48 alone
  targets   private 10/8, 172.16/12, 192.168/16, fc00::/7; benchmark 198.18/15, 2001:2::/48;
            documentation 192.0.2/24, 198.51.100/24, 203.0.113/24, 2001:db8::/32;
            link-local 169.254/16, fe80::/10; loopback 127/8, ::1
  rate      10M frames a second, which is what `max` means
  duration  60s

Examples:
  seawall flood --interface eth1 --target 10.0.0.1:80 --rate 100k --duration 10s
  seawall flood --interface eth1 --target '[fd00::1]:80' --rate max --duration 5s --kind mixed

The fastest source is used: live frames of the kernel where the driver sends what a program
redirects to it (a veth: while its other end has an XDP program), else AF_XDP transmit by queue 0.
SIGINT or SIGTERM stops it.

Exit status: 0 at the end or after a signal, 1 when the machine refuses something, 2 for wrong
arguments and whatever is out of bounds.")]
pub struct FloodArgs {
    /// Interface that frames leave by
    #[arg(long, short, value_name = "IF")]
    pub interface: String,

    /// Address and port that frames go to, within the bounds below
    #[arg(long, short, value_name = "ADDR:PORT")]
    pub target: Target,

    /// Frames a second, as 5000, 100k, 1.5M or max
    #[arg(long, short, value_name = "RATE")]
    pub rate: Rate,

    /// How long, as 10s or 500ms; a minute at most
    #[arg(long, short, value_name = "TIME", value_parser = parse_span)]
    pub duration: Span,

    /// Segments to send
    #[arg(long, short, value_enum, default_value_t)]
    pub kind: Kind,

    /// Print one JSON object to stdout at the end
    #[arg(long)]
    pub json: bool,

    /// Insist on a source of frames
    #[arg(long, value_enum, hide = true)]
    pub source: Option<SourceKind>,
}

fn parse_span(text: &str) -> Result<Span, String> {
    Span::new(parse_duration(text)?).map_err(|refusal| refusal.to_string())
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    source: &'static str,
    sent: u64,
    seconds: f64,
    rate_per_s: f64,
    kind: &'static str,
}

impl From<&Report> for Summary {
    fn from(report: &Report) -> Self {
        Self {
            source: report.source.name(),
            sent: report.sent,
            seconds: report.elapsed.as_secs_f64(),
            rate_per_s: report.rate_per_s(),
            kind: report.kind.name(),
        }
    }
}

/// Runs `seawall flood` until its time is over or a signal comes.
pub fn run(args: &FloodArgs) -> anyhow::Result<ExitCode> {
    let stop = stop_flag()?;
    let plan = Plan {
        interface: args.interface.clone(),
        target: args.target,
        rate: args.rate,
        span: args.duration,
        kind: args.kind,
        source: args.source,
        seed: getrandom::u64()?,
    };
    let flood = Flood::open(&plan)?;
    announce(&plan, &flood);
    let mut live = LiveLine::new();
    let mut before = Progress::default();
    let clock = Clock::start();
    let report = flood.run(
        || clock.now(),
        &stop,
        |progress| {
            live.show(&live_line(&plan, before, progress));
            before = progress;
        },
    );
    live.clear();
    let report = report?;
    eprintln!(
        "sent {} frames in {:.3} s by {}: {:.0}/s",
        report.sent,
        report.elapsed.as_secs_f64(),
        report.source,
        report.rate_per_s(),
    );
    if args.json {
        println!("{}", serde_json::to_string(&Summary::from(&report))?);
    }
    Ok(ExitCode::SUCCESS)
}

fn announce(plan: &Plan, flood: &Flood) {
    eprintln!(
        "flood of {} to {} ({}) from {} by {}",
        plan.kind.name(),
        plan.target,
        plan.target.range(),
        plan.target.sources(),
        plan.interface,
    );
    eprintln!(
        "at most {} frames: {}/s for {:?}",
        plan.budget(),
        plan.rate.per_s(),
        plan.span.get(),
    );
    eprintln!("source: {}", flood.source());
    if let Some(why) = flood.why_not_live() {
        eprintln!("no live frames: {why}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn live_line(plan: &Plan, before: Progress, now: Progress) -> String {
    let frames = now.sent.saturating_sub(before.sent) as f64;
    let seconds = now.elapsed.saturating_sub(before.elapsed).as_secs_f64();
    let left = plan.span.get().saturating_sub(now.elapsed);
    format!(
        "{:.0} {}/s offered  {} sent  {:.0} s left",
        frames / seconds.max(1e-9),
        plan.kind.name(),
        now.sent,
        left.as_secs_f64(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use core::time::Duration;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: FloodArgs,
    }

    fn parse(target: &str, rate: &str, duration: &str) -> Result<FloodArgs, clap::Error> {
        let line = [
            "flood", "-i", "eth0", "-t", target, "-r", rate, "-d", duration,
        ];
        Line::try_parse_from(line).map(|line| line.args)
    }

    #[test]
    fn whatever_is_out_of_bounds_is_no_argument() {
        let args = parse("10.0.0.1:80", "100k", "10s").unwrap();
        assert_eq!(args.rate.per_s(), 100_000);
        assert_eq!(args.duration.get(), Duration::from_secs(10));
        for (target, rate, duration, complaint) in [
            ("8.8.8.8:80", "1", "1s", "outside the ranges"),
            ("10.0.0.1", "1", "1s", "no ADDR:PORT"),
            ("10.0.0.1:80", "11M", "1s", "no override"),
            ("10.0.0.1:80", "much", "1s", "is no rate"),
            ("10.0.0.1:80", "1", "61s", "no override"),
            ("10.0.0.1:80", "1", "0s", "no duration of a flood"),
            ("10.0.0.1:80", "1", "1", "a unit"),
        ] {
            let error = parse(target, rate, duration).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let text = error.to_string();
            assert!(
                text.contains(complaint),
                "{target} {rate} {duration}: {text}"
            );
        }
    }

    #[test]
    fn json_has_the_fields_that_tools_rely_on() {
        let report = Report {
            source: SourceKind::AfXdp,
            kind: Kind::Xmas,
            sent: 500,
            elapsed: Duration::from_millis(250),
        };
        assert_eq!(
            serde_json::to_string(&Summary::from(&report)).unwrap(),
            r#"{"source":"af_xdp","sent":500,"seconds":0.25,"rate_per_s":2000.0,"kind":"xmas"}"#
        );
    }
}
