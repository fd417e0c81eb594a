//! Side by side on one veth pair, in network namespaces of its own: `benches/side-by-side`.
//!
//! One core (the first that this process may use) is the client's and does all of the kernel's
//! work for frames on their way to the server; the other (the last) is the server's, and does all
//! of it for frames on their way back. Runs alternate, and a figure is the median of its runs.
//!
//! **Connections a second**: the kernel's TCP as the client (`visit`), 32 connections at once, each
//! opened, used for one request, read to the end and closed. The server is nginx on the kernel's
//! TCP, one worker, or `seawall serve http`; both answer a body of 100 octets and close first.
//!
//! **Bulk**: frames of 1514 octets a second into the server.
//!
//! - *raw*: a source that sends prepared frames from an `AF_XDP` socket as fast as its core allows
//!   (`source`), into a plain `AF_XDP` socket that gives each frame back unseen (`sink`): the most
//!   that this veth carries from such a source.
//! - *window*: the same source, now a TCP sender of 8 connections that obeys the windows that
//!   `seawall serve discard` offers. Its share of *raw* is what the server makes of its rings.
//! - *kernel*: the kernel's TCP sends over one connection into `seawall serve discard`. It hands up
//!   to 64 kB to the veth in one call, so it can be a faster source than *raw*; there is no share
//!   to be taken of it, since receive and drop never acknowledges. It is there for scale.
//!
//! A frame counts when the server has received it; one that was sent again counts once.

#[path = "../common/process.rs"]
mod process;
mod sink;
mod source;
mod start;
mod visit;

use anyhow::Context;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use nix::unistd::geteuid;
use process::Serve;
use seawall::control::lab::{Lab, LabConfig};
use seawall::control::worker;
use source::Sent;
use start::nginx;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const NGINX: u16 = 8080;
const HTTP: u16 = 80;
const DISCARD: u16 = 9;

/// What all measurements share.
struct Bench {
    lab: Lab,
    address: IpAddr,
    client_cpu: usize,
    server_cpu: usize,
    runs: usize,
    each: Duration,
}

fn main() -> anyhow::Result<()> {
    // As a smoke run (`cargo bench -- --test`) it only has to get through.
    let smoke = std::env::args().any(|argument| argument == "--test");
    let cpus = worker::allowed_cpus()?;
    let (client_cpu, server_cpu) = match cpus[..] {
        _ if !geteuid().is_root() => return skip("needs root, for network namespaces and XDP"),
        [first, .., last] => (first, last),
        _ => return skip("needs two processors"),
    };
    let config = LabConfig {
        neighbours: true,
        ..LabConfig::default()
    };
    let lab = Lab::new(&config)?;
    let address = lab.server_addresses().next().context("a server address")?;
    let bench = Bench {
        lab,
        address,
        client_cpu,
        server_cpu,
        runs: if smoke { 1 } else { 3 },
        each: Duration::from_millis(if smoke { 200 } else { 2000 }),
    };
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["", "median", "runs"]);
    bench.connections(&mut table)?;
    bench.bulk(&mut table)?;
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is what main returns, so that every way out looks the same"
)]
fn skip(why: &str) -> anyhow::Result<()> {
    println!("side_by_side: skipped: {why}");
    Ok(())
}

