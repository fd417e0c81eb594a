//! Timers: pushed back, moved, and fired, among a million slots.
//!
//! A figure of `arm` is one operation. `fire` arms a burst of 64, each for its own millisecond,
//! and fires them tick by tick; `idle` is what a breath pays when nothing is due.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use seawall::time::{Duration, Instant};
use seawall::wheel::{Due, Wheel};
use std::hint::black_box;

const SLOTS: u32 = 1_000_000;
const RTO: Duration = Duration::from_millis(200);
const TICK: Duration = Duration::from_nanos(1 << 20);

// A million armed timers, spread over `RTO`.
fn armed() -> Wheel {
    let mut wheel = Wheel::new(SLOTS as usize);
    for slot in 0..SLOTS {
        wheel.arm(slot, Instant::ZERO + RTO + RTO * slot / SLOTS);
    }
    wheel
}

fn slots() -> impl FnMut() -> u32 {
    let mut state = 1_u32;
    move || {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        ((u64::from(state ^ (state >> 15)) * u64::from(SLOTS)) >> 32) as u32
    }
}

fn arm(c: &mut Criterion) {
    let mut group = c.benchmark_group("wheel_arm");
    group.throughput(Throughput::Elements(1));
    group.bench_function("push_back_same_slot", |b| {
        let (mut wheel, mut now) = (armed(), Instant::ZERO);
        b.iter(|| {
            now = now + Duration::from_nanos(100);
            wheel.arm(black_box(7), now + RTO * 3);
        });
    });
    group.bench_function("push_back_any_slot", |b| {
        let (mut wheel, mut now, mut slot) = (armed(), Instant::ZERO, slots());
        b.iter(|| {
            now = now + Duration::from_nanos(100);
            wheel.arm(slot(), now + RTO * 3);
        });
    });
    group.bench_function("disarm_arm_any_slot", |b| {
        let (mut wheel, mut now, mut slot) = (armed(), Instant::ZERO, slots());
        b.iter(|| {
            now = now + Duration::from_nanos(100);
            let slot = slot();
            wheel.disarm(slot);
            wheel.arm(slot, now + RTO * 3);
        });
    });
    // Each one a little earlier than all before: every call unlinks and links.
    group.bench_function("pull_forward_any_slot", |b| {
        let (mut wheel, mut slot) = (Wheel::new(SLOTS as usize), slots());
        let mut deadline = u64::MAX / 2;
        for slot in 0..SLOTS {
            wheel.arm(slot, Instant::from_nanos(deadline));
        }
        b.iter(|| {
            deadline -= 1 << 20;
            wheel.arm(slot(), Instant::from_nanos(deadline));
        });
    });
    group.finish();
}

fn fire(c: &mut Criterion) {
    let mut group = c.benchmark_group("wheel_fire");
    group.throughput(Throughput::Elements(64));
    group.bench_function("arm_and_fire_64", |b| {
        let (mut wheel, mut now, mut slot) = (Wheel::new(SLOTS as usize), Instant::ZERO, slots());
        b.iter(|| {
            for n in 1..=64 {
                wheel.arm(slot(), now + TICK * n);
            }
            let mut due = Due::new();
            for _ in 0..=64 {
                now = now + TICK;
                due.clear();
                black_box(wheel.expire(now, &mut due));
            }
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("idle", |b| {
        let (mut wheel, mut due) = (armed(), Due::new());
        b.iter(|| {
            black_box(wheel.expire(black_box(Instant::ZERO), &mut due));
            black_box(wheel.next_deadline())
        });
    });
    group.finish();
}

criterion_group!(benches, arm, fire);
criterion_main!(benches);
