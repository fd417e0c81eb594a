//! The system calls that a script may make, and what they must return; those about options are in
//! `sockopt`.

use super::info::Info;
use super::ready::Watched;
use super::settings::Settings;
use super::stack::Stack;
use super::tracks::Tracks;
use super::values::{MSG_DONTWAIT, MSG_PEEK, O_NONBLOCK, address, field, number, vector_len, word};
use crate::script::{Expr, Syscall};
use seawall::socket::{Errno, How, Readiness, SocketId};
use seawall::tcp::State;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

/// More than a buffer of the stack holds, in one call.
const TEXT_MAX: usize = 1 << 24;
/// `O_RDWR`.
const READ_WRITE: i64 = 2;
/// `O_NONBLOCK` of FreeBSD.
const NONBLOCK_BSD: i64 = 4;

/// What has been done of a call that blocks.
#[derive(Debug, Default)]
pub(super) struct Pending {
    is_begun: bool,
    /// Octets that were written.
    written: usize,
    /// When it waits no longer, counted from the beginning of the script.
    pub(super) wake: Option<Duration>,
    /// The socket that it closes.
    closing: Option<SocketId>,
}

/// What a call came to.
pub(super) enum Outcome {
    Done(i64),
    Failed(Errno),
    /// It waits, whatever the socket's flags say.
    Blocks,
    /// An `epoll`, which gets its number from the script.
    Epoll,
    /// A socket, which gets its number from the script.
    Socket(SocketId),
}

type Parts<'a> = (&'a mut Stack, &'a mut Tracks);
pub(super) type Answer = Result<Outcome, String>;

struct Descriptor {
    id: SocketId,
    is_nonblocking: bool,
}

/// The sockets of a script by their numbers.
pub(super) struct Calls {
    descriptors: HashMap<i64, Descriptor>,
    pub(super) epolls: HashMap<i64, Watched>,
    /// Options that were not set, because this stack has no such choice.
    pub(super) unset: Vec<String>,
    /// The one that was used last, for assertions.
    last: Option<SocketId>,
    local: SocketAddr,
    remote: SocketAddr,
}

