//! Limits that hold under any load, each with its counter.

use super::rig::{Rig, always, client, close_after_speaker, open, syn, third};
use super::*;
use crate::drop_reason::DropReason;
use crate::wire::{Ctl, Segment, Seq};

#[test]
fn without_cookies_too_many_handshakes_are_refused() {
    let mut config = ShardConfig {
        syn_cookies: SynCookies::Never,
        ..ShardConfig::default()
    };
    config.limits.half_open = 100;
    let mut rig = Rig::new(config);
    let answered = (0..1000).filter(|n| rig.ask(client(*n), syn(*n), b"").is_some());
    assert_eq!(answered.count(), 100);
    assert_eq!(rig.dropped(DropReason::HalfOpenFull), 900);
}

#[test]
fn limits_hold_and_places_come_back() {
    for cookies in [SynCookies::Never, SynCookies::Always] {
        let mut config = ShardConfig {
            syn_cookies: cookies,
            ..ShardConfig::default()
        };
        config.limits.per_source = 10;
        config.limits.per_listener = 15;
        let mut rig = Rig::new(config);
        // The first 256 clients share an address.
        let opened: Vec<_> = (0..20).map(|n| open(&mut rig, client(n))).collect();
        assert_eq!(opened.iter().flatten().count(), 10);
        assert_eq!(rig.dropped(DropReason::SourceFull), 10);
        let others = (1..=10).filter(|n| open(&mut rig, client(n << 8)).is_some());
        assert_eq!(others.count(), 5, "fifteen in all");
        assert_eq!(rig.dropped(DropReason::ListenerFull), 5);
        // A reset makes room for one.
        let syn_ack = opened[0].unwrap();
        let reset = Segment {
            seq: Seq(50) + 2,
            ctl: Ctl::RST,
            ..third(50, &syn_ack)
        };
        rig.ask(client(0), reset, b"");
        assert_eq!(rig.shard.counters().connections.reset, 1);
        assert!(open(&mut rig, client(30)).is_some());
        assert!(open(&mut rig, client(31)).is_none());
    }
}

#[test]
fn replies_have_budgets() {
    let mut config = always();
    config.budgets = Budgets {
        syn_ack: 100,
        reset: 50,
        challenge: 0,
        ..config.budgets
    };
    let mut rig = Rig::new(config);
    // An instant is a tenth of a second's worth.
    let syn_acks = (0..1000).filter(|n| rig.ask(client(*n), syn(*n), b"").is_some());
    assert!((10..=12).contains(&syn_acks.count()));
    let stray = Segment {
        ctl: Ctl::ACK,
        ..Segment::default()
    };
    let resets = (0..1000).filter(|n| rig.ask(client(*n), stray, b"").is_some());
    assert!((5..=7).contains(&resets.count()));
    assert!(rig.dropped(DropReason::ReplyBudget) > 1900);
}

#[test]
fn a_full_time_wait_gives_up_its_oldest() {
    let mut config = ShardConfig::default();
    config.limits.time_wait = 3;
    let mut world = World::new(Misfortune::default(), &config);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let service = world.client.add_service(Box::new(Client {
        len: 10,
        seen: Arc::clone(&seen),
    }));
    for port in 0..10 {
        let tuple = tuple(10_000 + port);
        world
            .client
            .open(tuple, link(), 0, service, world.now)
            .unwrap();
    }
    world.run_until(|_| seen.lock().unwrap().ended.len() == 10);
    // The client closed first, so the client holds TIME-WAIT.
    assert_eq!(world.client.len(), 3);
    assert_eq!(world.client.counters().connections.time_wait_evicted, 7);
}

// More TIME-WAITs end at one instant than a breath sees to.
#[test]
fn the_end_of_time_wait_holds_no_other_timer_back() {
    const MANY: u16 = 3 * BURST_FRAMES as u16;
    let mut world = World::new(Misfortune::default(), &ShardConfig::default());
    let seen = Arc::new(Mutex::new(Seen::default()));
    let service = world.client.add_service(Box::new(Client {
        len: 10,
        seen: Arc::clone(&seen),
    }));
    let open = |world: &mut World, port| {
        let (tuple, now) = (tuple(10_000 + port), world.now);
        let opened = world.client.open(tuple, link(), 0, service, now);
        opened.unwrap();
    };
    for port in 0..MANY {
        open(&mut world, port);
    }
    world.run_until(|_| seen.lock().unwrap().ended.len() == usize::from(MANY));
    assert_eq!(world.client.len(), usize::from(MANY), "all in TIME-WAIT");
    let over = world.now + world.client.config().tcp.time_wait;
    // A SYN that nobody hears is due again when they end.
    world.now = Instant::from_nanos(over.as_nanos() - 1_000_000_000);
    while world.client.breathe(world.now).is_busy {}
    open(&mut world, MANY);
    assert_eq!(world.client.breathe(world.now).sent, 1);
    let breath = world.client.breathe(over + Duration::from_millis(2));
    assert!(breath.is_busy, "not all have ended");
    assert_eq!(breath.sent, 1, "the SYN, again");
}

