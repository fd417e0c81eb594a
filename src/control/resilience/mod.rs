//! The proof of resilience: honest kernel clients before, during and after a flood, against us and
//! against peers, in a lab of its own.
//!
//! The server and the honest clients share one core, the flood has another. For each contestant
//! and rate there are three phases of one length: clients alone, clients beside the flood, clients
//! alone again. A phase ends when the last connection that it began has ended, and the flood of
//! its phase lasts as long. What comes back to the attacker is counted by a program at its
//! interface, the same for all.
//!
//! Two rows without honest clients say what the port itself can do: `l2fwd` sends each frame back
//! over the same rings, and `serve alone` answers it.

mod against;
mod arena;
mod attack;
mod clients;
mod dialogue;
mod error;
mod kernel;
mod l2fwd;
mod machine;
mod row;
mod sink;
mod tally;

pub use against::{Against, has_nft};
pub use error::Error;
pub use row::{Cpu, Flooded, Honest, Percentiles, Phase, Row, Topology};

use super::worker;
use crate::flood::{Rate, Span};
use crate::time::Duration;
use against::Contestant;
use arena::{ATTACKER_CPU, Arena, SERVER_CPU};
use attack::Attack;
use clients::{Clients, PATIENCE};
use core::sync::atomic::{AtomicBool, Ordering};
use machine::Processors;
use std::thread;

/// The name of the rows of plain `AF_XDP`.
pub const L2FWD: &str = "l2fwd";

/// The name of the rows of `serve` without honest clients.
pub const SERVE_ALONE: &str = "serve alone";

/// The longest phase: a flood has to outlast it, and the patience of the last client.
pub const PHASE_MAX: Duration = Duration::from_secs(45);

const _: () = assert!(
    PHASE_MAX.as_secs() + PATIENCE.as_secs() + LEAD.as_secs() <= Span::MAX.get().as_secs(),
    "no flood ends before its phase"
);

/// What a flood lasts longer than its phase can.
const LEAD: Duration = Duration::from_secs(2);

/// Connections that are held open through all phases.
const HELD: usize = 4;

/// In [`Topology::Shared`] new connections compete with the flood from here on: a share of what the
/// server answers when it is flooded as fast as it goes.
const SHARE_OF_CAPACITY: f64 = 0.8;

/// How often a phase without clients looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(10);

/// Set-up and tear-down of a contestant, or of a flood: an estimate.
const AROUND: Duration = Duration::from_millis(300);

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who shares an interface with the attacker.
    pub topology: Topology,
    /// Who stands the flood, in this order.
    pub against: Vec<Against>,
    /// The rates of the flood.
    pub rates: Vec<Rate>,
    /// How long connections begin in each phase, at most [`PHASE_MAX`].
    pub phase: Duration,
    /// Honest clients at once.
    pub clients: usize,
}

impl Plan {
    /// How long it takes when nobody has to wait, and at most.
    #[must_use]
    pub fn duration(&self) -> (Duration, Duration) {
        let added = if self.needs_capacity() {
            // The rate that is found, and the one that finds it.
            1 + u32::from(!self.rates.contains(&Rate::MAX))
        } else {
            0
        };
        let rounds = (self.against.len() * self.rates.len()) as u32 + added;
        let phases = 3 * rounds;
        let alone = 2;
        let contestants = self.against.len() as u32 + alone;
        let least = self.phase * (phases + alone) + AROUND * (rounds + contestants);
        (least, least + PATIENCE * phases)
    }

    fn needs_capacity(&self) -> bool {
        self.topology == Topology::Shared && self.against.contains(&Against::Serve)
    }
}

/// What is told while it goes on.
#[derive(Clone, Debug)]
pub enum Event {
    /// A phase begins.
    Begins {
        /// Whose.
        against: &'static str,
        /// The flood of its round.
        rate: Rate,
        /// Which.
        phase: Phase,
    },
    /// A phase is over.
    Ends(Box<Row>),
}

/// Measures all of `plan`, or until `stop` is set; phases that were not over then are not told.
///
/// # Errors
/// No privilege, too few processors, or a contestant that does not start.
pub fn run(
    plan: &Plan,
    stop: &AtomicBool,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Result<(), Error> {
    let allowed = worker::allowed_cpus()?;
    if ![SERVER_CPU, ATTACKER_CPU]
        .iter()
        .all(|cpu| allowed.contains(cpu))
    {
        return Err(Error::TooFewCpus { allowed });
    }
    let mut run = Run { plan, stop, tell };
    for &against in &plan.against {
        run.stand(against)?;
    }
    run.alone(L2FWD, against::start_l2fwd)?;
    run.alone(SERVE_ALONE, |arena| against::start(Against::Serve, arena))
}

struct Run<'a> {
    plan: &'a Plan,
    stop: &'a AtomicBool,
    tell: &'a mut (dyn FnMut(Event) + Send),
}

