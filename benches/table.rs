//! Finding connections in bursts, as a shard does: hash all, prefetch all, find each.
//!
//! A figure is the time of a burst of 32. The values are as large as a live connection.

#[path = "common/ends.rs"]
mod ends;
#[path = "common/find.rs"]
mod find;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ends::tuple;
use find::{BURST, Prefetch, Value, bursts, filled, find_burst, renew_burst, value};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use seawall::table::{Remains, Table};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

fn hit_and_miss(c: &mut Criterion) {
    let mut group = c.benchmark_group("table_find_32");
    group.throughput(Throughput::Elements(BURST as u64));
    for connections in [10_000, 1_000_000] {
        let table = filled(connections);
        let cases = [
            ("hit", 0, Prefetch::Slot),
            ("hit_prefetch_index_only", 0, Prefetch::Index),
            ("hit_without_prefetch", 0, Prefetch::Nothing),
            ("miss", connections, Prefetch::Slot),
        ];
        for (name, start, prefetch) in cases {
            group.bench_function(BenchmarkId::new(name, connections), |b| {
                b.iter_batched(
                    bursts(start, connections),
                    |tuples| black_box(find_burst(&table, &tuples, prefetch)),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

fn replace(c: &mut Criterion) {
    let mut group = c.benchmark_group("table_remove_insert");
    group.throughput(Throughput::Elements(1));
    for connections in [10_000, 1_000_000] {
        let mut table = filled(connections);
        let mut next = bursts(0, connections);
        group.bench_function(BenchmarkId::from_parameter(connections), |b| {
            b.iter_batched(
                || next()[0],
                |tuple| {
                    let hash = table.hash(&tuple);
                    let handle = table.find(hash, &tuple).expect("all are in");
                    let value = table.remove(handle).expect("just found");
                    black_box(table.insert(hash, tuple, value).is_ok())
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

// TIME-WAIT: a connection leaves its slot to a record, and the oldest record goes.
fn retire(c: &mut Criterion) {
    const SLOTS: u32 = 10_000;
    let mut group = c.benchmark_group("table_insert_retire_forget");
    group.throughput(Throughput::Elements(1));
    for records in [10_000, 1_000_000] {
        let keep = Duration::from_mins(1);
        let (slots, seeds) = (SLOTS as usize, [3, 1, 4, 1]);
        let mut table: Table<Value> = Table::with_records(slots, records, keep, seeds);
        let mut n = 0;
        let mut next = || {
            let tuple = tuple(n);
            let handle = table.insert(table.hash(&tuple), tuple, value(n));
            let remains = Remains {
                since_millis: u64::from(n) / 20,
                ..Remains::default()
            };
            n += 1;
            if !table.has_room_for(remains.since_millis) {
                let oldest = table.oldest().expect("it is full");
                black_box(table.forget(oldest));
            }
            let handle = handle.expect("slots are left at once");
            black_box(table.retire(handle, &remains).is_some());
        };
        for _ in 0..=records {
            next();
        }
        group.bench_function(BenchmarkId::from_parameter(records), |b| b.iter(&mut next));
    }
    group.finish();
}

// What a reader on another core, which walks all connections in a loop and looks at nothing else,
// costs the one who writes. It reads the line of every slot: the writer has to call it back.
fn beside_reader(c: &mut Criterion) {
    const CONNECTIONS: u32 = 1_000_000;
    let mut group = c.benchmark_group("table_beside_reader");
    let mut table = filled(CONNECTIONS);
    for readers in [0, 1] {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..readers {
                let reader = table.reader();
                let is_over = &is_over;
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        let noted = reader.entries().filter(|entry| entry.note > 0);
                        black_box(noted.count());
                    }
                });
            }
            let mut next = bursts(0, CONNECTIONS);
            group.throughput(Throughput::Elements(BURST as u64));
            group.bench_function(BenchmarkId::new("find_32", readers), |b| {
                b.iter_custom(|times| {
                    cpu_time_of(times, || {
                        black_box(find_burst(&table, &next(), Prefetch::Slot));
                    })
                });
            });
            group.bench_function(BenchmarkId::new("remove_insert_note_32", readers), |b| {
                b.iter_custom(|times| {
                    cpu_time_of(times, || {
                        renew_burst(&mut table, &next(), Prefetch::Nothing);
                    })
                });
            });
            is_over.store(true, Ordering::Relaxed);
        });
    }
    group.finish();
}

// Of this thread: where cores are few, the reader takes its own time from the same core.
fn cpu_time_of(times: u64, mut body: impl FnMut()) -> Duration {
    let now = || {
        let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("it always works for oneself");
        usage.user_time() + usage.system_time()
    };
    let begin = now();
    for _ in 0..times {
        body();
    }
    let micros = (now() - begin).num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}

criterion_group!(benches, hit_and_miss, replace, retire, beside_reader);
criterion_main!(benches);
