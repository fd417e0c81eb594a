//! From facts to lines: what is fine, what could be better, what cannot work.

use super::facts::{Facts, InterfaceFacts};
use crate::limits::{CHUNK_BYTES, FRAME_BYTES, LINK_HEADER_BYTES};
use crate::nic::netlink::{XdpFeatures, XdpMode};
use serde::Serialize;

/// Oldest kernel: XDP attached by `bpf_link` is Linux 5.9, one UMEM for several queues is 5.10,
/// `bpf_xdp_load_bytes` is 5.18.
const KERNEL_MIN: (u32, u32) = (5, 18);

/// First kernel that counts BPF maps as the memory of a cgroup, not as locked memory.
const KERNEL_MAPS_NOT_LOCKED: (u32, u32) = (5, 11);

/// Largest MTU whose every frame fits a chunk, with two VLAN tags.
const MTU_CARRIED_MAX: u32 = (FRAME_BYTES - LINK_HEADER_BYTES) as u32;

/// Octets that must be lockable for each queue: its frames, rings and share of the maps.
const LOCKED_BYTES_PER_QUEUE: u64 = 8192 * CHUNK_BYTES as u64;

// include/uapi/linux/capability.h
const CAP_NET_ADMIN: u64 = 1 << 12;
const CAP_NET_RAW: u64 = 1 << 13;
const CAP_IPC_LOCK: u64 = 1 << 14;
const CAP_SYS_ADMIN: u64 = 1 << 21;
const CAP_PERFMON: u64 = 1 << 38;
const CAP_BPF: u64 = 1 << 39;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing to do.
    Ok,
    /// It runs, but slower or with a condition.
    Warn,
    /// It does not run, or not rightly.
    Fail,
}

impl Verdict {
    /// The word that is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What was looked at. Stable.
    pub check: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to change; empty when there is nothing to be done.
    pub change: String,
}

fn ok(check: &'static str, found: impl Into<String>) -> Line {
    line(check, Verdict::Ok, found, "")
}

fn warn(check: &'static str, found: impl Into<String>, change: impl Into<String>) -> Line {
    line(check, Verdict::Warn, found, change)
}

fn fail(check: &'static str, found: impl Into<String>, change: impl Into<String>) -> Line {
    line(check, Verdict::Fail, found, change)
}

fn line(
    check: &'static str,
    verdict: Verdict,
    found: impl Into<String>,
    change: impl Into<String>,
) -> Line {
    Line {
        check,
        verdict,
        found: found.into(),
        change: change.into(),
    }
}

/// Judges the facts: a line a check, always in the same order. Of an interface that cannot be
/// looked at there is one line.
#[must_use]
pub fn judge(facts: &Facts) -> Vec<Line> {
    let mut lines = vec![kernel(facts), privileges(facts), memlock(facts)];
    let interface = match &facts.interface {
        Ok(interface) => interface,
        Err(error) => {
            let change = "name one that exists with --interface";
            lines.push(fail("interface", error.to_string(), change));
            return lines;
        }
    };
    lines.push(link(interface));
    lines.push(addresses(interface));
    lines.extend(bond(interface));
    lines.push(program(interface));
    lines.push(native(interface));
    lines.push(xdp_transmit(interface));
    lines.push(zero_copy(interface));
    lines.push(queues(interface, facts.cpus));
    lines.push(mtu(interface));
    lines.push(lro(interface));
    lines.push(gro(interface));
    lines.extend(veth(interface));
    lines
}

// The two leading numbers of a release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse().ok();
    Some((number()?, number()?))
}

fn kernel(facts: &Facts) -> Line {
    let (major, minor) = KERNEL_MIN;
    let release = &facts.release;
    match version(release) {
        Some(version) if version >= KERNEL_MIN => ok(
            "kernel",
            format!("Linux {release} (needs {major}.{minor} or later)"),
        ),
        Some(_) => fail(
            "kernel",
            format!("Linux {release} lacks what the XDP program needs"),
            format!("boot Linux {major}.{minor} or later"),
        ),
        None => warn(
            "kernel",
            format!("the release {release:?} says no version"),
            format!("make sure that it is {major}.{minor} or later"),
        ),
    }
}

