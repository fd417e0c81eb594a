//! One parsed segment: the RFC's SEG.* variables (RFC 9293 §3.3.1).

use super::Seq;

/// Control bits (RFC 9293 §3.1). ECE and CWR are parsed by nobody yet.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the bits themselves"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ctl {
    /// Urgent pointer field is significant.
    pub urg: bool,
    /// Acknowledgment field is significant.
    pub ack: bool,
    /// Push function.
    pub psh: bool,
    /// Reset the connection.
    pub rst: bool,
    /// Synchronize sequence numbers.
    pub syn: bool,
    /// No more data from sender.
    pub fin: bool,
}

impl Ctl {
    /// `<CTL=ACK>`
    pub const ACK: Self = Self {
        urg: false,
        ack: true,
        psh: false,
        rst: false,
        syn: false,
        fin: false,
    };
    /// `<CTL=SYN>`
    pub const SYN: Self = Self {
        ack: false,
        syn: true,
        ..Self::ACK
    };
    /// `<CTL=SYN,ACK>`
    pub const SYN_ACK: Self = Self {
        syn: true,
        ..Self::ACK
    };
    /// `<CTL=RST>`
    pub const RST: Self = Self {
        ack: false,
        rst: true,
        ..Self::ACK
    };
    /// `<CTL=RST,ACK>`
    pub const RST_ACK: Self = Self {
        rst: true,
        ..Self::ACK
    };
    /// `<CTL=FIN,ACK>`
    pub const FIN_ACK: Self = Self {
        fin: true,
        ..Self::ACK
    };

    /// The flags octet of the header.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        self.fin as u8
            | (self.syn as u8) << 1
            | (self.rst as u8) << 2
            | (self.psh as u8) << 3
            | (self.ack as u8) << 4
            | (self.urg as u8) << 5
    }

    /// From the flags octet of the header; ECE and CWR are ignored.
    #[must_use]
    pub const fn from_byte(bits: u8) -> Self {
        Self {
            fin: bits & 1 != 0,
            syn: bits & 2 != 0,
            rst: bits & 4 != 0,
            psh: bits & 8 != 0,
            ack: bits & 16 != 0,
            urg: bits & 32 != 0,
        }
    }
}

/// The Timestamps option (RFC 7323 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timestamps {
    /// `TSval`: the sender's clock.
    pub val: u32,
    /// `TSecr`: the clock value that it echoes; means nothing unless ACK is set.
    pub ecr: u32,
}

/// Options of one segment, as far as we know them (RFC 9293 §3.2, RFC 7323, RFC 2018).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Maximum segment size. Only a SYN may carry it (MUST-65).
    pub mss: Option<u16>,
    /// Window scale shift, already limited to 14 (RFC 7323 §2.3). Only a SYN may carry it.
    pub window_scale: Option<u8>,
    /// SACK-permitted (RFC 2018 §2). Only a SYN may carry it.
    pub sack_permitted: bool,
    /// Timestamps.
    pub timestamps: Option<Timestamps>,
}

/// A segment whose checksum is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// SEG.SEQ
    pub seq: Seq,
    /// SEG.ACK; means nothing unless `ctl.ack`.
    pub ack: Seq,
    /// The window field as it stands in the header, not scaled: only the connection knows the
    /// shift (RFC 7323 §2.3). Unsigned (MUST-1), and 32 bits wide in a connection (REC-1).
    pub wnd: u16,
    /// SEG.UP; means nothing unless `ctl.urg`.
    pub up: u16,
    /// Control bits.
    pub ctl: Ctl,
    /// Octets of text.
    pub text_len: u32,
    /// Options.
    pub options: Options,
}

/// Octets that arrived ahead of a hole: from `left` to before `right` (RFC 2018 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SackBlock {
    /// The first of them.
    pub left: Seq,
    /// The first behind them.
    pub right: Seq,
}

impl Segment {
    /// SEG.LEN: the text, and the controls that occupy sequence space.
    #[expect(
        clippy::len_without_is_empty,
        reason = "SEG.LEN is a number, not a container size"
    )]
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.text_len + self.ctl.syn as u32 + self.ctl.fin as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 9293 §3.1: URG is the highest of the six, FIN the lowest.
    #[test]
    fn each_control_bit_has_its_place() {
        let rows = [
            (Ctl::ACK, 0b01_0000),
            (Ctl::SYN, 0b00_0010),
            (Ctl::SYN_ACK, 0b01_0010),
            (Ctl::RST, 0b00_0100),
            (Ctl::RST_ACK, 0b01_0100),
            (Ctl::FIN_ACK, 0b01_0001),
        ];
        for (ctl, bits) in rows {
            assert_eq!(ctl.to_byte(), bits, "{ctl:?}");
        }
        for bits in 0..=u8::MAX {
            let ctl = Ctl::from_byte(bits);
            assert_eq!(ctl.to_byte(), bits & 0b11_1111);
            let named = [ctl.fin, ctl.syn, ctl.rst, ctl.psh, ctl.ack, ctl.urg];
            for (place, on) in named.into_iter().enumerate() {
                assert_eq!(on, bits >> place & 1 == 1);
            }
        }
    }

    #[test]
    fn syn_and_fin_occupy_one_sequence_number_each() {
        let rows = [
            (Ctl::ACK, 0),
            (Ctl::SYN, 1),
            (Ctl::SYN_ACK, 1),
            (Ctl::FIN_ACK, 1),
            (Ctl::RST, 0),
        ];
        for (ctl, controls) in rows {
            for text_len in [0, 1, 1460] {
                let segment = Segment {
                    ctl,
                    text_len,
                    ..Segment::default()
                };
                assert_eq!(segment.len(), text_len + controls, "{ctl:?}");
            }
        }
    }
}
