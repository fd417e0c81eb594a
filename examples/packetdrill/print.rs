//! The tree in the language that it was read from.

use crate::code::Statement;
use crate::script::{
    Action, Body, Direction, Ecn, End, Event, Expr, Field, Flags, Icmp, Ip, Options, Packet,
    Script, Setting, Syscall, Tcp, TcpOption, Time, Until,
};
use std::fmt::{Display, Formatter, Result};
use std::net::IpAddr;
use std::time::Duration;

impl Display for Script {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for setting in &self.settings {
            writeln!(f, "{setting}")?;
        }
        for event in &self.events {
            writeln!(f, "{event}")?;
        }
        Ok(())
    }
}

impl Display for Setting {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.value {
            Some(value) if value.is_empty() || value.contains(char::is_whitespace) => {
                write!(f, "--{}=\"{value}\"", self.name)
            }
            Some(value) => write!(f, "--{}={value}", self.name),
            None => write!(f, "--{}", self.name),
        }
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.time)?;
        if let Action::Syscall(Syscall {
            until: Some(until), ..
        }) = &self.action
        {
            match until {
                Until::Any => write!(f, "...*")?,
                Until::At(time) => write!(f, "...{}", Seconds(*time))?,
            }
        }
        match &self.action {
            Action::Packet(packet) => write!(f, " {packet}"),
            Action::Syscall(syscall) => write!(f, " {syscall}"),
            Action::Shell(command) => write!(f, " `{command}`"),
            Action::Code(statements) => {
                writeln!(f, " %{{")?;
                for statement in statements {
                    let (Statement::Assert { text, .. } | Statement::Foreign { text, .. }) =
                        statement;
                    writeln!(f, "{text}")?;
                }
                write!(f, "}}%")
            }
        }
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match *self {
            Self::Any => write!(f, "*"),
            Self::Absolute(at) => write!(f, "{}", Seconds(at)),
            Self::Relative(by) => write!(f, "+{}", Seconds(by)),
            Self::AbsoluteRange(from, to) => write!(f, "{}~{}", Seconds(from), Seconds(to)),
            Self::RelativeRange(from, to) => write!(f, "+{}~+{}", Seconds(from), Seconds(to)),
        }
    }
}

/// A time as scripts write it: microseconds, and more digits only where there is more.
pub(crate) struct Seconds(pub(crate) Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let nanos = self.0.subsec_nanos();
        write!(f, "{}.{:06}", self.0.as_secs(), nanos / 1000)?;
        if nanos.is_multiple_of(1000) {
            return Ok(());
        }
        write!(f, "{:03}", nanos % 1000)
    }
}

impl Display for Packet {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let direction = match self.direction {
            Direction::Inject => '<',
            Direction::Expect => '>',
        };
        write!(f, "{direction} {}", self.ip)?;
        if let Some((source, destination)) = &self.ends {
            write!(f, "{source} > {destination} ")?;
        }
        match &self.body {
            Body::Tcp(tcp) => write!(f, "{tcp}"),
            Body::Icmp(icmp) => write!(f, "{icmp}"),
            Body::Foreign { protocol, rest } => write!(f, "{protocol} {rest}"),
        }
    }
}

impl Display for Ip {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if let Some(ecn) = self.ecn {
            write!(f, "[{ecn}] ")?;
        }
        if let Some(tos) = self.tos {
            write!(f, "(tos {tos:#04x}) ")?;
        }
        if let Some(ttl) = self.ttl {
            write!(f, "(ttl {ttl}) ")?;
        }
        if let Some(label) = self.flow_label {
            write!(f, "(flowlabel {label:#x}) ")?;
        }
        Ok(())
    }
}

impl Display for Ecn {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::NotEct => "noecn",
            Self::Ect0 => "ect0",
            Self::Ect1 => "ect1",
            Self::Ce => "ce",
            Self::Ect01 => "ect01",
        })
    }
}

impl Display for End {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.address {
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            None => {}
        }
        write!(f, "{}", self.port)
    }
}

