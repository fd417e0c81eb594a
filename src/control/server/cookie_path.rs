//! Who answers a SYN flood: the shards, or the XDP program in the driver.
//!
//! A thread looks at the rate of SYNs a few times a second and switches each interface's program
//! on and off (`switch`). It gives the programs the key of each epoch before the epoch begins
//! (`keys`, `epochs`), so that nothing is written that they read. A thread that is late costs
//! nothing but its programs' help: without a key they leave SYNs to the shards.

mod epochs;
mod keys;
mod switch;

pub use epochs::epoch_answer;
pub(super) use keys::shared_cookies;

use super::Error;
use crate::control::clock::Clock;
use crate::control::view::XdpView;
use crate::nic::af_xdp::{self, Answers, Orders};
use crate::nic::device::Device;
use crate::shard::{ShardConfig, SynCookies};
use crate::time::{Duration, Instant};
use crate::wire::{Address, Endpoint};
use core::sync::atomic::{AtomicBool, Ordering};
use epochs::{epoch_in_program, next_to_write};
use ipnet::IpNet;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use switch::Switch;

/// How often the rate of SYNs is looked at.
const PERIOD: Duration = Duration::from_millis(200);

/// How late a stop may be noticed.
const LOOK: Duration = Duration::from_millis(20);

/// Who answers a SYN flood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum CookiePath {
    /// The XDP program while SYNs come faster than a rate, the shards else.
    #[default]
    Auto,
    /// The XDP program, every SYN.
    Xdp,
    /// The shards.
    Shard,
}

/// What is done with SYNs before a shard sees them.
#[derive(Clone, Debug)]
pub struct CookiePathConfig {
    /// Who answers a flood.
    pub path: CookiePath,
    /// SYNs a second, of one interface, above which [`CookiePath::Auto`] means the XDP program.
    pub rate: u32,
    /// SYNs a second that an IPv4 address or an IPv6 /64 may send; 0 is no limit.
    pub source_rate: u32,
    /// Networks whose TCP is dropped.
    pub blocked: Vec<IpNet>,
}

impl Default for CookiePathConfig {
    fn default() -> Self {
        Self {
            path: CookiePath::default(),
            rate: 100_000,
            source_rate: 0,
            blocked: Vec::new(),
        }
    }
}

/// Can the program of an interface send answers?
#[must_use]
pub fn can_answer(device: &Device, is_native: bool) -> bool {
    // Behind the driver it is the kernel that sends, as it sends everything.
    if !is_native {
        return true;
    }
    match device.xdp_features() {
        // A veth sends to its other end as long as that receives by NAPI: has a program, or GRO.
        Some(features) if device.is_virtual() => features.has_ndo_xmit(),
        Some(features) => features.has_basic(),
        None => !device.is_virtual(),
    }
}

/// An interface, and what its program is told.
pub(super) struct Path {
    answers: Answers,
    switch: Switch,
    orders: Orders,
    is_native: bool,
    /// SYNs at the last look.
    syns: u64,
}

impl Path {
    pub(super) fn new(
        answers: Answers,
        config: &CookiePathConfig,
        shard: &ShardConfig,
        trust_partial: bool,
        is_native: bool,
    ) -> Self {
        let path = match (config.path, shard.syn_cookies) {
            (CookiePath::Auto, SynCookies::Never) => CookiePath::Shard,
            (path, _) => path,
        };
        Self {
            answers,
            switch: Switch::new(path, config.rate.into()),
            orders: Orders {
                answer: false,
                trust_partial,
                block: !config.blocked.is_empty(),
                replies_per_s: shard.budgets.syn_ack,
                source_per_s: config.source_rate,
            },
            is_native,
            syns: 0,
        }
    }

    /// Is a SYN answered by the program, with so many `syns` a second?
    fn look(&mut self, syns: u64, now: Instant) -> bool {
        let (interface, is_native) = (self.answers.interface(), self.is_native);
        // Of a veth it may change: the program at its other end comes and goes.
        let can = || Device::open(interface).is_ok_and(|device| can_answer(&device, is_native));
        self.switch.look(syns, can, now)
    }
}

