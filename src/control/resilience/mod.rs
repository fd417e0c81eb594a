//! The proof of resilience: honest kernel clients before, during and after a flood, against us and
//! against peers, in a lab of its own.

mod contestant;
mod number;
mod report;
mod row;
mod verdict;

pub use crate::load::Percentiles;
pub use report::html;
pub use row::{BASELINE, Cpu, Flooded, Honest, Phase, Row, Topology};
pub use verdict::{Verdict, verdicts};

#[cfg(test)]
mod tests;
