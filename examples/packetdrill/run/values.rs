//! Arguments of system calls: numbers, constants by their names, addresses.

use crate::script::{Expr, Field};
use std::net::{IpAddr, SocketAddr};

/// Constants of which the number matters: Linux's.
const CONSTANTS: [(&str, i64); 31] = [
    ("O_RDONLY", 0),
    ("O_WRONLY", 1),
    ("O_RDWR", 2),
    ("O_NONBLOCK", O_NONBLOCK),
    ("SOCK_NONBLOCK", O_NONBLOCK),
    ("SOCK_STREAM", 1),
    ("SOCK_CLOEXEC", 0o2_000_000),
    ("SHUT_RD", 0),
    ("SHUT_WR", 1),
    ("SHUT_RDWR", 2),
    ("POLLIN", 0x1),
    ("POLLPRI", 0x2),
    ("POLLOUT", 0x4),
    ("POLLERR", 0x8),
    ("POLLHUP", 0x10),
    ("POLLNVAL", 0x20),
    ("POLLRDNORM", 0x40),
    ("POLLWRNORM", 0x100),
    ("POLLRDHUP", 0x2000),
    ("MSG_PEEK", MSG_PEEK),
    ("MSG_DONTWAIT", MSG_DONTWAIT),
    ("MSG_NOSIGNAL", 0x4000),
    ("INFTIM", -1),
    ("EPOLLIN", 0x1),
    ("EPOLLPRI", 0x2),
    ("EPOLLOUT", 0x4),
    ("EPOLLERR", 0x8),
    ("EPOLLHUP", 0x10),
    ("EPOLLRDHUP", 0x2000),
    ("EPOLLRDNORM", 0x40),
    ("INADDR_ANY", 0),
];

pub(super) const O_NONBLOCK: i64 = 0x800;
pub(super) const MSG_PEEK: i64 = 0x2;
pub(super) const MSG_DONTWAIT: i64 = 0x40;

/// The value of a number, a constant or a union of them.
pub(super) fn number(expr: &Expr) -> Result<i64, String> {
    match expr {
        Expr::Number(number) => Ok(*number),
        Expr::Word(word) => {
            let known = CONSTANTS.iter().find(|(name, _)| name == word);
            let (_, number) = known.ok_or_else(|| format!("{word} is not known"))?;
            Ok(*number)
        }
        Expr::Union(all) => all
            .iter()
            .try_fold(0, |union, expr| Ok(union | number(expr)?)),
        // A single value where a pointer to it is taken.
        Expr::List(items) if items.len() == 1 => number(&items[0]),
        other => Err(format!("`{other}` is no number")),
    }
}

/// The name of a constant.
pub(super) fn word(expr: &Expr) -> Result<&str, String> {
    match expr {
        Expr::Word(word) => Ok(word),
        other => Err(format!("`{other}` is not the name of a constant")),
    }
}

/// The field of a structure.
pub(super) fn field<'a>(expr: &'a Expr, name: &str) -> Result<&'a Expr, String> {
    let fields: &[Field] = match expr {
        Expr::Struct(fields) => fields,
        _ => &[],
    };
    let found = fields
        .iter()
        .find(|field| field.name.as_deref() == Some(name));
    let found = found.ok_or_else(|| format!("`{expr}` has no {name}"))?;
    Ok(&found.value)
}

/// A `sockaddr`; `usual` where the script does not say.
pub(super) fn address(expr: &Expr, usual: SocketAddr) -> Result<SocketAddr, String> {
    if *expr == Expr::Ellipsis {
        return Ok(usual);
    }
    let port = field(expr, "sin_port").or_else(|_| field(expr, "sin6_port"))?;
    let port = match port {
        Expr::Ellipsis => usual.port(),
        Expr::Call { name, arguments } if name == "htons" && arguments.len() == 1 => {
            let port = number(&arguments[0])?;
            u16::try_from(port).map_err(|_| format!("{port} is no port"))?
        }
        other => return Err(format!("`{other}` is no port")),
    };
    let ip = field(expr, "sin_addr").or_else(|_| field(expr, "sin6_addr"))?;
    let ip = match ip {
        Expr::Ellipsis => usual.ip(),
        Expr::Call { arguments, .. } => named_address(arguments, usual.ip())?,
        other => return Err(format!("`{other}` is no address")),
    };
    Ok(SocketAddr::new(ip, port))
}

// `inet_addr("192.0.2.1")`, `htonl(INADDR_ANY)`, `inet_pton(AF_INET6, "::1")`
fn named_address(arguments: &[Expr], usual: IpAddr) -> Result<IpAddr, String> {
    match arguments.last() {
        Some(Expr::Text(text)) => text.parse().map_err(|_| format!("`{text}` is no address")),
        Some(Expr::Word(word)) if word == "INADDR_ANY" => Ok("0.0.0.0".parse().unwrap_or(usual)),
        _ => Err("an address in an unknown form".into()),
    }
}

/// The octets that a vector of buffers speaks of.
pub(super) fn vector_len(expr: &Expr) -> Result<i64, String> {
    let Expr::List(buffers) = expr else {
        return Err(format!("`{expr}` is no vector of buffers"));
    };
    buffers.iter().try_fold(0_i64, |sum, buffer| match buffer {
        Expr::Struct(fields) if fields.len() == 2 => {
            Ok(sum.saturating_add(number(&fields[1].value)?))
        }
        other => Err(format!("`{other}` is no buffer")),
    })
}
