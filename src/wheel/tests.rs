//! Wheel and queue against a sorted set, over random operations and jumps of the clock.

use super::*;
use crate::time::{Duration, Instant};
use std::collections::BTreeMap;

const TICK: u64 = 1 << 20;
const SLOTS: u32 = 300;

/// `SplitMix64`: small, seeded, good enough for tests.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    // Any order of magnitude up to `1 << bits` is as likely as another.
    fn scale(&mut self, bits: u64) -> u64 {
        let bits = self.below(bits + 1);
        self.below(1 << bits)
    }
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

// All that is due, however many calls it takes.
fn expire_all(wheel: &mut Wheel, now: Instant) -> Vec<u32> {
    let mut all = Vec::new();
    loop {
        let mut due = Due::new();
        let more = wheel.expire(now, &mut due);
        all.extend(due);
        if !more {
            return all;
        }
    }
}

// The tick that a deadline fires at, in nanoseconds.
fn fires(deadline: Instant) -> u64 {
    deadline.as_nanos().next_multiple_of(TICK)
}

// Arms, pushes back, pulls forward, disarms, jumps; after each jump, what fired must be exactly
// what the model says. Calls to `expire` may stop halfway: then the rest comes later.
fn wheel_agrees_with_a_map(seed: u64, operations: u64, reach_bits: u64, jump_bits: u64) {
    let mut random = Random(seed);
    let mut wheel = Wheel::new(SLOTS as usize);
    let mut model: BTreeMap<u32, Instant> = BTreeMap::new();
    let mut now = random.scale(jump_bits);
    for _ in 0..operations {
        let slot = random.below(SLOTS.into()) as u32;
        match random.below(16) {
            0..8 => {
                let deadline = at(now + random.scale(reach_bits));
                wheel.arm(slot, deadline);
                model.insert(slot, deadline);
            }
            8 => {
                let deadline = at(now.saturating_sub(random.scale(reach_bits)));
                wheel.arm(slot, deadline);
                model.insert(slot, deadline);
            }
            9..11 => {
                wheel.disarm(slot);
                model.remove(&slot);
            }
            11 => {
                let next = wheel.next_deadline().as_nanos();
                now = now.max(next.min(now + (1 << reach_bits)));
            }
            12 => {
                let mut due = Due::new();
                due.extend((0..random.below(64) as u32).map(|_| NONE));
                let filled = due.len();
                let more = wheel.expire(at(now), &mut due);
                for slot in &due[filled..] {
                    let deadline = model.remove(slot).expect("an armed slot fires, and once");
                    assert!(deadline <= at(now), "early: seed {seed}");
                }
                assert!(
                    more || !model.values().any(|d| fires(*d) <= now),
                    "seed {seed}"
                );
            }
            _ => now += random.scale(jump_bits),
        }
        let want = model.get(&slot).map_or(Instant::NEVER, |d| at(fires(*d)));
        assert_eq!(wheel.deadline(slot), want);
        let latest = model
            .values()
            .min()
            .map_or(u64::MAX, |d| fires(*d).max(now));
        let next = wheel.next_deadline();
        assert!(next.as_nanos() <= latest, "late: seed {seed}");
        assert_eq!(next.is_armed(), !model.is_empty(), "seed {seed}");
        if random.below(4) == 0 {
            let mut fired = expire_all(&mut wheel, at(now));
            let mut want: Vec<u32> = model
                .iter()
                .filter(|(_, d)| fires(**d) <= now)
                .map(|(slot, _)| *slot)
                .collect();
            fired.sort_unstable();
            assert_eq!(fired, want, "seed {seed}");
            model.retain(|_, d| fires(*d) > now);
            want.retain(|slot| wheel.is_armed(*slot));
            assert!(want.is_empty(), "a slot that fired is disarmed");
        }
    }
    // Nothing is left behind: jumping from deadline to deadline empties it.
    while wheel.next_deadline().is_armed() {
        now = now.max(wheel.next_deadline().as_nanos());
        for slot in expire_all(&mut wheel, at(now)) {
            let deadline = model.remove(&slot).expect("armed");
            assert!(deadline <= at(now));
        }
    }
    assert!(model.is_empty(), "lost: seed {seed}");
}

#[test]
fn wheel_fires_what_the_model_says() {
    // Reach of deadlines and of jumps, as powers of two in ns: 2^20 is a tick, 2^32 is 4 s, 2^42
    // is an hour and a quarter, 2^55 a year.
    for (reach, jump) in [(24, 22), (32, 26), (36, 34), (42, 36), (42, 42), (55, 50)] {
        for seed in 0..40 {
            wheel_agrees_with_a_map(seed << 8 | reach, 4000, reach, jump);
        }
    }
}

