//! `seawall check`: can this machine and this NIC run it, and what should be changed?
//!
//! Gathering facts (`facts.rs`) and judging them (`verdict.rs`) are apart: the judgement is a
//! function from facts to lines, so every line of it is tested without the machine it is about.

mod facts;
mod verdict;

pub use facts::{Facts, InterfaceFacts};
pub use verdict::{Line, Verdict, judge};

use clap::builder::styling::{AnsiColor, Style};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::process::ExitCode;

/// Arguments of `seawall check`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seawall check --interface eth0
  seawall check --interface eth0 --json | jq '.[] | select(.verdict != \"ok\")'

Exit status: 0 when it can run, 1 when a line says fail, 2 for wrong arguments.")]
pub struct CheckArgs {
    /// The interface to be served on
    #[arg(long, short, value_name = "IF")]
    pub interface: String,
    /// Print a JSON list of {check, verdict, found, change} instead of text
    #[arg(long)]
    pub json: bool,
}

/// Runs `seawall check`: prints one line a check. Success when none of them fails.
#[must_use]
pub fn run(args: &CheckArgs) -> ExitCode {
    let lines = judge(&Facts::gather(&args.interface));
    let mut stdout = io::stdout();
    let coloured = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = if args.json {
        let json = serde_json::to_string(&lines);
        json.expect("a list of strings is always JSON") + "\n"
    } else {
        render(&lines, coloured)
    };
    // A reader who has gone away does not change the verdict.
    let _ = stdout.write_all(text.as_bytes());
    if lines.iter().any(|line| line.verdict == Verdict::Fail) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// The lines as text for people, one line each.
#[must_use]
pub fn render(lines: &[Line], coloured: bool) -> String {
    let mut text = String::new();
    for line in lines {
        let style = match line.verdict {
            _ if !coloured => Style::new(),
            Verdict::Ok => AnsiColor::Green.on_default(),
            Verdict::Warn => AnsiColor::Yellow.on_default(),
            Verdict::Fail => AnsiColor::Red.on_default().bold(),
        };
        let (verdict, check, found) = (line.verdict.name(), line.check, &line.found);
        let infallible = "writing to a string does not fail";
        write!(text, "{style}{verdict:<4}{style:#}  {check:<12}  {found}").expect(infallible);
        if !line.change.is_empty() {
            write!(text, "; {}", line.change).expect(infallible);
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