fn privileges(facts: &Facts) -> Line {
    let has = |bits| facts.capabilities & bits != 0;
    let needed = [
        (has(CAP_NET_ADMIN), "CAP_NET_ADMIN"),
        (has(CAP_NET_RAW), "CAP_NET_RAW"),
        (has(CAP_BPF | CAP_SYS_ADMIN), "CAP_BPF"),
        // Without it the verifier refuses arithmetic on pointers into the frame.
        (has(CAP_PERFMON | CAP_SYS_ADMIN), "CAP_PERFMON"),
    ];
    let missing = needed.iter().filter(|(has, _)| !has).map(|(_, name)| *name);
    let missing = missing.collect::<Vec<_>>().join(", ");
    if missing.is_empty() {
        return ok(
            "privileges",
            "CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON are there",
        );
    }
    fail(
        "privileges",
        format!("without {missing}"),
        "run as root, or start it with deploy/seawall.service",
    )
}

fn memlock(facts: &Facts) -> Line {
    let queues = facts.interface.as_ref().map_or(1, |it| it.queues.max(1));
    let needed = LOCKED_BYTES_PER_QUEUE * u64::from(queues);
    let mebibytes = |octets: u64| format!("{} MiB", octets >> 20);
    let maps_count = version(&facts.release).is_some_and(|v| v < KERNEL_MAPS_NOT_LOCKED);
    if facts.memlock == u64::MAX {
        return ok("memlock", "no limit");
    }
    let limit = mebibytes(facts.memlock);
    // The capability frees the UMEM of the limit, but not the maps of an old kernel.
    if facts.capabilities & CAP_IPC_LOCK != 0 && !maps_count {
        return ok("memlock", format!("{limit}, lifted by CAP_IPC_LOCK"));
    }
    let found = format!("{limit} of {} wanted (queues: {queues})", mebibytes(needed));
    if facts.memlock >= needed {
        return ok("memlock", found);
    }
    fail(
        "memlock",
        found,
        "raise it: `ulimit -l unlimited`, or LimitMEMLOCK=infinity in a unit",
    )
}

fn link(it: &InterfaceFacts) -> Line {
    let (name, driver) = (&it.name, &it.driver);
    match (it.up, it.running) {
        (true, true) => ok("interface", format!("{name}, driver {driver}, is up")),
        (true, false) => warn(
            "interface",
            format!("{name}, driver {driver}, is up but has no carrier"),
            "plug in the cable, or switch on the other end",
        ),
        (false, _) => fail(
            "interface",
            format!("{name}, driver {driver}, is down"),
            format!("`ip link set {name} up`"),
        ),
    }
}

fn addresses(it: &InterfaceFacts) -> Line {
    if it.addresses.is_empty() {
        return warn(
            "addresses",
            "none",
            format!("`ip addr add ADDRESS/BITS dev {}`", it.name),
        );
    }
    let listed: Vec<_> = it.addresses.iter().map(ToString::to_string).collect();
    ok("addresses", listed.join(", "))
}

fn bond(it: &InterfaceFacts) -> Option<Line> {
    let change = match it.ports.as_slice() {
        [] => "add interfaces to it, and serve on those".to_owned(),
        ports => format!(
            "serve on what is below: --interface {}",
            ports.join(" --interface ")
        ),
    };
    let found = format!("{} is made of others", it.name);
    it.is_bond.then(|| fail("bond", found, change))
}

fn program(it: &InterfaceFacts) -> Line {
    let Some(xdp) = it.xdp else {
        return ok("xdp program", "none in the way");
    };
    let mode = match xdp.mode {
        XdpMode::Native => "xdpdrv",
        XdpMode::Generic => "xdpgeneric",
        XdpMode::Offload => "xdpoffload",
        XdpMode::Several => "xdp",
    };
    let found = match xdp.program {
        0 => format!("programs are attached in {}", xdp.mode),
        id => format!("program {id} is attached, {}", xdp.mode),
    };
    let change = format!(
        "stop what attached it (`bpftool link` names its process), or `ip link set {} {mode} off`",
        it.name
    );
    fail("xdp program", found, change)
}

fn native(it: &InterfaceFacts) -> Line {
    match it.features {
        Some(features) if features.has_basic() && features.has_redirect() => {
            ok("native xdp", format!("{} does it", it.driver))
        }
        Some(_) => warn(
            "native xdp",
            format!("{} does not do it: generic mode, much slower", it.driver),
            "use a NIC whose driver does, or the interface below this one",
        ),
        None => warn(
            "native xdp",
            "this kernel does not tell before it is tried",
            "Linux 6.3 or later tells",
        ),
    }
}

