//! One line that begins with `<` or `>`.

use super::option;
use crate::cursor::{Cursor, Result};
use crate::script::{Body, Direction, Ecn, End, Flags, Icmp, Ip, Packet, Tcp};
use std::net::IpAddr;

/// Protocols that scripts know and this runner does not: the line is kept, and running it is an
/// error by this name.
const FOREIGN: [&str; 7] = ["udp", "udplite", "sctp", "ipv4", "ipv6", "gre", "mpls"];

/// A packet; the cursor is at its direction.
pub(super) fn packet(cursor: &mut Cursor<'_>) -> Result<Packet> {
    let direction = if cursor.eat("<") {
        Direction::Inject
    } else {
        cursor.expect(">")?;
        Direction::Expect
    };
    let mut ip = Ip::default();
    while let Some(close) = ip_begins(cursor)? {
        ip_fields(cursor, &mut ip, close)?;
    }
    if direction == Direction::Inject && ip.ecn == Some(Ecn::Ect01) {
        return Err(cursor.error("`ect01` is two code points: no packet carries both"));
    }
    let ends = ends(cursor)?;
    cursor.skip()?;
    let start = *cursor;
    let word = cursor.take_word();
    let body = if word == "icmp" {
        icmp(cursor)?
    } else if FOREIGN.contains(&word) {
        Body::Foreign {
            protocol: word.into(),
            rest: cursor.take_line().trim().into(),
        }
    } else {
        *cursor = start;
        tcp(cursor)?
    };
    Ok(Packet {
        direction,
        ip,
        ends,
        body,
    })
}

