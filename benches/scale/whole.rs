//! All at once: ten million live connections and twice as many in TIME-WAIT on one shard, how much
//! memory that is, and how far from their deadlines timers go off until all of TIME-WAIT is over.
//!
//! The clock of the shard goes on by a millisecond when a breath leaves nothing to do, and by what
//! the breath took of its thread's time when it does, so a shard that cannot keep up is late.
//! Connections owe ACKs meanwhile, so that the wheel has its timers too.

use crate::find::numbers;
use crate::machine::rss;
use crate::numbered::number;
use crate::part::{Measured, Sizes};
use crate::room;
use crate::world::{SIDE_BY_SIDE, World, config, worn};
use seawall::service::Http;
use seawall::shard::{Direction, ShardConfig, Tap};
use seawall::tcp::State;
use seawall::time::{Duration, Instant};
use seawall::wire::{FourTuple, Segment};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// In how much time the connections go into TIME-WAIT: less than 2 MSL, so that all are in it.
const ENTER: Duration = Duration::from_secs(50);

const STEP: Duration = Duration::from_millis(1);

/// Segments of text in a step, on some of so many connections.
const SAID: u32 = 4;
const TALKERS: u32 = 1 << 16;

pub(crate) fn whole(sizes: &Sizes) -> anyhow::Result<Measured> {
    let (live, time_wait) = (
        sizes.huge,
        2 * sizes.huge / SIDE_BY_SIDE as u32 * SIDE_BY_SIDE as u32,
    );
    room::check(live, time_wait)?;
    let (mut world, entered) = filled(live, time_wait);
    let before = rss()?;
    let counters = world.shard().counters();
    let held = counters.states[State::TimeWait as usize];
    assert_eq!(held, u64::from(time_wait), "all are in TIME-WAIT");
    let open = counters.states[State::Established as usize];
    assert_eq!(open, u64::from(live), "all are open");
    let watched = watch(&mut world, live.min(TALKERS), entered);
    let ended = watched.ended.load(Relaxed);
    assert_eq!(ended, u64::from(time_wait), "each TIME-WAIT ended");
    assert!(watched.acks.load(Relaxed) > 0, "ACKs were watched");
    Ok(Measured::default()
        .with("rss", before.max(rss()?) as f64)
        .with("time_wait_error_ms", Watched::ms(&watched.time_wait))
        .with("ack_error_ms", Watched::ms(&watched.ack)))
}

// When which connection went into TIME-WAIT.
#[derive(Clone, Copy)]
struct Entered {
    first: u32,
    from: Instant,
    step: Duration,
    two_msl: Duration,
}

impl Entered {
    // When its TIME-WAIT is over.
    fn due(&self, n: u32) -> Instant {
        self.from + self.step * ((n - self.first) / SIDE_BY_SIDE as u32) + self.two_msl
    }
}

fn filled(live: u32, time_wait: u32) -> (World, Entered) {
    let mut config: ShardConfig = config(live + 8 * SIDE_BY_SIDE as u32, time_wait);
    config.tcp.quick_acks = 0;
    let two_msl = config.tcp.time_wait;
    let mut world = World::populated(worn(), config, Box::new(Http::default()));
    world.remember(live.min(TALKERS));
    world.open(0, live);
    let entered = Entered {
        first: live,
        from: world.now,
        step: ENTER * SIDE_BY_SIDE as u32 / time_wait,
        two_msl,
    };
    for first in (live..live + time_wait).step_by(SIDE_BY_SIDE) {
        world.live(first);
        world.now = world.now + entered.step;
    }
    (world, entered)
}

// Lets the time pass until TIME-WAIT is over for all.
fn watch(world: &mut World, talkers: u32, entered: Entered) -> Arc<Watched> {
    let delay = world.shard().config().tcp.delayed_ack;
    let watched = Arc::new(Watched {
        owed: (0..talkers).map(|_| AtomicU64::new(NOTHING)).collect(),
        ..Watched::default()
    });
    world.shard().set_tap(Box::new(Watch {
        entered,
        watched: Arc::clone(&watched),
    }));
    let mut next = numbers(0, talkers);
    while world.shard().counters().states[State::TimeWait as usize] > 0 {
        for _ in 0..SAID {
            let n = next();
            let owes = &watched.owed[n as usize];
            // Only one that owes nothing: a second segment is acknowledged at once.
            if owes.load(Relaxed) == NOTHING {
                owes.store((world.now + delay).as_nanos(), Relaxed);
                world.say(n);
            }
        }
        loop {
            let took = world.breathe_once();
            world.drain();
            if !took.is_busy {
                break;
            }
            world.now = world.now + took.own;
        }
        world.now = world.now + STEP;
    }
    watched
}

// In `Watched::owed`.
const NOTHING: u64 = 0;

// The largest distances between when and when it should have been, in nanoseconds. One thread has
// both ends of it, but a tap might be anywhere.
#[derive(Default)]
struct Watched {
    time_wait: AtomicU64,
    ack: AtomicU64,
    ended: AtomicU64,
    acks: AtomicU64,
    /// When each talker's ACK is due.
    owed: Vec<AtomicU64>,
}

impl Watched {
    fn ms(nanos: &AtomicU64) -> f64 {
        nanos.load(Relaxed) as f64 / 1e6
    }
}

struct Watch {
    entered: Entered,
    watched: Arc<Watched>,
}

impl Tap for Watch {
    fn on_segment(
        &mut self,
        now: Instant,
        direction: Direction,
        tuple: &FourTuple,
        _segment: &Segment,
        _state: State,
    ) {
        let Some(owes) = self.watched.owed.get(number(tuple) as usize) else {
            return;
        };
        let due = owes.load(Relaxed);
        if direction == Direction::Out && due != NOTHING {
            owes.store(NOTHING, Relaxed);
            let late = now.as_nanos().checked_sub(due);
            let late = late.expect("an ACK before its time");
            self.watched.ack.fetch_max(late, Relaxed);
            self.watched.acks.fetch_add(1, Relaxed);
        }
    }

    fn on_closed(&mut self, now: Instant, tuple: &FourTuple) {
        let due = self.entered.due(number(tuple)).as_nanos();
        let late = now.as_nanos().checked_sub(due);
        let late = late.expect("TIME-WAIT ended early");
        self.watched.time_wait.fetch_max(late, Relaxed);
        self.watched.ended.fetch_add(1, Relaxed);
    }
}