impl Bench {
    fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }

    fn serve(&self, port: u16, service: &str) -> anyhow::Result<Serve> {
        let listen = format!("{}={service}", self.at(port));
        Serve::start(&self.lab, self.server_cpu, &["--listen", &listen])
    }

    // Runs `body` in the client's namespace, on the client's core.
    fn as_client<T: Send>(&self, body: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
        self.lab.client().run(|| {
            worker::pin(self.client_cpu)?;
            Ok(body())
        })
    }

    fn connections(&self, table: &mut Table) -> anyhow::Result<()> {
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..self.runs {
            if let Some(server) = nginx(self, NGINX)? {
                theirs.push(self.visit(NGINX)?);
                drop(server);
            }
            let server = self.serve(HTTP, "http")?;
            ours.push(self.visit(HTTP)?);
            let counted = server.stop()?;
            progress(&format!("seawall: {counted}"));
        }
        let what = "connections a second:";
        if theirs.is_empty() {
            table.add_row([format!("{what} nginx"), "not installed".into()]);
        } else {
            row(table, &format!("{what} nginx"), &theirs);
        }
        row(table, &format!("{what} seawall serve http"), &ours);
        if !theirs.is_empty() {
            let ratio = median(&ours) / median(&theirs);
            table.add_row(["  seawall / nginx".into(), format!("{ratio:.2}")]);
        }
        Ok(())
    }

    // Connections a second that the kernel's client gets through.
    fn visit(&self, port: u16) -> anyhow::Result<f64> {
        let began = Instant::now();
        let visits = self.as_client(|| visit::run(self.at(port), self.each))??;
        anyhow::ensure!(visits.failed == 0, "{} visits failed", visits.failed);
        Ok(rate(visits.succeeded, began.elapsed()))
    }

    fn bulk(&self, table: &mut Table) -> anyhow::Result<()> {
        let (mut raw, mut window, mut kernel) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.runs {
            raw.push(self.raw()?);
            window.push(self.discard(|| source::with_windows(self))?);
            kernel.push(self.discard(|| kernel_sends(self.at(DISCARD), self.each))?);
        }
        row(table, "frames a second: raw source, receive and drop", &raw);
        let what = "frames a second: window source, seawall serve discard";
        row(table, what, &window);
        let share = median(&window) / median(&raw) * 100.0;
        table.add_row(["  share".into(), format!("{share:.0} %")]);
        let what = "frames a second: kernel's TCP, seawall serve discard";
        row(table, what, &kernel);
        Ok(())
    }

    fn raw(&self) -> anyhow::Result<f64> {
        let sink = sink::Sink::start(self, DISCARD)?;
        let sent = self.as_client(|| source::as_fast_as_it_goes(self))??;
        let received = sink.received();
        progress(&format!("raw: {} sent, {received} received", sent.frames));
        sink.stop()?;
        Ok(rate(received, sent.took))
    }

    // Frames a second that reach the server while `source` runs.
    fn discard(&self, source: impl FnOnce() -> anyhow::Result<Sent> + Send) -> anyhow::Result<f64> {
        let server = self.serve(DISCARD, "discard")?;
        let sent = self.as_client(source)??;
        let counted = server.stop()?;
        progress(&format!("discard: {} sent, {counted}", sent.frames));
        let segments = counted["segments"]["in"].as_u64();
        let segments = segments.context("`segments.in` of the summary")?;
        // What was sent again after a stall counts once.
        let again = counted["drops"]["duplicate"].as_u64().unwrap_or(0);
        Ok(rate(segments - again, sent.took))
    }
}

/// The kernel's TCP: one connection, as much as it takes. Its frames are not seen here: they are
/// estimated by the 1448 octets that each holds.
fn kernel_sends(at: SocketAddr, each: Duration) -> anyhow::Result<Sent> {
    let mut stream = TcpStream::connect(at)?;
    let began = Instant::now();
    let text = vec![b'x'; 256 * 1024];
    let mut octets = 0;
    while began.elapsed() < each {
        octets += stream.write(&text)? as u64;
    }
    Ok(Sent {
        frames: octets / 1448,
        took: began.elapsed(),
    })
}

// On stderr, so that stdout holds the table alone.
fn progress(line: &str) {
    eprintln!("{line}");
}

fn rate(count: u64, took: Duration) -> f64 {
    // A few seconds' worth of frames fits 32 bits.
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

fn median(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn row(table: &mut Table, what: &str, rates: &[f64]) {
    let runs: Vec<String> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
    let median = format!("{:.0}", median(rates));
    table.add_row([what.to_owned(), median, runs.join(" ")]);
}
