//! SYN cookies: a connection that is remembered by the peer alone until it is proven
//! (RFC 4987 §3.6).
//!
//! # The format
//!
//! Time runs in epochs of 64 seconds. Each epoch has a key of 128 bits; cookies of the current
//! epoch and of the one before are accepted. With `^` for exclusive or, and octets in network
//! order:
//!
//! ```text
//! message = local address[16] epoch[8] remote address[4 or 16]
//!           remote port[2] local port[2] SEG.SEQ[4]
//! hash    = SipHash-2-4(key of epoch, message)
//! low     = (hash mod 256) ^ (MSS class << 5 | epoch mod 32)
//! ISS     = (hash >> (8 + 4 * MSS class)) mod 2^24 << 8 | low
//! ```
//!
//! An IPv4 local address stands in its mapped form (RFC 4291 §2.5.5.2), a remote one as it is: what
//! all SYNs to an address share comes first and is hashed once, and the rest of an IPv4 SYN is two
//! words. SEG.SEQ is that of the SYN. So the 24 high bits are a MAC, and five of the low eight prove
//! the epoch: a blind ACK passes once in 2^29 for each of the two epochs. The MSS class is an index
//! into [`MSS_V4`] or [`MSS_V6`]: the largest that is not above the MSS of the SYN. Each class has a
//! MAC of its own: else an ACK that is 32 octets of text further would be a cookie too, of another
//! class.
//!
//! When the SYN had timestamps, `TSval` of the SYN-ACK is the connection's clock with its low six
//! bits replaced, and 64 taken off where that would be ahead of the clock (RFC 7323 §5.4: it must
//! not run backwards):
//!
//! ```text
//! bit 5     the SYN said SACK-permitted
//! bit 4     the SYN had a window scale
//! bits 3-0  its shift
//! ```
//!
//! The peer echoes it as `TSecr` of its ACK. Without timestamps neither option survives, and the
//! SYN-ACK does not offer them.

mod lanes;

pub use lanes::{Hashes, LANES, Lanes};

use super::siphash::{SipHash24, v4_of, words_of};
use super::tcb::Flags;
use super::{Config, Context, Open, State, Tcb};
use crate::time::{Duration, Instant};
use crate::wire::{Address, Ctl, FourTuple, Options, Segment, Seq, Timestamps};
use core::num::NonZeroU16;

/// Length of an epoch, in seconds.
pub const EPOCH_SECONDS: u64 = 64;

/// The same as a time.
pub const EPOCH: Duration = Duration::from_secs(EPOCH_SECONDS);

/// MSS classes of IPv4, in octets.
pub const MSS_V4: [u16; 8] = [48, 256, 536, 1024, 1220, 1360, 1440, 1460];

/// MSS classes of IPv6, in octets.
pub const MSS_V6: [u16; 8] = [48, 536, 1024, 1220, 1340, 1400, 1420, 1440];

const EPOCH_BITS: u32 = 5;
const EPOCH_MASK: u32 = (1 << EPOCH_BITS) - 1;
const LOW_MASK: u32 = 0xff;

const MESSAGE_BYTES_V4: u8 = 36;
const MESSAGE_BYTES_V6: u8 = 48;

const TS_MASK: u32 = 63;
const TS_SACK: u32 = 1 << 5;
const TS_SCALED: u32 = 1 << 4;
const TS_SHIFT: u32 = 15;

/// The epoch that `now` lies in, where each lasts for `length`: [`EPOCH`], but for tests.
#[must_use]
pub const fn epoch_at(now: Instant, length: Duration) -> u32 {
    (now.as_nanos() / length.as_nanos() as u64) as u32
}

/// When the next epoch begins.
#[must_use]
pub const fn next_epoch(now: Instant, length: Duration) -> Instant {
    let next = epoch_at(now, length) as u64 + 1;
    Instant::from_nanos(next * length.as_nanos() as u64)
}

/// Keys of the current epoch and of the one before.
#[derive(Clone)]
pub struct CookieKeys {
    epoch: u32,
    current: [u8; 16],
    previous: Option<[u8; 16]>,
}

impl core::fmt::Debug for CookieKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CookieKeys(epoch {})", self.epoch)
    }
}

/// Why an ACK is no cookie of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCookie {
    /// No epoch that is still accepted made it.
    Wrong,
}

/// What a cookie remembered of the SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// The MSS of its class.
    pub mss: u16,
    /// The shift of its window scale option.
    pub window_scale: Option<u8>,
    /// It said SACK-permitted.
    pub sack_permitted: bool,
}

impl CookieKeys {
    /// Keys from `epoch` on: `key` was drawn from the operating system.
    #[must_use]
    pub const fn new(epoch: u32, key: [u8; 16]) -> Self {
        Self {
            epoch,
            current: key,
            previous: None,
        }
    }

