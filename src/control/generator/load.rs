//! A load over `AF_XDP`, on a thread of its own.

use super::{Error, Generator, next_hop};
use crate::control::clock::Clock;
use crate::control::server::ChecksumRule;
use crate::control::{whole, worker};
use crate::load::{Plan, Tally};
use crate::nic::PortCounters;
use crate::nic::af_xdp::{AfXdp, CopyMode, Program, QueueReport, Verdicts, XdpMode};
use crate::nic::device::Device;
use crate::nic::solicited::SolicitedNodes;
use crate::shard::{Counters, Secrets};
use crate::time::{Duration, Instant};
use crate::wire::{Address, Checksum, LinkHeader};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;

/// How long a load spins before it may sleep, and how much earlier than needed it wakes: the
/// kernel's `poll` counts in milliseconds, and a start that is late is a wrong measurement.
const SPIN: Duration = Duration::from_micros(50);
const AWAKE: Duration = Duration::from_millis(2);

/// How often others learn of the counts, and how late a stop may be noticed.
const PUBLISH: Duration = Duration::from_millis(20);

/// What to do, and with what.
#[derive(Clone, Debug)]
pub struct LoadConfig {
    /// The interface that frames leave by.
    pub interface: String,
    /// Where the XDP program runs.
    pub xdp_mode: XdpMode,
    /// Zero copy or copy.
    pub copy: CopyMode,
    /// What the checksum of an arriving segment may be.
    pub checksum: ChecksumRule,
    /// What to do.
    pub plan: Plan,
}

/// Everything that was seen.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// By the connections.
    pub tally: Tally,
    /// By the shard.
    pub counters: Counters,
    /// By its port.
    pub port: PortCounters,
    /// By the XDP program.
    pub verdicts: Verdicts,
}

/// Counts while it runs.
#[derive(Debug, Default)]
struct Watched {
    started: AtomicU64,
    opened: AtomicU64,
    released: AtomicU64,
    failed: AtomicU64,
}

/// Counts of a load that runs, a moment ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Connections begun.
    pub started: u64,
    /// Handshakes done.
    pub opened: u64,
    /// Connections released.
    pub released: u64,
    /// Connections failed.
    pub failed: u64,
}

/// A load that runs. Dropping it stops it.
pub struct Load {
    program: Program,
    /// Memberships that last as long as it does.
    _groups: SolicitedNodes,
    thread: Option<JoinHandle<(Tally, Counters, PortCounters)>>,
    stop: Arc<AtomicBool>,
    watched: Arc<Watched>,
    queues: Vec<QueueReport>,
}

impl Load {
    /// Sets everything up and begins.
    pub fn start(config: &LoadConfig) -> Result<Self, Error> {
        let plan = &config.plan;
        plan.check()?;
        let device = Device::open(&config.interface)?;
        if !device.link().up {
            return Err(Error::Down(config.interface.clone()));
        }
        check_sources(&device, plan)?;
        let mac = next_hop::resolve(&device, plan.target.address.to_ip())?;
        let link = LinkHeader::new(mac.0, device.mac().0);
        let (mut program, port) =
            whole::open::<Error>(&config.interface, config.xdp_mode, config.copy)?;
        let queues = port.reports();
        // Nobody else answers for them: neighbours that send to them find us.
        let sources: Vec<Address> = (0..plan.addresses()).map(|n| plan.sources.nth(n)).collect();
        for address in &sources {
            program.own_address(*address)?;
            program.answer_neighbours(*address)?;
        }
        let mut groups = SolicitedNodes::default();
        if let Err(error) = groups.join(device.index(), &sources) {
            tracing::warn!("the sources may not be found by neighbours: {error}");
        }
        let mut shard = Generator::<AfXdp>::shard_config(plan);
        shard.secrets = Secrets::draw()?;
        shard.macs = vec![device.mac().0];
        shard.tcp.mtu = u16::try_from(device.mtu()).unwrap_or(shard.tcp.mtu);
        if config.checksum.trusts_partial(device.is_virtual()) {
            shard.checksum = vec![Checksum::TrustPartial];
        }
        let (stop, watched) = (Arc::default(), Arc::new(Watched::default()));
        let (mut plan, its_stop, its_watched) =
            (plan.clone(), Arc::clone(&stop), Arc::clone(&watched));
        let mut first = [0; 2];
        getrandom::fill(&mut first)?;
        plan.port_first = u16::from_ne_bytes(first);
        let builder = std::thread::Builder::new().name("load".into());
        let thread = builder.spawn(move || {
            if let Err(error) = worker::drop_capabilities() {
                tracing::warn!("cannot give up the capabilities of the load: {error}");
            }
            let mut generator = Generator::new(port, shard, &plan, link);
            generator.shard().populate();
            for address in sources {
                generator.answer_for(address);
            }
            run(generator, &its_stop, &its_watched)
        });
        Ok(Self {
            program,
            _groups: groups,
            thread: Some(thread.map_err(Error::Thread)?),
            stop,
            watched,
            queues,
        })
    }

