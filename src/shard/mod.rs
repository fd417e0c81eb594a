//! The worker: receive a burst, parse, look up, decide, act, run timers, send a burst.
//!
//! A [`Shard`] owns its port, its table, its timers and its buffers; one thread calls
//! [`Shard::breathe`] over and over. Everything is allocated in [`Shard::new`].
//!
//! In: `arrive` takes segments in, or hands them over (`mesh`); `predict` those that connections at
//! rest expect; `stranger` answers those of no connection, with `cookies` under `shared_cookies`;
//! `anew` those of one that its peer has forgotten; `neighbour` what is no segment but asks for an
//! address of ours; `icmp` what happened to segments on their way. `listener`, `sources` and `budget`
//! say how many of each.
//!
//! Done: `act` carries out what the protocol asks, `send` lets segments out, `expire` runs the
//! timers, `time_wait` keeps what is over.
//!
//! What is remembered of a connection is in `connection`: all of it while it is `at_work`, and as
//! little as goes while it is at `rest`, with what it shares with others of its `class`. `client` is
//! for those who begin connections or hold them by handle. `note`, `counters` and `tap` are for
//! those who look on, `audit` for those who doubt.

mod act;
mod anew;
mod arrive;
mod at_work;
mod audit;
mod budget;
mod class;
mod client;
mod config;
mod connection;
mod cookies;
mod counters;
mod expire;
mod icmp;
mod listener;
mod mesh;
mod neighbour;
mod note;
mod predict;
mod rest;
mod send;
mod shared_cookies;
mod sources;
mod stranger;
mod tap;
mod time_wait;

pub use audit::Discrepancy;
pub use client::Waiting;
pub use config::{Budgets, Limits, Secrets, ShardConfig, SynCookies};
pub use cookies::CookieCounters;
pub use counters::{Connections, Counters};
pub use mesh::Mesh;
pub use note::{Note, Ticks};
pub use shared_cookies::{SharedCookies, draw_key};
pub use tap::{Direction, Tap};

use crate::buffer::Pool;
use crate::limits::BURST_FRAMES;
use crate::nic::{Burst, Frame, Port};
use crate::service::Service;
use crate::table::{Handle, Reader, Table};
use crate::tcp::{Config, Context, IssSource, Open, State, Tcb};
use crate::time::{Duration, Instant};
use crate::wheel::Wheel;
use crate::wire::{Endpoint, FourTuple, LinkHeader, Packet};
use ahash::RandomState;
use at_work::{AtWork, Seat};
use budget::Budget;
use class::Classes;
use connection::{Connection, Place};
use cookies::Cookies;
use listener::Listener;
use neighbour::Neighbours;
use sources::Sources;
use std::collections::{HashMap, VecDeque};

/// Why a shard could not take a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The tuple is in use.
    #[error("a connection between these ends exists")]
    Exists,
    /// The table is full, or as many connections are at work as may be.
    #[error("the connection table is full")]
    Full,
    /// MUST-46.
    #[error("the remote address is not that of one host")]
    InvalidRemote,
}

/// What one breath did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breath {
    /// Frames that arrived.
    pub received: usize,
    /// Frames that were sent.
    pub sent: usize,
    /// Is there more to do at once, whether or not something arrives?
    pub is_busy: bool,
}

// Connections with output waiting in one breath.
const TOUCHED_MAX: usize = 2 * BURST_FRAMES;

/// One worker's whole world. See the module's head.
pub struct Shard<P: Port> {
    // hot: every breath
    port: P,
    table: Table<Place>,
    at_work: AtWork,
    classes: Classes,
    wheel: Wheel,
    received: Pool,
    to_send: Pool,
    burst: Burst,
    // These two are taken out of the shard while they are worked through: vectors, so that it is
    // not their content that moves. They never grow.
    arrivals: Vec<Arrival>,
    /// Connections with output waiting, each with the frame that it may go into.
    touched: Vec<(Seat, Option<Frame>)>,
    /// Places at work whose turn goes on in the next breath: each at most once, so it never grows.
    backlog: VecDeque<u32>,
    mesh: Option<Mesh>,
    counters: Counters,
    // cold: open, close
    listening: HashMap<Endpoint, u16, RandomState>,
    /// The endpoint of `listening` that was asked for last: a flood asks for one.
    listening_last: Option<(Endpoint, u16)>,
    listeners: Vec<Listener>,
    sources: Sources,
    cookies: Cookies,
    syn_ack_budget: Budget,
    reset_budget: Budget,
    challenge_budget: Budget,
    neighbours: Neighbours,
    services: Vec<Box<dyn Service>>,
    iss: IssSource,
    config: ShardConfig,
    tap: Option<Box<dyn Tap>>,
}

