//! Every interleaving of a writer and a reader, and every order that the memory may show them in.
//! Bounded by the number of times that a thread is interrupted, as loom advises: two show what a
//! sequence lock can get wrong.

use super::records::BLOCK;
use super::*;
use crate::wire::{Address, Endpoint};
use loom::thread;

fn tuple(n: u8) -> FourTuple {
    let end = |octet| Endpoint {
        address: Address([octet; 16]),
        port: u16::from_be_bytes([octet; 2]),
    };
    FourTuple {
        local: end(n),
        remote: end(n + 0x80),
    }
}

fn insert(table: &mut Table<()>, n: u8) -> Handle {
    let tuple = tuple(n);
    table.insert(table.hash(&tuple), tuple, ()).unwrap()
}

fn model(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(body);
}

// There is one slot and one number for a local address, so both are used again at once.
#[test]
fn a_reader_never_sees_half_of_two_connections() {
    model(|| {
        let mut table: Table<()> = Table::new(1, [1, 2, 3, 4]);
        let first = insert(&mut table, 1);
        table.set_note(first, 1);
        let reader = table.reader();
        let looking = thread::spawn(move || {
            if let Some(entry) = reader.at(0) {
                let number = entry.tuple.remote.address.0[0] - 0x80;
                assert_eq!(entry.tuple, tuple(number), "torn");
                assert!(
                    [0, u64::from(number)].contains(&entry.note),
                    "another's note"
                );
            }
        });
        table.remove(first);
        let second = insert(&mut table, 2);
        table.set_note(second, 2);
        looking.join().unwrap();
    });
}

#[test]
fn a_reader_finds_who_stays() {
    model(|| {
        let mut table: Table<()> = Table::new(2, [1, 2, 3, 4]);
        let stays = insert(&mut table, 1);
        let goes = insert(&mut table, 2);
        let reader = table.reader();
        let looking = thread::spawn(move || {
            let found = reader.find(&tuple(1));
            assert_eq!(found.map(|entry| entry.handle), Some(stays));
        });
        table.remove(goes);
        insert(&mut table, 3);
        looking.join().unwrap();
    });
}

const KEEP: Duration = Duration::from_mins(1);

const fn millis(n: u8) -> u64 {
    n as u64 * 8
}

fn retire(table: &mut Table<()>, handle: Handle, n: u8) -> Handle {
    let remains = Remains {
        bits: n.into(),
        since_millis: millis(n),
        ..Remains::default()
    };
    table.retire(handle, &remains).unwrap().0
}

// Of the record that it meets, when it meets one: all of it is of one connection.
fn check(entry: Entry) {
    let number = entry.tuple.remote.address.0[0] - 0x80;
    assert_eq!(entry.tuple, tuple(number), "torn");
    let said = (millis(number), number.into());
    assert_eq!(Remains::of_note(entry.note), said, "another's words");
}

// Every place of every block, and the number of the local address, is used again at once.
#[test]
fn a_reader_never_sees_half_of_two_records() {
    model(|| {
        let mut table: Table<()> = Table::with_records(1, 1, KEEP, [1, 2, 3, 4]);
        let reader = table.reader();
        let mut record = insert(&mut table, 1);
        for n in 1..=2 * BLOCK as u8 {
            record = retire(&mut table, record, n);
            table.forget(record);
            record = insert(&mut table, n + 1);
        }
        let mut n = 2 * BLOCK as u8 + 1;
        record = retire(&mut table, record, n);
        let place = record.slot();
        let looking = thread::spawn(move || reader.at(place).map(check));
        for _ in 0..2 * BLOCK {
            table.forget(record);
            n += 1;
            record = insert(&mut table, n);
            record = retire(&mut table, record, n);
            if record.slot() == place {
                break;
            }
        }
        assert_eq!(record.slot(), place, "it was used again");
        looking.join().unwrap();
    });
}

#[test]
fn a_reader_finds_who_retires() {
    model(|| {
        let mut table: Table<()> = Table::with_records(1, 2, KEEP, [1, 2, 3, 4]);
        let stays = insert(&mut table, 1);
        let reader = table.reader();
        let looking = thread::spawn(move || {
            let found = reader.find(&tuple(1));
            assert_eq!(found.map(|entry| entry.tuple), Some(tuple(1)));
        });
        retire(&mut table, stays, 1);
        insert(&mut table, 2);
        looking.join().unwrap();
    });
}

#[test]
fn a_reader_finds_who_is_renewed() {
    model(|| {
        let mut table: Table<()> = Table::with_records(1, 2, KEEP, [1, 2, 3, 4]);
        let stays = insert(&mut table, 1);
        let record = retire(&mut table, stays, 1);
        let reader = table.reader();
        let looking = thread::spawn(move || {
            let found = reader.find(&tuple(1));
            check(found.expect("it is there"));
        });
        let remains = Remains {
            bits: 1,
            since_millis: millis(1),
            ..Remains::default()
        };
        assert!(table.renew(record, &remains).is_some());
        looking.join().unwrap();
    });
}
