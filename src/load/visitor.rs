//! Our end of each connection: does what the pattern says, sees what comes back, closes.

use super::answer::{self, Answer};
use super::progress::{Progress, Stage};
use super::{BYTES_MAX, Cause, Close, Pattern, Plan, Tally};
use crate::service::{Conn, End, HTTP_HEADER_BYTES, Service};
use crate::time::Instant;
use crate::wire::FourTuple;
use core::net::SocketAddr;
use hdrhistogram::Histogram;

/// Octet n of a stream is n modulo this, which is no power of two: a block that is lost, doubled
/// or misplaced shows.
const PERIOD: usize = 251;
const PIECE_BYTES: usize = 32 * PERIOD;

/// A piece can begin anywhere in the first period and have its full length.
static PATTERN: [u8; PIECE_BYTES + PERIOD] = pattern();

const fn pattern() -> [u8; PIECE_BYTES + PERIOD] {
    let mut pattern = [0; PIECE_BYTES + PERIOD];
    let mut at = 0;
    while at < pattern.len() {
        pattern[at] = (at % PERIOD) as u8;
        at += 1;
    }
    pattern
}

// The stream from octet `at` on, `len` octets or one piece.
fn piece(at: u32, len: usize) -> &'static [u8] {
    let begin = at as usize % PERIOD;
    &PATTERN[begin..begin + len.min(PIECE_BYTES)]
}

/// The service at our end of every connection of a load.
///
/// A service is not told when a connection ends, and cannot reset one whose handshake's ACK has
/// not left. So whoever drives it sets [`Visitor::now`] before each breath, and empties
/// [`Visitor::ended`] and [`Visitor::resets`] after it.
#[derive(Debug)]
pub struct Visitor {
    /// The time of this breath.
    pub now: Instant,
    /// Connections that are held are to go.
    pub is_releasing: bool,
    /// What was seen so far.
    pub tally: Tally,
    /// Tuples whose connections are over.
    pub ended: Vec<FourTuple>,
    /// Tuples whose connections are to be aborted.
    pub resets: Vec<FourTuple>,
    pattern: Pattern,
    close: Close,
    bytes: Option<u32>,
    request: Vec<u8>,
    /// A header that lies in several blocks, put together.
    header: Box<[u8; HTTP_HEADER_BYTES]>,
}

impl Visitor {
    /// For a load as `plan` has it, that leaves its traces in `tally`.
    #[must_use]
    pub fn new(plan: &Plan, tally: Tally) -> Self {
        let path = plan.bytes.map_or("/".into(), |n| format!("/bytes/{n}"));
        let connection = match plan.close {
            Close::Peer => "Connection: close\r\n",
            Close::Fin | Close::Rst => "",
        };
        let host = SocketAddr::from(plan.target);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{connection}\r\n");
        Self {
            now: Instant::ZERO,
            is_releasing: false,
            tally,
            ended: Vec::with_capacity(plan.at_once() as usize),
            resets: Vec::with_capacity(plan.at_once() as usize),
            pattern: plan.pattern,
            close: plan.close,
            bytes: plan.bytes,
            request: request.into_bytes(),
            header: Box::new([0; HTTP_HEADER_BYTES]),
        }
    }

    // Goes on with the exchange as far as it goes; `Some` when it is done: well, or not.
    fn exchange(&mut self, conn: &mut Conn<'_>, progress: &mut Progress) -> Option<Exchange> {
        match self.pattern {
            Pattern::Connect => {
                conn.rx.clear();
                Some(Exchange::Done)
            }
            Pattern::Hold => {
                conn.rx.clear();
                let is_left = conn.rx.is_finished() && !self.is_releasing;
                if is_left {
                    return Some(Exchange::Wrong);
                }
                self.is_releasing.then_some(Exchange::Done)
            }
            Pattern::Request => self.ask(conn, progress),
            Pattern::Stream => self.stream(conn, progress),
        }
    }

    fn ask(&mut self, conn: &mut Conn<'_>, progress: &mut Progress) -> Option<Exchange> {
        let left = self.request.get(progress.sent as usize..)?;
        progress.sent += conn.tx.send(left) as u32;
        if progress.stage == Stage::Exchange && conn.rx.unread() > 0 {
            match self.read_header(conn) {
                Answer::Partial => {}
                Answer::Wrong => return Some(Exchange::Wrong),
                Answer::Ok { header, body } => {
                    let is_asked = self.bytes.is_none_or(|bytes| u64::from(bytes) == body);
                    if !is_asked || body > BYTES_MAX.into() {
                        return Some(Exchange::Wrong);
                    }
                    conn.rx.consume(header);
                    progress.stage = Stage::Body;
                    progress.received = body as u32;
                }
            }
        }
        if progress.stage == Stage::Body {
            let there = conn.rx.unread();
            let taken = there.min(progress.received as usize);
            conn.rx.consume(taken);
            progress.received -= taken as u32;
            if progress.received == 0 {
                // More than was announced answers nothing that was asked.
                let is_over = conn.rx.unread() == 0;
                return Some(if is_over {
                    Exchange::Done
                } else {
                    Exchange::Wrong
                });
            }
        }
        conn.rx.is_complete().then_some(Exchange::Wrong)
    }

    fn read_header(&mut self, conn: &Conn<'_>) -> Answer {
        let unread = conn.rx.unread();
        let mut answer = answer::read(conn.rx.text());
        if answer == Answer::Partial && conn.rx.text().len() < unread {
            let octets = conn.rx.peek(&mut self.header[..]);
            answer = answer::read(&self.header[..octets]);
        }
        if answer == Answer::Partial && unread >= HTTP_HEADER_BYTES {
            return Answer::Wrong;
        }
        answer
    }

