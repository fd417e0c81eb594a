//! Where the queues of an interface are polled: a kernel thread for each, on a core of our choice.
//!
//! A NIC's interrupts come to one core, and its queue is polled there whatever else happens. A veth
//! has no interrupts: its queue is polled on the core of whoever found it empty, and stays there
//! while others fill it. With a thread it is as on a NIC.

use super::netlink::{Error, Link, napis, thread_of_napi};
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Has every queue of an interface that can be polled now polled by a thread of its own on `cpu`,
/// before whatever else runs there. Says whether there is one; `false` too where the kernel (before
/// Linux 6.17) cannot be asked. In the calling thread's network namespace; needs `CAP_NET_ADMIN`
/// and `CAP_SYS_NICE`.
pub fn poll_on(link: &Link, cpu: usize) -> Result<bool, Error> {
    let mut is_polled = false;
    for napi in napis(link)? {
        let Some(thread) = thread_of_napi(link, napi)? else {
            return Ok(false);
        };
        let what = format!("moving the thread that polls {} to CPU {cpu}", link.name);
        let thread = Pid::from_raw(thread.cast_signed());
        let moved = CpuSet::new();
        let moved = with(moved, cpu).and_then(|set| sched_setaffinity(thread, &set));
        moved
            .and_then(|()| put_first(thread))
            .map_err(|errno| Error::refused(what, errno))?;
        is_polled = true;
    }
    Ok(is_polled)
}

fn with(mut set: CpuSet, cpu: usize) -> nix::Result<CpuSet> {
    set.set(cpu)?;
    Ok(set)
}

// Real time, as interrupts are before all that is not: a thread of the kernel's that sleeps when
// its queue is empty.
fn put_first(thread: Pid) -> nix::Result<()> {
    let first = libc::sched_param { sched_priority: 1 };
    // SAFETY: the kernel reads one struct, which lives until the call is over.
    #[expect(unsafe_code, reason = "no crate wraps this call safely")]
    let result = unsafe {
        libc::syscall(
            libc::SYS_sched_setscheduler,
            thread.as_raw(),
            libc::SCHED_FIFO,
            &raw const first,
        )
    };
    Errno::result(result).map(drop)
}
