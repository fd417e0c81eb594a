//! scapy: segments as no stack sends them, and the octets of our SYN-ACKs. What is sent and what
//! came back is in `odd.py`; what that may be is here.

use crate::common::Process;
use crate::stage::{ECHO, Stage};
use libtest_mimic::Failed;
use seawall::control::lab::{CLIENT_INTERFACE, SERVER_INTERFACE};
use seawall::drop_reason::DropReason;
use seawall::nic::af_xdp::Verdict;
use seawall::nic::netlink::Netlink;
use seawall::shard::SynCookies;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

/// Debian's, which its `python3-scapy` belongs to.
const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges/odd.py");

/// One row of what the script saw.
#[derive(Debug, Deserialize)]
struct Row {
    what: String,
    /// Segments that it sent, and those that came back, each as scapy writes its control bits.
    sent: usize,
    replies: Vec<String>,
    /// What the last reply acknowledges, from the beginning of what was sent.
    acknowledged: Option<u32>,
    /// Options of the SYN-ACK, in their order.
    options: Vec<String>,
}

fn scapy(stage: &Stage, mode: &str) -> Result<Vec<Row>, Failed> {
    let server = stage.lab().server();
    let server = server.run(|| Netlink::open()?.link(SERVER_INTERFACE))?;
    let mut python = Command::new(PYTHON);
    python.args([SCRIPT, mode, CLIENT_INTERFACE, &server.mac.to_string()]);
    let finished = Process::start(Some(stage.lab().client()), &mut python)?.finish()?;
    if !finished.status.success() {
        return Err(finished.stderr.into());
    }
    let rows = finished.stdout.lines().map(serde_json::from_str);
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What may come back: the last reply's control bits, or nothing, and how much it acknowledges.
fn expected() -> BTreeMap<&'static str, (&'static [&'static str], Option<u32>)> {
    const SYN_ACK: &[&str] = &["SA"];
    const NOTHING: &[&str] = &[""];
    // What has neither SYN, RST nor ACK, or SYN with more: RFC 9293 §3.10.7 has an answer for some,
    // and a stack may be silent.
    const ANY_OR_NOTHING: &[&str] = &["", "RA", "R", "SA"];
    BTreeMap::from([
        // To LISTEN
        ("a plain SYN", (SYN_ACK, Some(1))),
        ("a SYN with reserved bits", (SYN_ACK, Some(1))),
        ("a SYN that sets up ECN", (SYN_ACK, Some(1))),
        ("a SYN that asks for a Fast Open cookie", (SYN_ACK, Some(1))),
        ("a SYN with a Fast Open cookie and text", (SYN_ACK, Some(1))),
        ("a SYN with text", (SYN_ACK, Some(1))),
        ("a SYN with an MD5 signature", (SYN_ACK, Some(1))),
        ("a SYN with an unknown option", (SYN_ACK, Some(1))),
        ("a SYN with window scale 15", (SYN_ACK, Some(1))),
        ("a SYN with an MSS of 0", (SYN_ACK, Some(1))),
        ("a SYN with forty octets of padding", (SYN_ACK, Some(1))),
        ("a SYN with every option twice", (SYN_ACK, Some(1))),
        ("a SYN with an urgent pointer", (SYN_ACK, Some(1))),
        ("a SYN with PSH and URG", (SYN_ACK, Some(1))),
        ("a SYN of window 0", (SYN_ACK, Some(1))),
        ("an option of no octets", (NOTHING, None)),
        ("an option past the end", (NOTHING, None)),
        ("a data offset of 0", (NOTHING, None)),
        ("a data offset of 4", (NOTHING, None)),
        ("a data offset past the end", (NOTHING, None)),
        ("a wrong checksum", (NOTHING, None)),
        ("a SYN with FIN", (ANY_OR_NOTHING, None)),
        ("a SYN with RST", (NOTHING, None)),
        ("no flags", (ANY_OR_NOTHING, None)),
        ("every flag", (ANY_OR_NOTHING, None)),
        ("an ACK of nothing", (&["R"], None)),
        ("a FIN with ACK of nothing", (&["R"], None)),
        ("a SYN-ACK of nothing", (&["R"], None)),
        ("a RST of nothing", (NOTHING, None)),
        // To a connection
        ("text", (&["A", "PA"], Some(100))),
        ("text that overlaps", (&["A", "PA"], Some(150))),
        ("text with urgent octets", (&["A", "PA"], Some(100))),
        ("an urgent pointer past the text", (&["A", "PA"], Some(10))),
        ("text with an unknown option", (&["A", "PA"], Some(100))),
        ("text with reserved bits", (&["A", "PA"], Some(100))),
        ("text beyond the window", (&["A"], Some(0))),
        ("a FIN with text beyond the window", (&["A"], Some(0))),
        ("a FIN beyond the window", (&["A"], Some(0))),
        (
            "text that acknowledges what was never sent",
            (&["A"], Some(0)),
        ),
        ("a hole, then a FIN behind it", (&["A"], Some(0))),
        ("a SYN in the window", (&["A"], Some(0))),
        ("a RST at the window's right half", (&["A"], Some(0))),
        ("text without ACK", (&["", "A"], None)),
        ("a keep-alive of one old octet", (&["A"], Some(0))),
    ])
}

pub(crate) fn odd_segments() -> Result<(), Failed> {
    let stage = Stage::with(|config| {
        // What comes again by itself is not a reply.
        config.shard.tcp.rto_initial = Duration::from_mins(1);
        config.shard.tcp.rto_min = Duration::from_mins(1);
        config.shard.tcp.challenge_interval = Duration::ZERO;
    })?;
    let mut bystander = stage.connect(stage.at(ECHO))?;
    let rows = scapy(&stage, "odd")?;
    bystander.write_all(b"still here")?;
    bystander.read_exact(&mut [0; 10])?;

    let mut expected = expected();
    for row in &rows {
        let Some((last, acknowledged)) = expected.remove(row.what.as_str()) else {
            return Err(format!("nothing is expected of {row:?}").into());
        };
        assert!(
            row.replies.len() <= row.sent,
            "more replies than segments: {row:?}"
        );
        let reply = row.replies.last().map_or("", String::as_str);
        assert!(last.contains(&reply), "{row:?}, not {last:?}");
        if acknowledged.is_some() {
            assert_eq!(row.acknowledged, acknowledged, "{row:?}");
        }
    }
    assert!(expected.is_empty(), "not tried: {expected:?}");

    // The drops of the odd ones have their reasons, and no frame went nowhere without one.
    let totals = stage.halt()?;
    let drops = &totals.counters.drops;
    for reason in [
        DropReason::TcpOptions,
        DropReason::TcpChecksum,
        DropReason::NoListener,
        DropReason::NoConnection,
        DropReason::OutOfWindow,
        DropReason::AckUnsent,
        DropReason::UnexpectedSyn,
        DropReason::RstNotExact,
    ] {
        assert!(drops.of(reason) > 0, "{reason:?}: {drops:?}");
    }
    assert_eq!(
        totals.xdp.verdicts.of(Verdict::DropMalformed),
        3,
        "data offsets"
    );
    // The bystander's kernel acknowledges when it likes, also while we stop.
    let unread = totals.xdp.verdicts.of(Verdict::Redirect) - totals.port.received;
    assert!(
        unread <= 1,
        "{unread} frames were redirected and not received"
    );
    Ok(())
}

pub(crate) fn option_order() -> Result<(), Failed> {
    let of = |cookies| -> Result<Vec<Row>, Failed> {
        let stage = Stage::with(|config| config.shard.syn_cookies = cookies)?;
        scapy(&stage, "options")
    };
    let (plain, cookie) = (of(SynCookies::Never)?, of(SynCookies::Always)?);
    assert_eq!((plain.len(), cookie.len()), (8, 8));
    for (plain, cookie) in plain.iter().zip(&cookie) {
        assert_eq!(
            (&plain.replies[..], &cookie.replies[..]),
            (&["SA".into()][..], &["SA".into()][..])
        );
        assert_eq!(plain.what, cookie.what);
        assert_eq!(plain.options[0], "MSS");
        // Without timestamps a cookie has no place for the other two, and offers neither.
        if plain.what.contains("Timestamp") {
            assert_eq!(plain.options, cookie.options, "{}", plain.what);
        } else {
            assert_eq!(cookie.options, ["MSS"], "{}", plain.what);
        }
    }
    Ok(())
}
