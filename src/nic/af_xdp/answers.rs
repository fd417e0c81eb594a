//! What the XDP program answers by itself, and whom it does not serve: the maps by which the
//! control side tells it so (`control`, `listeners`, `blocked` of `xdp/maps.h`), and what it counts.
#![expect(unsafe_code, reason = "structs that a map holds as they are")]

use super::error::Error;
use super::verdict::{VERDICTS, Verdicts};
use crate::wire::Address;
use aya::Pod;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, IterableMap, Map, MapData, MapError, PerCpuArray};
use std::os::fd::AsFd;

/// Listeners whose SYNs can be answered by the program: `LISTENERS_MAX` of `xdp/seawall.h`.
pub const LISTENERS_MAX: u32 = 1024;

/// Networks that can be blocked: `BLOCKED_MAX` of `xdp/seawall.h`.
pub const BLOCKED_MAX: u32 = 65536;

const CONTROL_ANSWER: u32 = 1;
const CONTROL_TRUST_PARTIAL: u32 = 2;
const CONTROL_BLOCK: u32 = 4;

const OFFER_TIMESTAMPS: u32 = 1;
const OFFER_SCALE: u32 = 2;
const OFFER_SACK: u32 = 4;

/// What the program is told as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Answer SYNs to listeners by cookies.
    pub answer: bool,
    /// A checksum of the pseudo-header alone is as good as a right one.
    pub trust_partial: bool,
    /// There are blocked networks.
    pub block: bool,
    /// SYN-ACKs a second and CPU; 0 is no limit.
    pub replies_per_s: u32,
    /// SYNs a second and source; 0 is no limit.
    pub source_per_s: u32,
}

/// `struct control` of `xdp/seawall.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Control {
    reply_gap: u64,
    source_gap: u64,
    flags: u32,
    pad: u32,
}

/// How SYNs to a listener are answered in one epoch: `struct listener` of `xdp/seawall.h`.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct EpochAnswer {
    /// `SipHash` state under the key of the epoch, behind the listener's address.
    pub mint: [u64; 4],
    /// The same under the key of initial sequence numbers.
    pub offsets: [u64; 4],
    /// When the program begins the epoch, by the monotonic clock, in nanoseconds.
    pub begin: u64,
    /// How long the epoch lasts, in nanoseconds; 64 s at most.
    pub lasts: u64,
    /// What the shards' clock says then, in milliseconds.
    pub millis: u32,
    /// The number of the epoch.
    pub epoch: u32,
    /// The MSS option.
    pub mss: u32,
    /// The window, not scaled.
    pub window: u32,
    /// Our shift of windows.
    pub shift: u32,
    /// TTL or hop limit.
    pub hop_limit: u32,
    /// The octet of the IP header that holds DSCP and ECN.
    pub service: u32,
    /// Made by [`EpochAnswer::offers`].
    pub flags: u32,
}

impl core::fmt::Debug for EpochAnswer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "EpochAnswer(epoch {})", self.epoch)
    }
}

impl EpochAnswer {
    /// Flags that say which options are offered to a SYN that has them.
    #[must_use]
    pub fn offers(timestamps: bool, window_scale: bool, sack: bool) -> u32 {
        flag(timestamps, OFFER_TIMESTAMPS)
            | flag(window_scale, OFFER_SCALE)
            | flag(sack, OFFER_SACK)
    }
}

// SAFETY: `repr(C)`, numbers alone, and no octet of padding between or behind them.
unsafe impl Pod for Control {}
// SAFETY: as above.
unsafe impl Pod for EpochAnswer {}

const _: () = assert!(size_of::<Control>() == 24);
const _: () = assert!(size_of::<EpochAnswer>() == 112);

/// The maps of one program, from any thread; they live as long as either.
pub struct Answers {
    interface: String,
    control: Array<MapData, Control>,
    listeners: Array<MapData, EpochAnswer>,
    syns: PerCpuArray<MapData, u64>,
    blocked: LpmTrie<MapData, [u8; 16], u8>,
    verdicts: PerCpuArray<MapData, u64>,
}

/// What [`Answers`] are made of: the maps, of which it gets descriptors of its own.
pub(super) struct AnswerMaps {
    pub(super) control: MapData,
    pub(super) listeners: MapData,
    pub(super) syns: MapData,
    pub(super) blocked: MapData,
}

impl AnswerMaps {
    pub(super) fn share(
        &self,
        interface: &str,
        verdicts: &PerCpuArray<MapData, u64>,
    ) -> Result<Answers, MapError> {
        Ok(Answers {
            interface: interface.to_owned(),
            control: share(&self.control, Map::Array)?.try_into()?,
            listeners: share(&self.listeners, Map::Array)?.try_into()?,
            syns: share(&self.syns, Map::PerCpuArray)?.try_into()?,
            blocked: share(&self.blocked, Map::LpmTrie)?.try_into()?,
            verdicts: share(verdicts.map(), Map::PerCpuArray)?.try_into()?,
        })
    }
}

fn share(map: &MapData, kind: fn(MapData) -> Map) -> Result<Map, MapError> {
    let fd = map.fd().as_fd().try_clone_to_owned()?;
    Ok(kind(MapData::from_fd(fd)?))
}

