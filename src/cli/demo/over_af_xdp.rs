//! The demo over real rings: a lab of two namespaces, the kernel's TCP as the client.

use super::ladder::{Event, Watch, draw};
use super::report::{Run, histogram};
use super::{Stage, TIME_WAIT, crowd_heading, ladder_heading};
use crate::cli::summary::drops_by_name;
use crate::control::lab::{Lab, LabConfig, SERVER_INTERFACE};
use crate::control::server::{Server, ServerConfig};
use crate::control::worker;
use crate::service::by_name;
use crate::time::Duration;
use crate::wire::Endpoint;
use anyhow::{Context, ensure};
use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use hdrhistogram::Histogram;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Instant;

/// Kernel clients at once. More only queue up for the same core.
const CLIENTS: usize = 16;

/// A client that gets no answer for so long has failed.
const PATIENCE: Duration = Duration::from_secs(10);

const DAYTIME: u16 = 13;
const HTTP: u16 = 80;

const REQUEST: &[u8] = b"GET /bytes/100 HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n";
const BODY_BYTES: usize = 100;

pub(super) fn run(stage: &Stage<'_>, out: &mut dyn Write) -> anyhow::Result<Run> {
    let lab = Lab::new(&LabConfig::default()).context("building the lab")?;
    let address = lab.server_addresses().next().context("a server address")?;
    one(&lab, SocketAddr::new(address, DAYTIME), out)?;
    crowd(&lab, SocketAddr::new(address, HTTP), stage, out)
}

fn config(at: SocketAddr, service: &'static str) -> ServerConfig {
    let mut config = ServerConfig::new(SERVER_INTERFACE).listen(Endpoint::from(at), move || {
        by_name(service).expect("the demo's services exist")
    });
    config.shard.tcp.time_wait = TIME_WAIT;
    config
}

// One connection, drawn.
fn one(lab: &Lab, at: SocketAddr, out: &mut dyn Write) -> anyhow::Result<()> {
    ladder_heading(out)?;
    let (sender, events) = mpsc::channel();
    let mut config = config(at, "daytime");
    config.tap = Some(Box::new(move || Box::new(Watch(sender.clone()))));
    let server = lab.server().run(|| Server::start(config))?;
    let spoken = lab.client().run(|| -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    });
    let spoken = spoken.context("the kernel's client talking to us")?;
    ensure!(!spoken.is_empty(), "daytime said nothing");
    let (mut seen, mut closed_at) = (Vec::new(), None);
    while closed_at.is_none() {
        match events.recv_timeout(PATIENCE) {
            Ok(Event::Segment(segment)) => seen.push(segment),
            Ok(Event::Closed(at)) => closed_at = Some(at),
            Err(_) => break,
        }
    }
    server.stop()?;
    write!(out, "{}", draw(&seen, "kernel", closed_at, TIME_WAIT))?;
    writeln!(out, "  It said: {}\n", spoken.trim_end())?;
    Ok(())
}

// What the client threads share.
struct Crowd {
    at: SocketAddr,
    until: Instant,
    over: AtomicBool,
    released: AtomicU64,
}

#[derive(Default)]
struct Tally {
    opened: u64,
    released: u64,
    failed: u64,
    lives: Vec<(Duration, Duration)>,
    first_error: Option<io::Error>,
}

// Many clients at once.
fn crowd(lab: &Lab, at: SocketAddr, stage: &Stage<'_>, out: &mut dyn Write) -> anyhow::Result<Run> {
    crowd_heading(out, stage.seconds)?;
    let server = lab.server().run(|| Server::start(config(at, "http")))?;
    let busy: Vec<usize> = server.queues().iter().map(|queue| queue.cpu).collect();
    let cpus = worker::allowed_cpus()?;
    let cpu = cpus.iter().find(|cpu| !busy.contains(cpu)).copied();
    let began = Instant::now();
    let crowd = Crowd {
        at,
        until: began + Duration::from_secs(stage.seconds.into()),
        over: AtomicBool::new(false),
        released: AtomicU64::new(0),
    };
    let tallies = lab.client().run(|| {
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    scope.spawn(|| {
                        // Beside the shard where there is a second core; a client that cannot be
                        // bound is only slower.
                        let _ = cpu.map(worker::pin);
                        client(&crowd)
                    })
                })
                .collect();
            let bar = stage.bar();
            while Instant::now() < crowd.until && !stage.is_stopped() {
                std::thread::sleep(Duration::from_millis(100));
                bar.set_position(began.elapsed().as_millis() as u64);
                // Relaxed: a number for people.
                let released = crowd.released.load(Ordering::Relaxed);
                bar.set_message(format!("{released} connections"));
            }
            crowd.over.store(true, Ordering::Relaxed);
            bar.finish_and_clear();
            let joined = clients.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined
                .map(|tally| tally.expect("a client thread has no way to panic"))
                .collect::<Vec<Tally>>()
        })
    });
    let seconds = began.elapsed().as_secs_f64();
    drain(&server);
    let totals = server.stop()?;
    let mut run = Run {
        port: "af_xdp",
        opened: 0,
        released: 0,
        failed: 0,
        seconds,
        handshake: histogram(),
        life: histogram(),
        drops: drops_by_name(&totals),
        counters: totals.counters,
    };
    for tally in tallies {
        run.opened += tally.opened;
        run.released += tally.released;
        run.failed += tally.failed;
        if let Some(error) = tally.first_error {
            writeln!(out, "a client failed: {error}")?;
        }
        for (handshake, life) in tally.lives {
            record(&mut run.handshake, handshake);
            record(&mut run.life, life);
        }
    }
    Ok(run)
}

fn record(histogram: &mut Histogram<u64>, duration: Duration) {
    histogram.saturating_record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
}

// The last clients' connections end a moment after the clients.
fn drain(server: &Server) {
    let patience = Instant::now() + PATIENCE;
    while server.counters().connections.live() > 0 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn client(crowd: &Crowd) -> Tally {
    let mut tally = Tally::default();
    while !crowd.over.load(Ordering::Relaxed) && Instant::now() < crowd.until {
        match visit(crowd.at, &mut tally) {
            Ok(()) => {
                tally.released += 1;
                crowd.released.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                tally.failed += 1;
                tally.first_error.get_or_insert(error);
            }
        }
    }
    tally
}

// Connect, ask, read to the end, close.
fn visit(at: SocketAddr, tally: &mut Tally) -> io::Result<()> {
    let began = Instant::now();
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    let handshake = began.elapsed();
    tally.opened += 1;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST)?;
    let mut answer = Vec::with_capacity(512);
    stream.read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let body = head.map_or(0, |head| answer.len() - head - 4);
    if !answer.starts_with(b"HTTP/1.1 200") || body != BODY_BYTES {
        return Err(io::Error::other("the answer is not what was asked for"));
    }
    drop(stream);
    tally.lives.push((handshake, began.elapsed()));
    Ok(())
}
