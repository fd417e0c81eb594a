//! The frames of a flood: a function of the seed and their number.
//!
//! The XDP program makes the same ones from the templates of this file; a test compares them.

use super::guard::{Source, Target, check_target};
use super::path::Path;
use super::plan::Plan;
use crate::wire::{
    Address, Ctl, Endpoint, FourTuple, Headers, LinkHeader, Options, Segment, Seq, Timestamps,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Octets of a template: `TEMPLATE_BYTES` of `xdp/flood.bpf.c`.
pub const TEMPLATE_BYTES: usize = 96;

/// The initial windows of Linux, before and after scaling.
const WINDOW_OF_SYN: u16 = 64240;
const WINDOW: u16 = 502;
const WINDOW_SCALE: u8 = 7;

const HOP_LIMIT: u8 = 64;

/// The first source port: none is a server's.
const PORT_FIRST: u16 = 1024;

/// What varies from frame to frame.
#[derive(Clone, Copy, Debug, Default)]
struct Fields {
    source: Address,
    port: u16,
    seq: u32,
    /// The acknowledgment number, or the `TSval` of a SYN.
    ack: u32,
}

/// All frames of a plan.
#[derive(Clone, Debug)]
pub struct Frames {
    target: Target,
    seed: u64,
    link: LinkHeader,
    mss: u16,
    turns: &'static [Ctl],
}

impl Frames {
    /// The frames of `plan` that go by `path`.
    #[must_use]
    pub fn new(plan: &Plan, path: &Path) -> Self {
        let headers = if plan.target.ip().is_ipv4() { 40 } else { 60 };
        let mss = path.mtu.saturating_sub(headers);
        Self {
            target: plan.target,
            seed: plan.seed,
            link: LinkHeader::new(path.destination.0, path.source.0),
            mss: u16::try_from(mss).unwrap_or(u16::MAX),
            turns: plan.kind.turns(),
        }
    }

    /// What they are a function of.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Control bits that take turns.
    #[must_use]
    pub const fn turns(&self) -> &'static [Ctl] {
        self.turns
    }

    /// Writes frame `number` to the front of `octets`; returns its length.
    ///
    /// `None` when there is no room, or when it would break a bound: asked again here, where
    /// frames are made.
    #[must_use]
    pub fn frame(&self, number: u64, octets: &mut [u8]) -> Option<usize> {
        let (mut fields, source) = self.fields(number);
        check_target(self.target.ip()).ok()?;
        fields.source = Source::new(source).ok()?.address();
        let turn = number.checked_rem(self.turns.len() as u64)? as usize;
        self.emit(*self.turns.get(turn)?, fields, octets)
    }

    /// A frame with these control bits, in which all that varies is zero; and its length.
    #[must_use]
    pub fn template(&self, ctl: Ctl) -> ([u8; TEMPLATE_BYTES], usize) {
        let mut octets = [0; TEMPLATE_BYTES];
        let unspecified = match self.target.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let fields = Fields {
            source: unspecified.into(),
            ..Fields::default()
        };
        let len = self.emit(ctl, fields, &mut octets);
        (octets, len.expect("a template holds the longest headers"))
    }

    fn emit(&self, ctl: Ctl, fields: Fields, octets: &mut [u8]) -> Option<usize> {
        let tuple = FourTuple {
            local: Endpoint {
                address: fields.source,
                port: fields.port,
            },
            remote: self.target.endpoint(),
        };
        let mut segment = Segment {
            seq: Seq(fields.seq),
            ack: Seq(fields.ack),
            wnd: WINDOW,
            ctl,
            ..Segment::default()
        };
        if ctl.syn {
            segment.wnd = WINDOW_OF_SYN;
            segment.options = Options {
                mss: Some(self.mss),
                window_scale: Some(WINDOW_SCALE),
                sack_permitted: true,
                timestamps: Some(Timestamps {
                    val: fields.ack,
                    ecr: 0,
                }),
            };
        }
        let headers = Headers {
            link: &self.link,
            tuple: &tuple,
            segment: &segment,
            hop_limit: HOP_LIMIT,
            tos: 0,
        };
        headers.emit(octets)
    }

    /// As `vary` of `xdp/flood.bpf.c`. The source is not judged yet.
    fn fields(&self, number: u64) -> (Fields, IpAddr) {
        let a = draw(self.seed, number.wrapping_mul(2));
        let b = draw(self.seed, number.wrapping_mul(2).wrapping_add(1));
        let (host, subnet) = (a as u32, (a >> 48) as u16);
        let source = if self.target.ip().is_ipv4() {
            IpAddr::V4(Ipv4Addr::from_bits(0xc612_0000 | host & 0x1_ffff))
        } else {
            let (high, low) = ((host >> 16) as u16, host as u16);
            IpAddr::V6(Ipv6Addr::new(0x2001, 2, 0, subnet, 0, 0, high, low))
        };
        let ports = u64::from(u16::MAX - PORT_FIRST) + 1;
        let fields = Fields {
            source: Address::default(),
            port: PORT_FIRST + ((((a >> 32) & 0xffff) * ports) >> 16) as u16,
            seq: b as u32,
            ack: (b >> 32) as u32,
        };
        (fields, source)
    }
}

/// `SplitMix64`, as a function of its step.
const fn draw(seed: u64, step: u64) -> u64 {
    let gamma = 0x9e37_79b9_7f4a_7c15_u64;
    let z = seed.wrapping_add(step.wrapping_add(1).wrapping_mul(gamma));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
