//! Socket calls on our stack for a tester outside: one line in, one line out, over `AF_XDP`.
//!
//! `sudo target/release/examples/agent --interface eth0 --address 192.0.2.1`, then the commands
//! that `--help` lists on its standard input.

mod lines;
mod session;

use anyhow::Context;
use clap::Parser;
use lines::Lines;
use seawall::cli::serve::parse_duration;
use seawall::control::host::{Host, HostConfig};
use seawall::nic::netlink::Mac;
use seawall::shard::ShardConfig;
use seawall::time::Duration;
use session::Session;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Socket calls on our TCP over `AF_XDP`, one text line in, one out.
///
/// All TCP to the address is taken from the kernel: ports that no socket holds answer as RFC 9293
/// §3.10.7.1 says. ARP, Neighbour Discovery and ping are answered too, unless the kernel holds the
/// address itself. It ends at the end of its input, or by SIGTERM or SIGINT, and resets what is
/// open.
#[derive(Debug, Parser)]
#[command(
    name = "agent",
    after_long_help = "\
Commands, one a line; each is answered by `ok`, `ok RESULT` or `err TEXT`, where TEXT is the name
of an errno or says what is wrong with the line. ID and NEWID are any words.

  socket ID                a socket
  bind ID ADDR PORT        port 0 is drawn
  listen ID BACKLOG
  accept ID NEWID          waits for a second at most, then `err EAGAIN`
  connect ID ADDR PORT     begins it and does not wait; `state` tells how it goes
  write ID N               N octets of `x`; `ok COUNT` when there was room for fewer
  read ID N                `ok COUNT` of N octets at most, `ok 0` at the end, or `err EAGAIN`
  shutdown ID HOW          SHUT_RD, SHUT_WR or SHUT_RDWR
  close ID                 `state` still answers for it
  state ID                 as `ok TIME-WAIT`
  reset                    aborts and forgets everything, TIME-WAIT too

Example:
  printf 'socket a\\nbind a 192.0.2.1 80\\nlisten a 8\\naccept a b\\nstate b\\n' |
    sudo agent --interface eth0 --address 192.0.2.1"
)]
struct Args {
    /// The interface.
    #[arg(long, value_name = "IF")]
    interface: String,
    /// Our address on it.
    #[arg(long, value_name = "A")]
    address: IpAddr,
    /// The Ethernet address that connections which we begin go to; by default the kernel's routes
    /// and neighbours say. What we answer goes back where it came from.
    #[arg(long, value_name = "M", value_parser = parse_mac)]
    mac: Option<Mac>,
    /// The largest window that we offer, in octets.
    #[arg(long, value_name = "OCTETS", default_value_t = ShardConfig::default().tcp.receive_buffer,
          value_parser = clap::value_parser!(u32).range(1..=16 << 20))]
    window: u32,
    /// Neither offer nor accept timestamps.
    #[arg(long)]
    no_timestamps: bool,
    /// Neither offer nor accept window scaling.
    #[arg(long)]
    no_window_scale: bool,
    /// Do not say SACK-permitted.
    #[arg(long)]
    no_sack: bool,
    /// How long TIME-WAIT lasts: 2 MSL.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    time_wait: Duration,
}

impl Args {
    fn host(&self) -> HostConfig {
        let mut config = HostConfig::new(&self.interface, self.address.into());
        let tcp = &mut config.shard.tcp;
        tcp.receive_buffer = self.window;
        tcp.timestamps = !self.no_timestamps;
        tcp.window_scale = !self.no_window_scale;
        tcp.sack = !self.no_sack;
        tcp.time_wait = self.time_wait;
        config
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("catching signals")?;
    }
    let host = Host::open(&args.host())?;
    // Whoever names the interface's own address says nothing new.
    let own = host.device().mac();
    let mut session = Session::new(host, args.mac.filter(|mac| *mac != own));
    let (stdin, mut stdout) = (io::stdin(), io::stdout());
    let mut lines = Lines::new(stdin.as_fd());
    // Relaxed: the flag says only itself.
    while !stop.load(Ordering::Relaxed) {
        session.breathe();
        let Some(line) = lines.next() else {
            if lines.is_over() {
                break;
            }
            session.wait(Some(stdin.as_fd()));
            lines.fill()?;
            continue;
        };
        let answer = match session.answer(&line, &stop) {
            Ok(result) if result.is_empty() => "ok".into(),
            Ok(result) => format!("ok {result}"),
            Err(text) => format!("err {text}"),
        };
        writeln!(stdout, "{answer}")?;
        stdout.flush()?;
    }
    session.end();
    Ok(())
}

fn parse_mac(text: &str) -> Result<Mac, String> {
    const WANT: &str = "want six octets, as in 02:00:00:00:00:01";
    let octets: Result<Vec<u8>, _> = text
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16))
        .collect();
    let octets: Result<[u8; 6], _> = octets.map_err(|_| WANT)?.try_into();
    Ok(Mac(octets.map_err(|_| WANT)?))
}
