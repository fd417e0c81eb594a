//! What a user asks of one connection by its handle, and what it is told.

use super::*;
use crate::tcp::{KeepAlive, Report, Settings};
use core::num::{NonZeroU8, NonZeroU16, NonZeroU32};

const TOS: u8 = 0xb8;

// Between the client and a host that answers by hand.
struct Rig {
    shard: Shard<MemoryPort>,
    wire: MemoryPort,
    now: Instant,
}

impl Rig {
    fn new() -> (Self, u16) {
        let (ours, wire) = pair(Misfortune::default(), 256);
        let mut shard = Shard::new(ours, ShardConfig::default());
        let service = shard.add_service(Box::new(Echo));
        let now = Instant::ZERO;
        (Self { shard, wire, now }, service)
    }

    fn sent(&mut self) -> Vec<u8> {
        for _ in 0..1000 {
            self.shard.breathe(self.now);
            if let Some(frame) = self.wire.take_bytes(self.now) {
                return frame;
            }
            self.now = self.shard.next_deadline();
        }
        panic!("nothing is sent");
    }
}

fn chosen() -> Settings {
    Settings {
        hop_limit: NonZeroU8::new(9),
        mss_max: NonZeroU16::new(777),
        tos: TOS,
        ..Settings::default()
    }
}

// TTL, DSCP and the MSS option of an IPv4 frame whose first option is the MSS.
fn fields(frame: &[u8]) -> (u8, u8, [u8; 4]) {
    let option = frame[54..58].try_into().unwrap();
    (frame[22], frame[15], option)
}

// MUST-48, MUST-49, SHLD-21, SHLD-22; MUST-14.
#[test]
fn settings_hold_from_the_syn_on_and_may_change() {
    let (mut rig, service) = Rig::new();
    let (now, tuple) = (rig.now, tuple(10_000));
    let handle = rig.shard.open(tuple, link(), 0, service, now).unwrap();
    assert!(rig.shard.set(handle, chosen(), now));
    assert_eq!(rig.shard.settings(handle), Some(chosen()));
    assert_eq!(fields(&rig.sent()), (9, TOS, [2, 4, 3, 9]));
    assert!(rig.shard.set(handle, Settings::default(), now));
    rig.now = rig.shard.next_deadline();
    assert_eq!(
        fields(&rig.sent()),
        (64, 0, [2, 4, 5, 180]),
        "again, in plain"
    );
    assert!(rig.shard.abort(handle, rig.now));
    assert!(!rig.shard.set(handle, chosen(), rig.now));
}

#[test]
fn connections_begin_with_what_their_listener_has() {
    let mut world = World::new(Misfortune::default(), &ShardConfig::default());
    assert!(world.server.stop_listening(&SERVER));
    let listened = world.server.try_listen(SERVER, 0, chosen());
    assert_eq!(listened, Ok(()));
    let client = world.client.add_service(Box::new(Echo));
    let opened = tuple(10_000);
    let handle = world.client.open(opened, link(), 0, client, world.now);
    let handle = handle.unwrap();
    world.run_until(|w| w.client.state_at(handle) == Some(State::Established));
    let theirs = world.server.handle_of(&opened.reversed()).unwrap();
    assert_eq!(world.server.settings(theirs), Some(chosen()));
    let status = world.client.status(handle, world.now).unwrap();
    assert_eq!(status.snd_mss, 777 - 12, "timestamps come off");
}

// MAY-9
#[test]
fn the_last_segment_tells_its_differentiated_services() {
    let mut world = World::new(Misfortune::default(), &ShardConfig::default());
    assert!(world.server.stop_listening(&SERVER));
    let listened = world.server.try_listen(SERVER, 0, chosen());
    assert_eq!(listened, Ok(()));
    let client = world.client.add_service(Box::new(Echo));
    let (opened, now) = (tuple(10_000), world.now);
    let handle = world.client.open(opened, link(), 0, client, now).unwrap();
    assert_eq!(world.client.received_tos(handle), Some(0));
    world.run_until(|w| w.client.state_at(handle) == Some(State::Established));
    assert_eq!(world.client.received_tos(handle), Some(TOS));
    let theirs = world.server.handle_of(&opened.reversed()).unwrap();
    assert_eq!(world.server.received_tos(theirs), Some(0));
}

// MUST-41
#[test]
fn one_passive_open_does_not_touch_another() {
    let mut world = World::new(Misfortune::default(), &ShardConfig::default());
    let other = world.server.add_service(Box::new(Speaker));
    let again = world.server.try_listen(SERVER, other, Settings::default());
    assert_eq!(again, Err(OpenError::Exists));
    let mut elsewhere = SERVER;
    elsewhere.port = 8;
    let there = world
        .server
        .try_listen(elsewhere, other, Settings::default());
    assert_eq!(there, Ok(()));
    assert!(world.server.stop_listening(&elsewhere));
    assert!(
        !world.server.stop_listening(&elsewhere),
        "nobody listens any more"
    );
    // The first one still does.
    let client = world.client.add_service(Box::new(Echo));
    let handle = world
        .client
        .open(tuple(10_000), link(), 0, client, world.now);
    let handle = handle.unwrap();
    world.run_until(|w| w.client.state_at(handle) == Some(State::Established));
}

#[test]
fn endpoints_that_come_and_go_do_not_use_up_the_listeners() {
    let mut world = World::new(Misfortune::default(), &ShardConfig::default());
    for port in 1..=1000 {
        let endpoint = Endpoint { port, ..SERVER };
        world.server.stop_listening(&SERVER);
        world.server.listen(endpoint, 0);
        assert!(world.server.stop_listening(&endpoint));
    }
    assert_eq!(world.server.listeners.len(), 1);
}