    /// The queues, as they were set up.
    #[must_use]
    pub fn queues(&self) -> &[QueueReport] {
        &self.queues
    }

    /// Does the XDP program run in the driver?
    #[must_use]
    pub const fn is_native(&self) -> bool {
        self.program.is_native()
    }

    /// What was seen, a moment ago.
    #[must_use]
    pub fn glance(&self) -> Glance {
        // Relaxed: numbers for people.
        let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Glance {
            started: load(&self.watched.started),
            opened: load(&self.watched.opened),
            released: load(&self.watched.released),
            failed: load(&self.watched.failed),
        }
    }

    /// Is it over?
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Begins no more connections; those under way have a second.
    pub fn stop(&self) {
        // Relaxed: the flag says only itself.
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until it is over and detaches from the interface.
    pub fn join(mut self) -> Result<LoadReport, Error> {
        let thread = self.thread.take().ok_or(Error::Died)?;
        let (tally, counters, port) = thread.join().map_err(|_| Error::Died)?;
        Ok(LoadReport {
            tally,
            counters,
            port,
            verdicts: self.program.verdicts()?,
        })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // Nobody is left to tell what it saw.
            let _ = thread.join();
        }
    }
}

// What the kernel answers for stays the kernel's.
fn check_sources(device: &Device, plan: &Plan) -> Result<(), Error> {
    for own in device.addresses()? {
        let address = own.address.into();
        let place = plan.sources.place(&address);
        if place.is_some_and(|place| place < plan.addresses()) {
            return Err(Error::KernelAddress {
                address,
                interface: device.name().to_owned(),
            });
        }
    }
    Ok(())
}

fn run(
    mut generator: Generator<AfXdp>,
    stop: &AtomicBool,
    watched: &Watched,
) -> (Tally, Counters, PortCounters) {
    let clock = Clock::start();
    let (mut worked_at, mut publish_at) = (Instant::ZERO, Instant::ZERO);
    let mut is_stopped = false;
    loop {
        let now = clock.now();
        let turn = generator.turn(now);
        if publish_at <= now || turn.is_done {
            watched.store(generator.tally());
            publish_at = now + PUBLISH;
        }
        if turn.is_done {
            return generator.finish();
        }
        // Relaxed: the flag says only itself.
        if !is_stopped && stop.load(Ordering::Relaxed) {
            is_stopped = true;
            generator.stop(now);
        }
        let next = turn.next.min(publish_at);
        if turn.is_busy {
            worked_at = now;
        } else if now - worked_at > SPIN && next > now + AWAKE {
            generator.shard().sleep(next - (now + AWAKE));
        } else {
            // Whoever shares this core may be the one that we wait for.
            std::thread::yield_now();
        }
    }
}

impl Watched {
    fn store(&self, tally: &Tally) {
        // Relaxed: numbers for people.
        let store = |cell: &AtomicU64, n| cell.store(n, Ordering::Relaxed);
        store(&self.started, tally.started);
        store(&self.opened, tally.opened);
        store(&self.released, tally.released);
        store(&self.failed, tally.failures());
    }
}
