//! The syntax tree of a script. [`crate::parse`] makes it, [`crate::print`] writes it back.

use crate::code::Statement;
use std::ops::BitOr;
use std::time::Duration;

/// A whole script.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Script {
    pub(crate) settings: Vec<Setting>,
    pub(crate) events: Vec<Event>,
}

/// `--name=value` at the head of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

/// What happens, and when.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Where it stands in the file, from 1.
    pub(crate) line: u32,
    pub(crate) time: Time,
    pub(crate) action: Action,
}

// The same event on another line is the same event.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.time == other.time && self.action == other.action
    }
}

/// When an event happens, or when it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// `*`
    Any,
    /// `0.1`: since the beginning of the script.
    Absolute(Duration),
    /// `+0.1`: since the last event.
    Relative(Duration),
    /// `0.1~0.3`
    AbsoluteRange(Duration, Duration),
    /// `+0.1~+0.3`
    RelativeRange(Duration, Duration),
}

/// The end of a system call that blocks, counted from where its start is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Any,
    At(Duration),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Packet(Packet),
    Syscall(Syscall),
    /// What stands between back-ticks.
    Shell(String),
    /// What stands between `%{` and `}%`.
    Code(Vec<Statement>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// `<`: from the remote host to the stack under test.
    Inject,
    /// `>`: from the stack under test.
    Expect,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) direction: Direction,
    pub(crate) ip: Ip,
    /// Source and destination, where a script has more than one connection.
    pub(crate) ends: Option<(End, End)>,
    pub(crate) body: Body,
}

/// What a script says about the IP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ip {
    pub(crate) ecn: Option<Ecn>,
    /// The whole octet of DSCP and ECN.
    pub(crate) tos: Option<u8>,
    /// Time to live or hop limit.
    pub(crate) ttl: Option<u8>,
    pub(crate) flow_label: Option<u32>,
}

/// The ECN field (RFC 3168 §5), by its names in scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ecn {
    NotEct,
    Ect0,
    Ect1,
    Ce,
    /// Either of the two ECT; only to be expected.
    Ect01,
}

/// `192.0.2.1:80`, `[2001:db8::1]:80` or `80`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) address: Option<std::net::IpAddr>,
    pub(crate) port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Tcp(Tcp),
    Icmp(Icmp),
    /// A protocol that is read but never run: its name, and the rest of the line.
    Foreign {
        protocol: String,
        rest: String,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tcp {
    pub(crate) flags: Flags,
    pub(crate) seq: u32,
    /// Octets of text.
    pub(crate) len: u16,
    pub(crate) ack: Option<u32>,
    /// The field as it stands in the header: never shifted.
    pub(crate) window: Option<u16>,
    pub(crate) urgent: Option<u16>,
    pub(crate) options: Options,
}

/// The control bits, AE (RFC 9768 §3.1.2) above those of RFC 9293 §3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(pub(crate) u16);

impl Flags {
    pub(crate) const FIN: Self = Self(1);
    pub(crate) const SYN: Self = Self(1 << 1);
    pub(crate) const RST: Self = Self(1 << 2);
    pub(crate) const PSH: Self = Self(1 << 3);
    pub(crate) const ACK: Self = Self(1 << 4);
    pub(crate) const URG: Self = Self(1 << 5);
    pub(crate) const ECE: Self = Self(1 << 6);
    pub(crate) const CWR: Self = Self(1 << 7);
    pub(crate) const AE: Self = Self(1 << 8);

    /// In the order in which they are printed.
    pub(crate) const LETTERS: [(char, Self); 9] = [
        ('S', Self::SYN),
        ('F', Self::FIN),
        ('R', Self::RST),
        ('P', Self::PSH),
        ('U', Self::URG),
        ('E', Self::ECE),
        ('W', Self::CWR),
        ('A', Self::AE),
        ('.', Self::ACK),
    ];

    pub(crate) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 == flag.0
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Options {
    /// `<...>`: whatever they are.
    Any,
    /// These, in this order.
    List(Vec<TcpOption>),
}

impl Default for Options {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TcpOption {
    Eol,
    Nop,
    Mss(u16),
    WindowScale(u8),
    SackPermitted,
    Sack(Vec<(u32, u32)>),
    Timestamps {
        val: u32,
        ecr: u32,
    },
    /// The cookie of TCP Fast Open (RFC 7413 §4.1.1).
    FastOpen(Vec<u8>),
    /// The same as the experiment that it once was (RFC 7413 §4.1.1).
    FastOpenExperiment(Vec<u8>),
    /// The digest (RFC 2385).
    Md5(Vec<u8>),
    /// Any other: its kind and what follows the length.
    Other {
        kind: u8,
        value: Vec<u8>,
    },
}

/// `icmp unreachable frag_needed mtu 1200 [1:1001(1000)]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Icmp {
    pub(crate) kind: String,
    pub(crate) code: Option<String>,
    pub(crate) mtu: Option<u32>,
    /// The segment that it complains about.
    pub(crate) echoed: Option<Tcp>,
}

/// `+0.1...0.2 read(4, ..., 1000) = -1 ECONNRESET (Connection reset by peer)`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Syscall {
    pub(crate) until: Option<Until>,
    pub(crate) name: String,
    pub(crate) arguments: Vec<Expr>,
    pub(crate) result: Expr,
    pub(crate) errno: Option<String>,
    /// What stands in parentheses at the end: for people.
    pub(crate) note: Option<String>,
}

/// An argument or a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    /// `...`: whatever it is.
    Ellipsis,
    Number(i64),
    /// A constant by its name.
    Word(String),
    Text(String),
    /// `"abc"...`: begins like this.
    Prefix(String),
    /// `O_RDWR|O_NONBLOCK`
    Union(Vec<Self>),
    /// `[1, 2]`
    List(Vec<Self>),
    /// `{onoff=1, linger=0}`
    Struct(Vec<Field>),
    /// `htons(8080)`
    Call {
        name: String,
        arguments: Vec<Self>,
    },
}

/// `msg_iov(1)=[...]`: of a structure, where name and count may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Option<String>,
    pub(crate) count: Option<Expr>,
    pub(crate) value: Expr,
}
