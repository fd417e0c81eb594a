//! System calls as strace writes them. Which of them exist is not known here.

use crate::cursor::{Cursor, Result};
use crate::script::{Expr, Field, Syscall, Until};

/// How deep lists, structures and calls may stand in each other.
const DEPTH_MAX: u32 = 32;

/// A call; the cursor is at its name.
pub(super) fn syscall(cursor: &mut Cursor<'_>, until: Option<Until>) -> Result<Syscall> {
    let name = cursor.name("the name of a system call")?.into();
    cursor.expect("(")?;
    let arguments = list(cursor, ")", 0)?;
    cursor.expect("=")?;
    let result = expr(cursor, 0)?;
    let errno = errno(cursor)?;
    let note = if cursor.eat_next("(")? {
        Some(note(cursor)?)
    } else {
        None
    };
    Ok(Syscall {
        until,
        name,
        arguments,
        result,
        errno,
        note,
    })
}

fn errno(cursor: &mut Cursor<'_>) -> Result<Option<String>> {
    let mut ahead = *cursor;
    ahead.skip()?;
    let word = ahead.take_word();
    if !word.starts_with('E') {
        return Ok(None);
    }
    *cursor = ahead;
    Ok(Some(word.into()))
}

// Behind the parenthesis.
fn note(cursor: &mut Cursor<'_>) -> Result<String> {
    let start = *cursor;
    let mut depth = 1;
    let mut note = String::new();
    loop {
        let c = cursor.next();
        match c {
            None => return Err(start.error("a note without its closing parenthesis")),
            Some('(') => depth += 1,
            Some(')') if depth == 1 => return Ok(note.trim().into()),
            Some(')') => depth -= 1,
            Some(_) => {}
        }
        note.extend(c);
    }
}

// What stands between commas, and `close` behind it.
fn list(cursor: &mut Cursor<'_>, close: &str, depth: u32) -> Result<Vec<Expr>> {
    separated(cursor, close, |cursor| expr(cursor, depth + 1))
}

fn separated<T>(
    cursor: &mut Cursor<'_>,
    close: &str,
    mut item: impl FnMut(&mut Cursor<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut items = Vec::new();
    if cursor.eat_next(close)? {
        return Ok(items);
    }
    loop {
        items.push(item(cursor)?);
        if cursor.eat_next(close)? {
            return Ok(items);
        }
        if !cursor.eat_next(",")? {
            return Err(cursor.expected(format_args!("`,` or `{close}`")));
        }
    }
}

fn expr(cursor: &mut Cursor<'_>, depth: u32) -> Result<Expr> {
    let first = single(cursor, depth)?;
    let mut all = vec![first];
    while cursor.eat_next("|")? {
        all.push(single(cursor, depth)?);
    }
    match all.pop() {
        Some(only) if all.is_empty() => Ok(only),
        last => {
            all.extend(last);
            Ok(Expr::Union(all))
        }
    }
}

fn single(cursor: &mut Cursor<'_>, depth: u32) -> Result<Expr> {
    cursor.skip()?;
    if depth > DEPTH_MAX {
        return Err(cursor.error("too deep"));
    }
    if cursor.eat("...") {
        return Ok(Expr::Ellipsis);
    }
    if cursor.eat("\"") {
        let text = string(cursor)?;
        return Ok(if cursor.eat_next("...")? {
            Expr::Prefix(text)
        } else {
            Expr::Text(text)
        });
    }
    if cursor.eat("[") {
        return Ok(Expr::List(list(cursor, "]", depth)?));
    }
    if cursor.eat("{") {
        let fields = separated(cursor, "}", |cursor| field(cursor, depth + 1))?;
        return Ok(Expr::Struct(fields));
    }
    match cursor.peek() {
        Some('-' | '0'..='9') => number(cursor).map(Expr::Number),
        _ => word(cursor, depth),
    }
}

fn word(cursor: &mut Cursor<'_>, depth: u32) -> Result<Expr> {
    let name = cursor.name("a value")?.to_owned();
    if !cursor.eat("(") {
        return Ok(Expr::Word(name));
    }
    let arguments = list(cursor, ")", depth)?;
    Ok(Expr::Call { name, arguments })
}

fn number(cursor: &mut Cursor<'_>) -> Result<i64> {
    let start = *cursor;
    let is_negative = cursor.eat("-");
    // All 64 bits may be written either way: -1 and 0xffffffffffffffff are one value.
    let number: u64 = cursor.number("a number")?;
    if !is_negative {
        return Ok(number.cast_signed());
    }
    0_i64
        .checked_sub_unsigned(number)
        .ok_or_else(|| start.error("a number of more than 64 bits"))
}

// `name=value`, `name(count)=value` or a value alone.
fn field(cursor: &mut Cursor<'_>, depth: u32) -> Result<Field> {
    let mut ahead = *cursor;
    ahead.skip()?;
    ahead.eat(".");
    let name = ahead.take_word();
    let count = if name.is_empty() {
        None
    } else {
        count(&mut ahead)?
    };
    if name.is_empty() || !ahead.eat_next("=")? {
        return Ok(Field {
            name: None,
            count: None,
            value: expr(cursor, depth)?,
        });
    }
    *cursor = ahead;
    Ok(Field {
        name: Some(name.into()),
        count,
        value: expr(cursor, depth)?,
    })
}

// The `(1)` of `msg_iov(1)=`. Whatever else stands in parentheses is of a call.
fn count(cursor: &mut Cursor<'_>) -> Result<Option<Expr>> {
    let mut ahead = *cursor;
    if !ahead.eat_next("(")? {
        return Ok(None);
    }
    ahead.skip()?;
    let count = match ahead.peek() {
        Some('0'..='9') => ahead.number("a count").map(Expr::Number).ok(),
        Some('.') => ahead.eat("...").then_some(Expr::Ellipsis),
        _ => Some(Expr::Word(ahead.take_word().into())),
    };
    if !ahead.eat_next(")")? {
        return Ok(None);
    }
    *cursor = ahead;
    Ok(count)
}

// Behind the quote.
fn string(cursor: &mut Cursor<'_>) -> Result<String> {
    let start = *cursor;
    let mut text = String::new();
    loop {
        match cursor.next() {
            None => return Err(start.error("a string without its end")),
            Some('"') => return Ok(text),
            Some('\\') => text.push(escaped(cursor)?),
            Some(c) => text.push(c),
        }
    }
}

fn escaped(cursor: &mut Cursor<'_>) -> Result<char> {
    let start = *cursor;
    Ok(match cursor.next() {
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('0') => '\0',
        Some('x') => {
            let (high, low) = (cursor.next(), cursor.next());
            let digit = |c: Option<char>| c.and_then(|c| c.to_digit(16));
            let (Some(high), Some(low)) = (digit(high), digit(low)) else {
                return Err(start.expected("`x` and two hexadecimal digits"));
            };
            char::from((high << 4 | low) as u8)
        }
        Some(c @ ('"' | '\\' | '\'')) => c,
        _ => return Err(start.expected("an escape of a string")),
    })
}
