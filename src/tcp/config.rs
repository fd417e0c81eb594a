//! What an operator may choose about the protocol; the same for all connections of a shard.

use crate::time::Duration;

/// Settings of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long TIME-WAIT is held: 2 MSL (MUST-13). RFC 9293 §3.4.2 takes an MSL of two minutes;
    /// the default here is an MSL of 30 seconds, as Linux has it.
    pub time_wait: Duration,
    /// Largest IP packet that the interface carries, in octets (`MMS_R` and `EMTU_S` of MUST-16 and
    /// MUST-67 follow from it).
    pub mtu: u16,
    /// Octets of text that are held for a user who does not read: the largest window offered.
    pub receive_buffer: u32,
    /// Octets of text that a user may queue.
    pub send_buffer: u32,
    /// Offer and accept timestamps (RFC 7323 §3).
    pub timestamps: bool,
    /// Offer and accept window scaling (RFC 7323 §2).
    pub window_scale: bool,
    /// Shift of the window field at least, even where the receive buffer needs less.
    pub window_shift_min: u8,
    /// Say SACK-permitted when the peer does (RFC 2018 §2).
    pub sack: bool,
    /// First retransmission timeout (RFC 6298 §2.1).
    pub rto_initial: Duration,
    /// Smallest retransmission timeout.
    /// Departs from RFC 6298 §2.4: 200 ms instead of a second, as all large stacks do.
    pub rto_min: Duration,
    /// Largest retransmission timeout (RFC 6298 §2.5).
    pub rto_max: Duration,
    /// Retransmissions of a SYN before it is given up; 7 make 247 seconds (MUST-23: at least 180).
    pub syn_retries: u8,
    /// Retransmissions of a SYN-ACK before it is given up: 5 make 63 seconds. MUST-23 speaks of
    /// the SYN of an active open; here a stranger may cost us only so much.
    pub syn_ack_retries: u8,
    /// R1: retransmissions after which the user is told that the peer is silent (MUST-20, SHLD-9;
    /// SHLD-10: at least 3).
    pub retries_reported: u8,
    /// R2: retransmissions of text or FIN before the connection is given up (MUST-20). With the
    /// smallest RTO, 15 make 1200 seconds (SHLD-11: at least 100).
    pub retries: u8,
    /// Segments of text at the beginning of a connection that are acknowledged at once: a peer in
    /// slow start, or one with the Nagle algorithm, waits for each.
    pub quick_acks: u8,
    /// Longest delay of an ACK (MUST-40: less than 500 ms).
    pub delayed_ack: Duration,
    /// How long FIN-WAIT-2 waits for the peer's FIN when the user has closed both ways.
    pub fin_wait_2: Duration,
    /// At most one challenge ACK a connection in this long (RFC 5961 §7).
    pub challenge_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            time_wait: Duration::from_mins(1),
            mtu: 1500,
            receive_buffer: 256 * 1024,
            send_buffer: 256 * 1024,
            timestamps: true,
            window_scale: true,
            window_shift_min: 0,
            sack: true,
            rto_initial: Duration::from_secs(1),
            rto_min: Duration::from_millis(200),
            rto_max: Duration::from_mins(2),
            syn_retries: 7,
            syn_ack_retries: 5,
            retries_reported: 3,
            retries: 15,
            quick_acks: 8,
            delayed_ack: Duration::from_millis(40),
            fin_wait_2: Duration::from_mins(1),
            challenge_interval: Duration::from_millis(500),
        }
    }
}

impl Config {
    /// Our Maximum Segment Size option: the largest packet that we can receive, less fixed
    /// headers (MUST-67; RFC 6691).
    #[must_use]
    pub const fn mss(&self, is_v4: bool) -> u16 {
        let headers = if is_v4 { 40 } else { 60 };
        let mss = self.mtu.saturating_sub(headers);
        let text_max = crate::limits::TEXT_BYTES as u16;
        if mss < text_max { mss } else { text_max }
    }

    /// The shift that lets 16 bits cover the receive buffer (RFC 7323 §2.3).
    #[must_use]
    pub const fn window_shift(&self) -> u8 {
        let bits = u32::BITS - self.receive_buffer.leading_zeros();
        let shift = bits.saturating_sub(u16::BITS);
        let shift = if shift < 14 { shift as u8 } else { 14 };
        let min = self.window_shift_min;
        if shift >= min {
            shift
        } else if min < 14 {
            min
        } else {
            14
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mss_leaves_room_for_fixed_headers() {
        let config = Config::default();
        assert_eq!((config.mss(true), config.mss(false)), (1460, 1440));
    }

    #[test]
    fn the_shift_covers_the_buffer() {
        for (buffer, shift) in [(65_535, 0), (65_536, 1), (256 * 1024, 3), (1 << 30, 14)] {
            let config = Config {
                receive_buffer: buffer,
                ..Config::default()
            };
            assert_eq!(config.window_shift(), shift, "{buffer}");
        }
    }

    #[test]
    fn a_larger_shift_may_be_chosen() {
        for (min, shift) in [(0, 3), (2, 3), (7, 7), (14, 14), (15, 14)] {
            let config = Config {
                window_shift_min: min,
                ..Config::default()
            };
            assert_eq!(config.window_shift(), shift, "{min}");
        }
    }
}
