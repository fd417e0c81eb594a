//! What a flood may be: the bounds, as types that cannot hold anything else.
//!
//! There is no override. The same ranges stand in `xdp/flood.bpf.c`, which makes the frames.

use crate::time::Duration;
use crate::wire::{Address, Endpoint};
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

/// An address, the bits of it that count, and what the range is for.
type Range = (IpAddr, u32, &'static str);

const fn v4(a: u8, b: u8, c: u8, len: u32, what: &'static str) -> Range {
    (IpAddr::V4(Ipv4Addr::new(a, b, c, 0)), len, what)
}

const fn v6(first: u16, second: u16, len: u32, what: &'static str) -> Range {
    let address = Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0);
    (IpAddr::V6(address), len, what)
}

/// Where frames may claim to come from.
const SOURCES: [Range; 2] = [
    v4(198, 18, 0, 15, "benchmark (RFC 2544)"),
    v6(0x2001, 2, 48, "benchmark (RFC 5180)"),
];

/// Where frames may go: none of it is routed on the Internet.
const TARGETS: [Range; 14] = [
    v4(10, 0, 0, 8, "private (RFC 1918)"),
    v4(172, 16, 0, 12, "private (RFC 1918)"),
    v4(192, 168, 0, 16, "private (RFC 1918)"),
    v4(198, 18, 0, 15, "benchmark (RFC 2544)"),
    v4(192, 0, 2, 24, "documentation (RFC 5737)"),
    v4(198, 51, 100, 24, "documentation (RFC 5737)"),
    v4(203, 0, 113, 24, "documentation (RFC 5737)"),
    v4(169, 254, 0, 16, "link-local (RFC 3927)"),
    v4(127, 0, 0, 8, "loopback"),
    v6(0xfc00, 0, 7, "private (RFC 4193)"),
    v6(0x2001, 2, 48, "benchmark (RFC 5180)"),
    v6(0x2001, 0xdb8, 32, "documentation (RFC 3849)"),
    v6(0xfe80, 0, 10, "link-local (RFC 4291)"),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128, "loopback"),
];

/// Why a flood is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The target is no address and port.
    #[error("`{0}` is no ADDR:PORT; an IPv6 address stands in brackets")]
    Endpoint(String),
    /// Nothing listens on port 0.
    #[error("port 0 is no port of a server")]
    PortZero,
    /// The target may be somebody else's.
    #[error(
        "{0} is outside the ranges that a flood may go to, and there is no override: private \
         (10/8, 172.16/12, 192.168/16, fc00::/7), benchmark (198.18/15, 2001:2::/48), documentation \
         (192.0.2/24, 198.51.100/24, 203.0.113/24, 2001:db8::/32), link-local (169.254/16, \
         fe80::/10) and loopback"
    )]
    Target(IpAddr),
    /// The source may be somebody else's.
    #[error(
        "{0} is outside the ranges that a flood may come from, and there is no override: \
         198.18.0.0/15 and 2001:2::/48"
    )]
    Source(IpAddr),
    /// The rate cannot be read.
    #[error("`{0}` is no rate; want a number of frames a second, as in 5000, 100k, 1.5M or max")]
    RateText(String),
    /// Not a rate, or too high.
    #[error("{0} frames a second; want 1 to {max}, and there is no override", max = Rate::MAX.per_s())]
    Rate(u64),
    /// No time, or too long.
    #[error("{} s is no duration of a flood; want more than 0 and at most {} s, and there is no \
             override", .0.as_secs_f64(), Span::MAX.get().as_secs())]
    Span(Duration),
}

/// May a flood go to `address`?
///
/// # Errors
/// [`Refusal::Target`].
pub fn check_target(address: IpAddr) -> Result<(), Refusal> {
    // A mapped IPv4 address leaves as an IPv4 address, so it is judged as one.
    let address = address.to_canonical();
    within(&TARGETS, address)
        .map(drop)
        .ok_or(Refusal::Target(address))
}

