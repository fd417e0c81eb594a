//! The peers' server: a listener of the kernel, one thread, epoll. It answers what
//! [`Http`](crate::service::Http) would, and throws away what [`Discard`](crate::service::Discard)
//! would.

use super::arena::{BULK, SERVER_CPU, TARGET};
use super::dialogue::answer;
use crate::control::namespace::Namespace;
use crate::control::worker;
use core::sync::atomic::{AtomicBool, Ordering};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, socket,
};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;

/// As many as `net.core.somaxconn` of the arena allows.
const BACKLOG: i32 = 4096;

/// How late a stop may be noticed, in milliseconds.
const LOOK_MS: u8 = 50;

/// Events that are taken at once.
const EVENTS: usize = 64;

/// What stand for the listeners among the events; no descriptor does.
const LISTENER: u64 = u64::MAX;
const BULK_LISTENER: u64 = u64::MAX - 1;

/// Octets that are thrown away at once.
const PIECE: usize = 1 << 14;

/// The end of a request that has no body.
const END: &[u8] = b"\r\n\r\n";

/// A server that runs. Dropping it stops it.
pub(super) struct KernelServer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl KernelServer {
    /// Listens in `namespace` when this returns.
    pub(super) fn start(namespace: &Namespace) -> io::Result<Self> {
        let listeners =
            namespace.run(|| -> io::Result<_> { Ok([listener(TARGET)?, listener(BULK)?]) })?;
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = namespace.spawn("kernel-server", move || {
            worker::pin(SERVER_CPU)?;
            Serving::new(listeners)?.run(&is_over)
        })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Stops it; what went wrong, if anything did.
    pub(super) fn stop(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        // Relaxed: the flag says only itself.
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        ended.map_or(Ok(()), |ended| {
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for KernelServer {
    fn drop(&mut self) {
        // After `stop` there is nothing left to do, and nobody to tell.
        let _ = self.end();
    }
}

// With the whole backlog, which `TcpListener::bind` does not ask for.
fn listener(at: SocketAddr) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    bind(fd.as_raw_fd(), &SockaddrStorage::from(at))?;
    listen(&fd, Backlog::new(BACKLOG)?)?;
    Ok(fd)
}

struct Open {
    stream: TcpStream,
    is_bulk: bool,
}

struct Serving {
    epoll: Epoll,
    listener: TcpListener,
    bulk_listener: TcpListener,
    open: HashMap<u64, Open>,
    answer: Vec<u8>,
    last_answer: Vec<u8>,
}

impl Serving {
    fn new([listener, bulk_listener]: [OwnedFd; 2]) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (fd, number) in [(&listener, LISTENER), (&bulk_listener, BULK_LISTENER)] {
            epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, number))?;
        }
        Ok(Self {
            epoll,
            listener: listener.into(),
            bulk_listener: bulk_listener.into(),
            open: HashMap::new(),
            answer: answer(false),
            last_answer: answer(true),
        })
    }

    fn run(mut self, stop: &AtomicBool) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS];
        while !stop.load(Ordering::Relaxed) {
            let ready = match self.epoll.wait(&mut events, EpollTimeout::from(LOOK_MS)) {
                Err(Errno::EINTR) => 0,
                ready => ready?,
            };
            for event in &events[..ready] {
                match event.data() {
                    LISTENER => self.accept(false)?,
                    BULK_LISTENER => self.accept(true)?,
                    number => self.serve(number),
                }
            }
        }
        Ok(())
    }

    // All that wait. One that is gone again already is no error of ours.
    fn accept(&mut self, is_bulk: bool) -> io::Result<()> {
        let listener = if is_bulk {
            &self.bulk_listener
        } else {
            &self.listener
        };
        while let Ok((stream, _)) = listener.accept() {
            let number = u64::from(stream.as_raw_fd().cast_unsigned());
            let event = EpollEvent::new(EpollFlags::EPOLLIN, number);
            self.epoll.add(&stream, event)?;
            self.open.insert(number, Open { stream, is_bulk });
        }
        Ok(())
    }

    // One read an event, and one answer: neither has to wait. A request comes in one segment.
    fn serve(&mut self, number: u64) {
        let Some(Open { stream, is_bulk }) = self.open.get_mut(&number) else {
            return;
        };
        if *is_bulk {
            if stream.read(&mut [0; PIECE]).unwrap_or_default() == 0 {
                self.open.remove(&number);
            }
            return;
        }
        let mut request = [0; 1024];
        let octets = stream.read(&mut request).unwrap_or_default();
        let request = &request[..octets];
        let is_last = request.windows(7).any(|seven| seven == b": close");
        let answer = if is_last {
            &self.last_answer
        } else {
            &self.answer
        };
        let is_answered = request.ends_with(END) && stream.write_all(answer).is_ok();
        if is_last || !is_answered {
            self.open.remove(&number);
        }
    }
}