impl Display for Tcp {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {}", self.flags, Span(self))?;
        if let Some(ack) = self.ack {
            write!(f, " ack {ack}")?;
        }
        if let Some(window) = self.window {
            write!(f, " win {window}")?;
        }
        if let Some(urgent) = self.urgent {
            write!(f, " urg {urgent}")?;
        }
        match &self.options {
            Options::List(list) if list.is_empty() => Ok(()),
            options => write!(f, " <{options}>"),
        }
    }
}

/// `seq:end(len)`
struct Span<'a>(&'a Tcp);

impl Display for Span<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (seq, len) = (self.0.seq, self.0.len);
        write!(f, "{seq}:{}({len})", seq.wrapping_add(u32::from(len)))
    }
}

impl Display for Flags {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if *self == Self::default() {
            return f.write_str("-");
        }
        let set = Self::LETTERS.iter().filter(|(_, flag)| self.has(*flag));
        let letters: String = set.map(|(letter, _)| *letter).collect();
        f.write_str(&letters)
    }
}

impl Display for Options {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Any => f.write_str("..."),
            Self::List(list) => separated(f, list, ","),
        }
    }
}

impl Display for TcpOption {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Eol => write!(f, "eol"),
            Self::Nop => write!(f, "nop"),
            Self::Mss(mss) => write!(f, "mss {mss}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::SackPermitted => write!(f, "sackOK"),
            Self::Sack(blocks) => {
                write!(f, "sack")?;
                blocks
                    .iter()
                    .try_for_each(|(left, right)| write!(f, " {left}:{right}"))
            }
            Self::Timestamps { val, ecr } => write!(f, "TS val {val} ecr {ecr}"),
            Self::FastOpen(cookie) => write!(f, "FO {}", Hex(cookie)),
            Self::FastOpenExperiment(cookie) => write!(f, "FOEXP {}", Hex(cookie)),
            Self::Md5(digest) => write!(f, "md5 {}", Hex(digest)),
            Self::Other { kind, value } => write!(f, "kind {kind} {}", Hex(value)),
        }
    }
}

struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl Display for Icmp {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "icmp {}", self.kind)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(mtu) = self.mtu {
            write!(f, " mtu {mtu}")?;
        }
        let Some(echoed) = &self.echoed else {
            return Ok(());
        };
        write!(f, " [{} {}", echoed.flags, Span(echoed))?;
        if let Some(ack) = echoed.ack {
            write!(f, " ack {ack}")?;
        }
        write!(f, "]")
    }
}

impl Display for Syscall {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}(", self.name)?;
        separated(f, &self.arguments, ", ")?;
        write!(f, ") = {}", self.result)?;
        if let Some(errno) = &self.errno {
            write!(f, " {errno}")?;
        }
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Ellipsis => write!(f, "..."),
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(word) => write!(f, "{word}"),
            Self::Text(text) => write!(f, "\"{}\"", Escaped(text)),
            Self::Prefix(text) => write!(f, "\"{}\"...", Escaped(text)),
            Self::Union(all) => separated(f, all, "|"),
            Self::List(items) => {
                write!(f, "[")?;
                separated(f, items, ", ")?;
                write!(f, "]")
            }
            Self::Struct(fields) => {
                write!(f, "{{")?;
                separated(f, fields, ", ")?;
                write!(f, "}}")
            }
            Self::Call { name, arguments } => {
                write!(f, "{name}(")?;
                separated(f, arguments, ", ")?;
                write!(f, ")")
            }
        }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if let Some(name) = &self.name {
            write!(f, "{name}")?;
            if let Some(count) = &self.count {
                write!(f, "({count})")?;
            }
            write!(f, "=")?;
        }
        write!(f, "{}", self.value)
    }
}

struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.0.chars().try_for_each(|c| match c {
            '\n' => write!(f, "\\n"),
            '"' | '\\' => write!(f, "\\{c}"),
            c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c)),
            c => write!(f, "{c}"),
        })
    }
}

fn separated(f: &mut Formatter<'_>, items: &[impl Display], by: &str) -> Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(by)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}
