//! `poll`, `epoll` and the `ioctl`s that ask how much waits.

use super::calls::{Answer, Calls, Outcome, Pending, counted, done};
use super::info::Info;
use super::stack::Stack;
use super::values::{field, number, word};
use crate::script::Expr;
use seawall::socket::{Errno, Readiness, SocketId};
use std::time::Duration;

/// More than waits on any connection.
const WAITING_MAX: usize = 1 << 22;
/// `POLLNVAL`
const NO_SOCKET: i64 = 0x20;

/// What is watched by an `epoll`, each by its number and with its events.
#[derive(Clone, Debug, Default)]
pub(super) struct Watched(Vec<(i64, i64)>);

impl Calls {
    // Each event that is expected, and no other. With a time-out it waits for the first.
    pub(super) fn poll(
        &mut self,
        pending: &mut Pending,
        events: &Expr,
        timeout: &Expr,
        stack: &mut Stack,
    ) -> Answer {
        let Expr::List(entries) = events else {
            return Err(format!("`{events}` is no list of events"));
        };
        let mut ready = Vec::new();
        for entry in entries {
            let (fd, asked) = (field(entry, "fd")?, field(entry, "events")?);
            ready.push((self.events_of(number(fd)?, number(asked)?, stack), entry));
        }
        let count = ready.iter().filter(|(events, _)| *events != 0).count();
        if count == 0 && !is_over(pending, number(timeout)?, stack) {
            return Ok(Outcome::Blocks);
        }
        for (actual, entry) in ready {
            if let Ok(expected) = field(entry, "revents")
                && *expected != Expr::Ellipsis
                && number(expected)? != actual
            {
                return Err(format!("expected: {entry}\n  actual: revents={actual:#x}"));
            }
        }
        Ok(counted(Ok(count)))
    }

    // What a socket is ready for, of what was asked and of what is always told.
    fn events_of(&mut self, fd: i64, asked: i64, stack: &mut Stack) -> i64 {
        let always = i64::from((Readiness::ERR | Readiness::HUP).bits());
        let Ok(id) = self.id(&Expr::Number(fd)) else {
            return NO_SOCKET;
        };
        let ready = stack.sockets.poll(id);
        ready.map_or(NO_SOCKET, |ready| {
            i64::from(ready.bits()) & (asked | always)
        })
    }

    pub(super) const fn epoll_create() -> Outcome {
        Outcome::Epoll
    }

    pub(super) fn epoll_ctl(
        &mut self,
        epoll: &Expr,
        command: &Expr,
        fd: &Expr,
        event: &Expr,
    ) -> Answer {
        let (fd, epoll) = (number(fd)?, number(epoll)?);
        let watched = self.watched(epoll)?;
        let at = watched.0.iter().position(|(known, _)| *known == fd);
        let events = |event| field(event, "events").and_then(number);
        let is_done = match (word(command)?, at) {
            ("EPOLL_CTL_ADD", None) => {
                watched.0.push((fd, events(event)?));
                Ok(())
            }
            ("EPOLL_CTL_MOD", Some(at)) => {
                watched.0[at].1 = events(event)?;
                Ok(())
            }
            ("EPOLL_CTL_DEL", Some(at)) => {
                watched.0.remove(at);
                Ok(())
            }
            ("EPOLL_CTL_ADD", Some(_)) => Err(Errno::EEXIST),
            ("EPOLL_CTL_MOD" | "EPOLL_CTL_DEL", None) => Err(Errno::ENOENT),
            (command, _) => return Err(format!("{command} is not known to this runner")),
        };
        Ok(done(is_done))
    }

    // Told by level, in the order in which they were added.
    pub(super) fn epoll_wait(
        &mut self,
        pending: &mut Pending,
        epoll: &Expr,
        events: &Expr,
        timeout: &Expr,
        stack: &mut Stack,
    ) -> Answer {
        let epoll = number(epoll)?;
        let watched = self.watched(epoll)?.0.clone();
        let mut ready = Vec::new();
        for (fd, asked) in watched {
            let actual = self.events_of(fd, asked, stack);
            if actual != 0 {
                ready.push((fd, actual));
            }
        }
        if ready.is_empty() && !is_over(pending, number(timeout)?, stack) {
            return Ok(Outcome::Blocks);
        }
        let entries = match events {
            Expr::List(entries) => entries.as_slice(),
            Expr::Ellipsis => &[],
            one => std::slice::from_ref(one),
        };
        for (entry, (fd, actual)) in entries.iter().zip(&ready) {
            let expected = field(entry, "events").and_then(number)?;
            let expected_fd = field(entry, "fd").and_then(number).unwrap_or(*fd);
            if (expected_fd, expected) != (*fd, *actual) {
                return Err(format!(
                    "expected: {entry}\n  actual: events={actual:#x}, fd={fd}"
                ));
            }
        }
        Ok(counted(Ok(ready.len())))
    }

    fn watched(&mut self, epoll: i64) -> Result<&mut Watched, String> {
        let watched = self.epolls.get_mut(&epoll);
        watched.ok_or_else(|| format!("{epoll} is no epoll"))
    }

    pub(super) fn ioctl(
        &mut self,
        fd: &Expr,
        command: &str,
        expected: &Expr,
        stack: &mut Stack,
    ) -> Answer {
        let id = self.id(fd)?;
        let status = Info::of(id, stack).and_then(|info| info.status().copied());
        let queued = status.map(|it| (it.unacknowledged, it.unsent));
        let actual = match command {
            "FIONREAD" | "SIOCINQ" => waiting(id, stack),
            "SIOCOUTQ" | "TIOCOUTQ" | "FIONWRITE" => {
                queued.map_or(0, |(sent, unsent)| i64::from(sent) + i64::from(unsent))
            }
            "SIOCOUTQNSD" => queued.map_or(0, |(_, unsent)| unsent.into()),
            _ => return Err(format!("{command} is not known to this runner")),
        };
        if matches!(expected, Expr::Ellipsis) || number(expected)? == actual {
            return Ok(Outcome::Done(0));
        }
        Err(format!("expected: {expected}\n  actual: {actual}"))
    }
}

fn waiting(id: SocketId, stack: &mut Stack) -> i64 {
    // To peek would tell an error, and so use it up.
    if stack
        .sockets
        .poll(id)
        .is_ok_and(|ready| ready.has(Readiness::ERR))
    {
        return 0;
    }
    let now = stack.instant();
    let mut into = vec![0; WAITING_MAX];
    // Nothing has come, or there is nothing to read from.
    let waiting = stack.sockets.peek(id, &mut into, now).unwrap_or(0);
    i64::try_from(waiting).unwrap_or(i64::MAX)
}

// Is the time that a call may wait, in milliseconds, over? Less than nothing is for ever.
fn is_over(pending: &mut Pending, timeout: i64, stack: &Stack) -> bool {
    let Ok(timeout) = u64::try_from(timeout) else {
        return false;
    };
    let wake = *pending
        .wake
        .get_or_insert(stack.now() + Duration::from_millis(timeout));
    stack.now() >= wake
}
