//! The loop around a shard: read the clock, breathe, sleep when there is nothing to do.

use super::clock::Clock;
use super::published::Published;
use crate::nic::{Port, PortCounters};
use crate::shard::{Counters, Shard};
use crate::time::{Duration, Instant};
use caps::CapSet;
use core::sync::atomic::{AtomicBool, Ordering};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use std::thread;

/// What a shard does when nothing arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Idle {
    /// Spin for a moment, then sleep until something arrives or a timer is due.
    #[default]
    Adaptive,
    /// Never sleep: lowest latency, a whole core, and a kernel that shares it starves.
    Spin,
    /// Sleep at once.
    Poll,
}

/// How long [`Idle::Adaptive`] spins: a few round trips of a local network.
const SPIN: Duration = Duration::from_micros(50);

/// How long it goes on at most, while there is more to do, before others on its core have a turn.
/// Shorter, and a core that is wanted by all would be theirs; longer, and they wait for it.
const TURN: Duration = Duration::from_millis(2);

/// How often counters are published, and how late a stop may be noticed.
const PUBLISH: Duration = Duration::from_millis(50);

/// Runs a shard until `stop` is set. Returns what it counted.
pub fn run<P: Port>(
    shard: &mut Shard<P>,
    clock: Clock,
    idle: Idle,
    stop: &AtomicBool,
    published: &Published,
) -> (Counters, PortCounters) {
    let mut yielded_at = Instant::ZERO;
    let mut worked_at = Instant::ZERO;
    let mut publish_at = Instant::ZERO;
    let mut is_published = false;
    // Relaxed: the flag says only itself.
    while !stop.load(Ordering::Relaxed) {
        let now = clock.now();
        let breath = shard.breathe(now);
        if publish_at <= now {
            published.store(shard.counters());
            publish_at = now + PUBLISH;
        }
        if breath.is_busy || breath.received + breath.sent > 0 {
            worked_at = now;
            is_published = false;
            // More waits than a breath takes. Whoever shares the core need not wait until that is
            // done: while strangers flood us it never is.
            if breath.is_busy && now - yielded_at >= TURN {
                thread::yield_now();
                yielded_at = now;
            }
            continue;
        }
        match idle {
            Idle::Adaptive if now - worked_at < SPIN => core::hint::spin_loop(),
            Idle::Spin => core::hint::spin_loop(),
            Idle::Adaptive | Idle::Poll => {
                // Who asks while we sleep is told how it stands.
                if !core::mem::replace(&mut is_published, true) {
                    published.store(shard.counters());
                }
                let until = shard.next_deadline().min(publish_at);
                shard.sleep(until - now);
            }
        }
    }
    published.store(shard.counters());
    (shard.counters().clone(), shard.port().counters())
}

/// Binds the calling thread to one CPU.
pub fn pin(cpu: usize) -> nix::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set)
}

/// Gives up every capability of the calling thread: rings that are open need none.
pub fn drop_capabilities() -> Result<(), caps::errors::CapsError> {
    // From the effective set first: it may not hold what the permitted one has lost.
    caps::clear(None, CapSet::Effective)?;
    caps::clear(None, CapSet::Inheritable)?;
    caps::clear(None, CapSet::Permitted)
}

/// The CPUs that this process may run on.
pub fn allowed_cpus() -> nix::Result<Vec<usize>> {
    let set = nix::sched::sched_getaffinity(Pid::from_raw(0))?;
    let all = 0..CpuSet::count();
    Ok(all
        .filter(|cpu| set.is_set(*cpu).unwrap_or(false))
        .collect())
}
