//! One connection of a script: its numbers are not those on the wire.
//!
//! A script counts from its own SYNs and has its own clocks. What the stack under test chooses is
//! learned when it is first seen, and from then on what is sent and received is moved by as much.

use crate::frame::Seen;
use crate::print::Seconds;
use crate::script::{Body, Direction, Ecn, Flags, Ip, Options, Packet, Tcp, TcpOption};
use std::collections::HashMap;
use std::time::Duration;

/// How an expected segment and an actual one are compared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// What RFC 9293 leaves to a sender counts too: the order and the padding of options (§3.1), and
    /// PSH on text (§3.9.1.2).
    pub(crate) is_exact: bool,
    /// How long a tick of the script's timestamps is; `None` when they are not compared.
    pub(crate) timestamp_tick: Option<Duration>,
    /// How far a timestamp may be off.
    pub(crate) tolerance: Duration,
}

/// What a script calls the numbers of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    // What is added to the remote host's sequence numbers to have those on the wire.
    remote: u32,
    // The same for the stack's, once they are known.
    local: Option<u32>,
    // The remote host sent a SYN: if the stack answers by one, that may begin another connection.
    is_begun_anew: bool,
    // The stack's timestamps by what the script calls them, and the first pair.
    stamps: HashMap<u32, u32>,
    first_stamp: Option<(u32, u32)>,
    // The stack's last segment, as it stood on the wire.
    last_sent: Tcp,
}

impl Flow {
    /// A connection in which the remote host's sequence numbers are `remote` later than the script
    /// says.
    pub(crate) fn new(remote: u32) -> Self {
        Self {
            remote,
            ..Self::default()
        }
    }

    /// What the remote host sends, as it stands on the wire.
    pub(crate) fn inject(&mut self, tcp: &Tcp) -> Tcp {
        self.is_begun_anew |= tcp.flags.has(Flags::SYN) && !tcp.flags.has(Flags::ACK);
        let local = self.local.unwrap_or(0);
        let mut tcp = tcp.clone();
        tcp.seq = tcp.seq.wrapping_add(self.remote);
        if tcp.flags.has(Flags::ACK) {
            tcp.ack = tcp.ack.map(|ack| ack.wrapping_add(local));
        }
        map_options(&mut tcp, local, |ecr| self.echoed(ecr));
        tcp
    }

    /// The stack's own segment that an ICMP message quotes, as it stood on the wire: the one that
    /// the script speaks of, or the last that was seen.
    pub(crate) fn quoted(&self, tcp: Option<&Tcp>) -> Tcp {
        let Some(tcp) = tcp else {
            return self.last_sent.clone();
        };
        let mut tcp = tcp.clone();
        tcp.seq = tcp.seq.wrapping_add(self.local.unwrap_or(0));
        tcp.ack = tcp.ack.map(|ack| ack.wrapping_add(self.remote));
        tcp
    }

    // The stack's timestamp that the script calls `stamp`.
    fn echoed(&self, stamp: u32) -> u32 {
        let by_first = self.first_stamp.map(|(script, live)| {
            let since = stamp.wrapping_sub(script);
            live.wrapping_add(since)
        });
        let known = self.stamps.get(&stamp).copied();
        // 0 is no timestamp: it stands where nothing was received yet.
        known.or(by_first.filter(|_| stamp != 0)).unwrap_or(stamp)
    }

    /// What the stack sent, in the script's numbers as far as they are known.
    pub(crate) fn translate(&self, tcp: &Tcp) -> Tcp {
        let mut tcp = tcp.clone();
        tcp.seq = tcp.seq.wrapping_sub(self.local.unwrap_or(0));
        tcp.ack = tcp.ack.map(|ack| ack.wrapping_sub(self.remote));
        map_options(&mut tcp, self.remote.wrapping_neg(), |ecr| ecr);
        if let Options::List(list) = &mut tcp.options
            && let Some((script, live)) = self.first_stamp
        {
            for option in list {
                if let TcpOption::Timestamps { val, .. } = option {
                    *val = val.wrapping_sub(live).wrapping_add(script);
                }
            }
        }
        tcp
    }

    /// Compares what the script expects with what the stack sent, and learns from it.
    ///
    /// # Errors
    /// Both in the script's words, and what differs.
    pub(crate) fn check(
        &mut self,
        expected: &Packet,
        actual: &Seen,
        rules: &Rules,
    ) -> Result<(), String> {
        let Body::Tcp(tcp) = &expected.body else {
            return Err(format!("expected: {expected}\n  actual: a TCP segment"));
        };
        self.learn(tcp, &actual.tcp);
        self.last_sent = actual.tcp.clone();
        let translated = self.translate(&actual.tcp);
        let mut differs = differences(tcp, &translated, rules);
        differs.extend(ip_differences(&expected.ip, &actual.ip));
        differs.extend(self.check_stamp(tcp, &actual.tcp, rules));
        if differs.is_empty() {
            return Ok(());
        }
        // A reset for no connection has no place in the sequence of any (RFC 9293 §3.10.7.1).
        let is_of_nobody = actual.tcp.flags.has(Flags::RST | Flags::ACK) && actual.tcp.seq == 0;
        if is_of_nobody && tcp.seq == 0 && differs == ["sequence number"] {
            return Ok(());
        }
        let ends = expected.ends.map(|_| actual.ends());
        let actual = Packet {
            direction: Direction::Expect,
            ip: shown(&expected.ip, &actual.ip),
            ends,
            body: Body::Tcp(translated),
        };
        Err(format!(
            "expected: {expected}\n  actual: {actual}\n differs: {}",
            differs.join(", ")
        ))
    }

