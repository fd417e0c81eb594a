//! Two shards, a wire, and a clock that jumps to whatever comes next. Each step ends with an audit.

use crate::draws::Draws;
use crate::scenario::Scenario;
use crate::tally::Tally;
use crate::trace::Trace;
use crate::user::{CHARGEN, DISCARD, ECHO, User};
use crate::verdict;
use seawall::nic::memory::{MemoryPort, pair};
use seawall::service::{Chargen, Discard, Echo};
use seawall::shard::{OpenError, Shard};
use seawall::tcp::State;
use seawall::time::{Duration, Instant};
use seawall::wire::{Address, Endpoint, FourTuple, LinkHeader};
use std::collections::BTreeMap;

/// More than any run takes; one that takes more never ends.
const STEPS_MAX: u64 = 100_000;

/// Ports of users: one that both sides listen on, and one that nobody does.
const USER: u16 = 1;
const NOBODY: u16 = 2;

/// After so long the ISS of a tuple has gone past all that its last life sent (RFC 9293 §3.4.1):
/// 500,000 numbers.
const REUSE: Duration = Duration::from_secs(2);

/// Steps without a segment in which a shard may call itself busy before the clock jumps.
const BUSY_STEPS_MAX: u32 = 4;

pub(crate) struct World {
    /// Server and client.
    pub(crate) ends: Vec<Shard<MemoryPort>>,
    /// The number of the [`User`] on each.
    users: [u16; 2],
    pub(crate) scenario: Scenario,
    draws: Draws,
    now: Instant,
    /// Seen from the client, with the time of the last OPEN.
    used: BTreeMap<FourTuple, Instant>,
    pub(crate) opened: [u64; 2],
    opens_left: u64,
    /// When a user does something next.
    acts_at: Instant,
    /// Until then nothing arrives.
    silent_until: Instant,
    busy_steps: u32,
    pub(crate) tally: Tally,
}

/// Runs a seed to its end.
pub(crate) fn run(seed: u64, is_traced: bool) -> Tally {
    let mut world = World::new(seed, is_traced);
    let mut steps = 0;
    while world.step() {
        steps += 1;
        assert!(steps < STEPS_MAX, "it never ends: {world}");
    }
    world.tally.steps = steps;
    world.tally.seeds = 1;
    verdict::check(world)
}

impl World {
    fn new(seed: u64, is_traced: bool) -> Self {
        let scenario = Scenario::new(seed);
        let mut draws = Draws::new(!seed);
        let (a, b) = pair(scenario.misfortune, scenario.frames);
        let [server, client] = &scenario.configs;
        let mut ends = vec![Shard::new(a, server.clone()), Shard::new(b, client.clone())];
        let users = [0, 1].map(|side: usize| {
            let shard = &mut ends[side];
            let draws = Draws::new(draws.next());
            let user = User::new(scenario.habits, draws, side as u32);
            let user = shard.add_service(Box::new(user));
            shard.listen(address(side, scenario.is_v4, USER), user);
            user
        });
        if is_traced {
            ends[0].set_tap(Box::new(Trace("server")));
            ends[1].set_tap(Box::new(Trace("client")));
        }
        let server = &mut ends[0];
        let mut listen = |port, service| {
            let service = server.add_service(service);
            server.listen(address(0, scenario.is_v4, port), service);
        };
        listen(ECHO, Box::new(Echo));
        listen(DISCARD, Box::new(Discard));
        listen(CHARGEN, Box::new(Chargen));
        Self {
            ends,
            users,
            draws,
            now: Instant::from_nanos(1),
            used: BTreeMap::new(),
            opened: [0; 2],
            opens_left: scenario.opens,
            acts_at: Instant::ZERO,
            silent_until: Instant::ZERO,
            busy_steps: 0,
            tally: Tally::default(),
            scenario,
        }
    }

