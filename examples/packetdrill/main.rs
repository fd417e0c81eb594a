//! Runs packetdrill scripts, in the dialects of Google and of FreeBSD, against the stack: in this
//! process, in memory, in simulated time.
//! `cargo run --release --example packetdrill -- [--strict] FILE...`
//!
//! `parse` makes the tree of `script` from a text and `print` makes a text from it; `code` is what
//! stands between `%{` and `}%`. `frame` is between a segment of a script and its octets, `flow`
//! between the numbers that a script speaks of and those on the wire. `run` is the rest.

mod code;
mod cursor;
mod flow;
mod frame;
mod parse;
mod print;
mod run;
mod script;

use clap::Parser;
use flow::Rules;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs packetdrill scripts against the stack, in memory and in simulated time.
#[derive(Parser)]
struct Arguments {
    /// Fail where a command is skipped that could change the outcome.
    #[arg(long)]
    strict: bool,
    /// Take TCP options in any order and with any padding, as RFC 9293 §3.1 lets a sender choose.
    #[arg(long)]
    any_option_order: bool,
    /// Only read the scripts, and write them back in one form.
    #[arg(long)]
    print: bool,
    /// Scripts.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for path in &arguments.files {
        match one(path, &arguments) {
            Ok(commands) => {
                passed += 1;
                skipped += commands;
            }
            Err(what) => {
                failed += 1;
                println!("{}:{what}", path.display());
            }
        }
    }
    if !arguments.print {
        println!("{passed} passed, {failed} failed, {skipped} skipped");
    }
    ExitCode::from(u8::from(failed > 0))
}

fn one(path: &Path, arguments: &Arguments) -> Result<u32, String> {
    let text = fs::read_to_string(path).map_err(|error| format!(" {error}"))?;
    let script = parse::parse(&text).map_err(|error| error.to_string())?;
    if arguments.print {
        print!("{script}");
        return Ok(0);
    }
    let rules = Rules {
        is_option_order_free: arguments.any_option_order,
        ..Rules::default()
    };
    run::run(&script, arguments.strict, rules).map_err(|failure| failure.to_string())
}