    fn stream(&mut self, conn: &mut Conn<'_>, progress: &mut Progress) -> Option<Exchange> {
        let bytes = self.bytes.unwrap_or_default();
        while progress.sent < bytes {
            let left = (bytes - progress.sent) as usize;
            let sent = conn.tx.send(piece(progress.sent, left));
            if sent == 0 {
                break;
            }
            progress.sent += sent as u32;
        }
        if !check_echo(conn, progress, bytes) {
            return Some(Exchange::Wrong);
        }
        let is_over = progress.sent == bytes && conn.tx.unacknowledged() == 0;
        match (is_over, conn.rx.is_complete()) {
            (true, _) => Some(Exchange::Done),
            (false, true) => Some(Exchange::Wrong),
            (false, false) => None,
        }
    }

    // The exchange is done: closes as planned.
    fn release(&mut self, conn: &mut Conn<'_>, progress: &mut Progress) {
        match self.close {
            Close::Rst => {
                self.resets.push(conn.tuple);
                progress.stage = Stage::Resetting;
            }
            Close::Peer if !conn.rx.is_complete() => {
                progress.stage = Stage::Waiting;
                return;
            }
            Close::Fin | Close::Peer => {
                conn.finish();
                progress.stage = Stage::Closing;
            }
        }
        progress.release = conn.now.as_micros();
    }

    fn outcome(&self, progress: &Progress, end: End) -> Result<(), Cause> {
        if progress.stage == Stage::Wrong {
            return Err(Cause::Data);
        }
        match end {
            End::Closed if self.is_echo_whole(progress) => Ok(()),
            End::Closed => Err(Cause::Data),
            End::Aborted if progress.stage == Stage::Resetting => Ok(()),
            // Nobody else aborts what has time left.
            End::Aborted | End::TimedOut => Err(Cause::Timeout),
            End::Reset => Err(Cause::Rst),
            End::Refused | End::Unreachable => Err(Cause::Refused),
        }
    }

    fn is_echo_whole(&self, progress: &Progress) -> bool {
        let whole = self.bytes.unwrap_or_default();
        self.pattern != Pattern::Stream || [0, whole].contains(&progress.received)
    }

    fn count(&mut self, tuple: &FourTuple, progress: &Progress, end: End) {
        let now = self.now.as_micros();
        match self.outcome(progress, end) {
            Ok(()) => {
                self.tally.released += 1;
                record(&mut self.tally.life, progress.start, now);
                record(&mut self.tally.release, progress.release, now);
            }
            Err(cause) => self.tally.fail(cause),
        }
        self.ended.push(*tuple);
    }
}

// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exchange {
    Done,
    Wrong,
}

// What comes back must be what was sent, from the first octet on.
fn check_echo(conn: &mut Conn<'_>, progress: &mut Progress, bytes: u32) -> bool {
    loop {
        let text = conn.rx.text();
        let expected = piece(progress.received, text.len());
        let len = expected.len();
        let is_same = text.get(..len) == Some(expected);
        if len == 0 || !is_same || len > (bytes - progress.received) as usize {
            return len == 0;
        }
        conn.rx.consume(len);
        progress.received += len as u32;
    }
}

fn record(histogram: &mut Histogram<u64>, start: u64, end: u64) {
    histogram.saturating_record(end.saturating_sub(start));
}

impl Service for Visitor {
    fn on_open(&mut self, conn: &mut Conn<'_>) {
        let mut progress = Progress::from_words(*conn.user);
        self.tally.opened += 1;
        record(
            &mut self.tally.handshake,
            progress.start,
            conn.now.as_micros(),
        );
        progress.stage = Stage::Exchange;
        conn.set_no_delay();
        *conn.user = progress.to_words();
    }

    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        let mut progress = Progress::from_words(*conn.user);
        if conn.rx.unread() > 0 && !progress.is_heard {
            progress.is_heard = true;
            record(
                &mut self.tally.first_byte,
                progress.start,
                conn.now.as_micros(),
            );
        }
        match progress.stage {
            Stage::Opening | Stage::Exchange | Stage::Body => {
                match self.exchange(conn, &mut progress) {
                    Some(Exchange::Done) => self.release(conn, &mut progress),
                    Some(Exchange::Wrong) => self.reject(conn, &mut progress),
                    None => {}
                }
            }
            Stage::Waiting | Stage::Closing if self.pattern == Pattern::Stream => {
                if !check_echo(conn, &mut progress, self.bytes.unwrap_or_default()) {
                    self.reject(conn, &mut progress);
                }
            }
            Stage::Waiting | Stage::Closing | Stage::Resetting | Stage::Wrong => conn.rx.clear(),
        }
        if progress.stage == Stage::Waiting && conn.rx.is_complete() {
            self.release(conn, &mut progress);
        }
        *conn.user = progress.to_words();
    }

    fn on_end(&mut self, tuple: &FourTuple, user: &mut [u64; 2], end: End) {
        self.count(tuple, &Progress::from_words(*user), end);
    }

    fn on_failed(&mut self, tuple: &FourTuple, user: &mut [u64; 2], end: End) {
        // A reset before ESTABLISHED refuses, whichever segment it answered.
        let end = if end == End::Reset { End::Refused } else { end };
        self.count(tuple, &Progress::from_words(*user), end);
    }
}

impl Visitor {
    fn reject(&mut self, conn: &mut Conn<'_>, progress: &mut Progress) {
        conn.rx.clear();
        progress.stage = Stage::Wrong;
        self.resets.push(conn.tuple);
    }
}
