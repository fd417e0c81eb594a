//! A Unix socket by which others ask a server that runs: `seawall list`, `seawall stats`.
//!
//! # The protocol, version 1
//!
//! A connection is one question: one line of JSON, [`REQUEST_BYTES_MAX`] octets at most, answered
//! by lines of JSON, then closed. Every line of an answer is an object with one name, its kind
//! ([`Line`]); unknown names are to be ignored.
//!
//! ```text
//! {"version":1,"ask":{"list":{"filter":{"states":["TIME-WAIT"]},"after":"0:17","limit":100}}}
//! {"version":1,"ask":{"count":{"port":80}}}
//! {"version":1,"ask":"stats"}
//! ```
//!
//! | line | of | says |
//! |---|---|---|
//! | `server` | all, first | version, process, interfaces, uptime |
//! | `connection` | `list`, any number | a connection |
//! | `end` | `list`, last | `next`: the cursor that the next page goes on after; `null` at the end |
//! | `counts` | `count` | how many connections match, in all and by state |
//! | `stats` | `stats` | counters |
//! | `error` | all, last | why there is no answer, or no more of it |
//!
//! A cursor is a shard and a slot of its table. Connections do not move between slots, so one that
//! is there from the first page to the last is on one page, whatever comes and goes meanwhile.
//!
//! # What it costs
//!
//! The shards nothing but the cache lines that a walk reads: they take no lock, and are not asked;
//! and a walk goes slowly enough to leave the memory to them (`pace`). An answer goes out as it is
//! found, so a long one takes no memory. Each client has a thread, at most [`CLIENTS_MAX`]; one
//! that does not read holds up only itself, and is given up after [`PATIENCE`]. No thread here has
//! a capability.

mod answer;
mod client;
mod error;
mod filter;
mod pace;
mod protocol;
mod socket;
#[cfg(test)]
mod tests;

pub use client::{Answer, ask};
pub use error::Error;
pub use filter::{Ends, Filter};
pub use protocol::{
    Ask, Connection, Cursor, Line, List, Matching, REQUEST_BYTES_MAX, Server, ShardStats,
    StateName, Stats, VERSION,
};
pub use socket::{AdminSocket, default_path, directory, running};

use super::view::ServerView;
use super::worker::drop_capabilities;
use crate::time::Duration;
use answer::Desk;
use core::sync::atomic::{AtomicBool, Ordering};
use nix::sys::socket::{Shutdown, shutdown};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle, Scope, ScopedJoinHandle};

/// Clients at once; others are told to come back.
pub const CLIENTS_MAX: usize = 8;

/// How long a client may take to ask, or to read what fills its socket.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Answers at a socket until it is dropped; then the socket is gone.
#[derive(Debug)]
pub struct Admin {
    socket: AdminSocket,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Begins to answer for the server that `view` is of.
    pub fn start(socket: AdminSocket, view: ServerView) -> io::Result<Self> {
        let listener = socket.listener().try_clone()?;
        let stop = Arc::new(AtomicBool::new(false));
        let desk = Desk::new(view, Arc::clone(&stop));
        let builder = thread::Builder::new().name("admin".into());
        let thread = builder.spawn(move || {
            if let Err(error) = drop_capabilities() {
                tracing::warn!("cannot give up the capabilities of the admin thread: {error}");
            }
            accept(&listener, &desk);
        })?;
        Ok(Self {
            socket,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        // Relaxed: the flag says only itself.
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread from its accept.
        let _ = shutdown(self.socket.listener().as_raw_fd(), Shutdown::Both);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the admin thread died");
        }
    }
}

// Takes clients until the desk closes; then hangs up on those who are left.
fn accept(listener: &UnixListener, desk: &Desk) {
    thread::scope(|scope| {
        let mut clients: Vec<(UnixStream, ScopedJoinHandle<'_, ()>)> = Vec::new();
        while !desk.is_closed() {
            match listener.accept() {
                Ok((stream, _)) => {
                    clients.retain(|(_, thread)| !thread.is_finished());
                    if clients.len() == CLIENTS_MAX {
                        Desk::turn_away(&stream);
                    } else if let Some(client) = seat(scope, desk, stream) {
                        clients.push(client);
                    }
                }
                Err(_) if desk.is_closed() => break,
                // Out of descriptors, say: that passes.
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
        for (stream, _) in clients {
            // Who has hung up before us is served as well.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    });
}

// `None` where the machine has no thread or descriptor left for it: the client sees a hang-up.
fn seat<'scope>(
    scope: &'scope Scope<'scope, '_>,
    desk: &'scope Desk,
    stream: UnixStream,
) -> Option<(UnixStream, ScopedJoinHandle<'scope, ()>)> {
    let ours = stream.try_clone().ok()?;
    // Threads have the capabilities of the thread that starts them: none.
    let builder = thread::Builder::new().name("admin-client".into());
    let thread = builder.spawn_scoped(scope, move || desk.attend(&stream));
    Some((ours, thread.ok()?))
}
