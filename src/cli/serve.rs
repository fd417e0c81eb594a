//! `seawall serve`: our own endpoint on an interface.

use super::admin::AdminAt;
use super::block_list;
use super::summary::{Summary, json_queues, json_tables};
use super::switch_log::SwitchLog;
use super::terminal::{LiveLine, stop_flag};
use crate::control::admin::Admin;
use crate::control::server::{
    ChecksumRule, CookiePath, CookiePathConfig, Server, ServerConfig, Totals,
};
use crate::control::worker::Idle;
use crate::nic::af_xdp::{BLOCKED_MAX, CopyMode, XdpMode};
use crate::service::{NAMES, by_name};
use crate::shard::{Budgets, Counters, Limits, SynCookies};
use crate::tcp::State;
use crate::time::Duration;
use crate::wire::Endpoint;
use core::net::SocketAddr;
use core::str::FromStr;
use core::sync::atomic::Ordering;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `seawall serve`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Services:
  echo     returns what it receives (RFC 862)
  discard  throws away what it receives (RFC 863)
  daytime  sends the date and time, then closes (RFC 867)
  chargen  sends characters until the peer closes (RFC 864)
  http     HTTP/1.1: `/` is a page, `/bytes/N` is N octets

Examples:
  seawall serve --interface eth0 --listen 192.0.2.1:80=http
  seawall serve --interface eth0 --listen 192.0.2.1:7=echo --listen '[2001:db8::1]:7=echo'
  seawall serve --interface eth0 --listen 192.0.2.1:80=http --queues 4 --shards 2 --cpus 2,3
  seawall serve --interface eth0 --listen 192.0.2.1:80=http --capture trace.pcap --json

An address that the kernel holds stays the kernel's: it answers ARP, ND and ping for it, and serves
every port that is not listed. One that it does not hold, in a network of the interface, is ours
alone while we run, if no other host answers for it: we answer ARP, ND and ping, and refuse every
port that is not listed. SIGINT or SIGTERM detaches and prints a summary.

Exit status: 0 after a signal, 1 when the machine refuses something, 2 for wrong arguments.")]
pub struct ServeArgs {
    /// Interface to serve on; repeat it for several
    #[arg(long, short, value_name = "IF", required = true)]
    pub interface: Vec<String>,

    /// What to serve, as ADDR:PORT=SERVICE; repeat it for several
    #[arg(long, short, value_name = "ADDR:PORT=SERVICE", required = true)]
    pub listen: Vec<Listen>,

    /// Receive queues of each interface to use: `all`, or the first N
    #[arg(long, value_name = "all|N", default_value = "all")]
    pub queues: Queues,

    /// Worker threads, each with its share of the queues [default: one a queue, at most one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub shards: Option<u16>,

    /// Where the XDP program runs: in the driver, or before the kernel's stack
    #[arg(long, value_enum, default_value_t)]
    pub xdp_mode: XdpMode,

    /// Copy frames between driver and us; `off` insists on zero copy
    #[arg(long, value_enum, default_value_t)]
    pub copy: CopyMode,

    /// Accept checksums of the pseudo-header alone: `auto` on veth, where frames have no more
    #[arg(long, value_enum, default_value_t)]
    pub checksum: ChecksumRule,

    /// How long TIME-WAIT is held (2 MSL), as 60s, 500ms or 2m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub time_wait: Duration,

    /// CPUs of the shards, as 1,2 [default: the last ones]
    #[arg(long, value_name = "CPU,...", value_delimiter = ',')]
    pub cpus: Vec<usize>,

    /// What a shard does when nothing arrives
    #[arg(long, value_enum, default_value_t)]
    pub idle: Idle,

    /// Connections that each shard can hold, those in TIME-WAIT left out
    #[arg(long, value_name = "N", default_value_t = 262_144,
          value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub connections: u32,

    /// Answer SYNs by cookies: `auto` above --half-open handshakes at once
    #[arg(long, value_enum, default_value_t)]
    pub syn_cookies: SynCookies,

