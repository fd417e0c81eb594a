//! Every interleaving of a writer and a reader, and every order that the memory may show them in.
//! Bounded by the number of times that a thread is interrupted, as loom advises: two show what a
//! sequence lock can get wrong.

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
