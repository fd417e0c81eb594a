//! nginx, as a process in the server's namespace on the server's core.

use crate::Bench;
use crate::process::Process;
use anyhow::{Context, ensure};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(5);

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
    match Process::start(bench.lab.server(), bench.server_cpu, &mut command) {
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