    /// Handshakes at once, a shard, above which SYNs are answered by cookies, or refused
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    pub half_open: u32,

    /// Who answers a flood, and who is not served
    #[command(flatten)]
    pub flood: FloodArgs,

    /// Limits that hold under any load
    #[command(flatten)]
    pub limits: LimitArgs,

    /// Record every frame to this file; shards behind the first add their number to its name
    #[arg(long, value_name = "FILE.pcap")]
    pub capture: Option<PathBuf>,

    /// Socket at which `seawall list` and `stats` ask: a path, `auto` for one of its own in
    /// /run/seawall, or `none`
    #[arg(long, value_name = "PATH", default_value = "auto")]
    pub admin: AdminAt,

    /// Print one JSON object of final counters to stdout on exit
    #[arg(long)]
    pub json: bool,
}

/// What is done before a shard sees a segment.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Floods")]
pub struct FloodArgs {
    /// Who answers a flood of SYNs: the XDP program in the driver, the shards, or as their rate is
    #[arg(long, value_enum, default_value_t)]
    pub cookie_path: CookiePath,

    /// SYNs a second, of one interface, above which `--cookie-path auto` answers in the driver
    #[arg(long, value_name = "PER_S", default_value_t = CookiePathConfig::default().rate,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub cookie_path_rate: u32,

    /// SYNs a second that an IPv4 address or an IPv6 /64 may send; 0 is no limit
    #[arg(long, value_name = "PER_S", default_value_t = 0)]
    pub source_rate: u32,

    /// Networks that are not served: one ADDR/BITS a line, comments behind `#`
    #[arg(long, value_name = "FILE")]
    pub block_list: Option<PathBuf>,
}

impl FloodArgs {
    fn config(&self) -> Result<CookiePathConfig, block_list::Error> {
        let list = self.block_list.as_ref();
        let blocked = list.map(|path| block_list::read(path, BLOCKED_MAX as usize));
        Ok(CookiePathConfig {
            path: self.cookie_path,
            rate: self.cookie_path_rate,
            source_rate: self.source_rate,
            blocked: blocked.transpose()?.unwrap_or_default(),
        })
    }
}

/// Limits that hold under any load, for each shard.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Limits of each shard (0 is no limit)")]
pub struct LimitArgs {
    /// Connections of one listener
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_per_listener: u32,

    /// Connections of one IPv4 address or IPv6 /64
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_per_source: u32,

    /// Connections in TIME-WAIT: above, the oldest ends before its time; 0 is twice --connections
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_time_wait: u32,

    /// Cookie SYN-ACKs a second; in XDP, of each CPU that receives
    #[arg(long, value_name = "PER_S", default_value_t = Budgets::default().syn_ack)]
    pub syn_ack_budget: u32,

    /// Resets a second for segments of no connection
    #[arg(long, value_name = "PER_S", default_value_t = Budgets::default().reset)]
    pub rst_budget: u32,

    /// Challenge ACKs a second, beside each connection's own two
    #[arg(long, value_name = "PER_S", default_value_t = Budgets::default().challenge)]
    pub challenge_budget: u32,

    /// Answers a second to ARP and ND for addresses that are ours alone, and as many to pings
    #[arg(long, value_name = "PER_S", default_value_t = Budgets::default().neighbour)]
    pub neighbour_budget: u32,
}

/// An endpoint and its service: `192.0.2.1:80=http`, `[2001:db8::1]:80=http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    endpoint: Endpoint,
    service: String,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (at, service) = text
            .rsplit_once('=')
            .ok_or("want ADDR:PORT=SERVICE, as in 192.0.2.1:80=http")?;
        let endpoint: SocketAddr = at
            .parse()
            .map_err(|_| format!("`{at}` is no ADDR:PORT; an IPv6 address stands in brackets"))?;
        if endpoint.port() == 0 {
            return Err("port 0 cannot be listened on".into());
        }
        if by_name(service).is_none() {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            return Err(format!("no service `{service}`; there are {names}"));
        }
        Ok(Self {
            endpoint: endpoint.into(),
            service: service.into(),
        })
    }
}

