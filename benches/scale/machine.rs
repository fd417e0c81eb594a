//! What the machine says of memory, and of who took a core away.

use anyhow::Context;
use nix::sys::resource::{UsageWho, getrusage};

/// Octets that the process has resident.
pub(crate) fn rss() -> anyhow::Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").context("/proc/self/statm")?;
    let pages = statm.split_whitespace().nth(1);
    let pages: u64 = pages.context("a number of pages")?.parse()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.context("a page size")?;
    Ok(pages * page.unsigned_abs())
}

/// Octets that the machine can still give.
pub(crate) fn available() -> anyhow::Result<u64> {
    let all = std::fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
    let line = all.lines().find(|line| line.starts_with("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.context("MemAvailable")?.parse::<u64>()? * 1024)
}

/// How often the kernel took the core from this thread.
pub(crate) fn preemptions() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD);
    usage
        .expect("it always works for oneself")
        .involuntary_context_switches()
}
