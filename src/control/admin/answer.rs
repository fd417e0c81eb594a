//! The server's side of one client: reads the question, walks the tables, writes as it goes.

use super::PATIENCE;
use super::filter::Filter;
use super::pace::{Pace, STEP};
use super::protocol::{
    Ask, Connection, Cursor, Line, List, Matching, REQUEST_BYTES_MAX, Server, ShardStats, Stats,
    VERSION,
};
use crate::control::counts::{Counts, by_state};
use crate::control::view::ServerView;
use crate::shard::{Counters, Note, Ticks};
use crate::table::Entry;
use crate::tcp::State;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

/// Octets that are written at once.
const WRITE_BYTES: usize = 64 * 1024;

/// Who answers.
pub(super) struct Desk {
    view: ServerView,
    stop: Arc<AtomicBool>,
    pace: Pace,
}

impl Desk {
    pub(super) fn new(view: ServerView, stop: Arc<AtomicBool>) -> Self {
        Self {
            view,
            stop,
            pace: Pace::default(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        // Relaxed: the flag says only itself.
        self.stop.load(Ordering::Relaxed)
    }

    /// Tells a client that there are too many.
    pub(super) fn turn_away(stream: &UnixStream) {
        let busy = Line::Error("too many ask at once: try again in a moment".into());
        // Its socket is empty, so this does not wait. If it hung up there is nobody to tell.
        let _ = write(&busy, &mut &*stream);
    }

    /// Answers one client. If it hung up there is nobody to tell.
    pub(super) fn attend(&self, stream: &UnixStream) {
        let answered = self.answer(stream);
        if let Err(error) = answered {
            tracing::debug!("a client of the admin socket was given up: {error}");
        }
        // Whoever seated it has the same socket, and would keep it open.
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn answer(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut out = BufWriter::with_capacity(WRITE_BYTES, stream);
        match read_question(stream) {
            Ok(ask) => self.reply(&ask, &mut out)?,
            Err(why) => write(&Line::Error(why), &mut out)?,
        }
        out.flush()
    }

    /// Writes the answer to `ask`.
    pub(super) fn reply(&self, ask: &Ask, out: &mut impl Write) -> io::Result<()> {
        write(&Line::Server(self.server()), out)?;
        match ask {
            Ask::List(list) => self.list(list, out),
            Ask::Count(filter) => write(&Line::Counts(self.count(filter)), out),
            Ask::Stats => write(&Line::Stats(self.stats()), out),
        }
    }

    fn server(&self) -> Server {
        Server {
            version: VERSION,
            pid: std::process::id(),
            interfaces: self.view.interfaces.clone(),
            uptime_s: self.view.clock.elapsed().as_secs_f64(),
        }
    }

    fn list(&self, list: &List, out: &mut impl Write) -> io::Result<()> {
        let mut shown = None;
        let mut left = list.limit.unwrap_or(u64::MAX);
        for (cursor, entry, note) in self.walk(&list.filter, list.after) {
            if left == 0 {
                return write(&Line::End { next: shown }, out);
            }
            let connection = Connection::new(cursor, &entry, &note, self.now());
            write(&Line::Connection(connection), out)?;
            (left, shown) = (left - 1, Some(cursor));
        }
        self.check_open()?;
        write(&Line::End { next: None }, out)
    }

    fn count(&self, filter: &Filter) -> Matching {
        let mut states = [0; State::ALL.len()];
        for (_, _, note) in self.walk(filter, None) {
            states[note.state as usize] += 1;
        }
        Matching {
            total: states.iter().sum(),
            states: by_state(&states),
        }
    }

    fn stats(&self) -> Stats {
        let mut sum = Counters::default();
        let mut shards = Vec::new();
        for (shard, view) in (0..).zip(&self.view.shards) {
            let counters = view.counters();
            sum.merge(&counters);
            shards.push(ShardStats {
                shard,
                cpu: view.cpu(),
                counts: Counts::from(&counters),
                states: by_state(&counters.states),
            });
        }
        let xdp = self.view.xdp.counts();
        sum.cookies.sent += xdp.answers();
        Stats {
            uptime_s: self.view.clock.elapsed().as_secs_f64(),
            counts: Counts::from(&sum).with_xdp(&xdp),
            states: by_state(&sum.states),
            shards,
        }
    }

    // Connections that `filter` admits, behind `after`, in order of shards and slots. It ends
    // early when the desk closes.
    fn walk(
        &self,
        filter: &Filter,
        after: Option<Cursor>,
    ) -> impl Iterator<Item = (Cursor, Entry, Note)> {
        let shards = (0..).zip(&self.view.shards);
        let tables = shards.filter_map(|(shard, view)| Some((shard, view.reader()?)));
        let met = tables.flat_map(move |(shard, reader)| {
            let first = match after {
                Some(after) if shard < after.shard => u32::MAX,
                Some(after) if shard == after.shard => after.slot.saturating_add(1),
                _ => 0,
            };
            let mut now = self.now();
            let slots = reader.places(first).map_while(move |slot| {
                if slot.is_multiple_of(STEP) {
                    now = self.step()?;
                }
                Some((Cursor { shard, slot }, now))
            });
            slots.filter_map(|(cursor, now)| Some((cursor, reader.at(cursor.slot)?, now)))
        });
        met.filter_map(|(cursor, entry, now)| {
            let note = Note::of(&entry)?;
            let is_wanted = filter.admits(&entry.tuple, &note, now);
            is_wanted.then_some((cursor, entry, note))
        })
    }

    // Waits for the next step of a walk; `None` when there is none, for the desk is closed.
    fn step(&self) -> Option<Ticks> {
        let wait = self.pace.turn(self.view.clock.now());
        if !wait.is_zero() {
            thread::sleep(wait);
        }
        (!self.is_closed()).then(|| self.now())
    }

    fn now(&self) -> Ticks {
        Ticks::of(self.view.clock.now())
    }

    fn check_open(&self) -> io::Result<()> {
        if self.is_closed() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

fn read_question(stream: &UnixStream) -> Result<Ask, String> {
    let mut line = String::new();
    let limited = stream.take(REQUEST_BYTES_MAX as u64);
    let read = BufReader::new(limited).read_line(&mut line);
    read.map_err(|error| format!("no question: {error}"))?;
    if !line.ends_with('\n') {
        return Err(format!(
            "no question: want one line of {REQUEST_BYTES_MAX} octets at most"
        ));
    }
    Ask::from_line(&line)
}

fn write(line: &Line, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
