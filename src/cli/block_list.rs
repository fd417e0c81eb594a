//! Files of networks that are not served: one a line in CIDR notation, and comments behind `#`.

use ipnet::IpNet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Why a list was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The file.
    #[error("cannot read the block list {}: {error}", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// One of its lines.
    #[error(
        "{}:{line}: `{text}` is no network: want ADDR/BITS or ADDR, as in 198.51.100.0/24",
        path.display()
    )]
    Line {
        /// Where.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// More than the XDP program has room for.
    #[error("{}: {count} networks, and there is room for {room}: join neighbours", path.display())]
    TooMany {
        /// Where.
        path: PathBuf,
        /// How many it lists.
        count: usize,
        /// How many there may be.
        room: usize,
    },
}

/// The networks that a file lists, at most `room`.
pub(super) fn read(path: &Path, room: usize) -> Result<Vec<IpNet>, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::Read {
        path: path.to_owned(),
        error,
    })?;
    let networks = parse(&text).map_err(|(line, text)| Error::Line {
        path: path.to_owned(),
        line,
        text,
    })?;
    if networks.len() > room {
        return Err(Error::TooMany {
            path: path.to_owned(),
            count: networks.len(),
            room,
        });
    }
    Ok(networks)
}

// Or the number of the first wrong line, and what stands there. Each network once.
fn parse(text: &str) -> Result<Vec<IpNet>, (usize, String)> {
    let mut networks = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let (text, _) = text.split_once('#').unwrap_or((text, ""));
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse::<IpNet>().or_else(|_| address());
        let network = network.map_err(|_| (line, text.to_owned()))?;
        networks.push(network.trunc());
    }
    networks.sort_unstable();
    networks.dedup();
    Ok(networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_networks_addresses_and_comments() {
        let text = "\
# who has flooded us
198.51.100.0/24   # a neighbour
203.0.113.9
198.51.100.77/24

2001:db8:1::/48
";
        let networks: Vec<_> = parse(text).unwrap().iter().map(IpNet::to_string).collect();
        let want = ["198.51.100.0/24", "203.0.113.9/32", "2001:db8:1::/48"];
        assert_eq!(networks, want);
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, line, what) in [
            ("10.0.0.0/8\n10.0.0.0/33\n", 2, "10.0.0.0/33"),
            ("\n\nexample.org # comment\n", 3, "example.org"),
            ("10.0.0.0/8 10.1.0.0/16", 1, "10.0.0.0/8 10.1.0.0/16"),
        ] {
            assert_eq!(parse(text), Err((line, what.to_owned())));
        }
        let error = Error::Line {
            path: "list".into(),
            line: 2,
            text: "x".into(),
        };
        assert!(error.to_string().starts_with("list:2: `x` is no network"));
    }
}
