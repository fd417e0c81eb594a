//! Two ends joined in one process: a [`Port`] without a NIC, and with whatever misfortune a network
//! may bring, drawn from a seed.
//!
//! One thread owns both ends. Time is what the calls say it is, so a simulation may jump to
//! [`MemoryPort::next_arrival`]. A frame's octets lie in a box of their own and go from store to
//! store by a swap of boxes: nothing is allocated after [`pair`], and nothing is copied but
//! duplicates.

use super::{Burst, Frame, Port, PortCounters};
use crate::limits::FRAME_BYTES;
use crate::time::{Duration, Instant};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

/// How much longer a frame that is to be overtaken is on its way, at most, if `delay` is shorter.
const HELD_BACK: Duration = Duration::from_millis(1);

/// What happens to frames between the ends, in both directions alike. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Misfortune {
    /// Where the draws begin: the same seed and the same frames have the same misfortune.
    pub seed: u64,
    /// Share of frames that are lost, 0 to 1.
    pub loss: f64,
    /// Share of frames that arrive twice.
    pub duplicate: f64,
    /// Share of frames that are held back, by up to `delay` or a millisecond, whichever is longer,
    /// so that those behind overtake them.
    pub reorder: f64,
    /// Share of frames that arrive with one bit turned over.
    pub corrupt: f64,
    /// Time on the way.
    pub delay: Duration,
    /// Time on the way in addition, drawn for each frame: up to this much.
    pub jitter: Duration,
}

/// One end of a wire in memory.
#[derive(Debug)]
pub struct MemoryPort {
    store: Store,
    // Transmitted and not flushed yet.
    outgoing: Vec<Frame>,
    sends: Rc<RefCell<Lane>>,
    receives: Rc<RefCell<Lane>>,
    counters: PortCounters,
}

/// Two ends of one wire. Each has a store of `frames` frames with room for
/// [`FRAME_BYTES`] octets, and as many may be on their way in each direction:
/// what is sent beyond that is lost and counted at the receiving end as `receive_full`.
#[must_use]
pub fn pair(misfortune: Misfortune, frames: usize) -> (MemoryPort, MemoryPort) {
    // Two directions, two sequences of draws.
    let [there, back] = [misfortune.seed, !misfortune.seed].map(|seed| {
        Rc::new(RefCell::new(Lane::new(
            Misfortune { seed, ..misfortune },
            frames,
        )))
    });
    let end = |sends, receives| MemoryPort {
        store: Store::new(frames),
        outgoing: Vec::with_capacity(frames),
        sends,
        receives,
        counters: PortCounters::default(),
    };
    (end(Rc::clone(&there), Rc::clone(&back)), end(back, there))
}

impl MemoryPort {
    /// When the next frame arrives here that is on its way; it may be in the past.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.receives.borrow().next_arrival()
    }

    /// Frames that nobody holds and that are not queued for sending. When nothing is going on, it
    /// is all of them.
    #[must_use]
    pub const fn frames_free(&self) -> usize {
        self.store.free.len()
    }

    /// Sends `bytes` at once, as a frame of this end. `false` when that is more than a frame holds,
    /// or when all frames are in use.
    pub fn send_bytes(&mut self, now: Instant, bytes: &[u8]) -> bool {
        if bytes.len() > FRAME_BYTES {
            return false;
        }
        let Some(mut frame) = self.allocate(0) else {
            return false;
        };
        frame.set_len(bytes.len());
        if let Some(room) = self.bytes_mut(&mut frame).get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.transmit(now, frame);
        self.flush(now);
        true
    }

    /// The octets of the next frame that has arrived.
    pub fn take_bytes(&mut self, now: Instant) -> Option<Vec<u8>> {
        let frame = self.receive_one(now)?;
        let bytes = self.bytes(&frame).to_vec();
        self.release(frame);
        Some(bytes)
    }

    /// Forgets all frames that have arrived; returns how many there were.
    pub fn drain(&mut self, now: Instant) -> usize {
        let frames = std::iter::from_fn(|| {
            let frame = self.receive_one(now)?;
            self.release(frame);
            Some(())
        });
        frames.count()
    }

    fn receive_one(&mut self, now: Instant) -> Option<Frame> {
        let lane = &mut *self.receives.borrow_mut();
        take(lane, &mut self.store, &mut self.counters, now)
    }
}