fn with(syn_cookies: SynCookies) -> ShardConfig {
    ShardConfig {
        syn_cookies,
        ..ShardConfig::default()
    }
}

#[test]
fn a_v6_source_is_its_64_however_many_addresses_it_has() {
    let v6 = |network: u8, host: u8| Endpoint {
        address: Address([0x20, 1, 0, 2, 0, 0, 0, network, 0, 0, 0, 0, 0, 0, 0, host]),
        port: 1024,
    };
    for cookies in [SynCookies::Never, SynCookies::Always] {
        let mut config = with(cookies);
        config.limits.per_source = 10;
        let mut rig = Rig::new(config);
        for network in 1..=2 {
            let opened = (0..20).filter(|host| open(&mut rig, v6(network, *host)).is_some());
            assert_eq!(opened.count(), 10);
        }
        assert_eq!(rig.dropped(DropReason::SourceFull), 20);
        assert_eq!(rig.shard.counters().connections.live(), 20);
    }
}

#[test]
fn a_full_table_refuses_and_who_is_in_it_stays() {
    for cookies in [SynCookies::Never, SynCookies::Always] {
        let mut rig = Rig::new(ShardConfig {
            connections: 8,
            ..with(cookies)
        });
        let opened: Vec<_> = (0..20).map(|n| open(&mut rig, client(n))).collect();
        assert_eq!(opened.iter().flatten().count(), 8);
        assert_eq!(rig.dropped(DropReason::TableFull), 12);
        for (n, syn_ack) in opened.iter().flatten().enumerate() {
            let more = Segment {
                seq: Seq(50) + 2,
                ack: syn_ack.seq + 2,
                ..third(50, syn_ack)
            };
            let answer = rig.ask(client(n as u32), more, b"still here").unwrap();
            assert_eq!(answer.segment.text_len, 10, "it is echoed");
        }
        let c = rig.shard.counters();
        assert_eq!((c.connections.live(), c.connections.accepted), (8, 8));
    }
}

#[test]
fn time_wait_takes_no_slot_and_gives_up_its_oldest_when_its_own_room_is_full() {
    for cookies in [SynCookies::Never, SynCookies::Always] {
        let config = ShardConfig {
            connections: 1,
            limits: Limits {
                time_wait: 3,
                ..Limits::default()
            },
            ..with(cookies)
        };
        let mut rig = Rig::serving(config, Box::new(Speaker));
        for n in 0..10 {
            close_after_speaker(&mut rig, client(n));
            let waiting = rig.shard.counters().states[State::TimeWait as usize];
            assert_eq!(waiting, u64::from(n + 1).min(3));
        }
        let c = rig.shard.counters();
        assert_eq!(
            (c.connections.released, c.connections.time_wait_evicted),
            (10, 7)
        );
        assert_eq!(c.drops.total(), 0);
    }
}

// RFC 5961 §7: a frame that is not answered has one reason, as any other.
#[test]
fn challenges_have_a_budget_and_harm_nobody() {
    let mut config = always();
    config.budgets.challenge = 50;
    let mut rig = Rig::new(config);
    let opened: Vec<_> = (0..100)
        .map(|n| open(&mut rig, client(n)).expect("nothing limits them"))
        .collect();
    let challenged = (0..).zip(&opened).filter(|(n, syn_ack)| {
        let in_window = Segment {
            seq: Seq(50) + 100,
            ctl: Ctl::RST,
            ..third(50, syn_ack)
        };
        rig.ask(client(*n), in_window, b"").is_some()
    });
    assert!((5..=7).contains(&challenged.count()));
    assert!(rig.dropped(DropReason::ReplyBudget) >= 93);
    let c = rig.shard.counters();
    assert_eq!((c.connections.live(), c.drops.total()), (100, 100));
}
