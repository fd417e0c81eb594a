use super::*;
use crate::nic::af_xdp::mapping::Mapping;
use libc::xdp_ring_offset;
use nix::sys::memfd::{MFdFlags, memfd_create};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::os::fd::AsFd;

const OFFSETS: xdp_ring_offset = xdp_ring_offset {
    producer: 0,
    consumer: 64,
    flags: 128,
    desc: 192,
};

/// Both ends of a ring whose indices begin at `start`: the same memory, mapped twice.
fn ring(size: u32, start: u32) -> (Producer<Mapped<u64>>, Consumer<Mapped<u64>>) {
    let file = memfd_create("ring", MFdFlags::empty()).unwrap();
    let bytes = mapping_bytes::<u64>(&OFFSETS, size);
    nix::unistd::ftruncate(&file, i64::try_from(bytes).unwrap()).unwrap();
    let map = || {
        let mapping = Mapping::shared(file.as_fd(), 0, bytes).unwrap();
        Mapped::new(mapping, &OFFSETS, size)
    };
    let before = map();
    before.producer().store(start, Ordering::Relaxed);
    before.consumer().store(start, Ordering::Relaxed);
    (Producer::new(map()), Consumer::new(map()))
}

#[test]
fn what_is_not_submitted_is_not_seen() {
    let (mut producer, mut consumer) = ring(4, 0);
    assert_eq!(producer.reserve(1), 1);
    producer.write(7);
    assert_eq!(consumer.peek(1), 0);
    producer.submit();
    assert_eq!(consumer.peek(9), 1);
    assert_eq!(consumer.read(), 7);
}

#[test]
fn a_place_is_free_once_it_is_released() {
    let (mut producer, mut consumer) = ring(2, 0);
    assert_eq!(producer.reserve(3), 2);
    producer.write(1);
    producer.write(2);
    producer.submit();
    assert_eq!(consumer.peek(2), 2);
    consumer.read();
    assert_eq!((producer.reserve(1), producer.outstanding()), (0, 2));
    consumer.release();
    assert_eq!((producer.reserve(2), producer.outstanding()), (1, 1));
}

#[test]
fn a_sleeping_kernel_asks_to_be_woken() {
    let (producer, consumer) = ring(2, 0);
    assert!(!producer.needs_wakeup());
    let flags = consumer.ring.flags();
    flags.store(XDP_RING_NEED_WAKEUP, Ordering::Relaxed);
    assert!(producer.needs_wakeup());
}

proptest! {
    #[test]
    fn a_ring_is_a_bounded_queue(
        start in prop_oneof![Just(0), Just(u32::MAX - 3), any::<u32>()],
        operations in prop::collection::vec((any::<bool>(), 0..12_u32), 0..200),
    ) {
        let (mut producer, mut consumer) = ring(8, start);
        let mut model = VecDeque::new();
        let mut next = 0_u64;
        for (produce, wanted) in operations {
            if produce {
                let granted = producer.reserve(wanted);
                prop_assert_eq!(granted, wanted.min(8 - model.len() as u32));
                for _ in 0..granted {
                    producer.write(next);
                    model.push_back(next);
                    next += 1;
                }
                producer.submit();
            } else {
                let ready = consumer.peek(wanted);
                prop_assert_eq!(ready, wanted.min(model.len() as u32));
                for _ in 0..ready {
                    prop_assert_eq!(Some(consumer.read()), model.pop_front());
                }
                consumer.release();
            }
            prop_assert_eq!(producer.outstanding() as usize, model.len());
        }
    }
}

#[test]
fn two_threads_pass_every_entry_in_order() {
    const ENTRIES: u64 = 100_000;
    let (mut producer, mut consumer) = ring(64, u32::MAX - 1000);
    let sender = std::thread::spawn(move || {
        let mut next = 0;
        while next < ENTRIES {
            for _ in 0..producer.reserve(16) {
                producer.write(next);
                next += 1;
            }
            producer.submit();
            std::thread::yield_now();
        }
    });
    let mut next = 0;
    while next < ENTRIES {
        for _ in 0..consumer.peek(16) {
            assert_eq!(consumer.read(), next);
            next += 1;
        }
        consumer.release();
        std::thread::yield_now();
    }
    sender.join().unwrap();
}
