//! What stands between `%{` and `}%`: a little of Python, enough for assertions about `TCP_INFO`.
//!
//! A statement that is more than that is kept as its text; running it is an error by that text.

use crate::cursor::{Cursor, Result};
use std::mem;

/// How deep parentheses and signs may stand in each other.
const DEPTH_MAX: u32 = 64;

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    Assert {
        line: u32,
        condition: Term,
        /// The text of the assertion, for its failure.
        text: String,
    },
    /// Something else.
    Foreign { line: u32, text: String },
}

/// An expression over integers; truth is 1 and 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    Number(i64),
    Name(String),
    Not(Box<Self>),
    Negative(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Arithmetic(Box<Self>, Operator, Box<Self>),
    /// `a < b <= c` holds when each pair does.
    Compare(Box<Self>, Vec<(Comparison, Self)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    BitOr,
    BitXor,
    BitAnd,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
}

/// By strength, the weakest first. A symbol comes behind those that it begins.
const OPERATORS: &[&[(&str, Operator)]] = &[
    &[("|", Operator::BitOr)],
    &[("^", Operator::BitXor)],
    &[("&", Operator::BitAnd)],
    &[("<<", Operator::ShiftLeft), (">>", Operator::ShiftRight)],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[
        ("*", Operator::Multiply),
        ("//", Operator::Divide),
        ("/", Operator::Divide),
        ("%", Operator::Remainder),
    ],
];

const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// Statements, the first of which begins on line `line` of the script.
pub(crate) fn parse(text: &str, line: u32) -> Vec<Statement> {
    let lines = logical_lines(text, line);
    let statements = lines
        .into_iter()
        .map(|(line, text)| match assertion(&text, line) {
            Ok(Some(condition)) => Statement::Assert {
                line,
                condition,
                text,
            },
            _ => Statement::Foreign { line, text },
        });
    statements.collect()
}

// A line goes on behind a back-slash and inside parentheses, where a semicolon is an error that
// stays in its text; outside it ends at a semicolon. Comments and strings are Python's.
fn logical_lines(text: &str, first_line: u32) -> Vec<(u32, String)> {
    let mut lines = Vec::new();
    let mut line = first_line;
    let mut begun = (line, String::new());
    let mut depth = 0_u32;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += u32::from(c == '\n');
        let is_quoted = quote.is_some();
        match c {
            '\\' => {
                // What a back-slash precedes is neither a quote nor an end.
                match chars.next() {
                    Some('\n') | None => {
                        line += 1;
                        begun.1.push(' ');
                    }
                    Some(escaped) => begun.1.extend([c, escaped]),
                }
                continue;
            }
            '\'' | '"' if quote == Some(c) => quote = None,
            '\'' | '"' if !is_quoted => quote = Some(c),
            '#' if !is_quoted => {
                while chars.next_if(|c| *c != '\n').is_some() {}
                continue;
            }
            '(' | '[' | '{' if !is_quoted => depth += 1,
            ')' | ']' | '}' if !is_quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_end = depth == 0 && (c == '\n' || c == ';' && !is_quoted);
        if !is_end {
            let is_break = c == '\n';
            begun.1.push(if is_break { ' ' } else { c });
            continue;
        }
        quote = None;
        lines.push(mem::replace(&mut begun, (line, String::new())));
    }
    lines.push(begun);
    for (_, text) in &mut lines {
        text.truncate(text.trim_end().len());
        if text.ends_with('\\') {
            // It stood before white space, not before the end of a line.
            text.push(' ');
        }
    }
    lines.retain(|(_, text)| !text.is_empty());
    lines
}

// `None` when it is a statement of another kind. An indented one depends on another.
fn assertion(text: &str, line: u32) -> Result<Option<Term>> {
    let mut cursor = Cursor::inside(text, line);
    if !cursor.eat_word("assert")? {
        return Ok(None);
    }
    let condition = or(&mut cursor, 0)?;
    cursor.skip()?;
    // What is behind a comma is for people.
    if cursor.is_at_end() || cursor.eat(",") {
        return Ok(Some(condition));
    }
    Err(cursor.expected("an operator"))
}

fn or(cursor: &mut Cursor<'_>, depth: u32) -> Result<Term> {
    let mut left = and(cursor, depth)?;
    while cursor.eat_word("or")? {
        left = Term::Or(Box::new(left), Box::new(and(cursor, depth)?));
    }
    Ok(left)
}

fn and(cursor: &mut Cursor<'_>, depth: u32) -> Result<Term> {
    let mut left = not(cursor, depth)?;
    while cursor.eat_word("and")? {
        left = Term::And(Box::new(left), Box::new(not(cursor, depth)?));
    }
    Ok(left)
}

fn not(cursor: &mut Cursor<'_>, depth: u32) -> Result<Term> {
    if depth > DEPTH_MAX {
        return Err(cursor.error("too deep"));
    }
    if cursor.eat_word("not")? {
        return Ok(Term::Not(Box::new(not(cursor, depth + 1)?)));
    }
    compare(cursor, depth)
}

fn compare(cursor: &mut Cursor<'_>, depth: u32) -> Result<Term> {
    let first = binary(cursor, OPERATORS, depth)?;
    let mut others = Vec::new();
    while let Some(comparison) = operator(cursor, &COMPARISONS)? {
        others.push((comparison, binary(cursor, OPERATORS, depth)?));
    }
    Ok(if others.is_empty() {
        first
    } else {
        Term::Compare(Box::new(first), others)
    })
}

fn binary(cursor: &mut Cursor<'_>, levels: &[&[(&str, Operator)]], depth: u32) -> Result<Term> {
    let Some((weakest, stronger)) = levels.split_first() else {
        return unary(cursor, depth);
    };
    let mut left = binary(cursor, stronger, depth)?;
    while let Some(symbol) = operator(cursor, weakest)? {
        let right = binary(cursor, stronger, depth)?;
        left = Term::Arithmetic(Box::new(left), symbol, Box::new(right));
    }
    Ok(left)
}

fn operator<T: Copy>(cursor: &mut Cursor<'_>, among: &[(&str, T)]) -> Result<Option<T>> {
    for (symbol, operator) in among {
        if cursor.eat_next(symbol)? {
            return Ok(Some(*operator));
        }
    }
    Ok(None)
}

fn unary(cursor: &mut Cursor<'_>, depth: u32) -> Result<Term> {
    if depth > DEPTH_MAX {
        return Err(cursor.error("too deep"));
    }
    if cursor.eat_next("-")? {
        return Ok(Term::Negative(Box::new(unary(cursor, depth + 1)?)));
    }
    if cursor.eat_next("(")? {
        let inner = or(cursor, depth + 1)?;
        cursor.expect(")")?;
        return Ok(inner);
    }
    cursor.skip()?;
    if cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
        let number: u64 = cursor.number("a number")?;
        let number = i64::try_from(number).map_err(|_| cursor.error("a number too large"))?;
        return Ok(Term::Number(number));
    }
    match cursor.name("a number or a name")? {
        "True" => Ok(Term::Number(1)),
        "False" => Ok(Term::Number(0)),
        name => Ok(Term::Name(name.into())),
    }
}

