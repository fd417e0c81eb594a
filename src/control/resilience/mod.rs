//! The proof of resilience: honest kernel clients before, during and after a flood, against us and
//! against peers, in a lab of its own.

mod row;

pub use row::{Cpu, Flooded, Honest, Percentiles, Phase, Row, Topology};
