//! `setsockopt` and `getsockopt`.

use super::calls::{Answer, Calls, Outcome, done};
use super::info::{self, Info};
use super::stack::Stack;
use super::values::{field, number};
use crate::script::Expr;
use seawall::socket::{Errno, SocketId};
use std::time::Duration;

/// `TCP_MAXSEG` where there is no connection (MUST-15).
const MSS_DEFAULT: u16 = 536;

/// Choices that this stack does not have, and that change nothing of what RFC 9293 says.
const UNSET: [&str; 5] = [
    "TCP_FUNCTION_BLK",
    "TCP_CONGESTION",
    "TCP_LOG",
    "SO_DEBUG",
    "SO_TIMESTAMPING",
];

impl Calls {
    pub(super) fn set(&mut self, fd: &Expr, name: &str, value: &Expr, stack: &mut Stack) -> Answer {
        let id = self.id(fd)?;
        let now = stack.instant();
        if UNSET.contains(&name) {
            self.unset.push(name.into());
            return Ok(Outcome::Done(0));
        }
        let linger = match name {
            "SO_LINGER" => Some((field(value, "onoff")?, field(value, "linger")?)),
            _ => None,
        };
        if let Some((on, time)) = linger {
            let (on, time) = (number(on)?, number(time)?);
            let time = Duration::from_secs(u64::try_from(time).unwrap_or(0));
            let linger = (on != 0).then_some(time);
            return Ok(done(stack.sockets.set(id, now, |it| it.linger = linger)));
        }
        let value = number(value)?;
        let Ok(size) = u32::try_from(value) else {
            return Ok(Outcome::Failed(Errno::EINVAL));
        };
        let seconds = Duration::from_secs(u64::from(size));
        let millis = Duration::from_millis(u64::from(size));
        let is_on = value != 0;
        let segment_max = u16::try_from(size).unwrap_or(u16::MAX);
        let count = u8::try_from(size).unwrap_or(u8::MAX);
        let is_known = [
            "TCP_NODELAY",
            "TCP_MAXSEG",
            "TCP_USER_TIMEOUT",
            "SO_KEEPALIVE",
            "TCP_KEEPIDLE",
            "TCP_KEEPINTVL",
            "TCP_KEEPCNT",
            "SO_RCVBUF",
            "SO_SNDBUF",
            "SO_REUSEADDR",
            "SO_REUSEPORT",
        ];
        if !is_known.contains(&name) {
            return Err(format!("{name} is not known to this runner"));
        }
        let set = stack.sockets.set(id, now, |it| match name {
            "TCP_NODELAY" => it.no_delay = is_on,
            "TCP_MAXSEG" => it.segment_max = Some(segment_max),
            "TCP_USER_TIMEOUT" => it.user_timeout = is_on.then_some(millis),
            "SO_KEEPALIVE" => it.keep_alive = is_on,
            "TCP_KEEPIDLE" => it.keep_idle = seconds,
            "TCP_KEEPINTVL" => it.keep_interval = seconds,
            "TCP_KEEPCNT" => it.keep_count = count,
            "SO_RCVBUF" => it.receive_buffer = Some(size),
            "SO_SNDBUF" => it.send_buffer = Some(size),
            _ => it.reuse_address = is_on,
        });
        Ok(done(set))
    }

    pub(super) fn look(
        &mut self,
        fd: &Expr,
        name: &str,
        expected: &Expr,
        stack: &mut Stack,
    ) -> Answer {
        let id = self.id(fd)?;
        if name == "SO_ERROR" {
            return Ok(match stack.sockets.error(id) {
                Ok(error) => {
                    let told = error.map_or_else(|| "0".into(), |errno| format!("{errno:?}"));
                    as_expected(expected, &told)?
                }
                Err(errno) => Outcome::Failed(errno),
            });
        }
        if name == "TCP_INFO" {
            return look_at_info(id, expected, stack);
        }
        let settings = match stack.sockets.settings(id) {
            Ok(settings) => settings,
            Err(errno) => return Ok(Outcome::Failed(errno)),
        };
        if name == "SO_LINGER" {
            return look_at_linger(expected, settings.linger);
        }
        let defaults = &stack.sockets.shard().config().tcp;
        let (receive, send) = (defaults.receive_buffer, defaults.send_buffer);
        let info = Info::of(id, stack);
        let state = info.and_then(|info| info.field("tcpi_state"));
        let value = match name {
            "TCP_NODELAY" => u64::from(settings.no_delay),
            "TCP_MAXSEG" => {
                let status = info.as_ref().and_then(Info::status);
                status
                    .map_or(settings.segment_max.unwrap_or(MSS_DEFAULT), |it| it.snd_mss)
                    .into()
            }
            "SO_KEEPALIVE" => settings.keep_alive.into(),
            "SO_REUSEADDR" => settings.reuse_address.into(),
            "SO_RCVBUF" => settings.receive_buffer.unwrap_or(receive).into(),
            "SO_SNDBUF" => settings.send_buffer.unwrap_or(send).into(),
            "SO_ACCEPTCONN" => (state == info::constant("TCP_LISTEN")).into(),
            "SO_TYPE" => 1,
            "TCP_KEEPIDLE" => settings.keep_idle.as_secs(),
            "TCP_KEEPINTVL" => settings.keep_interval.as_secs(),
            "TCP_KEEPCNT" => settings.keep_count.into(),
            "TCP_USER_TIMEOUT" => settings.user_timeout.map_or(0, |it| it.as_millis() as u64),
            _ => return Err(format!("{name} is not known to this runner")),
        };
        as_expected(expected, &value.to_string())
    }
}

fn look_at_linger(expected: &Expr, linger: Option<Duration>) -> Answer {
    let seconds = linger.unwrap_or_default().as_secs();
    let actual = [("onoff", u64::from(linger.is_some())), ("linger", seconds)];
    for (name, actual) in actual {
        as_expected(field(expected, name)?, &actual.to_string())?;
    }
    Ok(Outcome::Done(0))
}

fn look_at_info(id: SocketId, expected: &Expr, stack: &mut Stack) -> Answer {
    let Expr::Struct(fields) = expected else {
        return as_expected(expected, "a structure");
    };
    let info = Info::of(id, stack).ok_or("there is no such socket")?;
    for field in fields {
        let Some(name) = &field.name else { continue };
        if field.value == Expr::Ellipsis {
            continue;
        }
        let actual = info
            .field(name)
            .ok_or_else(|| format!("{name} is not known"))?;
        if info_value(&field.value)? != actual {
            let expected = &field.value;
            return Err(format!("expected: {name}={expected}\n  actual: {actual}"));
        }
    }
    Ok(Outcome::Done(0))
}

fn info_value(expected: &Expr) -> Result<i64, String> {
    match expected {
        Expr::Word(word) => info::constant(word).ok_or_else(|| format!("{word} is not known")),
        Expr::Union(all) => all
            .iter()
            .try_fold(0, |union, expr| Ok(union | info_value(expr)?)),
        value => number(value),
    }
}

// `[0]`, `[ECONNRESET]` or `[...]`
fn as_expected(expected: &Expr, actual: &str) -> Answer {
    let inner = match expected {
        Expr::List(items) if items.len() == 1 => &items[0],
        other => other,
    };
    if *inner == Expr::Ellipsis || inner.to_string() == actual {
        return Ok(Outcome::Done(0));
    }
    Err(format!("expected: {expected}\n  actual: {actual}"))
}
