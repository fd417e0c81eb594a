//! A server over `AF_XDP`: resolves interfaces and queues, attaches the XDP program, opens the
//! ports, starts one pinned thread a shard; and takes it all down again.

mod config;
mod cookie_path;
mod error;
mod plan;
mod probe;
mod tables;

pub use config::{ChecksumRule, ServerConfig, ServiceFactory, TapFactory};
pub use cookie_path::{CookiePath, CookiePathConfig, can_answer, epoch_answer};
pub use error::Error;
pub use tables::Tables;

use super::clock::Clock;
use super::view::{ServerView, ShardView, XdpCounts, XdpView};
use super::worker::{self, Idle};
use crate::nic::af_xdp::{AfXdp, PortConfig, Program, QueueReport, QueueSpec, Verdicts};
use crate::nic::device::Device;
use crate::nic::pcap::Recorder;
use crate::nic::solicited::SolicitedNodes;
use crate::nic::{Port, PortCounters};
use crate::service::Service;
use crate::shard::{Counters, Mesh, Secrets, Shard, ShardConfig, Tap};
use crate::wire::{Address, Checksum, Endpoint};
use cookie_path::{CookieTender, Path as CookiePathOf, Tending, cannot_answer, shared_cookies};
use core::sync::atomic::{AtomicBool, Ordering};
use plan::{addresses_alone, check_devices, check_endpoints, cpus_for};
use plan::{deal, join_groups, queues_of, shards_for};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

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
    /// What the XDP programs counted. The cookies that they sent are among those of `counters`.
    pub xdp: XdpCounts,
}

/// A server that runs. Dropping it stops it.
pub struct Server {
    tender: Option<CookieTender>,
    programs: Vec<Program>,
    workers: Vec<Worker>,
    queues: Vec<ServedQueue>,
    tables: io::Result<Tables>,
    warnings: Vec<String>,
    alone: BTreeSet<Address>,
    clock: Clock,
    xdp: XdpView,
    /// While it runs, solicitations for the addresses that are ours alone reach us.
    _groups: SolicitedNodes,
    stop: Arc<AtomicBool>,
}

struct Worker {
    thread: Option<JoinHandle<(Counters, PortCounters)>>,
    view: ShardView,
}

