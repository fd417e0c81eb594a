//! What a seed stands for: two shards, the wire between them, and how their users live.

use crate::draws::Draws;
use seawall::nic::memory::Misfortune;
use seawall::shard::{Budgets, Limits, Secrets, ShardConfig, SharedCookies, SynCookies};
use seawall::tcp::Config;
use seawall::time::Duration;
use std::cell::Cell;

/// What a run is made of, apart from what its users draw as they go.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Of the server, and of the client.
    pub(crate) configs: [ShardConfig; 2],
    /// Frames of each end.
    pub(crate) frames: usize,
    pub(crate) misfortune: Misfortune,
    pub(crate) habits: Habits,
    pub(crate) is_v4: bool,
    pub(crate) opens: u64,
    /// Ports of the client: the fewer, the more often a tuple has a second life.
    pub(crate) ports: u64,
    /// Longest time between two things that users do.
    pub(crate) pause: Duration,
}

/// How users behave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Nothing runs out, nobody breaks off, and what is lost can be sent again: whatever does not
    /// arrive is our fault.
    pub(crate) is_fair: bool,
    /// Most octets that a user sends.
    pub(crate) text_max: u64,
}

thread_local! {
    static KEYS: Cell<u64> = const { Cell::new(0) };
}

// A plain function, as the shard wants it: the state is the thread's, and each run begins it anew.
fn next_key() -> [u8; 16] {
    let mut draws = Draws::new(KEYS.get());
    KEYS.set(draws.next());
    draws.octets()
}

fn cookies(first: [u8; 16]) -> SharedCookies {
    SharedCookies::new(move |epoch| if epoch == 0 { first } else { next_key() })
}

impl Scenario {
    pub(crate) fn new(seed: u64) -> Self {
        let mut draws = Draws::new(seed);
        KEYS.set(draws.next());
        let is_fair = draws.one_in(4);
        let misfortune = misfortune(&mut draws, is_fair);
        let configs = [0, 1].map(|_| shard(&mut draws, is_fair, &misfortune));
        // What goes through a small window or queue in sips is not a book.
        let sips = configs
            .iter()
            .map(|c| 10 * c.tcp.receive_buffer.min(20 * c.tcp.send_buffer));
        let text_max = draws.of(&[0, 100, 3_000, 20_000]);
        Self {
            frames: if is_fair {
                512
            } else {
                draws.of(&[4, 16, 64, 512])
            },
            misfortune,
            habits: Habits {
                is_fair,
                text_max: text_max.min(sips.min().unwrap_or(0).into()),
            },
            is_v4: draws.one_in(2),
            opens: 2 + draws.below(10),
            ports: 1 + draws.below(5),
            pause: Duration::from_millis(draws.of(&[0, 5, 100, 3_000])),
            configs,
        }
    }
}

fn misfortune(draws: &mut Draws, is_fair: bool) -> Misfortune {
    let delay = Duration::from_micros(draws.of(&[10, 100, 1_000, 40_000]));
    let seed = draws.next();
    if is_fair {
        let is_lossy = draws.one_in(2);
        return Misfortune {
            seed,
            loss: if is_lossy { 0.1 } else { 0.0 },
            reorder: if is_lossy { 0.2 } else { 0.0 },
            delay,
            ..Misfortune::default()
        };
    }
    Misfortune {
        seed,
        loss: draws.of(&[0.0, 0.01, 0.1, 0.3]),
        duplicate: draws.of(&[0.0, 0.05, 0.3]),
        reorder: draws.of(&[0.0, 0.05, 0.3]),
        corrupt: draws.of(&[0.0, 0.05]),
        delay,
        jitter: draws.of(&[Duration::ZERO, delay]),
    }
}

fn shard(draws: &mut Draws, is_fair: bool, misfortune: &Misfortune) -> ShardConfig {
    let ample = ShardConfig {
        tcp: tcp(draws, misfortune),
        connections: 64,
        blocks: 512,
        syn_cookies: draws.of(&[SynCookies::Auto, SynCookies::Always, SynCookies::Never]),
        secrets: Secrets {
            iss: draws.octets(),
            table: std::array::from_fn(|_| draws.next()),
        },
        cookies: cookies(draws.octets()),
        ..ShardConfig::default()
    };
    if is_fair {
        // A lost segment that comes again may be a second connection where there are cookies, and
        // finds nobody where TIME-WAIT is over.
        let is_lossy = misfortune.loss > 0.0;
        return ShardConfig {
            tcp: Config {
                time_wait: if is_lossy {
                    Duration::from_mins(5)
                } else {
                    ample.tcp.time_wait
                },
                syn_retries: 7,
                syn_ack_retries: 5,
                retries: 15,
                ..ample.tcp
            },
            syn_cookies: if is_lossy {
                SynCookies::Never
            } else {
                ample.syn_cookies
            },
            ..ample
        };
    }
    ShardConfig {
        connections: draws.of(&[1, 2, 4, 16, 64]),
        at_work: draws.of(&[None, None, None, Some(1), Some(3)]),
        blocks: draws.of(&[2, 3, 6, 20, 200]),
        limits: Limits {
            half_open: draws.of(&[0, 1, 2, 4096]),
            per_listener: draws.of(&[0, 0, 1, 3]),
            per_source: draws.of(&[0, 0, 1, 3]),
            time_wait: draws.of(&[0, 0, 1, 4]),
        },
        budgets: Budgets {
            syn_ack: draws.of(&[0, 0, 1, 20]),
            reset: draws.of(&[0, 1, 20, 50_000]),
            challenge: draws.of(&[0, 1, 20, 50_000]),
            ..Budgets::default()
        },
        ..ample
    }
}

fn tcp(draws: &mut Draws, misfortune: &Misfortune) -> Config {
    // Segments are on their way for less than an MSL.
    let msl = misfortune.delay * 2 + misfortune.jitter + Duration::from_millis(1);
    Config {
        time_wait: draws.of(&[2 * msl, Duration::from_secs(1), Duration::from_mins(1)]),
        mtu: draws.of(&[88, 296, 576, 1280, 1500]),
        receive_buffer: draws.of(&[64, 600, 4_000, 65_535, 262_144]),
        send_buffer: draws.of(&[1, 500, 5_000, 65_535]),
        timestamps: draws.one_in(2),
        window_scale: draws.one_in(2),
        sack: draws.one_in(2),
        syn_retries: draws.of(&[3, 7]),
        syn_ack_retries: draws.of(&[2, 5]),
        retries: draws.of(&[4, 8, 15]),
        fin_wait_2: draws.of(&[Duration::from_secs(1), Duration::from_mins(1)]),
        ..Config::default()
    }
}
