//! What the machine's memory gives whoever reads a table: random lines of the cache, in bursts of 32
//! that do not wait for each other, out of as much memory as ten million connections take.
//!
//! Nothing of ours is in it. A look-up needs three such lines, so it says how far a figure may still
//! be from its target for a reason that is not ours; and two cores that share the memory with each
//! other, and with other guests, get less than twice of it.

use crate::part::{Measured, Sizes};
use crate::rounds::Rounds;
use anyhow::Context;
use memmap2::{Advice, MmapMut};
use std::hint::black_box;

/// Octets of a line.
const LINE: usize = 64;

/// Octets of a connection in the table.
const CONNECTION: usize = 128;

const BURST: usize = 32;

/// Bursts of a round.
const BURSTS: u64 = 512;

pub(crate) struct Lines {
    memory: MmapMut,
    state: u64,
}

impl Lines {
    /// As much memory as so many connections take, touched, in huge pages where there are some.
    pub(crate) fn new(connections: u32) -> anyhow::Result<Self> {
        let octets = connections as usize * CONNECTION;
        let mut memory = MmapMut::map_anon(octets).context("memory for lines")?;
        // A kernel without huge pages refuses, and gives small ones as ever.
        let _ = memory.advise(Advice::HugePage);
        for line in memory.chunks_mut(LINE) {
            line[0] = 1;
        }
        Ok(Self { memory, state: 1 })
    }

    /// Times one round.
    pub(crate) fn round(&mut self, rounds: &mut Rounds) {
        let lines = (self.memory.len() / LINE) as u64;
        let (memory, mut state) = (&self.memory, self.state);
        rounds.time(|| {
            for _ in 0..BURSTS {
                let at: [usize; BURST] = core::array::from_fn(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    (((state >> 32) * lines) >> 32) as usize * LINE
                });
                black_box(at.iter().map(|at| u64::from(memory[*at])).sum::<u64>());
            }
            BURSTS * BURST as u64
        });
        self.state = state;
    }
}

/// Nanoseconds a line.
pub(crate) fn lines(connections: u32, sizes: &Sizes) -> anyhow::Result<Measured> {
    let (mut lines, mut rounds) = (Lines::new(connections)?, Rounds::default());
    for _ in 0..sizes.rounds {
        lines.round(&mut rounds);
    }
    Ok(Measured::of(rounds))
}