impl Server {
    /// Sets everything up and starts serving.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a configuration is for one server, and goes where the server goes"
    )]
    pub fn start(config: ServerConfig) -> Result<Self, Error> {
        check_endpoints(&config)?;
        let mut devices = Vec::new();
        for name in &config.interfaces {
            devices.push(Device::open(name)?);
        }
        check_devices(&devices)?;
        let mut warnings = Vec::new();
        let alone = addresses_alone(&config, &devices)?;
        let mut server = Self {
            tender: None,
            programs: Vec::new(),
            workers: Vec::new(),
            queues: Vec::new(),
            tables: Err(io::ErrorKind::NotFound.into()),
            _groups: join_groups(&alone, &devices, &mut warnings),
            warnings,
            alone,
            clock: config.clock,
            xdp: XdpView::default(),
            stop: Arc::new(AtomicBool::new(false)),
        };
        let mut specs = Vec::new();
        for name in &config.interfaces {
            server
                .programs
                .push(Program::attach(name, config.xdp_mode)?);
            // Attaching may have changed the queues (virtio_net): look again.
            let device = Device::open(name)?;
            specs.extend(queues_of(&device, config.queues, &mut server.warnings)?);
        }
        let shards = shards_for(&config, specs.len())?;
        let cpus = cpus_for(&config.cpus, shards)?;
        let dealt = deal(&specs, shards);
        let mtu = devices.iter().map(Device::mtu).min().unwrap_or(1500);
        let mut shard = ShardConfig {
            secrets: Secrets::draw()?,
            cookies: shared_cookies(config.shard.cookies.epoch()),
            ..config.shard.clone()
        };
        shard.tcp.mtu = shard.tcp.mtu.min(mtu as u16);
        let (ready, all_ready) = mpsc::channel();
        let setup = Setup {
            config: &config,
            devices,
            shard,
            clock: server.clock,
            ready,
        };
        let meshes = setup.meshes(&dealt)?;
        for (((shard, cpu), queues), mesh) in cpus.into_iter().enumerate().zip(&dealt).zip(meshes) {
            server.start_shard(&setup, shard, cpu, queues, mesh)?;
        }
        server.tend_cookies(&setup)?;
        drop(setup);
        for _ in &server.workers {
            let is_ready = all_ready.recv();
            // Whoever has ended says nothing any more.
            is_ready.map_err(|_| Error::ShardDied(server.dead_shard().unwrap_or_default()))?;
        }
        server.tables = Tables::look();
        // Last, so that nothing is redirected to a queue that nobody serves yet.
        for program in &mut server.programs {
            for (number, (endpoint, _)) in (0..).zip(&config.listeners) {
                program.own_listener(*endpoint, number)?;
            }
            // The kernel has no other ports there: those get our resets.
            for address in &server.alone {
                program.own_address(*address)?;
                program.answer_neighbours(*address)?;
            }
        }
        Ok(server)
    }

    fn start_shard(
        &mut self,
        setup: &Setup<'_>,
        shard: usize,
        cpu: usize,
        queues: &[QueueSpec],
        mesh: Option<Mesh>,
    ) -> Result<(), Error> {
        let config = setup.config;
        let is_native = self.programs.iter().all(Program::is_native);
        let port_config = PortConfig {
            copy: config.copy.under(is_native),
            ..PortConfig::default()
        };
        let port = AfXdp::open(queues, &port_config)?;
        let mut shard_config = ShardConfig {
            checksum: Vec::new(),
            macs: Vec::new(),
            ..setup.shard.clone()
        };
        for report in port.reports() {
            let device = setup.device(&report.queue.interface);
            let mac = device.map(Device::mac).unwrap_or_default();
            shard_config.macs.push(mac.0);
            let queue = self.served(setup, report, shard, cpu);
            shard_config.checksum.push(if queue.trusts_partial {
                Checksum::TrustPartial
            } else {
                Checksum::Verify
            });
            self.queues.push(queue);
        }
        port.register(&mut self.programs)?;
        let services = config.listeners.iter().map(|(at, make)| (*at, make()));
        let run = Run {
            idle: config.idle,
            clock: setup.clock,
            stop: Arc::clone(&self.stop),
            view: ShardView::new(cpu),
            services: services.collect(),
            alone: self.alone.iter().copied().collect(),
            tap: config.tap.as_ref().map(|make| make()),
            mesh,
            ready: setup.ready.clone(),
            shard_config,
        };
        let view = run.view.clone();
        let builder = std::thread::Builder::new().name(format!("shard-{shard}"));
        let thread = match &config.capture {
            Some(path) => {
                let path = capture_path(path, shard);
                let began = wall_clock().saturating_sub(setup.clock.elapsed());
                let recorder = File::create(&path)
                    .and_then(|file| Recorder::new(port, file, began))
                    .map_err(|error| Error::Capture { path, error })?;
                builder.spawn(move || {
                    let (counts, mut recorder) = run.on(recorder);
                    let error = recorder.error().or_else(|| recorder.finish().1.err());
                    if let Some(error) = error {
                        tracing::error!("the capture is not whole: {error}");
                    }
                    counts
                })
            }
            None => builder.spawn(move || run.on(port).0),
        };
        self.workers.push(Worker {
            thread: Some(thread.map_err(|error| Error::Thread { shard, error })?),
            view,
        });
        Ok(())
    }

    // Before anything is owned: who answers SYNs, with what, and to whom not.
    fn tend_cookies(&mut self, setup: &Setup<'_>) -> Result<(), Error> {
        let config = setup.config;
        let mut paths = Vec::new();
        for program in &self.programs {
            let Some(device) = setup.device(program.interface()) else {
                continue;
            };
            // As it is now that programs are attached.
            let device = Device::open(device.name())?;
            let is_native = program.is_native();
            if config.cookie_path.path != CookiePath::Shard && !can_answer(&device, is_native) {
                self.warnings.push(cannot_answer(&device));
            }
            paths.push(CookiePathOf::new(
                program.answers()?,
                &config.cookie_path,
                &setup.shard,
                config.checksum.trusts_partial(device.is_virtual()),
                is_native,
            ));
        }
        let listeners = config.listeners.iter().map(|(endpoint, _)| *endpoint);
        let mut tending = Tending {
            paths,
            listeners: listeners.collect(),
            shard: setup.shard.clone(),
            clock: setup.clock,
            view: self.xdp.clone(),
            written: 0,
        };
        tending.begin(&config.cookie_path.blocked)?;
        self.tender = Some(CookieTender::start(tending)?);
        Ok(())
    }

    fn served(
        &self,
        setup: &Setup<'_>,
        report: QueueReport,
        shard: usize,
        cpu: usize,
    ) -> ServedQueue {
        let name = report.queue.interface.as_str();
        let device = setup.device(name);
        let program = self.programs.iter().find(|p| p.interface() == name);
        ServedQueue {
            native: program.is_some_and(Program::is_native),
            trusts_partial: setup
                .config
                .checksum
                .trusts_partial(device.is_some_and(Device::is_virtual)),
            shard,
            cpu,
            report,
        }
    }

    /// The queues, as they were set up.
    #[must_use]
    pub fn queues(&self) -> &[ServedQueue] {
        &self.queues
    }

    /// Where the tables lie.
    ///
    /// # Errors
    /// It cannot be seen.
    pub const fn tables(&self) -> Result<&Tables, &io::Error> {
        self.tables.as_ref()
    }

    /// Listen addresses that the kernel does not hold: ARP, ND and ping are answered for them.
    pub fn addresses_alone(&self) -> impl Iterator<Item = Address> + '_ {
        self.alone.iter().copied()
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
            sum.merge(&worker.view.counters());
        }
        sum.cookies.sent += self.xdp.counts().answers();
        sum
    }

    /// What its XDP programs counted, a moment ago.
    #[must_use]
    pub fn xdp_counts(&self) -> XdpCounts {
        self.xdp.counts()
    }

    /// What others may see of it, from any thread.
    #[must_use]
    pub fn view(&self) -> ServerView {
        let interfaces = self.programs.iter().map(Program::interface);
        ServerView {
            interfaces: interfaces.map(str::to_owned).collect(),
            clock: self.clock,
            shards: self.workers.iter().map(|w| w.view.clone()).collect(),
            xdp: self.xdp.clone(),
        }
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
        self.tender = None;
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
        totals.xdp = self.xdp.counts();
        let mut verdicts = Verdicts::default();
        for program in self.programs.drain(..) {
            verdicts.merge(&program.verdicts()?);
        }
        totals.xdp.verdicts = verdicts;
        totals.counters.cookies.sent += totals.xdp.answers();
        died.map_or(Ok(totals), |shard| Err(Error::ShardDied(shard)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` there is nothing left to do, and nobody to tell.
        let _ = self.halt();
    }
}

// What all shards have in common while they are set up.
struct Setup<'a> {
    config: &'a ServerConfig,
    devices: Vec<Device>,
    /// What the shards are made with, but for what each has of its queues.
    shard: ShardConfig,
    clock: Clock,
    ready: Sender<()>,
}

impl Setup<'_> {
    fn device(&self, name: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.name() == name)
    }

    // A place among the others for each shard; none where there is one alone.
    fn meshes(&self, dealt: &[Vec<QueueSpec>]) -> Result<Vec<Option<Mesh>>, Error> {
        if dealt.len() < 2 {
            return Ok(vec![None]);
        }
        let interfaces = &self.config.interfaces;
        let number = |queue: &QueueSpec| {
            let place = interfaces.iter().position(|name| *name == queue.interface);
            place.unwrap_or_default() as u16
        };
        let numbers = |queues: &Vec<QueueSpec>| queues.iter().map(number).collect();
        let numbers: Vec<Vec<u16>> = dealt.iter().map(numbers).collect();
        let meshes = Mesh::new(&numbers).map_err(Error::Mesh)?;
        Ok(meshes.into_iter().map(Some).collect())
    }
}

// What a shard's thread is given.
struct Run {
    idle: Idle,
    clock: Clock,
    stop: Arc<AtomicBool>,
    view: ShardView,
    services: Vec<(Endpoint, Box<dyn Service>)>,
    alone: Vec<Address>,
    tap: Option<Box<dyn Tap>>,
    mesh: Option<Mesh>,
    /// Told once, when all is there.
    ready: Sender<()>,
    shard_config: ShardConfig,
}

impl Run {
    fn on<P: Port>(self, port: P) -> ((Counters, PortCounters), P) {
        let cpu = self.view.cpu();
        if let Err(error) = worker::pin(cpu) {
            tracing::warn!("cannot bind a shard to CPU {cpu}: {error}");
        }
        if let Err(error) = worker::drop_capabilities() {
            tracing::warn!("cannot give up the capabilities of a shard: {error}");
        }
        let mut shard = Shard::new(port, self.shard_config);
        shard.populate();
        self.view.show(shard.reader());
        if let Some(mesh) = self.mesh {
            shard.join(mesh);
        }
        if let Some(tap) = self.tap {
            shard.set_tap(tap);
        }
        for (endpoint, service) in self.services {
            let service = shard.add_service(service);
            shard.listen(endpoint, service);
        }
        for address in self.alone {
            shard.answer_for(address);
        }
        // If the server is not set up any more there is nobody to tell.
        let _ = self.ready.send(());
        let counts = worker::run(
            &mut shard,
            self.clock,
            self.idle,
            &self.stop,
            self.view.published(),
        );
        (counts, shard.into_port())
    }
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