impl Answers {
    /// The interface of the program.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Tells the program what to do from now on.
    ///
    /// # Errors
    /// The map cannot be reached.
    pub fn order(&mut self, orders: &Orders) -> Result<(), Error> {
        let gap = |per_s: u32| 1_000_000_000_u64.checked_div(per_s.into()).unwrap_or(0);
        let control = Control {
            reply_gap: gap(orders.replies_per_s),
            source_gap: gap(orders.source_per_s),
            flags: flag(orders.answer, CONTROL_ANSWER)
                | flag(orders.trust_partial, CONTROL_TRUST_PARTIAL)
                | flag(orders.block, CONTROL_BLOCK),
            pad: 0,
        };
        let set = self.control.set(0, control, 0);
        set.map_err(|error| map_error(&self.interface, "control", 1, error))
    }

    /// Says how `listener` answers in an epoch: one that has not begun, unless nothing is answered
    /// yet.
    ///
    /// # Errors
    /// `listener` is not below [`LISTENERS_MAX`], or the map cannot be reached.
    pub fn set(&mut self, listener: u32, answer: &EpochAnswer) -> Result<(), Error> {
        let place = 2 * listener + (answer.epoch & 1);
        let set = self.listeners.set(place, answer, 0);
        set.map_err(|error| map_error(&self.interface, "listeners", LISTENERS_MAX, error))
    }

    /// TCP from this network to what is ours is dropped, while [`Orders::block`] says so. `length`
    /// is that of the prefix in the family of the address.
    ///
    /// # Errors
    /// The table is full.
    pub fn block(&mut self, network: Address, length: u8) -> Result<(), Error> {
        let mapped = if network.is_v4() { 96 } else { 0 };
        let key = Key::new(mapped + u32::from(length), network.0);
        let inserted = self.blocked.insert(&key, 1, 0);
        inserted.map_err(|error| map_error(&self.interface, "blocked", BLOCKED_MAX, error))
    }

    /// SYNs to listeners since the program was loaded, whoever answered them.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn syns(&self) -> Result<u64, Error> {
        let by_cpu = self.syns.get(&0, 0);
        let by_cpu = by_cpu.map_err(|error| map_error(&self.interface, "syns", 1, error))?;
        Ok(by_cpu.iter().sum())
    }

    /// Frames by verdict, over all CPUs.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn verdicts(&self) -> Result<Verdicts, Error> {
        read_verdicts(&self.interface, &self.verdicts)
    }
}

const fn flag(is: bool, flag: u32) -> u32 {
    if is { flag } else { 0 }
}

pub(super) fn read_verdicts(
    interface: &str,
    map: &PerCpuArray<MapData, u64>,
) -> Result<Verdicts, Error> {
    let mut counts = [0; VERDICTS];
    for (index, count) in (0..).zip(&mut counts) {
        let by_cpu = map.get(&index, 0);
        let by_cpu =
            by_cpu.map_err(|error| map_error(interface, "verdicts", VERDICTS as u32, error))?;
        *count = by_cpu.iter().sum();
    }
    Ok(Verdicts::from_array(counts))
}

pub(super) fn map_error(interface: &str, map: &'static str, room: u32, source: MapError) -> Error {
    Error::Map {
        interface: interface.to_owned(),
        map,
        room,
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::offset_of;

    const HEADER: &str = include_str!("../../../xdp/seawall.h");

    // Name and offset of each member of a struct in the header, and its size.
    fn layout(name: &str) -> (Vec<(&str, usize)>, usize) {
        let (_, body) = HEADER.split_once(&format!("struct {name} {{\n")).unwrap();
        let (body, _) = body.split_once("};").unwrap();
        let mut at = 0;
        let members = body.lines().map(|line| {
            let (member, _) = line.split_once(';').unwrap();
            let (kind, member) = member.trim().split_once(' ').unwrap();
            let (member, count) = match member.split_once('[') {
                Some((member, count)) => (member, count.trim_end_matches(']').parse().unwrap()),
                None => (member, 1),
            };
            let size = match kind {
                "__u64" => 8,
                "__u32" => 4,
                _ => panic!("{kind} {member}"),
            };
            let offset = at;
            assert_eq!(at % size, 0, "{member} is aligned");
            at += size * count;
            (member, offset)
        });
        let members = members.collect();
        (members, at)
    }

    macro_rules! ours {
        ($of:ty: $($member:ident)+) => {
            (vec![$((stringify!($member), offset_of!($of, $member))),+], size_of::<$of>())
        };
    }

    #[test]
    fn the_program_has_the_same_structs() {
        let control = ours!(Control: reply_gap source_gap flags pad);
        assert_eq!(layout("control"), control);
        let listener = ours!(EpochAnswer: mint offsets begin lasts millis epoch mss window shift hop_limit service flags);
        assert_eq!(layout("listener"), listener);
    }

    #[test]
    fn the_program_has_the_same_numbers() {
        for (name, ours) in [
            ("LISTENERS_MAX", LISTENERS_MAX),
            ("BLOCKED_MAX", BLOCKED_MAX),
            ("CONTROL_ANSWER", CONTROL_ANSWER),
            ("CONTROL_TRUST_PARTIAL", CONTROL_TRUST_PARTIAL),
            ("CONTROL_BLOCK", CONTROL_BLOCK),
            ("OFFER_TIMESTAMPS", OFFER_TIMESTAMPS),
            ("OFFER_SCALE", OFFER_SCALE),
            ("OFFER_SACK", OFFER_SACK),
        ] {
            let line = format!("#define {name} {ours}");
            assert!(HEADER.lines().any(|theirs| theirs == line), "{line}");
        }
    }
}
