//! SYN cookies of the XDP program and of the shard are the same, octet for octet.
//!
//! Run by the kernel (`BPF_PROG_TEST_RUN`), so it needs root; no interface is touched.

mod common;

#[path = "xdp_cookie/both.rs"]
mod both;
#[path = "xdp_cookie/draws.rs"]
mod draws;
#[path = "frames/socket.rs"]
mod socket;
#[path = "xdp_cookie/syn.rs"]
mod syn;

use both::{ANSWER, Both, KEY, config};
use common::ROOT;
use draws::Draws;
use seawall::control::server::epoch_answer;
use seawall::nic::af_xdp::{Action, Filter, Orders, Verdict};
use seawall::shard::ShardConfig;
use seawall::tcp::Config;
use seawall::wire::{Address, Checksum, Endpoint};
use socket::{register, with_socket};
use std::os::fd::BorrowedFd;
use std::process::ExitCode;
use syn::{BLOCK_V6, Syn, V4, V6};

/// Random SYNs of each configuration; together more than 100,000.
const SYNS: u32 = 30_000;

const TESTS: &[common::Row<()>] = &[
    (
        "the_program_and_the_shard_answer_alike",
        ROOT,
        answers_alike,
    ),
    (
        "switched_off_it_leaves_all_to_the_shard",
        ROOT,
        switched_off,
    ),
    (
        "between_two_epochs_it_leaves_all_to_the_shard",
        ROOT,
        between_epochs,
    ),
    ("listeners_beyond_the_doors_are_found", ROOT, beyond_doors),
    ("what_makes_no_sense_is_dropped", ROOT, no_sense),
    ("budgets_hold", ROOT, budgets),
    ("a_source_has_its_share", ROOT, sources),
    ("blocked_networks_get_nothing", ROOT, blocked),
];

fn main() -> ExitCode {
    common::run_together(TESTS)
}

fn listeners() -> [Endpoint; 2] {
    [V4, V6].map(|address| Endpoint { address, port: 80 })
}

fn both(socket: BorrowedFd<'_>, config: ShardConfig) -> Both {
    let mut filter = Filter::load().unwrap();
    register(&mut filter, socket);
    Both::new(filter, config, &listeners())
}

fn answers_alike() {
    with_socket(|socket| {
        let plain = Config::default();
        let poor = Config {
            mtu: 1400,
            receive_buffer: 30_000,
            timestamps: false,
            ..Config::default()
        };
        let odd = Config {
            mtu: 576,
            window_shift_min: 9,
            sack: false,
            ..Config::default()
        };
        let mut answered = 0;
        for (seed, tcp, checksum) in [
            (1, plain.clone(), Checksum::Verify),
            (2, plain, Checksum::TrustPartial),
            (3, poor, Checksum::Verify),
            (4, odd, Checksum::TrustPartial),
        ] {
            let mut both = both(socket, config(tcp, checksum));
            both.order(&Orders {
                trust_partial: checksum == Checksum::TrustPartial,
                ..ANSWER
            });
            let mut draws = Draws::new(seed);
            for _ in 0..SYNS {
                answered += u32::from(is_answered_alike(&mut both, &Syn::draw(&mut draws)));
            }
            let got = [
                Verdict::Answer,
                Verdict::DropChecksum,
                Verdict::DropOptions,
                Verdict::DropEnds,
                Verdict::Redirect,
            ];
            let got = got.map(|verdict| (verdict.name(), both.verdict(verdict)));
            assert!(got.iter().all(|(_, count)| *count > 100), "{got:?}");
        }
        // Most are good, or the test would say little.
        assert!(answered > 2 * SYNS, "{answered}");
    });
}

