//! A place in a text: characters, numbers and words, and errors that say where they are.
//!
//! The language has no tokens of its own: `.` is a flag, a part of a number or a third of an
//! ellipsis by where it stands. So the parser asks for what it wants and is told whether it is
//! there.

use std::fmt;
use std::time::Duration;

/// What was expected, and where something else was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {what}")]
pub(crate) struct ParseError {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) what: String,
}

pub(crate) type Result<T> = std::result::Result<T, ParseError>;

/// Copied to look ahead and to come back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    // Where the text stands in its file.
    first_line: u32,
    // A string, or a line that ends with it, has no comments.
    has_comments: bool,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a script.
    pub(crate) const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            first_line: 1,
            has_comments: true,
        }
    }

    /// At the beginning of a text inside a script that knows nothing of its comments.
    pub(crate) const fn inside(text: &'a str, first_line: u32) -> Self {
        Self {
            text,
            at: 0,
            first_line,
            has_comments: false,
        }
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The next character, taken.
    pub(crate) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub(crate) fn line(&self) -> u32 {
        let lines = self.before().matches('\n').count();
        self.first_line + lines as u32
    }

    fn before(&self) -> &'a str {
        self.text.get(..self.at).unwrap_or_default()
    }

    fn column(&self) -> u32 {
        let line = self.before().rsplit('\n').next().unwrap_or_default();
        line.chars().count() as u32 + 1
    }

    /// An error at this place.
    pub(crate) fn error(&self, what: impl fmt::Display) -> ParseError {
        ParseError {
            line: self.line(),
            column: self.column(),
            what: what.to_string(),
        }
    }

    /// An error at this place: something else was expected.
    pub(crate) fn expected(&self, what: impl fmt::Display) -> ParseError {
        let found: String = self.rest().chars().take_while(|c| *c != '\n').collect();
        let found = found.trim_end();
        let short: String = found.chars().take(20).collect();
        if found.is_empty() {
            let end = if self.is_at_end() { "file" } else { "line" };
            return self.error(format_args!("expected {what}, found the end of the {end}"));
        }
        self.error(format_args!("expected {what}, found `{short}`"))
    }

    /// Skips white space and comments.
    pub(crate) fn skip(&mut self) -> Result<()> {
        loop {
            self.skip_while(char::is_whitespace);
            let rest = self.rest();
            if self.has_comments && (rest.starts_with('#') || rest.starts_with("//")) {
                self.skip_while(|c| c != '\n');
            } else if self.has_comments && rest.starts_with("/*") {
                let end = rest
                    .find("*/")
                    .ok_or_else(|| self.error("a comment without its `*/`"))?;
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn skip_while(&mut self, is_skipped: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !is_skipped(c)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// What stands in front of the next `end`, taken with it.
    pub(crate) fn take_until(&mut self, end: &str) -> Option<&'a str> {
        let (taken, _) = self.rest().split_once(end)?;
        self.at += taken.len() + end.len();
        Some(taken)
    }

    /// What is left of this line, taken without its end.
    pub(crate) fn take_line(&mut self) -> &'a str {
        self.skip_while(|c| c != '\n')
    }

    /// Characters of one kind, taken; empty when there is none.
    pub(crate) fn take_while(&mut self, is_taken: impl Fn(char) -> bool) -> &'a str {
        self.skip_while(is_taken)
    }

    /// Takes `symbol` if it is what follows here at once.
    pub(crate) fn eat(&mut self, symbol: &str) -> bool {
        let is_there = self.rest().starts_with(symbol);
        if is_there {
            self.at += symbol.len();
        }
        is_there
    }

    /// Takes `symbol` if it is next behind white space.
    pub(crate) fn eat_next(&mut self, symbol: &str) -> Result<bool> {
        let mut ahead = *self;
        ahead.skip()?;
        if !ahead.eat(symbol) {
            return Ok(false);
        }
        *self = ahead;
        Ok(true)
    }

    /// Takes the whole word `word` if it is next behind white space.
    pub(crate) fn eat_word(&mut self, word: &str) -> Result<bool> {
        let mut ahead = *self;
        ahead.skip()?;
        if ahead.take_word() != word {
            return Ok(false);
        }
        *self = ahead;
        Ok(true)
    }

    /// `symbol` must be next behind white space.
    pub(crate) fn expect(&mut self, symbol: &str) -> Result<()> {
        self.skip()?;
        if self.eat(symbol) {
            return Ok(());
        }
        Err(self.expected(format_args!("`{symbol}`")))
    }

    /// Letters, digits and underscores at this place; empty when there are none.
    pub(crate) fn take_word(&mut self) -> &'a str {
        self.skip_while(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// A word behind white space that begins with a letter.
    pub(crate) fn name(&mut self, what: &str) -> Result<&'a str> {
        self.skip()?;
        if !self
            .peek()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        {
            return Err(self.expected(what));
        }
        Ok(self.take_word())
    }

    /// A number behind white space, decimal or hexadecimal.
    pub(crate) fn number<N: TryFrom<u64>>(&mut self, what: &str) -> Result<N> {
        self.skip()?;
        let start = *self;
        let digits = self.take_word();
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(start.expected(what));
        }
        let hex = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
        let number = match hex {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => digits.parse(),
        };
        let number = number.ok().and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| start.expected(format_args!("{what} of {} bits", 8 * size_of::<N>())))
    }

    /// Seconds at this place, with up to nine digits behind the point. A point that no digit
    /// follows is not of the number: `0...0.1`.
    pub(crate) fn seconds(&mut self) -> Result<Duration> {
        let start = *self;
        let digit = |c: char| c.is_ascii_digit();
        let whole = self.skip_while(digit);
        let mut ahead = *self;
        let mut fraction = "";
        if ahead.eat(".") {
            fraction = ahead.skip_while(digit);
            if !fraction.is_empty() {
                *self = ahead;
            }
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(start.expected("a time in seconds"));
        }
        let fraction: String = fraction
            .chars()
            .chain("000000000".chars())
            .take(9)
            .collect();
        let whole = if whole.is_empty() { "0" } else { whole };
        // A year is long enough for a script, and sums of such times do not overflow.
        let seconds = whole
            .parse()
            .ok()
            .filter(|seconds| *seconds < 31_536_000_u64);
        match (seconds, fraction.parse()) {
            (Some(seconds), Ok(nanos)) => Ok(Duration::new(seconds, nanos)),
            _ => Err(start.error("a time must be shorter than a year")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_decimal_or_hexadecimal_and_fits() {
        let rows: [(&str, Option<u16>); 8] = [
            ("0", Some(0)),
            (" 65535 ", Some(65535)),
            ("65536", None),
            ("0x1f", Some(31)),
            ("0x", None),
            ("12ab", None),
            ("-1", None),
            ("", None),
        ];
        for (text, number) in rows {
            assert_eq!(Cursor::new(text).number("x").ok(), number, "{text}");
        }
    }

    #[test]
    fn seconds_end_where_an_ellipsis_begins() {
        let rows = [
            ("0.5", 500_000_000, ""),
            (".1", 100_000_000, ""),
            ("1", 1_000_000_000, ""),
            ("0...0.1", 0, "...0.1"),
            ("0.000001~", 1_000, "~"),
            ("0.0000000019", 1, ""),
            ("2.", 2_000_000_000, "."),
        ];
        for (text, nanos, rest) in rows {
            let mut cursor = Cursor::new(text);
            assert_eq!(cursor.seconds(), Ok(Duration::from_nanos(nanos)), "{text}");
            assert_eq!(cursor.rest(), rest, "{text}");
        }
        for text in ["", ".", "x", "31536000", "99999999999999999999"] {
            assert!(Cursor::new(text).seconds().is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_says_its_line_and_column() {
        let mut cursor = Cursor::new("// one\n/* two\n */ é x");
        cursor.skip().unwrap();
        assert_eq!((cursor.line(), cursor.column()), (3, 5));
        cursor.next();
        cursor.skip().unwrap();
        let error = cursor.expect("y").unwrap_err();
        assert_eq!(error.to_string(), "3:7: expected `y`, found `x`");
    }
}
