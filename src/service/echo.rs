//! Echo (RFC 862): what the peer sends, it gets back.

use super::{Conn, Service};

/// Returns what it receives. Text that finds no room to go back stays unread, so a peer that does
/// not listen is slowed down by its own window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Service for Echo {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        loop {
            let sent = conn.tx.send(conn.rx.text());
            if sent == 0 {
                break;
            }
            conn.rx.consume(sent);
        }
        if conn.rx.is_finished() {
            conn.close();
        }
    }
}