    /// The epoch whose key mints.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Begins `epoch` with a fresh key. The key before it is kept for one epoch, when it is that
    /// of the epoch before.
    pub const fn rotate(&mut self, epoch: u32, key: [u8; 16]) {
        self.previous = if self.epoch.wrapping_add(1) == epoch {
            Some(self.current)
        } else {
            None
        };
        self.current = key;
        self.epoch = epoch;
    }

    /// What mints the cookies of one of our addresses, until the next [`CookieKeys::rotate`].
    #[must_use]
    pub const fn mint_at(&self, local: Address) -> Mint {
        Mint::new(&self.current, self.epoch, local)
    }

    /// The ISS that answers a SYN with this sequence number and MSS option.
    #[must_use]
    pub fn mint(&self, tuple: &FourTuple, seq: Seq, mss: Option<u16>) -> Seq {
        self.mint_at(tuple.local.address).iss(tuple, seq, mss)
    }

    /// The MSS that a cookie remembers, if `iss` is one that answered a SYN with this sequence
    /// number.
    pub fn check(&self, tuple: &FourTuple, seq: Seq, iss: Seq) -> Result<u16, NoCookie> {
        let previous = self.previous.as_ref();
        let previous = previous.map(|key| (key, self.epoch.wrapping_sub(1)));
        for (key, epoch) in [Some((&self.current, self.epoch)), previous]
            .into_iter()
            .flatten()
        {
            let mint = Mint::new(key, epoch, tuple.local.address);
            let remote = words_of(tuple.remote.address.0);
            let hash = mint.hash(remote, numbers(tuple, seq));
            let payload = (hash as u32 ^ iss.0) & LOW_MASK;
            let class = payload >> EPOCH_BITS;
            if mac(hash, class) == iss.0 & !LOW_MASK && payload & EPOCH_MASK == epoch & EPOCH_MASK {
                let classes = if tuple.local.address.is_v4() {
                    &MSS_V4
                } else {
                    &MSS_V6
                };
                // Three bits of a table of eight.
                return classes.get(class as usize).copied().ok_or(NoCookie::Wrong);
            }
        }
        Err(NoCookie::Wrong)
    }
}

/// Mints the cookies of one of our addresses: the part of the hash that all share is done.
#[derive(Clone, Copy)]
pub struct Mint {
    epoch: u32,
    is_v4: bool,
    state: SipHash24,
}

impl Mint {
    const fn new(key: &[u8; 16], epoch: u32, local: Address) -> Self {
        let state = SipHash24::new(key).words(words_of(local.0));
        Self {
            epoch,
            is_v4: local.is_v4(),
            state: state.word((epoch as u64).swap_bytes()),
        }
    }

    /// The state of the hash behind what all SYNs share, for those who mint in another language.
    #[must_use]
    pub const fn state(&self) -> [u64; 4] {
        self.state.state()
    }

    /// The ISS that answers a SYN with this sequence number and MSS option. The local address of
    /// `tuple` is the one that this was made for.
    #[inline]
    #[must_use]
    pub fn iss(&self, tuple: &FourTuple, seq: Seq, mss: Option<u16>) -> Seq {
        let remote = words_of(tuple.remote.address.0);
        let hash = self.hash(remote, numbers(tuple, seq));
        iss_of(hash, self.epoch, class_of(mss, self.is_v4))
    }

    // Of the rest of the message: the remote address, and the `numbers` of a SYN.
    #[expect(
        clippy::inline_always,
        reason = "where it is part of a loop over lanes, a call would keep it out of vectors"
    )]
    #[inline(always)]
    const fn hash(&self, remote: [u64; 2], numbers: u64) -> u64 {
        if self.is_v4 {
            let state = self.state.word(v4_of(remote) | numbers << 32);
            state.finish(numbers >> 32, MESSAGE_BYTES_V4)
        } else {
            let state = self.state.words(remote).word(numbers);
            state.finish(0, MESSAGE_BYTES_V6)
        }
    }
}

#[inline]
fn iss_of(hash: u64, epoch: u32, class: u32) -> Seq {
    let payload = class << EPOCH_BITS | epoch & EPOCH_MASK;
    Seq(mac(hash, class) | hash as u32 & LOW_MASK ^ payload)
}

// Ports and SEG.SEQ, as they follow each other in the SYN.
#[inline]
fn numbers(tuple: &FourTuple, seq: Seq) -> u64 {
    let (local, remote) = (tuple.local.port, tuple.remote.port);
    let ports = u64::from(remote.swap_bytes()) | u64::from(local.swap_bytes()) << 16;
    ports | u64::from(seq.0.swap_bytes()) << 32
}

// The 24 high bits of a cookie of this class: each takes them from elsewhere.
const fn mac(hash: u64, class: u32) -> u32 {
    (hash >> (8 + 4 * class) << 8) as u32
}

