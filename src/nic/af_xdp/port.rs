//! [`AfXdp`]: the queues of one shard, over one store of frames.

use super::error::Error;
use super::program::Program;
use super::socket::{CopyMode, Lane, RingSizes, Socket};
use super::sys;
use super::umem::{CHUNKS_MAX, Umem, data_of};
use crate::limits::{BURST_FRAMES, CHUNK_BYTES, FRAME_BYTES};
use crate::nic::{Burst, Frame, Port, PortCounters};
use crate::time::{Duration, Instant};
use libc::xdp_desc;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Octets of the shortest frame that is sent: an Ethernet header.
const FRAME_BYTES_MIN: usize = 14;

/// SYNs that wait get this part of a burst at least.
const SYNS_PART: usize = 8;

/// An entry that `poll()` passes over.
const NOBODY: libc::pollfd = libc::pollfd {
    fd: -1,
    events: libc::POLLIN,
    revents: 0,
};

/// A queue of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// Interface of this network namespace.
    pub interface: String,
    /// The NIC's number of the queue, from 0.
    pub queue: u32,
}

impl QueueSpec {
    /// Queue `queue` of `interface`.
    #[must_use]
    pub fn new(interface: &str, queue: u32) -> Self {
        Self {
            interface: interface.into(),
            queue,
        }
    }
}

/// What a port is opened with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortConfig {
    /// Frames of the port, at least [`PortConfig::frames_min`]; `None` for just as many.
    pub frames: Option<u32>,
    /// Ring sizes of each queue.
    pub rings: RingSizes,
    /// Zero copy or copy. Say [`CopyMode::On`] where the program is not native.
    pub copy: CopyMode,
}

impl PortConfig {
    /// Frames that a port of `queues` queues needs: as many as all its rings can hold together,
    /// and two bursts in the hands of the shard. With these no ring can take another's frames:
    /// the receive side holds `fill + receive + syns` at most, the transmit side
    /// `transmit + completion`.
    #[must_use]
    pub fn frames_min(&self, queues: usize) -> u64 {
        self.rings.frames() * queues as u64 + 2 * BURST_FRAMES as u64
    }

    fn frames(&self, queues: usize) -> Result<u32, Error> {
        if queues == 0 {
            return Err(Error::NoQueues);
        }
        self.rings.check()?;
        let least = self.frames_min(queues);
        let frames = self.frames.map_or(least, u64::from);
        if frames < least || frames > CHUNKS_MAX {
            return Err(Error::FrameCount {
                frames,
                least,
                most: CHUNKS_MAX,
            });
        }
        Ok(frames as u32)
    }
}

/// What was got for one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueReport {
    /// The queue.
    pub queue: QueueSpec,
    /// Does the driver receive into our frames, and send from them?
    pub zero_copy: bool,
    /// Ring sizes.
    pub rings: RingSizes,
}

/// A [`Port`] over `AF_XDP`. Opened anywhere, then moved to the thread of its shard.
pub struct AfXdp {
    // Sockets are dropped before the store that the kernel reads and writes for them.
    sockets: Vec<Socket>,
    umem: Umem,
    /// The socket whose turn is first at the next receive.
    next: usize,
    counters: PortCounters,
    /// The sockets, and one for whoever else may end a sleep.
    polls: Vec<libc::pollfd>,
    queues: Vec<QueueSpec>,
}

const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<AfXdp>();
};

impl AfXdp {
    /// Opens a socket for each of `queues`, with one store of frames between them. What the
    /// programs redirect is received once [`AfXdp::register`] was called.
    ///
    /// With [`CopyMode::Auto`] all queues copy as soon as one of them must.
    ///
    /// # Errors
    /// No privilege, no such interface or queue, a queue that stays taken for a second, zero copy
    /// refused, too little memory that may be locked, or sizes out of range.
    pub fn open(queues: &[QueueSpec], config: &PortConfig) -> Result<Self, Error> {
        match Self::open_as(queues, config, config.copy) {
            Err(Error::NoZeroCopy { .. }) if config.copy == CopyMode::Auto => {
                Self::open_as(queues, config, CopyMode::On)
            }
            result => result,
        }
    }

