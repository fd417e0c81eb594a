//! `seawall demo`: the main job with nothing to set up.
//!
//! The same story twice: over `AF_XDP` in a lab of its own, with the kernel's TCP as the client
//! (`lab`), or over the in-memory port between two of our own shards (`memory`). First one
//! connection as a ladder diagram (`ladder`), then many at once (`report`).

mod ladder;
mod memory;
mod over_af_xdp;
mod report;

use super::terminal::stop_flag;
use crate::time::Duration;
use core::sync::atomic::{AtomicBool, Ordering};
use indicatif::{ProgressBar, ProgressStyle};
use nix::unistd::geteuid;

use std::io::{self, Write};
use std::process::ExitCode;

/// Arguments of `seawall demo`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo seawall demo              over AF_XDP, in network namespaces of its own
  seawall demo --memory          the same story in memory, without root
  sudo seawall demo --json       one JSON object as the last line, on stdout alone

Everything it makes is gone when it ends, also after Ctrl-C.")]
pub struct DemoArgs {
    /// How long many clients connect at once
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub seconds: u32,

    /// Run between two of our own shards over the in-memory port
    #[arg(long)]
    pub memory: bool,

    /// Print one JSON object as the last line on stdout; all else goes to stderr
    #[arg(long)]
    pub json: bool,
}

/// TIME-WAIT of the demo. RFC 9293 §3.4.2 has four minutes, `serve` has one.
const TIME_WAIT: Duration = Duration::from_secs(1);

/// Runs the demo.
pub fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let stop = stop_flag()?;
    let mut out: Box<dyn Write> = if args.json {
        Box::new(io::stderr())
    } else {
        Box::new(io::stdout())
    };
    let stage = Stage {
        seconds: args.seconds,
        stop: &stop,
    };
    let run = if args.memory || !geteuid().is_root() {
        let why = if args.memory { "--memory" } else { "not root" };
        writeln!(
            out,
            "seawall demo in memory ({why}): two of our own shards, no NIC and no kernel between them"
        )?;
        memory::run(&stage, &mut out)?
    } else {
        writeln!(
            out,
            "seawall demo over AF_XDP: two network namespaces joined by veth; our stack serves on \
             one side,\nthe kernel's TCP is the client on the other"
        )?;
        over_af_xdp::run(&stage, &mut out)?
    };
    writeln!(out, "{}", run.table())?;
    if args.json {
        println!("{}", run.json());
    }
    if stage.is_stopped() {
        return Ok(ExitCode::from(130)); // as a shell reports SIGINT
    }
    Ok(if run.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

// What both stories need.
struct Stage<'a> {
    seconds: u32,
    stop: &'a AtomicBool,
}

impl Stage<'_> {
    fn is_stopped(&self) -> bool {
        // Relaxed: the flag says only itself.
        self.stop.load(Ordering::Relaxed)
    }

    fn bar(&self) -> ProgressBar {
        let bar = ProgressBar::new(u64::from(self.seconds) * 1000);
        let style = ProgressStyle::with_template("{wide_bar} {msg}");
        bar.set_style(style.expect("the template is a constant that parses"));
        bar
    }
}

fn ladder_heading(out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "\nOne connection to daytime (RFC 867): the server speaks, closes first, and so holds \
         TIME-WAIT.\n2 MSL is shortened to {} s here; `serve` holds 60 s.\n",
        TIME_WAIT.as_secs()
    )
}

fn crowd_heading(out: &mut dyn Write, seconds: u32) -> io::Result<()> {
    writeln!(
        out,
        "Now many at once for {seconds} s: connect, GET /bytes/100, read to the end, close.\n"
    )
}
