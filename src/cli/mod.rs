//! The command line: one file a subcommand.

pub mod admin;
mod block_list;
pub mod check;
pub mod demo;
pub mod flood;
pub mod list;
pub mod load;
pub mod resilience;
pub mod serve;
pub mod stats;
mod summary;
mod switch_log;
mod terminal;

use clap::{Parser, Subcommand};
use std::io;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// TCP on a Linux NIC over `AF_XDP`, with the kernel out of the way.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "seawall",
    version,
    about,
    after_help = "\
Examples:
  sudo seawall demo
  sudo seawall check --interface eth0
  sudo seawall serve --interface eth0 --listen 192.0.2.1:80=http
  sudo seawall list --state established
  sudo seawall load --interface eth0 --target 192.0.2.1:80 --source 192.0.2.128/25"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Serve TCP on an interface, beside the kernel's own traffic
    Serve(serve::ServeArgs),
    /// Show the connections of a server that runs
    List(list::ListArgs),
    /// Show the counters of a server that runs
    Stats(stats::StatsArgs),
    /// Load a TCP server with connections, on schedule, and say what became of each
    Load(load::LoadArgs),
    /// Watch it work: a lab of its own, one connection drawn, then many at once
    Demo(demo::DemoArgs),
    /// Say whether this machine and NIC can run it, and what to change
    Check(check::CheckArgs),
    /// Flood a server of yours with segments, for resilience tests: bounded, without override
    Flood(flood::FloodArgs),
    /// Prove it: honest clients before, during and after a flood, against us and against peers
    Resilience(resilience::ResilienceArgs),
}

impl Cli {
    /// Runs the subcommand. What the machine refuses becomes one line on stderr and status 1.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let filter = EnvFilter::try_from_env("SEAWALL_LOG").unwrap_or_else(|_| "warn".into());
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .init();
        let result = match &self.command {
            Command::Serve(args) => serve::run(args),
            Command::List(args) => list::run(args),
            Command::Stats(args) => stats::run(args),
            Command::Load(args) => load::run(args),
            Command::Demo(args) => demo::run(args),
            Command::Check(args) => Ok(check::run(args)),
            Command::Flood(args) => flood::run(args),
            Command::Resilience(args) => resilience::run(args),
        };
        result.unwrap_or_else(|error| {
            // Whoever read our output has seen enough: `seawall demo | head`.
            if error.downcast_ref().map(io::Error::kind) == Some(io::ErrorKind::BrokenPipe) {
                return ExitCode::SUCCESS;
            }
            eprintln!("seawall: {error:#}");
            ExitCode::FAILURE
        })
    }
}