// A frame whose headers are good.
struct Arrival {
    /// Until its turn.
    frame: Option<Frame>,
    packet: Packet,
    hash: u64,
    /// The place of its connection, most likely; `None`: when the burst was looked up, its tuple
    /// was not in the table.
    candidate: Option<u32>,
    /// Another one of its connection comes later in the burst.
    is_followed: bool,
}

impl<P: Port> Shard<P> {
    /// A shard over `port`, everything allocated.
    #[must_use]
    pub fn new(port: P, config: ShardConfig) -> Self {
        let (connections, records) = (config.connections, config.time_waits());
        let keep = config.tcp.time_wait;
        let table = Table::with_records(connections, records, keep, config.secrets.table);
        let at_work = config.at_work_max();
        let [a, b, c, d] = config.secrets.table;
        let keyed = RandomState::with_seeds(d, c, b, a);
        Self {
            wheel: Wheel::new(config.connections),
            received: Pool::new(config.blocks),
            to_send: Pool::new(config.blocks),
            burst: Burst::new(),
            arrivals: Vec::with_capacity(BURST_FRAMES),
            touched: Vec::with_capacity(TOUCHED_MAX),
            backlog: VecDeque::with_capacity(at_work + 1),
            counters: Counters::default(),
            listening: HashMap::with_hasher(keyed.clone()),
            listening_last: None,
            listeners: Vec::new(),
            sources: Sources::new(config.limits.per_source, config.connections, keyed.clone()),
            cookies: Cookies::new(
                config.syn_cookies,
                config.limits.half_open,
                config.cookies.clone(),
            ),
            syn_ack_budget: Budget::new(config.budgets.syn_ack),
            reset_budget: Budget::new(config.budgets.reset),
            challenge_budget: Budget::new(config.budgets.challenge),
            neighbours: Neighbours::new(&config, keyed.clone()),
            services: Vec::new(),
            iss: IssSource::new(&config.secrets.iss),
            tap: None,
            mesh: None,
            at_work: AtWork::new(at_work),
            classes: Classes::new(config.connections, keyed),
            table,
            port,
            config,
        }
    }

    /// Touches the memory of its table and its lists, so that no page is missing later: for whoever
    /// has time to spare before the first connection.
    pub fn populate(&mut self) {
        self.table.populate();
        self.at_work.populate();
        let turns = self.backlog.len();
        self.backlog.resize(self.config.at_work_max() + 1, 0);
        self.backlog.truncate(turns);
    }

    /// Adds a service; the number stands for it in [`Shard::listen`] and [`Shard::open`].
    pub fn add_service(&mut self, service: Box<dyn Service>) -> u16 {
        self.services.push(service);
        u16::try_from(self.services.len() - 1).expect("services are added by hand")
    }

    /// Lets somebody watch every segment, for diagrams.
    pub fn set_tap(&mut self, tap: Box<dyn Tap>) {
        self.tap = Some(tap);
    }

    /// Makes it one of several: frames of connections that another one owns are handed over.
    pub fn join(&mut self, mesh: Mesh) {
        self.mesh = Some(mesh);
    }

    /// Active OPEN: the SYN leaves in the next breath, by `queue`, behind `link`. The local address
    /// is the caller's choice (MUST-43, MUST-44), and stays that of the connection (MUST-45). A
    /// listener on the same port is not touched by it (MUST-42).
    pub fn open(
        &mut self,
        tuple: FourTuple,
        link: LinkHeader,
        queue: u16,
        service: u16,
        now: Instant,
    ) -> Result<Handle, OpenError> {
        assert!(
            usize::from(service) < self.services.len(),
            "no such service"
        );
        if !tuple.remote.address.is_unicast() {
            return Err(OpenError::InvalidRemote);
        }
        let hash = self.table.hash(&tuple);
        if self.table.find(hash, &tuple).is_some() {
            return Err(OpenError::Exists);
        }
        if self.table.is_full() {
            return Err(OpenError::Full);
        }
        if self.at_work.is_crowded() {
            return Err(OpenError::Full);
        }
        let iss = self.iss.iss(&tuple, now);
        let ts_offset = self.iss.timestamp_offset(&tuple);
        let tcb = Tcb::on_open(iss, ts_offset, &context(&self.config.tcp, &tuple, now));
        let connection = Connection::new(tuple, tcb, link, queue, service);
        let seat = self.begin(hash, connection).ok_or(OpenError::Full)?;
        let note = Note::new(State::SynSent, Open::Active, now);
        self.table.set_note(seat.handle, note.into());
        self.counters.states[State::SynSent as usize] += 1;
        self.postpone(seat);
        Ok(seat.handle)
    }