// The next frame that has arrived, into the store.
#[inline]
fn take(
    lane: &mut Lane,
    store: &mut Store,
    counters: &mut PortCounters,
    now: Instant,
) -> Option<Frame> {
    loop {
        let (mut octets, len) = lane.arrive(now)?;
        let slot = store.free.pop();
        let Some(slot) = slot else {
            counters.fill_empty += 1;
            lane.spare.push(octets);
            continue;
        };
        std::mem::swap(store.octets_mut(slot), &mut octets);
        lane.spare.push(octets);
        counters.received += 1;
        return Some(Frame::new(slot * FRAME_BYTES as u32, len, 0));
    }
}

impl Port for MemoryPort {
    fn receive(&mut self, now: Instant, burst: &mut Burst) {
        let lane = &mut *self.receives.borrow_mut();
        while !burst.is_full() {
            let Some(frame) = take(lane, &mut self.store, &mut self.counters, now) else {
                return;
            };
            burst.push(frame);
        }
    }

    fn allocate(&mut self, queue: u16) -> Option<Frame> {
        let slot = self.store.free.pop()?;
        Some(Frame::new(slot * FRAME_BYTES as u32, 0, queue))
    }

    fn bytes(&self, frame: &Frame) -> &[u8] {
        let octets = self.store.octets(slot(frame));
        octets.get(..frame.len()).unwrap_or(octets)
    }

    fn bytes_mut(&mut self, frame: &mut Frame) -> &mut [u8] {
        self.store.octets_mut(slot(frame)).as_mut_slice()
    }

    fn transmit(&mut self, _now: Instant, frame: Frame) {
        self.counters.sent += 1;
        self.outgoing.push(frame);
    }

    fn release(&mut self, frame: Frame) {
        self.store.free.push(slot(&frame));
        debug_assert!(self.store.free.len() <= self.store.boxes.len());
    }

    fn flush(&mut self, now: Instant) {
        let mut lane = self.sends.borrow_mut();
        for frame in self.outgoing.drain(..) {
            let slot = slot(&frame);
            lane.send(now, self.store.octets_mut(slot), frame.len() as u16);
            self.store.free.push(slot);
        }
    }

    fn wait(&mut self, _timeout: Duration, _wake: Option<BorrowedFd<'_>>) {}

    fn queues(&self) -> usize {
        1
    }

    fn counters(&self) -> PortCounters {
        let receive_full = self.receives.borrow().full;
        PortCounters {
            receive_full,
            ..self.counters
        }
    }
}

const fn slot(frame: &Frame) -> u32 {
    frame.at() / FRAME_BYTES as u32
}

type Octets = Box<[u8; FRAME_BYTES]>;

fn boxes(count: usize) -> Vec<Octets> {
    (0..count).map(|_| Box::new([0; FRAME_BYTES])).collect()
}

#[derive(Debug)]
struct Store {
    boxes: Vec<Octets>,
    free: Vec<u32>,
}

impl Store {
    fn new(frames: usize) -> Self {
        let bytes = u32::try_from(frames * FRAME_BYTES);
        assert!(bytes.is_ok(), "a store of less than 4 GB");
        Self {
            boxes: boxes(frames),
            free: (0..frames as u32).rev().collect(),
        }
    }

    fn octets(&self, slot: u32) -> &[u8] {
        let octets = self.boxes.get(slot as usize);
        octets
            .expect("a frame of this port: the trait says so")
            .as_slice()
    }

