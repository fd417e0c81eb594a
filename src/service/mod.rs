//! What a terminated connection talks to.
//!
//! A [`Service`] is called when something changed: text arrived, room to send appeared, the peer
//! closed. It reads from `conn.rx`, writes to `conn.tx` and returns; it never blocks. State of
//! its own fits into the two words of `conn.user`, so a service needs no table.
//!
//! [`by_name`] finds the services that come with the crate; each is one file here. They are
//! indifferent to where segments begin and end and to how little room there is to send: a call
//! takes what it can and leaves the rest unread.

mod chargen;
mod daytime;
mod discard;
mod echo;
mod http;

#[cfg(test)]
mod tests;

pub use crate::tcp::{End, Report};
pub use chargen::Chargen;
pub use daytime::Daytime;
pub use discard::Discard;
pub use echo::Echo;
pub use http::{HTTP_HEADER_BYTES, Http};

use crate::buffer::{Chain, Pool};
use crate::time::Instant;
use crate::wire::FourTuple;
use core::any::Any;

/// A server. One instance serves all connections of one listener on one shard.
pub trait Service: Any + Send {
    /// The connection reached ESTABLISHED. [`Service::on_ready`] follows.
    fn on_open(&mut self, _conn: &mut Conn<'_>) {}

    /// There is text to read, room to send, or the peer has finished; or several of them.
    /// Called again when more arrives or room appears, not because something was left unread; and
    /// not after [`Conn::close`], for then there is nothing left to read or to write.
    fn on_ready(&mut self, conn: &mut Conn<'_>);

    /// Something to know that ends nothing: urgent data, a peer that is silent, an ICMP error
    /// (RFC 9293 §3.9.1.8; MUST-47). Who does not want to know leaves it out (SHLD-20).
    fn on_report(&mut self, _tuple: &FourTuple, _user: &mut [u64; 2], _report: Report) {}

    /// The connection is over: both sides closed, or it was aborted (MUST-12).
    fn on_end(&mut self, _tuple: &FourTuple, _user: &mut [u64; 2], _end: End) {}

    /// A connection that we began did not reach ESTABLISHED: refused, given up or aborted before.
    /// Neither [`Service::on_open`] came before nor [`Service::on_end`] follows.
    fn on_failed(&mut self, _tuple: &FourTuple, _user: &mut [u64; 2], _end: End) {}
}

/// The services that come with the crate: name, and one line for people.
pub const NAMES: &[(&str, &str)] = &[
    ("echo", "returns what it receives (RFC 862)"),
    ("discard", "throws away what it receives (RFC 863)"),
    ("daytime", "sends the date and time, then closes (RFC 867)"),
    (
        "chargen",
        "sends characters until the peer closes (RFC 864)",
    ),
    (
        "http",
        "HTTP/1.1: `/` is a page, `/bytes/N` is N octets (RFC 9112)",
    ),
];

/// A new instance of the service with this name in [`NAMES`].
#[must_use]
pub fn by_name(name: &str) -> Option<Box<dyn Service>> {
    Some(match name {
        "echo" => Box::new(Echo),
        "discard" => Box::new(Discard),
        "daytime" => Box::new(Daytime::default()),
        "chargen" => Box::new(Chargen),
        "http" => Box::new(Http::default()),
        _ => return None,
    })
}

/// One connection, as its service sees it during a call.
#[derive(Debug)]
pub struct Conn<'a> {
    /// Text from the peer.
    pub rx: Reader<'a>,
    /// Text to the peer.
    pub tx: Writer<'a>,
    /// The service's own two words; zero when the connection opens.
    pub user: &'a mut [u64; 2],
    /// Who talks to whom.
    pub tuple: FourTuple,
    /// The time of this call.
    pub now: Instant,
    /// Octets, unread or still to come, up to the end of the peer's urgent data; 0 when there is
    /// none (MUST-33).
    pub urgent: u32,
    /// What the service asked for.
    pub asked: Asked,
}

/// What a service asked for during a call.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four wishes, each of them possible beside the others"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Send FIN once all text is sent; go on receiving.
    pub finish: bool,
    /// Send FIN once all text is sent; whatever the peer still sends is refused.
    pub close: bool,
    /// Send RST, forget everything.
    pub abort: bool,
    /// Send small segments at once (MUST-17).
    pub no_delay: bool,
    /// The first octets of what is queued, so many, are urgent.
    pub urgent: Option<u32>,
}

impl<'a> Conn<'a> {
    /// One connection during one call, nothing asked for yet.
    pub fn new(
        rx: Reader<'a>,
        tx: Writer<'a>,
        user: &'a mut [u64; 2],
        tuple: FourTuple,
        now: Instant,
    ) -> Self {
        Self {
            rx,
            tx,
            user,
            tuple,
            now,
            urgent: 0,
            asked: Asked::default(),
        }
    }

