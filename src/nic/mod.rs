//! Frames in, frames out.
//!
//! A [`Port`] is what one shard owns of the outside: one or more queues, of one or more
//! interfaces, with one store of frames between them. `af_xdp` is the real one, `memory` joins
//! two ends in one process with seeded misfortune between them, `pcap` records another port.
//! Nothing here knows what TCP is.

pub mod af_xdp;
pub mod device;
pub mod ethtool;
pub mod memory;
pub mod napi;
pub mod netlink;
pub mod pcap;
pub mod resolve;
pub mod solicited;

use crate::limits::BURST_FRAMES;
use crate::time::{Duration, Instant};
use arrayvec::ArrayVec;
use core::fmt;
use std::os::fd::BorrowedFd;

/// What one receive call moves at most.
pub type Burst = ArrayVec<Frame, BURST_FRAMES>;

/// A frame on loan from a port: bytes in its store.
///
/// Neither `Copy` nor `Clone`: whoever holds it gives it back by [`Port::transmit`] or
/// [`Port::release`], once. A test counts them.
///
/// One word, so that it goes through registers: one that was written as three would be waited for.
#[derive(PartialEq, Eq)]
#[must_use = "a frame that is neither sent nor released is lost to its port"]
pub struct Frame(u64);

const LEN_AT: u32 = 32;
const QUEUE_AT: u32 = 48;

impl Frame {
    /// For ports: the frame whose first octet is at offset `at` of their store.
    #[inline]
    pub const fn new(at: u32, len: u16, queue: u16) -> Self {
        Self((queue as u64) << QUEUE_AT | (len as u64) << LEN_AT | at as u64)
    }

    /// Offset of the first octet in the port's store.
    #[inline]
    #[must_use]
    pub const fn at(&self) -> u32 {
        self.0 as u32
    }

    /// Octets in use.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a frame's length is a header field, not a container size"
    )]
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        (self.0 >> LEN_AT) as u16 as usize
    }

    /// Sets the octets in use, before it is sent.
    #[inline]
    pub const fn set_len(&mut self, len: usize) {
        debug_assert!(len <= crate::limits::FRAME_BYTES);
        *self = Self::new(self.at(), len as u16, self.queue());
    }

    /// The queue of the port that it came from, or will leave by; an index, not the NIC's number.
    #[inline]
    #[must_use]
    pub const fn queue(&self) -> u16 {
        (self.0 >> QUEUE_AT) as u16
    }

    /// Sends it by another queue than it came from.
    #[inline]
    pub const fn set_queue(&mut self, queue: u16) {
        *self = Self::new(self.at(), self.len() as u16, queue);
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("at", &self.at())
            .field("len", &self.len())
            .field("queue", &self.queue())
            .finish()
    }
}

/// Counts of a port since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounters {
    /// Frames received.
    pub received: u64,
    /// Frames handed to the transmit ring.
    pub sent: u64,
    /// Frames that found the transmit ring full and were dropped.
    pub transmit_full: u64,
    /// Frames that the kernel dropped because the receive ring was full.
    pub receive_full: u64,
    /// Frames that the kernel dropped because the fill ring was empty.
    pub fill_empty: u64,
}

impl PortCounters {
    /// Adds the counts of another port.
    pub const fn merge(&mut self, other: &Self) {
        self.received += other.received;
        self.sent += other.sent;
        self.transmit_full += other.transmit_full;
        self.receive_full += other.receive_full;
        self.fill_empty += other.fill_empty;
    }
}

/// The queues of one shard. One thread owns it.
pub trait Port {
    /// Takes what has arrived, in order of arrival for each queue, until `burst` is full.
    fn receive(&mut self, now: Instant, burst: &mut Burst);

    /// A frame to write into, bound for `queue`; `None` when all are in use.
    fn allocate(&mut self, queue: u16) -> Option<Frame>;

    /// The octets in use: `frame.len()` of them.
    fn bytes(&self, frame: &Frame) -> &[u8];

    /// All octets that the frame has room for, at least [`FRAME_BYTES`](crate::limits::FRAME_BYTES)
    /// less the headroom that its arrival used.
    fn bytes_mut(&mut self, frame: &mut Frame) -> &mut [u8];

    /// Queues the frame for sending by its queue. It leaves at the next [`Port::flush`]. When the
    /// ring is full the frame is dropped and counted: never waited for.
    fn transmit(&mut self, now: Instant, frame: Frame);

    /// Gives a frame back unsent.
    fn release(&mut self, frame: Frame);

    /// Sends what is queued with one wakeup a queue, takes back what has been sent and tops up
    /// what the NIC receives into. Called once a breath, also when there is nothing to send.
    fn flush(&mut self, now: Instant);

    /// Sleeps until something arrives, `wake` can be read, or `timeout` is over, whichever is
    /// first.
    fn wait(&mut self, timeout: Duration, wake: Option<BorrowedFd<'_>>);

    /// Number of queues.
    fn queues(&self) -> usize;

    /// Counts since the port was opened. May ask the kernel: not for every breath.
    fn counters(&self) -> PortCounters;
}

/// A port whose kind is known at run time only.
impl<P: Port + ?Sized> Port for Box<P> {
    fn receive(&mut self, now: Instant, burst: &mut Burst) {
        (**self).receive(now, burst);
    }

    fn allocate(&mut self, queue: u16) -> Option<Frame> {
        (**self).allocate(queue)
    }

    fn bytes(&self, frame: &Frame) -> &[u8] {
        (**self).bytes(frame)
    }

    fn bytes_mut(&mut self, frame: &mut Frame) -> &mut [u8] {
        (**self).bytes_mut(frame)
    }

    fn transmit(&mut self, now: Instant, frame: Frame) {
        (**self).transmit(now, frame);
    }

    fn release(&mut self, frame: Frame) {
        (**self).release(frame);
    }

    fn flush(&mut self, now: Instant) {
        (**self).flush(now);
    }

    fn wait(&mut self, timeout: Duration, wake: Option<BorrowedFd<'_>>) {
        (**self).wait(timeout, wake);
    }

    fn queues(&self) -> usize {
        (**self).queues()
    }

    fn counters(&self) -> PortCounters {
        (**self).counters()
    }
}
