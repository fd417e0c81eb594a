//! The XDP program and a shard side by side: what one sends, the other would.

use nix::time::{ClockId, clock_gettime};
use seawall::control::clock::Clock;
use seawall::control::server::epoch_answer;
use seawall::nic::af_xdp::{Action, Answers, Filter, Orders, Verdict};
use seawall::nic::memory::{MemoryPort, Misfortune, pair};
use seawall::service::by_name;
use seawall::shard::{Secrets, Shard, ShardConfig, SharedCookies, SynCookies};
use seawall::tcp::Config;
use seawall::time::{Duration, Instant};
use seawall::wire::{Checksum, Endpoint};

/// The shards' clock when a test begins: just behind the moment at which the program begins an
/// epoch, so that there is a minute until the next.
const BEGIN: Duration = Duration::from_millis(2 * 64_000 + 1_500);

/// The program and a shard, with the same secrets and the same clock.
pub(crate) struct Both {
    pub(crate) filter: Filter,
    pub(crate) answers: Answers,
    pub(crate) clock: Clock,
    /// What the program made of the frame that was asked last.
    pub(crate) reply: Vec<u8>,
    shard: Shard<MemoryPort>,
    wire: MemoryPort,
}

pub(crate) const KEY: [u8; 16] = *b"sixteen octets..";

/// Answers, and no more.
pub(crate) const ANSWER: Orders = Orders {
    answer: true,
    trust_partial: false,
    block: false,
    replies_per_s: 0,
    source_per_s: 0,
};

/// Of a shard that answers each SYN by a cookie.
pub(crate) fn config(tcp: Config, checksum: Checksum) -> ShardConfig {
    ShardConfig {
        tcp,
        syn_cookies: SynCookies::Always,
        checksum: vec![checksum],
        secrets: Secrets {
            iss: *b"and sixteen more",
            table: [1, 2, 3, 4],
        },
        cookies: SharedCookies::new(|epoch| KEY.map(|octet| octet ^ epoch as u8)),
        ..ShardConfig::default()
    }
}

impl Both {
    /// `filter` has a socket on queue 0, and owns nothing.
    pub(crate) fn new(mut filter: Filter, config: ShardConfig, listeners: &[Endpoint]) -> Self {
        let clock = Clock::start().older_by(BEGIN);
        let mut answers = filter.answers().unwrap();
        for (number, endpoint) in (0..).zip(listeners) {
            for epoch in [1, 2] {
                let key = config.cookies.key_of(epoch);
                let answer = epoch_answer(&config, endpoint.address, epoch, key, clock.began());
                answers.set(number, &answer).unwrap();
            }
            filter.own_listener(*endpoint, number).unwrap();
        }
        let (port, wire) = pair(Misfortune::default(), 64);
        let mut shard = Shard::new(port, config);
        let service = shard.add_service(by_name("discard").unwrap());
        for endpoint in listeners {
            shard.listen(*endpoint, service);
        }
        Self {
            filter,
            answers,
            clock,
            reply: Vec::new(),
            shard,
            wire,
        }
    }

    pub(crate) fn order(&mut self, orders: &Orders) {
        self.answers.order(orders).unwrap();
    }

    /// By the shards' clock, as far as the kernel has it without reading the hardware's.
    pub(crate) fn now(&self) -> Instant {
        let coarse = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).unwrap();
        Instant::ZERO + Duration::from(coarse).saturating_sub(self.clock.began())
    }

    /// What both make of a frame at the same time.
    pub(crate) fn ask(&mut self, frame: &[u8]) -> (Action, Option<Vec<u8>>) {
        loop {
            let before = self.now();
            let action = self.filter.answer(frame, &mut self.reply).unwrap();
            let now = self.now();
            if before == now {
                assert!(self.wire.send_bytes(now, frame));
                self.shard.breathe(now);
                return (action, self.wire.take_bytes(now));
            }
        }
    }

    /// What the program makes of a frame, once.
    pub(crate) fn judge(&mut self, frame: &[u8]) -> Action {
        self.filter.judge(frame).unwrap()
    }

    pub(crate) fn verdict(&self, verdict: Verdict) -> u64 {
        self.filter.verdicts().unwrap().of(verdict)
    }
}
