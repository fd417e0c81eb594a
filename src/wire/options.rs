//! TCP options: MSS, window scale, SACK-permitted and timestamps (RFC 9293 §3.2, RFC 7323,
//! RFC 2018 §2), in any segment (MUST-4, MUST-5). SACK itself is written and not read: it and all
//! others are skipped by their length (MUST-6, MUST-68).

use super::{Ctl, Options, SackBlock, Timestamps};
use crate::drop_reason::DropReason;
use arrayvec::ArrayVec;

/// The largest shift of a window (RFC 7323 §2.3).
pub(super) const SHIFT_MAX: u8 = 14;

/// Words of 32 bits that the options of a header can take.
pub(super) const WORDS_MAX: usize = 10;

/// Two NOPs, kind and length of SACK, and one block of it.
const SACK_HEAD_BYTES: usize = 4;
const SACK_BLOCK_BYTES: usize = 8;

const END: u8 = 0;
pub(super) const NOP: u8 = 1;
pub(super) const MSS: u8 = 2;
pub(super) const WINDOW_SCALE: u8 = 3;
pub(super) const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
pub(super) const TIMESTAMPS: u8 = 8;

/// Reads the options of a segment. They need not be aligned (MUST-64), and of two of a kind the
/// later counts. What only a SYN may carry is taken from a SYN alone (MUST-65).
///
/// Departs from RFC 9293 §3.1, which does not say what to do with a known option of the wrong
/// length: the segment is refused, for whatever was meant, it was not this.
#[inline]
pub(super) fn parse(bytes: &[u8], ctl: Ctl) -> Result<Options, DropReason> {
    // As RFC 7323 Appendix A lays them out, on nearly every segment of a connection.
    if let (&[[NOP, NOP, TIMESTAMPS, 10], val, ecr], []) = bytes.as_chunks() {
        return Ok(Options {
            timestamps: Some(timestamps(val, ecr)),
            ..Options::default()
        });
    }
    if bytes.is_empty() {
        return Ok(Options::default());
    }
    // Field by field: a copy of what was just written by smaller pieces costs more than all of this.
    let Options {
        mss,
        window_scale,
        sack_permitted,
        timestamps,
    } = parse_any(bytes, ctl)?;
    Ok(Options {
        mss,
        window_scale,
        sack_permitted,
        timestamps,
    })
}

#[inline(never)]
fn parse_any(bytes: &[u8], ctl: Ctl) -> Result<Options, DropReason> {
    let mut options = Options::default();
    let mut rest = bytes;
    loop {
        let len = match *rest {
            [] | [END, ..] => return Ok(options),
            [NOP, ..] => 1,
            [_, len, ..] if len >= 2 => usize::from(len),
            _ => return Err(DropReason::TcpOptions), // MUST-7
        };
        let (option, behind) = rest.split_at_checked(len).ok_or(DropReason::TcpOptions)?;
        match *option {
            [MSS, _, high, low] if ctl.syn => options.mss = Some(u16::from_be_bytes([high, low])),
            [WINDOW_SCALE, _, shift] if ctl.syn => {
                options.window_scale = Some(shift.min(SHIFT_MAX));
            }
            [SACK_PERMITTED, _] if ctl.syn => options.sack_permitted = true,
            [TIMESTAMPS, _, ref values @ ..] => match values.as_chunks() {
                (&[val, ecr], []) => options.timestamps = Some(timestamps(val, ecr)),
                _ => return Err(DropReason::TcpOptions),
            },
            [MSS, _, _, _] | [WINDOW_SCALE, _, _] | [SACK_PERMITTED, _] => {}
            [MSS | WINDOW_SCALE | SACK_PERMITTED, ..] => {
                return Err(DropReason::TcpOptions);
            }
            _ => {}
        }
        rest = behind;
    }
}

/// Octets that the options of a segment with these control bits take in its header, a multiple of
/// four: what they leave of the MSS is for text (RFC 9293 §3.7.1, MUST-16).
#[must_use]
pub const fn tcp_options_len(options: &Options, ctl: Ctl) -> usize {
    let sack_permitted = ctl.syn && options.sack_permitted;
    let mss = if ctl.syn && options.mss.is_some() {
        4
    } else {
        0
    };
    let window_scale = if ctl.syn && options.window_scale.is_some() {
        4
    } else {
        0
    };
    let others = match (options.timestamps, sack_permitted) {
        (Some(_), _) => 12,
        (None, true) => 4,
        (None, false) => 0,
    };
    mss + others + window_scale
}

