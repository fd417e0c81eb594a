//! All that can be measured.

use crate::find::Prefetch;
use crate::part::{Measured, Sizes};
use crate::{breath, bytes, lifecycles, lines, lookup, reader, room, segments, two_shards, whole};

type Measure = Box<dyn Fn(&Sizes, &[usize]) -> anyhow::Result<Measured>>;

/// How many connections.
type Count = fn(&Sizes) -> u32;

/// One of them, with a name.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) measure: Measure,
    /// Processors that it needs.
    pub(crate) cpus: usize,
    /// Do instructions an operation mean something?
    pub(crate) is_counted: bool,
    /// The part whose instructions are in these too, and are not meant.
    pub(crate) less: Option<&'static str>,
}

/// See [`lookup::tuples_alone`].
const TUPLES: &str = "tuples_alone";

/// More than the table needs for a connection.
const TABLE_BYTES: u64 = 512;

/// In the order of the table.
pub(crate) fn parts() -> Vec<Part> {
    let mut all = Vec::new();
    let sizes: [(&str, Count); 3] = [
        ("10k", |s| s.small),
        ("1m", |s| s.large),
        ("10m", |s| s.huge),
    ];
    let prefetches = [
        ("", Prefetch::Slot),
        ("_index_only", Prefetch::Index),
        ("_without_prefetch", Prefetch::Nothing),
    ];
    for (size, of) in sizes {
        for (how, prefetch) in prefetches {
            let name = format!("lookup_{size}{how}");
            all.push(table(name, of, move |n, s| lookup::hit(n, prefetch, s)));
        }
    }
    for (size, of) in sizes.into_iter().skip(1) {
        let measure = move |s: &Sizes, _: &[usize]| lines::lines(of(s), s);
        all.push(part(format!("lines_{size}"), 1, measure));
    }
    all.push(table("miss_10m", |s| s.huge, lookup::miss));
    all.push(table("insert_remove_10m", |s| s.huge, lookup::renew));
    all.push(counted(TUPLES, lookup::tuples_alone));
    all.push(Part {
        less: Some("segments_1m_peers_alone"),
        ..counted("segments_1m", segments::segments)
    });
    all.push(Part {
        less: Some("segments_1m_peers_alone"),
        ..counted("segments_1m_delayed", segments::delayed)
    });
    all.push(counted("segments_1m_peers_alone", segments::peers_alone));
    all.push(Part {
        less: Some("lifecycles_peers_alone"),
        ..counted("lifecycles", lifecycles::lifecycles)
    });
    all.push(counted("lifecycles_peers_alone", lifecycles::peers_alone));
    all.push(part("bytes_live", 1, |s, _| bytes::live(s)));
    all.push(part("bytes_time_wait", 1, |s, _| bytes::time_wait(s)));
    all.push(part("whole", 1, |s, _| whole::whole(s)));
    all.push(part("breath", 1, |s, _| breath::longest(s)));
    all.push(part("reader", 2, reader::cost));
    all.push(part("two_shards", 2, two_shards::ratio));
    all
}

fn part(
    name: impl Into<String>,
    cpus: usize,
    measure: impl Fn(&Sizes, &[usize]) -> anyhow::Result<Measured> + 'static,
) -> Part {
    Part {
        name: name.into(),
        measure: Box::new(measure),
        cpus,
        is_counted: false,
        less: None,
    }
}

fn counted(name: impl Into<String>, measure: impl Fn(&Sizes) -> Measured + 'static) -> Part {
    Part {
        is_counted: true,
        ..part(name, 1, move |sizes, _| Ok(measure(sizes)))
    }
}

// One that fills a table or a map with as many as `of` says.
fn table(
    name: impl Into<String>,
    of: Count,
    measure: impl Fn(u32, &Sizes) -> Measured + 'static,
) -> Part {
    let measure = move |sizes: &Sizes, _: &[usize]| {
        let connections = of(sizes);
        room::check_bytes(u64::from(connections) * TABLE_BYTES)?;
        Ok(measure(connections, sizes))
    };
    Part {
        is_counted: true,
        less: Some(TUPLES),
        ..part(name, 1, measure)
    }
}