impl Calls {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            descriptors: HashMap::new(),
            epolls: HashMap::new(),
            unset: Vec::new(),
            last: None,
            local: SocketAddr::new(settings.local, settings.port),
            remote: SocketAddr::new(settings.remote, settings.port),
        }
    }

    /// Makes a call, or tries it again; `false` while it blocks.
    ///
    /// # Errors
    /// It returned something else than the script says, or is not known.
    pub(super) fn attempt(
        &mut self,
        pending: &mut Pending,
        call: &Syscall,
        parts: Parts<'_>,
    ) -> Result<bool, String> {
        let outcome = self.outcome(pending, call, parts);
        let outcome = outcome.map_err(|what| format!("{}: {what}", call.name))?;
        pending.is_begun = true;
        if matches!(outcome, Outcome::Blocks) {
            return Ok(false);
        }
        if let Outcome::Failed(Errno::EAGAIN | Errno::EINPROGRESS | Errno::EALREADY) = outcome
            && self.blocks(call)
        {
            return Ok(false);
        }
        self.check(call, &outcome).map(|()| true)
    }

    // Does this call wait for what is not there yet?
    fn blocks(&self, call: &Syscall) -> bool {
        let flags = match call.name.as_str() {
            "recv" | "send" | "recvfrom" | "sendto" => call.arguments.get(3),
            "recvmsg" | "sendmsg" => call.arguments.get(2),
            _ => None,
        };
        let flags = flags.map_or(Ok(0), number).unwrap_or(0);
        let descriptor = call.arguments.first().map(number);
        let descriptor = descriptor.and_then(|number| self.descriptors.get(&number.ok()?));
        flags & MSG_DONTWAIT == 0 && descriptor.is_some_and(|it| !it.is_nonblocking)
    }

    fn check(&mut self, call: &Syscall, outcome: &Outcome) -> Result<(), String> {
        let told = match outcome {
            Outcome::Done(value) => format!("{value}"),
            Outcome::Failed(errno) => format!("-1 {errno:?}"),
            Outcome::Socket(_) => "a socket".into(),
            Outcome::Epoll => "an epoll".into(),
            Outcome::Blocks => "it blocks".into(),
        };
        let is_as_expected = match (&call.result, outcome) {
            (Expr::Ellipsis, _) => true,
            (_, Outcome::Failed(errno)) => {
                let expected = call.errno.as_deref().map(|it| match it {
                    "EWOULDBLOCK" => "EAGAIN",
                    other => other,
                });
                number(&call.result)? == -1 && expected.is_none_or(|it| it == format!("{errno:?}"))
            }
            (_, Outcome::Blocks) => false,
            (result, Outcome::Done(value)) => number(result)? == *value,
            (result, Outcome::Epoll) => {
                let number = number(result)?;
                self.epolls.insert(number, Watched::default());
                number >= 0
            }
            (result, Outcome::Socket(id)) => {
                let descriptor = Descriptor {
                    id: *id,
                    is_nonblocking: has_flag(call, "SOCK_NONBLOCK"),
                };
                let number = number(result)?;
                self.descriptors.insert(number, descriptor);
                number >= 0
            }
        };
        if is_as_expected {
            return Ok(());
        }
        Err(format!("expected: {call}\n  actual: {told}"))
    }

    fn outcome(&mut self, pending: &mut Pending, call: &Syscall, parts: Parts<'_>) -> Answer {
        let (stack, tracks) = parts;
        let now = stack.instant();
        let arguments = call.arguments.as_slice();
        match (call.name.as_str(), arguments) {
            ("socket", [_, kind, _]) => self.socket(kind, stack),
            ("bind", [fd, to, _]) => {
                let at = address(to, self.local)?;
                Ok(done(stack.sockets.bind(self.id(fd)?, at.into())))
            }
            ("listen", [fd, backlog]) => self.listen(fd, backlog, (stack, tracks)),
            ("accept", [fd, _, _]) | ("accept4", [fd, _, _, _]) => {
                Ok(match stack.sockets.accept(self.id(fd)?, now) {
                    Ok((id, _)) => {
                        self.last = Some(id);
                        Outcome::Socket(id)
                    }
                    Err(errno) => Outcome::Failed(errno),
                })
            }
            ("connect", [fd, to, _]) => self.connect(pending, fd, to, (stack, tracks)),
            ("read", [fd, _, len]) => self.read(fd, number(len)?, 0, stack),
            ("recv", [fd, _, len, flags]) | ("recvfrom", [fd, _, len, flags, ..]) => {
                self.read(fd, number(len)?, number(flags)?, stack)
            }
            ("readv", [fd, vector, _]) => self.read(fd, vector_len(vector)?, 0, stack),
            ("recvmsg", [fd, message, flags]) => {
                let len = vector_len(field(message, "msg_iov")?)?;
                self.read(fd, len, number(flags)?, stack)
            }
            ("write", [fd, _, len])
            | ("send", [fd, _, len, _])
            | ("sendto", [fd, _, len, _, ..]) => self.write(pending, fd, number(len)?, stack),
            ("writev", [fd, vector, _]) => self.write(pending, fd, vector_len(vector)?, stack),
            ("sendmsg", [fd, message, _]) => {
                let len = vector_len(field(message, "msg_iov")?)?;
                self.write(pending, fd, len, stack)
            }
            ("shutdown", [fd, how]) => {
                let how = match number(how)? {
                    0 => How::Read,
                    1 => How::Write,
                    2 => How::Both,
                    _ => return Ok(Outcome::Failed(Errno::EINVAL)),
                };
                Ok(done(stack.sockets.shutdown(self.id(fd)?, how, now)))
            }
            ("close", [fd]) => self.close(pending, fd, call.until.is_some(), stack),
            ("poll", [events, _, timeout]) => self.poll(pending, events, timeout, stack),
            ("epoll_create" | "epoll_create1", [_]) => Ok(Self::epoll_create()),
            ("epoll_ctl", [epoll, command, fd, event]) => self.epoll_ctl(epoll, command, fd, event),
            ("epoll_wait", [epoll, events, _, timeout]) => {
                self.epoll_wait(pending, epoll, events, timeout, stack)
            }
            ("ioctl", [fd, command, value]) => self.ioctl(fd, word(command)?, value, stack),
            ("fcntl", [fd, command, ..]) => self.fcntl(fd, word(command)?, call),
            ("setsockopt", [fd, _, name, value, _]) => self.set(fd, word(name)?, value, stack),
            ("getsockopt", [fd, _, name, value, _]) => self.look(fd, word(name)?, value, stack),
            (name, arguments) => Err(format!(
                "{name} with {} arguments is not known to this runner",
                arguments.len()
            )),
        }
    }

    pub(super) fn id(&mut self, fd: &Expr) -> Result<SocketId, String> {
        let number = number(fd)?;
        let descriptor = self.descriptors.get(&number);
        let descriptor = descriptor.ok_or_else(|| format!("{number} is no socket"))?;
        self.last = Some(descriptor.id);
        Ok(descriptor.id)
    }

    fn socket(&mut self, kind: &Expr, stack: &mut Stack) -> Answer {
        if number(kind)? & 0xf != 1 {
            return Err(format!("{kind} is not known to this runner"));
        }
        let id = stack.sockets.socket();
        self.last = Some(id);
        Ok(Outcome::Socket(id))
    }

    fn listen(&mut self, fd: &Expr, backlog: &Expr, (stack, tracks): Parts<'_>) -> Answer {
        let id = self.id(fd)?;
        let backlog = u32::try_from(number(backlog)?).unwrap_or(0);
        let listens = stack.sockets.listen(id, backlog);
        if listens.is_ok() {
            let bound = stack.sockets.local(id).ok().flatten();
            let port = bound.map_or(self.local.port(), |local| local.port);
            tracks.listen(SocketAddr::new(self.local.ip(), port));
        }
        Ok(done(listens))
    }

    fn connect(
        &mut self,
        pending: &Pending,
        fd: &Expr,
        to: &Expr,
        (stack, tracks): Parts<'_>,
    ) -> Answer {
        let id = self.id(fd)?;
        if !pending.is_begun {
            let remote = address(to, self.remote)?;
            let begun = stack.sockets.connect(id, remote.into(), stack.instant());
            if matches!(begun, Ok(()) | Err(Errno::EINPROGRESS)) {
                tracks.connect(remote);
            }
            return Ok(done(begun));
        }
        let is_over = stack
            .sockets
            .poll(id)
            .is_ok_and(|ready| ready.has(Readiness::OUT));
        if !is_over {
            return Ok(Outcome::Failed(Errno::EINPROGRESS));
        }
        Ok(match stack.sockets.error(id) {
            Ok(None) => Outcome::Done(0),
            Ok(Some(errno)) | Err(errno) => Outcome::Failed(errno),
        })
    }

    fn read(&mut self, fd: &Expr, len: i64, flags: i64, stack: &mut Stack) -> Answer {
        let id = self.id(fd)?;
        let mut into = vec![0; text_len(len)?];
        let now = stack.instant();
        let read = if flags & MSG_PEEK == 0 {
            stack.sockets.read(id, &mut into, now)
        } else {
            stack.sockets.peek(id, &mut into, now)
        };
        Ok(counted(read))
    }

    // A call that blocks returns when all is written.
    fn write(&mut self, pending: &mut Pending, fd: &Expr, len: i64, stack: &mut Stack) -> Answer {
        let id = self.id(fd)?;
        let is_nonblocking = self
            .descriptors
            .get(&number(fd)?)
            .is_some_and(|it| it.is_nonblocking);
        let text = vec![0; text_len(len)? - pending.written];
        let written = stack.sockets.write(id, &text, stack.instant());
        if is_nonblocking {
            return Ok(counted(written));
        }
        Ok(match written {
            Ok(n) => {
                pending.written += n;
                if n < text.len() {
                    Outcome::Failed(Errno::EAGAIN)
                } else {
                    Outcome::Done(len)
                }
            }
            Err(errno) => Outcome::Failed(errno),
        })
    }

    fn fcntl(&mut self, fd: &Expr, command: &str, call: &Syscall) -> Answer {
        let descriptor = self.descriptors.get_mut(&number(fd)?);
        let Some(descriptor) = descriptor else {
            return Ok(Outcome::Failed(Errno::EBADF));
        };
        match (command, call.arguments.get(2)) {
            ("F_GETFL", _) => {
                let expected = number(&call.result).unwrap_or(0);
                let blocking = [READ_WRITE];
                let nonblocking = [READ_WRITE | O_NONBLOCK, READ_WRITE | NONBLOCK_BSD];
                let flags = if descriptor.is_nonblocking {
                    nonblocking.as_slice()
                } else {
                    blocking.as_slice()
                };
                // Either system's number will do.
                let flags = flags
                    .iter()
                    .find(|it| **it == expected)
                    .unwrap_or(&flags[0]);
                Ok(Outcome::Done(*flags))
            }
            ("F_SETFL", Some(flags)) => {
                descriptor.is_nonblocking = number(flags)? & (O_NONBLOCK | NONBLOCK_BSD) != 0;
                Ok(Outcome::Done(0))
            }
            _ => Err(format!("{command} is not known to this runner")),
        }
    }

    // With a linger it returns when the peer has acknowledged all, or the linger is over; but only
    // where the script says that it waits.
    fn close(
        &mut self,
        pending: &mut Pending,
        fd: &Expr,
        waits: bool,
        stack: &mut Stack,
    ) -> Answer {
        if let Some(id) = pending.closing {
            let is_out = matches!(
                stack.sockets.state(id),
                Ok(State::FinWait1 | State::Closing | State::LastAck)
            );
            let is_late = pending.wake.is_none_or(|wake| stack.now() >= wake);
            return Ok(if is_out && !is_late {
                Outcome::Blocks
            } else {
                Outcome::Done(0)
            });
        }
        if self.epolls.remove(&number(fd)?).is_some() {
            return Ok(Outcome::Done(0));
        }
        let id = self.id(fd)?;
        let linger = stack.sockets.settings(id).ok().and_then(|it| it.linger);
        let descriptor = self.descriptors.remove(&number(fd)?);
        let closed = stack.sockets.close(id, stack.instant());
        let is_blocking = descriptor.is_some_and(|it| !it.is_nonblocking);
        if let Some(linger) = linger.filter(|_| waits && is_blocking && closed.is_ok()) {
            pending.wake = Some(stack.now() + linger);
            pending.closing = Some(id);
            return Ok(Outcome::Blocks);
        }
        Ok(done(closed))
    }

    /// What assertions speak of: the socket that was used last.
    pub(super) fn last_info(&self, stack: &mut Stack) -> Option<Info> {
        Info::of(self.last?, stack)
    }
}

fn has_flag(call: &Syscall, flag: &str) -> bool {
    call.arguments.iter().any(|argument| match argument {
        Expr::Word(word) => word == flag,
        Expr::Union(all) => all.contains(&Expr::Word(flag.into())),
        _ => false,
    })
}

pub(super) fn done(result: Result<(), Errno>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done(0),
        Err(errno) => Outcome::Failed(errno),
    }
}

pub(super) fn counted(result: Result<usize, Errno>) -> Outcome {
    match result {
        // No more than TEXT_MAX of anything.
        Ok(n) => Outcome::Done(n.cast_signed() as i64),
        Err(errno) => Outcome::Failed(errno),
    }
}

fn text_len(len: i64) -> Result<usize, String> {
    let len = usize::try_from(len).ok().filter(|len| *len <= TEXT_MAX);
    len.ok_or_else(|| format!("more than {TEXT_MAX} octets in one call"))
}