    fn octets_mut(&mut self, slot: u32) -> &mut Octets {
        let octets = self.boxes.get_mut(slot as usize);
        octets.expect("a frame of this port: the trait says so")
    }
}

/// One direction: what is on its way, in order of arrival.
#[derive(Debug)]
struct Lane {
    misfortune: Misfortune,
    perfect: bool,
    draws: Draws,
    spare: Vec<Octets>,
    travelling: VecDeque<Traveller>,
    full: u64,
}

#[derive(Debug)]
struct Traveller {
    arrival: Instant,
    octets: Octets,
    len: u16,
}

impl Lane {
    fn new(misfortune: Misfortune, frames: usize) -> Self {
        let Misfortune {
            loss,
            duplicate,
            reorder,
            corrupt,
            ..
        } = misfortune;
        let unlucky = [loss, duplicate, reorder, corrupt]
            .iter()
            .any(|share| *share > 0.0);
        Self {
            misfortune,
            perfect: !unlucky && misfortune.jitter.is_zero(),
            draws: Draws(misfortune.seed),
            spare: boxes(frames),
            travelling: VecDeque::with_capacity(frames),
            full: 0,
        }
    }

    fn next_arrival(&self) -> Option<Instant> {
        self.travelling.front().map(|traveller| traveller.arrival)
    }

    // The next frame that has arrived by `now`.
    fn arrive(&mut self, now: Instant) -> Option<(Octets, u16)> {
        if self.next_arrival()? > now {
            return None;
        }
        let Traveller { octets, len, .. } = self.travelling.pop_front()?;
        Some((octets, len))
    }

    // Takes the octets and leaves others in their place.
    fn send(&mut self, now: Instant, octets: &mut Octets, len: u16) {
        let Misfortune {
            loss,
            duplicate,
            delay,
            ..
        } = self.misfortune;
        if self.perfect {
            return self.depart(now + delay, octets, len);
        }
        if self.draws.happens(loss) {
            return;
        }
        if self.draws.happens(duplicate) {
            let mut copy = self.spare.pop();
            if let Some(copy) = &mut copy {
                copy.copy_from_slice(octets.as_slice());
                self.travel(now, copy, len);
            } else {
                self.full += 1;
            }
            self.spare.extend(copy);
        }
        self.travel(now, octets, len);
    }

    fn travel(&mut self, now: Instant, octets: &mut Octets, len: u16) {
        let Misfortune {
            reorder,
            corrupt,
            delay,
            jitter,
            ..
        } = self.misfortune;
        let mut arrival = now + delay + self.draws.up_to(jitter);
        if self.draws.happens(reorder) {
            arrival = arrival + self.draws.up_to(delay.max(HELD_BACK));
        }
        if self.draws.happens(corrupt) && len > 0 {
            let bit = self.draws.below(u64::from(len) * 8);
            if let Some(octet) = octets.get_mut(bit as usize / 8) {
                *octet ^= 1 << (bit % 8);
            }
        }
        self.depart(arrival, octets, len);
    }

    fn depart(&mut self, arrival: Instant, octets: &mut Octets, len: u16) {
        let Some(spare) = self.spare.pop() else {
            self.full += 1;
            return;
        };
        let traveller = Traveller {
            arrival,
            octets: std::mem::replace(octets, spare),
            len,
        };
        // Nearly always the last to arrive; of those that arrive at once, the first sent is first.
        let later = self
            .travelling
            .iter()
            .rev()
            .take_while(|other| other.arrival > arrival);
        let index = self.travelling.len() - later.count();
        if index == self.travelling.len() {
            self.travelling.push_back(traveller); // as nearly all do
        } else {
            self.travelling.insert(index, traveller);
        }
    }
}

/// `SplitMix64` (Steele, Lea and Flood 2014). Ours, so that the seed in the report of a failed test
/// brings the same misfortune with every version of every crate.
#[derive(Debug)]
struct Draws(u64);

impl Draws {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    // 0 <= draw < end, as good as uniform.
    const fn below(&mut self, end: u64) -> u64 {
        ((self.next() as u128 * end as u128) >> 64) as u64
    }

    // 2^32 steps are fine enough for a share.
    fn happens(&mut self, share: f64) -> bool {
        let draw = (self.next() >> 32) as u32;
        share > 0.0 && f64::from(draw) < share * f64::from(u32::MAX) + 0.5
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.below(nanos.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests;