    /// CLOSE: no more text will be sent; the peer's is still read (RFC 9293 §3.10.4). The
    /// connection ends when the peer closes too.
    pub const fn finish(&mut self) {
        self.asked.finish = true;
    }

    /// Closes both ways: text that is queued is still sent, text that arrives from now on is
    /// answered by a reset (SHLD-3).
    pub const fn close(&mut self) {
        self.asked.close = true;
    }

    /// ABORT: a reset, and nothing more (RFC 9293 §3.10.5).
    pub const fn abort(&mut self) {
        self.asked.abort = true;
    }

    /// Queues text like [`Writer::send`], and tells the peer that it is urgent (MUST-30). For
    /// protocols that have always done so: SHLD-13.
    pub fn send_urgent(&mut self, text: &[u8]) -> usize {
        let sent = self.tx.send(text);
        if sent > 0 {
            self.asked.urgent = u32::try_from(self.tx.unacknowledged()).ok();
        }
        sent
    }

    /// Turns the Nagle algorithm off for this connection (MUST-17).
    pub const fn set_no_delay(&mut self) {
        self.asked.no_delay = true;
    }
}

/// Text from the peer, in order, not yet read.
///
/// Either the text still lies in the frame that brought it, or it was held in blocks; never both.
#[derive(Debug)]
pub struct Reader<'a> {
    frame_text: &'a [u8],
    held: &'a mut Chain,
    pool: &'a mut Pool,
    finished: bool,
}

impl<'a> Reader<'a> {
    /// Text in a frame or in blocks; `finished` when the peer's FIN stands behind it.
    pub fn new(
        frame_text: &'a [u8],
        held: &'a mut Chain,
        pool: &'a mut Pool,
        finished: bool,
    ) -> Self {
        debug_assert!(frame_text.is_empty() || held.is_empty());
        Self {
            frame_text,
            held,
            pool,
            finished,
        }
    }

    /// Octets that can be read.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.frame_text.len() + self.held.len()
    }

    /// The next octets that lie in one piece: all of them, or the rest of a block. Empty only
    /// when nothing is unread.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        if self.frame_text.is_empty() {
            self.pool.front(self.held)
        } else {
            self.frame_text
        }
    }

    /// Copies the next octets without reading them; returns how many there were.
    pub fn peek(&self, into: &mut [u8]) -> usize {
        if self.frame_text.is_empty() {
            return self.pool.read_at(self.held, 0, into);
        }
        let n = into.len().min(self.frame_text.len());
        into[..n].copy_from_slice(&self.frame_text[..n]);
        n
    }

    /// Marks the next `n` octets as read: the peer may send as many more.
    pub fn consume(&mut self, n: usize) {
        let n = n.min(self.unread());
        if self.frame_text.is_empty() {
            self.pool.consume(self.held, n);
        } else {
            self.frame_text = &self.frame_text[n..];
        }
    }

    /// Marks all that can be read as read, unseen.
    pub fn clear(&mut self) {
        self.frame_text = &[];
        // Not Pool::clear: text out of order that waits in the same blocks stays.
        let n = self.held.len();
        self.pool.consume(self.held, n);
    }

    /// Has the peer closed? Nothing follows what is unread, so half a message stays half.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.finished
    }

    /// Has the peer closed, and is everything read?
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished && self.unread() == 0
    }

    /// What is left in the frame. The shard holds it in blocks.
    #[must_use]
    pub const fn left_in_frame(&self) -> usize {
        self.frame_text.len()
    }
}

/// Text to the peer.
#[derive(Debug)]
pub struct Writer<'a> {
    queue: &'a mut Chain,
    pool: &'a mut Pool,
    limit: usize,
    starved: bool,
}

impl<'a> Writer<'a> {
    /// At most `limit` octets may wait in `queue`; 0 once the user has closed.
    pub const fn new(queue: &'a mut Chain, pool: &'a mut Pool, limit: usize) -> Self {
        Self {
            queue,
            pool,
            limit,
            starved: false,
        }
    }

    /// Octets that [`Writer::send`] would take now, unless the shard's buffers run out.
    #[must_use]
    pub fn space(&self) -> usize {
        self.limit.saturating_sub(self.queue.len())
    }

    /// Queues as much of `text` as there is room for; returns how much that was. SEND of
    /// RFC 9293 §3.10.2, with PUSH: nothing waits for more to come (MUST-60).
    pub fn send(&mut self, text: &[u8]) -> usize {
        let n = text.len().min(self.space());
        let sent = self.pool.append(self.queue, &text[..n]);
        self.starved |= sent < n;
        sent
    }

    /// Did the shard's blocks run out during this call? Then another call follows, unasked.
    #[must_use]
    pub const fn is_starved(&self) -> bool {
        self.starved
    }

    /// Octets queued that the peer has not acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.queue.len()
    }
}
