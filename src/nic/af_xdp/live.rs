//! Live frames: the kernel makes frames and runs an XDP program on them as if they had arrived
//! (`BPF_PROG_RUN` with `BPF_F_TEST_XDP_LIVE_FRAMES`, Linux 5.18 and later).
#![expect(unsafe_code, reason = "a system call")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `BPF_PROG_RUN` of `enum bpf_cmd`.
const BPF_PROG_RUN: libc::c_int = 10;
/// Does what the program says with each frame, instead of giving back the last.
const LIVE_FRAMES: u32 = 1 << 1;
/// Frames that are made, judged and sent together; the kernel allows 256.
const BATCH: u32 = 64;

/// The member `test` of `union bpf_attr`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Attributes {
    program: u32,
    returned: u32,
    data_in_size: u32,
    data_out_size: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    context_in_size: u32,
    context_out_size: u32,
    context_in: u64,
    context_out: u64,
    flags: u32,
    cpu: u32,
    batch: u32,
    pad: u32,
}

const _: () = assert!(size_of::<Attributes>() == 80, "the kernel's layout");

/// Runs `program` on `count` copies of `frame`, as if they had arrived by the loopback interface
/// of the calling thread's network namespace, and does with each what it says. A frame is made
/// once and used again as it came back. A signal ends it early, and that is no error.
///
/// # Errors
/// No privilege, a kernel without live frames, or a frame that does not fit into a page.
pub(crate) fn run_live(program: BorrowedFd<'_>, frame: &[u8], count: u32) -> io::Result<()> {
    if count == 0 {
        return Ok(());
    }
    let attributes = Attributes {
        program: program.as_raw_fd().cast_unsigned(),
        data_in_size: frame.len() as u32,
        data_in: frame.as_ptr().expose_provenance() as u64,
        repeat: count,
        flags: LIVE_FRAMES,
        batch: BATCH,
        ..Attributes::default()
    };
    // SAFETY: the kernel reads `attributes` and the octets of `frame`, whose lengths it is told,
    // during the call alone, and is given nowhere to write but `attributes`, which is a copy.
    let result = unsafe {
        let mut attributes = attributes;
        let size = size_of::<Attributes>();
        libc::syscall(libc::SYS_bpf, BPF_PROG_RUN, &raw mut attributes, size)
    };
    match io::Error::last_os_error() {
        error if result < 0 && error.raw_os_error() != Some(libc::EINTR) => Err(error),
        _ => Ok(()),
    }
}
