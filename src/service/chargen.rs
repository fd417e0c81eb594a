//! Character generator (RFC 864): lines of 72 printing characters until the peer closes. What
//! the peer sends is thrown away.

use super::{Conn, Service};

/// The printing characters of ASCII, from the space to the tilde.
const CHARACTERS: usize = 95;
const LINE_CHARACTERS: usize = 72;
/// A line with its CR LF.
const LINE_BYTES: usize = LINE_CHARACTERS + 2;

/// All lines, once round: each begins one character later than the one before.
static LINES: [u8; CHARACTERS * LINE_BYTES] = lines();

const fn lines() -> [u8; CHARACTERS * LINE_BYTES] {
    let mut lines = [0; CHARACTERS * LINE_BYTES];
    let mut at = 0;
    while at < lines.len() {
        let (line, column) = (at / LINE_BYTES, at % LINE_BYTES);
        lines[at] = match column {
            LINE_CHARACTERS => b'\r',
            c if c > LINE_CHARACTERS => b'\n',
            _ => b' ' + ((line + column) % CHARACTERS) as u8,
        };
        at += 1;
    }
    lines
}

/// Sends characters without end. Its first word is the position in the round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chargen;

impl Service for Chargen {
    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        conn.rx.clear();
        if conn.rx.is_finished() {
            return conn.close();
        }
        let mut at = conn.user[0] as usize;
        loop {
            let sent = conn.tx.send(&LINES[at..]);
            if sent == 0 {
                break;
            }
            at = (at + sent) % LINES.len();
        }
        conn.user[0] = at as u64;
    }
}