// Of `can_answer` of the server, before anything is attached.
fn xdp_transmit(it: &InterfaceFacts) -> Line {
    const CHECK: &str = "xdp transmit";
    const BY_SHARDS: &str = "SYN floods are answered by the shards";
    match it.features {
        Some(features) if it.is_virtual && !features.has_ndo_xmit() => warn(
            CHECK,
            format!("the other end of the veth has no XDP program, nor GRO: {BY_SHARDS}"),
            "`ethtool -K PEER gro on` at the other end, or any XDP program there",
        ),
        Some(features) if features.has_basic() => ok(
            CHECK,
            format!(
                "{} does it: SYN floods are answered in the driver",
                it.driver
            ),
        ),
        Some(_) => ok(CHECK, "by the kernel, in generic mode"),
        None if it.is_virtual => warn(
            CHECK,
            format!("this kernel does not tell whether a veth can: {BY_SHARDS}"),
            "Linux 6.3 or later tells",
        ),
        None => ok(CHECK, "every driver that runs XDP does it"),
    }
}

fn zero_copy(it: &InterfaceFacts) -> Line {
    match it.features {
        Some(features) if features.has_zero_copy() => {
            ok("zero copy", format!("{} offers it", it.driver))
        }
        Some(_) if it.is_virtual => ok("zero copy", "not on veth: frames are copied"),
        Some(_) => warn(
            "zero copy",
            format!("{} does not offer it: frames are copied", it.driver),
            "a newer kernel may, or another NIC",
        ),
        None => warn(
            "zero copy",
            "this kernel does not tell before it is tried",
            "Linux 6.3 or later tells",
        ),
    }
}

fn queues(it: &InterfaceFacts, cpus: u32) -> Line {
    let queues = it.queues;
    let found = format!("{queues} receiving, {cpus} processors");
    let channels = it.channels.unwrap_or_default();
    let wanted = channels.combined_max.max(channels.rx_max).min(cpus);
    if queues == 1 && wanted > 1 {
        let kind = if channels.combined_max > 0 {
            format!("combined {wanted}")
        } else {
            format!("rx {wanted} tx {wanted}")
        };
        let change = format!("`ethtool -L {} {kind}` for as many shards", it.name);
        return warn("queues", found, change);
    }
    ok("queues", found)
}

fn mtu(it: &InterfaceFacts) -> Line {
    let mtu = it.mtu;
    if mtu > MTU_CARRIED_MAX {
        return fail(
            "mtu",
            format!("{mtu}: packets over {MTU_CARRIED_MAX} do not fit a frame"),
            format!("`ip link set {} mtu {MTU_CARRIED_MAX}`", it.name),
        );
    }
    ok(
        "mtu",
        format!("{mtu} (up to {MTU_CARRIED_MAX} fits a frame)"),
    )
}

fn lro(it: &InterfaceFacts) -> Line {
    if it.offloads.lro {
        let found = "on: the NIC joins segments into frames that fit no chunk";
        return fail("lro", found, format!("`ethtool -K {} lro off`", it.name));
    }
    ok("lro", "off")
}

fn gro(it: &InterfaceFacts) -> Line {
    let native = it.features.is_some_and(XdpFeatures::has_redirect);
    match (it.offloads.gro, native) {
        (false, _) => ok("gro", "off"),
        (true, true) => ok("gro", "on, and native XDP comes before it"),
        (true, false) => warn(
            "gro",
            "on: in generic mode joined segments fit no chunk and are dropped",
            format!("`ethtool -K {} gro off`", it.name),
        ),
    }
}

fn veth(it: &InterfaceFacts) -> Vec<Line> {
    if !it.is_virtual {
        return Vec::new();
    }
    vec![
        ok(
            "checksum",
            "veth: the other end's kernel sends half a checksum, which --checksum auto accepts",
        ),
        // What the other end does cannot be seen from here: it is in another namespace.
        ok(
            "tso",
            "veth: native XDP switches it off at the other end; in generic mode \
             `ethtool -K PEER tso off` there",
        ),
    ]
}
