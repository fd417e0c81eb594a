//! A server over `AF_XDP`: resolves interfaces and queues, attaches the XDP program, opens the
//! ports, starts one pinned thread a shard; and takes it all down again.

use super::clock::Clock;
use super::published::Published;
use super::worker::{self, Idle};
use crate::limits::FRAME_BYTES;
use crate::nic::af_xdp::{
    self, AfXdp, CopyMode, PortConfig, Program, QueueReport, QueueSpec, Verdicts, XdpMode,
};
use crate::nic::device::Device;
use crate::nic::netlink;
use crate::nic::pcap::Recorder;
use crate::nic::{Port, PortCounters};
use crate::service::Service;
use crate::shard::{Counters, Secrets, Shard, ShardConfig, Tap};
use crate::wire::{Address, Checksum, Endpoint};
use core::net::IpAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Makes the service of one listener, once for each shard.
pub type ServiceFactory = Box<dyn Fn() -> Box<dyn Service> + Send>;

/// Makes what watches the segments of a shard.
pub type TapFactory = Box<dyn Fn() -> Box<dyn Tap> + Send>;

/// What the checksum of an arriving segment may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ChecksumRule {
    /// Verify; on veth accept a sum of the pseudo-header alone as well, since frames from the
    /// other end's kernel have no more.
    #[default]
    Auto,
    /// Verify on every interface.
    Verify,
    /// Accept a sum of the pseudo-header alone on every interface.
    TrustPartial,
}

/// What to serve, and with what.
pub struct ServerConfig {
    /// Interfaces, by name.
    pub interfaces: Vec<String>,
    /// Use the first so many queues of each interface; all when `None`.
    pub queues: Option<u32>,
    /// Number of shards; a shard a queue, at most one a core, when `None`.
    pub shards: Option<usize>,
    /// Where the XDP program runs.
    pub xdp_mode: XdpMode,
    /// Zero copy or copy.
    pub copy: CopyMode,
    /// What the checksum of an arriving segment may be.
    pub checksum: ChecksumRule,
    /// The CPU of each shard; the last ones that the process may use, when empty.
    pub cpus: Vec<usize>,
    /// What a shard does when nothing arrives.
    pub idle: Idle,
    /// Record all frames to this file; shards behind the first add their number to its name.
    pub capture: Option<PathBuf>,
    /// What each listener talks to.
    pub listeners: Vec<(Endpoint, ServiceFactory)>,
    /// Watches all segments, when there is one: for diagrams.
    pub tap: Option<TapFactory>,
    /// Size and protocol settings of each shard. MTU, checksums and secrets are filled in.
    pub shard: ShardConfig,
}

impl ServerConfig {
    /// Serves nothing yet, on `interface`.
    #[must_use]
    pub fn new(interface: &str) -> Self {
        Self {
            interfaces: vec![interface.to_owned()],
            queues: None,
            shards: None,
            xdp_mode: XdpMode::Auto,
            copy: CopyMode::Auto,
            checksum: ChecksumRule::Auto,
            cpus: Vec::new(),
            idle: Idle::Adaptive,
            capture: None,
            listeners: Vec::new(),
            tap: None,
            shard: ShardConfig {
                connections: 1 << 18,
                ..ShardConfig::default()
            },
        }
    }

    /// Lets connections to `endpoint` talk to what `factory` makes.
    #[must_use]
    pub fn listen(
        mut self,
        endpoint: Endpoint,
        factory: impl Fn() -> Box<dyn Service> + Send + 'static,
    ) -> Self {
        self.listeners.push((endpoint, Box::new(factory)));
        self
    }
}

