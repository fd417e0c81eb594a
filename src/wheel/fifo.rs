//! Timers that all run equally long: the order of arming is the order of firing.

use super::{Due, NONE};
use crate::time::Instant;

/// Not in the queue; stands in `prev`.
const ABSENT: u32 = u32::MAX - 1;

/// Slots in order of their deadlines. Every operation takes constant time.
#[derive(Debug)]
pub struct Fifo {
    head: u32,
    tail: u32,
    len: usize,
    links: Box<[Link]>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    deadline: Instant,
    next: u32,
    prev: u32,
}

impl Fifo {
    /// An empty queue for slots `0..slots`.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        assert!(slots <= ABSENT as usize, "slot numbers have 32 bits");
        let absent = Link {
            deadline: Instant::NEVER,
            next: NONE,
            prev: ABSENT,
        };
        Self {
            head: NONE,
            tail: NONE,
            len: 0,
            links: vec![absent; slots].into_boxed_slice(),
        }
    }

    /// Puts `slot` last; a slot that is in the queue already moves there. No deadline in the
    /// queue is later than `deadline`.
    pub fn push_back(&mut self, slot: u32, deadline: Instant) {
        self.remove(slot);
        let prev = self.tail;
        self.links[slot as usize] = Link {
            deadline,
            next: NONE,
            prev,
        };
        if prev == NONE {
            self.head = slot;
        } else {
            let last = &mut self.links[prev as usize];
            debug_assert!(last.deadline <= deadline, "one timeout for all");
            last.next = slot;
        }
        self.tail = slot;
        self.len += 1;
    }

    /// Takes `slot` out; returns whether it was in.
    pub fn remove(&mut self, slot: u32) -> bool {
        let Link { next, prev, .. } = self.links[slot as usize];
        if prev == ABSENT {
            return false;
        }
        if prev == NONE {
            self.head = next;
        } else {
            self.links[prev as usize].next = next;
        }
        if next == NONE {
            self.tail = prev;
        } else {
            self.links[next as usize].prev = prev;
        }
        self.links[slot as usize].prev = ABSENT;
        self.len -= 1;
        true
    }

    /// The slot with the earliest deadline.
    #[must_use]
    pub fn front(&self) -> Option<(u32, Instant)> {
        let link = self.links.get(self.head as usize)?;
        Some((self.head, link.deadline))
    }

    /// The deadline of `slot`, when it is in the queue.
    #[must_use]
    pub fn deadline(&self, slot: u32) -> Option<Instant> {
        let link = &self.links[slot as usize];
        (link.prev != ABSENT).then_some(link.deadline)
    }

    /// Is `slot` in the queue?
    #[must_use]
    pub fn contains(&self, slot: u32) -> bool {
        self.links[slot as usize].prev != ABSENT
    }

    /// Moves slots that are due at `now` to `due` until it is full; `true` when more are.
    pub fn expire(&mut self, now: Instant, due: &mut Due) -> bool {
        while let Some((slot, deadline)) = self.front() {
            if deadline > now {
                return false;
            }
            if due.try_push(slot).is_err() {
                return true;
            }
            self.remove(slot);
        }
        false
    }

    /// The earliest deadline; NEVER when the queue is empty.
    #[must_use]
    pub fn next_deadline(&self) -> Instant {
        self.front()
            .map_or(Instant::NEVER, |(_, deadline)| deadline)
    }

    /// Slots in the queue.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Is there no slot in the queue?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}
