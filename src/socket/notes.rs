//! The service behind all sockets: it reads and writes nothing, and notes what became of whom.

use crate::service::{Conn, End, Service};
use crate::wire::FourTuple;

/// What happened to a connection, in the order in which it did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// It reached ESTABLISHED.
    Opened(FourTuple),
    /// The peer has finished, and this is what was not read of its text.
    Complete(FourTuple, Vec<u8>),
    /// It is over.
    Ended(FourTuple, End),
    /// It never reached ESTABLISHED, and we began it.
    Failed(FourTuple, End),
}

/// What was noted since somebody looked.
#[derive(Debug, Default)]
pub(super) struct Notes(pub(super) Vec<Note>);

impl Service for Notes {
    fn on_open(&mut self, conn: &mut Conn<'_>) {
        self.0.push(Note::Opened(conn.tuple));
    }

    // Text stays where it is until it is read, so that the window closes. Behind the peer's FIN
    // there is no window any more, and the connection may be gone before its user has read: the
    // text, a receive buffer at most, is taken out of it.
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        if !conn.rx.is_complete() || core::mem::replace(&mut conn.user[0], 1) == 1 {
            return;
        }
        let mut text = vec![0; conn.rx.unread()];
        conn.rx.peek(&mut text);
        conn.rx.clear();
        self.0.push(Note::Complete(conn.tuple, text));
    }

    fn on_end(&mut self, tuple: &FourTuple, _user: &mut [u64; 2], end: End) {
        self.0.push(Note::Ended(*tuple, end));
    }

    fn on_failed(&mut self, tuple: &FourTuple, _user: &mut [u64; 2], end: End) {
        self.0.push(Note::Failed(*tuple, end));
    }
}
