//! System calls that no crate wraps: `AF_XDP` socket options, wakeups, `poll`.
//! Each is one call with its buffers checked by types.
#![expect(unsafe_code, reason = "system calls")]

use libc::{c_int, c_void, socklen_t};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// A struct of the kernel's ABI: plain numbers, any bits of which are a value.
///
/// # Safety
/// The type has no padding that carries meaning, no references, and every bit pattern is valid.
pub(super) unsafe trait Abi: Copy {}

// SAFETY: numbers alone.
unsafe impl Abi for c_int {}
// SAFETY: numbers alone.
unsafe impl Abi for libc::xdp_umem_reg {}
// SAFETY: numbers alone.
unsafe impl Abi for libc::xdp_mmap_offsets {}
// SAFETY: numbers alone.
unsafe impl Abi for libc::xdp_options {}
// SAFETY: numbers alone.
unsafe impl Abi for libc::xdp_statistics {}

/// A value of all zeros.
pub(super) const fn zeroed<T: Abi>() -> T {
    // SAFETY: `Abi` says that every bit pattern is valid.
    unsafe { std::mem::zeroed() }
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// A new `AF_XDP` socket.
pub(super) fn xdp_socket() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    let fd = check(fd)?;
    // SAFETY: the kernel just made it and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets option `name` of level `SOL_XDP`.
pub(super) fn set_option<T: Abi>(fd: BorrowedFd<'_>, name: c_int, value: &T) -> io::Result<()> {
    let start: *const c_void = ptr::from_ref(value).cast();
    let len = size_of::<T>() as socklen_t;
    // SAFETY: `start` and `len` are those of `value`.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_XDP, name, start, len) };
    check(result).map(drop)
}

/// Reads option `name` of level `SOL_XDP`. What the kernel does not know stays zero.
pub(super) fn option<T: Abi>(fd: BorrowedFd<'_>, name: c_int) -> io::Result<T> {
    let mut value: T = zeroed();
    let start: *mut c_void = ptr::from_mut(&mut value).cast();
    let mut len = size_of::<T>() as socklen_t;
    // SAFETY: `start` and `len` are those of `value`, and any bits are a value.
    let result =
        unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_XDP, name, start, &raw mut len) };
    check(result).map(|_| value)
}

/// Binds an `AF_XDP` socket to a queue.
pub(super) fn bind(fd: BorrowedFd<'_>, address: &libc::sockaddr_xdp) -> io::Result<()> {
    let len = size_of::<libc::sockaddr_xdp>() as socklen_t;
    // SAFETY: the pointer and the length are those of `address`.
    let result = unsafe { libc::bind(fd.as_raw_fd(), ptr::from_ref(address).cast(), len) };
    check(result).map(drop)
}

/// Tells the kernel to look into the transmit ring.
pub(super) fn wake_transmit(fd: BorrowedFd<'_>) {
    // SAFETY: no data, no address. Every error means that nothing or not all was sent (EAGAIN
    // after 32 frames, EBUSY, ENOBUFS, ENETDOWN): the ring tells, and the next flush tries again.
    unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            ptr::null(),
            0,
            libc::MSG_DONTWAIT,
            ptr::null(),
            0,
        )
    };
}

/// Tells the kernel to look into the fill ring.
pub(super) fn wake_receive(fd: BorrowedFd<'_>) {
    let flags = libc::MSG_DONTWAIT;
    let (address, len) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: no data, no address; an error means as much as in `wake_transmit`.
    unsafe { libc::recvfrom(fd.as_raw_fd(), ptr::null_mut(), 0, flags, address, len) };
}

/// Sleeps until one of `polls` has an event, a signal arrives or `millis` are over.
pub(super) fn poll(polls: &mut [libc::pollfd], millis: c_int) {
    // SAFETY: the pointer and the length are those of `polls`. Its errors are EINTR and ENOMEM:
    // whoever waits looks again either way.
    unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, millis) };
}
