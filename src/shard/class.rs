//! What connections at rest have in common: where their segments go, who serves them, what was
//! chosen for them. Few are told apart, so each remembers the number of its class.

use crate::tcp::Settings;
use crate::wire::LinkHeader;
use ahash::RandomState;
use std::collections::HashMap;

/// Classes that are told apart at once. A connection of one more stays at work.
const CLASSES_MAX: usize = 4096;

/// No class.
pub(super) const NO_CLASS: u16 = u16::MAX;

const _: () = assert!(CLASSES_MAX <= NO_CLASS as usize);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Class {
    pub(super) link: LinkHeader,
    pub(super) queue: u16,
    pub(super) service: u16,
    pub(super) listener: Option<u16>,
    pub(super) settings: Settings,
}

/// The classes that somebody is in.
pub(super) struct Classes {
    /// Each with its members: connections at rest, and those at work that hold on to it.
    all: Vec<(Class, u32)>,
    /// Numbers without members.
    free: Vec<u16>,
    numbers: HashMap<Class, u16, RandomState>,
    max: usize,
}

impl Classes {
    pub(super) fn new(connections: usize, keyed: RandomState) -> Self {
        let max = connections.min(CLASSES_MAX);
        Self {
            all: Vec::with_capacity(max),
            free: Vec::with_capacity(max),
            // Twice as many as are ever in it: a map that is half empty is cleaned up in place.
            numbers: HashMap::with_capacity_and_hasher(2 * max, keyed),
            max,
        }
    }

    pub(super) fn get(&self, number: u16) -> Option<&Class> {
        let (class, _) = self.all.get(usize::from(number))?;
        Some(class)
    }

    /// Makes one more a member of `class`, who was one of `was` until now. `None` when there are
    /// too many classes, and then it is a member of none.
    pub(super) fn join(&mut self, was: u16, class: &Class) -> Option<u16> {
        if self.get(was) == Some(class) {
            return Some(was);
        }
        self.leave(was);
        if let Some(&number) = self.numbers.get(class) {
            self.all[usize::from(number)].1 += 1;
            return Some(number);
        }
        let number = if let Some(number) = self.free.pop() {
            self.all[usize::from(number)] = (*class, 1);
            number
        } else if self.all.len() < self.max {
            self.all.push((*class, 1));
            self.all.len() as u16 - 1
        } else {
            return None;
        };
        self.numbers.insert(*class, number);
        Some(number)
    }

    /// One is a member no more.
    pub(super) fn leave(&mut self, number: u16) {
        let Some((class, members)) = self.all.get_mut(usize::from(number)) else {
            return;
        };
        *members -= 1;
        if *members == 0 {
            self.numbers.remove(class);
            self.free.push(number);
        }
    }

    /// Members of all classes.
    pub(super) fn members(&self) -> u64 {
        self.all
            .iter()
            .map(|(_, members)| u64::from(*members))
            .sum()
    }

    pub(super) const fn is_full(&self) -> bool {
        self.free.is_empty() && self.all.len() == self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const MAX: usize = 8;

    fn class(queue: u16) -> Class {
        Class {
            link: LinkHeader::new([2; 6], [4; 6]),
            queue,
            service: 0,
            listener: None,
            settings: Settings::default(),
        }
    }

    #[test]
    fn it_agrees_with_a_map() {
        let mut classes = Classes::new(MAX, RandomState::with_seeds(1, 2, 3, 4));
        let (mut model, mut members) = (HashMap::<u16, u32>::new(), vec![NO_CLASS; 40]);
        let mut random = 7_u32;
        let mut refused = 0;
        for _ in 0..100_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (who, queue) = ((random >> 8) as usize % 40, (random >> 20) as u16 % 12);
            if let Some(was) = classes.get(members[who]).map(|class| class.queue) {
                let count = model.get_mut(&was).unwrap();
                *count -= 1;
                if *count == 0 {
                    model.remove(&was);
                }
            }
            if random >> 30 == 0 {
                classes.leave(members[who]);
                members[who] = NO_CLASS;
            } else if let Some(number) = classes.join(members[who], &class(queue)) {
                *model.entry(queue).or_default() += 1;
                members[who] = number;
                assert_eq!(classes.get(number).map(|class| class.queue), Some(queue));
            } else {
                assert!(classes.is_full() && !model.contains_key(&queue));
                members[who] = NO_CLASS;
                refused += 1;
            }
            assert_eq!(
                classes.members(),
                model.values().map(|n| u64::from(*n)).sum::<u64>()
            );
            assert_eq!(classes.is_full(), model.len() == MAX);
        }
        assert!(refused > 0);
    }
}