    fn open_as(queues: &[QueueSpec], config: &PortConfig, copy: CopyMode) -> Result<Self, Error> {
        let frames = config.frames(queues.len())?;
        let mut umem = Umem::new(frames).map_err(|source| Error::Memory {
            bytes: frames as usize * CHUNK_BYTES,
            source,
        })?;
        let mut sockets: Vec<Socket> = Vec::with_capacity(queues.len());
        for queue in queues {
            let socket = Socket::open(queue, config.rings, &umem, copy, sockets.first())?;
            sockets.push(socket);
        }
        for socket in &mut sockets {
            socket.top_up(&mut umem);
        }
        let poll_of = |(_, fd): (Lane, BorrowedFd<'_>)| libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let lanes = sockets.iter().flat_map(Socket::lanes);
        Ok(Self {
            polls: lanes.map(poll_of).chain([NOBODY]).collect(),
            sockets,
            umem,
            next: 0,
            counters: PortCounters::default(),
            queues: queues.to_vec(),
        })
    }

    /// Tells `programs` which sockets serve their queues. The kernel forgets a socket by itself
    /// when it is closed.
    ///
    /// # Errors
    /// None of `programs` is attached to the interface of a queue, or its number is too high.
    pub fn register(&self, programs: &mut [Program]) -> Result<(), Error> {
        for (at, lane, socket) in self.sockets() {
            let program = programs
                .iter_mut()
                .find(|program| program.interface() == at.interface)
                .ok_or_else(|| Error::NoProgram {
                    interface: at.interface.clone(),
                    queue: at.queue,
                })?;
            program.register(at.queue, lane, socket)?;
        }
        Ok(())
    }

    /// The queues with their sockets, for [`Program::register`].
    pub fn sockets(&self) -> impl Iterator<Item = (&QueueSpec, Lane, BorrowedFd<'_>)> {
        let queues = self.queues.iter().zip(&self.sockets);
        queues.flat_map(|(at, socket)| socket.lanes().map(|(lane, fd)| (at, lane, fd)))
    }

    /// What was got for each queue, in the order of [`Frame::queue`].
    #[must_use]
    pub fn reports(&self) -> Vec<QueueReport> {
        let report = |(queue, socket): (&QueueSpec, &Socket)| QueueReport {
            queue: queue.clone(),
            zero_copy: socket.is_zero_copy(),
            rings: socket.rings(),
        };
        self.queues.iter().zip(&self.sockets).map(report).collect()
    }

    /// Frames that are neither in a ring nor on loan.
    #[must_use]
    pub const fn free_frames(&self) -> usize {
        self.umem.free_chunks()
    }
}

impl Port for AfXdp {
    fn receive(&mut self, _now: Instant, burst: &mut Burst) {
        let Self { sockets, umem, .. } = self;
        // Before anything can return early: a queue with an empty fill ring receives nothing.
        for socket in sockets.iter_mut() {
            socket.top_up(umem);
        }
        let before = burst.len();
        let queues = sockets.len();
        // Segments first; but whoever floods with those shall not keep SYNs out altogether.
        let capacity = burst.capacity();
        for (lane, reserved) in [
            (Lane::Segments, capacity / SYNS_PART),
            (Lane::Syns, 0),
            (Lane::Segments, 0),
        ] {
            for step in 0..queues {
                let queue = (self.next + step) % queues;
                let most = burst.remaining_capacity().saturating_sub(reserved);
                sockets[queue].receive(lane, most, |xdp_desc { addr, len, .. }| {
                    umem.prefetch(addr as u32);
                    burst.push(Frame::new(addr as u32, len as u16, queue as u16));
                });
            }
        }
        self.next = (self.next + 1) % queues;
        self.counters.received += (burst.len() - before) as u64;
    }

