//! HTTP/1.1 (RFC 9110, RFC 9112): a page about itself, and as many octets as are asked for.
//!
//! Requests are read in `request`; what is answered, and how far the answer is, is `reply`. A
//! request stays unread until the reply before it is queued to its last octet, so pipelined
//! requests (RFC 9112 §9.3.2) wait in the receive window and cost nothing. All that is remembered
//! of a connection is one [`Reply`], in the two words of `conn.user`.
//!
//! Not here: request bodies (the connection closes after the reply), chunked coding, `Date` (the
//! data path has no wall clock: RFC 9110 §6.6.1), ranges, timeouts of idle connections.

mod reply;
mod request;

#[cfg(test)]
mod tests;

use super::{Conn, Reader, Service};
use reply::{After, Answer, HEAD_BYTES, Reply, Stage};
use request::Request;

/// The longest request line with its header, in octets; more is answered by 431. Connections need
/// a receive buffer of at least this size, or a header that long never becomes whole.
pub const HTTP_HEADER_BYTES: usize = 8192;

/// Serves `GET` and `HEAD` of `/` and `/bytes/N`. Allocates when it is made and never after.
#[derive(Debug)]
pub struct Http {
    /// A request that lies in several blocks, put together.
    request: Box<[u8; HTTP_HEADER_BYTES]>,
    /// The head of the reply that is being sent.
    head: [u8; HEAD_BYTES],
}

impl Default for Http {
    fn default() -> Self {
        Self {
            request: Box::new([0; HTTP_HEADER_BYTES]),
            head: [0; HEAD_BYTES],
        }
    }
}

impl Service for Http {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        let mut reply = Reply::from_words(*conn.user);
        loop {
            let go_on = match reply.stage {
                Stage::Await => self.read_request(conn, &mut reply),
                Stage::Head => self.send_head(conn, &mut reply),
                Stage::Body => send_body(conn, &mut reply),
                Stage::Sent => end_reply(conn, &mut reply),
                Stage::Drain => {
                    conn.rx.clear();
                    false
                }
            };
            if !go_on {
                break;
            }
        }
        *conn.user = reply.to_words();
    }
}

// Each step returns whether another one may follow now; `false` waits for the next call.

impl Http {
    fn read_request(&mut self, conn: &mut Conn<'_>, reply: &mut Reply) -> bool {
        skip_empty_lines(&mut conn.rx);
        if conn.rx.is_finished() {
            conn.close();
            reply.stage = Stage::Drain;
            return false;
        }
        let request = match self.next_request(&conn.rx) {
            Some(request) => request,
            None if conn.rx.is_complete() => Request::refused(Answer::BadRequest),
            None => return false,
        };
        conn.rx.consume(request.octets);
        *reply = request.reply;
        true
    }

    /// The request at the front, or what is wrong with it; `None` until more of it arrives.
    fn next_request(&mut self, rx: &Reader<'_>) -> Option<Request> {
        let front = rx.text();
        if front.is_empty() {
            return None;
        }
        let front = &front[..front.len().min(HTTP_HEADER_BYTES)];
        let mut request = request::parse(front);
        if request.is_none() && front.len() < rx.unread() {
            let octets = rx.peek(&mut self.request[..]);
            request = request::parse(&self.request[..octets]);
        }
        let is_too_large = rx.unread() >= HTTP_HEADER_BYTES;
        request.or_else(|| is_too_large.then(|| Request::refused(Answer::HeaderTooLarge)))
    }

    fn send_head(&mut self, conn: &mut Conn<'_>, reply: &mut Reply) -> bool {
        if conn.tx.space() == 0 {
            return false;
        }
        // Written anew for each piece, and the same each time.
        let head = reply.write_head(&mut self.head);
        let left = &head[usize::from(reply.head_sent)..];
        let sent = conn.tx.send(left);
        reply.head_sent += sent as u16;
        if sent < left.len() {
            return false;
        }
        reply.stage = if reply.head_only {
            Stage::Sent
        } else {
            Stage::Body
        };
        true
    }
}

fn send_body(conn: &mut Conn<'_>, reply: &mut Reply) -> bool {
    while reply.body_left > 0 {
        let sent = conn.tx.send(reply.body());
        if sent == 0 {
            return false;
        }
        reply.body_left -= sent as u64;
    }
    reply.stage = Stage::Sent;
    true
}

fn end_reply(conn: &mut Conn<'_>, reply: &mut Reply) -> bool {
    match reply.after {
        After::KeepAlive | After::KeepAliveSaid => *reply = Reply::default(),
        After::Close => {
            // Requests behind one that says `close` are not answered (RFC 9112 §9.6).
            conn.close();
            reply.stage = Stage::Drain;
        }
        After::Linger => {
            // The peer may still be sending. A reset for that could overtake the reply and take
            // it from the peer, so its text is read to the end (RFC 9112 §9.6).
            conn.finish();
            reply.stage = Stage::Drain;
        }
    }
    true
}

/// RFC 9112 §2.2: empty lines before a request are ignored.
fn skip_empty_lines(rx: &mut Reader<'_>) {
    loop {
        let text = rx.text();
        let is_line_end = |octet: &&u8| matches!(**octet, b'\r' | b'\n');
        let n = text.iter().take_while(is_line_end).count();
        if n == 0 {
            return;
        }
        rx.consume(n);
    }
}
