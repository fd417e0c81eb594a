//! The sockets of a queue: one with four rings, and one beside it for SYNs; and what the kernel is
//! told and asked about them.

use super::error::Error;
use super::port::QueueSpec;
use super::rings::{Consumer, Entry, Mapped, Producer, mapping_bytes};
use super::umem::Umem;
use super::{mapping::Mapping, sys};
use crate::limits::CHUNK_BYTES;
use crate::nic::device::{driver_of, queues_of};
use libc::{xdp_desc, xdp_mmap_offsets, xdp_ring_offset, xdp_statistics};
use nix::net::if_::if_nametoindex;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use std::{io, thread};

/// A queue whose last owner has just died stays busy for some 20 ms: tries, and the pause between
/// two. One second in all.
const BIND_TRIES: u32 = 100;
const BIND_PAUSE: Duration = Duration::from_millis(10);

/// May frames be copied between the driver's memory and ours?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum CopyMode {
    /// Zero copy where the driver can, else copy.
    #[default]
    Auto,
    /// Copy, also where the driver could do without.
    On,
    /// Zero copy or an error.
    Off,
}

impl CopyMode {
    /// What to open a port with: frames are copied where the XDP program is not native, unless
    /// somebody insists.
    #[must_use]
    pub const fn under(self, is_native: bool) -> Self {
        match self {
            Self::Auto if !is_native => Self::On,
            asked => asked,
        }
    }
}

/// Entries of the rings of a queue; each a power of two from 64 to 32768.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSizes {
    /// Frames received and not yet looked at, but for SYNs.
    pub receive: u32,
    /// SYNs received and not yet looked at: all the frames that a flood of them can hold.
    pub syns: u32,
    /// Frames to send.
    pub transmit: u32,
    /// Free frames for the kernel to receive into.
    pub fill: u32,
    /// Frames sent.
    pub completion: u32,
}

impl Default for RingSizes {
    fn default() -> Self {
        Self {
            receive: 2048,
            syns: 1024,
            transmit: 2048,
            fill: 2048,
            completion: 2048,
        }
    }
}

impl RingSizes {
    /// Frames that the rings can hold together.
    pub(super) fn frames(&self) -> u64 {
        self.named().iter().map(|(_, size)| u64::from(*size)).sum()
    }

    /// Is each a power of two in the range?
    pub(super) fn check(&self) -> Result<(), Error> {
        for (ring, size) in self.named() {
            if !size.is_power_of_two() || !(64..=32768).contains(&size) {
                return Err(Error::RingSize { ring, size });
            }
        }
        Ok(())
    }

    const fn named(&self) -> [(&'static str, u32); 5] {
        [
            ("receive", self.receive),
            ("SYN", self.syns),
            ("transmit", self.transmit),
            ("fill", self.fill),
            ("completion", self.completion),
        ]
    }
}

/// What a program redirects to: the same queue, sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// All that is no SYN: what belongs to connections is among it.
    Segments,
    /// SYNs without an ACK: anybody can send them.
    Syns,
}

/// A bound socket that receives SYNs alone, into the frames of the queue's first socket.
struct Syns {
    receive: Consumer<Mapped<xdp_desc>>,
    fd: OwnedFd,
}

/// The bound sockets of a queue.
pub(super) struct Socket {
    receive: Consumer<Mapped<xdp_desc>>,
    syns: Syns,
    pub(super) transmit: Producer<Mapped<xdp_desc>>,
    fill: Producer<Mapped<u64>>,
    completion: Consumer<Mapped<u64>>,
    rings: RingSizes,
    zero_copy: bool,
    fd: OwnedFd,
}

