//! Any octets into `wire`: nothing panics, and what was understood can be said again.

use seawall::limits::FRAME_BYTES;
use seawall::wire::{Checksum, Headers, Inquiry, LinkHeader, Packet, parse};

/// Takes `frame` as a frame.
pub fn run(frame: &[u8]) {
    let _ = LinkHeader::parse(frame);
    let strict = parse(frame, Checksum::Verify);
    let trusting = parse(frame, Checksum::TrustPartial);
    // What the strict one takes, the trusting one takes as the same.
    if strict.is_ok() {
        assert_eq!(strict, trusting);
    }
    if let Ok(packet) = trusting {
        check_packet(frame, &packet);
    }
    if let Ok(inquiry) = Inquiry::parse(frame) {
        check_inquiry(frame, &inquiry);
    }
}

// A packet that is emitted and parsed again is the same packet.
fn check_packet(frame: &[u8], packet: &Packet) {
    let text = packet.text(frame);
    assert_eq!(text.len(), packet.segment.text_len as usize);
    let headers = Headers {
        link: &packet.link,
        tuple: &packet.tuple.reversed(),
        segment: &packet.segment,
        hop_limit: 64,
        tos: packet.tos,
    };
    let mut room = vec![0; headers.len() + text.len()];
    let text_at = headers.len();
    room[text_at..].copy_from_slice(text);
    let Some(len) = headers.emit(&mut room) else {
        // A datagram with less headers than came may still be longer than one can be.
        assert!(room.len() > usize::from(u16::MAX), "{packet:?}");
        return;
    };
    assert_eq!(len, room.len());
    let again = parse(&room, Checksum::Verify);
    let again = again.unwrap_or_else(|reason| panic!("{reason:?}: {packet:?}"));
    assert_eq!(
        (again.link, again.tuple, again.tos),
        (packet.link, packet.tuple, packet.tos)
    );
    assert_eq!(again.text(&room), text);
    let (mut said, mut meant) = (again.segment, packet.segment);
    // Fields whose control bit is off mean nothing, and options that only a SYN may carry are not
    // said without one.
    for segment in [&mut said, &mut meant] {
        if !segment.ctl.ack {
            segment.ack.0 = 0;
        }
        if !segment.ctl.urg {
            segment.up = 0;
        }
        if !segment.ctl.syn {
            segment.options.mss = None;
            segment.options.window_scale = None;
            segment.options.sack_permitted = false;
        }
    }
    assert_eq!(said, meant);
}

// The answer to a question is none.
fn check_inquiry(frame: &[u8], inquiry: &Inquiry) {
    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
    let mut room = frame.to_vec();
    room.resize(frame.len().max(FRAME_BYTES), 0);
    let len = inquiry.answer(MAC, 64, &mut room).expect("there is room");
    let (link, _, _) = LinkHeader::parse(&room[..len]).expect("an answer is a frame");
    assert_eq!(link.source(), MAC);
    assert!(Inquiry::parse(&room[..len]).is_err(), "{inquiry:?}");
    // Where there is no room, nothing is said.
    let mut tight = frame.to_vec();
    let _ = inquiry.answer(MAC, 64, &mut tight);
}
