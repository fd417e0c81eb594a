use super::*;
use crate::parse::parse;
use crate::script::Action;

/// What the stack adds to its sequence numbers and to its timestamps.
const ISS: u32 = 0xffff_fff0;
const CLOCK: u32 = 5_000;

const EXACT: Rules = Rules {
    is_exact: true,
    timestamp_tick: None,
    tolerance: Duration::ZERO,
};

fn packet(text: &str) -> Packet {
    let script = parse(&format!("+0 {text}")).unwrap();
    match script.events[0].action.clone() {
        Action::Packet(packet) => packet,
        other => panic!("{other:?}"),
    }
}

fn tcp(text: &str) -> Tcp {
    match packet(text).body {
        Body::Tcp(tcp) => tcp,
        other => panic!("{other:?}"),
    }
}

fn seen(text: &str) -> Seen {
    let packet = packet(text);
    Seen {
        source: "192.0.2.2:80".parse().unwrap(),
        destination: "192.0.2.1:1024".parse().unwrap(),
        ip: Ip {
            ecn: packet.ip.ecn.or(Some(Ecn::NotEct)),
            tos: packet.ip.tos.or(Some(0)),
            ttl: packet.ip.ttl.or(Some(64)),
            flow_label: packet.ip.flow_label,
        },
        tcp: tcp(text),
    }
}

// The same as the stack would send it: from its ISS, with its clock.
fn live(text: &str) -> Seen {
    let mut seen = seen(text);
    seen.tcp.seq = seen.tcp.seq.wrapping_add(ISS);
    if let Options::List(list) = &mut seen.tcp.options {
        for option in list {
            if let TcpOption::Timestamps { val, .. } = option {
                *val += CLOCK;
            }
        }
    }
    seen
}

// A connection whose SYN-ACK was seen.
fn open() -> Flow {
    let mut flow = Flow::new(7);
    let syn_ack = "> S. 0:0(0) ack 8 win 65535 <mss 1460,TS val 10 ecr 1>";
    let expected = syn_ack.replace("ack 8", "ack 1");
    flow.check(&packet(&expected), &live(syn_ack), &EXACT)
        .unwrap();
    flow
}

#[test]
fn what_is_alike_is_accepted() {
    let rows = [
        ("> . 1:1(0) ack 1", "> . 1:1(0) ack 8 win 9"),
        ("> R 1:1(0) ack 0", "> R 1:1(0)"),
        ("> . 1:1(0) ack 1 win 9", "> . 1:1(0) ack 8 win 9"),
        ("> P. 1:1001(1000) ack 1", "> P. 1:1001(1000) ack 8"),
        (
            "> . 1:1(0) ack 1 <...>",
            "> . 1:1(0) ack 8 <nop,nop,TS val 1 ecr 2>",
        ),
        (
            "> . 1:1(0) ack 1 <nop,nop,TS val 99 ecr 2>",
            "> . 1:1(0) ack 8 <nop,nop,TS val 11 ecr 2>",
        ),
        (
            "> . 1:1(0) ack 1 <nop,nop,sack 5:6>",
            "> . 1:1(0) ack 8 <nop,nop,sack 12:13>",
        ),
        ("> [ect01] . 1:1(0)", "> [ect1] . 1:1(0) ack 8"),
        ("> (ttl 64) (tos 0) . 1:1(0)", "> . 1:1(0) ack 8"),
    ];
    for (expected, actual) in rows {
        let verdict = open().check(&packet(expected), &live(actual), &EXACT);
        assert_eq!(verdict, Ok(()), "{expected}");
    }
}

#[test]
fn what_differs_is_named() {
    let rows = [
        ("> . 1:1(0) ack 1", "> P. 1:1(0) ack 8", "flags"),
        ("> . 1:1(0) ack 1", "> . 2:2(0) ack 8", "sequence number"),
        ("> . 1:1(0) ack 1", "> . 1:2(1) ack 8", "length"),
        ("> . 1:1(0) ack 1", "> . 1:1(0) ack 9", "ack"),
        ("> . 1:1(0) win 1", "> . 1:1(0) ack 8 win 2", "win"),
        ("> U. 1:1(0) urg 1", "> U. 1:1(0) ack 8 urg 2", "urg"),
        ("> . 1:1(0) ack 1", "> . 1:1(0) ack 8 <nop>", "options"),
        (
            "> . 1:1(0) <nop,mss 1>",
            "> . 1:1(0) <mss 1,nop>",
            "options",
        ),
        (
            "> . 1:1(0) <TS val 1 ecr 2>",
            "> . 1:1(0) <TS val 1 ecr 3>",
            "options",
        ),
        ("> [ect0] . 1:1(0)", "> [ce] . 1:1(0)", "ECN"),
        ("> (tos 1) . 1:1(0)", "> . 1:1(0)", "tos"),
        ("> (ttl 1) . 1:1(0)", "> . 1:1(0)", "ttl"),
        (
            "> . 1:1(0) ack 1 win 3",
            "> F. 1:1(0) ack 9 win 3",
            "flags, ack",
        ),
    ];
    for (expected, actual, what) in rows {
        let verdict = open().check(&packet(expected), &live(actual), &EXACT);
        let error = verdict.unwrap_err();
        assert!(error.ends_with(&format!("differs: {what}")), "{error}");
    }
}