fn is_answered_alike(both: &mut Both, syn: &Syn) -> bool {
    let frame = syn.frame();
    let (action, reply) = both.ask(&frame);
    match action {
        Action::Transmit => {
            let ours = Some(both.reply.as_slice());
            assert_eq!(ours, reply.as_deref(), "{syn:?} {frame:02x?}");
        }
        Action::Drop => assert_eq!(reply, None, "{syn:?} {frame:02x?}"),
        Action::Redirect => assert!(syn.is_unusual(), "{syn:?} {frame:02x?}"),
        Action::Pass | Action::Other(_) => panic!("{action:?} {syn:?} {frame:02x?}"),
    }
    action == Action::Transmit
}

fn switched_off() {
    with_socket(|socket| {
        let mut both = both(socket, config(Config::default(), Checksum::Verify));
        let mut draws = Draws::new(7);
        for switched in [None, Some(false), Some(true), Some(false)] {
            if let Some(answer) = switched {
                both.order(&Orders { answer, ..ANSWER });
            }
            let action = both.judge(&Syn::good(&mut draws).frame());
            let want = if switched == Some(true) {
                Action::Transmit
            } else {
                Action::Redirect
            };
            assert_eq!(action, want, "{switched:?}");
        }
        // Whoever answers them, they are counted.
        assert_eq!(both.answers.syns().unwrap(), 4);
    });
}

fn between_epochs() {
    with_socket(|socket| {
        let config = config(Config::default(), Checksum::Verify);
        let mut both = both(socket, config.clone());
        both.order(&ANSWER);
        let mut draws = Draws::new(8);
        let mut ask = |both: &mut Both| both.judge(&Syn::good(&mut draws).frame());
        assert_eq!(ask(&mut both), Action::Transmit);
        // Over both slots: an epoch that is over, and one that is not there yet.
        for epoch in [0, 3] {
            for (number, endpoint) in (0..).zip(listeners()) {
                let began = both.clock.began();
                let answer = epoch_answer(&config, endpoint.address, epoch, KEY, began);
                both.answers.set(number, &answer).unwrap();
            }
        }
        assert_eq!(ask(&mut both), Action::Redirect);
    });
}

// More than there are places to find them at without a hash table, so some share one.
fn beyond_doors() {
    const LISTENERS: u16 = 2_000;
    with_socket(|socket| {
        let mut both = both(socket, config(Config::default(), Checksum::Verify));
        both.order(&ANSWER);
        let at = |port| Endpoint { address: V4, port };
        let ports = 1_000..1_000 + LISTENERS;
        for port in ports.clone() {
            both.filter.own_listener(at(port), 0).unwrap();
        }
        let mut draws = Draws::new(13);
        let mut syn = Syn::good(&mut draws);
        (syn.source, syn.destination) = (draws.host(true), V4);
        let mut ask = |both: &mut Both, port| {
            syn.ports = [40_000, port];
            both.judge(&syn.frame())
        };
        for port in ports.clone() {
            assert_eq!(ask(&mut both, port), Action::Transmit, "{port}");
        }
        for port in ports.clone().step_by(2) {
            both.filter.disown(at(port)).unwrap();
        }
        for port in ports.clone() {
            let want = if port % 2 == 0 {
                Action::Pass
            } else {
                Action::Transmit
            };
            assert_eq!(ask(&mut both, port), want, "{port}");
        }
        // No listener any more, but owned.
        both.filter.own(at(1_001)).unwrap();
        assert_eq!(ask(&mut both, 1_001), Action::Redirect);
    });
}

fn no_sense() {
    with_socket(|socket| {
        let mut both = both(socket, config(Config::default(), Checksum::Verify));
        both.order(&ANSWER);
        let mut draws = Draws::new(9);
        // No SYN, ACK or RST; SYN and RST.
        for flags in [0, 0x01, 0x08, 0x20, 0x29, 0x06, 0x07, 0x16] {
            let before = both.verdict(Verdict::DropFlags);
            let mut syn = Syn::good(&mut draws);
            syn.flags = flags;
            assert_eq!(both.judge(&syn.frame()), Action::Drop, "{flags:#04x}");
            assert_eq!(both.verdict(Verdict::DropFlags), before + 1, "{flags:#04x}");
            // The shard has nothing to say to it either.
            assert_eq!(both.ask(&syn.frame()), (Action::Drop, None), "{flags:#04x}");
        }
        // An ACK flood goes to the shard.
        let mut ack = Syn::good(&mut draws);
        ack.flags = 0x10;
        assert_eq!(both.ask(&ack.frame()).0, Action::Redirect);
        let mut from_a_group = ack;
        from_a_group.source = Address::v4([224, 0, 0, 1]);
        from_a_group.destination = V4;
        assert_eq!(both.ask(&from_a_group.frame()), (Action::Drop, None));
    });
}

