//! Runs packetdrill scripts, in the dialects of Google and of FreeBSD, against the stack: in this
//! process, in memory, in simulated time.
//! `cargo run --release --example packetdrill -- [--strict] FILE...`
//!
//! `parse` makes the tree of `script` from a text, in which `define` has replaced what its head
//! defines, and `print` makes a text from it; `code` is what stands between `%{` and `}%`. `frame`
//! and `icmp` are between a packet of a script and its octets, `flow` between the numbers that a
//! script speaks of and those on the wire. `run` is the rest, and `files` finds scripts.

mod code;
mod cursor;
mod define;
mod files;
mod flow;
mod frame;
mod icmp;
mod parse;
mod print;
mod run;
mod script;

use clap::Parser;
use flow::Rules;
use run::{Host, RunOptions};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs packetdrill scripts against the stack, in memory and in simulated time.
///
/// The last line is `N passed, N failed, N skipped`: scripts that passed, scripts that failed or
/// could not be run, and commands in back-ticks that were not run. The status is 0 when none
/// failed.
///
/// Options, buffer and window scale are whatever a host was set to: where a script's own SYN or
/// sysctl shows them, the stack is set up like that. The flags below come before it. An expected
/// packet may be sent as several segments that follow each other without a gap.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags")]
struct Arguments {
    /// Fail where a command is skipped that could change the outcome.
    #[arg(long)]
    strict: bool,
    /// Compare what RFC 9293 leaves to the sender too: the order and padding of TCP options, and PSH
    /// on text.
    #[arg(long)]
    exact: bool,
    /// Neither offer nor accept timestamps.
    #[arg(long)]
    no_timestamps: bool,
    /// Do not say SACK-permitted.
    #[arg(long)]
    no_sack: bool,
    /// Neither offer nor accept window scaling.
    #[arg(long)]
    no_window_scale: bool,
    /// The shift to offer for the window.
    #[arg(long, value_name = "SHIFT", value_parser = clap::value_parser!(u8).range(..=14))]
    window_scale: Option<u8>,
    /// Octets of the receive buffer.
    #[arg(long, value_name = "OCTETS", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    window: Option<u32>,
    /// The largest packet of the interface; the MSS option follows from it.
    #[arg(long, value_name = "OCTETS", value_parser = clap::value_parser!(u16).range(576..))]
    mtu: Option<u16>,
    /// Only read the scripts, and write them back in one form.
    #[arg(long)]
    print: bool,
    /// Scripts, and folders: all `*.pkt` below.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Arguments {
    fn options(&self) -> RunOptions {
        RunOptions {
            is_strict: self.strict,
            rules: Rules {
                is_exact: self.exact,
                ..Rules::default()
            },
            host: Host {
                timestamps: self.no_timestamps.then_some(false),
                sack: self.no_sack.then_some(false),
                window_scale: self.no_window_scale.then_some(false),
                shift: self.window_scale,
                window: self.window,
                mtu: self.mtu,
                ..Host::default()
            },
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = arguments.options();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for found in files::scripts(&arguments.files) {
        let outcome = match &found {
            Ok(path) if arguments.print => files::print(path).map(|script| {
                print!("{script}");
                0
            }),
            Ok(path) => files::run(path, &options),
            Err(what) => Err(what.clone()),
        };
        match outcome {
            Ok(commands) => {
                passed += 1;
                skipped += commands;
            }
            Err(what) => {
                failed += 1;
                println!("{what}");
            }
        }
    }
    if !arguments.print {
        println!("{passed} passed, {failed} failed, {skipped} skipped");
    }
    ExitCode::from(u8::from(failed > 0))
}
