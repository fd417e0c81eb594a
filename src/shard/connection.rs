//! What a shard remembers of a connection beside its TCB.

use crate::buffer::Chain;
use crate::table::Handle;
use crate::tcp::Tcb;
use crate::wire::LinkHeader;

pub(super) struct Connection {
    // hot: every segment
    pub(super) tcb: Tcb,
    /// Whose it is; nobody's when its place is free.
    pub(super) owner: Option<Handle>,
    /// Text in order that the service has not read, and behind it text out of order.
    pub(super) received: Chain,
    /// Text to the peer that is not acknowledged.
    pub(super) to_send: Chain,
    /// The service's own words.
    pub(super) user: [u64; 2],
    /// The Ethernet header that leads to the peer.
    pub(super) link: LinkHeader,
    /// The queue that the peer's last segment came by.
    pub(super) queue: u16,
    /// DSCP and ECN of the peer's last segment.
    pub(super) tos: u8,
    pub(super) service: u16,
    /// The listener that it counts against.
    pub(super) listener: Option<u16>,
    /// One more than its place in `Shard::touched`; 0 when it is not there.
    pub(super) touched: u8,
    /// Its place is in `Shard::backlog`, whoever was there when it came in.
    pub(super) is_postponed: bool,
    /// Its service had text to send and the shard had no block for it.
    pub(super) is_starved: bool,
    /// Its service was told of it, and was not yet told of its end.
    pub(super) is_open: bool,
}

impl Connection {
    pub(super) fn new(tcb: Tcb, link: LinkHeader, queue: u16, service: u16) -> Self {
        Self {
            tcb,
            owner: None,
            received: Chain::default(),
            to_send: Chain::default(),
            user: [0; 2],
            link,
            queue,
            tos: 0,
            service,
            listener: None,
            touched: 0,
            is_postponed: false,
            is_starved: false,
            is_open: false,
        }
    }
}
