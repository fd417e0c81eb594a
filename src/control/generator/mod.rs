//! The load generator over a shard: begins connections when the schedule says so, gives up those
//! that take too long, ends on time.
//!
//! [`Generator`] is the loop's body over any port: between two shards in memory and in simulated
//! time as well as on a NIC. [`Load`] runs it over `AF_XDP` on a thread of its own.

mod error;
mod load;
mod next_hop;

pub use error::Error;
pub use load::{Glance, Load, LoadConfig, LoadReport};
pub use next_hop::resolve as next_hop;

use crate::limits::BURST_FRAMES;
use crate::load::{Hold, Plan, Progress, Schedule, Tally, Tuples, Visitor};
use crate::nic::{Port, PortCounters};
use crate::shard::{Counters, OpenError, Shard, ShardConfig};
use crate::table::Handle;
use crate::tcp::State;
use crate::time::{Duration, Instant};
use crate::wire::{Address, LinkHeader};
use std::collections::VecDeque;

/// Connections that one turn begins, and connections that one turn releases: as many as a breath
/// has turns for.
const TURN: usize = BURST_FRAMES / 2;

/// What the schedule still owes when the time is over has so long to begin.
const GRACE: Duration = Duration::from_millis(100);

/// How long connections have to end when the load is stopped before its time.
const STOP: Duration = Duration::from_secs(1);

/// How far apart samples are at least.
const SAMPLE_MIN: Duration = Duration::from_millis(50);

/// Samples of a run that goes as planned.
const SAMPLES: u32 = 256;

/// What one turn did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Is there more to do at once?
    pub is_busy: bool,
    /// Is everything over?
    pub is_done: bool,
    /// When there is something to do again, unless something arrives before.
    pub next: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Connections begin.
    Starting,
    /// All are open that will be, and stay so until then.
    Holding(Instant),
    /// Connections that were held go, since then, as fast as they came; NEVER is all at once.
    Releasing(Instant),
    /// The last ones end.
    Draining,
    Done,
}

/// A load on a shard.
pub struct Generator<P: Port> {
    shard: Shard<P>,
    visitor: u16,
    schedule: Schedule,
    tuples: Tuples,
    link: LinkHeader,
    queues: u16,
    at_once: u64,
    timeout: Duration,
    span: Option<Duration>,
    hold: Option<Duration>,
    /// The first intended start; NEVER before the first turn.
    began: Instant,
    phase: Phase,
    started: u64,
    /// What began and is not known to be over, with when it is given up: in this order.
    under_way: VecDeque<(Instant, Handle)>,
    held: Vec<Handle>,
    held_at: Instant,
    /// Of those that were held, let go.
    let_go: u64,
}

impl<P: Port> Generator<P> {
    /// The settings of a shard for `plan`, to be completed: MTU, checksums, secrets.
    #[must_use]
    pub fn shard_config(plan: &Plan) -> ShardConfig {
        // A part of the places at work is not for new ones.
        let at_once = plan.at_once() as usize;
        let connections = at_once + at_once / 8 + 1;
        let mut config = ShardConfig {
            connections,
            // What is held is let go all at once.
            at_work: Some(connections),
            ..ShardConfig::default()
        };
        config.tcp.time_wait = plan.time_wait;
        config.tcp.send_buffer = 64 * 1024;
        config.limits.time_wait = plan.time_waits() as usize;
        config
    }

    /// Carries out `plan`, which was checked, over `port`. Frames leave behind `link`.
    #[must_use]
    pub fn new(port: P, config: ShardConfig, plan: &Plan, link: LinkHeader) -> Self {
        let schedule = plan.schedule();
        let length = plan.hold().or(plan.span()).unwrap_or(schedule.length());
        let interval = (length / SAMPLES).max(SAMPLE_MIN);
        let mut tally = Tally::new(interval);
        tally.asked = schedule.count();
        let queues = port.queues() as u16;
        let mut shard = Shard::new(port, config);
        let visitor = shard.add_service(Box::new(Visitor::new(plan, tally)));
        let at_once = plan.at_once();
        Self {
            shard,
            visitor,
            schedule,
            tuples: plan.tuples(),
            link,
            queues,
            at_once,
            timeout: plan.timeout,
            span: plan.span(),
            hold: plan.hold(),
            began: Instant::NEVER,
            phase: Phase::Starting,
            started: 0,
            under_way: VecDeque::with_capacity(at_once as usize),
            held: Vec::new(),
            held_at: Instant::NEVER,
            let_go: 0,
        }
    }

    /// Answers ARP, ND and ping for a source address that is ours alone.
    pub fn answer_for(&mut self, address: Address) {
        self.shard.answer_for(address);
    }