impl Run<'_> {
    fn is_stopped(&self) -> bool {
        // Relaxed: the flag says only itself.
        self.stop.load(Ordering::Relaxed)
    }

    // All rates against one contestant.
    fn stand(&mut self, against: Against) -> Result<(), Error> {
        if self.is_stopped() {
            return Ok(());
        }
        let arena = Arena::new(self.plan.topology)?;
        let contestant = against::start(against, &arena)?;
        // A thread in the client's namespace, where connections begin, on the server's core.
        let stood = arena.client().run(|| -> Result<(), Error> {
            worker::pin(SERVER_CPU)?;
            let mut clients = Clients::open(arena.sources(), self.plan.clients, HELD)?;
            let mut round = Round {
                run: self,
                arena: &arena,
                against: against.name(),
                clients: &mut clients,
            };
            if against == Against::Serve && round.run.plan.needs_capacity() {
                round.around_capacity()
            } else {
                round
                    .run
                    .plan
                    .rates
                    .iter()
                    .try_for_each(|rate| round.at(*rate).map(drop))
            }
        });
        contestant.stop()?;
        stood
    }

    // The flood as fast as it goes against a contestant, without honest clients.
    fn alone(
        &mut self,
        name: &'static str,
        start: impl FnOnce(&Arena) -> Result<Box<dyn Contestant>, Error>,
    ) -> Result<(), Error> {
        if self.is_stopped() {
            return Ok(());
        }
        let arena = Arena::new(self.plan.topology)?;
        let contestant = start(&arena)?;
        (self.tell)(Event::Begins {
            against: name,
            rate: Rate::MAX,
            phase: Phase::During,
        });
        let before = Processors::look()?;
        let attack = Attack::start(&arena, Rate::MAX, self.plan.phase + LEAD)?;
        let looks = self.plan.phase.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            if self.is_stopped() {
                return Ok(());
            }
            thread::sleep(LOOK);
        }
        let cpu = Processors::look()?.since(&before, SERVER_CPU);
        let flood = attack.stop()?;
        contestant.stop()?;
        (self.tell)(Event::Ends(Box::new(Row {
            against: name.into(),
            topology: self.plan.topology,
            phase: Phase::During,
            flood_rate: Rate::MAX.per_s(),
            honest: Honest::default(),
            flood,
            cpu,
        })));
        Ok(())
    }
}

// One contestant, ready, and its clients.
struct Round<'a, 'b> {
    run: &'a mut Run<'b>,
    arena: &'a Arena,
    against: &'static str,
    clients: &'a mut Clients,
}

impl Round<'_, '_> {
    // First as fast as it goes; what is answered then is the capacity, of which a share is one
    // more rate.
    fn around_capacity(&mut self) -> Result<(), Error> {
        let Some(flooded) = self.at(Rate::MAX)? else {
            return Ok(());
        };
        let mut rates: Vec<Rate> = self.run.plan.rates.clone();
        rates.push(Rate::new(share_of_capacity(flooded.answered_per_s))?);
        rates.sort_unstable();
        rates.retain(|rate| *rate != Rate::MAX);
        rates.iter().try_for_each(|rate| self.at(*rate).map(drop))
    }

    // The three phases; what the flood did, unless it was stopped.
    fn at(&mut self, rate: Rate) -> Result<Option<Flooded>, Error> {
        let mut flooded = None;
        for phase in [Phase::Before, Phase::During, Phase::After] {
            let Some(row) = self.phase(rate, phase)? else {
                return Ok(None);
            };
            if phase == Phase::During {
                flooded = Some(row.flood);
            }
            (self.run.tell)(Event::Ends(Box::new(row)));
        }
        Ok(flooded)
    }

    fn phase(&mut self, rate: Rate, phase: Phase) -> Result<Option<Row>, Error> {
        let plan = self.run.plan;
        (self.run.tell)(Event::Begins {
            against: self.against,
            rate,
            phase,
        });
        let attack = match phase {
            Phase::During => Some(Attack::start(
                self.arena,
                rate,
                plan.phase + PATIENCE + LEAD,
            )?),
            Phase::Before | Phase::After => None,
        };
        let before = Processors::look()?;
        let honest = self.clients.run(plan.phase, self.run.stop)?;
        let cpu = Processors::look()?.since(&before, SERVER_CPU);
        let flood = attack.map(Attack::stop).transpose()?.unwrap_or_default();
        Ok(honest.map(|honest| Row {
            against: self.against.into(),
            topology: plan.topology,
            phase,
            flood_rate: rate.per_s(),
            honest,
            flood,
            cpu,
        }))
    }
}

// A whole number that a rate can be, whatever was answered.
#[expect(clippy::cast_sign_loss, reason = "it is 1 at least")]
fn share_of_capacity(answered_per_s: f64) -> u64 {
    let share = (answered_per_s * SHARE_OF_CAPACITY).round().max(1.0) as u64;
    share.min(Rate::MAX.per_s())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_any_capacity_is_a_rate() {
        for (answered, rate) in [(0.0, 1), (500_000.4, 400_000), (f64::MAX, 10_000_000)] {
            assert_eq!(share_of_capacity(answered), rate);
        }
    }

    #[test]
    fn the_duration_counts_every_phase() {
        let plan = |topology, rates: &[Rate]| Plan {
            topology,
            against: vec![Against::Serve, Against::Kernel],
            rates: rates.to_vec(),
            phase: Duration::from_secs(3),
            clients: 16,
        };
        let slow = Rate::new(1000).unwrap();
        for (topology, rates, rounds) in [
            (Topology::Apart, &[slow][..], 2),
            (Topology::Apart, &[slow, Rate::MAX], 4),
            // The rate that is found, and the one that finds it.
            (Topology::Shared, &[slow, Rate::MAX], 5),
            (Topology::Shared, &[slow], 4),
        ] {
            let (least, most) = plan(topology, rates).duration();
            let phases = Duration::from_secs(3) * (3 * rounds + 2);
            assert_eq!(
                least,
                phases + AROUND * (rounds + 4),
                "{topology:?} {rates:?}"
            );
            assert_eq!(most, least + PATIENCE * 3 * rounds);
        }
    }
}
