//! What readers see of a shard's connections.

use super::*;
use crate::tcp::Open;

// How many entries say which state.
fn noted(shard: &Shard<MemoryPort>) -> [u64; State::ALL.len()] {
    let mut states = [0; State::ALL.len()];
    for entry in shard.reader().entries() {
        let note = Note::of(&entry).expect("between breaths all have one");
        states[note.state as usize] += 1;
    }
    states
}

// Text is lost and comes in every order, so that ends close in every way they can.
#[test]
fn notes_agree_with_the_counters_in_every_state() {
    let misfortune = Misfortune {
        seed: 3,
        loss: 0.2,
        reorder: 0.2,
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(5),
        ..Misfortune::default()
    };
    let config = ShardConfig {
        syn_cookies: SynCookies::Always,
        ..ShardConfig::default()
    };
    for config in [ShardConfig::default(), config] {
        let mut world = World::new(misfortune, &config);
        let service = world.client.add_service(Box::new(Client {
            len: 3000,
            seen: Arc::default(),
        }));
        for port in 0..50 {
            let opened = world
                .client
                .open(tuple(10_000 + port), link(), 0, service, world.now);
            assert!(opened.is_ok());
        }
        let seen = Arc::new(Mutex::new([0; State::ALL.len()]));
        world.run_until(|w| {
            for shard in [&w.server, &w.client] {
                let states = noted(shard);
                assert_eq!(states, shard.counters().states);
                let mut seen = seen.lock().unwrap();
                for (seen, n) in seen.iter_mut().zip(states) {
                    *seen += n;
                }
            }
            w.server.is_empty() && w.client.is_empty()
        });
        let seen = seen.lock().unwrap();
        for state in [State::SynSent, State::Established, State::TimeWait] {
            assert!(seen[state as usize] > 0, "{}", state.name());
        }
    }
}

#[test]
fn a_note_says_who_began_and_when() {
    let mut world = World::new(Misfortune::default(), &ShardConfig::default());
    let speaker = world.client.add_service(Box::new(Speaker));
    world.now = Instant::ZERO + Duration::from_secs(100);
    let opened = world
        .client
        .open(tuple(10_000), link(), 0, speaker, world.now);
    assert!(opened.is_ok());
    world.run_until(|w| w.client.counters().states[State::TimeWait as usize] == 1);
    let note = |shard: &Shard<MemoryPort>| {
        let entry = shard.reader().entries().next()?;
        Note::of(&entry)
    };
    let client = note(&world.client).unwrap();
    assert_eq!(client.state, State::TimeWait);
    assert_eq!(client.open, Open::Active);
    let later = world.now + Duration::from_secs(7);
    assert_eq!(client.began.age(Ticks::of(later)), Duration::from_secs(7));
    assert_eq!(note(&world.server), None, "it closed last, and is gone");
}
