//! ARP, Neighbour Discovery and ping for the addresses that the kernel does not hold: answered in
//! the frame that asked, as far as a budget goes.
//!
//! Only frames that are no segment get here, so segments pay nothing for it. Nobody is asked and
//! nothing is learned: replies go to the Ethernet address that the request came from.

use super::budget::Budget;
use super::{Counters, Shard, ShardConfig};
use crate::drop_reason::DropReason;
use crate::nic::{Frame, Port};
use crate::time::Instant;
use crate::wire::{Address, Inquiry};
use ahash::RandomState;
use std::collections::HashSet;

/// The addresses that are ours alone, and with what they are answered for.
pub(super) struct Neighbours {
    answered: HashSet<Address, RandomState>,
    /// Of the interface of each queue; the last holds for all behind it.
    macs: Vec<[u8; 6]>,
    hop_limit: u8,
    budget: Budget,
    // Apart, so that a flood of pings does not make us impossible to find.
    echo_budget: Budget,
}

impl<P: Port> Shard<P> {
    /// Answers ARP requests, Neighbor Solicitations and pings for `address` from now on, by the
    /// Ethernet addresses in [`ShardConfig::macs`]. Which frames arrive is the XDP program's
    /// business: see [`answer_neighbours`](crate::nic::af_xdp::Program::answer_neighbours).
    ///
    /// # Panics
    /// When the configuration has no Ethernet address.
    pub fn answer_for(&mut self, address: Address) {
        assert!(
            !self.neighbours.macs.is_empty(),
            "an answer needs ShardConfig::macs"
        );
        self.neighbours.answered.insert(address);
    }
}

impl Neighbours {
    pub(super) fn new(config: &ShardConfig, keyed: RandomState) -> Self {
        Self {
            answered: HashSet::with_hasher(keyed),
            macs: config.macs.clone(),
            hop_limit: config.hop_limit,
            budget: Budget::new(config.budgets.neighbour),
            echo_budget: Budget::new(config.budgets.neighbour),
        }
    }

    /// Takes a frame that is no segment, for this `reason`.
    #[cold]
    pub(super) fn on_no_segment<P: Port>(
        &mut self,
        mut frame: Frame,
        reason: DropReason,
        port: &mut P,
        counters: &mut Counters,
        now: Instant,
    ) {
        let is_candidate = matches!(reason, DropReason::NotIp | DropReason::NotTcp);
        let answered = if is_candidate && !self.answered.is_empty() {
            self.answer(&mut frame, port, counters, now)
        } else {
            Err(reason)
        };
        match answered {
            Ok(()) => port.transmit(now, frame),
            Err(reason) => {
                counters.drops.count(reason);
                port.release(frame);
            }
        }
    }

    // Turns the frame into the answer.
    fn answer<P: Port>(
        &mut self,
        frame: &mut Frame,
        port: &mut P,
        counters: &mut Counters,
        now: Instant,
    ) -> Result<(), DropReason> {
        let inquiry = Inquiry::parse(port.bytes(frame))?;
        if !self.answered.contains(&inquiry.about()) {
            return Err(DropReason::NeighbourNotOurs);
        }
        if inquiry.is_claim() {
            return Err(DropReason::AddressConflict);
        }
        let mac = self.macs.get(usize::from(frame.queue()));
        let mac = mac.or(self.macs.last());
        let mac = *mac.ok_or(DropReason::NeighbourNotOurs)?;
        let (budget, counter) = if inquiry.is_echo() {
            (&mut self.echo_budget, &mut counters.echo_replies)
        } else {
            (&mut self.budget, &mut counters.neighbour_replies)
        };
        if !budget.take(now) {
            return Err(DropReason::ReplyBudget);
        }
        let answer = inquiry.answer(mac, self.hop_limit, port.bytes_mut(frame));
        frame.set_len(answer.ok_or(DropReason::NoFrame)?);
        *counter += 1;
        Ok(())
    }
}
