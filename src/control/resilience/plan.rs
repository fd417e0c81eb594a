//! What is to be measured, and how long that takes.

use super::{Against, Topology};
use crate::flood::{Kind, Rate, Span};
use crate::time::Duration;

/// The longest phase, and the longest patience: a flood has to outlast both.
pub const PHASE_MAX: Duration = Duration::from_secs(40);
/// See [`PHASE_MAX`].
pub const PATIENCE_MAX: Duration = Duration::from_secs(15);

const _: () = assert!(
    PHASE_MAX.as_secs() + PATIENCE_MAX.as_secs() + LEAD.as_secs() <= Span::MAX.get().as_secs(),
    "no flood ends before its phase"
);

/// How often `l2fwd` and `serve alone` take turns.
pub(super) const TURNS: u32 = 3;

/// What a flood lasts longer than its phase can.
pub(super) const LEAD: Duration = Duration::from_secs(2);

/// In [`Topology::Shared`] new connections compete with the flood from here on: a share of what the
/// server answers when it is flooded as fast as it goes.
const SHARE_OF_CAPACITY: f64 = 0.8;

/// Set-up and tear-down of a contestant, or of a flood: an estimate.
const AROUND: Duration = Duration::from_millis(300);

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who shares an interface with the attacker.
    pub topology: Topology,
    /// Who stands the flood, in this order.
    pub against: Vec<Against>,
    /// What the flood is made of.
    pub kind: Kind,
    /// The rates of the flood.
    pub rates: Vec<Rate>,
    /// How long connections begin in each phase, at most [`PHASE_MAX`].
    pub phase: Duration,
    /// Honest clients at once.
    pub clients: usize,
    /// A connection that is not over after this long has failed; at most [`PATIENCE_MAX`].
    pub patience: Duration,
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
        let alone = if self.measures_alone() { 2 * TURNS } else { 0 };
        let contestants = self.against.len() as u32 + alone;
        let least = self.phase * (phases + alone) + AROUND * (rounds + contestants);
        (least, least + self.patience * phases)
    }

    /// Is there one rate more, which is a share of what `serve` can?
    pub(super) fn needs_capacity(&self) -> bool {
        // Of other kinds hardly any are answered, so answers say nothing of the capacity.
        let is_answered = self.kind == Kind::Syn;
        is_answered && self.topology == Topology::Shared && self.against.contains(&Against::Serve)
    }

    /// Is the port measured by itself, without honest clients? By its answers, so to SYNs alone.
    pub(super) fn measures_alone(&self) -> bool {
        self.kind == Kind::Syn
    }
}

// A whole number that a rate can be, whatever was answered.
#[expect(clippy::cast_sign_loss, reason = "it is 1 at least")]
pub(super) fn share_of_capacity(answered_per_s: f64) -> u64 {
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
            kind: Kind::Syn,
            rates: rates.to_vec(),
            phase: Duration::from_secs(3),
            clients: 16,
            patience: Duration::from_secs(10),
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
            let phases = Duration::from_secs(3) * (3 * rounds + 2 * TURNS);
            assert_eq!(
                least,
                phases + AROUND * (rounds + 2 + 2 * TURNS),
                "{topology:?} {rates:?}"
            );
            assert_eq!(most, least + Duration::from_secs(10) * 3 * rounds);
        }
        // Nobody is measured by answers that are not given.
        let acks = Plan {
            kind: Kind::Ack,
            ..plan(Topology::Shared, &[slow])
        };
        let (least, _) = acks.duration();
        assert_eq!(least, Duration::from_secs(3) * 3 * 2 + AROUND * (2 + 2));
    }
}