fn established() -> (World, Handle) {
    let mut world = World::new(Misfortune::default(), &ShardConfig::default());
    let client = world.client.add_service(Box::new(Echo));
    let handle = world
        .client
        .open(tuple(10_000), link(), 0, client, world.now);
    let handle = handle.unwrap();
    world.run_until(|w| w.server.counters().states[State::Established as usize] == 1);
    (world, handle)
}

// RFC 9293 §3.10.4, and a linger of nothing, as sockets have it.
#[test]
fn close_is_a_release_and_with_no_linger_a_reset() {
    for (linger, released, reset) in [
        (None, 1, 0),
        (Some(Duration::from_secs(5)), 1, 0),
        (Some(Duration::ZERO), 0, 1),
    ] {
        let (mut world, handle) = established();
        assert!(world.client.close(handle, linger, world.now));
        world.run_until(|w| w.client.is_empty() && w.server.is_empty());
        for shard in [&world.client, &world.server] {
            let connections = shard.counters().connections;
            let ends = (connections.released, connections.reset);
            assert_eq!(ends, (released, reset), "{linger:?}");
        }
        assert!(!world.client.close(handle, linger, world.now));
    }
}

#[test]
fn finish_closes_one_way() {
    let (mut world, handle) = established();
    assert!(world.client.finish(handle, world.now));
    let ours = tuple(10_000);
    world.run_until(|w| w.client.state_of(&ours) == Some(State::TimeWait));
    assert_eq!(world.client.state_at(handle), None, "it has another handle");
    assert_eq!(world.server.counters().connections.released, 1);
}

// RFC 9293 §3.8.4, §3.8.3: the peer's machine is gone without a word.
#[test]
fn keep_alives_find_a_peer_that_is_gone() {
    let (mut world, handle) = established();
    let keep_alive = KeepAlive {
        idle_secs: NonZeroU16::new(60).unwrap(),
        interval_secs: NonZeroU16::new(10).unwrap(),
        count: NonZeroU8::new(3).unwrap(),
    };
    let wanted = Settings {
        keep_alive: Some(keep_alive),
        ..Settings::default()
    };
    let began = world.now;
    assert!(world.client.set(handle, wanted, began));
    // An hour of answers.
    world.run_until(|w| w.client.next_deadline() > began + Duration::from_hours(1));
    assert_eq!(world.client.state_at(handle), Some(State::Established));
    // Then nobody breathes over there.
    let last = world.now;
    for _ in 0..1_000_000 {
        world.client.breathe(world.now);
        if world.client.is_empty() {
            break;
        }
        let soonest = world.now + Duration::from_micros(1);
        world.now = world.client.next_deadline().max(soonest);
    }
    assert_eq!(world.client.counters().connections.timed_out, 1);
    let took = world.now - last;
    assert!(took <= Duration::from_secs(60 + 4 * 10), "{took:?}");
}

#[test]
fn the_user_timeout_is_the_users() {
    let (mut world, handle) = established();
    let wanted = Settings {
        user_timeout_millis: NonZeroU32::new(5000),
        ..Settings::default()
    };
    assert!(world.client.set(handle, wanted, world.now));
    assert!(world.client.finish(handle, world.now));
    let began = world.now;
    while !world.client.is_empty() {
        world.client.breathe(world.now);
        world.now = world
            .client
            .next_deadline()
            .min(began + Duration::from_secs(6));
    }
    assert_eq!(world.client.counters().connections.timed_out, 1);
}

/// Remembers what it was told, and how much was urgent then.
#[derive(Default)]
struct Listening {
    reports: Vec<Report>,
    urgent: Vec<u32>,
}

impl Service for Listening {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        self.urgent.push(conn.urgent);
        conn.rx.clear();
    }

    fn on_report(&mut self, _tuple: &FourTuple, _user: &mut [u64; 2], report: Report) {
        self.reports.push(report);
    }
}

/// Has something urgent to say.
struct Shouting;

impl Service for Shouting {
    fn on_open(&mut self, conn: &mut Conn<'_>) {
        assert_eq!(conn.send_urgent(b"stop!"), 5);
    }

    fn on_ready(&mut self, _conn: &mut Conn<'_>) {}
}

// MUST-30, MUST-32, MUST-33, MUST-47.
#[test]
fn urgent_text_is_told_of_from_user_to_user() {
    let mut world = World::new(Misfortune::default(), &ShardConfig::default());
    let listening = world.server.add_service(Box::new(Listening::default()));
    assert!(world.server.stop_listening(&SERVER));
    world.server.listen(SERVER, listening);
    let shouting = world.client.add_service(Box::new(Shouting));
    let opened = world
        .client
        .open(tuple(10_000), link(), 0, shouting, world.now);
    assert!(opened.is_ok());
    world.run_until(|w| w.server.counters().text_in == 5);
    let heard = world.server.service_mut::<Listening>(listening).unwrap();
    assert_eq!(heard.reports, [Report::Urgent]);
    assert_eq!(heard.urgent.last(), Some(&5));
    let theirs = world.server.handle_of(&tuple(10_000).reversed()).unwrap();
    assert_eq!(
        world.server.status(theirs, world.now).unwrap().urgent,
        0,
        "it was read"
    );
}

// SHLD-9
#[test]
fn a_silent_peer_is_reported_before_it_is_given_up() {
    let (mut rig, _) = Rig::new();
    let number = rig.shard.add_service(Box::new(Listening::default()));
    let opened = rig.shard.open(tuple(10_000), link(), 0, number, rig.now);
    let handle = opened.unwrap();
    for _ in 0..4 {
        rig.sent();
    }
    assert_eq!(rig.shard.state_at(handle), Some(State::SynSent));
    let told = &rig.shard.service_mut::<Listening>(number).unwrap().reports;
    assert_eq!(*told, [Report::Silent]);
}
