//! What the port itself can do: floods as fast as they go, without honest clients, against plain
//! `AF_XDP` and against `serve`.
//!
//! Their ratio is what matters, and a machine that others use too is never the same twice. So they
//! take turns, and each is told by its median turn.

use super::against::{self, Against, Contestant};
use super::arena::{Arena, SERVER_CPU};
use super::attack::Attack;
use super::machine::Processors;
use super::plan::{LEAD, TURNS};
use super::row::{BASELINE, SERVE_ALONE};
use super::{Error, Event, Honest, Phase, Plan, Row};
use crate::flood::Rate;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::thread;

/// How often it looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(10);

type Start = fn(&Arena) -> Result<Box<dyn Contestant>, Error>;

const PAIR: [(&str, Start); 2] = [
    (BASELINE, against::start_l2fwd),
    (SERVE_ALONE, |arena| against::start(Against::Serve, arena)),
];

/// Measures both and tells their rows, unless it is stopped.
pub(super) fn measure(
    plan: &Plan,
    stop: &AtomicBool,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Result<(), Error> {
    let mut turns = PAIR.map(|_| Vec::with_capacity(TURNS as usize));
    for _ in 0..TURNS {
        for ((name, start), rows) in PAIR.iter().zip(&mut turns) {
            match turn(plan, stop, name, *start)? {
                Some(row) => rows.push(row),
                None => return Ok(()),
            }
        }
    }
    for ((against, _), rows) in PAIR.iter().zip(turns) {
        tell(Event::Begins {
            against,
            rate: Rate::MAX,
            phase: Phase::During,
        });
        if let Some(row) = median(rows) {
            tell(Event::Ends(Box::new(row)));
        }
    }
    Ok(())
}

fn median(mut rows: Vec<Row>) -> Option<Row> {
    rows.sort_by(|a, b| a.flood.answered_per_s.total_cmp(&b.flood.answered_per_s));
    let middle = rows.len() / 2;
    (!rows.is_empty()).then(|| rows.swap_remove(middle))
}

fn turn(plan: &Plan, stop: &AtomicBool, name: &str, start: Start) -> Result<Option<Row>, Error> {
    let arena = Arena::new(plan.topology)?;
    let contestant = start(&arena)?;
    arena.settle()?;
    let before = Processors::look()?;
    let attack = Attack::start(&arena, plan.kind, Rate::MAX, plan.phase + LEAD)?;
    for _ in 0..plan.phase.as_millis() / LOOK.as_millis() {
        // Relaxed: the flag says only itself.
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
    let cpu = Processors::look()?.since(&before, SERVER_CPU);
    let flood = attack.stop()?;
    contestant.stop()?;
    Ok(Some(Row {
        against: name.into(),
        topology: plan.topology,
        phase: Phase::During,
        flood_rate: Rate::MAX.per_s(),
        flood_kind: plan.kind,
        honest: Honest::default(),
        flood,
        cpu,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::{Cpu, Flooded, Topology};
    use super::*;
    use crate::flood::Kind;

    #[test]
    fn the_median_turn_is_told() {
        let row = |answered_per_s| Row {
            against: BASELINE.into(),
            topology: Topology::Apart,
            phase: Phase::During,
            flood_rate: 1,
            flood_kind: Kind::Syn,
            honest: Honest::default(),
            flood: Flooded {
                answered_per_s,
                ..Flooded::default()
            },
            cpu: Cpu::default(),
        };
        let told = median([3.0, 1.0, 2.0].map(row).into()).map(|row| row.flood.answered_per_s);
        assert_eq!(told, Some(2.0));
        assert!(median(Vec::new()).is_none());
    }
}
