//! What all subcommands share: stopping on a signal, and one line that is rewritten in place.

use core::sync::atomic::AtomicBool;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

/// A flag that SIGINT and SIGTERM set.
pub(crate) fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// One JSON object on stdout, in one line. Whoever reads it may hang up.
pub(crate) fn print_json(value: &impl Serialize) -> io::Result<()> {
    let line = serde_json::to_string(value)?;
    writeln!(io::stdout(), "{line}")
}

/// One line on stderr, rewritten each time; nothing where stderr is no terminal.
#[derive(Debug)]
pub(crate) struct LiveLine {
    terminal: bool,
    shown: bool,
}

impl LiveLine {
    /// Nothing shown yet.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            shown: false,
        }
    }

    /// Shows `line` in place of the one before.
    pub(crate) fn show(&mut self, line: &str) {
        if self.terminal {
            // A terminal that has gone away is no reason to stop serving.
            let _ = write!(io::stderr(), "\r\x1b[2K{line}");
            self.shown = true;
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if core::mem::take(&mut self.shown) {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}

impl Default for LiveLine {
    fn default() -> Self {
        Self::new()
    }
}