#[test]
fn a_difference_is_told_in_the_words_of_the_script() {
    let verdict = open().check(
        &packet("> [ect0] . 1:1(0) ack 1"),
        &live("> F. 1:1(0) ack 8 win 3 <nop,nop,TS val 11 ecr 2>"),
        &EXACT,
    );
    let told = "expected: > [ect0] . 1:1(0) ack 1\n  \
                actual: > [noecn] F. 1:1(0) ack 1 win 3 <nop,nop,TS val 11 ecr 2>\n \
                differs: flags, options, ECN";
    assert_eq!(verdict.unwrap_err(), told);
}

#[test]
fn what_is_injected_has_the_numbers_of_the_wire() {
    let mut flow = open();
    let rows = [
        ("< . 1:1(0) ack 1", "< . 8:8(0) ack 4294967281"),
        ("< S 0:0(0)", "< S 7:7(0)"),
        ("< R 1:1(0)", "< R 8:8(0)"),
        // without the flag it is no acknowledgment
        ("< R 1:1(0) ack 1", "< R 8:8(0) ack 1"),
        ("< . 1:1(0) ack 20", "< . 8:8(0) ack 4"),
        (
            "< . 1:1(0) ack 1 <sack 1:21,TS val 3 ecr 10>",
            "< . 8:8(0) ack 4294967281 <sack 4294967281:5,TS val 3 ecr 5010>",
        ),
        // a stamp that was never seen is as far from the first as the script says
        (
            "< . 1:1(0) <TS val 3 ecr 15>",
            "< . 8:8(0) <TS val 3 ecr 5015>",
        ),
        ("< S 1:1(0) <TS val 3 ecr 0>", "< S 8:8(0) <TS val 3 ecr 0>"),
    ];
    for (script, wire) in rows {
        assert_eq!(flow.inject(&tcp(script)), tcp(wire), "{script}");
    }
}

#[test]
fn the_latest_stamp_of_a_name_is_echoed() {
    let mut flow = open();
    let expected = packet("> . 1:1(0) <TS val 10 ecr 1>");
    let actual = live("> . 1:1(0) <TS val 77 ecr 1>");
    flow.check(&expected, &actual, &EXACT).unwrap();
    let echo = flow.inject(&tcp("< . 1:1(0) <TS val 3 ecr 10>"));
    assert_eq!(echo, tcp("< . 8:8(0) <TS val 3 ecr 5077>"));
}

#[test]
fn stamps_are_compared_when_the_script_says_how_long_a_tick_is() {
    let rules = Rules {
        timestamp_tick: Some(Duration::from_millis(1)),
        tolerance: Duration::from_millis(4),
        ..EXACT
    };
    for (val, is_fine) in [(20, true), (25, true), (26, false), (15, true), (14, false)] {
        let actual = live(&format!("> . 1:1(0) <TS val {val} ecr 1>"));
        let expected = packet("> . 1:1(0) <TS val 20 ecr 1>");
        let verdict = open().check(&expected, &actual, &rules);
        assert_eq!(verdict.is_ok(), is_fine, "{val}");
    }
}

#[test]
fn what_a_sender_may_choose_does_not_count_unless_asked_for() {
    let rules = Rules::default();
    let rows = [
        (
            "<mss 1,nop,wscale 6,sackOK,eol>",
            "<mss 1,sackOK,nop,wscale 6>",
            true,
        ),
        ("<mss 1,nop>", "<mss 2,nop>", false),
        ("<mss 1,sackOK>", "<mss 1>", false),
    ];
    for (expected, actual, is_alike) in rows {
        let expected = packet(&format!("> . 1:1(0) {expected}"));
        let actual = live(&format!("> . 1:1(0) {actual}"));
        assert_eq!(open().check(&expected, &actual, &rules).is_ok(), is_alike);
    }
    for (expected, actual, is_alike) in [
        ("> P. 1:11(10)", "> . 1:11(10)", true),
        ("> . 1:11(10)", "> P. 1:11(10)", true),
        ("> P. 1:1(0)", "> . 1:1(0)", false),
        ("> F. 1:11(10)", "> P. 1:11(10)", false),
    ] {
        let (expected, actual) = (packet(expected), live(actual));
        let verdict = open().check(&expected, &actual, &rules);
        assert_eq!(verdict.is_ok(), is_alike, "{verdict:?}");
        let verdict = open().check(&expected, &actual, &EXACT);
        assert!(verdict.is_err());
    }
}

#[test]
fn a_reset_for_no_connection_begins_at_zero_whatever_was_learned() {
    let actual = seen("> R. 0:0(0) ack 8");
    let mut flow = open();
    let mut check = |text| flow.check(&packet(text), &actual, &EXACT);
    assert_eq!(check("> R. 0:0(0) ack 1"), Ok(()));
    assert!(check("> R. 1:1(0) ack 1").is_err());
    assert!(check("> R. 0:0(0) ack 2").is_err());
}

#[test]
fn another_connection_is_learned_anew() {
    let mut flow = open();
    let expected = packet("> S. 0:0(0) ack 1");
    let actual = seen("> S. 99:99(0) ack 8");
    assert!(flow.check(&expected, &actual, &EXACT).is_err());
    flow.inject(&tcp("< S 0:0(0)"));
    assert_eq!(flow.check(&expected, &actual, &EXACT), Ok(()));
    assert_eq!(flow.inject(&tcp("< . 1:1(0) ack 1")).ack, Some(100));
}