impl Socket {
    /// Opens and binds a socket for `queue`. It brings `umem` with it, or joins the one that
    /// `owner` brought; then the owner's copy mode is its own.
    pub(super) fn open(
        queue: &QueueSpec,
        rings: RingSizes,
        umem: &Umem,
        copy: CopyMode,
        owner: Option<&Self>,
    ) -> Result<Self, Error> {
        let index = if_nametoindex(queue.interface.as_str()).map_err(|_| Error::NoInterface {
            interface: queue.interface.clone(),
        })?;
        let failed = |step| move |source| open_error(queue, step, source);
        let fd = sys::xdp_socket().map_err(failed("open an AF_XDP socket"))?;
        if owner.is_none() {
            register_umem(fd.as_fd(), umem, queue)?;
        }
        let offsets = make_rings(
            fd.as_fd(),
            queue,
            &[
                (libc::XDP_UMEM_FILL_RING, rings.fill),
                (libc::XDP_UMEM_COMPLETION_RING, rings.completion),
                (libc::XDP_RX_RING, rings.receive),
                (libc::XDP_TX_RING, rings.transmit),
            ],
        )?;
        let map = failed("map a ring");
        let at = fd.as_fd();
        let (rx, tx) = (libc::XDP_PGOFF_RX_RING, libc::XDP_PGOFF_TX_RING);
        let fr = libc::XDP_UMEM_PGOFF_FILL_RING.cast_signed();
        let cr = libc::XDP_UMEM_PGOFF_COMPLETION_RING.cast_signed();
        let receive = map_ring::<xdp_desc>(at, rx, &offsets.rx, rings.receive).map_err(&map)?;
        let transmit = map_ring::<xdp_desc>(at, tx, &offsets.tx, rings.transmit).map_err(&map)?;
        let fill = map_ring::<u64>(at, fr, &offsets.fr, rings.fill).map_err(&map)?;
        let completion = map_ring::<u64>(at, cr, &offsets.cr, rings.completion).map_err(&map)?;

        bind(fd.as_fd(), index, queue, copy, owner.map(Self::fd))?;
        let options: libc::xdp_options =
            sys::option(fd.as_fd(), libc::XDP_OPTIONS).map_err(failed("ask whether it copies"))?;
        Ok(Self {
            syns: Syns::open(queue, index, rings.syns, fd.as_fd())?,
            receive: Consumer::new(Mapped::new(receive, &offsets.rx, rings.receive)),
            transmit: Producer::new(Mapped::new(transmit, &offsets.tx, rings.transmit)),
            fill: Producer::new(Mapped::new(fill, &offsets.fr, rings.fill)),
            completion: Consumer::new(Mapped::new(completion, &offsets.cr, rings.completion)),
            rings,
            zero_copy: options.flags & libc::XDP_OPTIONS_ZEROCOPY != 0,
            fd,
        })
    }

    pub(super) const fn is_zero_copy(&self) -> bool {
        self.zero_copy
    }

