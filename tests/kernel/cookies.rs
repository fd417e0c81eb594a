//! What a kernel's SYN offers survives a handshake that only the kernel remembered.

use crate::stage::{ECHO, Event, Stage, watch};
use crate::streams::round_trip;
use libtest_mimic::Failed;
use seawall::control::server::Totals;
use seawall::shard::{Direction, SynCookies};
use seawall::tcp::State;
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc::Receiver;

const SETTINGS: [&str; 3] = [
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_window_scaling",
];

/// More than any window without scale.
const OCTETS: usize = 1_000_000;

// All mixes of what the client's kernel may offer. Without timestamps a cookie has no place for
// the other two, and offers neither.
pub(crate) fn every_mix_of_options() -> Result<(), Failed> {
    let mut events = None;
    let stage = Stage::with(|config| {
        config.shard.syn_cookies = SynCookies::Always;
        events = Some(watch(config));
    })?;
    all_mixes(stage, &events.expect("the server was adjusted"))?;
    Ok(())
}

/// A round trip with each mix, at each address: all of them by cookies, whoever sends them.
pub(crate) fn all_mixes(stage: Stage, events: &Receiver<Event>) -> Result<Totals, Failed> {
    for mix in 0..8 {
        let [timestamps, sack, scale] = [0, 1, 2].map(|bit| mix >> bit & 1 == 1);
        for (name, on) in SETTINGS.into_iter().zip([timestamps, sack, scale]) {
            let value = if on { "1" } else { "0" };
            stage.lab().client().sysctl(name, value)?;
        }
        for at in stage.ends(ECHO) {
            let what = format!("timestamps {timestamps} sack {sack} scale {scale} {at}");
            let stream = stage.connect(at)?;
            let agreed = agreed(&stage, &stream)?;
            let expected = (timestamps, timestamps && sack, timestamps && scale);
            assert_eq!(agreed, expected, "{what}");
            round_trip(stream, OCTETS)?;
            // And our end remembers it.
            let stamped = events.try_iter().filter_map(|event| match event {
                Event::Segment {
                    direction: Direction::Out,
                    segment,
                    state: State::Established,
                    ..
                } => Some(segment.options.timestamps.is_some()),
                _ => None,
            });
            let stamped: Vec<bool> = stamped.collect();
            assert!(stamped.len() > 100, "{what}: {}", stamped.len());
            assert!(stamped.iter().all(|is| *is == timestamps), "{what}");
        }
    }
    let totals = stage.stop(16)?;
    let counters = &totals.counters;
    let cookies = counters.cookies;
    assert_eq!(
        (cookies.sent, cookies.accepted, cookies.rejected),
        (16, 16, 0)
    );
    assert_eq!(counters.connections.released, 16);
    let octets = 16 * OCTETS as u64;
    assert_eq!((counters.text_in, counters.text_out), (octets, octets));
    Ok(totals)
}

// What TCP_INFO says of the client's end: timestamps, SACK, window scale.
fn agreed(stage: &Stage, stream: &TcpStream) -> Result<(bool, bool, bool), Failed> {
    let port = stream.local_addr()?.port().to_string();
    let filter = ["-tionOH", "sport", "=", &port];
    let output = stage.client(|| Command::new("ss").args(filter).output())?;
    let told = String::from_utf8(output.stdout)?;
    let [line] = told.lines().collect::<Vec<_>>()[..] else {
        return Err(format!("ss {filter:?}: {told:?}, {:?}", output.stderr).into());
    };
    let has = |word: &str| line.split_whitespace().any(|it| it == word);
    let is_scaled = line.split_whitespace().any(|it| it.starts_with("wscale:"));
    Ok((has("ts"), has("sack"), is_scaled))
}