    fn learn(&mut self, expected: &Tcp, actual: &Tcp) {
        let is_syn = expected.flags.has(Flags::SYN) && actual.flags.has(Flags::SYN);
        let shift = actual.seq.wrapping_sub(expected.seq);
        if is_syn && self.local != Some(shift) && (self.local.is_none() || self.is_begun_anew) {
            *self = Self::new(self.remote);
            self.local = Some(shift);
        }
        self.is_begun_anew &= !is_syn;
        if let (Some(script), Some(live)) = (stamp(expected), stamp(actual)) {
            self.stamps.insert(script, live);
            self.first_stamp.get_or_insert((script, live));
        }
    }

    fn check_stamp(&self, expected: &Tcp, actual: &Tcp, rules: &Rules) -> Option<String> {
        let tick = rules.timestamp_tick.filter(|tick| !tick.is_zero())?;
        let (first_script, first_live) = self.first_stamp?;
        let script = stamp(expected)?.wrapping_sub(first_script);
        let live = stamp(actual)?.wrapping_sub(first_live);
        let off = script.wrapping_sub(live).min(live.wrapping_sub(script));
        let off = tick.saturating_mul(off);
        (off > rules.tolerance + tick).then(|| format!("TS val by {} s", Seconds(off)))
    }
}

// SACK blocks are of the other side's numbers, as `ack` is.
fn map_options(tcp: &mut Tcp, shift: u32, echoed: impl Fn(u32) -> u32) {
    let Options::List(list) = &mut tcp.options else {
        return;
    };
    for option in list {
        match option {
            TcpOption::Sack(blocks) => {
                for (left, right) in blocks {
                    *left = left.wrapping_add(shift);
                    *right = right.wrapping_add(shift);
                }
            }
            TcpOption::Timestamps { ecr, .. } => *ecr = echoed(*ecr),
            _ => {}
        }
    }
}

fn stamp(tcp: &Tcp) -> Option<u32> {
    let Options::List(list) = &tcp.options else {
        return None;
    };
    list.iter().find_map(|option| match option {
        TcpOption::Timestamps { val, .. } => Some(*val),
        _ => None,
    })
}

fn differences(expected: &Tcp, actual: &Tcp, rules: &Rules) -> Vec<String> {
    // What a script leaves out is not compared, but an option is. Without the flag the field is 0.
    let is_other = |expected: Option<u32>, actual: Option<u32>| {
        expected.is_some_and(|expected| actual != Some(expected))
    };
    let wide = |field: Option<u16>| field.map(u32::from);
    let rows = [
        ("flags", !are_flags_alike(expected, actual, rules)),
        ("sequence number", expected.seq != actual.seq),
        ("length", expected.len != actual.len),
        ("ack", is_other(expected.ack, Some(actual.ack.unwrap_or(0)))),
        ("win", is_other(wide(expected.window), wide(actual.window))),
        ("urg", is_other(wide(expected.urgent), wide(actual.urgent))),
        (
            "options",
            !are_options_alike(&expected.options, &actual.options, rules),
        ),
    ];
    let differing = rows.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(name, _)| name.into()).collect()
}

fn are_flags_alike(expected: &Tcp, actual: &Tcp, rules: &Rules) -> bool {
    let essence = |tcp: &Tcp| {
        if rules.is_exact || tcp.len == 0 {
            tcp.flags
        } else {
            tcp.flags | Flags::PSH
        }
    };
    essence(expected) == essence(actual)
}

fn are_options_alike(expected: &Options, actual: &Options, rules: &Rules) -> bool {
    let (Options::List(expected), Options::List(actual)) = (expected, actual) else {
        return true;
    };
    let essence = |list: &[TcpOption]| -> Vec<TcpOption> {
        // The stack's own clock is compared by its ticks, if at all.
        let unstamped = list.iter().map(|option| match option {
            TcpOption::Timestamps { ecr, .. } => TcpOption::Timestamps { val: 0, ecr: *ecr },
            option => option.clone(),
        });
        if rules.is_exact {
            return unstamped.collect();
        }
        let is_padding = |option: &TcpOption| matches!(option, TcpOption::Nop | TcpOption::Eol);
        let mut essence: Vec<_> = unstamped.filter(|option| !is_padding(option)).collect();
        essence.sort_by_cached_key(ToString::to_string);
        essence
    };
    essence(expected) == essence(actual)
}

fn ip_differences(expected: &Ip, actual: &Ip) -> Vec<String> {
    let is_ecn_other = match expected.ecn {
        None => false,
        Some(Ecn::Ect01) => !matches!(actual.ecn, Some(Ecn::Ect0 | Ecn::Ect1)),
        ecn => ecn != actual.ecn,
    };
    let rows = [
        ("ECN", is_ecn_other),
        ("tos", expected.tos.is_some() && expected.tos != actual.tos),
        ("ttl", expected.ttl.is_some() && expected.ttl != actual.ttl),
        (
            "flow label",
            expected.flow_label.is_some() && expected.flow_label != actual.flow_label,
        ),
    ];
    let differing = rows.into_iter().filter(|(_, differs)| *differs);
    differing.map(|(name, _)| name.into()).collect()
}

// Of the actual fields, those that the script speaks about.
fn shown(expected: &Ip, actual: &Ip) -> Ip {
    Ip {
        ecn: expected.ecn.and(actual.ecn),
        tos: expected.tos.and(actual.tos),
        ttl: expected.ttl.and(actual.ttl),
        flow_label: expected.flow_label.and(actual.flow_label),
    }
}

#[cfg(test)]
mod tests;