    // Breathes both ends; jumps when neither had anything to do. `false` when all is over.
    fn step(&mut self) -> bool {
        let mut is_busy = false;
        let mut moved = 0;
        for shard in &mut self.ends {
            if self.now < self.silent_until {
                shard.port().drain(self.now);
            }
            let breath = shard.breathe(self.now);
            is_busy |= breath.is_busy;
            moved += breath.received + breath.sent;
            if let Err(discrepancy) = shard.audit() {
                panic!("{discrepancy}");
            }
            let free = shard.port().frames_free();
            assert_eq!(
                free, self.scenario.frames,
                "a frame is gone, or two are one"
            );
            self.tally.see(&shard.counters().states);
        }
        if moved > 0 {
            self.busy_steps = 0;
            return true;
        }
        if is_busy && self.busy_steps < BUSY_STEPS_MAX {
            self.busy_steps += 1;
            self.now = self.now + Duration::from_micros(1);
            return true;
        }
        self.busy_steps = 0;
        if self.acts_at <= self.now {
            self.act();
            return true;
        }
        self.jump()
    }

    fn jump(&mut self) -> bool {
        let events = self.ends.iter_mut().map(|shard| {
            let arrival = shard.port().next_arrival().unwrap_or(Instant::NEVER);
            arrival.min(shard.next_deadline())
        });
        let next = events.min().unwrap_or(Instant::NEVER).min(self.acts_at);
        if next.is_armed() {
            self.now = next.max(self.now + Duration::from_micros(1));
            return true;
        }
        self.give_up()
    }

    // Nothing will ever happen again. What is left waits for a FIN of a peer that is gone, or is a
    // service that waits for its word: nothing tells it, so somebody does.
    fn give_up(&mut self) -> bool {
        let mut left = false;
        for tuple in self.tuples() {
            for (side, tuple) in [(1, tuple), (0, tuple.reversed())] {
                let Some(state) = self.ends[side].state_of(&tuple) else {
                    continue;
                };
                let peer = self.ends[1 - side].state_of(&tuple.reversed());
                let is_user = !matches!(tuple.local.port, ECHO | DISCARD | CHARGEN);
                let may_wait = state == State::FinWait2 || state == State::Established && !is_user;
                assert!(
                    may_wait && peer.is_none(),
                    "{tuple:?} hangs in {state:?}, and its peer in {peer:?}: {self}"
                );
                self.abort(side, &tuple);
                self.tally.abandoned += 1;
                left = true;
            }
        }
        left
    }

    // A user does something.
    fn act(&mut self) {
        let pause = self.scenario.pause;
        self.acts_at = self.now + self.draws.pause(pause);
        if self.opens_left > 0 && self.draws.one_in(2) {
            self.opens_left -= 1;
            return self.open();
        }
        let is_fair = self.scenario.habits.is_fair;
        match self.draws.below(16) {
            0 if !is_fair => {
                let tuples = self.tuples();
                if let Some(tuple) = tuples.get(self.draws.below(tuples.len() as u64) as usize) {
                    let side = self.draws.below(2) as usize;
                    self.abort(side, &seen_from(side, tuple));
                }
            }
            1 if !is_fair => {
                let far = self.draws.pause(Duration::from_mins(10));
                self.now = self.now + far;
            }
            2 if !is_fair => {
                let silence = self.draws.pause(Duration::from_mins(2));
                self.silent_until = self.now + silence;
            }
            3 if self.opens_left == 0 => self.hurry(),
            _ => {
                self.nudge(2);
            }
        }
    }

    // Ends are near: nobody waits for anything but the other side.
    fn hurry(&mut self) {
        for side in [0, 1] {
            self.user(side).is_in_a_hurry = true;
        }
        if self.nudge(1) {
            self.acts_at = Instant::NEVER;
        }
    }

    // One in `n` connections has a turn of its user's own accord. `false` when one of them would
    // have to be woken, and too many are at work.
    fn nudge(&mut self, n: u64) -> bool {
        let mut all = true;
        for tuple in self.tuples() {
            for side in [0, 1] {
                if let Some(handle) = self.ends[side].handle_of(&seen_from(side, &tuple))
                    && self.draws.one_in(n)
                {
                    all &= self.ends[side].nudge(handle, self.now);
                }
            }
        }
        all
    }

    fn abort(&mut self, side: usize, tuple: &FourTuple) {
        let shard = &mut self.ends[side];
        if let Some(handle) = shard.handle_of(tuple) {
            let was = shard.state_at(handle);
            let is_done = shard.abort(handle, self.now);
            assert_eq!(is_done, was != Some(State::TimeWait), "MUST-13");
        }
    }

