//! Runs a script: its events in their order, each at its time, in simulated time.
//!
//! `stack` is the stack under test with its wire, `settings` the head of a script, `tracks` which
//! connection a packet is of, `calls` the system calls and `values` their arguments; `sockopt`,
//! `ready` and `info` are the calls that set, wait and look. `host` is how the stack is set up.

mod calls;
mod host;
mod info;
mod ready;
mod settings;
mod sockopt;
mod stack;
mod tracks;
mod values;

use crate::code::Statement;
use crate::flow::Rules;
use crate::frame::{self, Seen};
use crate::icmp;
use crate::print::Seconds;
use crate::script::{Action, Body, Direction, Event, Packet, Script, Syscall, Time};
use calls::{Calls, Pending};
pub(crate) use host::Host;
use settings::Settings;
use stack::{Sent, Stack};
use std::time::Duration;
use tracks::Tracks;

/// How long an event that may come at any time is waited for.
const PATIENCE: Duration = Duration::from_hours(24);

/// Why a script did not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {what}")]
pub(crate) struct Failure {
    pub(crate) line: u32,
    pub(crate) what: String,
}

/// How scripts are run.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunOptions {
    /// Fail where a line is skipped that could change the outcome.
    pub(crate) is_strict: bool,
    pub(crate) rules: Rules,
    /// How the host is set up, whatever a script shows.
    pub(crate) host: Host,
}

/// Runs a script; returns how many commands were skipped.
///
/// # Errors
/// The first event that did not happen as the script says, or cannot be run.
pub(crate) fn run(script: &Script, options: &RunOptions) -> Result<u32, Failure> {
    let fail = |line| move |what| Failure { line, what };
    let settings = Settings::read(&script.settings).map_err(fail(1))?;
    let mut host = options.host.or(&Host::of(script));
    host.mtu = host.mtu.or(settings.mtu);
    let mut run = Run::new(settings, &host, options);
    let mut line = 1;
    for event in &script.events {
        line = event.line;
        run.event(event).map_err(fail(line))?;
    }
    run.finish_pending().map_err(fail(line))?;
    Ok(run.skipped)
}

/// When an event is due, counted from the beginning of the script.
#[derive(Clone, Copy)]
pub(super) enum Due {
    Any,
    Between(Duration, Duration),
}

struct Run {
    stack: Stack,
    calls: Calls,
    tracks: Tracks,
    settings: Settings,
    rules: Rules,
    is_strict: bool,
    /// A call that blocks, and when it shall have ended.
    pending: Option<(Pending, Syscall, Due)>,
    /// The time of the last event.
    last: Duration,
    skipped: u32,
}

impl Run {
    fn new(settings: Settings, host: &Host, options: &RunOptions) -> Self {
        Self {
            stack: Stack::new(settings.local, host),
            calls: Calls::new(&settings),
            tracks: Tracks::new(&settings),
            rules: Rules {
                timestamp_tick: settings.timestamp_tick,
                tolerance: settings.tolerance,
                ..options.rules
            },
            settings,
            is_strict: options.is_strict,
            pending: None,
            last: Duration::ZERO,
            skipped: 0,
        }
    }

    fn event(&mut self, event: &Event) -> Result<(), String> {
        let due = self.due(event.time);
        if let Action::Packet(packet) = &event.action
            && packet.direction == Direction::Expect
        {
            return self.expect(packet, due);
        }
        // A call that follows one that blocks waits for it, in the same thread.
        if matches!(event.action, Action::Syscall(_)) {
            self.finish_pending()?;
        }
        let start = match due {
            Due::Any => self.stack.now(),
            Due::Between(from, _) => from,
        };
        self.advance(start)?;
        self.last = start;
        match &event.action {
            Action::Packet(packet) => self.inject(packet),
            Action::Syscall(syscall) => self.call(syscall, event.time),
            Action::Shell(command) => self.skip(command),
            Action::Code(statements) => statements
                .iter()
                .try_for_each(|statement| self.check(statement)),
        }
    }