/// The options as they stand in a header, in words: NOPs make every mix end on one, so there
/// is no padding behind an end of the list (MUST-69).
#[inline]
pub(super) fn emit(options: &Options, ctl: Ctl) -> ArrayVec<u32, WORDS_MAX> {
    let mut words = ArrayVec::new();
    let sack_permitted = ctl.syn && options.sack_permitted;
    if let (true, Some(mss)) = (ctl.syn, options.mss) {
        words.push(u32::from_be_bytes([MSS, 4, 0, 0]) | u32::from(mss));
    }
    if let Some(timestamps) = options.timestamps {
        let [first, second] = if sack_permitted {
            [SACK_PERMITTED, 2]
        } else {
            [NOP, NOP]
        };
        words.push(u32::from_be_bytes([first, second, TIMESTAMPS, 10]));
        words.push(timestamps.val);
        words.push(timestamps.ecr);
    } else if sack_permitted {
        words.push(u32::from_be_bytes([NOP, NOP, SACK_PERMITTED, 2]));
    }
    if let (true, Some(shift)) = (ctl.syn, options.window_scale) {
        words.push(u32::from_be_bytes([
            NOP,
            WINDOW_SCALE,
            3,
            shift.min(SHIFT_MAX),
        ]));
    }
    words
}

/// As many of these blocks, the first of them first (RFC 2018 §3), as there is room for behind
/// `options_len` octets of other options.
pub(super) fn fitting(blocks: &[SackBlock], options_len: usize) -> &[SackBlock] {
    let room = (WORDS_MAX * 4).saturating_sub(options_len + SACK_HEAD_BYTES);
    &blocks[..blocks.len().min(room / SACK_BLOCK_BYTES)]
}

/// Octets that these blocks take in a header.
pub(super) const fn sack_len(blocks: &[SackBlock]) -> usize {
    match blocks.len() {
        0 => 0,
        n => SACK_HEAD_BYTES + n * SACK_BLOCK_BYTES,
    }
}

/// Adds these blocks, which fit, to the options of a segment.
pub(super) fn emit_sack(blocks: &[SackBlock], words: &mut ArrayVec<u32, WORDS_MAX>) {
    if !blocks.is_empty() {
        let len = 2 + (blocks.len() * SACK_BLOCK_BYTES) as u8;
        words.push(u32::from_be_bytes([NOP, NOP, SACK, len]));
        words.extend(blocks.iter().flat_map(|it| [it.left.0, it.right.0]));
    }
}

