//! Long and unfinished conversations: half-close, reset, bulk, a reader who takes his time.

use crate::common::until;
use crate::stage::{CHARGEN, ECHO, Event, Stage, numbered, watch};
use libtest_mimic::Failed;
use nix::sys::socket::{setsockopt, sockopt::Linger};
use seawall::service::{Conn, Service};
use seawall::shard::Direction;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

/// Octets that are written or read at a time.
const PIECE: usize = 1 << 16;

// Echoes `len` octets, the reader and the writer each in a thread, as neither end holds so much;
// the writer closes its side behind them.
pub(crate) fn round_trip(mut stream: TcpStream, len: usize) -> Result<(), Failed> {
    let mut writer = stream.try_clone()?;
    thread::scope(|scope| {
        let written = scope.spawn(move || -> Result<(), Failed> {
            let mut piece = vec![0; PIECE];
            for at in (0..len).step_by(PIECE) {
                let piece = &mut piece[..PIECE.min(len - at)];
                numbered(at, piece);
                writer.write_all(piece)?;
            }
            Ok(writer.shutdown(Shutdown::Write)?)
        });
        let (mut at, mut piece, mut expected) = (0, vec![0; PIECE], vec![0; PIECE]);
        loop {
            let n = stream.read(&mut piece)?;
            if n == 0 {
                break;
            }
            numbered(at, &mut expected[..n]);
            if piece[..n] != expected[..n] {
                return Err(format!("not what was sent, between {at} and {}", at + n).into());
            }
            at += n;
        }
        written.join().unwrap()?;
        assert_eq!(at, len);
        Ok(())
    })
}

pub(crate) fn half_close() -> Result<(), Failed> {
    let stage = Stage::new()?;
    let sizes = [0, 1, 100_000, 3_000_000];
    for at in stage.ends(ECHO) {
        for len in sizes {
            round_trip(stage.connect(at)?, len)?;
        }
        // What both ends' buffers hold can be written to the end before any of it is read.
        let text: Vec<u8> = (0..50_000_u32).map(|n| n as u8).collect();
        stage.echo(at, &text)?;
    }
    let totals = stage.stop(10)?;
    let (counters, connections) = (&totals.counters, totals.counters.connections);
    assert_eq!((connections.accepted, connections.released), (10, 10));
    let octets = 2 * (sizes.iter().sum::<usize>() + 50_000) as u64;
    assert_eq!((counters.text_in, counters.text_out), (octets, octets));
    Ok(())
}

pub(crate) fn hundred_megabytes() -> Result<(), Failed> {
    let stage = Stage::new()?;
    round_trip(stage.connect(stage.at(ECHO))?, 100_000_000)?;
    let counters = stage.stop(1)?.counters;
    assert_eq!(counters.connections.released, 1);
    assert_eq!(
        (counters.text_in, counters.text_out),
        (100_000_000, 100_000_000)
    );
    Ok(())
}

pub(crate) fn client_resets() -> Result<(), Failed> {
    let stage = Stage::new()?;
    let ends = [stage.ends(CHARGEN), stage.ends(ECHO)].concat();
    for at in &ends {
        let mut stream = stage.connect(*at)?;
        if at.port() == ECHO {
            stream.write_all(&vec![0x5e; 30_000])?;
        }
        // In mid transfer: some has come, more is on its way.
        stream.read_exact(&mut [0; 1000])?;
        // A close that does not linger is an abort.
        let linger = libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&stream, Linger, &linger)?;
    }
    let counters = stage.settle(4)?;
    let connections = counters.connections;
    assert_eq!((connections.accepted, connections.reset), (4, 4));
    assert_eq!(counters.states.iter().sum::<u64>(), 0, "no slot is left");
    stage.echo(stage.at(ECHO), b"and we go on")?;
    stage.stop(5)?;
    Ok(())
}

/// Aborts as soon as it is told anything.
struct Touchy;

impl Service for Touchy {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        if conn.rx.unread() > 0 {
            conn.abort();
        }
    }
}

pub(crate) fn we_reset() -> Result<(), Failed> {
    let stage = Stage::with(|config| {
        for (at, service) in &mut config.listeners {
            if at.port == ECHO {
                *service = Box::new(|| Box::new(Touchy));
            }
        }
    })?;
    for at in stage.ends(ECHO) {
        let mut stream = stage.connect(at)?;
        stream.write_all(b"boo")?;
        let error = stream.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    let counters = stage.settle(2)?;
    let connections = counters.connections;
    assert_eq!((connections.accepted, connections.reset), (2, 2));
    assert_eq!(counters.states.iter().sum::<u64>(), 0, "no slot is left");
    stage.stop(2)?;
    Ok(())
}

pub(crate) fn slow_reader() -> Result<(), Failed> {
    const LEN: usize = 20_000_000;
    let mut events = None;
    let stage = Stage::with(|config| events = Some(watch(config)))?;
    let events = events.expect("it is watched");
    let mut stream = stage.connect(stage.at(CHARGEN))?;
    // Nobody reads until the client's window is shut.
    let shut = until("the window is shut", || {
        let mut seen = events.try_iter();
        seen.any(|event| {
            matches!(event, Event::Segment { direction: Direction::In, segment, .. }
                     if segment.wnd == 0 && !segment.ctl.rst)
        })
        .then_some(())
    });
    shut?;
    // And not then either, for the time of some probes. There is nothing to wait for here: that
    // nothing is read is what happens.
    thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(stage.counters().connections.live(), 1);

    let (mut at, mut piece) = (0, vec![0; PIECE]);
    let mut is_shut = false;
    loop {
        let n = stream.read(&mut piece)?;
        if n == 0 {
            break;
        }
        for (offset, octet) in piece[..n].iter().enumerate() {
            assert_eq!(*octet, character(at + offset), "octet {}", at + offset);
        }
        at += n;
        if at > LEN && !is_shut {
            is_shut = true;
            stream.shutdown(Shutdown::Write)?;
        }
    }
    let counters = stage.stop(1)?.counters;
    assert_eq!(counters.connections.released, 1);
    assert_eq!(counters.text_out, at as u64);
    Ok(())
}

// RFC 864: lines of 72 of the 95 printing characters, each beginning one later.
const fn character(at: usize) -> u8 {
    let (line, column) = (at / 74 % 95, at % 74);
    match column {
        72 => b'\r',
        73 => b'\n',
        column => b' ' + ((line + column) % 95) as u8,
    }
}
