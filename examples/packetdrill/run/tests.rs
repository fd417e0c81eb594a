use super::*;
use crate::parse::parse;

fn outcome(text: &str) -> Result<u32, String> {
    let script = parse(text).unwrap();
    run(&script, false, Rules::default()).map_err(|failure| failure.to_string())
}

const PASSIVE: &str = "\
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+0.1 < . 1:1(0) ack 1 win 65535
+0 accept(3, ..., ...) = 4
";

fn after_handshake(text: &str) -> Result<u32, String> {
    outcome(&format!("{PASSIVE}{text}"))
}

#[test]
fn a_server_reads_writes_and_is_released() {
    let script = "\
+0 %{ assert tcpi_state == TCP_ESTABLISHED }%
+0.1 < P. 1:101(100) ack 1 win 65535
+0 > . 1:1(0) ack 101
+0 read(4, ..., 1000) = 100
+0 write(4, ..., 10) = 10
+0 > P. 1:11(10) ack 101
+0.1 < . 101:101(0) ack 11 win 65535
+0.1 < F. 101:101(0) ack 11 win 65535
+0 > . 11:11(0) ack 102
+0 read(4, ..., 1000) = 0
+0 close(4) = 0
+0 > F. 11:11(0) ack 102
+0.1 < . 102:102(0) ack 12 win 65535
";
    assert_eq!(after_handshake(script), Ok(0));
}

#[test]
fn a_client_connects_and_blocks_while_it_does() {
    let script = "\
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0...0.2 connect(3, ..., ...) = 0
+0 > S 0:0(0) <...>
+0.2 < S. 0:0(0) ack 1 win 65535 <mss 1000>
+0 > . 1:1(0) ack 1
+0 close(3) = 0
+0 > F. 1:1(0) ack 1
";
    assert_eq!(outcome(script), Ok(0));
}

#[test]
fn a_call_that_blocks_ends_in_time_or_fails() {
    let read = |until| {
        after_handshake(&format!(
            "+0...{until} read(4, ..., 9) = 5\n+0.2 < P. 1:6(5) ack 1 win 9\n+0 > . 1:1(0) ack 6\n"
        ))
    };
    assert_eq!(read("0.2"), Ok(0));
    assert_eq!(read("*"), Ok(0));
    let early = "10: read: it was at 0.300000, expected from 0.400000 to 0.400000";
    assert_eq!(read("0.3"), Err(early.into()));
    let late = after_handshake("+0 read(4, ..., 9) = 5\n");
    assert_eq!(late, Err("9: read would block".into()));
}

#[test]
fn what_did_not_happen_is_a_failure_on_its_line() {
    let rows = [
        (
            "+0 > . 1:1(0) ack 1",
            "9: expected: > . 1:1(0) ack 1\n  actual: nothing was sent",
        ),
        ("+0 accept(3, ..., ...) = 5", "9: accept would block"),
        (
            "+0 strange(3) = 0",
            "9: strange: strange with 1 arguments is not known to this runner",
        ),
        ("+0 < udp (10)", "9: udp is not known to this runner"),
        ("+0 %{ print(1) }%", "9: cannot run ` print(1)`"),
        (
            "+0 %{ assert tcpi_state == TCP_LISTEN }%",
            "9: ` assert tcpi_state == TCP_LISTEN` does not hold",
        ),
        ("+0 close(9) = 0", "9: close: 9 is no socket"),
    ];
    for (text, failure) in rows {
        assert_eq!(after_handshake(text), Err(failure.into()), "{text}");
    }
}

#[test]
fn a_segment_at_another_time_is_a_failure() {
    let script = |time| {
        after_handshake(&format!(
            "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1\n{time} > P. 1:11(10) ack 1\n"
        ))
    };
    assert_eq!(script("+0.1~+1.5"), Ok(0));
    assert_eq!(script("*"), Ok(0));
    assert!(script("+0.001").is_err());
    assert!(script("+5").is_err());
}

#[test]
fn commands_are_skipped_and_counted_unless_they_could_matter() {
    let script = parse("0 `sysctl x=1`\n+0 `echo`\n").unwrap();
    assert_eq!(run(&script, false, Rules::default()), Ok(2));
    let failure = run(&script, true, Rules::default()).unwrap_err();
    assert_eq!(failure.line, 1);
}

#[test]
fn both_families_run() {
    let script = format!(
        "--ip_version=ipv6\n{}",
        PASSIVE.replace("mss 1460", "mss 1440")
    );
    assert_eq!(outcome(&script), Ok(0));
}

#[test]
fn a_stranger_is_answered_by_a_reset() {
    assert_eq!(
        outcome("0 < S 0:0(0) win 9\n+0 > R. 0:0(0) ack 1 win 0\n"),
        Ok(0)
    );
    assert_eq!(
        outcome("0 < . 5:5(0) ack 7 win 9\n+0 > R 7:7(0) win 0\n"),
        Ok(0)
    );
}
