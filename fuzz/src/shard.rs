//! Any sequence of frames, of time and of wishes into a shard with listeners and live connections.
//!
//! Two octets of configuration, then steps, of which the first octet says the kind: segments of
//! peers relative to what the shard has shown them, the same with a bit turned over, any octets as a
//! frame, time, users.

use super::bench::Bench;
use super::octets::Octets;

/// Steps that are looked at; what is behind them is not.
const STEPS_MAX: usize = 200;

/// Runs an input.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let mut bench = Bench::new(&mut octets, None);
    for _ in 0..STEPS_MAX {
        if octets.is_empty() {
            break;
        }
        match octets.u8() % 8 {
            0 => {
                let octet = octets.u8();
                bench.wait(octet);
            }
            1 => {
                let len = usize::from(octets.u8()) * 2;
                let frame = octets.slice(len);
                bench.say(frame);
            }
            2 => bench.act(&mut octets),
            3 => {
                let (who, segment) = bench.segment(&mut octets);
                let flip = octets.u16();
                bench.send(who, &segment, Some(flip));
            }
            _ => {
                let (who, segment) = bench.segment(&mut octets);
                bench.send(who, &segment, None);
            }
        }
    }
    bench.end();
}
