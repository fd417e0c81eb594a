//! Floods and cookies: what strangers cost, and what the honest get.

use super::*;
use crate::drop_reason::DropReason;
use crate::wire::{Checksum, Packet};
use crate::wire::{Ctl, Headers, Options, Segment, Seq, Timestamps, parse};

struct Rig {
    shard: Shard<MemoryPort>,
    wire: MemoryPort,
    now: Instant,
}

impl Rig {
    fn new(config: ShardConfig) -> Self {
        let (ours, wire) = pair(Misfortune::default(), 1024);
        let mut shard = Shard::new(ours, config);
        let echo = shard.add_service(Box::new(Echo));
        shard.listen(SERVER, echo);
        Self {
            shard,
            wire,
            now: Instant::ZERO,
        }
    }

    fn frame(from: Endpoint, segment: Segment, text: &[u8]) -> Vec<u8> {
        let tuple = FourTuple {
            local: from,
            remote: SERVER,
        };
        let segment = Segment {
            text_len: text.len() as u32,
            ..segment
        };
        let link = link();
        let headers = Headers {
            link: &link,
            tuple: &tuple,
            segment: &segment,
            hop_limit: 64,
            tos: 0,
        };
        let mut bytes = vec![0; 1500];
        let at = headers.len();
        bytes[at..at + text.len()].copy_from_slice(text);
        let len = headers.emit(&mut bytes).unwrap();
        bytes.truncate(len);
        bytes
    }

    // What is answered to one segment.
    fn ask(&mut self, from: Endpoint, segment: Segment, text: &[u8]) -> Option<Packet> {
        let bytes = Self::frame(from, segment, text);
        assert!(self.wire.send_bytes(self.now, &bytes));
        self.shard.breathe(self.now);
        let answer = self.wire.take_bytes(self.now)?;
        Some(parse(&answer, Checksum::Verify).unwrap())
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.shard.counters().drops.of(reason)
    }
}

fn client(n: u32) -> Endpoint {
    Endpoint {
        address: Address::v4((0xc612_0000 + (n >> 8)).to_be_bytes()),
        port: 1024 + (n & 0xff) as u16,
    }
}

fn syn(seq: u32) -> Segment {
    Segment {
        seq: Seq(seq),
        wnd: 60_000,
        ctl: Ctl::SYN,
        options: Options {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some(Timestamps { val: 9, ecr: 0 }),
        },
        ..Segment::default()
    }
}

// The ACK of a SYN-ACK that answered `syn(seq)`.
fn third(seq: u32, syn_ack: &Segment) -> Segment {
    Segment {
        seq: Seq(seq) + 1,
        ack: syn_ack.seq + 1,
        wnd: 500,
        ctl: Ctl::ACK,
        options: Options {
            timestamps: syn_ack.options.timestamps.map(|ts| Timestamps {
                val: 10,
                ecr: ts.val,
            }),
            ..Options::default()
        },
        ..Segment::default()
    }
}

fn always() -> ShardConfig {
    ShardConfig {
        syn_cookies: SynCookies::Always,
        ..ShardConfig::default()
    }
}

#[test]
fn everything_is_carried_by_connections_that_began_with_a_cookie() {
    run_with(&always(), 100, 10_000, Misfortune::default());
}

#[test]
fn a_syn_answered_by_a_cookie_leaves_nothing_behind() {
    let mut rig = Rig::new(always());
    let blocks = rig.shard.free_blocks();
    for n in 0..10_000 {
        let answer = rig.ask(client(n), syn(n), b"").unwrap().segment;
        assert_eq!(answer.ctl, Ctl::SYN_ACK);
        assert_eq!(answer.ack, Seq(n) + 1);
    }
    assert_eq!(rig.shard.len(), 0);
    assert_eq!(rig.shard.next_deadline(), Instant::NEVER);
    assert_eq!(rig.shard.free_blocks(), blocks);
    assert_eq!(rig.shard.counters().cookies.sent, 10_000);
    // Never sent again, however long nobody answers.
    rig.now = Instant::ZERO + Duration::from_mins(2);
    rig.shard.breathe(rig.now);
    assert_eq!(rig.wire.take_bytes(rig.now), None);
}

#[test]
fn a_syn_ack_is_no_longer_than_its_syn() {
    let mut rig = Rig::new(always());
    for mix in 0..16_u32 {
        let mut segment = syn(mix);
        let has = |bit: u32| mix >> bit & 1 == 1;
        let offered = segment.options;
        segment.options = Options {
            mss: Some(1460),
            window_scale: offered.window_scale.filter(|_| has(1)),
            sack_permitted: has(2),
            timestamps: offered.timestamps.filter(|_| has(3)),
        };
        let asked = Rig::frame(client(mix), segment, b"");
        assert!(rig.wire.send_bytes(rig.now, &asked));
        rig.shard.breathe(rig.now);
        let answer = rig.wire.take_bytes(rig.now).unwrap();
        assert!(answer.len() <= asked.len(), "{mix:04b}");
    }
}