    fn open(&mut self) {
        let port = 10_000 + self.draws.below(self.scenario.ports) as u16;
        let to = self
            .draws
            .of(&[USER, USER, USER, ECHO, DISCARD, CHARGEN, NOBODY]);
        let v4 = self.scenario.is_v4;
        let mut tuple = FourTuple {
            local: address(1, v4, port),
            remote: address(0, v4, to),
        };
        match self.draws.below(8) {
            // The server begins.
            0 => {
                tuple.local.port = USER;
                tuple.remote.port = port;
                self.open_by(0, tuple);
            }
            // Both do, and nobody need listen (RFC 9293 §3.5).
            1 => {
                tuple.remote.port = self.draws.of(&[USER, NOBODY]);
                if self.open_by(0, tuple) {
                    self.open_by(1, tuple);
                }
            }
            _ => {
                self.open_by(1, tuple);
            }
        }
    }

    // `tuple` is seen from the client.
    fn open_by(&mut self, side: usize, tuple: FourTuple) -> bool {
        let last = self.used.get(&tuple);
        // At the same moment it is the other side's part of one life.
        let is_early = last.is_some_and(|at| *at < self.now && self.now - *at < REUSE);
        // A TIME-WAIT that cannot be driven out keeps old segments away from the next life; and
        // may keep the next life away, so that is not for those who expect to succeed.
        let is_fair = self.scenario.habits.is_fair;
        if is_early && (is_fair || !self.is_kept_by_time_wait(&tuple)) {
            return false;
        }
        let mine = seen_from(side, &tuple);
        let link = LinkHeader::new([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let had = self.ends[1 - side].state_of(&mine.reversed());
        let shard = &mut self.ends[side];
        let (was, was_len) = (shard.state_of(&mine), shard.len());
        match shard.open(mine, link, 0, self.users[side], self.now) {
            Ok(_) => {
                assert_eq!(was, None, "two connections of one tuple");
                self.used.insert(tuple, self.now);
                self.opened[side] += 1;
                self.tally.second_lives += u64::from(had == Some(State::TimeWait));
                true
            }
            Err(OpenError::Exists) => {
                assert!(was.is_some());
                false
            }
            Err(OpenError::Full) => {
                // What is in TIME-WAIT has room of its own.
                let config = &self.scenario.configs[side];
                let is_crowded = config.at_work.is_some_and(|max| shard.at_work() >= max);
                assert!(was_len >= config.connections || is_crowded);
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn is_kept_by_time_wait(&self, tuple: &FourTuple) -> bool {
        [0, 1].into_iter().any(|side| {
            let config = &self.scenario.configs[side];
            let is_safe = config.connections == 64 && config.limits.time_wait == 0;
            let state = self.ends[side].state_of(&seen_from(side, tuple));
            is_safe && state == Some(State::TimeWait)
        })
    }

    pub(crate) fn user(&mut self, side: usize) -> &mut User {
        let user = self.ends[side].service_mut(self.users[side]);
        user.expect("added at the beginning")
    }

    fn tuples(&self) -> Vec<FourTuple> {
        self.used.keys().copied().collect()
    }
}

impl std::fmt::Display for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "at {:?}: {:#?}", self.now, self.scenario)?;
        for tuple in self.used.keys() {
            let states = [0, 1].map(|side| self.ends[side].state_of(&seen_from(side, tuple)));
            writeln!(
                f,
                "{tuple:?}: server {:?}, client {:?}",
                states[0], states[1]
            )?;
        }
        for shard in &self.ends {
            writeln!(f, "{:?}", shard.counters())?;
        }
        Ok(())
    }
}

const fn seen_from(side: usize, tuple: &FourTuple) -> FourTuple {
    if side == 1 { *tuple } else { tuple.reversed() }
}

const fn address(side: usize, is_v4: bool, port: u16) -> Endpoint {
    let last = side as u8 + 1;
    let address = if is_v4 {
        Address::v4([192, 0, 2, last])
    } else {
        Address([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
    };
    Endpoint { address, port }
}
