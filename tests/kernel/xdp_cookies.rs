//! SYNs that the XDP program answers: a kernel's handshakes go on with the shard, whatever its SYN
//! offers, while keys change, and while the program takes over and gives back.

use crate::common::until;
use crate::cookies::all_mixes;
use crate::stage::{ECHO, Stage, connect, echo, watch};
use crate::storm::flooded;
use libtest_mimic::Failed;
use seawall::control::clock::Clock;
use seawall::control::lab::CLIENT_INTERFACE;
use seawall::control::server::{CookiePath, ServerConfig};
use seawall::flood::Kind;
use seawall::nic::af_xdp::{Program, XdpMode};
use seawall::shard::{SharedCookies, SynCookies, draw_key};
use std::time::{Duration, Instant};

/// The clock of a server whose program is in the middle of its first epoch.
const AGE: Duration = Duration::from_secs(10);

pub(crate) fn always(config: &mut ServerConfig) {
    config.cookie_path.path = CookiePath::Xdp;
    config.clock = Clock::start().older_by(AGE);
}

// A veth sends what a program answers to an end that has a program as well.
pub(crate) fn program_at_client(stage: &Stage) -> Result<Program, Failed> {
    Ok(stage.client(|| Program::attach(CLIENT_INTERFACE, XdpMode::Native))?)
}

pub(crate) fn until_answered_in_xdp(stage: &Stage) -> Result<(), Failed> {
    until("the program answers", || {
        (stage.server().xdp_counts().switched_on > 0).then_some(())
    })
}

pub(crate) fn every_mix_of_options() -> Result<(), Failed> {
    let mut events = None;
    let stage = Stage::with(|config| {
        always(config);
        events = Some(watch(config));
    })?;
    let _program = program_at_client(&stage)?;
    until_answered_in_xdp(&stage)?;
    let totals = all_mixes(stage, &events.expect("the server was adjusted"))?;
    assert_eq!(totals.xdp.answers(), 16);
    Ok(())
}

// Without a program at its other end a veth sends nothing that a program answers.
pub(crate) fn waits_until_it_can_send() -> Result<(), Failed> {
    let stage = Stage::with(always)?;
    let told = stage.server().warnings().join("\n");
    assert!(told.contains("has no XDP program, nor GRO"), "{told}");
    let mut served = 0;
    let serve = |served: &mut u64| {
        *served += 1;
        stage.echo(stage.at(ECHO), b"who answers?")
    };
    // Longer than the program would need to begin.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(600) {
        serve(&mut served)?;
    }
    let by_shard = served;
    let program = program_at_client(&stage)?;
    until_answered_in_xdp(&stage)?;
    for _ in 0..10 {
        serve(&mut served)?;
    }
    // And when it cannot any more, the shard is there again.
    drop(program);
    until("the shard answers", || {
        (stage.server().xdp_counts().switched_off > 0).then_some(())
    })?;
    for _ in 0..10 {
        serve(&mut served)?;
    }
    let totals = stage.stop(served)?;
    assert_eq!(totals.xdp.answers(), 10);
    assert!(by_shard > 10, "{by_shard}");
    assert_eq!(totals.counters.cookies.rejected, 0);
    Ok(())
}

// The shards' keys change at 64 seconds of their clock, the program's a second later.
pub(crate) fn rotation_loses_nobody() -> Result<(), Failed> {
    const BEFORE: Duration = Duration::from_secs(59);
    const TURN: Duration = Duration::from_secs(64 + 1);
    /// A SYN, or a third segment, that was lost would be sent again a second later.
    const AT_ONCE: Duration = Duration::from_millis(900);
    let mut clock = Clock::start();
    let stage = Stage::with(|config| {
        clock = Clock::start().older_by(BEFORE);
        always(config);
        config.clock = clock;
    })?;
    let _program = program_at_client(&stage)?;
    until_answered_in_xdp(&stage)?;
    assert!(
        clock.elapsed() < Duration::from_secs(64),
        "in the first epoch"
    );
    let ends = stage.ends(ECHO);
    let visits = stage.client(|| {
        let mut visits = 0_usize;
        while clock.elapsed() < TURN + Duration::from_secs(1) {
            let began = Instant::now();
            let visit = connect(ends[visits % 2]).map_err(Failed::from);
            visit.and_then(|stream| echo(stream, b"still there?"))?;
            let took = began.elapsed();
            assert!(took < AT_ONCE, "{took:?} at {:?}", clock.elapsed());
            visits += 1;
        }
        Ok::<_, Failed>(visits as u64)
    })?;
    assert!(visits > 100, "{visits}");
    let totals = stage.stop(visits)?;
    let cookies = totals.counters.cookies;
    assert_eq!((cookies.accepted, cookies.rejected), (visits, 0));
    assert_eq!(totals.xdp.answers(), visits);
    Ok(())
}

