//! What the XDP program has to know of a listener in one epoch, so that its SYN-ACKs are the
//! shards' own.

use crate::nic::af_xdp::EpochAnswer;
use crate::shard::ShardConfig;
use crate::tcp::IssSource;
use crate::tcp::cookie::{CookieKeys, epoch_at};
use crate::time::{Duration, Instant};
use crate::wire::Address;

/// The program begins an epoch so much later than the shards. A shard reads its clock before it
/// looks what has arrived: else a cookie of an epoch that is young could come back to one that
/// has not heard of it yet.
const LATE: Duration = Duration::from_secs(1);

/// And so much later than that its place is free for the epoch after the next.
const SPARE: Duration = Duration::from_secs(1);

/// The epoch that the program is in at `now`; the first before it has begun.
pub(super) fn epoch_in_program(now: Instant, length: Duration) -> u32 {
    let late = LATE.as_nanos() as u64;
    let now = Instant::from_nanos(now.as_nanos().saturating_sub(late));
    epoch_at(now, length)
}

/// The epoch that is to be written at `now`: the one behind that which the program is in. It takes
/// the place of one that is over. `None` for a moment around the turn, and for what has begun
/// meanwhile: it must not change under those who read it, and the shards answer until the next.
pub(super) fn next_to_write(now: Instant, length: Duration) -> Option<u32> {
    let settled = now.as_nanos().checked_sub(SPARE.as_nanos() as u64)?;
    let next = epoch_in_program(Instant::from_nanos(settled), length) + 1;
    (epoch_at(now, length) < next).then_some(next)
}

/// How a listener at `local` answers in an epoch whose key is `key`. The shards of `config` have a
/// clock that began at `began` of the monotonic one.
#[must_use]
pub fn epoch_answer(
    config: &ShardConfig,
    local: Address,
    epoch: u32,
    key: [u8; 16],
    began: Duration,
) -> EpochAnswer {
    let tcp = &config.tcp;
    let iss = IssSource::new(&config.secrets.iss);
    let length = config.cookies.epoch();
    let at = length * epoch + LATE;
    EpochAnswer {
        mint: CookieKeys::new(epoch, key).mint_at(local).state(),
        offsets: iss.timestamp_offsets(local).state(),
        begin: (began + at).as_nanos() as u64,
        lasts: length.as_nanos() as u64,
        millis: at.as_millis() as u32,
        epoch,
        mss: tcp.mss(local.is_v4()).into(),
        window: tcp.receive_buffer.min(u16::MAX.into()),
        shift: tcp.window_shift().into(),
        hop_limit: config.hop_limit.into(),
        service: 0,
        flags: EpochAnswer::offers(tcp.timestamps, tcp.window_scale, tcp.sack),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::cookie::EPOCH;

    #[test]
    fn what_is_written_has_not_begun_and_what_it_replaces_is_over() {
        let at = |millis| next_to_write(Instant::ZERO + Duration::from_millis(millis), EPOCH);
        let rows = [
            (0, None),
            (999, None),
            (1_000, Some(1)),
            (63_999, Some(1)),
            // The program is in epoch 0 until 65 seconds, and 1 has begun.
            (64_000, None),
            (65_999, None),
            (66_000, Some(2)),
            (127_999, Some(2)),
        ];
        for (millis, epoch) in rows {
            assert_eq!(at(millis), epoch, "{millis} ms");
        }
    }
}