fn budgets() {
    with_socket(|socket| {
        let mut both = both(socket, config(Config::default(), Checksum::Verify));
        both.order(&Orders {
            replies_per_s: 100,
            ..ANSWER
        });
        let mut draws = Draws::new(10);
        let begin = both.now();
        let mut sent = 0;
        for _ in 0..500 {
            sent += u64::from(both.judge(&Syn::good(&mut draws).frame()) == Action::Transmit);
        }
        let millis = (both.now() - begin).as_millis() as u64;
        // A tenth of a second's worth at once, on each CPU that this ran on.
        assert!(
            (10..=2 * 11 + millis / 5).contains(&sent),
            "{sent} in {millis} ms"
        );
        let refused = both.verdict(Verdict::DropBudget);
        assert_eq!((both.verdict(Verdict::Answer), refused), (sent, 500 - sent));
    });
}

fn sources() {
    with_socket(|socket| {
        let mut both = both(socket, config(Config::default(), Checksum::Verify));
        let mut draws = Draws::new(11);
        for answer in [true, false] {
            both.order(&Orders {
                answer,
                source_per_s: 5,
                ..ANSWER
            });
            let passed = |action| action != Action::Drop;
            for family in [V4, V6] {
                let mut syn = Syn::good(&mut draws);
                (syn.source, syn.destination) = (draws.host(family.is_v4()), family);
                let mut of_source = 0;
                for n in 0..50 {
                    // Another host of the same /64 is the same source.
                    if !family.is_v4() {
                        syn.source.0[15] = n;
                    }
                    of_source += u32::from(passed(both.judge(&syn.frame())));
                }
                assert!((5..=12).contains(&of_source), "{of_source}");
                let mut other = syn;
                other.source = draws.host(family.is_v4());
                assert!(passed(both.judge(&other.frame())), "another source");
            }
        }
        assert!(both.verdict(Verdict::DropSource) > 100);
    });
}

fn blocked() {
    with_socket(|socket| {
        let mut both = both(socket, config(Config::default(), Checksum::Verify));
        let (v4, v6) = (Address::v4([198, 18, 0, 0]), BLOCK_V6);
        both.answers.block(v4, 15).unwrap();
        both.answers.block(v6, 48).unwrap();
        let mut draws = Draws::new(12);
        let mut good = |source: Address| {
            let mut syn = Syn::good(&mut draws);
            syn.source = source;
            syn.destination = if source.is_v4() { V4 } else { V6 };
            syn
        };
        let mut host = v6;
        host.0[15] = 9;
        let mut beside = host;
        beside.0[5] ^= 1;
        let rows = [
            (good(Address::v4([198, 19, 255, 1])), true),
            (good(Address::v4([198, 20, 0, 1])), false),
            (good(host), true),
            (good(beside), false),
        ];
        for block in [false, true] {
            for answer in [false, true] {
                both.order(&Orders {
                    answer,
                    block,
                    ..ANSWER
                });
                for (syn, is_listed) in rows {
                    // A SYN, and what may be the segment of a connection.
                    for flags in [0x02, 0x10] {
                        let mut segment = syn;
                        segment.flags = flags;
                        let is_dropped = both.judge(&segment.frame()) == Action::Drop;
                        assert_eq!(
                            is_dropped,
                            block && is_listed,
                            "{segment:?} {block} {answer}"
                        );
                    }
                }
            }
        }
        assert_eq!(both.verdict(Verdict::DropBlocked), 2 * 2 * 2);
    });
}
