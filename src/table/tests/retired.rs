//! Records: found where their connections were, in order of their coming, whole for readers.

use super::super::queue::Queue;
use super::super::records::{BLOCK, SPAN_MILLIS};
use super::*;

const KEEP: Duration = Duration::from_mins(1);

// All that it says follows from its tuple and its time, so that a word of another shows.
fn remains(tuple: &FourTuple, since_millis: u64) -> Remains {
    let port = u32::from(tuple.remote.port);
    let address = u32::from_be_bytes(tuple.remote.address.v4_octets());
    Remains {
        words: [port, address, since_millis as u32],
        bits: u64::from(port) | 0x7fff3 << 16,
        with: 0,
        since_millis: since_millis.next_multiple_of(8),
    }
}

fn some_tuple(n: u32) -> FourTuple {
    if n.is_multiple_of(2) {
        tuple(n)
    } else {
        v6_tuple(n)
    }
}

fn insert(table: &mut Table<u32>, tuple: FourTuple) -> Handle {
    table.insert(table.hash(&tuple), tuple, 7).unwrap()
}

fn retire(table: &mut Table<u32>, tuple: FourTuple, millis: u64) -> Handle {
    let handle = insert(table, tuple);
    let retired = table.retire(handle, &remains(&tuple, millis));
    assert_eq!(table.get(handle), None, "its slot is free");
    retired.expect("there is room").0
}

// What the table shall hold, oldest first.
type Model = VecDeque<(FourTuple, Handle, Remains)>;

fn check(table: &Table<u32>, model: &Model) {
    assert_eq!(table.records_len(), model.len());
    assert_eq!(table.records().count(), model.len());
    assert_eq!(table.oldest(), model.front().map(|(_, handle, _)| *handle));
    let reader = table.reader();
    for (tuple, handle, remains) in model {
        assert!(handle.is_retired());
        assert_eq!(table.find(table.hash(tuple), tuple), Some(*handle));
        assert_eq!(table.retired(*handle), Some((*tuple, *remains)));
        let entry = reader.find(tuple).expect("it is there");
        assert_eq!((entry.handle, entry.tuple), (*handle, *tuple));
        assert_eq!(reader.at(handle.slot()), Some(entry));
        let said = (remains.since_millis, remains.bits as u16);
        assert_eq!(Remains::of_note(entry.note), said);
    }
    assert_eq!(reader.entries().count(), model.len() + table.len());
}

// Comes, goes in turn, goes out of turn, goes last again: in blocks that fill, empty and are used
// anew.
#[test]
fn records_are_those_of_a_queue() {
    for seed in 1..20 {
        let mut dice = seed;
        let capacity = 3 * BLOCK + 5;
        let mut table: Table<u32> = Table::with_records(4, capacity, KEEP, SEEDS);
        table.populate();
        let mut model = Model::new();
        let mut stale = Vec::new();
        let mut millis = 0;
        for step in 0..20_000_u32 {
            millis += random(&mut dice) % 50;
            if random(&mut dice).is_multiple_of(5000) {
                millis += SPAN_MILLIS;
            }
            let filling = (step / 1000).is_multiple_of(2);
            let among = random(&mut dice) as usize % model.len().max(1);
            match random(&mut dice) % 16 {
                0..10 if filling && table.has_room_for(millis) => {
                    let tuple = some_tuple(step);
                    let handle = retire(&mut table, tuple, millis);
                    model.push_back((tuple, handle, remains(&tuple, millis)));
                }
                0..10 if !filling => {
                    if let Some((tuple, handle, _)) = model.pop_front() {
                        assert_eq!(table.forget(handle), Some(tuple));
                        stale.push(handle);
                    }
                }
                10 | 11 => {
                    if let Some((tuple, handle, _)) = model.remove(among) {
                        assert_eq!(table.forget(handle), Some(tuple));
                        stale.push(handle);
                    }
                }
                12 | 13 => {
                    if let Some((tuple, handle, _)) = model.get(among).copied() {
                        let remains = remains(&tuple, millis);
                        if let Some(renewed) = table.renew(handle, &remains) {
                            model.remove(among);
                            model.push_back((tuple, renewed, remains));
                            stale.push(handle);
                        }
                    }
                }
                14 => {
                    if let Some((_, handle, remains)) = model.get_mut(among) {
                        remains.words[0] ^= 1;
                        remains.bits ^= 0x4_0001_0001;
                        let later = Remains {
                            since_millis: millis,
                            ..*remains
                        };
                        table.update(*handle, &later);
                    }
                }
                _ => {}
            }
            if step.is_multiple_of(512) {
                check(&table, &model);
            }
        }
        check(&table, &model);
        for handle in stale {
            assert_eq!(table.retired(handle), None);
            assert_eq!((table.get(handle), table.tuple(handle)), (None, None));
            assert_eq!(table.forget(handle), None);
            assert_eq!(table.renew(handle, &Remains::default()), None);
        }
        while let Some(handle) = table.oldest() {
            assert_eq!(table.forget(handle), model.pop_front().map(|it| it.0));
        }
        assert!(model.is_empty() && table.is_empty());
    }
}

