//! What a shard remembers of a connection: at work all of it, at rest what the rest follows from.
//!
//! A connection is at rest while nothing is under way on it ([`Tcb::is_quiet`]) and no text waits.
//! It is laid to rest at the end of a breath (`rest`), and woken by what arrives, by its timer, or
//! by its user. What a connection without text costs, in octets:
//!
//! | | at rest | at work |
//! |---|---|---|
//! | table: tuple, generation, [`Word`], note, [`Place`]: two lines of the cache | 128 | 128 |
//! | table: hash, in a bucket that is 7/8 full | 7.3 | 7.3 |
//! | table: free list | 4 | 4 |
//! | wheel | 20.6 | 20.6 |
//! | place at work: [`Connection`] | | 384 |
//! | place at work, an eighth as many: free list, backlog | 1 | 8 |
//! | all | 160.9 | 551.9 |
//!
//! Places at work are as many as [`ShardConfig::at_work`](super::ShardConfig::at_work) says, and
//! the warmest is taken first, so that memory is touched for as many as ever were at work at once.

use super::class::{Class, NO_CLASS};
use crate::buffer::Chain;
use crate::table::Handle;
use crate::tcp::{Tcb, TcbAtRest};
use crate::wire::{FourTuple, LinkHeader};

/// A connection, or the place of one that is at work.
pub(super) enum Place {
    AtWork(u32),
    AtRest(AtRest),
}

#[cfg(not(feature = "loom"))]
const _: () = assert!(crate::table::Table::<Place>::CELL_BYTES == 128);

/// A connection on which nothing is under way, but for its [`Word`].
#[repr(C)]
pub(super) struct AtRest {
    pub(super) tcb: TcbAtRest,
    /// The service's own words.
    pub(super) user: [u64; 2],
}

/// What there is besides to remember of a connection at rest, and is to be found at no other time.
/// It lies where the table has room for a word.
#[derive(Clone, Copy)]
pub(super) struct Word {
    /// Which [`Class`]: what it has in common with others.
    pub(super) class: u16,
    /// DSCP and ECN of the peer's last segment.
    pub(super) tos: u8,
    /// Its service was told of it, and was not yet told of its end.
    pub(super) is_open: bool,
}

impl From<Word> for u32 {
    fn from(word: Word) -> Self {
        Self::from_be_bytes([word.is_open.into(), word.tos, 0, 0]) | Self::from(word.class)
    }
}

impl From<u32> for Word {
    fn from(bits: u32) -> Self {
        let [is_open, tos, ..] = bits.to_be_bytes();
        Self {
            class: bits as u16,
            tos,
            is_open: is_open != 0,
        }
    }
}

const _: () = assert!(size_of::<Connection>() <= 384);

/// A connection at work. Begins with a line of the cache.
#[repr(align(64))]
pub(super) struct Connection {
    // hot: every segment
    pub(super) tcb: Tcb,
    /// Whose it is; nobody's when its place is free.
    pub(super) owner: Option<Handle>,
    /// The table has it too, and takes longer to tell.
    pub(super) tuple: FourTuple,
    /// Text in order that the service has not read, and behind it text out of order.
    pub(super) received: Chain,
    /// Text to the peer that is not acknowledged.
    pub(super) to_send: Chain,
    /// The service's own words.
    pub(super) user: [u64; 2],
    /// What it had in common with others when it rested last, and holds on to; or [`NO_CLASS`].
    pub(super) class: u16,
    /// The Ethernet header that leads to the peer.
    pub(super) link: LinkHeader,
    /// The queue that the peer's last segment came by.
    pub(super) queue: u16,
    pub(super) service: u16,
    /// The listener that it came by.
    pub(super) listener: Option<u16>,
    /// DSCP and ECN of the peer's last segment.
    pub(super) tos: u8,
    /// One more than its place in `Shard::touched`; 0 when it is not there.
    pub(super) touched: u8,
    /// Its place is in `Shard::backlog`, whoever was there when it came in.
    pub(super) is_postponed: bool,
    /// Its service had text to send and the shard had no block for it.
    pub(super) is_starved: bool,
    /// Its service was told of it, and was not yet told of its end.
    pub(super) is_open: bool,
    /// It counts against its listener and its source.
    pub(super) is_counted: bool,
}

impl Connection {
    #[inline]
    pub(super) fn new(
        tuple: FourTuple,
        tcb: Tcb,
        link: LinkHeader,
        queue: u16,
        service: u16,
    ) -> Self {
        Self {
            tcb,
            owner: None,
            tuple,
            received: Chain::default(),
            to_send: Chain::default(),
            user: [0; 2],
            class: NO_CLASS,
            link,
            queue,
            service,
            listener: None,
            tos: 0,
            touched: 0,
            is_postponed: false,
            is_starved: false,
            is_open: false,
            is_counted: false,
        }
    }

    /// The one that was laid to rest, with its block.
    #[inline]
    pub(super) fn wake(
        tuple: FourTuple,
        word: Word,
        user: [u64; 2],
        class: &Class,
        tcb: Tcb,
    ) -> Self {
        Self {
            user,
            class: word.class,
            listener: class.listener,
            tos: word.tos,
            is_open: word.is_open,
            // Until it is over for its user.
            is_counted: class.listener.is_some(),
            ..Self::new(tuple, tcb, class.link, class.queue, class.service)
        }
    }

    /// What it has in common with others.
    pub(super) const fn class(&self) -> Class {
        Class {
            link: self.link,
            queue: self.queue,
            service: self.service,
            listener: self.listener,
            settings: *self.tcb.settings(),
        }
    }

    /// Has it a turn in this breath or the next, or text that waits?
    pub(super) const fn is_busy(&self) -> bool {
        self.touched > 0
            || self.is_postponed
            || self.is_starved
            || !self.received.is_vacant()
            || !self.to_send.is_vacant()
    }
}
