//! Segments written by hand into a port in memory.

use seawall::limits::FRAME_BYTES;
use seawall::nic::memory::MemoryPort;
use seawall::time::Instant;
use seawall::wire::{FourTuple, Headers, LinkHeader, Segment};

pub(crate) const LINK: LinkHeader = LinkHeader::new([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);

/// Sends `segment` with its `text` to the server. `tuple` is seen from the client.
pub(crate) fn send(
    port: &mut MemoryPort,
    now: Instant,
    tuple: &FourTuple,
    segment: &Segment,
    text: &[u8],
) {
    let headers = Headers {
        link: &LINK,
        tuple,
        segment,
        hop_limit: 64,
        tos: 0,
    };
    let mut frame = [0; FRAME_BYTES];
    let at = headers.len();
    frame[at..at + text.len()].copy_from_slice(text);
    let len = headers.emit(&mut frame).expect("it fits");
    assert!(port.send_bytes(now, &frame[..len]), "frames come back");
}
