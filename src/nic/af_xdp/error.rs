//! What the machine or the operator did: what failed, on what, and what to change.

use super::Occupant;
use super::refusal::missing_feature;
use aya::{EbpfError, maps::MapError, programs::ProgramError};
use std::io;

/// Why a program could not be attached or a port not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name of an interface is wrong, or it lives in another network namespace.
    #[error("{interface}: no such interface; `ip link` lists those of this network namespace")]
    NoInterface {
        /// The name that was given.
        interface: String,
    },
    /// The interface exists but is down.
    #[error("{interface} is down; run `ip link set dev {interface} up`")]
    InterfaceDown {
        /// Interface.
        interface: String,
    },
    /// The process lacks a capability.
    #[error(
        "not permitted to {what}; run as root, or with CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and \
         CAP_PERFMON"
    )]
    NotPermitted {
        /// What was tried.
        what: String,
    },
    /// The XDP program was refused by the kernel.
    #[error(
        "the kernel refused the XDP program; it is known to load on Linux 6.12 and later with \
         CONFIG_BPF_SYSCALL"
    )]
    Load(#[source] Box<EbpfError>),
    /// As [`Error::Load`], by the verifier.
    #[error(
        "the kernel's verifier refused the XDP program{}; it is known to load on Linux 6.12 and \
         later, by root or with CAP_PERFMON beside CAP_BPF",
        lacking(source)
    )]
    Verify {
        /// What the kernel said.
        #[source]
        source: Box<ProgramError>,
    },
    /// The kernel would not run the program on a frame.
    #[error("the kernel did not run the XDP program on a frame of {octets} octets")]
    Judge {
        /// Length of the frame.
        octets: usize,
        /// What the kernel said.
        #[source]
        source: Box<ProgramError>,
    },
    /// A program that is not ours holds the interface.
    #[error("{interface}: {occupant} is in the way; {}", occupant.remedy(interface))]
    Occupied {
        /// Interface.
        interface: String,
        /// The program.
        occupant: Occupant,
    },
    /// The driver refused the program.
    #[error(
        "{interface}: driver {driver} refuses {mode} XDP ({source}); {}",
        attach_remedy(source)
    )]
    Attach {
        /// Interface.
        interface: String,
        /// Driver of the interface.
        driver: String,
        /// `native` or `generic`.
        mode: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A table of the XDP program has no room, or cannot be reached.
    #[error(
        "cannot change `{map}` of the XDP program of {interface}; it has room for {room} entries"
    )]
    Map {
        /// Interface.
        interface: String,
        /// Name of the table.
        map: &'static str,
        /// Its size.
        room: u32,
        /// What the kernel said.
        #[source]
        source: Box<MapError>,
    },
    /// A port was registered with programs none of which is attached to its interface.
    #[error("queue {queue} of {interface}: no XDP program was attached to {interface} for it")]
    NoProgram {
        /// Interface.
        interface: String,
        /// Queue.
        queue: u32,
    },
    /// A port without queues.
    #[error("a port needs at least one queue")]
    NoQueues,
    /// A ring of a size that the kernel does not make.
    #[error("{ring} ring of {size} entries: the size must be a power of two from 64 to 32768")]
    RingSize {
        /// Which of the four.
        ring: &'static str,
        /// The size that was asked for.
        size: u32,
    },
    /// Fewer frames than the rings can hold, or more than offsets can name.
    #[error(
        "{frames} frames: the rings of this port need at least {least}, and at most {most} fit"
    )]
    FrameCount {
        /// The number that was asked for.
        frames: u64,
        /// What the rings can hold.
        least: u64,
        /// What 32-bit offsets can name.
        most: u64,
    },
    /// The memory of the frames could not be had.
    #[error("cannot allocate {bytes} octets for frames; lower the ring sizes or add memory")]
    Memory {
        /// Size of the store.
        bytes: usize,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The limit on locked memory is too low and could not be raised.
    #[error(
        "cannot lock {bytes} octets for frames (the limit is {limit}); raise it with `ulimit -l \
         unlimited` or LimitMEMLOCK=infinity in the unit, or lower the ring sizes"
    )]
    LockedMemory {
        /// Size of the store.
        bytes: usize,
        /// `RLIMIT_MEMLOCK`, as text.
        limit: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Another socket has the queue.
    #[error(
        "queue {queue} of {interface} is taken by another AF_XDP socket; stop the process that \
         holds it (`ss --xdp -p` names it) or choose another queue"
    )]
    QueueTaken {
        /// Interface.
        interface: String,
        /// Queue.
        queue: u32,
    },
    /// The interface has fewer queues.
    #[error(
        "queue {queue} of {interface}: no such queue; {interface} has {count} (`ethtool -l \
         {interface}`)"
    )]
    NoQueue {
        /// Interface.
        interface: String,
        /// The queue that was asked for.
        queue: u32,
        /// How many there are, as text.
        count: String,
    },
    /// Zero copy was insisted on.
    #[error(
        "queue {queue} of {interface}: zero copy refused by driver {driver}; use --copy auto or \
         --copy on"
    )]
    NoZeroCopy {
        /// Interface.
        interface: String,
        /// Queue.
        queue: u32,
        /// Driver of the interface.
        driver: String,
    },
    /// Another step of opening a socket failed.
    #[error("queue {queue} of {interface}: cannot {step}; is CONFIG_XDP_SOCKETS in this kernel?")]
    Socket {
        /// Interface.
        interface: String,
        /// Queue.
        queue: u32,
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

fn lacking(error: &ProgramError) -> String {
    let feature = match error {
        ProgramError::LoadError { verifier_log, .. } => missing_feature(&verifier_log.to_string()),
        _ => None,
    };
    feature.map_or_else(String::new, |feature| {
        format!(": this kernel lacks {feature}")
    })
}

fn attach_remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ERANGE | libc::EMSGSIZE) => "lower the MTU to 1500",
        Some(libc::EOPNOTSUPP) => "use --xdp-mode generic",
        _ => "use --xdp-mode generic, and look into `dmesg` for the driver's reason",
    }
}

/// The number of the system error at the root of `error`, if there is one.
pub(super) fn errno(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(number) = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error)
        {
            return Some(number);
        }
        cause = error.source();
    }
    None
}
