//! Ours beside others, in one run: the table beside hash maps from crates.io, and a shard beside
//! smoltcp. `cargo bench --bench peers` ends with a table: nanoseconds of one operation, the median
//! of rounds of about a millisecond or more, and how many times ours that is. Where somebody is
//! faster than we, it says why.
//!
//! **Maps** (`lookup`, `miss`, `insert`, `remove`) have the same keys, values and hasher, and are
//! full: of a million, and of ten million. Each is made when its turn comes, and dropped behind it.
//! What is asked comes in bursts of 32 random tuples. Our table is asked as a shard asks it: hash
//! all, call the memory of all, then each in its turn. The others have no way to call memory
//! ahead: they are asked for one after the other, with one guard for a burst where there are
//! guards. In a round 32,768 tuples are removed, and then inserted again: what a removal has
//! touched is out of the near caches when it is needed. One thread asks, and its own time is taken.
//! What only we have is not measured here: readers that cost the writer nothing, and no insertion
//! that moves all others. Our table asks the kernel for huge pages; the others lie where the
//! allocator puts them, and with `GLIBC_TUNABLES=glibc.malloc.hugetlb=1` that is huge pages too.
//!
//! **Stacks** (`segment`, `connection`) are at the end of the same wire in memory: the same peers
//! send the same frames, with timestamps and the other options of a Linux client, in bursts, on
//! simulated time. Only a shard's breaths and smoltcp's polls are timed. A shard has parsed the link's header
//! and has run its service when a breath is over. smoltcp is given packets without that header
//! (each is copied to where it can be read while answers are written), and what its server does
//! with its sockets is not timed.
//!
//! - `segment`: 64 octets of text on a random one of 1 or 1,000 open connections, 64 segments in a
//!   burst, thrown away by the server, acknowledged as either stack likes it.
//! - `connection`: three-way handshake, 64 octets of text, four-way release that the peer begins.
//!   At 1 they are alone and one after the other; at 1,000, 32 of these live side by side while
//!   the others are open and idle.

#![expect(clippy::cast_precision_loss, reason = "no figure is known to 52 bits")]

mod bench;
#[path = "../common/ends.rs"]
mod ends;
#[expect(dead_code, reason = "our table is asked in one way only")]
#[path = "../common/find.rs"]
mod find;
#[path = "../common/frames.rs"]
mod frames;
#[expect(dead_code, reason = "`scale` asks for more")]
#[path = "../scale/machine.rs"]
mod machine;
mod maps;
#[path = "../scale/numbered.rs"]
mod numbered;
mod questions;
mod report;
#[expect(dead_code, reason = "`scale` asks for more")]
#[path = "../scale/rounds.rs"]
mod rounds;
mod smoltcp;
mod stacks;
mod visits;
#[expect(dead_code, reason = "`scale` asks for more")]
#[path = "../scale/world.rs"]
mod world;

use bench::Bench;
use criterion::Criterion;
use report::Report;
use seawall::control::worker;
use std::time::Duration;

fn main() -> anyhow::Result<()> {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let cpus = worker::allowed_cpus()?;
    worker::pin(cpus[cpus.len() - 1])?;
    let criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut bench = Bench {
        criterion,
        report: Report::default(),
    };
    questions::ask_all(&mut bench, is_test);
    stacks::visit_all(&mut bench);
    bench.criterion.final_summary();
    bench.report.print();
    Ok(())
}
