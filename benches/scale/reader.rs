//! What a reader costs: segments a second on one core, while `seawall list --count` is asked over
//! and over on the other, of a table of ten million; the admin socket and its threads are the real
//! ones, and walk as slowly as they do. With and without in turns.
//!
//! Segments take time of their thread: longer when the reader takes memory and cache from it. They
//! share no core, so what else has the core is somebody else's doing.

use crate::find::numbers;
use crate::machine::thread_time;
use crate::part::{Measured, Sizes};
use crate::room;
use crate::rounds::{Rounds, median};
use crate::segments::{opened, round};
use anyhow::{bail, ensure};
use seawall::control::admin::{Admin, AdminSocket, Ask, Filter, Line, ask};
use seawall::control::clock::Clock;
use seawall::control::view::{ServerView, ShardView, XdpView};
use seawall::control::worker;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

/// Rounds of a turn: it is to hold a walk.
const ROUNDS: u32 = 500;

pub(crate) fn cost(sizes: &Sizes, cpus: &[usize]) -> anyhow::Result<Measured> {
    let [here, there] = cpus[..2] else {
        unreachable!("two were counted");
    };
    room::check(sizes.huge, 0)?;
    let mut world = opened(sizes.huge);
    world.clock = thread_time;
    let view = ShardView::new(here);
    view.show(world.shard().reader());
    let name = format!("seawall-scale-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let socket = AdminSocket::claim(&path)?;
    // Threads run where those run that start them.
    worker::pin(there)?;
    let server = ServerView {
        interfaces: Vec::new(),
        clock: Clock::start(),
        shards: vec![view],
        xdp: XdpView::default(),
    };
    let admin = Admin::start(socket, server)?;
    let turn = Turn::default();
    let mut costs = Vec::new();
    let seen = thread::scope(|scope| {
        let reader = scope.spawn(|| turn.read(&path, sizes.huge));
        let pinned = worker::pin(here);
        let mut next = numbers(0, sizes.huge);
        for _ in 0..sizes.turns {
            let [without, with] = [false, true].map(|with| {
                turn.set(with, &reader);
                let mut rounds = Rounds::default();
                for _ in 0..ROUNDS.min(sizes.rounds) {
                    round(&mut world, &mut next, &mut rounds);
                }
                rounds.median()
            });
            costs.push(100.0 * (1.0 - without / with));
        }
        turn.is_over.store(true, Ordering::Relaxed);
        pinned?;
        reader.join().expect("the reader's thread lives")
    });
    drop(admin);
    seen?;
    let walks = turn.walks.load(Ordering::Relaxed);
    ensure!(walks > 0, "nobody walked");
    let cost = Measured::default().with("percent", median(costs));
    Ok(cost.with("walks", walks as f64))
}

// What the two threads tell each other; Relaxed, for each flag says only itself.
#[derive(Default)]
struct Turn {
    asks: AtomicBool,
    is_walking: AtomicBool,
    is_over: AtomicBool,
    walks: AtomicU64,
}

impl Turn {
    // Returns when it is so: no walk of the turn before goes on.
    fn set(&self, asks: bool, reader: &ScopedJoinHandle<'_, anyhow::Result<()>>) {
        self.asks.store(asks, Ordering::Relaxed);
        while self.is_walking.load(Ordering::Relaxed) != asks && !reader.is_finished() {
            thread::yield_now();
        }
    }

    fn read(&self, path: &Path, connections: u32) -> anyhow::Result<()> {
        while !self.is_over.load(Ordering::Relaxed) {
            let asks = self.asks.load(Ordering::Relaxed);
            self.is_walking.store(asks, Ordering::Relaxed);
            if !asks {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            let line = ask(path, &Ask::Count(Filter::default()))?.line()?;
            let Line::Counts(all) = line else {
                bail!("no counts");
            };
            ensure!(all.total == u64::from(connections), "{} seen", all.total);
            self.walks.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
