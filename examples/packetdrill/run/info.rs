//! What `TCP_INFO` tells, by the names of Linux and of FreeBSD.

use super::stack::Stack;
use seawall::socket::SocketId;
use seawall::tcp::{State, Status, Trust};

/// `TCPI_OPT_TIMESTAMPS` and its like.
const OPTION_BITS: [(&str, i64); 4] = [
    ("TCPI_OPT_TIMESTAMPS", 1),
    ("TCPI_OPT_SACK", 2),
    ("TCPI_OPT_WSCALE", 4),
    ("TCPI_OPT_ECN", 8),
];

const TRUST: [(&str, i64); 5] = [
    ("TCP_CA_Open", 0),
    ("TCP_CA_Disorder", 1),
    ("TCP_CA_CWR", 2),
    ("TCP_CA_Recovery", 3),
    ("TCP_CA_Loss", 4),
];

/// What Linux says before the first loss.
const THRESHOLD_NONE: i64 = 0x7fff_ffff;

/// A snapshot of one socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Info {
    state: State,
    /// `None` when there is no connection.
    status: Option<Status>,
}

impl Info {
    /// `None` when there is no such socket.
    pub(super) fn of(id: SocketId, stack: &mut Stack) -> Option<Self> {
        let state = stack.sockets.state(id).ok()?;
        let handle = stack.sockets.handle(id).ok().flatten();
        let now = stack.instant();
        let status = handle.and_then(|handle| stack.sockets.shard().status(handle, now));
        Some(Self { state, status })
    }

    pub(super) const fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }

    /// A field by its name; `None` when it is not known, or there is no connection.
    pub(super) fn field(&self, name: &str) -> Option<i64> {
        let name = name.trim_start_matches('_');
        if name == "tcpi_state" {
            return Some(number_of(self.state));
        }
        let status = self.status.as_ref()?;
        let micros = |duration: std::time::Duration| i64::try_from(duration.as_micros()).ok();
        let segments = |octets: u32| i64::from(octets / u32::from(status.snd_mss.max(1)));
        Some(match name {
            "tcpi_ca_state" => match status.trust {
                Trust::Open => 0,
                Trust::Disorder => 1,
                Trust::Recovery => 3,
                Trust::Loss => 4,
            },
            "tcpi_retransmits" => status.retransmits.into(),
            "tcpi_probes" => status.probes.into(),
            "tcpi_backoff" => status.backoff.into(),
            "tcpi_options" => {
                i64::from(status.has_timestamps)
                    | i64::from(status.is_sack_permitted) << 1
                    | i64::from(status.has_window_scale) << 2
            }
            "tcpi_snd_wscale" => status.snd_shift.into(),
            "tcpi_rcv_wscale" => status.rcv_shift.into(),
            "tcpi_rto" => micros(status.rto)?,
            "tcpi_rtt" => micros(status.srtt.unwrap_or_default())?,
            "tcpi_rttvar" => micros(status.rttvar)?,
            "tcpi_snd_mss" => status.snd_mss.into(),
            "tcpi_rcv_mss" => status.rcv_mss.into(),
            "tcpi_advmss" => status.advertised_mss.into(),
            "tcpi_unacked" => status.unacknowledged_segments.into(),
            "tcpi_snd_cwnd" => segments(status.cwnd),
            "tcpi_snd_ssthresh" => status.ssthresh.map_or(THRESHOLD_NONE, segments),
            "tcpi_snd_wnd" => status.snd_wnd.into(),
            "tcpi_rcv_wnd" | "tcpi_rcv_space" => status.rcv_wnd.into(),
            "tcpi_total_retrans" | "tcpi_snd_rexmitpack" => status.resent.into(),
            "tcpi_notsent_bytes" => status.unsent.into(),
            "tcpi_last_data_recv" | "tcpi_last_ack_recv" => {
                i64::try_from(status.unheard.as_millis()).ok()?
            }
            _ => return None,
        })
    }
}

/// A constant that stands in `TCP_INFO`.
pub(super) fn constant(name: &str) -> Option<i64> {
    let known = OPTION_BITS.iter().chain(&TRUST);
    let mut known = known.filter(|(known, _)| *known == name);
    known
        .next()
        .map(|(_, number)| *number)
        .or_else(|| state(name))
}

// By Linux's numbers, whichever dialect names it.
fn state(name: &str) -> Option<i64> {
    let state = name
        .strip_prefix("TCPS_")
        .or_else(|| name.strip_prefix("TCP_"))?;
    Some(number_of(match state {
        "ESTABLISHED" => State::Established,
        "SYN_SENT" => State::SynSent,
        "SYN_RECV" | "SYN_RECEIVED" => State::SynReceived,
        "FIN_WAIT1" | "FIN_WAIT_1" => State::FinWait1,
        "FIN_WAIT2" | "FIN_WAIT_2" => State::FinWait2,
        "TIME_WAIT" => State::TimeWait,
        "CLOSE" | "CLOSED" => State::Closed,
        "CLOSE_WAIT" => State::CloseWait,
        "LAST_ACK" => State::LastAck,
        "LISTEN" => State::Listen,
        "CLOSING" => State::Closing,
        _ => return None,
    }))
}

const fn number_of(state: State) -> i64 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Listen => 10,
        State::Closing => 11,
    }
}
