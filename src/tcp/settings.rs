//! What a user may choose for one connection, before it opens or at any time after.
//!
//! Compact, because each block has one: absent values leave the choice to [`Config`].
//!
//! [`Config`]: super::Config

use super::keep_alive::clock_millis;
use super::listen::MSS_MIN;
use super::{Context, Tcb};
use crate::time::Duration;
use core::num::{NonZeroU8, NonZeroU16, NonZeroU32};

/// Settings of one connection; the default is what RFC 9293 wants of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Settings {
    /// USER TIMEOUT in milliseconds: the connection is given up when text, SYN or FIN was not
    /// acknowledged for so long (RFC 9293 §3.10.8, RFC 5482), even by a peer that answers probes
    /// of its closed window. It stands in for R2.
    pub user_timeout_millis: Option<NonZeroU32>,
    /// Keep-alive packets: off unless asked for (MUST-24, MUST-25).
    pub keep_alive: Option<KeepAlive>,
    /// Neither offered nor sent are segments larger than this, fixed headers left out.
    pub mss_max: Option<NonZeroU16>,
    /// R2 of this connection, in retransmissions of text or FIN (MUST-21).
    pub retries: Option<NonZeroU8>,
    /// TTL or hop limit (MUST-49).
    pub hop_limit: Option<NonZeroU8>,
    /// The octet of the IP header that holds DSCP and ECN, as it goes out (MUST-48). It may change
    /// during the connection (SHLD-21), and is passed on unchanged (SHLD-22).
    pub tos: u8,
    /// Small segments go at once: the Nagle algorithm is off (MUST-17).
    pub no_delay: bool,
}

const _: () = assert!(size_of::<Settings>() <= 16);

/// When an idle connection is asked for a sign of life (RFC 9293 §3.8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeepAlive {
    /// Seconds without a word from the peer before the first probe (MUST-27).
    pub idle_secs: NonZeroU16,
    /// Seconds between probes.
    pub interval_secs: NonZeroU16,
    /// So many in a row without answer end the connection. One alone never does (MUST-29).
    pub count: NonZeroU8,
}

impl KeepAlive {
    pub(super) const fn idle(self) -> Duration {
        Duration::from_secs(self.idle_secs.get() as u64)
    }

    pub(super) const fn interval(self) -> Duration {
        Duration::from_secs(self.interval_secs.get() as u64)
    }

    // MUST-29
    pub(super) fn probes_max(self) -> u8 {
        self.count.get().max(2)
    }
}

impl Default for KeepAlive {
    /// Two hours (MUST-28), then nine probes at 75 seconds.
    fn default() -> Self {
        const IDLE_SECS: NonZeroU16 = NonZeroU16::new(7200).expect("it is not zero");
        const INTERVAL_SECS: NonZeroU16 = NonZeroU16::new(75).expect("it is not zero");
        const COUNT: NonZeroU8 = NonZeroU8::new(9).expect("it is not zero");
        Self {
            idle_secs: IDLE_SECS,
            interval_secs: INTERVAL_SECS,
            count: COUNT,
        }
    }
}

impl Tcb {
    /// What was chosen for this connection.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Chooses anew. What depends on a SYN that is out already, the offered MSS, stays.
    pub fn set(&mut self, settings: Settings, cx: &Context<'_>) {
        let was = core::mem::replace(&mut self.settings, settings);
        self.limit_mss(cx);
        if was.keep_alive != settings.keep_alive {
            self.arm_keep_alive(cx);
        }
        if was.user_timeout_millis != settings.user_timeout_millis && self.rtx_at.is_armed() {
            self.rtx_at = self.next_timeout(cx);
        }
    }

    /// The user closes, and gives up when the peer acknowledges nothing for so long.
    pub fn set_linger(&mut self, linger: Duration, cx: &Context<'_>) {
        let linger = u32::try_from(linger.as_millis()).unwrap_or(u32::MAX);
        let mut settings = self.settings;
        // The wait begins now, whatever went before.
        self.stalled_at = clock_millis(cx.now);
        settings.user_timeout_millis = NonZeroU32::new(linger.max(1));
        self.set(settings, cx);
    }

    /// Sends small segments at once, or by the Nagle algorithm again (MUST-17).
    pub const fn set_no_delay(&mut self, no_delay: bool) {
        self.settings.no_delay = no_delay;
    }

    /// The MSS option that this side sends (MUST-14, MUST-67).
    pub(super) fn offered_mss(&self, cx: &Context<'_>) -> u16 {
        let mss = cx.config.mss(cx.is_v4);
        self.settings.mss_max.map_or(mss, |max| max.get().min(mss))
    }

    fn limit_mss(&mut self, cx: &Context<'_>) {
        let options = if self.has_timestamps() { 12 } else { 0 };
        let max = self.offered_mss(cx).max(MSS_MIN) - options;
        self.snd.mss = self.snd.mss.min(max);
    }
}