    /// Does what there is to do at `now`. The first turn is when the schedule begins.
    pub fn turn(&mut self, now: Instant) -> Turn {
        if !self.began.is_armed() {
            self.began = now;
        }
        self.visitor().now = now;
        let began_some = self.start(now);
        let released_some = self.release(now);
        self.give_up(now);
        let breath = self.shard.breathe(now);
        let reset_some = self.collect(now);
        self.advance(now);
        self.sample(now);
        let worked = breath.received + breath.sent > 0 || breath.is_busy;
        Turn {
            is_busy: worked || began_some || released_some || reset_some,
            is_done: self.phase == Phase::Done,
            next: self.next(),
        }
    }

    /// Begins no more connections, releases those that are held, and gives up before long those
    /// that do not end.
    pub fn stop(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Starting | Phase::Holding(_)) {
            self.tally_mut().asked = self.started;
            self.begin_release(now);
        }
        if let Phase::Releasing(began) = &mut self.phase {
            *began = Instant::NEVER;
        }
        let by = now + STOP;
        for (deadline, _) in &mut self.under_way {
            *deadline = by.min(*deadline);
        }
        self.timeout = self.timeout.min(STOP);
    }

    /// What was seen so far.
    pub fn tally(&mut self) -> &Tally {
        &self.visitor().tally
    }

    /// What the shard counted so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        self.shard.counters()
    }

    /// The shard: to sleep, and to look at its port.
    pub const fn shard(&mut self) -> &mut Shard<P> {
        &mut self.shard
    }

    /// What was seen, by the visitor, the shard and its port.
    #[must_use]
    pub fn finish(mut self) -> (Tally, Counters, PortCounters) {
        let counters = self.shard.counters().clone();
        let port = self.shard.port().counters();
        (self.visitor().tally.clone(), counters, port)
    }

    fn visitor(&mut self) -> &mut Visitor {
        let visitor = self.shard.service_mut(self.visitor);
        visitor.expect("this number was given to the visitor")
    }

    fn tally_mut(&mut self) -> &mut Tally {
        &mut self.visitor().tally
    }

    // Begins what is due, as far as the limit of connections at once and the tuples go.
    fn start(&mut self, now: Instant) -> bool {
        if self.phase != Phase::Starting {
            return false;
        }
        let before = self.started;
        let mut under_way = self.started - self.tally().ended();
        for _ in 0..TURN {
            let Some(offset) = self.schedule.start_of(self.started) else {
                break;
            };
            let intended = self.began + offset;
            if intended > now || under_way >= self.at_once {
                break;
            }
            let Some(tuple) = self.tuples.take(now) else {
                break;
            };
            // By the time it is opened, the table's line for it is there.
            if let Some(next) = self.tuples.next(now) {
                self.shard.prefetch(&next);
            }
            let queue = (self.started % u64::from(self.queues)) as u16;
            match self.shard.open(tuple, self.link, queue, self.visitor, now) {
                Ok(handle) => {
                    self.started += 1;
                    under_way += 1;
                    self.under_way.push_back((now + self.timeout, handle));
                    if let Some(user) = self.shard.user_mut(handle) {
                        *user = Progress::new(intended).to_words();
                    }
                    let late = (now - intended).as_micros() as u64;
                    self.tally_mut().late.saturating_record(late);
                }
                // Its TIME-WAIT began anew, because the server's FIN came again.
                Err(OpenError::Exists) => self.tuples.give_back(&tuple, now),
                // Some may be over, and their last ACKs wait for frames.
                Err(error @ (OpenError::Full | OpenError::InvalidRemote)) => {
                    debug_assert!(error == OpenError::Full, "the target is good");
                    self.tuples.give_back(&tuple, now);
                    break;
                }
            }
        }
        if self.started > before {
            self.tally_mut().started = self.started;
        }
        self.started > before
    }

    // Lets some of those that were held go.
    fn release(&mut self, now: Instant) -> bool {
        let before = self.let_go;
        for _ in 0..TURN {
            let Phase::Releasing(began) = self.phase else {
                break;
            };
            if self.next_release(began) > now {
                break;
            }
            let Some(handle) = self.held.pop() else {
                self.phase = Phase::Draining;
                break;
            };
            self.let_go += 1;
            self.under_way.push_back((now + self.timeout, handle));
            self.shard.nudge(handle, now);
        }
        self.let_go > before
    }

    // When the next one of those that were held is let go.
    fn next_release(&self, began: Instant) -> Instant {
        let after = self.schedule.start_of(self.let_go);
        match after.filter(|_| began.is_armed()) {
            Some(after) => began + after,
            None => Instant::ZERO,
        }
    }

    fn give_up(&mut self, now: Instant) {
        while let Some(&(deadline, handle)) = self.under_way.front() {
            let state = self.shard.state_at(handle);
            let is_over = matches!(state, None | Some(State::TimeWait));
            if !is_over && deadline > now {
                return;
            }
            self.under_way.pop_front();
            let is_held = self.hold.is_some() && self.phase == Phase::Starting;
            if is_held && state == Some(State::Established) {
                self.held.push(handle);
            } else if !is_over {
                self.shard.abort(handle, now);
            }
        }
    }

    // Takes from the visitor what it has for us. Says whether resets were sent.
    fn collect(&mut self, now: Instant) -> bool {
        let mut resets = core::mem::take(&mut self.visitor().resets);
        let reset_some = !resets.is_empty();
        for tuple in resets.drain(..) {
            if let Some(handle) = self.shard.handle_of(&tuple) {
                self.shard.abort(handle, now);
            }
        }
        let mut ended = core::mem::take(&mut self.visitor().ended);
        for tuple in ended.drain(..) {
            self.tuples.give_back(&tuple, now);
        }
        // Given back with their capacity: nothing is allocated from turn to turn.
        let visitor = self.visitor();
        visitor.resets = resets;
        visitor.ended = ended;
        reset_some
    }

    fn advance(&mut self, now: Instant) {
        let (opened, failed, ended) = {
            let tally = self.tally();
            (tally.opened, tally.failures(), tally.ended())
        };
        match self.phase {
            Phase::Starting => {
                let is_late = self
                    .span
                    .is_some_and(|span| now >= self.began + span + GRACE);
                let all_began = self.started == self.schedule.count();
                if self.hold.is_none() && (all_began || is_late) {
                    self.phase = Phase::Draining;
                } else if let Some(hold) = self.hold
                    && all_began
                    // One that opened and failed is counted twice: then look closer.
                    && opened + failed >= self.started
                    && self.counters().states[State::SynSent as usize] == 0
                    && self.counters().states[State::SynReceived as usize] == 0
                {
                    self.begin_hold(now, hold);
                }
            }
            Phase::Holding(until) => {
                if now >= until {
                    self.begin_release(now);
                }
            }
            Phase::Draining if ended == self.started => {
                self.tally_mut().span = now - self.began;
                self.phase = Phase::Done;
                // The last resets are still on their way to the port.
                self.shard.breathe(now);
            }
            Phase::Releasing(_) | Phase::Draining | Phase::Done => {}
        }
    }

    fn begin_hold(&mut self, now: Instant, hold: Duration) {
        let under_way = self.under_way.drain(..);
        self.held.extend(under_way.map(|(_, handle)| handle));
        self.phase = Phase::Holding(now + hold);
        self.held_at = now;
        let open = self.counters().states[State::Established as usize];
        let asked = self.schedule.count();
        self.tally_mut().hold = Some(Hold {
            asked,
            open,
            least: open,
            held: Duration::ZERO,
        });
    }

    fn begin_release(&mut self, now: Instant) {
        if self.hold.is_none() {
            self.phase = Phase::Draining;
            return;
        }
        self.look_at_hold(now);
        // Stopped before all were open: those that are go too.
        let shard = &self.shard;
        let is_open = |handle| shard.state_at(handle) == Some(State::Established);
        let early = self.under_way.iter().map(|(_, handle)| *handle);
        self.held.extend(early.filter(|handle| is_open(*handle)));
        self.visitor().is_releasing = true;
        self.phase = Phase::Releasing(now);
    }

    fn look_at_hold(&mut self, now: Instant) {
        let open = self.counters().states[State::Established as usize];
        let held = now - self.held_at;
        if let (Phase::Holding(_), Some(hold)) = (self.phase, &mut self.tally_mut().hold) {
            hold.least = hold.least.min(open);
            hold.held = held;
        }
    }

    fn sample(&mut self, now: Instant) {
        let began = self.began;
        let is_done = self.phase == Phase::Done;
        if self.tally().next_sample(began) > now && !is_done {
            return;
        }
        self.look_at_hold(now);
        let states = self.counters().states;
        self.tally_mut().sample(now - began, states);
    }

    fn next(&mut self) -> Instant {
        let began = self.began;
        let phase = match self.phase {
            Phase::Starting => self.next_start(),
            Phase::Holding(until) => until,
            Phase::Releasing(began) => self.next_release(began),
            Phase::Done => Instant::ZERO,
            Phase::Draining => Instant::NEVER,
        };
        let given_up = self.under_way.front().map(|(deadline, _)| *deadline);
        phase
            .min(given_up.unwrap_or(Instant::NEVER))
            .min(self.shard.next_deadline())
            .min(self.tally().next_sample(began))
    }

    fn next_start(&mut self) -> Instant {
        let end = self.span.map(|span| self.began + span + GRACE);
        let end = end.unwrap_or(Instant::NEVER);
        if self.started - self.tally().ended() >= self.at_once {
            return end;
        }
        let next = self.schedule.start_of(self.started);
        next.map_or(end, |offset| self.began + offset)
    }
}

#[cfg(test)]
mod tests;
