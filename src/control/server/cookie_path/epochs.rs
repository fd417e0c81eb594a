//! What the XDP program has to know of a listener in one epoch, so that its SYN-ACKs are the
//! shards' own.

use crate::nic::af_xdp::EpochAnswer;
use crate::shard::ShardConfig;
use crate::tcp::IssSource;
use crate::tcp::cookie::{CookieKeys, EPOCH_SECONDS};
use crate::time::Duration;
use crate::wire::Address;

/// The program begins an epoch so much later than the shards. A shard reads its clock before it
/// looks what has arrived: else a cookie of an epoch that is young could come back to one that
/// has not heard of it yet.
const LATE: Duration = Duration::from_secs(1);

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
    let begin = Duration::from_secs(u64::from(epoch) * EPOCH_SECONDS) + LATE;
    EpochAnswer {
        mint: CookieKeys::new(epoch, key).mint_at(local).state(),
        offsets: iss.timestamp_offsets(local).state(),
        begin: (began + begin).as_nanos() as u64,
        millis: begin.as_millis() as u32,
        epoch,
        mss: tcp.mss(local.is_v4()).into(),
        window: tcp.receive_buffer.min(u16::MAX.into()),
        shift: tcp.window_shift().into(),
        hop_limit: config.hop_limit.into(),
        service: 0,
        flags: EpochAnswer::offers(tcp.timestamps, tcp.window_scale, tcp.sack),
    }
}
