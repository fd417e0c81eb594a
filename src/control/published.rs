//! A shard's counters where other threads may read them. The shard stores copies now and then;
//! nobody waits for anybody.

use crate::drop_reason::{DROP_REASONS, DropCounters};
use crate::shard::{Connections, CookieCounters, Counters};
use crate::tcp::State;
use core::sync::atomic::{AtomicU64, Ordering};
use crossbeam::utils::CachePadded;

const PLAIN: usize = 21;
const STATES: usize = State::ALL.len();
const WORDS: usize = PLAIN + STATES + DROP_REASONS;

/// The last copy. Each number is right for itself; two of them may be of neighbouring moments.
#[derive(Debug)]
pub struct Published(CachePadded<[AtomicU64; WORDS]>);

impl Default for Published {
    fn default() -> Self {
        Self(CachePadded::new([const { AtomicU64::new(0) }; WORDS]))
    }
}

impl Published {
    /// The shard's side.
    pub fn store(&self, counters: &Counters) {
        let (c, k) = (&counters.connections, &counters.cookies);
        let plain: [u64; PLAIN] = [
            counters.segments_in,
            counters.segments_out,
            counters.segments_again,
            counters.text_in,
            counters.text_out,
            c.accepted,
            c.opened,
            c.released,
            c.reset,
            c.timed_out,
            c.failed,
            c.time_wait_evicted,
            counters.handed_over,
            k.sent,
            k.accepted,
            k.rejected,
            k.switched_on,
            k.switched_off,
            counters.neighbour_replies,
            counters.echo_replies,
            counters.icmp_errors,
        ];
        let words = plain
            .iter()
            .chain(&counters.states)
            .chain(counters.drops.as_array());
        for (cell, word) in self.0.iter().zip(words) {
            // Relaxed: no other memory is read on the strength of these numbers.
            cell.store(*word, Ordering::Relaxed);
        }
    }

    /// The readers' side.
    #[must_use]
    pub fn load(&self) -> Counters {
        let word = |n: usize| self.0[n].load(Ordering::Relaxed);
        Counters {
            segments_in: word(0),
            segments_out: word(1),
            segments_again: word(2),
            handed_over: word(12),
            neighbour_replies: word(18),
            echo_replies: word(19),
            icmp_errors: word(20),
            text_in: word(3),
            text_out: word(4),
            connections: Connections {
                accepted: word(5),
                opened: word(6),
                released: word(7),
                reset: word(8),
                timed_out: word(9),
                failed: word(10),
                time_wait_evicted: word(11),
            },
            cookies: CookieCounters {
                sent: word(13),
                accepted: word(14),
                rejected: word(15),
                switched_on: word(16),
                switched_off: word(17),
            },
            states: core::array::from_fn(|n| word(PLAIN + n)),
            drops: DropCounters::from_array(core::array::from_fn(|n| word(PLAIN + STATES + n))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drop_reason::DropReason;

    #[test]
    fn what_is_stored_is_loaded() {
        let mut counters = Counters {
            segments_in: 1,
            text_out: 5,
            neighbour_replies: 18,
            echo_replies: 19,
            icmp_errors: 20,
            connections: Connections {
                time_wait_evicted: 12,
                ..Connections::default()
            },
            ..Counters::default()
        };
        counters.states[State::TimeWait as usize] = 7;
        counters.drops.count(*DropReason::ALL.last().unwrap());
        let published = Published::default();
        published.store(&counters);
        assert_eq!(published.load(), counters);
    }
}
