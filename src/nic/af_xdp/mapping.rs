//! Memory that is mapped for as long as its value lives.
#![expect(unsafe_code, reason = "mmap and munmap")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};

/// A mapped, writable area.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: memory belongs to the process, not to a thread, and only this value unmaps it.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Zeroed memory of our own, present from the start: no page fault in the data path.
    pub(super) fn anonymous(bytes: usize) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        Self::map(bytes, flags, -1, 0)
    }

    /// What the kernel shares at `offset` of `fd`.
    pub(super) fn shared(fd: BorrowedFd<'_>, offset: i64, bytes: usize) -> io::Result<Self> {
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        Self::map(bytes, flags, fd.as_raw_fd(), offset)
    }

    fn map(bytes: usize, flags: i32, fd: i32, offset: i64) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: without MAP_FIXED the kernel chooses an address that nothing else uses.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { start, bytes })
    }

    /// Size.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Address of the first octet. It may be read and written up to [`Mapping::bytes`] while this
    /// value lives.
    pub(super) const fn start(&self) -> NonNull<u8> {
        self.start
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `map` made the area, and the owners of pointers into it own this value too.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}
