//! The `seawall` binary: arguments to subcommands, errors to exit codes.

use clap::Parser;
use seawall::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    Cli::parse().run()
}