impl Term {
    /// Its value, when each name has one.
    ///
    /// # Errors
    /// A name without a value, or arithmetic without a result.
    pub(crate) fn value(
        &self,
        names: &dyn Fn(&str) -> Option<i64>,
    ) -> std::result::Result<i64, String> {
        Ok(match self {
            Self::Number(number) => *number,
            Self::Name(name) => names(name).ok_or_else(|| format!("{name} is not known"))?,
            Self::Not(term) => i64::from(term.value(names)? == 0),
            Self::Negative(term) => {
                let value = term.value(names)?;
                value.checked_neg().ok_or("a result of more than 64 bits")?
            }
            Self::And(left, right) => match left.value(names)? {
                0 => 0,
                _ => right.value(names)?,
            },
            Self::Or(left, right) => match left.value(names)? {
                0 => right.value(names)?,
                value => value,
            },
            Self::Arithmetic(left, operator, right) => {
                operator.apply(left.value(names)?, right.value(names)?)?
            }
            Self::Compare(first, others) => {
                let mut left = first.value(names)?;
                for (comparison, right) in others {
                    let right = right.value(names)?;
                    if !comparison.holds(left, right) {
                        return Ok(0);
                    }
                    left = right;
                }
                1
            }
        })
    }
}

impl Operator {
    fn apply(self, a: i64, b: i64) -> std::result::Result<i64, String> {
        let shift = u32::try_from(b).ok().filter(|shift| *shift < i64::BITS);
        let result = match self {
            Self::BitOr => Some(a | b),
            Self::BitXor => Some(a ^ b),
            Self::BitAnd => Some(a & b),
            Self::ShiftLeft => shift
                .map(|shift| i128::from(a) << shift)
                .and_then(|shifted| shifted.try_into().ok()),
            Self::ShiftRight => shift.map(|shift| a >> shift),
            Self::Add => a.checked_add(b),
            Self::Subtract => a.checked_sub(b),
            Self::Multiply => a.checked_mul(b),
            // Python rounds down, and what is left over has the sign of the divisor.
            Self::Divide => floor_divide(a, b),
            Self::Remainder => floor_divide(a, b).map(|quotient| a - quotient * b),
        };
        result.ok_or_else(|| format!("{self:?} of {a} and {b} has no result of 64 bits"))
    }
}