    fn allocate(&mut self, queue: u16) -> Option<Frame> {
        let at = self.umem.lend()?;
        Some(Frame::new(data_of(at), 0, queue))
    }

    fn bytes(&self, frame: &Frame) -> &[u8] {
        self.umem.frame(frame.at(), frame.len())
    }

    fn bytes_mut(&mut self, frame: &mut Frame) -> &mut [u8] {
        self.umem.frame_mut(frame.at())
    }

    fn transmit(&mut self, _now: Instant, frame: Frame) {
        let (at, len) = (frame.at(), frame.len());
        // The kernel skips an invalid descriptor without giving its frame back.
        let is_sendable = len >= FRAME_BYTES_MIN && self.umem.is_sendable(at, len);
        debug_assert!(is_sendable, "{len} octets at {at} cannot be sent");
        let socket = self.sockets.get_mut(usize::from(frame.queue()));
        debug_assert!(socket.is_some(), "queue {} of this port", frame.queue());
        if is_sendable
            && let Some(socket) = socket
            && socket.transmit.reserve(1) == 1
        {
            socket.transmit.write(xdp_desc {
                addr: u64::from(at),
                len: len as u32,
                options: 0,
            });
            self.counters.sent += 1;
        } else {
            self.counters.transmit_full += 1;
            self.release(frame);
        }
    }

    fn release(&mut self, frame: Frame) {
        self.umem.take_back(frame.at());
    }

    fn flush(&mut self, _now: Instant) {
        let Self { sockets, umem, .. } = self;
        for socket in sockets.iter_mut() {
            socket.kick(umem);
            socket.reap(umem);
        }
        for socket in sockets.iter_mut() {
            socket.top_up(umem);
            socket.wake_receive();
        }
    }

    fn wait(&mut self, timeout: Duration, wake: Option<BorrowedFd<'_>>) {
        // poll() passes over a negative descriptor.
        if let Some(last) = self.polls.last_mut() {
            last.fd = wake.map_or(-1, |fd| fd.as_raw_fd());
        }
        let millis = timeout.as_nanos().div_ceil(1_000_000);
        sys::poll(&mut self.polls, i32::try_from(millis).unwrap_or(i32::MAX));
    }

    fn queues(&self) -> usize {
        self.sockets.len()
    }

    fn counters(&self) -> PortCounters {
        let mut counters = self.counters;
        for statistics in self.sockets.iter().flat_map(Socket::statistics) {
            counters.receive_full += statistics.rx_ring_full;
            counters.fill_empty += statistics.rx_fill_ring_empty_descs;
        }
        counters
    }
}

const _: () = assert!(
    FRAME_BYTES <= u16::MAX as usize,
    "a frame's length is 16 bits"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_needs_as_many_frames_as_its_rings_hold() {
        let config = PortConfig::default();
        assert_eq!(config.frames(1).unwrap(), 4 * 2048 + 1024 + 128);
        assert_eq!(config.frames(3).unwrap(), 3 * (4 * 2048 + 1024) + 128);
        let few = PortConfig {
            frames: Some(8192),
            ..config
        };
        let text = few.frames(1).unwrap_err().to_string();
        assert!(text.starts_with("8192 frames: the rings"), "{text}");
        assert!(matches!(config.frames(0), Err(Error::NoQueues)));
        assert!(matches!(config.frames(300), Err(Error::FrameCount { .. })));
    }

    #[test]
    fn ring_sizes_are_powers_of_two() {
        for size in [0, 32, 100, 65536] {
            let mut config = PortConfig::default();
            config.rings.fill = size;
            let text = config.frames(1).unwrap_err().to_string();
            assert!(text.starts_with(&format!("fill ring of {size}")), "{text}");
        }
    }
}