const fn timestamps(val: [u8; 4], ecr: [u8; 4]) -> Timestamps {
    Timestamps {
        val: u32::from_be_bytes(val),
        ecr: u32::from_be_bytes(ecr),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Seq;

    const ALL: Options = Options {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps {
            val: 0x0102_0304,
            ecr: 0x0506_0708,
        }),
    };
    const NONE: Options = Options {
        mss: None,
        window_scale: None,
        sack_permitted: false,
        timestamps: None,
    };
    const STAMPED: Options = Options {
        timestamps: ALL.timestamps,
        ..NONE
    };

    fn emitted(options: &Options, ctl: Ctl) -> Vec<u8> {
        let words = emit(options, ctl);
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn options_stand_as_linux_puts_them() {
        let unstamped = Options {
            timestamps: None,
            ..ALL
        };
        let rows: [(Options, Ctl, &[u8]); 5] = [
            (
                ALL,
                Ctl::SYN,
                &[
                    2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7,
                ],
            ),
            (
                unstamped,
                Ctl::SYN_ACK,
                &[2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7],
            ),
            (ALL, Ctl::ACK, &[1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]),
            (STAMPED, Ctl::SYN, &[1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8]),
            (unstamped, Ctl::ACK, &[]),
        ];
        for (options, ctl, octets) in rows {
            assert_eq!(emitted(&options, ctl), octets, "{options:?} {ctl:?}");
        }
    }

    #[test]
    fn every_mix_survives_and_has_the_length_foretold() {
        for mix in 0..16 {
            let options = Options {
                mss: ALL.mss.filter(|_| mix & 1 != 0),
                window_scale: ALL.window_scale.filter(|_| mix & 2 != 0),
                sack_permitted: mix & 4 != 0,
                timestamps: ALL.timestamps.filter(|_| mix & 8 != 0),
            };
            for ctl in [Ctl::SYN, Ctl::SYN_ACK, Ctl::ACK, Ctl::FIN_ACK, Ctl::RST] {
                let octets = emitted(&options, ctl);
                assert_eq!(octets.len(), tcp_options_len(&options, ctl));
                let want = if ctl.syn {
                    options
                } else {
                    Options {
                        timestamps: options.timestamps,
                        ..NONE
                    }
                };
                assert_eq!(parse(&octets, ctl), Ok(want));
            }
        }
    }

    #[test]
    fn blocks_of_sack_fill_the_room_that_is_left() {
        let blocks: Vec<SackBlock> = (1..=5)
            .map(|n| SackBlock {
                left: Seq(n << 8),
                right: Seq(n << 8 | 1),
            })
            .collect();
        let words = |options, count: usize| {
            let blocks = fitting(&blocks[..count], tcp_options_len(options, Ctl::ACK));
            let mut words = emit(options, Ctl::ACK);
            emit_sack(blocks, &mut words);
            let len = tcp_options_len(options, Ctl::ACK) + sack_len(blocks);
            assert_eq!(words.len() * 4, len, "as foretold");
            words.to_vec()
        };
        assert!(words(&NONE, 0).is_empty());
        assert_eq!(words(&NONE, 1), [0x0101_050a, 0x100, 0x101]);
        assert_eq!(words(&NONE, 5)[0], 0x0101_0522, "four of five");
        assert_eq!(words(&NONE, 5).len(), 9);
        let stamped = words(&STAMPED, 5);
        assert_eq!(stamped[3..6], [0x0101_051a, 0x100, 0x101], "three of five");
        assert_eq!(stamped.len(), 10);
    }

    #[test]
    fn what_is_read_of_options() {
        const REFUSED: Result<Options, DropReason> = Err(DropReason::TcpOptions);
        let mss = |mss| {
            Ok(Options {
                mss: Some(mss),
                ..NONE
            })
        };
        let shift = |shift| {
            Ok(Options {
                window_scale: Some(shift),
                ..NONE
            })
        };
        let rows: &[(&[u8], Ctl, Result<Options, DropReason>)] = &[
            (&[], Ctl::SYN, Ok(NONE)),
            (&[0], Ctl::SYN, Ok(NONE)),
            (&[1, 1, 1, 1], Ctl::SYN, Ok(NONE)),
            // what is behind the end of the list is not read
            (&[0, 2, 4, 5], Ctl::SYN, Ok(NONE)),
            (&[2, 4, 5, 180, 0, 9, 9, 9], Ctl::SYN, mss(1460)),
            // MUST-64: aligned or not
            (&[1, 2, 4, 5, 180], Ctl::SYN, mss(1460)),
            (&[1, 1, 1, 2, 4, 5, 180, 0], Ctl::SYN, mss(1460)),
            (
                &[1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0],
                Ctl::ACK,
                Ok(STAMPED),
            ),
            // MUST-65 and its like
            (&[2, 4, 5, 180], Ctl::ACK, Ok(NONE)),
            (&[3, 3, 7, 0], Ctl::ACK, Ok(NONE)),
            (&[4, 2, 0, 0], Ctl::ACK, Ok(NONE)),
            // RFC 7323 §2.3
            (&[3, 3, 14], Ctl::SYN, shift(14)),
            (&[3, 3, 15], Ctl::SYN, shift(14)),
            (&[3, 3, 255], Ctl::SYN, shift(14)),
            // MUST-6: SACK, fast open, experiments, one of 34 octets
            (
                &[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 2, 4, 0, 9],
                Ctl::SYN,
                mss(9),
            ),
            (&[34, 2, 254, 4, 1, 2, 2, 4, 0, 9], Ctl::SYN, mss(9)),
            // the later of two counts
            (&[2, 4, 0, 8, 2, 4, 0, 9], Ctl::SYN, mss(9)),
            // MUST-7: lengths that lie
            (&[2], Ctl::SYN, REFUSED),
            (&[99], Ctl::SYN, REFUSED),
            (&[99, 0, 0, 0], Ctl::SYN, REFUSED),
            (&[99, 1, 0, 0], Ctl::SYN, REFUSED),
            (&[2, 0, 5, 180], Ctl::SYN, REFUSED),
            (&[1, 1, 99, 3], Ctl::SYN, REFUSED),
            (&[99, 255, 0, 0], Ctl::SYN, REFUSED),
            (&[2, 4, 5], Ctl::SYN, REFUSED),
            (&[1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7], Ctl::ACK, REFUSED),
            // known, but not so long
            (&[2, 3, 5, 0], Ctl::SYN, REFUSED),
            (&[2, 5, 5, 1, 0], Ctl::SYN, REFUSED),
            (&[3, 2, 0, 0], Ctl::SYN, REFUSED),
            (&[4, 3, 0, 0], Ctl::SYN, REFUSED),
            (&[4, 3, 0, 0], Ctl::ACK, REFUSED),
            (&[8, 4, 0, 0], Ctl::ACK, REFUSED),
        ];
        for (octets, ctl, want) in rows {
            assert_eq!(&parse(octets, *ctl), want, "{octets:?}");
        }
    }
}
