//! SYNs and ACKs against a shard that answers every SYN by a cookie. No slot is taken but for a
//! cookie that the shard has made, for that tuple and that SYN, not longer than two epochs ago.

use super::bench::Bench;
use super::octets::Octets;
use seawall::shard::SynCookies;
use seawall::tcp::cookie::EPOCH_SECONDS;
use seawall::time::{Duration, Instant};
use seawall::wire::{Ctl, FourTuple, Seq};

const STEPS_MAX: usize = 200;

/// A SYN-ACK that was a cookie.
struct Cookie {
    tuple: FourTuple,
    seq: Seq,
    iss: Seq,
    made_at: Instant,
}

/// Runs an input: two octets of configuration, then steps of time, SYNs and anything else.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let mut bench = Bench::new(&mut octets, Some(SynCookies::Always));
    let mut cookies = Vec::new();
    for _ in 0..STEPS_MAX {
        if octets.is_empty() {
            break;
        }
        let kind = octets.u8() % 4;
        if kind == 0 {
            let octet = octets.u8();
            bench.wait(octet);
            continue;
        }
        let (who, mut segment) = bench.segment(&mut octets);
        if kind == 1 {
            segment.ctl = Ctl::SYN;
        }
        let tuple = bench.peers[who].tuple;
        let accepted = bench.shard.counters().cookies.accepted;
        bench.send(who, &segment, None);
        let accepted = bench.shard.counters().cookies.accepted - accepted;
        let is_known = cookies.iter().any(|cookie: &Cookie| {
            cookie.tuple == tuple
                && cookie.seq + 1 == segment.seq
                && cookie.iss + 1 == segment.ack
                && bench.now - cookie.made_at <= Duration::from_secs(2 * EPOCH_SECONDS)
        });
        assert!(
            accepted == 0 || is_known,
            "{segment:?} of {tuple:?} is no cookie"
        );
        remember(&bench, &mut cookies);
        // A SYN that takes the place of a TIME-WAIT is one of those that were accepted before.
        let all = bench.shard.counters().cookies.accepted;
        assert!(bench.shard.len() as u64 <= all, "a stranger has a slot");
    }
    bench.end();
}

fn remember(bench: &Bench, cookies: &mut Vec<Cookie>) {
    let syn_acks = bench
        .said
        .iter()
        .filter(|(_, segment)| segment.ctl == Ctl::SYN_ACK);
    cookies.extend(syn_acks.map(|(tuple, segment)| Cookie {
        tuple: *tuple,
        seq: Seq(segment.ack.0.wrapping_sub(1)),
        iss: segment.seq,
        made_at: bench.now,
    }));
}