fn floor_divide(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    let is_rounded_up = a % b != 0 && (a < 0) != (b < 0);
    Some(quotient - i64::from(is_rounded_up))
}

impl Comparison {
    const fn holds(self, a: i64, b: i64) -> bool {
        match self {
            Self::Equal => a == b,
            Self::NotEqual => a != b,
            Self::LessOrEqual => a <= b,
            Self::GreaterOrEqual => a >= b,
            Self::Less => a < b,
            Self::Greater => a > b,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> std::result::Result<i64, String> {
        let names = |name: &str| (name == "tcpi_cwnd").then_some(10);
        match parse(&format!("assert {text}"), 1).as_slice() {
            [Statement::Assert { condition, .. }] => condition.value(&names),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn expressions_have_the_values_that_python_gives_them() {
        let rows = [
            ("1 + 2 * 3", 7),
            ("(1 + 2) * 3", 9),
            ("-7 // 2", -4),
            ("-7 % 3", 2),
            ("7 % -3", -2),
            ("10 - 2 - 3", 5),
            ("1 << 4 | 1", 17),
            ("6 & 3 ^ 1", 3),
            ("0x10 >> 2", 4),
            ("tcpi_cwnd == 10, tcpi_cwnd", 1),
            ("tcpi_cwnd == 10, 'cwnd=%d, %s' % (tcpi_cwnd, 1)", 1),
            ("1 < tcpi_cwnd <= 10 < 11", 1),
            ("1 < 3 < 2", 0),
            ("not 1 == 2 and 3 != 4", 1),
            ("0 or 5", 5),
            ("0 and nothing", 0),
            ("1 or nothing", 1),
            ("True and not False", 1),
            ("(tcpi_cwnd >= 9 and\n   tcpi_cwnd <= 11)", 1),
            ("tcpi_cwnd == \\\n 10", 1),
            ("tcpi_cwnd == 10 # ; assert 0", 1),
        ];
        for (text, expected) in rows {
            assert_eq!(value(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn arithmetic_without_a_result_is_an_error() {
        for text in [
            "1 / 0",
            "1 % 0",
            "1 << 64",
            "1 << 63",
            "1 >> 99",
            "1 << -1",
            "0x7fffffffffffffff + 1",
            "-(-0x7fffffffffffffff - 1)",
            "(-0x7fffffffffffffff - 1) // -1",
            "(-0x7fffffffffffffff - 1) % -1",
            "nothing == 1",
        ] {
            assert!(value(text).is_err(), "{text}");
        }
    }

    #[test]
    fn statements_end_with_their_lines() {
        let text = "\nassert 1; assert (1 +\n 2) == 3\nprint(tcpi_cwnd)\nif 1:\n  x = ';'\n";
        let statements = parse(text, 10);
        let lines = statements.iter().map(|statement| match statement {
            Statement::Assert { line, text, .. } => (*line, true, text.as_str()),
            Statement::Foreign { line, text } => (*line, false, text.as_str()),
        });
        let expected = [
            (11, true, "assert 1"),
            (11, true, " assert (1 +  2) == 3"),
            (13, false, "print(tcpi_cwnd)"),
            (14, false, "if 1:"),
            (15, false, "  x = ';'"),
        ];
        assert_eq!(lines.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_goes_on_ends_no_line() {
        for (text, expected) in [
            ("assert (1;\n2)\nx", &["assert (1; 2)", "x"] as &[_]),
            ("\\;assert 1", &["\\;assert 1"]),
            ("assert 1 \\", &["assert 1"]),
            ("assert 1\\ \nx", &["assert 1\\ ", "x"]),
            ("assert (1", &["assert (1"]),
        ] {
            let lines = logical_lines(text, 1);
            assert!(lines.iter().map(|(_, text)| text).eq(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_assertion_of_ours_is_foreign() {
        for text in [
            "1 if 2 else 3",
            "f(1)",
            "'a' == 'a'",
            "(1",
            "1 +",
            "",
            "1.5 < 2",
        ] {
            assert!(value(text).is_err(), "{text}");
        }
        let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
        assert!(value(&deep).is_err());
        assert!(value(&"-".repeat(5000)).is_err());
        assert!(value(&"not ".repeat(5000)).is_err());
    }
}
