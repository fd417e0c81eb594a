//! The proof of resilience: honest kernel clients before, during and after a flood, against us and
//! against peers, in a lab of its own.
//!
//! The server and the honest clients share one core, the flood has another. For each contestant
//! and rate there are three phases of one length: clients alone, clients beside the flood, clients
//! alone again. A phase ends when the last connection that it began has ended, and the flood of
//! its phase lasts as long. What comes back to the attacker is counted by a program at its
//! interface, the same for all.
//!
//! Two rows without honest clients say what the port itself can do when SYNs flood it: `l2fwd` sends
//! each frame back over the same rings, and `serve alone` answers it. Segments of no connection are
//! hardly answered, so with floods of other kinds it is the clients that tell their cost.

mod against;
mod alone;
mod arena;
mod attack;
mod clients;
mod contestant;
mod dialogue;
mod error;
mod kernel;
mod l2fwd;
mod machine;
mod number;
mod plan;
mod report;
mod row;
mod sink;
mod tally;
mod verdict;

#[cfg(test)]
mod tests;

pub use crate::load::Percentiles;
pub use against::{Against, has_nft};
pub use error::Error;
pub use plan::{PATIENCE_MAX, PHASE_MAX, Plan};
pub use report::html;
pub use row::{BASELINE, Cpu, Flooded, Honest, Phase, Row, SERVE_ALONE, Topology};
pub use verdict::{Verdict, verdicts};

use super::worker;
use crate::flood::Rate;
use arena::{ATTACKER_CPU, Arena, SERVER_CPU};
use attack::Attack;
use clients::Clients;
use core::sync::atomic::{AtomicBool, Ordering};
use machine::Processors;
use plan::{LEAD, share_of_capacity};

/// Connections that are held open through all phases.
const HELD: usize = 4;

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
    if run.is_stopped() || !plan.measures_alone() {
        return Ok(());
    }
    alone::measure(plan, stop, tell)
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
        arena.settle()?;
        // A thread in the client's namespace, where connections begin, on the server's core.
        let stood = arena.client().run(|| -> Result<(), Error> {
            worker::pin(SERVER_CPU)?;
            let mut clients = Clients::new(arena.sources(), self.plan.clients, self.plan.patience)?;
            let mut round = Round {
                run: self,
                arena: &arena,
                against: against.name(),
                clients: &mut clients,
            };
            if against == Against::Serve && round.run.plan.needs_capacity() {
                round.around_capacity()
            } else {
                let mut rates = round.run.plan.rates.iter();
                rates.try_for_each(|rate| round.at(*rate).map(drop))
            }
        });
        contestant.stop()?;
        stood
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
        self.clients.hold(HELD)?;
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
                plan.kind,
                rate,
                plan.phase + plan.patience + LEAD,
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
            flood_kind: plan.kind,
            honest,
            flood,
            cpu,
        }))
    }
}