/// Tends the programs of a server until it is dropped.
pub(super) struct CookieTender {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread has.
pub(super) struct Tending {
    pub(super) paths: Vec<Path>,
    /// In the order of their numbers.
    pub(super) listeners: Vec<Endpoint>,
    /// As the shards have it.
    pub(super) shard: ShardConfig,
    pub(super) clock: Clock,
    pub(super) view: XdpView,
    /// The last epoch that the programs know.
    pub(super) written: u32,
}

impl Tending {
    /// Before anything is owned: the first epoch, and whom not to serve.
    pub(super) fn begin(&mut self, blocked: &[IpNet]) -> Result<(), af_xdp::Error> {
        self.write(epoch_in_program(
            self.clock.now(),
            self.shard.cookies.epoch(),
        ))?;
        for path in &mut self.paths {
            for network in blocked {
                let address = Address::from(network.network());
                path.answers.block(address, network.prefix_len())?;
            }
            path.answers.order(&path.orders)?;
        }
        Ok(())
    }

    fn write(&mut self, epoch: u32) -> Result<(), af_xdp::Error> {
        let key = self.shard.cookies.key_of(epoch);
        let began = self.clock.began();
        for (number, endpoint) in (0..af_xdp::LISTENERS_MAX).zip(&self.listeners) {
            let answer = epoch_answer(&self.shard, endpoint.address, epoch, key, began);
            for path in &mut self.paths {
                path.answers.set(number, &answer)?;
            }
        }
        self.written = epoch;
        Ok(())
    }

    fn tend(&mut self, since: Duration) -> Result<(), af_xdp::Error> {
        let now = self.clock.now();
        let next = next_to_write(now, self.shard.cookies.epoch());
        if let Some(epoch) = next.filter(|epoch| *epoch > self.written) {
            self.write(epoch)?;
        }
        for path in &mut self.paths {
            let syns = path.answers.syns()?;
            let more = (syns - path.syns) * 1_000_000_000 / (since.as_nanos() as u64).max(1);
            path.syns = syns;
            let is_on = path.look(more, now);
            if is_on {
                // Before it answers: what it sends may come back while its key is known, and a
                // look later.
                let good_for = self.shard.cookies.good_for() + 2 * PERIOD;
                self.shard.cookies.await_until(now + good_for);
            }
            if is_on != path.orders.answer {
                path.orders.answer = is_on;
                path.answers.order(&path.orders)?;
                self.view.count_switch(is_on);
            }
        }
        self.publish()
    }

    fn publish(&self) -> Result<(), af_xdp::Error> {
        let mut verdicts = af_xdp::Verdicts::default();
        for path in &self.paths {
            verdicts.merge(&path.answers.verdicts()?);
        }
        self.view
            .store(&verdicts, self.paths.iter().map(|path| path.syns).sum());
        Ok(())
    }

    fn run(mut self, stop: &AtomicBool) {
        let mut looked_at = self.clock.now();
        // Relaxed: the flag says only itself.
        while !stop.load(Ordering::Relaxed) {
            let now = self.clock.now();
            if now - looked_at >= PERIOD {
                if let Err(error) = self.tend(now - looked_at) {
                    tracing::error!("SYNs are answered by the shards from now on: {error}");
                    return self.leave();
                }
                looked_at = now;
            }
            thread::sleep(LOOK);
        }
    }

    // Without us, the programs would answer until their last epoch is over.
    fn leave(mut self) {
        for path in &mut self.paths {
            path.orders.answer = false;
            // What failed before may fail again.
            let _ = path.answers.order(&path.orders);
        }
    }
}

impl CookieTender {
    pub(super) fn start(tending: Tending) -> Result<Self, Error> {
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("cookie-path".into())
            .spawn(move || tending.run(&is_over));
        Ok(Self {
            stop,
            thread: Some(thread.map_err(Error::CookieThread)?),
        })
    }
}

impl Drop for CookieTender {
    fn drop(&mut self) {
        // Relaxed: the flag says only itself.
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Why the program of an interface cannot answer, and what to change.
#[must_use]
pub(super) fn cannot_answer(device: &Device) -> String {
    let name = device.name();
    let why = if device.is_virtual() {
        "its other end has no XDP program, nor GRO (`ethtool -K PEER gro on` there)"
    } else {
        "its driver does not send from XDP"
    };
    format!("{name}: SYN floods are answered by the shards and not in the driver: {why}")
}