// The largest class that is not above what the peer takes (MUST-15, MUST-16).
#[inline]
fn class_of(mss: Option<u16>, is_v4: bool) -> u32 {
    let (classes, default) = if is_v4 {
        (&MSS_V4, 536)
    } else {
        (&MSS_V6, 1220)
    };
    let mss = mss.unwrap_or(default);
    // Halved three times, without a branch on what a stranger chose.
    let at_least = |class: usize| classes.get(class).is_some_and(|least| *least <= mss);
    [4, 2, 1].into_iter().fold(0, |class, half| {
        class + if at_least(class + half) { half } else { 0 }
    }) as u32
}

/// What all SYN-ACKs that answer without a block say of us.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    wnd: u16,
    mss: u16,
    timestamps: bool,
    sack: bool,
    /// Ours, when we scale windows.
    window_shift: Option<u8>,
    millis: u32,
}

impl Offer {
    /// The offer of `cx`, with an MSS of at most `mss_max`.
    #[must_use]
    pub fn new(mss_max: Option<NonZeroU16>, cx: &Context<'_>) -> Self {
        let config = cx.config;
        let mss = config.mss(cx.is_v4);
        Self {
            wnd: config.receive_buffer.min(u16::MAX.into()) as u16,
            mss: mss_max.map_or(mss, |max| max.get().min(mss)),
            timestamps: config.timestamps,
            sack: config.sack,
            window_shift: config.window_scale.then(|| config.window_shift()),
            millis: cx.now.as_millis() as u32,
        }
    }

    /// The SYN-ACK that answers a SYN: `<SEQ=ISS><ACK=SEG.SEQ+1><CTL=SYN,ACK>`, with the options
    /// that the cookie can remember, of those that the SYN offered.
    #[inline]
    #[must_use]
    pub fn syn_ack(&self, seg: &Segment, iss: Seq, ts_offset: u32) -> Segment {
        let theirs = &seg.options;
        let timestamps = theirs.timestamps.filter(|_| self.timestamps);
        let remembers = timestamps.is_some();
        let ours = self.window_shift.filter(|_| remembers);
        let scale = theirs.window_scale.filter(|_| ours.is_some());
        let sack = theirs.sack_permitted && remembers && self.sack;
        Segment {
            seq: iss,
            ack: seg.seq + 1,
            wnd: self.wnd,
            ctl: Ctl::SYN_ACK,
            options: Options {
                mss: Some(self.mss),
                window_scale: scale.and(ours),
                sack_permitted: sack,
                timestamps: timestamps.map(|ts| Timestamps {
                    val: pack(self.millis.wrapping_add(ts_offset), scale, sack),
                    ecr: ts.val,
                }),
            },
            ..Segment::default()
        }
    }
}

fn pack(clock: u32, scale: Option<u8>, sack: bool) -> u32 {
    let scale = scale.map_or(0, |shift| TS_SCALED | u32::from(shift) & TS_SHIFT);
    let bits = scale | if sack { TS_SACK } else { 0 };
    let packed = clock & !TS_MASK | bits;
    if packed > clock {
        packed.wrapping_sub(TS_MASK + 1)
    } else {
        packed
    }
}

/// What the cookie behind an ACK remembered: its MSS from the check, the rest from `TSecr`.
#[must_use]
pub fn remembered(seg: &Segment, mss: u16, config: &Config) -> Remembered {
    let echoed = seg.options.timestamps.filter(|_| config.timestamps);
    let bits = echoed.map_or(0, |ts| ts.ecr);
    let scaled = bits & TS_SCALED != 0 && config.window_scale;
    Remembered {
        mss,
        window_scale: scaled.then_some((bits & TS_SHIFT).min(14) as u8),
        sack_permitted: bits & TS_SACK != 0 && config.sack,
    }
}

impl Tcb {
    /// The third segment of a handshake came with a good cookie: the block as it would stand had
    /// the SYN made one, in SYN-RECEIVED. Give it the segment with [`Tcb::on_segment`] next.
    #[must_use]
    pub fn on_cookie(
        seg: &Segment,
        remembered: &Remembered,
        ts_offset: u32,
        cx: &Context<'_>,
    ) -> Self {
        let iss = Seq(seg.ack.0.wrapping_sub(1));
        let syn = Segment {
            seq: Seq(seg.seq.0.wrapping_sub(1)),
            wnd: seg.wnd,
            ctl: Ctl::SYN,
            options: Options {
                mss: Some(remembered.mss),
                window_scale: remembered.window_scale,
                sack_permitted: remembered.sack_permitted,
                timestamps: seg.options.timestamps,
            },
            ..Segment::default()
        };
        let mut tcb = Self::new(Open::Passive, State::SynReceived, iss, ts_offset, cx);
        tcb.take_syn(&syn, cx);
        // The SYN-ACK is out, and nothing measures it.
        tcb.snd.nxt = iss + 1;
        tcb.snd.rtx = tcb.snd.nxt;
        tcb.flags.clear(Flags::TIMING);
        tcb
    }
}

#[cfg(test)]
mod tests;