/// May a flood come from `address`?
///
/// # Errors
/// [`Refusal::Source`].
pub fn check_source(address: IpAddr) -> Result<(), Refusal> {
    let address = address.to_canonical();
    within(&SOURCES, address)
        .map(drop)
        .ok_or(Refusal::Source(address))
}

/// What the range is for that holds `address`.
fn within(ranges: &[Range], address: IpAddr) -> Option<&'static str> {
    let range = ranges.iter().find(|(first, len, _)| {
        let (ours, its, bits) = match (address, *first) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
            _ => return false,
        };
        let host_bits: u32 = bits - len;
        (ours ^ its) >> host_bits == 0
    });
    range.map(|(_, _, what)| *what)
}

/// An address and port that a flood may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target(Endpoint);

impl Target {
    /// `at`, if a flood may go there.
    ///
    /// # Errors
    /// [`Refusal::Target`] and [`Refusal::PortZero`].
    pub fn new(at: SocketAddr) -> Result<Self, Refusal> {
        check_target(at.ip())?;
        if at.port() == 0 {
            return Err(Refusal::PortZero);
        }
        Ok(Self(at.into()))
    }

    /// Where that is.
    #[must_use]
    pub const fn endpoint(&self) -> Endpoint {
        self.0
    }

    /// The address of it.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.0.address.to_ip()
    }

    /// What its range is for: `private (RFC 1918)`.
    #[must_use]
    pub fn range(&self) -> &'static str {
        within(&TARGETS, self.ip()).unwrap_or("none")
    }

    /// The range that frames to it come from.
    #[must_use]
    pub const fn sources(&self) -> &'static str {
        if self.0.address.is_v4() {
            "198.18.0.0/15"
        } else {
            "2001:2::/48"
        }
    }
}

impl FromStr for Target {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let at = text.parse().map_err(|_| Refusal::Endpoint(text.into()))?;
        Self::new(at)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// An address that a flood may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source(Address);

impl Source {
    /// `address`, if a flood may come from there.
    ///
    /// # Errors
    /// [`Refusal::Source`].
    pub fn new(address: IpAddr) -> Result<Self, Refusal> {
        check_source(address).map(|()| Self(address.into()))
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.0
    }
}

/// Frames a second: 1 to [`Rate::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

impl Rate {
    /// What `max` means: more than one core makes, so that the machine is the limit.
    pub const MAX: Self = Self(10_000_000);

    /// `per_s` frames a second.
    ///
    /// # Errors
    /// [`Refusal::Rate`].
    pub const fn new(per_s: u64) -> Result<Self, Refusal> {
        if per_s == 0 || per_s > Self::MAX.0 {
            return Err(Refusal::Rate(per_s));
        }
        Ok(Self(per_s))
    }

    /// Frames a second.
    #[must_use]
    pub const fn per_s(self) -> u64 {
        self.0
    }
}

/// `5000`, `100k`, `1.5M`, `max`.
impl FromStr for Rate {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text == "max" {
            return Ok(Self::MAX);
        }
        let unreadable = || Refusal::RateText(text.into());
        let (number, digits) = match text.as_bytes() {
            [.., b'k' | b'K'] => (&text[..text.len() - 1], 3),
            [.., b'M'] => (&text[..text.len() - 1], 6),
            _ => (text, 0),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let is_whole = part == "0" || part.len() <= digits;
        if !are_digits(whole) || !are_digits(part) || !is_whole {
            return Err(unreadable());
        }
        // As many digits behind the point as the unit has zeros.
        let text = format!("{whole}{part:0<digits$.digits$}");
        Self::new(text.parse().map_err(|_| unreadable())?)
    }
}

/// How long a flood lasts: more than nothing, and [`Span::MAX`] at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    /// A minute.
    pub const MAX: Self = Self(Duration::from_mins(1));

    /// `duration`.
    ///
    /// # Errors
    /// [`Refusal::Span`].
    pub fn new(duration: Duration) -> Result<Self, Refusal> {
        if duration.is_zero() || duration > Self::MAX.0 {
            return Err(Refusal::Span(duration));
        }
        Ok(Self(duration))
    }

    /// How long.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests;
