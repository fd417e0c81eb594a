//! Questions and the lines of their answers, as JSON. The module's head has the whole.

use super::filter::Filter;
use crate::control::counts::Counts;
use crate::shard::{Note, Ticks};
use crate::table::Entry;
use crate::tcp::{Open, State};
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The version that is spoken here.
pub const VERSION: u32 = 1;

/// Octets of a question, at most.
pub const REQUEST_BYTES_MAX: usize = 4096;

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Connections, one by one.
    List(List),
    /// How many connections, by state.
    Count(Filter),
    /// Counters.
    Stats,
}

/// Which connections, and how many of them at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    /// Those that this admits.
    pub filter: Filter,
    /// From behind this place on.
    pub after: Option<Cursor>,
    /// This many at most.
    pub limit: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Request<A> {
    version: u32,
    ask: A,
}

impl Ask {
    /// The line that asks this.
    #[must_use]
    pub fn to_line(&self) -> String {
        let request = Request {
            version: VERSION,
            ask: self,
        };
        let line = serde_json::to_string(&request);
        line.expect("strings and numbers are always JSON") + "\n"
    }

    /// What a line asks.
    ///
    /// # Errors
    /// Words for whoever asked.
    pub fn from_line(line: &str) -> Result<Self, String> {
        let request: Request<serde_json::Value> =
            serde_json::from_str(line).map_err(|error| format!("no question: {error}"))?;
        if request.version != VERSION {
            return Err(format!(
                "asked in version {}, and version {VERSION} is spoken here",
                request.version
            ));
        }
        serde_json::from_value(request.ask).map_err(|error| format!("no question: {error}"))
    }
}

/// A line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Who answers.
    Server(Server),
    /// A connection.
    Connection(Connection),
    /// There is no more on this page.
    End {
        /// The last connection of this page, when there are more behind it.
        next: Option<Cursor>,
    },
    /// How many.
    Counts(Matching),
    /// Counters.
    Stats(Stats),
    /// Why there is no more.
    Error(String),
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// Of the protocol.
    pub version: u32,
    /// Its process.
    pub pid: u32,
    /// Its interfaces.
    pub interfaces: Vec<String>,
    /// Since when it serves, in seconds.
    pub uptime_s: f64,
}

/// A connection as it was a moment ago.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Its place: [`List::after`] goes on behind it.
    pub cursor: Cursor,
    /// Its shard.
    pub shard: u32,
    /// Its state.
    pub state: StateName,
    /// Who began it.
    #[serde(with = "OpenName")]
    pub open: Open,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// Seconds since it began, in quarters.
    pub age_s: f64,
    /// Seconds since it entered its state, in quarters.
    pub state_age_s: f64,
}

impl Connection {
    pub(super) fn new(cursor: Cursor, entry: &Entry, note: &Note, now: Ticks) -> Self {
        Self {
            cursor,
            shard: cursor.shard,
            state: StateName(note.state),
            open: note.open,
            local: entry.tuple.local.into(),
            remote: entry.tuple.remote.into(),
            age_s: note.began.age(now).as_secs_f64(),
            state_age_s: note.entered.age(now).as_secs_f64(),
        }
    }
}

/// How many connections a filter admits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matching {
    /// In all states.
    pub total: u64,
    /// By state; only states that some are in.
    pub states: BTreeMap<String, u64>,
}

/// Counters of a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Since when it serves, in seconds.
    pub uptime_s: f64,
    /// Of all shards.
    #[serde(flatten)]
    pub counts: Counts,
    /// Connections that exist, by state; only states that some are in.
    pub states: BTreeMap<String, u64>,
    /// Of each shard.
    pub shards: Vec<ShardStats>,
}

/// Counters of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardStats {
    /// Its number.
    pub shard: u32,
    /// The CPU that it is bound to.
    pub cpu: usize,
    /// Its counters.
    #[serde(flatten)]
    pub counts: Counts,
    /// Its connections, by state; only states that some are in.
    pub states: BTreeMap<String, u64>,
}

/// A place in the tables: shard and slot, written `0:17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Which table.
    pub shard: u32,
    /// Where in it.
    pub slot: u32,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.shard, self.slot)
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(shard, slot)| {
            Some(Self {
                shard: shard.parse().ok()?,
                slot: slot.parse().ok()?,
            })
        });
        parts.ok_or_else(|| format!("`{text}` is no SHARD:SLOT, as in 0:17"))
    }
}

/// A state by the RFC's name; parsed in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateName(pub State);

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.name())
    }
}

impl FromStr for StateName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // No connection is CLOSED or in LISTEN: those have no slot.
        let states = &State::ALL[2..];
        let found = states.iter().find(|s| s.name().eq_ignore_ascii_case(text));
        found.copied().map(Self).ok_or_else(|| {
            let names: Vec<_> = states.iter().map(|state| state.name()).collect();
            let names = names.join(", ").to_ascii_lowercase();
            format!("no connection is in state `{text}`; there are {names}")
        })
    }
}

/// Text where there is a `Display` and a `FromStr`.
macro_rules! as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

as_text!(Cursor, StateName, super::filter::Ends);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Open", rename_all = "lowercase")]
enum OpenName {
    Active,
    Passive,
}
