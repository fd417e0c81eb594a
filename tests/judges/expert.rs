//! tshark's experts on ten thousand connections of ours.

use crate::clients::{CROWD, crowd};
use crate::stage::Stage;
use libtest_mimic::Failed;
use seawall::drop_reason::DropReason;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;
use std::{env, fs};

/// A file that goes with its test.
pub(crate) struct Capture(pub(crate) PathBuf);

impl Capture {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("seawall-judges-{}-{name}.pcap", process::id());
        Self(env::temp_dir().join(name))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // It was never made, when the test failed early.
        let _ = fs::remove_file(&self.0);
    }
}

/// What is ours in the capture.
const OURS: &str = "ip.src == 10.73.0.1 || ipv6.src == 2001:db8:73::1";

/// What it may say although nothing is wrong, and why.
const INHERENT: &[(&str, &str)] = &[
    (
        "A new tcp session is started with the same ports earlier in this trace",
        "the kernel takes a port again within ten thousand connections",
    ),
    (
        "This frame initiates the connection closing",
        "half of the connections are closed by us first",
    ),
    (
        "This frame undergoes the connection closing",
        "half of the connections are closed by the kernel first",
    ),
];

/// What it says of an answer to the kernel's own retransmissions, which a busy machine may cause.
const OF_RETRANSMISSIONS: &str = "Duplicate ACK";

pub(crate) fn ten_thousand_connections() -> Result<(), Failed> {
    let Capture(file) = &Capture::new("crowd");
    let stage = Stage::with(|config| {
        config.capture = Some(file.clone());
        // A retransmission because this machine was busy would tell nothing.
        config.shard.tcp.rto_initial = Duration::from_secs(10);
        config.shard.tcp.rto_min = Duration::from_secs(10);
    })?;
    // So too on the kernel's side: no probe for a lost tail after two round trips.
    let client = stage.lab().client();
    client.sysctl("net.ipv4.tcp_early_retrans", "0")?;
    crowd(&stage)?;
    let totals = stage.stop(CROWD)?;
    assert_eq!(totals.counters.segments_again, 0);

    // The experts have really seen what is ours: each connection has one SYN-ACK and one FIN.
    let frames = tshark(file, &["-Y", OURS, "-T", "fields", "-e", "tcp.flags"])?;
    let with = |bits| {
        let flags = frames.lines().map(|it| it.trim_start_matches("0x"));
        let flags = flags.map(|hex| u16::from_str_radix(hex, 16).expect("tshark prints flags"));
        flags.filter(|flags| flags & bits == bits).count() as u64
    };
    assert_eq!((with(0x12), with(0x01)), (CROWD, CROWD));
    assert_eq!(frames.lines().count() as u64, totals.port.sent);

    let told = tshark(file, &["-q", "-z", &format!("expert,note,{OURS}")])?;
    let drops = &totals.counters.drops;
    let mut doubled = drops.of(DropReason::OutOfWindow) + drops.of(DropReason::Duplicate);
    let mut complaints = Vec::new();
    for (count, row) in rows(&told) {
        if row.contains(OF_RETRANSMISSIONS) && count <= doubled {
            doubled -= count;
        } else if !INHERENT.iter().any(|(what, _)| row.contains(what)) {
            complaints.push(row);
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}

// Rows of the experts' table, which begin with how often: all but its headings.
fn rows(table: &str) -> impl Iterator<Item = (u64, &str)> {
    table.lines().filter_map(|row| {
        let count = row.split_whitespace().next()?;
        Some((count.parse().ok()?, row))
    })
}

fn tshark(file: &Path, arguments: &[&str]) -> Result<String, Failed> {
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(file).args(arguments);
    for checked in ["tcp.check_checksum:TRUE", "ip.check_checksum:TRUE"] {
        tshark.args(["-o", checked]);
    }
    let output = tshark.output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}