    /// Calls the memory that [`Shard::open`] will need first for this tuple: for whoever opens many.
    pub fn prefetch(&self, tuple: &FourTuple) {
        self.table.prefetch(self.table.hash(tuple));
    }

    /// Does all there is to do at `now`: a burst in, timers, a burst out. Bounded: when there is
    /// more, [`Breath::is_busy`] says so.
    pub fn breathe(&mut self, now: Instant) -> Breath {
        let sent = self.counters.segments_out;
        self.cookies.tick(now);
        self.take_parcels();
        self.port.receive(now, &mut self.burst);
        let received = self.burst.len();
        self.parse(now);
        self.arrive(now);
        let more_due = self.expire(now);
        self.resume(now);
        self.send(now);
        self.port.flush(now);
        Breath {
            received,
            sent: (self.counters.segments_out - sent) as usize,
            is_busy: more_due || !self.backlog.is_empty() || received == BURST_FRAMES,
        }
    }

    /// When the next timer may be due; [`Instant::NEVER`] when none is armed.
    #[must_use]
    pub fn next_deadline(&self) -> Instant {
        self.wheel.next_deadline().min(self.next_time_wait())
    }

    /// Sleeps until something arrives, here or from another shard, or `timeout` is over.
    pub fn sleep(&mut self, timeout: Duration) {
        let Some(mesh) = &self.mesh else {
            return self.port.wait(timeout, None);
        };
        if mesh.fall_asleep() {
            self.port.wait(timeout, mesh.wake_fd());
            mesh.awake();
        }
    }

    /// What it was made with.
    #[must_use]
    pub const fn config(&self) -> &ShardConfig {
        &self.config
    }

    /// The port, to look at.
    pub const fn port(&mut self) -> &mut P {
        &mut self.port
    }

    /// The port, for whoever opened it. Connections are forgotten; frames that the shard holds in
    /// its hands between breaths there are none.
    pub fn into_port(self) -> P {
        self.port
    }

    /// Somebody who may look at its connections from any thread, at no cost to it. Of each there
    /// is a [`Note`].
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.table.reader()
    }

    /// What happened so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Connections on which something is under way, of those that exist.
    #[must_use]
    pub const fn at_work(&self) -> usize {
        self.at_work.len()
    }

    /// Connections that exist, in TIME-WAIT too.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len() + self.table.records_len()
    }

    /// Is there no connection at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a connection stands; `None` when there is none.
    #[must_use]
    pub fn state_of(&self, tuple: &FourTuple) -> Option<State> {
        self.state_at(self.handle_of(tuple)?)
    }

    /// Blocks that hold no text: all of them when nothing waits.
    #[must_use]
    pub fn free_blocks(&self) -> (usize, usize) {
        (self.received.free_blocks(), self.to_send.free_blocks())
    }

    // Gives a connection a slot, and a place at work.
    fn begin(&mut self, hash: u64, connection: Connection) -> Option<Seat> {
        let place = self.at_work.vacancy()?;
        let handle = self
            .table
            .insert(hash, connection.tuple, Place::AtWork(place))
            .ok()?;
        let seat = Seat { handle, place };
        self.at_work.insert(seat, connection);
        Some(seat)
    }

    // Gives a connection a turn in the next breath.
    fn postpone(&mut self, seat: Seat) {
        if !core::mem::replace(&mut self.at_work[seat].is_postponed, true) {
            self.backlog.push_back(seat.place);
        }
    }

    // The turns that the last breath left over.
    fn resume(&mut self, now: Instant) {
        for _ in 0..self.backlog.len().min(BURST_FRAMES / 2) {
            let Some(place) = self.backlog.pop_front() else {
                return;
            };
            let Some(connection) = self.at_work.at_mut(place) else {
                return;
            };
            connection.is_postponed = false;
            // The turn of one that is gone is its successor's, or nobody's.
            let Some(handle) = connection.owner else {
                continue;
            };
            if core::mem::take(&mut connection.is_starved) {
                self.nudge(handle, now);
            } else {
                self.touch(Seat { handle, place }, None);
            }
        }
    }
}

fn context<'a>(config: &'a Config, tuple: &FourTuple, now: Instant) -> Context<'a> {
    Context {
        now,
        config,
        is_v4: tuple.local.address.is_v4(),
        may_store: true,
        may_reopen: false,
    }
}

#[cfg(test)]
mod tests;
