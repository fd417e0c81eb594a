//! `setsockopt`, `getsockopt` and what `TCP_INFO` tells.

use super::calls::{Answer, Calls, Outcome, done};
use super::stack::Stack;
use super::values::{field, number};
use crate::script::Expr;
use seawall::socket::{Errno, SocketId};
use seawall::tcp::State;
use std::time::Duration;

impl Calls {
    pub(super) fn set(&mut self, fd: &Expr, name: &str, value: &Expr, stack: &mut Stack) -> Answer {
        let id = self.id(fd)?;
        let now = stack.instant();
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
        let value = match name {
            "TCP_NODELAY" => u64::from(settings.no_delay),
            "SO_KEEPALIVE" => u64::from(settings.keep_alive),
            "SO_REUSEADDR" => u64::from(settings.reuse_address),
            "TCP_KEEPIDLE" => settings.keep_idle.as_secs(),
            "TCP_KEEPINTVL" => settings.keep_interval.as_secs(),
            "TCP_KEEPCNT" => u64::from(settings.keep_count),
            "TCP_USER_TIMEOUT" => settings.user_timeout.map_or(0, |it| it.as_millis() as u64),
            _ => return Err(format!("{name} is not known to this runner")),
        };
        as_expected(expected, &value.to_string())
    }
}

fn look_at_info(id: SocketId, expected: &Expr, stack: &Stack) -> Answer {
    let Expr::Struct(fields) = expected else {
        return as_expected(expected, "a structure");
    };
    for field in fields {
        let Some(name) = &field.name else { continue };
        if field.value == Expr::Ellipsis {
            continue;
        }
        let actual = info(name, id, stack).ok_or_else(|| format!("{name} is not known"))?;
        let expected = match &field.value {
            Expr::Word(word) => state_number(word).ok_or_else(|| format!("{word} is not known"))?,
            value => number(value)?,
        };
        if expected != actual {
            return Err(format!(
                "expected: {name}={}\n  actual: {actual}",
                field.value
            ));
        }
    }
    Ok(Outcome::Done(0))
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

// By Linux's numbers, whichever dialect names it.
pub(super) fn state_number(name: &str) -> Option<i64> {
    let state = name
        .strip_prefix("TCPS_")
        .or_else(|| name.strip_prefix("TCP_"))?;
    Some(match state {
        "ESTABLISHED" => 1,
        "SYN_SENT" => 2,
        "SYN_RECV" | "SYN_RECEIVED" => 3,
        "FIN_WAIT1" | "FIN_WAIT_1" => 4,
        "FIN_WAIT2" | "FIN_WAIT_2" => 5,
        "TIME_WAIT" => 6,
        "CLOSE" | "CLOSED" => 7,
        "CLOSE_WAIT" => 8,
        "LAST_ACK" => 9,
        "LISTEN" => 10,
        "CLOSING" => 11,
        _ => return None,
    })
}

pub(super) fn info(name: &str, id: SocketId, stack: &Stack) -> Option<i64> {
    if name != "tcpi_state" {
        return None;
    }
    let name = match stack.sockets.state(id).ok()? {
        State::Closed => "TCP_CLOSED",
        State::Listen => "TCP_LISTEN",
        State::SynSent => "TCP_SYN_SENT",
        State::SynReceived => "TCP_SYN_RECEIVED",
        State::Established => "TCP_ESTABLISHED",
        State::FinWait1 => "TCP_FIN_WAIT_1",
        State::FinWait2 => "TCP_FIN_WAIT_2",
        State::CloseWait => "TCP_CLOSE_WAIT",
        State::Closing => "TCP_CLOSING",
        State::LastAck => "TCP_LAST_ACK",
        State::TimeWait => "TCP_TIME_WAIT",
    };
    state_number(name)
}
