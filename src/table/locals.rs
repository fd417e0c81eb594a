//! Local addresses by number, so that a tuple need not hold its own.
//!
//! Counted by those who name them, and free again when nobody does. Readers look a number up that
//! they found in a tuple. It is theirs as long as the tuple is: whoever held the tuple leaves, in
//! the writer's order, before the number is given to another address, and the fence between the
//! two makes that visible. So a reader that saw the other address sees that the tuple has gone when
//! it looks at that again, which it does anyway.

use super::ends::{address_of, address_words};
use super::index::Index;
use super::sync::{AtomicU64, Ordering, fence};
use crate::wire::Address;
use ahash::RandomState;

/// The first number: smaller ones mean something else to [`super::ends::Ends`].
pub(super) const FIRST: u16 = 2;

/// Local addresses of a table at once, IPv4 left out, at most.
pub const LOCALS_MAX: usize = (u16::MAX - FIRST) as usize + 1;

/// What readers see.
#[derive(Debug)]
pub(super) struct Locals {
    addresses: Box<[[AtomicU64; 2]]>,
}

impl Locals {
    /// Room for `connections` with an address each, as far as there are numbers.
    pub(super) fn new(connections: usize) -> Self {
        let places = connections.min(LOCALS_MAX);
        let fresh = || core::array::from_fn(|_| AtomicU64::new(0));
        Self {
            addresses: (0..places).map(|_| fresh()).collect(),
        }
    }

    /// The address of a number; nobody's when it is nobody's.
    pub(super) fn address(&self, number: u16) -> Address {
        let place = usize::from(number.wrapping_sub(FIRST));
        // Relaxed: see the module's head.
        let words = self.addresses.get(place);
        let words = words.map(|words| [0, 1].map(|n| words[n].load(Ordering::Relaxed)));
        address_of(words.unwrap_or_default())
    }
}

/// The books of whoever writes: who is known, and how often.
#[derive(Debug)]
pub(super) struct Register {
    index: Index,
    entries: Vec<Entry>,
    free: Vec<u16>,
}

#[derive(Debug, Default)]
struct Entry {
    /// Who name it.
    count: u32,
    /// Beside the address: see [`Register::add`].
    with: u16,
}

impl Register {
    /// For as many as `locals` has room for.
    pub(super) fn new(locals: &Locals) -> Self {
        let places = locals.addresses.len();
        Self {
            index: Index::new(places),
            entries: Vec::with_capacity(places),
            free: Vec::with_capacity(places),
        }
    }

    /// Touches all memory. Nobody is known yet.
    pub(super) fn populate(&mut self) {
        let places = self.entries.capacity();
        self.entries.resize_with(places, Entry::default);
        self.entries.clear();
        self.free.resize(places, 0);
        self.free.clear();
    }

    /// The number of `address` and what it comes `with`, named once more; `None` when there is
    /// none left.
    pub(super) fn add(
        &mut self,
        address: Address,
        with: u16,
        locals: &Locals,
        hasher: &RandomState,
    ) -> Option<u16> {
        let hash = hasher.hash_one((address, with));
        let mut candidates = self.index.candidates(hash);
        let known = candidates.find(|place| {
            let is_it = |entry: &Entry| entry.count > 0 && entry.with == with;
            let number = *place as u16 + FIRST;
            self.entries.get(*place as usize).is_some_and(is_it)
                && locals.address(number) == address
        });
        if let Some(place) = known {
            self.entries[place as usize].count += 1;
            return Some(place as u16 + FIRST);
        }
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.entries.len() < locals.addresses.len() => {
                self.entries.push(Entry::default());
                (self.entries.len() - 1) as u16
            }
            None => return None,
        };
        // Pairs with the Acquire fences of those who read tuples: whoever sees a word of this
        // address sees that all who named the last one have gone.
        fence(Ordering::Release);
        let words = locals.addresses[usize::from(place)].iter();
        for (at, word) in words.zip(address_words(address)) {
            at.store(word, Ordering::Relaxed);
        }
        self.entries[usize::from(place)] = Entry { count: 1, with };
        self.index.insert(hash, place.into());
        Some(place + FIRST)
    }

    /// Somebody names `number` no more.
    pub(super) fn remove(&mut self, number: u16, locals: &Locals, hasher: &RandomState) {
        let Some(place) = number.checked_sub(FIRST) else {
            return; // no address of its own
        };
        let entry = &mut self.entries[usize::from(place)];
        entry.count -= 1;
        if entry.count == 0 {
            let hash = hasher.hash_one((locals.address(number), entry.with));
            self.index.remove(hash, place.into());
            self.free.push(place);
        }
    }

    /// What a number comes with.
    pub(super) fn with(&self, number: u16) -> u16 {
        let place = number.checked_sub(FIRST).map(usize::from);
        let entry = place.and_then(|place| self.entries.get(place));
        entry.map_or(0, |entry| entry.with)
    }
}
