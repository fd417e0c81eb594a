//! TCP options between `<` and `>`, in the order in which they stand in the header.

use crate::cursor::{Cursor, Result};
use crate::script::{Options, TcpOption};

/// The kind of the option that carries Accurate ECN counters, by which of them comes first
/// (RFC 9768 §3.2.3).
const ACCURATE_ECN: [(&str, u8); 2] = [("e0b", 172), ("e1b", 174)];

/// Options; the cursor is behind the `<`.
pub(super) fn options(cursor: &mut Cursor<'_>) -> Result<Options> {
    if cursor.eat_next("...")? {
        cursor.expect(">")?;
        return Ok(Options::Any);
    }
    let mut list = Vec::new();
    if cursor.eat_next(">")? {
        return Ok(Options::List(list));
    }
    loop {
        list.push(option(cursor)?);
        if cursor.eat_next(">")? {
            return Ok(Options::List(list));
        }
        if !cursor.eat_next(",")? {
            return Err(cursor.expected("`,` or `>`"));
        }
    }
}

fn option(cursor: &mut Cursor<'_>) -> Result<TcpOption> {
    cursor.skip()?;
    let start = *cursor;
    Ok(match cursor.name("the name of a TCP option")? {
        "eol" | "EOL" => TcpOption::Eol,
        "nop" | "NOP" => TcpOption::Nop,
        "mss" | "MSS" => TcpOption::Mss(cursor.number("a maximum segment size")?),
        "wscale" | "ws" | "WS" => TcpOption::WindowScale(cursor.number("a window shift")?),
        "sackOK" | "sackok" | "sackPermitted" => TcpOption::SackPermitted,
        "sack" | "SACK" => TcpOption::Sack(blocks(cursor)?),
        "TS" | "ts" => timestamps(cursor)?,
        "FO" => TcpOption::FastOpen(octets(cursor)?),
        "FOEXP" => TcpOption::FastOpenExperiment(octets(cursor)?),
        "md5" | "md5sig" => TcpOption::Md5(octets(cursor)?),
        "ECN" | "AccECN" => accurate_ecn(cursor)?,
        "kind" => TcpOption::Other {
            kind: cursor.number("the kind of an option")?,
            value: octets(cursor)?,
        },
        _ => return Err(start.expected("the name of a TCP option")),
    })
}

fn timestamps(cursor: &mut Cursor<'_>) -> Result<TcpOption> {
    if !cursor.eat_word("val")? {
        return Err(cursor.expected("`val`"));
    }
    let val = cursor.number("a timestamp")?;
    if !cursor.eat_word("ecr")? {
        return Err(cursor.expected("`ecr`"));
    }
    let ecr = cursor.number("a timestamp")?;
    Ok(TcpOption::Timestamps { val, ecr })
}

// `1:1001 2001:3001`
fn blocks(cursor: &mut Cursor<'_>) -> Result<Vec<(u32, u32)>> {
    let mut blocks = Vec::new();
    loop {
        cursor.skip()?;
        if !cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
            return Ok(blocks);
        }
        let left = cursor.number("the left edge of a block")?;
        cursor.expect(":")?;
        blocks.push((left, cursor.number("the right edge of a block")?));
        // A longer list does not fit into a header (RFC 2018 §3), and says so when it is built.
    }
}

// Pairs of hexadecimal digits; none is an option without a value.
fn octets(cursor: &mut Cursor<'_>) -> Result<Vec<u8>> {
    cursor.skip()?;
    let start = *cursor;
    let digits = cursor.take_word();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.len() == 2);
        pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
    });
    let octets: Option<Vec<u8>> = pairs.collect();
    octets.ok_or_else(|| start.expected("pairs of hexadecimal digits"))
}

// `ECN e1b 1 ceb 0 e0b 1`: counters of 24 bits each, in the order in which they are sent.
fn accurate_ecn(cursor: &mut Cursor<'_>) -> Result<TcpOption> {
    let mut kind = None;
    let mut value = Vec::new();
    loop {
        cursor.skip()?;
        let start = *cursor;
        let name = cursor.take_word();
        if !["e0b", "e1b", "ceb"].contains(&name) {
            *cursor = start;
            break;
        }
        let first = ACCURATE_ECN.iter().find(|(first, _)| *first == name);
        kind = kind.or(first.map(|(_, kind)| *kind));
        let counter: u32 = cursor.number("a counter")?;
        let [_, octets @ ..] = counter.to_be_bytes();
        value.extend(octets);
    }
    let [_, (_, last)] = ACCURATE_ECN;
    let kind = kind.unwrap_or(last);
    Ok(TcpOption::Other { kind, value })
}