#[test]
fn text_on_the_third_segment_is_delivered() {
    let mut rig = Rig::new(always());
    let syn_ack = rig.ask(client(1), syn(50), b"").unwrap().segment;
    let answer = rig.ask(client(1), third(50, &syn_ack), b"hello").unwrap();
    assert_eq!(answer.segment.text_len, 5, "it is echoed");
    let c = rig.shard.counters();
    assert_eq!((c.connections.accepted, c.cookies.accepted), (1, 1));
}

#[test]
fn a_wrong_cookie_is_reset_and_evicts_nobody() {
    let mut rig = Rig::new(always());
    let syn_ack = rig.ask(client(1), syn(50), b"").unwrap().segment;
    rig.ask(client(1), third(50, &syn_ack), b"");
    let wrong = Segment {
        ack: syn_ack.seq + 2,
        ..third(50, &syn_ack)
    };
    for n in 2..1000 {
        let answer = rig.ask(client(n), wrong, b"").unwrap().segment;
        assert_eq!((answer.ctl, answer.seq), (Ctl::RST, wrong.ack));
    }
    // Replayed in another tuple, it is as wrong.
    let replayed = rig.ask(client(2), third(50, &syn_ack), b"").unwrap();
    assert_eq!(replayed.segment.ctl, Ctl::RST);
    assert_eq!(rig.shard.counters().cookies.rejected, 999);
    assert_eq!(rig.dropped(DropReason::CookieWrong), 999);
    assert_eq!(rig.shard.len(), 1);
}

#[test]
fn a_cookie_of_the_epoch_before_last_is_refused() {
    let mut rig = Rig::new(always());
    for (wait, good) in [(60, true), (100, true), (130, false)] {
        let (from, begin) = (client(wait), rig.now);
        let syn_ack = rig.ask(from, syn(50), b"").unwrap().segment;
        // Every epoch is seen: a shard breathes at least a few times a second.
        for second in 1..=u64::from(wait) {
            rig.now = begin + Duration::from_secs(second);
            rig.shard.breathe(rig.now);
        }
        let accepted = rig.shard.counters().cookies.accepted;
        rig.ask(from, third(50, &syn_ack), b"");
        let now = rig.shard.counters().cookies.accepted;
        assert_eq!(now > accepted, good, "{wait} s");
        // The next begins at the start of an epoch.
        let epoch = rig.now.as_millis() / 64_000 + 1;
        rig.now = Instant::ZERO + Duration::from_secs(epoch * 64);
        rig.shard.breathe(rig.now);
    }
}

#[test]
fn auto_keeps_slots_until_too_many_handshakes_are_open() {
    let mut config = ShardConfig::default();
    config.limits.half_open = 100;
    let mut rig = Rig::new(config);
    for n in 0..1000 {
        rig.ask(client(n), syn(n), b"").unwrap();
    }
    let c = rig.shard.counters();
    assert_eq!(c.states[State::SynReceived as usize], 100);
    assert_eq!((c.cookies.sent, c.cookies.switched_on), (900, 1));
    // They are given up after a minute, and then the next SYN has a slot again.
    for second in 1..130 {
        rig.now = Instant::ZERO + Duration::from_secs(second);
        while rig.shard.breathe(rig.now).is_busy {}
        rig.wire.drain(rig.now);
    }
    assert_eq!(rig.shard.len(), 0);
    rig.ask(client(5000), syn(5), b"").unwrap();
    assert_eq!(rig.shard.len(), 1);
    assert_eq!(rig.shard.counters().cookies.switched_off, 1);
}

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
        let open = |rig: &mut Rig, n: u32| {
            let syn_ack = rig.ask(client(n), syn(50), b"")?.segment;
            rig.ask(client(n), third(50, &syn_ack), b"x")
                .map(|_| syn_ack)
        };
        // The first 256 clients share an address.
        let opened: Vec<_> = (0..20).map(|n| open(&mut rig, n)).collect();
        assert_eq!(opened.iter().flatten().count(), 10);
        assert_eq!(rig.dropped(DropReason::SourceFull), 10);
        let others = (1..=10).filter(|n| open(&mut rig, n << 8).is_some());
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
        assert!(open(&mut rig, 30).is_some());
        assert!(open(&mut rig, 31).is_none());
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
