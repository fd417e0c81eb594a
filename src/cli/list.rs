//! `seawall list`: the connections of a server that runs.

use super::admin::SocketArg;
use super::terminal::print_json;
use crate::control::admin::{self, Ask, Connection, Cursor, Ends, Filter, Line, List, Matching};
use crate::control::admin::{Answer, Error, StateName};
use crate::tcp::State;
use crate::time::Duration;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

/// Arguments of `seawall list`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo seawall list
  sudo seawall list --state established,close-wait --remote 192.0.2.0/24 --older 1h
  sudo seawall list --count --port 80
  sudo seawall list --limit 1000 --json
  sudo seawall list --limit 1000 --after 0:1041 --json

A connection that is there from the first page to the last is on one page, whatever comes and goes
meanwhile. The server goes on at full speed: listing takes no lock.

Exit status: 0 when it was answered, 1 when nobody answers or may be asked, 2 for wrong arguments.")]
pub struct ListArgs {
    /// Whom to ask
    #[command(flatten)]
    pub server: SocketArg,

    /// Only these states, as established,time-wait
    #[arg(long, value_name = "STATE,...", value_delimiter = ',')]
    pub state: Vec<StateName>,

    /// Only connections whose local end is this
    #[arg(long, value_name = "ADDR[:PORT]|NET")]
    pub local: Option<Ends>,

    /// Only connections whose remote end is this
    #[arg(long, value_name = "ADDR[:PORT]|NET")]
    pub remote: Option<Ends>,

    /// Only connections with this port at either end
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,

    /// Only connections that began this long ago or before, as 500ms, 10s, 5m, 2h or 1d
    #[arg(long, value_name = "TIME", value_parser = parse_age)]
    pub older: Option<Duration>,

    /// Only connections that began less than this long ago
    #[arg(long, value_name = "TIME", value_parser = parse_age)]
    pub younger: Option<Duration>,

    /// At most this many; where there are more, stderr says how to go on
    #[arg(long, value_name = "N", conflicts_with = "count",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// Go on behind this connection: its `cursor` in the JSON
    #[arg(long, value_name = "SHARD:SLOT", conflicts_with = "count")]
    pub after: Option<Cursor>,

    /// Print how many there are, by state, instead
    #[arg(long)]
    pub count: bool,

    /// Print JSON: one object a connection, or one of counts
    #[arg(long)]
    pub json: bool,
}

/// `500ms`, `10s`, `5m`, `2h`, `1d`.
fn parse_age(text: &str) -> Result<Duration, String> {
    const WANT: &str = "want a number and a unit, as in 500ms, 10s, 5m, 2h or 1d";
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_| WANT)?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return Err(WANT.into()),
    };
    Ok(Duration::from_millis(number.saturating_mul(unit_ms)))
}

/// Runs `seawall list`.
pub fn run(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let path = args.server.path()?;
    let ms = |age: Duration| age.as_millis() as u64;
    let filter = Filter {
        states: args.state.clone(),
        local: args.local,
        remote: args.remote,
        port: args.port,
        older_ms: args.older.map(ms),
        younger_ms: args.younger.map(ms),
    };
    if args.count {
        let mut answer = admin::ask(&path, &Ask::Count(filter))?;
        if let Line::Counts(counts) = answer.line()? {
            print_counts(&counts, args.json)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let list = List {
        filter,
        after: args.after,
        limit: args.limit,
    };
    let mut answer = admin::ask(&path, &Ask::List(list))?;
    let stdout = io::stdout().lock();
    let next = if args.json {
        print_lines(&mut answer, stdout)?
    } else {
        print_table(&mut answer, BufWriter::new(stdout))?
    };
    if let Some(cursor) = next {
        eprintln!("there are more: --after {cursor}");
    }
    Ok(ExitCode::SUCCESS)
}

fn print_counts(counts: &Matching, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(print_json(counts)?);
    }
    let mut out = io::stdout().lock();
    for state in State::ALL.map(State::name) {
        if let Some(n) = counts.states.get(state) {
            writeln!(out, "{state:<12}  {n:>10}")?;
        }
    }
    writeln!(out, "{:<12}  {:>10}", "total", counts.total)?;
    Ok(())
}

// The next connection; `Err` is where the next page begins, if there is one.
fn next(answer: &mut Answer) -> Result<Result<Connection, Option<Cursor>>, Error> {
    loop {
        match answer.line()? {
            Line::Connection(connection) => return Ok(Ok(connection)),
            Line::End { next } => return Ok(Err(next)),
            _ => {}
        }
    }
}

fn print_lines(answer: &mut Answer, out: impl Write) -> anyhow::Result<Option<Cursor>> {
    let mut out = BufWriter::new(out);
    loop {
        match next(answer)? {
            Ok(connection) => {
                serde_json::to_writer(&mut out, &connection).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Err(end) => {
                out.flush()?;
                return Ok(end);
            }
        }
    }
}

/// Rows that are looked at before the first is printed, to see how wide their columns are.
const ROWS_AHEAD: usize = 256;

fn print_table(answer: &mut Answer, mut out: impl Write) -> anyhow::Result<Option<Cursor>> {
    let mut head = Some(["STATE", "LOCAL", "REMOTE", "AGE", "IN STATE"].map(str::to_owned));
    let mut widths = [0; 5];
    loop {
        let mut rows = Vec::from_iter(head.take());
        let end = loop {
            if rows.len() > ROWS_AHEAD {
                break None;
            }
            match next(answer)? {
                Ok(connection) => rows.push(cells(&connection)),
                Err(end) => break Some(end),
            }
        };
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.len().max(*width);
            }
        }
        let [w0, w1, w2, w3, w4] = widths;
        for [state, local, remote, age, state_age] in &rows {
            writeln!(
                out,
                "{state:<w0$}  {local:<w1$}  {remote:<w2$}  {age:>w3$}  {state_age:>w4$}"
            )?;
        }
        if let Some(end) = end {
            out.flush()?;
            return Ok(end);
        }
    }
}

fn cells(row: &Connection) -> [String; 5] {
    let (local, remote) = (row.local.to_string(), row.remote.to_string());
    let [age, state_age] = [row.age_s, row.state_age_s].map(age);
    [row.state.to_string(), local, remote, age, state_age]
}

// The two largest units: `12.25s`, `3m 5s`, `2h 4m`, `5d 1h`.
fn age(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).map_or(0, |age| age.as_secs());
    let (minutes, hours, days) = (whole / 60, whole / 3600, whole / 86400);
    if days > 0 {
        format!("{days}d {}h", hours % 24)
    } else if hours > 0 {
        format!("{hours}h {}m", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes}m {}s", whole % 60)
    } else {
        format!("{seconds:.2}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_in_their_units() {
        for (text, ms) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse_age(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["", "10", "s", "-1s", "1.5h", "1w"] {
            assert!(parse_age(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ages_are_written_in_their_two_largest_units() {
        let rows = [
            (0.0, "0.00s"),
            (59.75, "59.75s"),
            (60.0, "1m 0s"),
            (3725.5, "1h 2m"),
            (90_000.0, "1d 1h"),
        ];
        for (seconds, text) in rows {
            assert_eq!(age(seconds), text);
        }
    }
}
