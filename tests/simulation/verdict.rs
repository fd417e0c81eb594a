//! What must be true when all is over.

use crate::tally::Tally;
use crate::user::{Closing, Life, Peer};
use crate::world::World;
use seawall::service::End;
use seawall::time::Instant;
use seawall::wire::FourTuple;

/// Checks a run that has ended.
pub(crate) fn check(mut world: World) -> Tally {
    for side in [0, 1] {
        everything_is_back(&mut world, side);
        every_open_had_an_answer(&mut world, side);
    }
    let lives = [0, 1].map(|side| std::mem::take(&mut world.user(side).over));
    for side in [0, 1] {
        for life in &lives[side] {
            if life.is_mixed {
                assert!(
                    had_second_cookie(&world, life, &lives[1 - side]),
                    "{life:#?}"
                );
                continue;
            }
            end_of_stream(life);
            if !is_second_cookie(&world, life, &lives[side]) {
                arrived(life, &lives[1 - side]);
            }
        }
        if world.scenario.habits.is_fair {
            all_is_well(&mut world, side, &lives);
        }
        once(&world, &lives[side]);
    }
    let mut tally = world.tally;
    for shard in &world.ends {
        tally.count(shard.counters());
    }
    lives.iter().flatten().for_each(|life| tally.live(life));
    tally
}

fn everything_is_back(world: &mut World, side: usize) {
    let blocks = world.scenario.configs[side].blocks;
    let shard = &mut world.ends[side];
    assert!(shard.is_empty());
    assert_eq!(shard.free_blocks(), (blocks, blocks));
    assert_eq!(shard.next_deadline(), Instant::NEVER, "a timer is left");
    assert_eq!(shard.counters().connections.live(), 0);
    let lives = &world.user(side).lives;
    assert!(lives.is_empty(), "a user was not told: {lives:?}");
}

fn every_open_had_an_answer(world: &mut World, side: usize) {
    let failed = world.user(side).failed.len() as u64;
    let opened = world.ends[side].counters().connections.opened;
    assert_eq!(opened + failed, world.opened[side]);
}

// A FIN stands behind all of its text.
fn end_of_stream(life: &Life) {
    if life.is_complete
        && let Some((_, text)) = life.heard()
    {
        assert_eq!(life.read, text, "half a text, and no error: {life:?}");
    }
    // What Echo returns ends when it has returned all.
    let is_whole = life.end == Some(End::Closed) && life.closed == Some(Closing::Finish);
    if life.peer == Peer::Echo && is_whole {
        assert_eq!(life.read, life.written, "{life:?}");
    }
}

// What was accepted has been read by the other side, or its writer was told of an error.
fn arrived(life: &Life, others: &[Life]) {
    if life.end != Some(End::Closed) || life.peer != Peer::User || life.written == 0 {
        return;
    }
    let heard = others.iter().filter(|other| {
        other.tuple == life.tuple.reversed() && other.heard().is_some_and(|(n, _)| n == life.name)
    });
    if heard.clone().any(|other| other.is_mixed) {
        return;
    }
    let read = heard.map(|other| other.read).max();
    assert_eq!(read, Some(life.written), "{life:#?} among {others:#?}");
}

// No text is read by two connections.
fn once(world: &World, lives: &[Life]) {
    for life in lives.iter().filter(|life| is_read_twice(life, lives)) {
        assert!(is_second_cookie(world, life, lives), "{lives:#?}");
    }
}

// A segment that brings a cookie back a second time makes a second connection, and the shard cannot
// know: RFC 4987 §3.6. The peer, in TIME-WAIT, may even acknowledge what that one sends.
fn is_second_cookie(world: &World, life: &Life, lives: &[Life]) -> bool {
    let cookies = world.ends.iter().map(|shard| shard.counters().cookies);
    cookies.map(|c| c.accepted).sum::<u64>() > 0 && is_read_twice(life, lives)
}

// As above, where the first of the two was aborted and its reset lost: the peer goes on with the
// second, which writes a text of its own under the same numbers.
fn had_second_cookie(world: &World, life: &Life, others: &[Life]) -> bool {
    let accepted = world.ends.iter().map(|it| it.counters().cookies.accepted);
    let ends = life.tuple.reversed();
    accepted.sum::<u64>() > 0 && others.iter().filter(|it| it.tuple == ends).count() > 1
}

fn is_read_twice(life: &Life, lives: &[Life]) -> bool {
    let same = lives.iter().filter(|other| other.heard() == life.heard());
    life.heard().is_some() && same.count() > 1
}

fn all_is_well(world: &mut World, side: usize, lives: &[Vec<Life>; 2]) {
    for life in &lives[side] {
        assert_eq!(life.end, Some(End::Closed), "{life:?}");
        assert_eq!(life.written, life.plan.text, "{life:?}");
        assert!(life.is_complete, "{life:?}");
    }
    // Where nobody listens an open is refused; or, while the other end holds a TIME-WAIT of an
    // earlier connection between the two, challenged until it gives up (RFC 9293 §3.10.7.4).
    let failed = &world.user(side).failed;
    let is_held = |tuple: &FourTuple| {
        let mut others = lives[1 - side].iter();
        others.any(|it| it.tuple == tuple.reversed())
    };
    let is_expected = |(tuple, end): &(FourTuple, End)| match end {
        End::Refused => true,
        End::TimedOut => is_held(tuple),
        _ => false,
    };
    assert!(failed.iter().all(is_expected), "{failed:?}");
}
