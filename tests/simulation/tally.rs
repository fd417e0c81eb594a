//! What happened in all runs together: a simulation in which something never happens says nothing
//! about it.

use crate::user::Life;
use seawall::drop_reason::{DropReason, Severity};
use seawall::service::End;
use seawall::shard::Counters;
use seawall::tcp::State;

#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) seeds: u64,
    pub(crate) steps: u64,
    /// Of users, not of the other services.
    pub(crate) lives: u64,
    pub(crate) octets: u64,
    /// By how they ended: closed, reset or aborted, timed out.
    pub(crate) ends: [u64; 3],
    /// Opens of a tuple whose other side was in TIME-WAIT.
    pub(crate) second_lives: u64,
    /// Connections whose peer was gone, and that their user gave up.
    pub(crate) abandoned: u64,
    /// Steps that ended with a connection in each state.
    pub(crate) states: [u64; State::ALL.len()],
    pub(crate) counters: Counters,
}

impl Tally {
    pub(crate) fn see(&mut self, states: &[u64; State::ALL.len()]) {
        for (seen, now) in self.states.iter_mut().zip(states) {
            *seen += u64::from(*now > 0);
        }
    }

    pub(crate) fn count(&mut self, counters: &Counters) {
        self.counters.merge(counters);
    }

    pub(crate) fn live(&mut self, life: &Life) {
        self.lives += 1;
        self.octets += life.read;
        let end = match life.end {
            Some(End::Closed) => 0,
            Some(End::TimedOut) => 2,
            _ => 1,
        };
        self.ends[end] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.lives += other.lives;
        self.octets += other.octets;
        for (mine, theirs) in self.ends.iter_mut().zip(other.ends) {
            *mine += theirs;
        }
        self.second_lives += other.second_lives;
        self.abandoned += other.abandoned;
        for (mine, theirs) in self.states.iter_mut().zip(other.states) {
            *mine += theirs;
        }
        self.counters.merge(&other.counters);
    }

    /// Everything that the simulation is for has happened.
    pub(crate) fn check(&self) {
        assert!(self.ends.iter().all(|n| *n > 0), "{self:#?}");
        assert!(self.second_lives > 0 && self.abandoned > 0, "{self:#?}");
        for (state, seen) in State::ALL.iter().zip(self.states) {
            let is_stored = !matches!(state, State::Closed | State::Listen);
            assert_eq!(seen > 0, is_stored, "{state:?}");
        }
        let connections = &self.counters.connections;
        assert!(connections.time_wait_evicted > 0);
        let cookies = &self.counters.cookies;
        assert!(cookies.accepted > 0 && cookies.rejected > 0);
        assert!(cookies.switched_on > 0 && cookies.switched_off > 0);
        for reason in DropReason::ALL {
            let happened = self.counters.drops.of(*reason) > 0;
            assert!(happened || is_out_of_reach(*reason), "never: {reason:?}");
        }
    }
}

/// What two shards and a wire do not bring about: frames made by others, other threads, and users
/// who accept.
fn is_out_of_reach(reason: DropReason) -> bool {
    reason.severity() == Severity::Suspect
        || matches!(
            reason,
            DropReason::NeighbourNotOurs
                | DropReason::IcmpIgnored
                | DropReason::BacklogFull
                | DropReason::HandOffFull
                | DropReason::TransmitFull
        )
}
