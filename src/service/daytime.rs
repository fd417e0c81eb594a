//! Daytime (RFC 867): the server sends one line with the date and time and closes, whatever the
//! peer says. The server closes first, so TIME-WAIT is the server's.

use super::{Conn, Service};
use httpdate::HttpDate;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `Sun, 06 Nov 1994 08:49:37 GMT` and CR LF. RFC 867 leaves the form open; this is the one of
/// RFC 9110 §5.6.7.
const LINE_BYTES: usize = 31;

/// The last second of the year 9999: the form has four digits for it.
const SECONDS_MAX: u64 = 253_402_300_799;

/// Sends the date and time, once for each connection.
#[derive(Clone, Copy, Debug)]
pub struct Daytime {
    clock: fn() -> SystemTime,
}

impl Daytime {
    /// A server that reads `clock` once for each connection.
    #[must_use]
    pub const fn new(clock: fn() -> SystemTime) -> Self {
        Self { clock }
    }
}

impl Default for Daytime {
    fn default() -> Self {
        Self::new(SystemTime::now)
    }
}

impl Service for Daytime {
    /// The moment that is told is the one at which the connection opened: it stays the same when
    /// the line leaves in pieces.
    fn on_open(&mut self, conn: &mut Conn<'_>) {
        let since_epoch = (self.clock)().duration_since(UNIX_EPOCH);
        conn.user[0] = since_epoch.map_or(0, |d| d.as_secs().min(SECONDS_MAX));
    }

    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        conn.rx.clear();
        let [seconds, sent] = &mut *conn.user;
        if *sent < LINE_BYTES as u64 {
            *sent += conn.tx.send(&line(*seconds)[*sent as usize..]) as u64;
        }
        if *sent == LINE_BYTES as u64 {
            // Not close(): what the peer sends meanwhile is thrown away, and must not be answered
            // by a reset that takes the line from it.
            conn.finish();
        }
    }
}

fn line(seconds: u64) -> [u8; LINE_BYTES] {
    let mut line = [0; LINE_BYTES];
    let date = HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds));
    let mut rest = &mut line[..];
    write!(rest, "{date}\r\n").expect("all dates to the year 9999 have this length");
    line
}