    fn due(&self, time: Time) -> Due {
        let last = self.last;
        match time {
            Time::Any => Due::Any,
            Time::Absolute(at) => Due::Between(at, at),
            Time::Relative(by) => Due::Between(last + by, last + by),
            Time::AbsoluteRange(from, to) => Due::Between(from, to),
            Time::RelativeRange(from, to) => Due::Between(last + from, last + to),
        }
    }

    // On to `end`, with what happens on the way.
    fn advance(&mut self, end: Duration) -> Result<(), String> {
        self.stack.settle()?;
        self.poll_pending()?;
        while self.stack.now() < end {
            self.step(end)?;
        }
        Ok(())
    }

    // On by one step, at most to `end`, and no further than a call that waits would sleep.
    fn step(&mut self, end: Duration) -> Result<(), String> {
        let wake = self.pending.as_ref().and_then(|(pending, ..)| pending.wake);
        let end = wake.map_or(end, |wake| wake.min(end));
        self.stack.step(end)?;
        self.poll_pending()
    }

    fn inject(&mut self, packet: &Packet) -> Result<(), String> {
        if let Body::Foreign { protocol, .. } = &packet.body {
            return Err(format!("{protocol} is not known to this runner"));
        }
        let track = self.tracks.injected(packet, &self.stack)?;
        let ends = (track.remote, track.local);
        let frame = match &packet.body {
            Body::Icmp(icmp) => {
                let quoted = track.flow.quoted(icmp.echoed.as_ref());
                icmp::build(stack::LINK, &packet.ip, ends, icmp, &quoted)?
            }
            Body::Tcp(tcp) => frame::build(stack::LINK, &packet.ip, ends, &track.flow.inject(tcp))?,
            Body::Foreign { .. } => return Ok(()),
        };
        self.stack.inject(&frame)?;
        self.poll_pending()
    }

    fn expect(&mut self, packet: &Packet, due: Due) -> Result<(), String> {
        if let Body::Foreign { protocol, .. } = &packet.body {
            return Err(format!("{protocol} is not known to this runner"));
        }
        let tolerance = self.settings.tolerance;
        let end = match due {
            Due::Any => self.stack.now() + PATIENCE,
            Due::Between(_, to) => to + tolerance,
        };
        let sent = self.next_sent(packet, end)?;
        let Some(Sent { at, seen }) = sent else {
            return Err(format!("expected: {packet}\n  actual: nothing was sent"));
        };
        let mut seen = seen?;
        self.join(packet, &mut seen);
        let rules = self.rules;
        self.tracks.sent(&seen).flow.check(packet, &seen, &rules)?;
        self.check_time(at, due)
    }

    // Scripts were written on hosts that leave it to the interface to cut text into segments: there
    // one packet of many segments was seen. Those that follow each other make it up here.
    fn join(&mut self, packet: &Packet, seen: &mut Seen) {
        let Body::Tcp(expected) = &packet.body else {
            return;
        };
        while (1..expected.len).contains(&seen.tcp.len)
            && let Some(next) = self.stack.sent.front()
            && let Ok(next) = &next.seen
            && next.follows(seen)
            && next.tcp.len <= expected.len - seen.tcp.len
        {
            seen.tcp.len += next.tcp.len;
            seen.tcp.flags = seen.tcp.flags | next.tcp.flags;
            self.stack.sent.pop_front();
        }
    }

    // The next segment of the connection that `packet` is of.
    fn next_sent(&mut self, packet: &Packet, end: Duration) -> Result<Option<Sent>, String> {
        self.stack.settle()?;
        loop {
            while let Some(sent) = self.stack.sent.pop_front() {
                let is_strange = |seen| !self.tracks.is_of(packet, seen);
                if !sent.seen.as_ref().is_ok_and(is_strange) {
                    return Ok(Some(sent));
                }
            }
            if self.stack.now() >= end {
                return Ok(None);
            }
            self.step(end)?;
        }
    }

