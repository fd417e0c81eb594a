//! How connections end when time decides: TIME-WAIT, and peers that are not there any more.

use crate::common::{DEADLINE, until};
use crate::craft::{Injector, syn};
use crate::stage::{CHARGEN, DAYTIME, ECHO, Event, Stage, watch};
use libtest_mimic::Failed;
use nix::sys::socket::{self as sys, AddressFamily, SockFlag, SockType};
use seawall::control::lab::CLIENT_INTERFACE;
use seawall::nic::netlink::Netlink;
use seawall::tcp::State;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

const TIME_WAIT: Duration = Duration::from_millis(500);

/// How late a timer may be on a machine that has other things to do.
const LATE: Duration = Duration::from_millis(400);

// A connection from this port of the client, whatever state it was left in.
fn connect_from(stage: &Stage, port: u16, to: SocketAddr) -> Result<TcpStream, Failed> {
    let family = if to.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let mut own = stage.lab().client_addresses();
    let own = own.find(|own| own.is_ipv4() == to.is_ipv4());
    let from = SocketAddr::new(own.expect("the lab has both families"), port);
    let stream = stage.client(|| -> nix::Result<TcpStream> {
        let socket = sys::socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        sys::setsockopt(&socket, sys::sockopt::ReuseAddr, &true)?;
        sys::bind(socket.as_raw_fd(), &sys::SockaddrStorage::from(from))?;
        sys::connect(socket.as_raw_fd(), &sys::SockaddrStorage::from(to))?;
        Ok(socket.into())
    })?;
    stream.set_read_timeout(Some(DEADLINE))?;
    Ok(stream)
}

fn read_to_end(mut stream: TcpStream) -> io::Result<String> {
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

pub(crate) fn time_wait() -> Result<(), Failed> {
    let mut events = None;
    let stage = Stage::with(|config| {
        config.shard.tcp.time_wait = TIME_WAIT;
        events = Some(watch(config));
    })?;
    let events = events.expect("it is watched");
    let waiting = || stage.counters().states[State::TimeWait as usize];
    for at in stage.ends(DAYTIME) {
        let text = read_to_end(stage.connect(at)?)?;
        assert!(text.ends_with(" GMT\r\n"), "{text}");
        until("TIME-WAIT is there", || (waiting() == 1).then_some(()))?;
        until("TIME-WAIT is over", || (waiting() == 0).then_some(()))?;
        // By the shard's own clock.
        let (mut began, mut ended) = (None, None);
        while ended.is_none() {
            match events.recv_timeout(DEADLINE)? {
                Event::Segment {
                    now,
                    state: State::TimeWait,
                    ..
                } => {
                    began.get_or_insert(now);
                }
                Event::Segment { .. } => {}
                Event::Closed(now) => ended = Some(now),
            }
        }
        let (began, ended) = (began.expect("it waited"), ended.expect("it ended"));
        let lasted = ended - began;
        assert!(lasted >= TIME_WAIT, "it lasted only {lasted:?}");
        assert!(lasted < TIME_WAIT + LATE, "it lasted {lasted:?}");
    }
    let counters = stage.stop(2)?.counters;
    assert_eq!(counters.connections.released, 2);
    assert_eq!(counters.drops.total(), 0);
    Ok(())
}

pub(crate) fn reuse_in_time_wait() -> Result<(), Failed> {
    const AGAIN: u64 = 20;
    // The default: none of them ends by itself in here.
    let stage = Stage::new()?;
    let began = Instant::now();
    let mut visits = 0;
    for _ in 0..AGAIN {
        for at in stage.ends(DAYTIME) {
            visits += 1;
            let text = read_to_end(connect_from(&stage, 45_678, at)?)?;
            assert!(text.ends_with(" GMT\r\n"), "{text}");
            until("the client's FIN is here", || {
                (stage.counters().connections.released == visits).then_some(())
            })?;
        }
    }
    // A SYN that was refused would be sent again after a second.
    assert!(began.elapsed() < Duration::from_secs(1) * AGAIN as u32);
    let counters = stage.settle(visits)?;
    assert_eq!(counters.states[State::TimeWait as usize], 2);
    assert_eq!(counters.connections.released, 2 * AGAIN);
    assert_eq!(counters.segments_again, 0);
    assert_eq!(counters.drops.nonzero().collect::<Vec<_>>(), []);
    stage.stop(visits)?;
    Ok(())
}

fn set_client_up(stage: &Stage, up: bool) -> Result<(), Failed> {
    stage.client(|| -> Result<(), Failed> {
        let mut netlink = Netlink::open()?;
        let link = netlink.link(CLIENT_INTERFACE)?;
        Ok(netlink.set_up(&link, up)?)
    })
}

pub(crate) fn peer_vanishes() -> Result<(), Failed> {
    const RETRIES: u8 = 4;
    let stage = Stage::with(|config| {
        let tcp = &mut config.shard.tcp;
        tcp.retries = RETRIES;
        tcp.rto_min = Duration::from_millis(50);
        tcp.rto_max = Duration::from_millis(200);
    })?;
    // One who reads, so that text is in flight; and one who does not, so that his window is shut.
    for (n, reads) in [(1, true), (2, false)] {
        let mut stream = stage.connect(stage.at(CHARGEN))?;
        let before = stage.counters();
        thread::scope(|scope| -> Result<(), Failed> {
            let sent = || stage.counters().text_out - before.text_out;
            if reads {
                stream.set_read_timeout(Some(Duration::from_secs(1)))?;
                // Its end is that nothing comes any more.
                scope.spawn(|| io::copy(&mut stream, &mut io::sink()));
                until("text flows", || (sent() > 1_000_000).then_some(()))?;
            } else {
                let mut last = 0;
                until("text flows no more", || {
                    let before = std::mem::replace(&mut last, sent());
                    thread::sleep(Duration::from_millis(100));
                    (last > 0 && sent() == before).then_some(())
                })?;
            }
            set_client_up(&stage, false)
        })?;
        let counters = until("it is given up", || {
            let counters = stage.counters();
            (counters.connections.timed_out == n).then_some(counters)
        })?;
        let again = counters.segments_again - before.segments_again;
        assert!(again >= RETRIES.into(), "{again} segments were sent again");
        // Nothing is left that could send any more.
        assert_eq!(counters.states.iter().sum::<u64>(), 0);
        assert_eq!(counters.connections.live(), 0);
        set_client_up(&stage, true)?;
        stage.echo(stage.at(ECHO), b"whoever comes back is welcome")?;
        stage.settle(2 * n)?;
    }
    stage.stop(4)?;
    Ok(())
}

pub(crate) fn syn_ack_is_given_up() -> Result<(), Failed> {
    const RETRIES: u8 = 2;
    let stage = Stage::with(|config| {
        let tcp = &mut config.shard.tcp;
        tcp.syn_ack_retries = RETRIES;
        tcp.rto_initial = Duration::from_millis(100);
    })?;
    let mut injector = Injector::new(stage.lab())?;
    let syn = syn(&injector, ECHO);
    injector.send(&syn);
    until("the SYN has made a block", || {
        (stage.counters().states[State::SynReceived as usize] == 1).then_some(())
    })?;
    until("its SYN-ACK is given up", || {
        (stage.counters().connections.failed == 1).then_some(())
    })?;
    let counters = stage.settle(0)?;
    assert_eq!(counters.states.iter().sum::<u64>(), 0);
    assert_eq!(counters.connections.accepted, 0);
    assert_eq!(counters.segments_out, 1 + u64::from(RETRIES));
    assert_eq!(counters.segments_again, u64::from(RETRIES));
    stage.stop(0)?;
    Ok(())
}
