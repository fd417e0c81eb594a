//! Reads packetdrill scripts, in the dialects of Google and of FreeBSD, and writes them back in one
//! form: `cargo run --example packetdrill -- FILE...`.
//!
//! `parse` makes the tree of `script` from a text and `print` makes a text from it; `code` is what
//! stands between `%{` and `}%`. `frame` is between a segment of a script and its octets, `flow`
//! between the numbers that a script speaks of and those on the wire.

#![cfg_attr(not(test), expect(dead_code, reason = "what is read is not run here"))]

mod code;
mod cursor;
mod flow;
mod frame;
mod parse;
mod print;
mod script;

use anyhow::{Context, anyhow};
use clap::Parser;
use std::fs;
use std::path::PathBuf;

/// Reads packetdrill scripts and writes them back.
#[derive(Parser)]
struct Arguments {
    /// Scripts.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    for path in Arguments::parse().files {
        let path = path.display();
        let text = fs::read_to_string(path.to_string()).with_context(|| format!("{path}"))?;
        let script = parse::parse(&text).map_err(|error| anyhow!("{path}:{error}"))?;
        print!("{script}");
    }
    Ok(())
}