    fn check_time(&mut self, at: Duration, due: Due) -> Result<(), String> {
        let tolerance = self.settings.tolerance;
        let (from, to) = match due {
            Due::Any => (at, at),
            Due::Between(from, to) => (from, to),
        };
        self.last = if from == to { from } else { at };
        if at + tolerance < from || at > to + tolerance {
            let (at, from, to) = (Seconds(at), Seconds(from), Seconds(to));
            return Err(format!("it was at {at}, expected from {from} to {to}"));
        }
        Ok(())
    }

    fn call(&mut self, syscall: &Syscall, time: Time) -> Result<(), String> {
        let base = match time {
            Time::Relative(by) => self.last.saturating_sub(by),
            Time::RelativeRange(from, _) => self.last.saturating_sub(from),
            _ => Duration::ZERO,
        };
        let due = match syscall.until {
            None => Due::Between(self.last, self.last),
            Some(crate::script::Until::Any) => Due::Any,
            Some(crate::script::Until::At(at)) => Due::Between(base + at, base + at),
        };
        self.pending = Some((Pending::default(), syscall.clone(), due));
        self.poll_pending()?;
        if self.pending.is_some() && syscall.until.is_none() {
            return Err(format!("{} would block", syscall.name));
        }
        for option in std::mem::take(&mut self.calls.unset) {
            self.skipped += 1;
            self.on_skipped(false, &option)?;
        }
        self.stack.settle()
    }

    // Tries again what blocks.
    fn poll_pending(&mut self) -> Result<(), String> {
        let Some((mut pending, syscall, due)) = self.pending.take() else {
            return Ok(());
        };
        let parts = (&mut self.stack, &mut self.tracks);
        if !self.calls.attempt(&mut pending, &syscall, parts)? {
            self.pending = Some((pending, syscall, due));
            return Ok(());
        }
        let last = self.last;
        let checked = self.check_time(self.stack.now(), due);
        self.last = last;
        checked.map_err(|what| format!("{}: {what}", syscall.name))
    }

    fn finish_pending(&mut self) -> Result<(), String> {
        let Some((_, syscall, due)) = &self.pending else {
            return Ok(());
        };
        let name = syscall.name.clone();
        let end = match due {
            Due::Any => self.stack.now() + PATIENCE,
            Due::Between(_, to) => *to + self.settings.tolerance,
        };
        while self.pending.is_some() && self.stack.now() < end {
            self.step(end)?;
        }
        match self.pending {
            Some(_) => Err(format!(
                "{name} still blocks at {}",
                Seconds(self.stack.now())
            )),
            None => Ok(()),
        }
    }

    fn skip(&mut self, command: &str) -> Result<(), String> {
        self.skipped += 1;
        let harmless = ["echo", "true", "sleep", ":", "kldload", ""];
        let word = command.split_whitespace().next().unwrap_or_default();
        let is_harmless = harmless.contains(&word) || Host::default().is_understood(command);
        self.on_skipped(is_harmless, command)
    }

    fn on_skipped(&self, is_harmless: bool, what: &str) -> Result<(), String> {
        if self.is_strict && !is_harmless {
            return Err(format!("skipped, and it could matter: `{what}`"));
        }
        Ok(())
    }

    fn check(&mut self, statement: &Statement) -> Result<(), String> {
        let (condition, text) = match statement {
            Statement::Assert {
                condition, text, ..
            } => (condition, text),
            Statement::Foreign { text, .. } => return Err(format!("cannot run `{text}`")),
        };
        let info = self.calls.last_info(&mut self.stack);
        let names = |name: &str| {
            info::constant(name).or_else(|| info.as_ref().and_then(|info| info.field(name)))
        };
        match condition.value(&names) {
            Ok(0) => Err(format!("`{text}` does not hold")),
            Ok(_) => Ok(()),
            Err(what) => Err(format!("`{text}`: {what}")),
        }
    }
}

#[cfg(test)]
mod tests;
