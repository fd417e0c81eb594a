//! Floods, with the kernel's clients beside them: nobody who is honest fails, and what is open
//! goes on. The flood leaves by the same interface as the clients, and arrives on the same queue.

use crate::clients::{CROWD, crowd};
use crate::common::until;
use crate::stage::{ECHO, Stage, connect, echo};
use crate::streams::round_trip;
use libtest_mimic::Failed;
use seawall::control::clock::Clock;
use seawall::control::lab::CLIENT_INTERFACE;
use seawall::drop_reason::DropReason;
use seawall::flood::{Flood, Kind, Plan, Rate, SourceKind, Span};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Longer than any test here; it is stopped before.
const MINUTE: Duration = Duration::from_mins(1);

// What `meanwhile` returns, while a flood of this kind goes to `to`; and how many frames it had. It
// is there when `seen` says so many.
// `AF_XDP` transmit sleeps between slices, and leaves a processor to the clients.
pub(crate) fn flooded<T: Send>(
    stage: &Stage,
    (kind, per_s): (Kind, u64),
    to: SocketAddr,
    seen: impl Fn() -> u64,
    meanwhile: impl FnOnce() -> Result<T, Failed>,
) -> Result<(T, u64), Failed> {
    let plan = Plan {
        interface: CLIENT_INTERFACE.into(),
        target: to.to_string().parse()?,
        rate: Rate::new(per_s)?,
        span: Span::new(MINUTE)?,
        kind,
        source: Some(SourceKind::AfXdp),
        seed: 0x5707,
    };
    let (clock, stop) = (Clock::start(), AtomicBool::new(false));
    thread::scope(|scope| {
        let flood = scope.spawn(|| {
            stage.client(|| -> Result<u64, Failed> {
                let flood = Flood::open(&plan)?;
                Ok(flood.run(|| clock.now(), &stop, |_| ())?.sent)
            })
        });
        // Whatever happens in there, the flood ends, or the scope would not.
        let _end = StopOnDrop(&stop);
        let before = seen();
        until("the flood is there", || {
            let is_there = seen() > before + per_s / 10;
            (is_there || flood.is_finished()).then_some(())
        })?;
        let done = meanwhile();
        assert!(!flood.is_finished(), "it lasts as long as the clients");
        stop.store(true, Ordering::Relaxed);
        let sent = flood.join().expect("it does not panic")?;
        Ok((done?, sent))
    })
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// SYNs a second, and other segments a second.
const SYNS: u64 = 100_000;
const STRAYS: u64 = 100_000;

pub(crate) fn syn_flood() -> Result<(), Failed> {
    let stage = Stage::with(|config| config.shard.limits.half_open = 1000)?;
    let seen = || stage.counters().segments_in;
    let ((), sent) = flooded(&stage, (Kind::Syn, SYNS), stage.at(ECHO), seen, || {
        crowd(&stage)
    })?;
    let counters = until("everybody was served", || {
        let counters = stage.counters();
        let connections = counters.connections;
        (connections.accepted >= CROWD && connections.live() == 0).then_some(counters)
    })?;
    assert_eq!(counters.connections.accepted, CROWD, "and nobody else");
    assert_eq!(counters.connections.released, CROWD);
    assert_eq!(counters.connections.reset, 0);
    let cookies = counters.cookies;
    assert_eq!(cookies.switched_on, 1, "{cookies:?}");
    assert!(cookies.sent > SYNS / 10, "{cookies:?}, {sent} sent");
    assert!(cookies.accepted > 9000, "{cookies:?}");
    Ok(())
}

pub(crate) fn ack_flood() -> Result<(), Failed> {
    strays(Kind::Ack, DropReason::NoConnection)
}

pub(crate) fn rst_flood() -> Result<(), Failed> {
    strays(Kind::Rst, DropReason::NoListener)
}

// Segments of no connection: one that is established carries on, and new ones come and go.
fn strays(kind: Kind, reason: DropReason) -> Result<(), Failed> {
    const VISITS: usize = 300;
    const OCTETS: usize = 10_000_000;
    let stage = Stage::new()?;
    let established = stage.connect(stage.at(ECHO))?;
    let flood = (kind, STRAYS);
    let seen = || stage.counters().segments_in;
    let ((), sent) = flooded(&stage, flood, stage.at(ECHO), seen, || {
        thread::scope(|scope| {
            let transfer = scope.spawn(|| round_trip(established, OCTETS));
            stage.client(|| {
                let visit = |n: usize| echo(connect(stage.ends(ECHO)[n % 2])?, b"still there?");
                (0..VISITS).try_for_each(visit)
            })?;
            transfer.join().expect("it does not panic")
        })
    })?;
    let counters = until("everybody was served", || {
        let counters = stage.counters();
        (counters.connections.live() == 0).then_some(counters)
    })?;
    let connections = counters.connections;
    let all = VISITS as u64 + 1;
    assert_eq!((connections.accepted, connections.released), (all, all));
    assert_eq!(connections.reset, 0);
    // Resets have a budget: what is above it is dropped without.
    let dropped = counters.drops.of(reason) + counters.drops.of(DropReason::ReplyBudget);
    assert!(dropped > STRAYS / 10, "{dropped} dropped of {sent}");
    assert!(dropped <= sent);
    Ok(())
}
