//! Every interleaving of our end of a ring with the kernel's, and every order that the memory may
//! show them in. The kernel's end is written down from `net/xdp/xsk_queue.h`, not taken from here:
//! it keeps no copies, and its barriers are its own. The indices begin just before they wrap.

use super::*;
use loom::cell::UnsafeCell;
use loom::sync::{Arc, atomic::AtomicU32 as LoomU32};
use loom::thread;

const SIZE: u32 = 2;
const START: u32 = u32::MAX;
/// More than fit, so that places are used again.
const ENTRIES: u64 = 4;

impl Index for LoomU32 {
    fn load(&self, ordering: Ordering) -> u32 {
        self.load(ordering)
    }

    fn store(&self, value: u32, ordering: Ordering) {
        self.store(value, ordering);
    }
}

/// A ring in which an access to a place that races with another ends the test.
struct Watched {
    producer: LoomU32,
    consumer: LoomU32,
    flags: LoomU32,
    places: [UnsafeCell<u64>; SIZE as usize],
}

impl Watched {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            producer: LoomU32::new(START),
            consumer: LoomU32::new(START),
            flags: LoomU32::new(0),
            places: std::array::from_fn(|_| UnsafeCell::new(u64::MAX)),
        })
    }

    fn place(&self, index: u32) -> &UnsafeCell<u64> {
        &self.places[(index % SIZE) as usize]
    }

    #[expect(unsafe_code, reason = "loom's cells check what the block claims")]
    fn at(&self, index: u32) -> u64 {
        // SAFETY: loom ends the test when somebody writes there at the same time.
        self.place(index).with(|entry| unsafe { *entry })
    }

    #[expect(unsafe_code, reason = "loom's cells check what the block claims")]
    fn put(&self, index: u32, entry: u64) {
        // SAFETY: loom ends the test when somebody else is there at the same time.
        self.place(index)
            .with_mut(|place| unsafe { *place = entry });
    }
}

impl Ring for Arc<Watched> {
    type Entry = u64;
    type Index = LoomU32;

    fn size(&self) -> u32 {
        SIZE
    }

    fn producer(&self) -> &LoomU32 {
        &self.producer
    }

    fn consumer(&self) -> &LoomU32 {
        &self.consumer
    }

    fn flags(&self) -> &LoomU32 {
        &self.flags
    }

    fn read(&self, index: u32) -> u64 {
        self.at(index)
    }

    fn write(&mut self, index: u32, entry: u64) {
        self.put(index, entry);
    }
}

/// The kernel takes what is there: `xskq_cons_peek_desc`, `xskq_cons_release`, and
/// `__xskq_cons_release` at the end of its burst. How many it took.
fn kernel_consumes(ring: &Watched, mut next: u64) -> u64 {
    let mut tail = ring.consumer.load(Ordering::Relaxed);
    let head = ring.producer.load(Ordering::Acquire); // smp_load_acquire
    while tail != head {
        assert_eq!(ring.at(tail), next);
        next += 1;
        tail = tail.wrapping_add(1);
    }
    ring.consumer.store(tail, Ordering::Release); // smp_store_release
    next
}

/// The kernel fills what is free: `xskq_prod_reserve_desc`, `xskq_prod_submit`. What comes next.
fn kernel_produces(ring: &Watched, mut next: u64) -> u64 {
    let mut head = ring.producer.load(Ordering::Relaxed);
    let tail = ring.consumer.load(Ordering::Acquire); // smp_load_acquire
    while next < ENTRIES && head.wrapping_sub(tail) < SIZE {
        ring.put(head, next);
        next += 1;
        head = head.wrapping_add(1);
    }
    ring.producer.store(head, Ordering::Release); // smp_store_release
    next
}

fn model(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(body);
}

#[test]
fn the_kernel_takes_what_we_published_and_nothing_else() {
    model(|| {
        let ring = Watched::new();
        let mut ours = Producer::new(Arc::clone(&ring));
        let kernel = thread::spawn(move || {
            let mut next = 0;
            while next < ENTRIES {
                next = kernel_consumes(&ring, next);
                thread::yield_now();
            }
        });
        let mut next = 0;
        while next < ENTRIES {
            let wanted = u32::try_from(ENTRIES - next).unwrap();
            for _ in 0..ours.reserve(wanted) {
                ours.write(next);
                next += 1;
            }
            ours.submit();
            thread::yield_now();
        }
        kernel.join().unwrap();
        assert_eq!(ours.outstanding(), 0);
    });
}

#[test]
fn we_take_what_the_kernel_published_and_nothing_else() {
    model(|| {
        let ring = Watched::new();
        let mut ours = Consumer::new(Arc::clone(&ring));
        let kernel = thread::spawn(move || {
            let mut next = 0;
            while next < ENTRIES {
                next = kernel_produces(&ring, next);
                thread::yield_now();
            }
        });
        let mut next = 0;
        while next < ENTRIES {
            for _ in 0..ours.peek(SIZE) {
                assert_eq!(ours.read(), next);
                next += 1;
            }
            ours.release();
            thread::yield_now();
        }
        kernel.join().unwrap();
        assert_eq!(ours.peek(1), 0);
    });
}
