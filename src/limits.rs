//! What we chose: sizes and counts, with the assertions that hold them together.

/// Frames that one ring call moves, and segments that one breath looks at.
pub const BURST_FRAMES: usize = 64;

/// Octets of one UMEM chunk. 2048 carries an MTU of 1500 with room for the kernel's headroom.
pub const CHUNK_BYTES: usize = 2048;

/// Octets at the head of a chunk that the kernel keeps for itself (`XDP_PACKET_HEADROOM`).
pub const CHUNK_HEADROOM: usize = 256;

/// Octets of a frame: what is left of a chunk.
pub const FRAME_BYTES: usize = CHUNK_BYTES - CHUNK_HEADROOM;

/// Octets of an Ethernet header with two VLAN tags.
pub const LINK_HEADER_BYTES: usize = 14 + 2 * 4;

/// Octets of the largest TCP header.
pub const TCP_HEADER_BYTES: usize = 60;

/// IPv6 extension headers that are walked before a packet is refused. The XDP program has the
/// same bound, in `xdp/seawall.h`.
pub const IPV6_EXTENSIONS: usize = 8;

/// Octets of one buffer block: the grain in which text is held for a connection.
pub const BLOCK_BYTES: usize = 4096;

/// Largest text that one frame may carry, whatever the MTU says.
pub const TEXT_BYTES: usize = FRAME_BYTES - LINK_HEADER_BYTES - 40 - TCP_HEADER_BYTES;

const _: () = assert!(CHUNK_BYTES.is_power_of_two());
const _: () = assert!(FRAME_BYTES >= 1514 + 8, "MTU 1500 with two VLAN tags");
const _: () = assert!(BLOCK_BYTES.is_power_of_two());
const _: () = assert!(
    BLOCK_BYTES > TEXT_BYTES,
    "a segment spans two blocks at most"
);
