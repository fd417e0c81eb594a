//! From tuples back to numbers.

use crate::ends::{PORTS, tuple};
use seawall::wire::FourTuple;

/// Which of [`tuple`]'s connections this is.
pub(crate) fn number(of: &FourTuple) -> u32 {
    let first = tuple(0).remote;
    let address = |octets| u32::from_be_bytes(octets);
    let host = address(of.remote.address.v4_octets()) - address(first.address.v4_octets());
    host * PORTS + u32::from(of.remote.port - first.port)
}