/// `all`, or how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues(Option<u32>);

impl FromStr for Queues {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "all" => Ok(Self(None)),
            Ok(n) if n > 0 => Ok(Self(Some(n))),
            _ => Err("want `all` or a number from 1".into()),
        }
    }
}

/// `60s`, `500ms`, `2m`; a day at most.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const WANT: &str = "want a number and a unit, as in 60s, 500ms or 2m";
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_| WANT)?;
    let duration = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err(WANT.into()),
    };
    if duration > Duration::from_hours(24) {
        return Err("more than a day".into());
    }
    Ok(duration)
}

/// How soon a signal is noticed.
const TICK: Duration = Duration::from_millis(50);

/// Ticks between two lines of live statistics.
const TICKS_A_LINE: u32 = 20;

/// Runs `seawall serve` until a signal comes.
pub fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let stop = stop_flag()?;
    let (socket, warning) = args.admin.claim(&args.interface[0])?;
    let server = Server::start(config(args)?)?;
    announce(args, &server);
    if let Some(warning) = warning {
        eprintln!("warning: {warning}");
    }
    // Until it is dropped; `list` and `stats` have to do with a server that runs.
    let admin = match socket {
        Some(socket) => Some(Admin::start(socket, server.view())?),
        None => None,
    };
    let (queues, tables) = (json_queues(&server), json_tables(&server));
    let mut live = LiveLine::new();
    let mut before = server.counters();
    let mut ticks = 0_u32;
    let mut switches = SwitchLog::default();
    // Relaxed: the flag says only itself.
    while !stop.load(Ordering::Relaxed) && server.dead_shard().is_none() {
        std::thread::sleep(TICK);
        ticks += 1;
        if ticks.is_multiple_of(TICKS_A_LINE) {
            let now = server.counters();
            live.show(&live_line(&before, &now));
            switches.look(&now, &mut live);
            switches.look_at_xdp(&server.xdp_counts(), &mut live);
            before = now;
        }
    }
    live.clear();
    drop(admin);
    let totals = server.stop()?;
    print_summary(&totals);
    if args.json {
        println!(
            "{}",
            serde_json::to_string(&Summary::new(&totals, queues, tables))?
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn config(args: &ServeArgs) -> Result<ServerConfig, block_list::Error> {
    let mut config = ServerConfig::new("");
    config.interfaces.clone_from(&args.interface);
    config.queues = args.queues.0;
    config.shards = args.shards.map(usize::from);
    config.xdp_mode = args.xdp_mode;
    config.copy = args.copy;
    config.checksum = args.checksum;
    config.cpus.clone_from(&args.cpus);
    config.idle = args.idle;
    config.capture.clone_from(&args.capture);
    config.cookie_path = args.flood.config()?;
    config.shard.connections = args.connections as usize;
    config.shard.tcp.time_wait = args.time_wait;
    config.shard.syn_cookies = args.syn_cookies;
    config.shard.limits = Limits {
        half_open: args.half_open.into(),
        per_listener: args.limits.max_per_listener,
        per_source: args.limits.max_per_source,
        time_wait: args.limits.max_time_wait as usize,
    };
    config.shard.budgets = Budgets {
        syn_ack: args.limits.syn_ack_budget,
        reset: args.limits.rst_budget,
        challenge: args.limits.challenge_budget,
        neighbour: args.limits.neighbour_budget,
    };
    for listen in &args.listen {
        let name = listen.service.clone();
        config = config.listen(listen.endpoint, move || {
            by_name(&name).expect("the name was checked when it was parsed")
        });
    }
    Ok(config)
}

// What was got, queue by queue.
fn announce(args: &ServeArgs, server: &Server) {
    for queue in server.queues() {
        let (report, rings) = (&queue.report, &queue.report.rings);
        let xdp = if queue.native { "native" } else { "generic" };
        let copy = if report.zero_copy {
            "zero copy"
        } else {
            "copy"
        };
        let checksums = if queue.trusts_partial {
            "partial checksums trusted"
        } else {
            "checksums verified"
        };
        eprintln!(
            "{} queue {}: XDP {xdp}, {copy}, rings rx {} SYN {} tx {} fill {} completion {}, {checksums}, \
             shard {} on CPU {}",
            report.queue.interface,
            report.queue.queue,
            rings.receive,
            rings.syns,
            rings.transmit,
            rings.fill,
            rings.completion,
            queue.shard,
            queue.cpu,
        );
    }
    match server.tables() {
        Ok(tables) => eprintln!("{tables}"),
        Err(error) => eprintln!("tables: whether they lie in huge pages cannot be seen: {error}"),
    }
    for warning in server.warnings() {
        eprintln!("warning: {warning}");
    }
    for address in server.addresses_alone() {
        eprintln!("{address} is ours alone: ARP, ND and ping are answered here");
    }
    for listen in &args.listen {
        eprintln!("serving {} on {}", listen.service, listen.endpoint);
    }
}

fn live_line(before: &Counters, now: &Counters) -> String {
    let per_s = |f: fn(&Counters) -> u64| f(now).saturating_sub(f(before));
    format!(
        "{} conn/s  {} live  {} TIME-WAIT  {} in/s  {} out/s  {} dropped/s",
        per_s(|c| c.connections.accepted),
        now.connections.live(),
        now.states[State::TimeWait as usize],
        per_s(|c| c.segments_in),
        per_s(|c| c.segments_out),
        per_s(|c| c.drops.total()),
    )
}

fn print_summary(totals: &Totals) {
    let c = &totals.counters;
    eprintln!(
        "accepted {}, released {}, reset {}, timed out {}, live {}",
        c.connections.accepted,
        c.connections.released,
        c.connections.reset,
        c.connections.timed_out,
        c.connections.live(),
    );
    let k = &c.cookies;
    if k.sent > 0 {
        eprintln!(
            "cookies sent {}, accepted {}, rejected {}; switched on {} times, off {}",
            k.sent, k.accepted, k.rejected, k.switched_on, k.switched_off,
        );
    }
    let xdp = &totals.xdp;
    if xdp.switched_on > 0 {
        eprintln!(
            "cookies sent by XDP {}, of {} SYNs; switched on {} times, off {}",
            xdp.answers(),
            xdp.syns,
            xdp.switched_on,
            xdp.switched_off,
        );
    }
    if c.neighbour_replies + c.echo_replies > 0 {
        eprintln!(
            "ARP and ND answered {}, pings {}",
            c.neighbour_replies, c.echo_replies,
        );
    }
    eprintln!(
        "segments in {}, out {} ({} again)",
        c.segments_in, c.segments_out, c.segments_again,
    );
    for (verdict, count) in totals.xdp.verdicts.iter().filter(|(_, count)| *count > 0) {
        eprintln!("XDP {}: {count}", verdict.name());
    }
    for (reason, count) in c.drops.nonzero() {
        eprintln!("dropped {}: {count} ({})", reason.name(), reason.help());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_an_endpoint_and_a_service() {
        for (text, at) in [
            ("192.0.2.1:80=http", "192.0.2.1:80"),
            ("[2001:db8::1]:7=echo", "[2001:db8::1]:7"),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(listen.endpoint.to_string(), at);
        }
        for (text, complaint) in [
            ("192.0.2.1:80", "want ADDR:PORT=SERVICE"),
            ("192.0.2.1=http", "is no ADDR:PORT"),
            ("2001:db8::1:7=echo", "in brackets"),
            ("192.0.2.1:0=http", "port 0"),
            ("192.0.2.1:80=gopher", "no service `gopher`"),
        ] {
            let error = text.parse::<Listen>().unwrap_err();
            assert!(error.contains(complaint), "{text}: {error}");
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("60s"), Ok(Duration::from_mins(1)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_mins(2)));
        for bad in ["", "60", "s", "-1s", "1.5s", "48000m"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
