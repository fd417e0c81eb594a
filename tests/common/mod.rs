//! What the tests of the whole thing share: trials that say why they are skipped, waiting with a
//! deadline, and processes of ours that do not outlive their test.

#![expect(dead_code, reason = "each test needs a part of it")]

use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use seawall::control::namespace::Namespace;
use std::io::{self, Read};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longer than anything here takes, on a machine that has other things to do as well.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The program under test.
pub(crate) const SEAWALL: &str = env!("CARGO_BIN_EXE_seawall");

/// What a test may return: nothing, where it panics instead.
pub(crate) trait Outcome: 'static {
    fn outcome(self) -> Result<(), Failed>;
}

impl Outcome for () {
    fn outcome(self) -> Result<(), Failed> {
        Ok(())
    }
}

impl Outcome for Result<(), Failed> {
    fn outcome(self) -> Result<(), Failed> {
        self
    }
}

/// A sentence, what it needs ("root", or a tool), and its proof.
pub(crate) type Row<T = Result<(), Failed>> = (&'static str, &'static [&'static str], fn() -> T);

/// The commonest need.
pub(crate) const ROOT: &[&str] = &["root"];

/// Runs the rows one at a time, unless asked otherwise: they share the processors with the shards
/// that they start.
pub(crate) fn run<T: Outcome>(rows: &[Row<T>]) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(1);
    libtest_mimic::run(&arguments, trials(rows)).exit_code()
}

/// Runs the rows side by side: most of their time is waiting.
pub(crate) fn run_together<T: Outcome>(rows: &[Row<T>]) -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials(rows)).exit_code()
}

fn trials<T: Outcome>(rows: &[Row<T>]) -> Vec<Trial> {
    let trials = rows.iter().map(|(name, needs, test)| {
        let test = *test;
        let trial = Trial::test(*name, move || test().outcome());
        match needs.iter().find(|need| !has(need)) {
            None => trial,
            Some(need) => trial
                .with_ignored_flag(true)
                .with_kind(format!("skipped: needs {need}")),
        }
    });
    trials.collect()
}

fn has(need: &str) -> bool {
    if need == "root" {
        return nix::unistd::geteuid().is_root();
    }
    let mut version = Command::new(need);
    let version = version.arg("--version").stdout(Stdio::null());
    version.stderr(Stdio::null()).status().is_ok()
}

/// Asks again and again until there is an answer.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> Result<T, Failed> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            return Err(format!("after {DEADLINE:?} still not so: {what}").into());
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A process that is killed with its test.
pub(crate) struct Process {
    child: Child,
    stdout: Said,
    stderr: Said,
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    /// Starts it, in `namespace` if there is one.
    pub(crate) fn start(namespace: Option<&Namespace>, command: &mut Command) -> io::Result<Self> {
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match namespace {
            Some(namespace) => namespace.run(|| command.spawn())?,
            None => command.spawn()?,
        };
        Ok(Self {
            stdout: Said::by(child.stdout.take().expect("piped")),
            stderr: Said::by(child.stderr.take().expect("piped")),
            child,
        })
    }

    /// `seawall` with these arguments.
    pub(crate) fn seawall(namespace: Option<&Namespace>, arguments: &str) -> io::Result<Self> {
        let mut command = Command::new(SEAWALL);
        Self::start(namespace, command.args(arguments.split_whitespace()))
    }

    /// Waits until stderr has `text` in it.
    pub(crate) fn wait_for(&self, text: &str) -> Result<(), Failed> {
        let said = until(text, || {
            let said = self.stderr.so_far();
            said.contains(text).then_some(())
        });
        said.map_err(|_| format!("it never said {text:?}, but: {}", self.stderr.so_far()).into())
    }

    /// What it has said on stdout.
    pub(crate) fn stdout_so_far(&self) -> String {
        self.stdout.so_far()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) -> nix::Result<()> {
        kill(Pid::from_raw(self.id().cast_signed()), signal)
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Result<Finished, Failed> {
        let ended = until("the process ends", || self.child.try_wait().transpose());
        let ended = ended.map_err(|_| format!("it does not end: {}", self.stderr.so_far()))?;
        Ok(Finished {
            status: ended?,
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It fails when the process has ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What comes out of a pipe, read by a thread of its own so that the pipe never fills.
struct Said {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Said {
    fn by(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let into = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut octets = [0; 4096];
            while let Ok(n @ 1..) = pipe.read(&mut octets) {
                let piece = String::from_utf8_lossy(&octets[..n]);
                into.lock().expect("no reader panics").push_str(&piece);
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn so_far(&self) -> String {
        self.text.lock().expect("no reader panics").clone()
    }

    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no reader panics");
        }
        self.so_far()
    }
}
