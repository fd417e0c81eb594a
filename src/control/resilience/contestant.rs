//! The rows of a run by contestant.

use super::row::{BASELINE, Phase, Row, SERVE_ALONE, Topology};
use crate::flood::Kind;

/// One of those who were measured, with all of its rows.
#[derive(Clone, Debug)]
pub(super) struct Contestant<'a> {
    /// As people know it: with its topology when the run has both.
    pub(super) name: String,
    /// In order of appearance.
    pub(super) rows: Vec<&'a Row>,
}

impl<'a> Contestant<'a> {
    /// All of `rows`, in order of appearance.
    pub(super) fn all(rows: &'a [Row]) -> Vec<Self> {
        let has = |topology| rows.iter().any(|row| row.topology == topology);
        let has_both = has(Topology::Apart) && has(Topology::Shared);
        let mut all: Vec<Self> = Vec::new();
        for row in rows {
            let mut known = all.iter_mut();
            match known.find(|contestant| contestant.is_of(row)) {
                Some(contestant) => contestant.rows.push(row),
                None => all.push(Self {
                    name: if has_both {
                        format!("{}, {}", row.against, row.topology.name())
                    } else {
                        row.against.clone()
                    },
                    rows: vec![row],
                }),
            }
        }
        all
    }

    fn is_of(&self, row: &Row) -> bool {
        let is_alike = |own: &&Row| own.against == row.against && own.topology == row.topology;
        self.rows.first().is_some_and(is_alike)
    }

    /// No honest clients meet it.
    pub(super) fn is_baseline(&self) -> bool {
        let is_met = |row: &&Row| ![BASELINE, SERVE_ALONE].contains(&row.against.as_str());
        !self.rows.iter().any(is_met)
    }

    /// What floods it.
    pub(super) fn kind(&self) -> Kind {
        let first = self.rows.first();
        first.map_or_else(Kind::default, |row| row.flood_kind)
    }

    /// Its rows of a phase.
    pub(super) fn of(&self, phase: Phase) -> impl Iterator<Item = &'a Row> {
        let rows = self.rows.iter().copied();
        rows.filter(move |row| row.phase == phase)
    }

    /// What it did in a phase of the run at this rate.
    pub(super) fn at(&self, flood_rate: u64, phase: Phase) -> Option<&'a Row> {
        self.of(phase).find(|row| row.flood_rate == flood_rate)
    }

    /// What it did in a phase of the run at the highest rate.
    pub(super) fn at_peak(&self, phase: Phase) -> Option<&'a Row> {
        let peak = self.rows.iter().map(|row| row.flood_rate).max()?;
        self.at(peak, phase)
    }
}
