//! Laid to rest and woken, a block goes on as it would have.

use super::pair::{Host, Pair};
use super::*;
use crate::wire::{FourTuple, IcmpError, IcmpKind};
use proptest::prelude::*;
use std::sync::LazyLock;

/// Dialogues that quiet blocks are taken from.
const SEEDS: u64 = 150;

/// What is out by less is the same: timers have ticks of a millisecond.
const TICK: Duration = Duration::from_nanos(1 << 20);

/// RFC 5681 §4.1: whether a connection was idle for longer than its RTO is remembered that well.
const IDLE_GRAIN: Duration = Duration::from_millis(6);

/// TS.Recent is outdated after 24 days, in seconds (RFC 7323 §5.5), or a little earlier.
const RECENT_AGE: u64 = 24 * 24 * 3600;
const RECENT_GRAIN: u64 = 256;

pub(super) struct Quiet {
    pub(super) tcb: Tcb,
    pub(super) config: Config,
    pub(super) now: Instant,
}

// Every quiet block of every dialogue, once.
pub(super) static QUIET: LazyLock<Vec<Quiet>> = LazyLock::new(|| {
    let mut all: Vec<Quiet> = Vec::new();
    for seed in 0..SEEDS {
        let mut pair = Pair::new(seed);
        let mut last = [None; 2];
        while pair.step() {
            for (host, last) in pair.hosts.iter().zip(&mut last) {
                let quiet = host.tcb.filter(|tcb| is_quiet(host, tcb));
                if let Some(tcb) = quiet.filter(|tcb| *last != Some(*tcb)) {
                    all.push(Quiet {
                        tcb,
                        config: host.config.clone(),
                        now: pair.now,
                    });
                }
                *last = quiet;
            }
        }
    }
    all
});

// By the books of its host, and by what it still wants.
fn is_quiet(host: &Host, tcb: &Tcb) -> bool {
    let may_be = matches!(
        tcb.state(),
        State::Established | State::CloseWait | State::FinWait2
    );
    let is_early = tcb.flags.has(Flags::FIN_SEEN) && !tcb.is_peer_finished();
    may_be
        && host.queue.is_empty()
        && tcb.snd.una == tcb.snd.nxt
        && tcb.rcv.unread == 0
        && !tcb.has_stored()
        && tcb.deadline() == tcb.life_at
        && !tcb.flags.has(Flags::ACK_NOW)
        && !is_early
}

#[test]
fn a_block_is_quiet_when_its_host_has_nothing_under_way() {
    let mut seen = [0; State::ALL.len()];
    for seed in 0..SEEDS {
        let mut pair = Pair::new(seed);
        while pair.step() {
            for host in &pair.hosts {
                let Some(tcb) = host.tcb else { continue };
                let rest = tcb.rest(pair.now);
                assert_eq!(rest.is_some(), is_quiet(host, &tcb), "{seed}: {tcb:#?}");
                assert_eq!(rest.is_some(), tcb.is_quiet());
                let Some(rest) = rest else { continue };
                assert_eq!(rest.state(), tcb.state());
                assert_eq!(rest.is_send_open(), tcb.is_send_open());
                assert_eq!(rest.is_peer_finished(), tcb.is_peer_finished());
                assert_eq!(rest.has_deadline(), tcb.deadline().is_armed());
                seen[tcb.state() as usize] += 1;
            }
        }
    }
    let rested: Vec<State> = State::ALL
        .into_iter()
        .filter(|state| seen[*state as usize] > 0)
        .collect();
    assert_eq!(
        rested,
        [State::Established, State::FinWait2, State::CloseWait]
    );
}

#[derive(Clone, Debug)]
enum Event {
    Arrives {
        // From RCV.NXT, from SND.NXT, from TS.Recent.
        seq: i32,
        ack: i32,
        stamp: Option<i32>,
        ctl: u8,
        wnd: u16,
        len: u32,
        up: u16,
    },
    /// From the peer's initial number.
    BeginsAnew(i32),
    Icmp,
    Sends(u32),
    Closes,
    ClosesBoth,
    Aborts,
    TimesOut,
}

fn near() -> impl Strategy<Value = i32> {
    prop_oneof![4 => Just(0), 3 => -3..3, 1 => -70_000..70_000, 1 => any::<i32>()]
}

fn arrives() -> impl Strategy<Value = Event> {
    let stamp = proptest::option::weighted(0.8, near());
    let ctl = prop_oneof![6 => Just(0b10_000), 2 => Just(0b10_001), 1 => 0..64_u8];
    let len = prop_oneof![2 => Just(0), 2 => 0..1500_u32];
    (near(), near(), stamp, ctl, any::<u16>(), len, 0..9_u16).prop_map(
        |(seq, ack, stamp, ctl, wnd, len, up)| Event::Arrives {
            seq,
            ack,
            stamp,
            ctl,
            wnd,
            len,
            up,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => arrives(),
        1 => (-40_000..40_000).prop_map(Event::BeginsAnew),
        1 => Just(Event::Icmp),
        3 => (1..5000_u32).prop_map(Event::Sends),
        1 => Just(Event::Closes),
        1 => Just(Event::ClosesBoth),
        1 => Just(Event::Aborts),
        4 => Just(Event::TimesOut),
    ]
}

// From a millisecond to a month.
pub(super) fn pause() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => (0..2_000_000_u64).prop_map(Duration::from_micros),
        2 => (0..3_000_u64).prop_map(Duration::from_secs),
        1 => (0..40 * 24 * 3600_u64).prop_map(Duration::from_secs),
    ]
}