#[test]
fn a_timer_fires_at_the_first_tick_that_is_not_early() {
    let deadlines = [
        0,
        1,
        TICK - 1,
        TICK,
        TICK + 1,
        64 * TICK,
        64 * TICK + 1,
        4096 * TICK - 1,
    ];
    let hours = [1, 2, 48].map(|h| Duration::from_hours(h).as_nanos() as u64 + 12345);
    for deadline in deadlines.into_iter().chain(hours) {
        let mut wheel = Wheel::new(1);
        wheel.arm(0, at(deadline));
        let tick = fires(at(deadline));
        if tick > 0 {
            assert!(
                expire_all(&mut wheel, at(tick - 1)).is_empty(),
                "{deadline}"
            );
        }
        assert_eq!(expire_all(&mut wheel, at(tick)), [0], "{deadline}");
        assert!(!wheel.is_armed(0));
    }
}

#[test]
fn the_last_instant_can_be_a_deadline_and_never_cannot() {
    let mut wheel = Wheel::new(2);
    wheel.arm(0, at(u64::MAX - 1));
    wheel.arm(1, at(5));
    wheel.arm(1, Instant::NEVER);
    assert!(!wheel.is_armed(1));
    assert!(expire_all(&mut wheel, at(u64::MAX / 2)).is_empty());
    assert_eq!(wheel.deadline(0), at(u64::MAX - 1));
    wheel.disarm(0);
    assert_eq!(wheel.next_deadline(), Instant::NEVER);
}

// The promise behind "costs a store": a timer pushed back again and again is filed once.
#[test]
fn pushing_back_and_disarming_leave_the_entry_where_it_is() {
    let mut wheel = Wheel::new(1);
    wheel.arm(0, at(10 * TICK));
    for n in 11..1000 {
        wheel.arm(0, at(n * TICK));
        wheel.disarm(0);
        wheel.arm(0, at(n * TICK + 5));
        assert_eq!(wheel.next_deadline(), at(10 * TICK));
    }
    assert!(expire_all(&mut wheel, at(10 * TICK)).is_empty());
    assert!(wheel.next_deadline() > at(900 * TICK));
    wheel.arm(0, at(12 * TICK));
    assert_eq!(wheel.next_deadline(), at(12 * TICK));
}

// 100,000 entries that all were pushed back: no call may file all of them anew.
#[test]
fn one_call_does_a_bounded_amount_of_work() {
    const MANY: u32 = 100_000;
    let mut wheel = Wheel::new(MANY as usize);
    for slot in 0..MANY {
        wheel.arm(slot, at(TICK));
        wheel.arm(slot, at(1000 * TICK + u64::from(slot)));
    }
    let (mut due, mut calls) = (Due::new(), 1);
    while wheel.expire(at(TICK), &mut due) {
        calls += 1;
    }
    assert!(due.is_empty());
    assert!(calls >= MANY / 64, "{calls} calls");
    // And none may hand over more than a burst.
    let (mut fired, mut more) = (0, true);
    while more {
        due.clear();
        more = wheel.expire(at(2000 * TICK), &mut due);
        fired += due.len();
    }
    assert_eq!(fired, MANY as usize);
}

// 100,000 timers of one distant instant come closer level by level, and fire in so many calls.
// One that is armed again and again meanwhile is never more than a tick late, until their instant
// has come: then who is due first is first.
#[test]
fn many_timers_of_one_instant_hold_no_other_back() {
    const MANY: u32 = 100_000;
    let mut wheel = Wheel::new(MANY as usize + 1);
    let together = at(300_000 * TICK);
    for slot in 0..MANY {
        wheel.arm(slot, together);
    }
    let (mut now, mut step) = (at(0), Duration::from_nanos(TICK / 16));
    let (mut fired, mut calls, mut longest, mut busy) = (0, 0, 0, 0);
    let mut expected = Instant::NEVER;
    while fired < MANY {
        if !wheel.is_armed(MANY) {
            expected = now + Duration::from_nanos(3 * TICK);
            wheel.arm(MANY, expected);
        }
        let mut due = Due::new();
        let more = wheel.expire(now, &mut due);
        calls += 1;
        busy = if more { busy + 1 } else { 0 };
        longest = longest.max(busy);
        if due.contains(&MANY) {
            assert!(expected <= now, "early");
            let late = now - expected;
            assert!(together <= now || late < Duration::from_nanos(TICK) + step);
        }
        let others = due.iter().filter(|slot| **slot != MANY).count() as u32;
        assert!(others == 0 || together <= now, "early");
        // When all are due, a call hands over as many as it may.
        assert!(!more || now < together || due.is_full());
        fired += others;
        // Nothing for minutes, then short breaths.
        step = Duration::from_nanos(if more { TICK / 16 } else { TICK });
        now = now + step;
    }
    assert!(longest > MANY / 64, "they came in many calls: {longest}");
    assert!(calls > 300_000);
}

#[test]
fn a_timer_pulled_forward_does_not_wait_for_those_that_lay_beside_it() {
    const MANY: u32 = 1000;
    let mut wheel = Wheel::new(MANY as usize);
    for slot in 0..MANY {
        wheel.arm(slot, at(100 * TICK));
    }
    let mut due = Due::new();
    assert!(
        wheel.expire(at(64 * TICK), &mut due),
        "it opens, and is long"
    );
    // The first that was armed is the last in its bucket.
    wheel.arm(0, at(65 * TICK));
    wheel.expire(at(65 * TICK), &mut due);
    assert_eq!(due[..], [0]);
}
