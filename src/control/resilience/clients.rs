//! Honest clients: the kernel's own TCP, one thread, many connections at once.
//!
//! Each *visit* connects, asks, and reads the answer to its end; the server closes. Beside them a
//! few connections are *held*: opened before the first phase of a rate, they ask now and then until
//! the last is over; one of them is a *bulk* transfer to a port that throws away what comes, at a
//! steady pace, since clients and server share a core. One whose segments were lost may be silent
//! for seconds, by its kernel's timer, so each rate has its own.

use super::arena::{BULK, TARGET};
use super::dialogue::{ASK, ASK_AND_CLOSE, Heard, answer};
use super::machine::syns_retransmitted;
use super::tally::Tally;
use super::{Error, Honest};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrStorage, bind, connect, getsockopt,
    setsockopt, socket, sockopt,
};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Instant;

/// How often the patient are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long a held connection rests between an answer and the next request.
const PACE: Duration = Duration::from_millis(5);

/// Octets that the bulk transfer asks to get rid of in a millisecond: 100 Mbit/s.
const BULK_PER_MS: u64 = 12_500;

/// Octets that it hands over at once, and that its kernel holds at most: half of what it is told.
const BULK_PIECE: usize = 1 << 14;
const BULK_BUFFER: usize = 1 << 16;

/// How long the held connections may take to open.
const OPENING: Duration = Duration::from_secs(5);

/// Events that are taken at once.
const EVENTS: usize = 64;

/// One connection of a few milliseconds.
struct Visit {
    stream: TcpStream,
    begun: Instant,
    /// From `connect` to writable.
    handshake: Option<Duration>,
    heard: Heard,
}

/// A connection that stays.
struct Held {
    stream: TcpStream,
    is_asked: bool,
    is_broken: bool,
    /// When it asked, or was answered.
    since: Instant,
    heard: Heard,
}

/// A connection that sends and sends.
struct Bulk {
    stream: TcpStream,
    /// When its pace began, and what it has got rid of since then.
    begun: Instant,
    sent: u64,
    is_broken: bool,
}

/// The clients of one contestant.
pub(super) struct Clients {
    epoll: Epoll,
    sources: Vec<Ipv4Addr>,
    /// A visit that is not over after this long has failed.
    patience: Duration,
    begun: usize,
    visits: Vec<Option<Visit>>,
    held: Vec<Held>,
    bulk: Option<Bulk>,
    answer_and_end: Vec<u8>,
    answer: Vec<u8>,
}

impl Clients {
    /// `at_once` visits at a time, of which one that is not over after `patience` has failed. To
    /// be used by threads in the client's namespace.
    pub(super) fn new(
        sources: Vec<Ipv4Addr>,
        at_once: usize,
        patience: Duration,
    ) -> Result<Self, Error> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            sources,
            patience,
            begun: 0,
            visits: (0..at_once).map(|_| None).collect(),
            held: Vec::new(),
            bulk: None,
            answer_and_end: answer(true),
            answer: answer(false),
        })
    }

    /// Holds `count` connections that ask from now on, and one that sends, and lets go of those
    /// that were held before.
    pub(super) fn hold(&mut self, count: usize) -> Result<(), Error> {
        self.held.clear();
        self.bulk = Some(Bulk::open().map_err(Error::NotServed)?);
        for n in 0..count {
            let held = Held::open().map_err(Error::NotServed)?;
            self.epoll.add(&held.stream, event(self.visits.len() + n))?;
            self.held.push(held);
        }
        Ok(())
    }

    /// Begins visits for as long as `span`, then lets those that are open end. `None` when it was
    /// stopped before.
    pub(super) fn run(
        &mut self,
        span: Duration,
        stop: &AtomicBool,
    ) -> Result<Option<Honest>, Error> {
        let retransmitted = syns_retransmitted()?;
        let begin = Instant::now();
        if let Some(bulk) = &mut self.bulk {
            bulk.pace_from(begin);
        }
        let mut tally = Tally::new(begin, span);
        let mut looked_at = begin;
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            let now = Instant::now();
            // Relaxed: the flag says only itself.
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if now - begin < span {
                self.begin(&mut tally)?;
                self.ask_again(now, &mut tally);
                if let Some(bulk) = &mut self.bulk {
                    bulk.go_on(now, &mut tally);
                }
            } else if self.visits.iter().all(Option::is_none) {
                break;
            }
            if now - looked_at >= LOOK {
                looked_at = now;
                self.expire(now, &mut tally);
            }
            let timeout = EpollTimeout::from(PACE.as_millis() as u8);
            let ready = match self.epoll.wait(&mut events, timeout) {
                Err(Errno::EINTR) => 0,
                ready => ready?,
            };
            for event in &events[..ready] {
                self.on_event(event.data() as usize, &mut tally);
            }
        }
        let again = syns_retransmitted()?.saturating_sub(retransmitted);
        Ok(Some(tally.close(again)))
    }

    fn begin(&mut self, tally: &mut Tally) -> Result<(), Error> {
        for place in 0..self.visits.len() {
            if self.visits[place].is_some() {
                continue;
            }
            let source = self.sources[self.begun % self.sources.len()];
            self.begun += 1;
            tally.on_begin();
            let visit = Visit::begin(source)?;
            self.epoll.add(&visit.stream, event(place))?;
            self.visits[place] = Some(visit);
        }
        Ok(())
    }

    fn ask_again(&mut self, now: Instant, tally: &mut Tally) {
        for held in &mut self.held {
            if !held.is_asked && !held.is_broken && now - held.since >= PACE {
                held.is_asked = true;
                held.since = now;
                held.heard = Heard::default();
                if held.stream.write(ASK).ok() != Some(ASK.len()) {
                    held.is_broken = true;
                    tally.on_broken();
                }
            }
        }
    }

    fn expire(&mut self, now: Instant, tally: &mut Tally) {
        for place in &mut self.visits {
            if let Some(visit) = place.take_if(|visit| now - visit.begun >= self.patience) {
                tally.on_end(false, visit.handshake, now);
            }
        }
    }

    fn on_event(&mut self, place: usize, tally: &mut Tally) {
        let now = Instant::now();
        if let Some(held) = place.checked_sub(self.visits.len()) {
            self.held[held].go_on(&self.answer, now, tally);
        } else if let Some(visit) = &mut self.visits[place]
            && let Some(is_good) = visit.go_on(&self.answer_and_end, now)
        {
            tally.on_end(is_good, visit.handshake, now);
            self.visits[place] = None;
        }
    }
}

