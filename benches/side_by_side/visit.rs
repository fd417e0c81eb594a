//! The client of both servers: the kernel's TCP, one thread, many connections at once.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket, sockopt,
};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

const AT_ONCE: usize = 32;

/// No answer for so long, and the run has failed.
const PATIENCE_MS: u16 = 5000;

const REQUEST: &[u8] = b"GET /bytes/100 HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
const BODY_BYTES: usize = 100;

#[derive(Default)]
pub(crate) struct Visits {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
}

struct Visit {
    stream: TcpStream,
    asked: bool,
    answer: Vec<u8>,
}

impl Visit {
    fn begin(at: SocketAddr) -> anyhow::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let family = if at.is_ipv4() {
            AddressFamily::Inet
        } else {
            AddressFamily::Inet6
        };
        let fd = socket(family, SockType::Stream, flags, None)?;
        match connect(fd.as_raw_fd(), &SockaddrStorage::from(at)) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(Self {
            stream: fd.into(),
            asked: false,
            answer: Vec::with_capacity(1024),
        })
    }

    fn interest(&self) -> PollFlags {
        if self.asked {
            PollFlags::POLLIN
        } else {
            PollFlags::POLLOUT
        }
    }

    // Goes on as far as it can. `Some` when it is over: did it succeed?
    fn go_on(&mut self) -> Option<bool> {
        if !self.asked {
            let is_connected = nix::sys::socket::getsockopt(&self.stream, sockopt::SocketError);
            if is_connected != Ok(0) || self.stream.write(REQUEST).ok() != Some(REQUEST.len()) {
                return Some(false);
            }
            self.asked = true;
            return None;
        }
        let mut piece = [0; 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => Some(self.is_answered()),
            Ok(n) => {
                self.answer.extend_from_slice(&piece[..n]);
                None
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(_) => Some(false),
        }
    }

    fn is_answered(&self) -> bool {
        let head = self.answer.windows(4).position(|four| four == b"\r\n\r\n");
        let body = head.map_or(0, |head| self.answer.len() - head - 4);
        self.answer.starts_with(b"HTTP/1.1 200") && body == BODY_BYTES
    }
}

/// Visits `at` for as long as `each`, then lets the last visits end.
pub(crate) fn run(at: SocketAddr, each: Duration) -> anyhow::Result<Visits> {
    let until = Instant::now() + each;
    let mut visits = Visits::default();
    let mut open: Vec<Visit> = Vec::with_capacity(AT_ONCE);
    loop {
        let over = Instant::now() >= until;
        while !over && open.len() < AT_ONCE {
            open.push(Visit::begin(at)?);
        }
        if open.is_empty() {
            return Ok(visits);
        }
        let mut polls: Vec<PollFd<'_>> = open
            .iter()
            .map(|visit| PollFd::new(visit.stream.as_fd(), visit.interest()))
            .collect();
        let events = poll(&mut polls, PollTimeout::from(PATIENCE_MS))?;
        anyhow::ensure!(events > 0, "no answer for {PATIENCE_MS} ms");
        let ready: Vec<bool> = polls
            .iter()
            .map(|poll| poll.any().unwrap_or(false))
            .collect();
        let mut ready = ready.into_iter();
        open.retain_mut(|visit| {
            // One flag each: both were made from the same list.
            let ended = ready
                .next()
                .filter(|ready| *ready)
                .and_then(|_| visit.go_on());
            match ended {
                Some(true) => visits.succeeded += 1,
                Some(false) => visits.failed += 1,
                None => {}
            }
            ended.is_none()
        });
    }
}
