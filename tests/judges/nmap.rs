//! nmap: can it guess our sequence numbers, and which ports does it find?
//!
//! It looks at addresses that are ours alone: of others the kernel answers for what is not listed.

use crate::stage::{CHARGEN, DAYTIME, ECHO, HTTP, Stage};
use libtest_mimic::Failed;
use seawall::control::lab::{lab_v4, lab_v6};
use seawall::service::by_name;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;

const SERVED: [(u16, &str); 4] = [
    (ECHO, "echo"),
    (DAYTIME, "daytime"),
    (CHARGEN, "chargen"),
    (HTTP, "http"),
];

fn ours() -> [IpAddr; 2] {
    [lab_v4(9).address, lab_v6(9).address]
}

fn stage() -> Result<Stage, Failed> {
    Stage::with(|config| {
        for address in ours() {
            for (port, name) in SERVED {
                let at = SocketAddr::new(address, port).into();
                let service = move || by_name(name).expect("it is in the list");
                config.listeners.push((at, Box::new(service)));
            }
        }
    })
}

fn nmap(stage: &Stage, arguments: &str, of: IpAddr) -> Result<String, Failed> {
    let output = stage.client(|| {
        let mut nmap = Command::new("nmap");
        nmap.args(["-n", "-Pn", "--send-eth", "--max-retries", "3"]);
        nmap.args(of.is_ipv6().then_some("-6"));
        nmap.args(arguments.split_whitespace());
        nmap.arg(of.to_string()).output()
    })?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}

pub(crate) fn sequence_prediction() -> Result<(), Failed> {
    let stage = stage()?;
    let [v4, _] = ours();
    let told = nmap(&stage, "-v -O --max-os-tries 1 -p 7,8,13,19,80", v4)?;
    let after = |what: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(what));
        line.ok_or_else(|| Failed::from(format!("no {what:?} in: {told}")))
    };
    // Its index is the binary logarithm of what the numbers stray by, times eight; "Good luck!" is
    // its best class. Three octets that nobody can tell are the least that RFC 6528 leaves.
    let difficulty = after("TCP Sequence Prediction: Difficulty=")?;
    let (index, class) = difficulty.split_once(' ').unwrap_or((difficulty, ""));
    assert_eq!(class, "(Good luck!)", "{difficulty}");
    assert!(index.parse::<u32>()? >= 8 * 24, "{difficulty}");
    // Atomic datagrams have no identification (RFC 6864 §4.1), so nothing idle can be scanned by us.
    assert_eq!(after("IP ID Sequence Generation: ")?, "All zeros");
    stage.echo(SocketAddr::new(v4, ECHO), b"and we still serve")
}

/// A kind of scan; what it calls a port that is served, and one that is not.
const SCANS: [(&str, &str, &str); 6] = [
    ("-sS", "open", "closed"),
    // An ACK or a FIN with one gets a reset from LISTEN and from CLOSED alike: MUST-5, §3.10.7.2.
    ("-sA", "unfiltered", "unfiltered"),
    ("-sW", "closed", "closed"),
    ("-sM", "closed", "closed"),
    // LISTEN discards what has neither SYN, RST nor ACK; CLOSED resets it.
    ("-sN", "open|filtered", "closed"),
    ("-sF", "open|filtered", "closed"),
];

const PORTS: u16 = 200;

pub(crate) fn scans() -> Result<(), Failed> {
    let stage = stage()?;
    for address in ours() {
        for (scan, of_served, of_others) in SCANS {
            let told = nmap(&stage, &format!("{scan} -p 1-{PORTS} -oG -"), address)?;
            let (named, others) = states(&told);
            for port in 1..=PORTS {
                let is_served = SERVED.iter().any(|(served, _)| *served == port);
                let expected = if is_served { of_served } else { of_others };
                let found = *named.get(&port).unwrap_or(&others);
                assert!(
                    found == expected,
                    "{scan} {address} {port}: {found}, not {expected}: {told}"
                );
            }
        }
        stage.echo(SocketAddr::new(address, ECHO), b"and we still serve")?;
    }
    Ok(())
}

// The state of each port that nmap names, and of all others.
fn states(told: &str) -> (BTreeMap<u16, &str>, &str) {
    let fields = || told.split(['\t', '\n']);
    let ports = fields().filter_map(|field| field.strip_prefix("Ports: "));
    // None is named where all are ignored.
    let named = ports
        .flat_map(|ports| ports.split(", "))
        .filter_map(|port| {
            let mut fields = port.split('/');
            Some((fields.next()?.trim().parse().ok()?, fields.next()?))
        });
    let ignored = fields().filter_map(|field| field.strip_prefix("Ignored State: "));
    let ignored = ignored
        .filter_map(|state| state.split(' ').next())
        .next_back();
    (named.collect(), ignored.unwrap_or("not named"))
}