    pub(super) const fn rings(&self) -> RingSizes {
        self.rings
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The socket of each lane.
    pub(super) fn lanes(&self) -> [(Lane, BorrowedFd<'_>); 2] {
        [
            (Lane::Segments, self.fd.as_fd()),
            (Lane::Syns, self.syns.fd.as_fd()),
        ]
    }

    /// Hands what came by `lane` to `take`, `most` frames at most.
    #[inline]
    pub(super) fn receive(&mut self, lane: Lane, most: usize, mut take: impl FnMut(xdp_desc)) {
        let ring = match lane {
            Lane::Segments => &mut self.receive,
            Lane::Syns => &mut self.syns.receive,
        };
        let ready = ring.peek(most as u32);
        for _ in 0..ready {
            take(ring.read());
        }
        if ready > 0 {
            ring.release();
        }
    }

    /// Offers free frames to the kernel, as many as the fill ring takes.
    pub(super) fn top_up(&mut self, umem: &mut Umem) {
        let mut room = self.fill.reserve(self.rings.fill);
        if room == 0 {
            return;
        }
        while room > 0
            && let Some(at) = umem.lend()
        {
            self.fill.write(u64::from(at));
            room -= 1;
        }
        self.fill.submit();
    }

    /// Takes back the frames that were sent.
    pub(super) fn reap(&mut self, umem: &mut Umem) {
        let sent = self.completion.peek(self.rings.completion);
        if sent == 0 {
            return;
        }
        for _ in 0..sent {
            umem.take_back(self.completion.read() as u32);
        }
        self.completion.release();
    }

    /// Publishes what was queued for sending and wakes the kernel while that makes it send.
    ///
    /// In copy mode one wakeup sends 32 frames at most. Each round but the last empties places in
    /// the ring, so the ring's size bounds the rounds. What is left (the device is busy, the
    /// completion ring was full) is tried again at the next flush, with or without new frames.
    pub(super) fn kick(&mut self, umem: &mut Umem) {
        self.transmit.submit();
        let mut left = self.transmit.outstanding();
        while left > 0 && self.transmit.needs_wakeup() {
            sys::wake_transmit(self.fd.as_fd());
            self.reap(umem);
            let still = self.transmit.outstanding();
            if still >= left {
                return;
            }
            left = still;
        }
    }

    /// Wakes a driver that found the fill ring empty and sleeps.
    pub(super) fn wake_receive(&self) {
        if self.fill.needs_wakeup() {
            sys::wake_receive(self.fd.as_fd());
        }
    }

    /// The kernel's counts of each lane; zeros if it does not tell.
    pub(super) fn statistics(&self) -> [xdp_statistics; 2] {
        self.lanes()
            .map(|(_, fd)| sys::option(fd, libc::XDP_STATISTICS).unwrap_or_else(|_| sys::zeroed()))
    }
}

impl Syns {
    /// Beside the socket `first` of the same queue, whose fill ring serves both.
    fn open(
        queue: &QueueSpec,
        interface_index: u32,
        size: u32,
        first: BorrowedFd<'_>,
    ) -> Result<Self, Error> {
        let failed = |step| move |source| open_error(queue, step, source);
        let fd = sys::xdp_socket().map_err(failed("open an AF_XDP socket for SYNs"))?;
        let offsets = make_rings(fd.as_fd(), queue, &[(libc::XDP_RX_RING, size)])?;
        let ring = map_ring::<xdp_desc>(fd.as_fd(), libc::XDP_PGOFF_RX_RING, &offsets.rx, size)
            .map_err(failed("map a ring"))?;
        bind(
            fd.as_fd(),
            interface_index,
            queue,
            CopyMode::Auto,
            Some(first),
        )?;
        Ok(Self {
            receive: Consumer::new(Mapped::new(ring, &offsets.rx, size)),
            fd,
        })
    }
}

/// Makes these rings, and says how they are laid out.
fn make_rings(
    fd: BorrowedFd<'_>,
    queue: &QueueSpec,
    sizes: &[(libc::c_int, u32)],
) -> Result<xdp_mmap_offsets, Error> {
    let failed = |step| move |source| open_error(queue, step, source);
    for (option, size) in sizes {
        sys::set_option(fd, *option, &size.cast_signed()).map_err(failed("make a ring"))?;
    }
    sys::option(fd, libc::XDP_MMAP_OFFSETS).map_err(failed("ask for the layout of the rings"))
}

fn map_ring<T: Entry>(
    fd: BorrowedFd<'_>,
    page_offset: i64,
    offsets: &xdp_ring_offset,
    size: u32,
) -> io::Result<Mapping> {
    Mapping::shared(fd, page_offset, mapping_bytes::<T>(offsets, size))
}

fn register_umem(fd: BorrowedFd<'_>, umem: &Umem, queue: &QueueSpec) -> Result<(), Error> {
    let registration = libc::xdp_umem_reg {
        addr: umem.address(),
        len: umem.bytes() as u64,
        chunk_size: CHUNK_BYTES as u32,
        headroom: 0,
        flags: 0,
        tx_metadata_len: 0,
    };
    let register = || sys::set_option(fd, libc::XDP_UMEM_REG, &registration);
    let is_locked = |error: &io::Error| {
        let errno = error.raw_os_error();
        matches!(errno, Some(libc::ENOBUFS | libc::EPERM | libc::ENOMEM))
    };
    let result = register().or_else(|error| {
        if !is_locked(&error) {
            return Err(error);
        }
        raise_locked_memory();
        register()
    });
    result.map_err(|source| {
        if is_locked(&source) {
            Error::LockedMemory {
                bytes: umem.bytes(),
                limit: locked_memory_limit(),
                source,
            }
        } else {
            open_error(queue, "register the store of frames", source)
        }
    })
}

/// To no limit where that is permitted, else as far as it goes.
fn raise_locked_memory() {
    let resource = Resource::RLIMIT_MEMLOCK;
    if setrlimit(resource, RLIM_INFINITY, RLIM_INFINITY).is_err()
        && let Ok((_, hard)) = getrlimit(resource)
    {
        // When even this fails, the next registration says so.
        let _ = setrlimit(resource, hard, hard);
    }
}

fn locked_memory_limit() -> String {
    match getrlimit(Resource::RLIMIT_MEMLOCK) {
        Ok((RLIM_INFINITY, _)) => "infinite".into(),
        Ok((soft, _)) => format!("{soft} octets"),
        Err(_) => "unknown".into(),
    }
}

fn bind(
    fd: BorrowedFd<'_>,
    interface_index: u32,
    queue: &QueueSpec,
    copy: CopyMode,
    owner: Option<BorrowedFd<'_>>,
) -> Result<(), Error> {
    // A socket that joins a UMEM may say nothing else: it copies, and wakes, as the owner does.
    let flags = match (owner, copy) {
        (Some(_), _) => libc::XDP_SHARED_UMEM,
        (None, CopyMode::Auto) => libc::XDP_USE_NEED_WAKEUP,
        (None, CopyMode::On) => libc::XDP_USE_NEED_WAKEUP | libc::XDP_COPY,
        (None, CopyMode::Off) => libc::XDP_USE_NEED_WAKEUP | libc::XDP_ZEROCOPY,
    };
    let address = libc::sockaddr_xdp {
        sxdp_family: libc::AF_XDP as u16,
        sxdp_flags: flags,
        sxdp_ifindex: interface_index,
        sxdp_queue_id: queue.queue,
        sxdp_shared_umem_fd: owner.map_or(0, |owner| owner.as_raw_fd().cast_unsigned()),
    };
    for _ in 1..BIND_TRIES {
        match sys::bind(fd, &address) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => thread::sleep(BIND_PAUSE),
            result => return result.map_err(|source| bind_error(queue, source)),
        }
    }
    sys::bind(fd, &address).map_err(|source| bind_error(queue, source))
}

fn bind_error(at: &QueueSpec, source: io::Error) -> Error {
    let (interface, queue) = (at.interface.clone(), at.queue);
    let count = queues_of(&interface);
    match source.raw_os_error() {
        Some(libc::EBUSY) => Error::QueueTaken { interface, queue },
        Some(libc::ENETDOWN) => Error::InterfaceDown { interface },
        Some(libc::EOPNOTSUPP) => Error::NoZeroCopy {
            driver: driver_of(&interface),
            interface,
            queue,
        },
        Some(libc::EINVAL) if count.is_none_or(|count| queue >= count) => Error::NoQueue {
            count: count.map_or_else(|| "fewer".into(), |count| count.to_string()),
            interface,
            queue,
        },
        _ => open_error(at, "bind the socket", source),
    }
}

fn open_error(at: &QueueSpec, step: &'static str, source: io::Error) -> Error {
    match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => Error::NotPermitted {
            what: format!("{step} for queue {} of {}", at.queue, at.interface),
        },
        _ => Error::Socket {
            interface: at.interface.clone(),
            queue: at.queue,
            step,
            source,
        },
    }
}