#[test]
fn there_is_no_room_for_more_than_were_asked_for() {
    for capacity in [0, 1, BLOCK - 1, BLOCK, 5 * BLOCK + 1] {
        let mut table: Table<u32> = Table::with_records(1, capacity, KEEP, SEEDS);
        for n in 0..capacity as u32 {
            retire(&mut table, tuple(n), 0);
        }
        assert!(!table.has_room_for(0));
        let last = insert(&mut table, tuple(capacity as u32));
        assert_eq!(table.retire(last, &Remains::default()), None);
        assert_eq!(table.get(last), Some(&7), "it stays where it is");
        if let Some(oldest) = table.oldest() {
            table.forget(oldest);
            assert!(table.retire(last, &Remains::default()).is_some());
        }
    }
}

// One that moves over and over takes a quarter of the places at most: the others are there for all
// who come in their turn.
#[test]
fn who_moves_without_end_does_not_drive_others_out() {
    const MANY: usize = 16 * BLOCK;
    let mut table: Table<u32> = Table::with_records(1, MANY, KEEP, SEEDS);
    let mut moved = 0;
    // Between any two of its moves another one comes, so that no block is all its own.
    let mut restless = retire(&mut table, tuple(0), 0);
    let others = (MANY - MANY / 4) as u32;
    for n in 1..others {
        retire(&mut table, tuple(n), n.into());
        if let Some(renewed) = table.renew(restless, &remains(&tuple(0), n.into())) {
            restless = renewed;
            moved += 1;
        }
    }
    assert_eq!(table.records_len(), others as usize);
    let most = Queue::blocks(MANY, KEEP) * BLOCK / 4;
    assert!(moved > most / 2 && moved <= most, "{moved} of {most}");
}

#[test]
fn what_few_have_is_kept_with_the_local_address() {
    let mut table: Table<u32> = Table::with_records(1, 4, KEEP, SEEDS);
    for base in [tuple(0), v6_tuple(0)] {
        for (n, with) in [(1, 0), (2, 0x1234), (3, 0x1234)] {
            let mut tuple = base;
            tuple.remote.port += n;
            let handle = insert(&mut table, tuple);
            let remains = Remains {
                with,
                ..remains(&tuple, 1)
            };
            let (handle, _) = table.retire(handle, &remains).unwrap();
            assert_eq!(table.retired(handle), Some((tuple, remains)));
            assert_eq!(table.find(table.hash(&tuple), &tuple), Some(handle));
            let seen = table.reader().find(&tuple).map(|entry| entry.tuple);
            assert_eq!(seen, Some(tuple));
        }
        while let Some(handle) = table.oldest() {
            table.forget(handle).unwrap();
        }
    }
}

#[test]
fn a_reader_finds_who_stays_while_it_moves_and_sees_whole_records() {
    const STEPS: u64 = 100_000;
    let mut table: Table<u32> = Table::with_records(4, 3 * BLOCK, KEEP, SEEDS);
    let stays = v6_tuple(1);
    let reader = table.reader();
    let mut handle = retire(&mut table, stays, 0);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut met = 0_u64;
            while !is_over.load(Ordering::Relaxed) || met == 0 {
                assert_eq!(reader.find(&stays).map(|it| it.tuple), Some(stays));
                for entry in reader.entries().filter(|it| it.handle.is_retired()) {
                    let (since, bits) = Remains::of_note(entry.note);
                    assert_eq!(entry.tuple.remote.port, bits, "torn");
                    assert!(since.is_multiple_of(8));
                    met += 1;
                }
            }
        });
        for millis in 1..STEPS {
            let n = millis as u32 * 2;
            retire(&mut table, some_tuple(n + millis as u32 % 2 * 7), millis);
            if let Some(renewed) = table.renew(handle, &remains(&stays, millis)) {
                handle = renewed;
            }
            while table.records_len() > BLOCK {
                let oldest = table.oldest().filter(|it| *it != handle);
                table.forget(oldest.expect("it is the youngest but one"));
            }
        }
        is_over.store(true, Ordering::Relaxed);
        looking.join().unwrap();
    });
}