pub(super) fn settings() -> impl Strategy<Value = Settings> {
    let keep = proptest::option::of(1..8000_u16);
    (keep, proptest::option::of(100..90_000_u32), any::<bool>()).prop_map(
        |(keep, user_timeout, no_delay)| Settings {
            keep_alive: keep.map(|secs| KeepAlive {
                idle_secs: secs.try_into().unwrap(),
                ..KeepAlive::default()
            }),
            user_timeout_millis: user_timeout.and_then(|millis| millis.try_into().ok()),
            no_delay,
            ..Settings::default()
        },
    )
}

fn segment(tcb: &Tcb, event: &Event) -> Option<Segment> {
    let Event::Arrives {
        seq,
        ack,
        stamp,
        ctl,
        wnd,
        len,
        up,
    } = *event
    else {
        return None;
    };
    let bit = |n: u8| ctl >> n & 1 == 1;
    let add = |to: u32, n: i32| to.wrapping_add_signed(n);
    let mut segment = Segment {
        seq: Seq(add(tcb.rcv.nxt.0, seq)),
        ack: Seq(add(tcb.snd.nxt.0, ack)),
        wnd,
        up,
        ctl: Ctl {
            fin: bit(0),
            syn: bit(1),
            rst: bit(2),
            psh: bit(3),
            ack: bit(4),
            urg: bit(5),
        },
        text_len: len,
        ..Segment::default()
    };
    if let Some(stamp) = stamp {
        segment = stamped(segment, add(tcb.ts.recent, stamp), 7);
    }
    Some(segment)
}

fn happens(tcb: &mut Tcb, event: &Event, segment: Option<&Segment>, cx: &Context<'_>) -> Actions {
    let mut out = Actions::default();
    match (event, segment) {
        (_, Some(segment)) => tcb.on_segment(segment, cx, &mut out),
        (Event::BeginsAnew(seq), _) => {
            let seq = Seq(tcb.irs.0.wrapping_add_signed(*seq));
            assert_eq!(
                tcb.on_begun_anew(seq, &Segment::default(), cx, &mut out),
                tcb.state() == State::Closed
            );
        }
        (Event::Icmp, _) => {
            let error = IcmpError {
                tuple: FourTuple::default(),
                seq: tcb.snd.una,
                len: 1040,
                kind: IcmpKind::HostUnreachable,
            };
            tcb.on_icmp(&error, cx, &mut out);
        }
        (Event::Sends(n), _) if tcb.is_send_open() => tcb.on_send(*n, cx),
        (Event::Closes, _) => tcb.on_close(cx, &mut out),
        (Event::ClosesBoth, _) => tcb.on_close_both(cx, &mut out),
        (Event::Aborts, _) => tcb.on_abort(&mut out),
        (Event::TimesOut, _) => tcb.on_timeout(cx, &mut out),
        _ => {}
    }
    // A user that reads all there is.
    if tcb.state() != State::Closed {
        tcb.on_receive(tcb.rcv.unread, cx);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn who_is_woken_goes_on_as_before(
        which in any::<prop::sample::Index>(),
        settings in settings(),
        challenged in proptest::option::of(1..=500_000_u64),
        icmp in proptest::option::of(Just(IcmpKind::Prohibited)),
        slept in pause(),
        events in prop::collection::vec((event(), pause()), 1..8),
    ) {
        let Quiet { tcb, config, now } = &QUIET[which.index(QUIET.len())];
        let mut a = *tcb;
        a.set(settings, &at(config, *now));
        a.icmp = icmp;
        if let Some(micros) = challenged {
            a.challenge_at = *now + Duration::from_micros(micros);
        }
        let rest = a.rest(*now).expect("it is quiet");
        // Its timer would have woken it.
        let mut now = (*now + slept).min(a.deadline());
        let mut b = Tcb::wake(&rest, settings, a.deadline(), config, now);
        prop_assert_eq!(b.rest(now).map(|b| b.state()), Some(rest.state()));
        for (event, pause) in events {
            let cx = at(config, now);
            let idle = (now - a.rtt_at).abs_diff(a.rto.timeout(config));
            prop_assume!(idle > IDLE_GRAIN);
            let challenge = (now - a.challenge_at).max(a.challenge_at - now);
            prop_assume!(challenge > 2 * TICK || challenge == Duration::ZERO);
            let age = (now.as_millis() / 1000).abs_diff(a.ts.recent_at.into());
            prop_assume!(age.abs_diff(RECENT_AGE) > RECENT_GRAIN);
            let segment = segment(&a, &event);
            let outs = [&mut a, &mut b].map(|tcb| happens(tcb, &event, segment.as_ref(), &cx));
            prop_assert_eq!(outs[0], outs[1], "{:?}", event);
            if a.state() == State::Closed {
                prop_assert_eq!(b.state(), State::Closed);
                return Ok(());
            }
            prop_assert_eq!(sent(&mut a, &cx), sent(&mut b, &cx), "after {:?}", event);
            prop_assert_eq!(a.status(&cx), b.status(&cx), "after {:?}", event);
            let (due, woken_due) = (a.deadline(), b.deadline());
            prop_assert!((due - woken_due).max(woken_due - due) <= TICK);
            now = (now + pause).min(due.max(woken_due));
        }
    }
}
