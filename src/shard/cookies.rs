//! When SYNs are answered by cookies, and with which keys (RFC 4987 §3.6).

use super::SharedCookies;
use super::config::SynCookies;
use crate::tcp::cookie::{CookieKeys, Mint, epoch_at, next_epoch};
use crate::tcp::{IssSource, TimestampOffsets};
use crate::time::Instant;
use crate::wire::Address;

/// What happened with cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CookieCounters {
    /// SYN-ACKs sent that were cookies.
    pub sent: u64,
    /// ACKs that brought a good one.
    pub accepted: u64,
    /// ACKs that brought none, while some were out.
    pub rejected: u64,
    /// Switches from slots to cookies.
    pub switched_on: u64,
    /// Switches back.
    pub switched_off: u64,
}

/// Keys and switch.
pub(super) struct Cookies {
    mode: SynCookies,
    half_open_max: u64,
    keys: CookieKeys,
    rotate_at: Instant,
    shared: SharedCookies,
    is_on: bool,
    /// Until then an ACK may bring back a cookie of ours.
    awaited_until: Instant,
    /// For the address that was asked last: a flood asks one, or few.
    desk: Option<Desk>,
}

/// What the cookies of one of our addresses have in common, computed ahead.
#[derive(Clone, Copy)]
pub(super) struct Desk {
    local: Address,
    pub(super) mint: Mint,
    pub(super) offsets: TimestampOffsets,
}

impl Cookies {
    /// Was the last SYN to be answered by one?
    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    pub(super) fn new(mode: SynCookies, half_open_max: u64, shared: SharedCookies) -> Self {
        Self {
            mode,
            half_open_max,
            keys: CookieKeys::new(0, shared.key_of(0)),
            rotate_at: next_epoch(Instant::ZERO, shared.epoch()),
            shared,
            is_on: mode == SynCookies::Always,
            awaited_until: Instant::ZERO,
            desk: None,
        }
    }

    /// Once a breath: a new epoch has a new key.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.rotate_at <= now {
            let length = self.shared.epoch();
            let epoch = epoch_at(now, length);
            self.keys.rotate(epoch, self.shared.key_of(epoch));
            self.rotate_at = next_epoch(now, length);
            self.desk = None;
        }
    }

    /// Is a SYN answered by a cookie, with `half_open` connections in SYN-RECEIVED?
    pub(super) fn answer(&mut self, half_open: u64, counters: &mut CookieCounters) -> bool {
        if self.mode == SynCookies::Auto {
            if !self.is_on && half_open >= self.half_open_max {
                self.is_on = true;
                counters.switched_on += 1;
            } else if self.is_on && half_open < self.half_open_max.div_ceil(2) {
                self.is_on = false;
                counters.switched_off += 1;
            }
        }
        self.is_on
    }

    /// Where the cookies of `local` are made: what is minted is awaited for as long as it is good.
    #[inline]
    pub(super) fn desk(&mut self, local: Address, iss: &IssSource, now: Instant) -> &Desk {
        self.awaited_until = now + self.shared.good_for();
        if self.desk.is_none_or(|desk| desk.local != local) {
            self.desk = None;
        }
        self.desk.get_or_insert_with(|| Desk {
            local,
            mint: self.keys.mint_at(local),
            offsets: iss.timestamp_offsets(local),
        })
    }

    /// The keys, to check with; `None` when no cookie can be out that others than the shards sent.
    pub(super) fn check_for_others(&self, now: Instant) -> Option<&CookieKeys> {
        (now < self.shared.awaited_until()).then_some(&self.keys)
    }

    /// The keys, to check with; `None` when no cookie can be out.
    pub(super) fn check_with(&self, now: Instant) -> Option<&CookieKeys> {
        let awaited = now < self.awaited_until || now < self.shared.awaited_until();
        awaited.then_some(&self.keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_has_hysteresis_and_is_counted() {
        let mut counters = CookieCounters::default();
        let mut cookies = Cookies::new(SynCookies::Auto, 10, SharedCookies::default());
        let answers: Vec<bool> = [9, 10, 9, 5, 4, 9, 10]
            .into_iter()
            .map(|half_open| cookies.answer(half_open, &mut counters))
            .collect();
        assert_eq!(answers, [false, true, true, true, false, false, true]);
        assert_eq!((counters.switched_on, counters.switched_off), (2, 1));
    }

    #[test]
    fn always_and_never_mean_it() {
        let mut counters = CookieCounters::default();
        for (mode, answer) in [(SynCookies::Always, true), (SynCookies::Never, false)] {
            let mut cookies = Cookies::new(mode, 10, SharedCookies::default());
            assert!([0, 100].map(|n| cookies.answer(n, &mut counters)) == [answer; 2]);
        }
        assert_eq!(counters, CookieCounters::default());
    }
}
