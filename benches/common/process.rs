//! Processes of a lab, each in a namespace and on a core.

use anyhow::{Context, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use seawall::control::lab::{Lab, SERVER_INTERFACE};
use seawall::control::namespace::Namespace;
use seawall::control::worker;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// A process that does not outlive its value.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it.
    pub(crate) fn start(
        namespace: &Namespace,
        cpu: usize,
        command: &mut Command,
    ) -> std::io::Result<Self> {
        namespace.run(|| {
            // A child runs where the thread runs that starts it.
            worker::pin(cpu)?;
            command.spawn().map(Self)
        })
    }

    /// What it wrote to stdout, which is a pipe, until it closed it.
    pub(crate) fn output(&mut self) -> anyhow::Result<String> {
        let mut text = String::new();
        let mut stdout = self.0.stdout.take().context("its stdout is a pipe")?;
        stdout.read_to_string(&mut text)?;
        Ok(text)
    }

    fn terminate(&mut self) {
        // It fails when the process has gone already.
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.terminate();
        let _ = self.0.wait();
    }
}

/// `seawall serve` in the server's namespace.
pub(crate) struct Serve(Process);

impl Serve {
    /// With its defaults but for these arguments; returns when it serves.
    pub(crate) fn start(lab: &Lab, cpu: usize, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
        command.args(["serve", "--json", "--interface", SERVER_INTERFACE]);
        command.args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = Process::start(lab.server(), cpu, &mut command);
        let mut process = process.context("starting seawall")?;
        let stderr = process.0.stderr.take().context("its stderr is a pipe")?;
        let mut stderr = BufReader::new(stderr);
        let (mut line, mut said) = (String::new(), String::new());
        while !line.starts_with("serving") {
            line.clear();
            ensure!(stderr.read_line(&mut line)? > 0, "it did not start: {said}");
            said += &line;
        }
        // The summary at the end is short: the pipe holds it until the process ends.
        process.0.stderr = Some(stderr.into_inner());
        Ok(Self(process))
    }

    /// Stops it; returns the JSON of its counters.
    pub(crate) fn stop(mut self) -> anyhow::Result<serde_json::Value> {
        self.0.terminate();
        let text = self.0.output()?;
        let last = text.lines().last().context("a summary")?;
        Ok(serde_json::from_str(last)?)
    }
}
