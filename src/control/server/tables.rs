//! Where the tables of connections lie: in huge pages, or why not.
//!
//! The shards ask the kernel for huge pages (`pages`) and touch all of their tables at start, so
//! what `proc_pid_smaps(5)` says then of the mappings that were asked for is how it stays.

use core::fmt;
use std::fs;
use std::io;
use std::path::Path;

const SMAPS: &str = "/proc/self/smaps";

/// Whether programs get huge pages: Documentation/admin-guide/mm/transhuge.rst of Linux.
const SETTING: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// The memory of all tables that are large enough to gain by huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Octets of them.
    pub bytes: u64,
    /// Octets of them that lie in huge pages.
    pub huge_bytes: u64,
    setting: Setting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    /// The kernel was built without.
    Absent,
    /// Nobody gets any.
    Never,
    /// Whoever asks does.
    Asked,
}

impl Tables {
    /// Those of this process, once they are touched.
    ///
    /// # Errors
    /// Whoever runs with capabilities of the file that it was started from may not look at itself.
    pub(super) fn look() -> io::Result<Self> {
        let setting = match fs::read_to_string(SETTING) {
            Err(_) if !Path::new(SETTING).exists() => Setting::Absent,
            Ok(text) if text.contains("[never]") => Setting::Never,
            Err(_) | Ok(_) => Setting::Asked,
        };
        Ok(Self::of(&fs::read_to_string(SMAPS)?, setting))
    }

    fn of(smaps: &str, setting: Setting) -> Self {
        let (mut tables, mut mapping) = ([0, 0], [0, 0]);
        for line in smaps.lines() {
            let mut words = line.split_ascii_whitespace();
            let name = words.next();
            let mut kib = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
            match name {
                Some("Rss:") => mapping[0] = kib(),
                Some("AnonHugePages:") => mapping[1] = kib(),
                // The last line of a mapping: hg is that huge pages were asked for.
                Some("VmFlags:") if words.any(|flag| flag == "hg") => {
                    tables = [tables[0] + mapping[0], tables[1] + mapping[1]];
                }
                _ => {}
            }
        }
        let [bytes, huge_bytes] = tables.map(|kib: u64| kib * 1024);
        Self {
            bytes,
            huge_bytes,
            setting,
        }
    }

    /// Why less of it lies in huge pages than could, and what to change; `None` when nearly all
    /// does, or nothing would gain by it.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        if self.setting == Setting::Absent {
            return Some("this kernel has none".into());
        }
        // Both ends of each mapping may stand out.
        if self.huge_bytes >= self.bytes / 4 * 3 {
            return None;
        }
        Some(match self.setting {
            Setting::Never => format!("{SETTING} says never; `echo madvise > {SETTING}` allows it"),
            _ => "the kernel has no more of them free; `echo 1 > /proc/sys/vm/compact_memory` \
                  before the start makes some"
                .into(),
        })
    }
}

/// `tables: 65 MB, 62 MB of it in huge pages`
impl fmt::Display for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let complaint = self.complaint();
        match (self.bytes, self.setting) {
            (0, Setting::Absent) => write!(f, "tables: not in huge pages")?,
            (0, _) => write!(f, "tables: too small to gain by huge pages")?,
            (bytes, _) => {
                let mb = |bytes: u64| (bytes + 500_000) / 1_000_000;
                let huge = mb(self.huge_bytes);
                write!(f, "tables: {} MB, {huge} MB of it in huge pages", mb(bytes))?;
            }
        }
        complaint.map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Two that were asked for, and one that was not.
    const MAPPINGS: &str = "\
7ff39fe70000-7ff3a5a70000 rw-p 00000000 00:00 0
Size:              94208 kB
KernelPageSize:        4 kB
Rss:               94000 kB
AnonHugePages:     90112 kB
THPeligible:           1
VmFlags: rd wr mr mw me ac sd hg
7ff3a5a70000-7ff3a5b70000 rw-p 00000000 00:00 0
Rss:                1024 kB
AnonHugePages:         0 kB
VmFlags: rd wr mr mw me ac sd
7ff3a5b70000-7ff3aa6b0000 rw-p 00000000 00:00 0 [heap]
Rss:                6000 kB
AnonHugePages:      4096 kB
VmFlags: rd wr hg sd
";

    #[test]
    fn it_is_said_how_much_lies_in_huge_pages() {
        let tables = Tables::of(MAPPINGS, Setting::Asked);
        let kib = [tables.bytes / 1024, tables.huge_bytes / 1024];
        assert_eq!(kib, [100_000, 94_208]);
        let said = "tables: 102 MB, 96 MB of it in huge pages";
        assert_eq!(tables.to_string(), said);
        assert_eq!(tables.complaint(), None);
    }

    #[test]
    fn it_is_said_why_it_does_not() {
        let small = MAPPINGS.replace("90112", "0").replace("4096", "0");
        let none = "tables: 102 MB, 0 MB of it in huge pages";
        for (smaps, setting, begins, says) in [
            (small.as_str(), Setting::Never, none, "enabled says never"),
            (&small, Setting::Asked, none, "compact_memory"),
            ("", Setting::Asked, "tables: too small", "huge pages"),
            ("", Setting::Never, "tables: too small", "huge pages"),
            ("", Setting::Absent, "tables: not in", "kernel has none"),
        ] {
            let said = Tables::of(smaps, setting).to_string();
            assert!(said.starts_with(begins) && said.contains(says), "{said}");
        }
    }

    #[test]
    fn this_process_can_look_at_itself() {
        let room = crate::pages::filled(1 << 23, || 1_u8);
        let tables = Tables::look().unwrap();
        let is_asked_for = tables.bytes >= room.len() as u64 * 9 / 10;
        assert!(is_asked_for || tables.setting == Setting::Absent);
        assert!(tables.huge_bytes <= tables.bytes);
    }
}