// The bracket that closes what is said about the IP header, if that is next. `[2001:db8::1]:80` is
// an end, not a list of fields.
fn ip_begins(cursor: &mut Cursor<'_>) -> Result<Option<&'static str>> {
    if cursor.eat_next("(")? {
        return Ok(Some(")"));
    }
    let mut ahead = *cursor;
    if !ahead.eat_next("[")? || address(ahead.take_until("]").unwrap_or_default()).is_some() {
        return Ok(None);
    }
    cursor.expect("[")?;
    Ok(Some("]"))
}

fn ip_fields(cursor: &mut Cursor<'_>, ip: &mut Ip, close: &str) -> Result<()> {
    loop {
        cursor.skip()?;
        let start = *cursor;
        match cursor.name("a field of the IP header")? {
            "tos" => ip.tos = Some(cursor.number("a type of service")?),
            "ttl" | "hlim" => ip.ttl = Some(cursor.number("a time to live")?),
            "flowlabel" => {
                let label = cursor.number("a flow label")?;
                if label >= 1 << 20 {
                    return Err(start.error("a flow label has 20 bits"));
                }
                ip.flow_label = Some(label);
            }
            "ecn" => {
                cursor.skip()?;
                let start = *cursor;
                ip.ecn = Some(ecn(&start, cursor.name("an ECN code point")?)?);
            }
            word => ip.ecn = Some(ecn(&start, word)?),
        }
        if cursor.eat_next(close)? {
            return Ok(());
        }
        if !cursor.eat_next(",")? {
            return Err(cursor.expected(format_args!("`,` or `{close}`")));
        }
    }
}

fn ecn(at: &Cursor<'_>, word: &str) -> Result<Ecn> {
    Ok(match word {
        "noecn" | "not_ect" => Ecn::NotEct,
        "ect0" => Ecn::Ect0,
        "ect1" => Ecn::Ect1,
        "ce" => Ecn::Ce,
        "ect01" => Ecn::Ect01,
        _ => return Err(at.expected("noecn, ect0, ect1, ect01, ce, tos, ttl or flowlabel")),
    })
}

fn ends(cursor: &mut Cursor<'_>) -> Result<Option<(End, End)>> {
    let mut ahead = *cursor;
    ahead.skip()?;
    let Some(source) = end(&mut ahead) else {
        return Ok(None);
    };
    if !ahead.eat_next(">")? {
        return Ok(None);
    }
    ahead.skip()?;
    let destination = end(&mut ahead);
    let destination = destination.ok_or_else(|| ahead.expected("an address and a port"))?;
    // `192.0.2.1:80 > 192.0.2.2:1024: S 0:0(0)`, as tcpdump writes it.
    ahead.eat(":");
    *cursor = ahead;
    Ok(Some((source, destination)))
}

// `None` leaves the cursor anywhere.
fn end(cursor: &mut Cursor<'_>) -> Option<End> {
    let mut ahead = *cursor;
    let address = if ahead.eat("[") {
        let text = ahead.take_until("]")?;
        Some(address(text)?)
    } else {
        let text = ahead.take_while(|c| c.is_ascii_digit() || c == '.');
        address(text).filter(IpAddr::is_ipv4)
    };
    if address.is_some() {
        *cursor = ahead;
        if !cursor.eat(":") {
            return None;
        }
    }
    let port = cursor.take_while(|c| c.is_ascii_digit()).parse().ok()?;
    Some(End { address, port })
}

fn address(text: &str) -> Option<IpAddr> {
    text.trim().parse().ok()
}

fn tcp(cursor: &mut Cursor<'_>) -> Result<Body> {
    let flags = flags(cursor)?;
    let (seq, len) = sequence(cursor)?;
    let mut tcp = Tcp {
        flags,
        seq,
        len,
        ..Tcp::default()
    };
    if cursor.eat_word("ack")? {
        tcp.ack = value(cursor, "an acknowledgment number")?;
    }
    if cursor.eat_word("win")? {
        tcp.window = value(cursor, "a window field")?;
    }
    if cursor.eat_word("urg")? {
        tcp.urgent = Some(cursor.number("an urgent pointer")?);
    }
    if cursor.eat_next("<")? {
        tcp.options = option::options(cursor)?;
    }
    if cursor.eat_next("/")? {
        // TCP over UDP, as the FreeBSD dialect writes it.
        return Ok(Body::Foreign {
            protocol: "udp".into(),
            rest: cursor.take_line().trim().into(),
        });
    }
    Ok(Body::Tcp(tcp))
}

// `*` is as good as leaving it out.
fn value<N: TryFrom<u64>>(cursor: &mut Cursor<'_>, what: &str) -> Result<Option<N>> {
    if cursor.eat_next("*")? {
        return Ok(None);
    }
    cursor.number(what).map(Some)
}

// Letters, `.` for ACK, and a digit for the three bits AE, CWR and ECE as a number. `-` is none.
fn flags(cursor: &mut Cursor<'_>) -> Result<Flags> {
    cursor.skip()?;
    let start = *cursor;
    let letters = cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    let mut flags = Flags::default();
    for letter in letters.chars() {
        let known = Flags::LETTERS.iter().find(|(known, _)| *known == letter);
        flags = flags
            | match (letter, known) {
                (_, Some((_, flag))) => *flag,
                ('C', _) => Flags::CWR,
                ('N', _) => Flags::AE,
                ('-', _) if letters == "-" => Flags::default(),
                ('0'..='7', _) => Flags((letter as u16 - '0' as u16) << 6),
                _ => return Err(start.expected("TCP flags")),
            };
    }
    let is_followed = cursor.peek().is_some_and(char::is_whitespace);
    if letters.is_empty() || !is_followed && !cursor.is_at_end() {
        return Err(start.expected("TCP flags"));
    }
    Ok(flags)
}

// `seq:end(len)`, or `seq(len)`.
fn sequence(cursor: &mut Cursor<'_>) -> Result<(u32, u16)> {
    let seq: u32 = cursor.number("a sequence number")?;
    cursor.skip()?;
    let start = *cursor;
    let end = if cursor.eat(":") {
        Some(cursor.number::<u32>("the sequence number behind the text")?)
    } else {
        None
    };
    cursor.expect("(")?;
    let len: u16 = cursor.number("the length of the text")?;
    cursor.expect(")")?;
    let behind = seq.wrapping_add(u32::from(len));
    if end.is_some_and(|end| end != behind) {
        return Err(start.error(format_args!(
            "{seq} and {len} octets of text end at {behind}"
        )));
    }
    Ok((seq, len))
}

fn icmp(cursor: &mut Cursor<'_>) -> Result<Body> {
    let kind = cursor.name("the type of an ICMP message")?.into();
    let mut icmp = Icmp {
        kind,
        code: None,
        mtu: None,
        echoed: None,
    };
    let mut ahead = *cursor;
    ahead.skip()?;
    let code = ahead.take_word();
    if code.starts_with(|c: char| c.is_ascii_alphabetic()) && code != "mtu" {
        icmp.code = Some(code.into());
        *cursor = ahead;
    }
    if cursor.eat_word("mtu")? {
        icmp.mtu = Some(cursor.number("an MTU")?);
    }
    if !cursor.eat_next("[")? {
        return Ok(Body::Icmp(icmp));
    }
    if cursor.eat_word("udp")? {
        return Ok(Body::Foreign {
            protocol: "udp".into(),
            rest: cursor.take_line().trim().into(),
        });
    }
    icmp.echoed = Some(echoed(cursor)?);
    cursor.expect("]")?;
    Ok(Body::Icmp(icmp))
}

// A segment in short: flags and what follows the sequence number may be left out.
fn echoed(cursor: &mut Cursor<'_>) -> Result<Tcp> {
    cursor.eat_word("tcp")?;
    let mut tcp = Tcp::default();
    cursor.skip()?;
    let mut ahead = *cursor;
    if let Ok(flags) = flags(&mut ahead) {
        *cursor = ahead;
        tcp.flags = flags;
    }
    (tcp.seq, tcp.len) = sequence(cursor)?;
    if cursor.eat_word("ack")? {
        tcp.ack = value(cursor, "an acknowledgment number")?;
    }
    Ok(tcp)
}
