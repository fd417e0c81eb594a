//! What the kernel counts: time of processors, and segments that its own TCP sent again.

use super::Cpu;
use std::{fs, io};

/// Ticks of one processor, or of all: busy, and in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks {
    busy: u64,
    all: u64,
}

impl Ticks {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    fn share_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all);
        if all == 0 {
            return 0.0;
        }
        self.busy.saturating_sub(before.busy) as f64 / all as f64
    }
}

/// A look at the processors; the shares come from two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Processors {
    all: Ticks,
    cores: Vec<Ticks>,
}

impl Processors {
    pub(super) fn look() -> io::Result<Self> {
        Ok(Self::read(&fs::read_to_string("/proc/stat")?))
    }

    fn read(text: &str) -> Self {
        let mut processors = Self::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("cpu") => processors.all = ticks(words),
                Some(name) if name.starts_with("cpu") => processors.cores.push(ticks(words)),
                _ => {}
            }
        }
        processors
    }

    /// How busy they were since `before`; `server` is the number of the server's.
    pub(super) fn since(&self, before: &Self, server: usize) -> Cpu {
        let both = self.cores.iter().zip(&before.cores);
        let cores: Vec<f64> = both.map(|(now, then)| now.share_since(*then)).collect();
        Cpu {
            shard: cores.get(server).copied().unwrap_or_default(),
            system: self.all.share_since(before.all),
            cores,
        }
    }
}

// user nice system idle iowait irq softirq steal; what follows is part of these.
fn ticks<'a>(words: impl Iterator<Item = &'a str>) -> Ticks {
    let each: Vec<u64> = words.take(8).map_while(|word| word.parse().ok()).collect();
    let all = each.iter().sum::<u64>();
    let idle: u64 = each.iter().skip(3).take(2).sum();
    Ticks {
        busy: all - idle,
        all,
    }
}

/// SYNs that the kernel of the calling thread's network namespace has sent again.
pub(super) fn syns_retransmitted() -> io::Result<u64> {
    // Not /proc/net, which is the main thread's.
    let text = fs::read_to_string("/proc/thread-self/net/netstat")?;
    Ok(counter(&text, "TcpExt:", "TCPSynRetrans").unwrap_or_default())
}

// A line of names is followed by one of numbers, both behind the name of the group.
fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(group));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let mut both = names.split(' ').zip(numbers.split(' '));
    both.find(|(it, _)| *it == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_come_from_two_looks() {
        let before = Processors::read(
            "cpu  10 0 10 80 0 0 0 0 0 0\ncpu0 5 0 5 40 0 0 0 0 0 0\ncpu1 5 0 5 40 0 0 0 0 0 0\n",
        );
        let after = Processors::read(
            "cpu  60 0 60 180 0 0 0 0 9 9\ncpu0 55 0 5 40 0 0 50 0 9 0\n\
             cpu1 5 0 5 90 50 0 0 0 0 0\nintr 1 2 3\n",
        );
        let cpu = after.since(&before, 0);
        assert_eq!(cpu.cores, [1.0, 0.0]);
        assert!((cpu.system - 0.5).abs() < 1e-9 && (cpu.shard - 1.0).abs() < 1e-9);
        // No time passed.
        assert_eq!(after.since(&after, 7).shard.to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn a_counter_stands_under_its_name_in_its_group() {
        let text = "TcpExt: SyncookiesSent TCPSynRetrans\nTcpExt: 7 12\nIpExt: TCPSynRetrans\n\
                    IpExt: 99\n";
        assert_eq!(counter(text, "TcpExt:", "TCPSynRetrans"), Some(12));
        assert_eq!(counter(text, "IpExt:", "TCPSynRetrans"), Some(99));
        assert_eq!(counter(text, "TcpExt:", "Nothing"), None);
    }
}
