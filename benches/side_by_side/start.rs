//! The servers, as processes in the server's namespace on the server's core.

use crate::Bench;
use anyhow::{Context, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use seawall::control::lab::SERVER_INTERFACE;
use seawall::control::worker;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);

/// A process that does not outlive its value.
pub(crate) struct Process(Child);

impl Process {
    fn start(bench: &Bench, command: &mut Command) -> std::io::Result<Self> {
        bench.lab.server().run(|| {
            // A child runs where the thread runs that starts it.
            worker::pin(bench.server_cpu)?;
            command.spawn().map(Self)
        })
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

/// nginx and the folder of its configuration.
pub(crate) struct Nginx {
    process: Option<Process>,
    folder: PathBuf,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.process = None;
        // What is left behind is a folder of two small files.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// nginx on the kernel's TCP, tuned for this: one worker, no log, no keep-alive. `None` when it is
/// not installed.
pub(crate) fn nginx(bench: &Bench, port: u16) -> anyhow::Result<Option<Nginx>> {
    let folder = std::env::temp_dir().join(format!("seawall-side-by-side-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut server = Nginx {
        process: None,
        folder,
    };
    let at = bench.at(port);
    let body = "x".repeat(100);
    let configuration = format!(
        "daemon off; worker_processes 1; pid pid; error_log stderr crit;
         events {{ worker_connections 4096; multi_accept on; }}
         http {{
             access_log off; keepalive_timeout 0; tcp_nodelay on; server_tokens off;
             server {{
                 listen {at} backlog=4096;
                 location /bytes/100 {{ default_type application/octet-stream; return 200 {body}; }}
             }}
         }}"
    );
    std::fs::write(server.folder.join("nginx.conf"), configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(&server.folder);
    command.args(["-c", "nginx.conf", "-e", "stderr"]);
    match Process::start(bench, &mut command) {
        Ok(process) => server.process = Some(process),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context("starting nginx"),
    }
    bench.as_client(|| until_it_answers(at))??;
    Ok(Some(server))
}

fn until_it_answers(at: SocketAddr) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect_timeout(&at, PATIENCE).is_err() {
        ensure!(Instant::now() < until, "nginx does not answer on {at}");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// `seawall serve`, with its defaults.
pub(crate) struct Seawall(Process);

impl Seawall {
    pub(crate) fn start(bench: &Bench, port: u16, service: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seawall"));
        command.args(["serve", "--json", "--interface", SERVER_INTERFACE]);
        command.args(["--listen", &format!("{}={service}", bench.at(port))]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::start(bench, &mut command).context("starting seawall")?;
        let stderr = process.0.stderr.take().context("its stderr is a pipe")?;
        let mut stderr = BufReader::new(stderr);
        let mut line = String::new();
        while !line.starts_with("serving") {
            line.clear();
            ensure!(stderr.read_line(&mut line)? > 0, "seawall did not start");
        }
        // The summary at the end is short: the pipe holds it until the process ends.
        process.0.stderr = Some(stderr.into_inner());
        Ok(Self(process))
    }

    /// Stops it; returns the JSON of its counters.
    pub(crate) fn stop(mut self) -> anyhow::Result<serde_json::Value> {
        self.0.terminate();
        let mut text = String::new();
        let mut stdout = self.0.0.stdout.take().context("its stdout is a pipe")?;
        stdout.read_to_string(&mut text)?;
        let last = text.lines().last().context("a summary")?;
        Ok(serde_json::from_str(last)?)
    }
}
