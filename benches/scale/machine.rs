//! What the machine says of memory, and of a thread's own time.

use anyhow::Context;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Octets that the process has resident.
pub(crate) fn rss() -> anyhow::Result<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").context("/proc/self/statm")?;
    let pages = statm.split_whitespace().nth(1);
    let pages: u64 = pages.context("a number of pages")?.parse()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.context("a page size")?;
    Ok(pages * page.unsigned_abs())
}

/// Octets of these that are the process's own: no file has them.
pub(crate) fn rss_anonymous() -> anyhow::Result<u64> {
    kib("/proc/self/status", "RssAnon:")
}

/// Octets that the machine can still give.
pub(crate) fn available() -> anyhow::Result<u64> {
    kib("/proc/meminfo", "MemAvailable:")
}

// What stands behind `name`, in octets.
fn kib(file: &'static str, name: &'static str) -> anyhow::Result<u64> {
    let all = std::fs::read_to_string(file).context(file)?;
    let line = all.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.context(name)?.parse::<u64>()? * 1024)
}

/// Time that this thread was given by the kernel: while somebody else has the core it stands.
pub(crate) fn thread_time() -> Duration {
    time(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Time, whoever has the core.
pub(crate) fn wall_time() -> Duration {
    time(ClockId::CLOCK_MONOTONIC)
}

fn time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    time.expect("every Linux has this clock").into()
}