// Told once about each change: what is there is used up each time.
fn event(place: usize) -> EpollEvent {
    let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
    EpollEvent::new(flags, place as u64)
}

impl Visit {
    fn begin(source: Ipv4Addr) -> nix::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
        // The port is chosen when the other end is known: each can be used for each address.
        setsockopt(&fd, sockopt::IpBindAddressNoPort, &true)?;
        let source = SockaddrIn::from(SocketAddrV4::new(source, 0));
        bind(fd.as_raw_fd(), &source)?;
        let begun = Instant::now();
        match connect(fd.as_raw_fd(), &SockaddrStorage::from(TARGET)) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(errno) => return Err(errno),
        }
        Ok(Self {
            stream: fd.into(),
            begun,
            handshake: None,
            heard: Heard::default(),
        })
    }

    // Goes on as far as it can. `Some` when it is over: did it succeed?
    fn go_on(&mut self, answer: &[u8], now: Instant) -> Option<bool> {
        if self.handshake.is_none() {
            if getsockopt(&self.stream, sockopt::SocketError) != Ok(0) {
                return Some(false);
            }
            self.handshake = Some(now - self.begun);
            if self.stream.write(ASK_AND_CLOSE).ok() != Some(ASK_AND_CLOSE.len()) {
                return Some(false);
            }
        }
        loop {
            match self.stream.read(self.heard.room()) {
                Ok(0) => return Some(self.heard.is(answer)),
                Ok(octets) => self.heard.add(octets),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(_) => return Some(false),
            }
        }
    }
}

impl Held {
    fn open() -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&TARGET, OPENING)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            is_asked: false,
            is_broken: false,
            since: Instant::now(),
            heard: Heard::default(),
        })
    }

    fn go_on(&mut self, answer: &[u8], now: Instant, tally: &mut Tally) {
        while !self.is_broken {
            match self.stream.read(self.heard.room()) {
                Ok(octets @ 1..) => self.heard.add(octets),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Ok(0) | Err(_) => self.is_broken = true,
            }
            if self.is_asked && self.heard.is(answer) {
                self.is_asked = false;
                tally.on_answer(now - self.since, now);
                self.since = now;
            } else if self.heard.is_beyond(answer) {
                self.is_broken = true;
            }
            if self.is_broken {
                tally.on_broken();
            }
        }
    }
}

impl Bulk {
    fn open() -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&BULK, OPENING)?;
        stream.set_nonblocking(true)?;
        setsockopt(&stream, sockopt::SndBuf, &BULK_BUFFER)?;
        Ok(Self {
            stream,
            begun: Instant::now(),
            sent: 0,
            is_broken: false,
        })
    }

    // What it was late before is forgotten.
    const fn pace_from(&mut self, now: Instant) {
        self.begun = now;
        self.sent = 0;
    }

    fn go_on(&mut self, now: Instant, tally: &mut Tally) {
        let due = (now - self.begun).as_millis() as u64 * BULK_PER_MS;
        while !self.is_broken && self.sent < due {
            let most = BULK_PIECE.min((due - self.sent) as usize);
            match self.stream.write(&[0; BULK_PIECE][..most]) {
                Ok(octets) => {
                    self.sent += octets as u64;
                    tally.on_bulk(octets, now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.is_broken = true;
                    tally.on_broken();
                }
            }
        }
    }
}
