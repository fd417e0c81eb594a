//! From the text of a script to its tree. Both dialects are read alike: nothing that one of them
//! says means something else in the other.
//!
//! Packets are in `packet`, their options in `option`, system calls in `syscall`; the assertions
//! between `%{` and `}%` are in [`crate::code`].

mod option;
mod packet;
mod syscall;

use crate::code;
use crate::cursor::{Cursor, ParseError, Result};
use crate::script::{Action, Event, Script, Setting, Time, Until};

/// Reads a script.
///
/// # Errors
/// The first place where it is not one, and what was expected there.
pub(crate) fn parse(text: &str) -> std::result::Result<Script, ParseError> {
    let mut cursor = Cursor::new(text);
    let mut script = Script::default();
    cursor.skip()?;
    while cursor.eat("--") {
        script.settings.push(setting(&mut cursor)?);
        cursor.skip()?;
    }
    // Set-up without a time: what the Google dialect calls the initial command.
    if cursor.peek() == Some('`') {
        let line = cursor.line();
        let action = shell(&mut cursor)?;
        script.events.push(Event {
            line,
            time: Time::Any,
            action,
        });
        cursor.skip()?;
    }
    while !cursor.is_at_end() {
        script.events.push(event(&mut cursor)?);
        cursor.skip()?;
    }
    Ok(script)
}

// Behind the dashes.
fn setting(cursor: &mut Cursor<'_>) -> Result<Setting> {
    let name = cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if name.is_empty() {
        return Err(cursor.expected("the name of an option"));
    }
    let value = if cursor.eat("=") {
        Some(setting_value(cursor)?)
    } else {
        None
    };
    Ok(Setting {
        name: name.into(),
        value,
    })
}

// Up to white space outside of quotes, as a shell would take it.
fn setting_value(cursor: &mut Cursor<'_>) -> Result<String> {
    let mut value = String::new();
    loop {
        value.push_str(cursor.take_while(|c| !c.is_whitespace() && c != '"'));
        if !cursor.eat("\"") {
            return Ok(value);
        }
        let text = cursor.take_until("\"");
        value.push_str(text.ok_or_else(|| cursor.error("a string without its end"))?);
    }
}

fn event(cursor: &mut Cursor<'_>) -> Result<Event> {
    let line = cursor.line();
    let time = time(cursor)?;
    let until = until(cursor)?;
    cursor.skip()?;
    if until.is_some()
        && !cursor
            .peek()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
    {
        return Err(cursor.expected("a system call, which alone has a time at which it ends"));
    }
    let action = match cursor.peek() {
        Some('<' | '>') => Action::Packet(packet::packet(cursor)?),
        Some('`') => shell(cursor)?,
        Some('%') => code(cursor)?,
        Some(c) if c.is_ascii_alphabetic() || c == '_' => {
            Action::Syscall(syscall::syscall(cursor, until)?)
        }
        _ => {
            return Err(cursor.expected("a packet, a system call, back-ticks or `%{`"));
        }
    };
    Ok(Event { line, time, action })
}

fn time(cursor: &mut Cursor<'_>) -> Result<Time> {
    if cursor.eat("*") {
        return Ok(Time::Any);
    }
    if !cursor
        .peek()
        .is_some_and(|c| c.is_ascii_digit() || c == '+' || c == '.')
    {
        return Err(cursor.expected("the time of an event"));
    }
    let is_relative = cursor.eat("+");
    if is_relative {
        cursor.skip()?;
    }
    let from = cursor.seconds()?;
    if !cursor.eat_next("~")? {
        return Ok(if is_relative {
            Time::Relative(from)
        } else {
            Time::Absolute(from)
        });
    }
    cursor.skip()?;
    let start = *cursor;
    let is_plus = cursor.eat("+");
    let to = cursor.seconds()?;
    if is_plus && !is_relative {
        return Err(start.error("a range that begins at an absolute time ends at one"));
    }
    if to < from {
        return Err(start.error("a range of times ends before it begins"));
    }
    Ok(if is_relative {
        Time::RelativeRange(from, to)
    } else {
        Time::AbsoluteRange(from, to)
    })
}

fn until(cursor: &mut Cursor<'_>) -> Result<Option<Until>> {
    if !cursor.eat_next("...")? {
        return Ok(None);
    }
    cursor.skip()?;
    if cursor.eat("*") {
        return Ok(Some(Until::Any));
    }
    cursor.eat("+");
    Ok(Some(Until::At(cursor.seconds()?)))
}

fn shell(cursor: &mut Cursor<'_>) -> Result<Action> {
    let start = *cursor;
    cursor.expect("`")?;
    let mut command = String::new();
    loop {
        match cursor.next() {
            None => return Err(start.error("a command without its closing back-tick")),
            Some('`') => return Ok(Action::Shell(command)),
            Some('\\') => {
                command.push('\\');
                command.extend(cursor.next());
            }
            Some(c) => command.push(c),
        }
    }
}

fn code(cursor: &mut Cursor<'_>) -> Result<Action> {
    let start = *cursor;
    cursor.expect("%{")?;
    let line = cursor.line();
    let text = cursor.take_until("}%");
    let text = text.ok_or_else(|| start.error("code without its `}%`"))?;
    Ok(Action::Code(code::parse(text, line)))
}

#[cfg(test)]
mod tests;
