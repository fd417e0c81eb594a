//! Connections that are held: exactly so many at once, and who ends it.

use super::*;
use crate::wire::FourTuple;

#[test]
fn held_connections_are_open_all_at_once() {
    let mut plan = plan(Pattern::Hold, Close::Fin);
    plan.connections = Some(5000);
    let mut world = World::new(&plan, Misfortune::default(), Some(Box::new(Discard)));
    let mut most = 0;
    for _ in 0..1_000_000 {
        world.load.turn(world.now);
        world.server.breathe(world.now);
        world.now = world.now + Duration::from_micros(50);
        most = most.max(world.server.counters().connections.live());
        if world.load.tally().hold.is_some() {
            break;
        }
    }
    assert_eq!(most, 5000, "the server has as many");
    world.run(Duration::from_secs(20));
    let tally = world.load.tally();
    let hold = tally.hold.unwrap();
    assert_eq!((hold.asked, hold.open, hold.least), (5000, 5000, 5000));
    assert!(hold.held >= Duration::from_secs(3), "{hold:?}");
    assert_eq!((tally.released, tally.failures()), (5000, 0));
}

#[test]
fn held_connections_are_released_as_fast_as_they_came() {
    let mut plan = plan(Pattern::Hold, Close::Fin);
    (plan.connections, plan.rate) = (Some(5000), 2500);
    let mut world = World::new(&plan, Misfortune::default(), Some(Box::new(Discard)));
    world.run_until(|w| w.load.visitor().is_releasing);
    let began = world.now;
    world.run_until(|w| w.load.tally().released == 2500);
    let half = world.now - began;
    world.run_until(|w| w.load.tally().released == 5000);
    let all = world.now - began;
    let about = |seconds, took: Duration| {
        let want = Duration::from_secs(seconds);
        assert!(
            took.abs_diff(want) < Duration::from_millis(20),
            "{took:?}, not {want:?}"
        );
    };
    about(1, half);
    about(2, all);
}

#[test]
fn held_connections_are_released_at_once_when_the_load_is_stopped() {
    let mut plan = plan(Pattern::Hold, Close::Fin);
    (plan.connections, plan.rate) = (Some(5000), 2500);
    let mut world = World::new(&plan, Misfortune::default(), Some(Box::new(Discard)));
    world.run_until(|w| w.load.visitor().is_releasing);
    let stopped = world.now;
    world.load.stop(stopped);
    world.run_until(|w| w.load.tally().released == 5000);
    assert!(world.now - stopped < STOP, "{:?}", world.now - stopped);
}

/// Closes everything once it may, and not before.
#[derive(Default)]
struct Leaver {
    is_leaving: bool,
    tuples: Vec<FourTuple>,
}

impl Service for Leaver {
    fn on_open(&mut self, conn: &mut Conn<'_>) {
        self.tuples.push(conn.tuple);
    }

    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        conn.rx.clear();
        if self.is_leaving {
            conn.finish();
        }
    }
}

impl World {
    // Lets everybody who is on the server leave now.
    fn leave(&mut self) {
        let leaver = self.server.service_mut::<Leaver>(0).unwrap();
        leaver.is_leaving = true;
        for tuple in std::mem::take(&mut leaver.tuples) {
            let handle = self.server.handle_of(&tuple).unwrap();
            self.server.nudge(handle, self.now);
        }
    }

    // Goes on, 50 us at a time, until it is so.
    fn run_until(&mut self, is_so: impl Fn(&mut Self) -> bool) {
        for _ in 0..1_000_000 {
            self.load.turn(self.now);
            self.server.breathe(self.now);
            self.now = self.now + Duration::from_micros(50);
            if is_so(self) {
                return;
            }
        }
        panic!("never so: {:?}", self.load.tally());
    }
}

#[test]
fn what_is_held_until_the_server_closes_is_released() {
    let plan = plan(Pattern::Hold, Close::Peer);
    let leaver = Box::new(Leaver::default());
    let mut world = World::new(&plan, Misfortune::default(), Some(leaver));
    world.run_until(|w| w.load.visitor().is_releasing);
    assert_eq!(world.server.counters().connections.live(), 500, "it waits");
    world.leave();
    world.run(Duration::from_secs(20));
    let (tally, server) = (world.load.tally(), world.server.counters());
    let hold = tally.hold.unwrap();
    assert_eq!((hold.asked, hold.open, hold.least), (500, 500, 500));
    assert_eq!((tally.released, tally.failures()), (500, 0));
    assert_eq!(
        (server.connections.accepted, server.connections.released),
        (500, 500)
    );
    assert_eq!(
        server.states[State::TimeWait as usize],
        500,
        "it closed first"
    );
    assert!(world.load.counters().states.iter().all(|open| *open == 0));
}

#[test]
fn a_server_that_leaves_what_is_held_has_failed() {
    let plan = plan(Pattern::Hold, Close::Peer);
    let leaver = Box::new(Leaver::default());
    let mut world = World::new(&plan, Misfortune::default(), Some(leaver));
    world.run_until(|w| w.load.tally().hold.is_some());
    assert!(!world.load.visitor().is_releasing, "it is held still");
    world.leave();
    world.run(Duration::from_secs(20));
    let tally = world.load.tally();
    assert_eq!((tally.released, tally.failed_by(Cause::Data)), (0, 500));
    let hold = tally.hold.unwrap();
    assert_eq!((hold.asked, hold.least), (500, 0));
}

#[test]
fn a_hold_that_a_limit_cuts_says_how_many_are_open() {
    let mut plan = plan(Pattern::Hold, Close::Fin);
    plan.connections = Some(100);
    let (a, b) = pair(Misfortune::default(), FRAMES);
    let mut config = ShardConfig::default();
    config.limits.per_listener = 60;
    let mut server = Shard::new(a, config);
    let number = server.add_service(Box::new(Discard));
    server.listen(SERVER, number);
    let config = Generator::<MemoryPort>::shard_config(&plan);
    let load = Generator::new(b, config, &plan, LINK);
    let now = Instant::ZERO;
    let mut world = World { server, load, now };
    world.run(Duration::from_secs(30));
    let tally = world.load.tally();
    let hold = tally.hold.unwrap();
    assert_eq!((hold.asked, hold.open, hold.least), (100, 60, 60));
    assert_eq!((tally.released, tally.failed_by(Cause::Timeout)), (60, 40));
}