// Three times beside a flood, with epochs that are shorter than a server's.
pub(crate) fn rotation_beside_a_flood() -> Result<(), Failed> {
    const EPOCH: Duration = Duration::from_secs(5);
    const TURNS: u128 = 3;
    const SYNS: u64 = 50_000;
    let mut clock = Clock::start();
    let stage = Stage::with(|config| {
        config.cookie_path.path = CookiePath::Xdp;
        config.shard.cookies = SharedCookies::with_epochs(EPOCH, |_| draw_key());
        // Its program is in the middle of an epoch.
        clock = Clock::start().older_by(EPOCH * 2 + EPOCH / 2);
        config.clock = clock;
    })?;
    let _program = program_at_client(&stage)?;
    until_answered_in_xdp(&stage)?;
    let epoch = || clock.elapsed().as_millis() / EPOCH.as_millis();
    let seen = || stage.server().xdp_counts().syns;
    let ends = stage.ends(ECHO);
    let (visits, sent) = flooded(&stage, (Kind::Syn, SYNS), stage.at(ECHO), seen, || {
        let began = epoch();
        stage.client(|| {
            let mut visits = 0_usize;
            while epoch() <= began + TURNS {
                echo(connect(ends[visits % 2])?, b"still there?")?;
                visits += 1;
            }
            Ok(visits as u64)
        })
    })?;
    assert!(visits > 100, "{visits}");
    let totals = stage.stop(visits)?;
    let cookies = totals.counters.cookies;
    assert_eq!((cookies.accepted, cookies.rejected), (visits, 0));
    // The flood was answered as well, and hardly anything was left to the shard at the turns.
    let answers = totals.xdp.answers();
    assert!(answers > sent / 2, "{answers} of {sent}");
    assert!(answers > visits + SYNS, "{answers} of {sent}");
    Ok(())
}

pub(crate) fn a_flood_switches_it_on_and_its_end_off() -> Result<(), Failed> {
    const SYNS: u64 = 50_000;
    let stage = Stage::with(|config| {
        config.clock = Clock::start().older_by(AGE);
        config.cookie_path.rate = 5_000;
        config.shard.syn_cookies = SynCookies::Always;
    })?;
    let _program = program_at_client(&stage)?;
    let visit = || stage.echo(stage.at(ECHO), b"who answers?");
    visit()?;
    assert_eq!(stage.server().xdp_counts().answers(), 0);
    let seen = || stage.server().xdp_counts().syns;
    let ((), sent) = flooded(&stage, (Kind::Syn, SYNS), stage.at(ECHO), seen, || {
        until_answered_in_xdp(&stage)?;
        (0..100).try_for_each(|_| visit())
    })?;
    until("the shard answers again", || {
        (stage.server().xdp_counts().switched_off > 0).then_some(())
    })?;
    visit()?;
    let totals = stage.stop(102)?;
    let xdp = totals.xdp;
    assert_eq!((xdp.switched_on, xdp.switched_off), (1, 1));
    // More than the visits, however slow the machine is just now.
    assert!(xdp.answers() > 200, "{xdp:?}, {sent} sent");
    assert!(xdp.syns <= sent + 102, "{xdp:?}, {sent} sent");
    assert_eq!(totals.counters.cookies.rejected, 0);
    Ok(())
}
