//! What a user may set on one socket, under the names of `setsockopt`.

use super::Errno;
use crate::tcp::{KeepAlive, Settings as ConnectionSettings};
use crate::time::Duration;
use core::num::{NonZeroU8, NonZeroU16, NonZeroU32};

/// The settings of one socket. A connection that is accepted begins with its listener's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `SO_LINGER`: [`Sockets::close`](super::Sockets::close) aborts when it is zero. `None` is off.
    pub linger: Option<Duration>,
    /// `TCP_NODELAY`: small segments leave at once (MUST-17).
    pub no_delay: bool,
    /// `TCP_MAXSEG`: largest segment, in octets of text.
    pub segment_max: Option<u16>,
    /// `TCP_USER_TIMEOUT`: how long text may stay unacknowledged (RFC 9293 §3.9.1); `None` is the
    /// shard's R2.
    pub user_timeout: Option<Duration>,
    /// `SO_KEEPALIVE` (RFC 9293 §3.8.4); off by default (MUST-25).
    pub keep_alive: bool,
    /// `TCP_KEEPIDLE`: silence before the first keep-alive segment (MUST-28).
    pub keep_idle: Duration,
    /// `TCP_KEEPINTVL`: time between keep-alive segments.
    pub keep_interval: Duration,
    /// `TCP_KEEPCNT`: unanswered keep-alive segments before the peer counts as gone (MUST-29).
    pub keep_count: u8,
    /// `SO_RCVBUF`, in octets; `None` is the shard's.
    pub receive_buffer: Option<u32>,
    /// `SO_SNDBUF`, in octets: never more than the shard's, which is what `None` means.
    pub send_buffer: Option<u32>,
    /// `SO_REUSEADDR`: `bind` passes over connections that still hold the port, TIME-WAIT included.
    pub reuse_address: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            linger: None,
            no_delay: false,
            segment_max: None,
            user_timeout: None,
            keep_alive: false,
            keep_idle: Duration::from_hours(2),
            keep_interval: Duration::from_secs(75),
            keep_count: 9,
            receive_buffer: None,
            send_buffer: None,
            reuse_address: false,
        }
    }
}

/// The smallest and the largest `TCP_MAXSEG` that Linux takes.
const SEGMENT_MAX: core::ops::RangeInclusive<u16> = 88..=32_767;

/// The largest `TCP_KEEPIDLE` and `TCP_KEEPINTVL`, and the largest `TCP_KEEPCNT`, of Linux.
const KEEP_MAX: Duration = Duration::from_secs(32_767);
const KEEP_COUNT_MAX: u8 = 127;

impl Settings {
    /// EINVAL where Linux says so.
    pub(super) fn check(&self) -> Result<(), Errno> {
        let second = Duration::from_secs(1);
        let keeps = [self.keep_idle, self.keep_interval];
        let is_good = self
            .segment_max
            .is_none_or(|max| SEGMENT_MAX.contains(&max))
            && keeps.iter().all(|it| (second..=KEEP_MAX).contains(it))
            && (1..=KEEP_COUNT_MAX).contains(&self.keep_count);
        if is_good { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// What of it the connection itself keeps.
    pub(super) fn of_connection(&self) -> ConnectionSettings {
        let secs = |duration: Duration| {
            let secs = u16::try_from(duration.as_secs()).unwrap_or(u16::MAX);
            NonZeroU16::new(secs).unwrap_or(NonZeroU16::MIN)
        };
        let millis = |duration: Duration| {
            NonZeroU32::new(u32::try_from(duration.as_millis()).unwrap_or(u32::MAX))
        };
        let keep_alive = self.keep_alive.then(|| KeepAlive {
            idle_secs: secs(self.keep_idle),
            interval_secs: secs(self.keep_interval),
            count: NonZeroU8::new(self.keep_count).unwrap_or(NonZeroU8::MIN),
        });
        ConnectionSettings {
            // Zero is the system's default, as for Linux.
            user_timeout_millis: self.user_timeout.and_then(millis),
            keep_alive,
            mss_max: self.segment_max.and_then(NonZeroU16::new),
            no_delay: self.no_delay,
            ..ConnectionSettings::default()
        }
    }
}