/// Why a server did not start, or did not stop in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing to serve on.
    #[error("no interface to serve on: name one")]
    NoInterface,
    /// Nothing to serve.
    #[error("no listener: name at least one endpoint and its service")]
    NoListener,
    /// The same endpoint twice.
    #[error("{0} is listed twice: give each endpoint one service")]
    Twice(Endpoint),
    /// The kernel does not hold a listen address, so nobody would answer ARP or ND for it.
    #[error(
        "{address} is not an address of {interfaces}: add it with `ip addr add {address}/{bits} dev {interface}`"
    )]
    NotOurAddress {
        /// The address.
        address: Address,
        /// The interfaces that were asked.
        interfaces: String,
        /// The first of them.
        interface: String,
        /// Bits of the prefix to add it with.
        bits: u8,
    },
    /// An address that no server can have.
    #[error(
        "{0} cannot be listened on: name an address of the interface, and a port that is not 0"
    )]
    NotAnEndpoint(Endpoint),
    /// An interface carries packets that do not fit our frames.
    #[error(
        "{interface} has an MTU of {mtu}, more than {max}: set it with `ip link set {interface} mtu {max}`"
    )]
    Mtu {
        /// The interface.
        interface: String,
        /// Its MTU.
        mtu: u32,
        /// The largest that fits.
        max: u32,
    },
    /// More shards than queues.
    #[error(
        "{shards} shards for {queues} queues: a shard needs at least one, use --shards {queues} or more queues"
    )]
    Shards {
        /// Shards asked for.
        shards: usize,
        /// Queues there are.
        queues: usize,
    },
    /// More queues asked for than there are.
    #[error(
        "{interface} has {there} receive queues, not {asked}: use --queues {there} or `ethtool -L {interface} combined {asked}`"
    )]
    Queues {
        /// The interface.
        interface: String,
        /// Queues asked for.
        asked: u32,
        /// Queues there are.
        there: u32,
    },
    /// A CPU that this process may not use, or too few of them.
    #[error("CPU {cpu} is not one that this process may use: choose from {allowed:?} with --cpus")]
    Cpu {
        /// The CPU.
        cpu: usize,
        /// Those that may be used.
        allowed: Vec<usize>,
    },
    /// Fewer CPUs named than there are shards.
    #[error("{cpus} CPUs for {shards} shards: name one a shard with --cpus")]
    TooFewCpus {
        /// CPUs named.
        cpus: usize,
        /// Shards.
        shards: usize,
    },
    /// The capture file.
    #[error("cannot write the capture to {}: {error}", path.display())]
    Capture {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// No random numbers.
    #[error("no secrets from the operating system: {0}")]
    Secrets(#[from] getrandom::Error),
    /// An interface could not be looked at.
    #[error(transparent)]
    Device(#[from] netlink::Error),
    /// Program, sockets or rings.
    #[error(transparent)]
    AfXdp(#[from] af_xdp::Error),
    /// No thread.
    #[error("cannot start the thread of shard {shard}: {error}")]
    Thread {
        /// The shard.
        shard: usize,
        /// Why not.
        error: io::Error,
    },
    /// The CPUs could not be asked for.
    #[error("cannot learn which CPUs this process may use: {0}")]
    Affinity(nix::Error),
    /// A defect of ours.
    #[error("shard {0} ended before it was told to: please report what was printed above")]
    ShardDied(usize),
}

/// One queue, as it was set up.
#[derive(Clone, Debug)]
pub struct ServedQueue {
    /// Interface, number, rings, zero copy.
    pub report: QueueReport,
    /// Does the XDP program run in the driver?
    pub native: bool,
    /// Is a checksum of the pseudo-header alone accepted?
    pub trusts_partial: bool,
    /// The shard that owns it.
    pub shard: usize,
    /// The CPU of that shard.
    pub cpu: usize,
}

/// Everything that was counted, of all shards.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// What the shards counted.
    pub counters: Counters,
    /// What their ports counted.
    pub port: PortCounters,
    /// What the XDP programs decided.
    pub verdicts: Verdicts,
}

/// A server that runs. Dropping it stops it.
pub struct Server {
    programs: Vec<Program>,
    workers: Vec<Worker>,
    queues: Vec<ServedQueue>,
    warnings: Vec<String>,
    stop: Arc<AtomicBool>,
}

struct Worker {
    thread: Option<JoinHandle<(Counters, PortCounters)>>,
    published: Arc<Published>,
}

/// The largest MTU whose packets fit a frame, with two VLAN tags.
const MTU_MAX: u32 = (FRAME_BYTES - crate::limits::LINK_HEADER_BYTES) as u32;

impl Server {
    /// Sets everything up and starts serving.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a configuration is for one server, and goes where the server goes"
    )]
    pub fn start(config: ServerConfig) -> Result<Self, Error> {
        check_endpoints(&config)?;
        let mut programs = Vec::new();
        let mut devices = Vec::new();
        for name in &config.interfaces {
            devices.push(Device::open(name)?);
        }
        check_addresses(&config, &devices)?;
        let mut warnings = Vec::new();
        let mut specs = Vec::new();
        for name in &config.interfaces {
            let mut program = Program::attach(name, config.xdp_mode)?;
            for (endpoint, _) in &config.listeners {
                program.own(*endpoint)?;
            }
            programs.push(program);
            // Attaching may have changed the queues (virtio_net): look again.
            let device = Device::open(name)?;
            specs.extend(queues_of(&device, config.queues, &mut warnings)?);
        }
        let shards = shards_for(&config, specs.len())?;
        let cpus = cpus_for(&config.cpus, shards)?;
        let mtu = devices.iter().map(Device::mtu).min().unwrap_or(1500);
        let secrets = Secrets::draw()?;
        let mut server = Self {
            programs,
            workers: Vec::new(),
            queues: Vec::new(),
            warnings,
            stop: Arc::new(AtomicBool::new(false)),
        };
        let clock = Clock::start();
        for (shard, &cpu) in cpus.iter().enumerate() {
            let mine: Vec<QueueSpec> = specs.iter().skip(shard).step_by(shards).cloned().collect();
            let copy = if server.programs.iter().all(Program::is_native) {
                config.copy
            } else {
                CopyMode::On
            };
            let port = AfXdp::open(
                &mine,
                &PortConfig {
                    copy,
                    ..PortConfig::default()
                },
            )?;
            let mut shard_config = ShardConfig {
                secrets: secrets.clone(),
                checksum: Vec::new(),
                ..config.shard.clone()
            };
            shard_config.tcp.mtu = shard_config.tcp.mtu.min(mtu as u16);
            for report in port.reports() {
                let queue = server.served(report, &devices, &config, shard, cpu);
                shard_config.checksum.push(if queue.trusts_partial {
                    Checksum::TrustPartial
                } else {
                    Checksum::Verify
                });
                server.queues.push(queue);
            }
            port.register(&mut server.programs)?;
            server.launch(shard, cpu, port, shard_config, &config, clock)?;
        }
        Ok(server)
    }

    fn served(
        &self,
        report: QueueReport,
        devices: &[Device],
        config: &ServerConfig,
        shard: usize,
        cpu: usize,
    ) -> ServedQueue {
        let name = report.queue.interface.as_str();
        let device = devices.iter().find(|device| device.name() == name);
        let program = self.programs.iter().find(|p| p.interface() == name);
        ServedQueue {
            native: program.is_some_and(Program::is_native),
            trusts_partial: match config.checksum {
                ChecksumRule::Auto => device.is_some_and(Device::is_virtual),
                ChecksumRule::Verify => false,
                ChecksumRule::TrustPartial => true,
            },
            shard,
            cpu,
            report,
        }
    }

    fn launch(
        &mut self,
        shard: usize,
        cpu: usize,
        port: AfXdp,
        shard_config: ShardConfig,
        config: &ServerConfig,
        clock: Clock,
    ) -> Result<(), Error> {
        let services = config.listeners.iter().map(|(at, make)| (*at, make()));
        let services: Vec<_> = services.collect();
        let run = Run {
            cpu,
            idle: config.idle,
            clock,
            stop: Arc::clone(&self.stop),
            published: Arc::new(Published::default()),
            services,
            tap: config.tap.as_ref().map(|make| make()),
            shard_config,
        };
        let published = Arc::clone(&run.published);
        let builder = std::thread::Builder::new().name(format!("shard-{shard}"));
        let thread = match &config.capture {
            Some(path) => {
                let path = capture_path(path, shard);
                let began = wall_clock().saturating_sub(clock.elapsed());
                let recorder = File::create(&path)
                    .and_then(|file| Recorder::new(port, file, began))
                    .map_err(|error| Error::Capture { path, error })?;
                builder.spawn(move || run.on(recorder))
            }
            None => builder.spawn(move || run.on(port)),
        };
        self.workers.push(Worker {
            thread: Some(thread.map_err(|error| Error::Thread { shard, error })?),
            published,
        });
        Ok(())
    }

    /// The queues, as they were set up.
    #[must_use]
    pub fn queues(&self) -> &[ServedQueue] {
        &self.queues
    }

    /// What the operator should know.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What all shards counted, a moment ago.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for worker in &self.workers {
            sum.merge(&worker.published.load());
        }
        sum
    }

    /// The number of a shard that ended although nobody asked it to.
    #[must_use]
    pub fn dead_shard(&self) -> Option<usize> {
        let is_dead = |worker: &Worker| worker.thread.as_ref().is_none_or(JoinHandle::is_finished);
        self.workers.iter().position(is_dead)
    }

    /// Stops the shards and detaches from the interfaces. Returns what was counted.
    pub fn stop(mut self) -> Result<Totals, Error> {
        self.halt()
    }

    fn halt(&mut self) -> Result<Totals, Error> {
        self.stop.store(true, Ordering::Relaxed);
        let mut totals = Totals::default();
        let mut died = None;
        for (shard, worker) in self.workers.iter_mut().enumerate() {
            match worker.thread.take().map(JoinHandle::join) {
                Some(Ok((counters, port))) => {
                    totals.counters.merge(&counters);
                    totals.port.merge(&port);
                }
                Some(Err(_)) => died = Some(shard),
                None => {}
            }
        }
        for program in self.programs.drain(..) {
            totals.verdicts.merge(&program.verdicts()?);
        }
        died.map_or(Ok(totals), |shard| Err(Error::ShardDied(shard)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` there is nothing left to do, and nobody to tell.
        let _ = self.halt();
    }
}

// What a shard's thread is given.
struct Run {
    cpu: usize,
    idle: Idle,
    clock: Clock,
    stop: Arc<AtomicBool>,
    published: Arc<Published>,
    services: Vec<(Endpoint, Box<dyn Service>)>,
    tap: Option<Box<dyn Tap>>,
    shard_config: ShardConfig,
}

impl Run {
    fn on<P: Port>(self, port: P) -> (Counters, PortCounters) {
        if let Err(error) = worker::pin(self.cpu) {
            tracing::warn!("cannot bind a shard to CPU {}: {error}", self.cpu);
        }
        let mut shard = Shard::new(port, self.shard_config);
        if let Some(tap) = self.tap {
            shard.set_tap(tap);
        }
        for (endpoint, service) in self.services {
            let service = shard.add_service(service);
            shard.listen(endpoint, service);
        }
        let counts = worker::run(
            &mut shard,
            self.clock,
            self.idle,
            &self.stop,
            &self.published,
        );
        drop(shard);
        counts
    }
}

fn check_endpoints(config: &ServerConfig) -> Result<(), Error> {
    if config.interfaces.is_empty() {
        return Err(Error::NoInterface);
    }
    if config.listeners.is_empty() {
        return Err(Error::NoListener);
    }
    for (index, (endpoint, _)) in config.listeners.iter().enumerate() {
        if endpoint.port == 0 || !endpoint.address.is_unicast() {
            return Err(Error::NotAnEndpoint(*endpoint));
        }
        let before = config.listeners.get(..index).unwrap_or_default();
        if before.iter().any(|(other, _)| other == endpoint) {
            return Err(Error::Twice(*endpoint));
        }
    }
    Ok(())
}

fn check_addresses(config: &ServerConfig, devices: &[Device]) -> Result<(), Error> {
    let mut ours: Vec<IpAddr> = Vec::new();
    for device in devices {
        ours.extend(device.addresses()?.iter().map(|address| address.address));
        if device.mtu() > MTU_MAX {
            return Err(Error::Mtu {
                interface: device.name().to_owned(),
                mtu: device.mtu(),
                max: MTU_MAX,
            });
        }
    }
    for (endpoint, _) in &config.listeners {
        if !ours.contains(&endpoint.address.to_ip()) {
            return Err(Error::NotOurAddress {
                address: endpoint.address,
                interfaces: config.interfaces.join(", "),
                interface: config.interfaces[0].clone(),
                bits: if endpoint.address.is_v4() { 32 } else { 128 },
            });
        }
    }
    Ok(())
}

fn queues_of(
    device: &Device,
    asked: Option<u32>,
    warnings: &mut Vec<String>,
) -> Result<Vec<QueueSpec>, Error> {
    let there = device.rx_queues();
    let used = asked.unwrap_or(there);
    if used == 0 || used > there {
        return Err(Error::Queues {
            interface: device.name().to_owned(),
            asked: used,
            there,
        });
    }
    if used < there {
        warnings.push(format!(
            "{name} receives on {there} queues and {used} are served: what arrives on the others \
             is dropped. `ethtool -L {name} combined {used}` lets it receive on these alone",
            name = device.name(),
        ));
    }
    let queues = (0..used).map(|queue| QueueSpec::new(device.name(), queue));
    Ok(queues.collect())
}

fn shards_for(config: &ServerConfig, queues: usize) -> Result<usize, Error> {
    let cores = worker::allowed_cpus().map_err(Error::Affinity)?.len();
    let shards = config.shards.unwrap_or_else(|| queues.min(cores).max(1));
    if shards == 0 || shards > queues {
        return Err(Error::Shards { shards, queues });
    }
    Ok(shards)
}

// The last CPUs by default: interrupts and the kernel's receive work like the first.
fn cpus_for(asked: &[usize], shards: usize) -> Result<Vec<usize>, Error> {
    let allowed = worker::allowed_cpus().map_err(Error::Affinity)?;
    if let Some(&cpu) = asked.iter().find(|cpu| !allowed.contains(cpu)) {
        return Err(Error::Cpu { cpu, allowed });
    }
    if asked.is_empty() {
        let last_first = allowed.iter().rev().copied().cycle();
        return Ok(last_first.take(shards).collect());
    }
    if asked.len() < shards {
        return Err(Error::TooFewCpus {
            cpus: asked.len(),
            shards,
        });
    }
    Ok(asked.iter().copied().take(shards).collect())
}

// "trace.pcap" is "trace.1.pcap" for shard 1.
fn capture_path(path: &Path, shard: usize) -> PathBuf {
    if shard == 0 {
        return path.to_owned();
    }
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("pcap");
    path.with_extension(format!("{shard}.{extension}"))
}

fn wall_clock() -> core::time::Duration {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default()
}
