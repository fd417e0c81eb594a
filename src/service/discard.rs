//! Discard (RFC 863): what the peer sends is thrown away, and nothing is answered.

use super::{Conn, Service};

/// Throws away what it receives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Service for Discard {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        conn.rx.clear();
        if conn.rx.is_finished() {
            conn.close();
        }
    }
}
