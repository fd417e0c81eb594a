//! What we send, as a stranger sees it: a capture, and tshark's opinion of it.

use crate::stage::{DAYTIME, ECHO, HTTP, Stage, get};
use libtest_mimic::Failed;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;
use std::{env, fs};

/// What it says of each frame.
const FIELDS: [&str; 8] = [
    "frame.number",
    "ip.src",
    "ipv6.src",
    "ip.checksum.status",
    "tcp.checksum.status",
    "_ws.malformed",
    "tcp.analysis.flags",
    "_ws.expert.message",
];

/// The status of a checksum that is right.
const GOOD: &str = "1";

/// What two TCPs on a veth that loses nothing may still say: a window that is full, and one that
/// opens again.
const HARMLESS: [&str; 2] = ["TCP Window Full", "TCP window update"];

struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // It was never made, when the test failed early.
        let _ = fs::remove_file(&self.0);
    }
}

pub(crate) fn tshark_finds_nothing() -> Result<(), Failed> {
    let name = format!("seawall-kernel-{}.pcap", process::id());
    let file = Removed(env::temp_dir().join(name));
    let stage = Stage::with(|config| {
        config.capture = Some(file.0.clone());
        // A retransmission because this machine was busy would tell nothing.
        config.shard.tcp.rto_min = Duration::from_secs(2);
    })?;
    // So too on the kernel's side: no probe for a lost tail after two round trips.
    stage
        .lab()
        .client()
        .sysctl("net.ipv4.tcp_early_retrans", "0")?;
    mixed_traffic(&stage)?;
    let totals = stage.stop(14)?;
    assert_eq!(totals.counters.segments_again, 0);

    let told = tshark(&file.0)?;
    let mut ours = 0;
    let mut complaints = Vec::new();
    for line in told.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[number, v4, v6, ip_sum, tcp_sum, malformed, flags, experts] = &fields[..] else {
            return Err(format!("tshark said {line:?}").into());
        };
        let is_ours = v4 == "10.73.0.1" || v6 == "2001:db8:73::1";
        ours += u64::from(is_ours);
        let is_bad_sum = tcp_sum != GOOD || !v4.is_empty() && ip_sum != GOOD;
        let is_strange = experts
            .split(',')
            .any(|message| message.contains("TCP") && !is_harmless(message));
        if is_ours && is_bad_sum || !malformed.is_empty() || !flags.is_empty() && is_strange {
            complaints.push(format!("frame {number}: {line}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert_eq!(ours, totals.port.sent);
    assert_eq!(
        told.lines().count() as u64,
        totals.port.sent + totals.port.received
    );
    Ok(())
}

fn is_harmless(message: &str) -> bool {
    HARMLESS.iter().any(|harmless| message.contains(harmless))
}

fn mixed_traffic(stage: &Stage) -> Result<(), Failed> {
    for at in stage.ends(ECHO) {
        // Half-closed, in one go; and back and forth, small.
        stage.echo(at, &vec![0x5e; 200_000])?;
        let mut stream = stage.connect(at)?;
        for len in [1, 1448, 1449, 10_000] {
            stream.write_all(&vec![0xa1; len])?;
            stream.read_exact(&mut vec![0; len])?;
        }
        stream.shutdown(Shutdown::Write)?;
        stream.read_to_end(&mut Vec::new())?;
    }
    for at in stage.ends(HTTP) {
        for path in ["/", "/bytes/0", "/bytes/1", "/bytes/500000"] {
            get(stage.connect(at)?, path)?;
        }
    }
    for at in stage.ends(DAYTIME) {
        stage.connect(at)?.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

fn tshark(file: &Path) -> Result<String, Failed> {
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(file).args(["-T", "fields"]);
    for field in FIELDS {
        tshark.args(["-e", field]);
    }
    for wanted in ["tcp.check_checksum:TRUE", "ip.check_checksum:TRUE"] {
        tshark.args(["-o", wanted]);
    }
    let output = tshark.output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}
