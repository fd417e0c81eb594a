use super::*;
use crate::parse::parse;

fn outcome(text: &str) -> Result<u32, String> {
    let script = parse(text).unwrap();
    run(&script, &RunOptions::default()).map_err(|failure| failure.to_string())
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
    assert_eq!(run(&script, &RunOptions::default()), Ok(2));
    let failure = run(
        &script,
        &RunOptions {
            is_strict: true,
            ..RunOptions::default()
        },
    )
    .unwrap_err();
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

#[test]
fn a_wide_packet_may_come_as_segments_without_a_gap() {
    let write = "+0 write(4, ..., 3000) = 3000\n";
    let sent = |rest: &str| after_handshake(&format!("{write}{rest}"));
    assert_eq!(sent("+0 > P. 1:3001(3000) ack 1\n"), Ok(0));
    assert_eq!(
        sent("+0 > . 1:2001(2000) ack 1\n+0 > P. 2001:3001(1000) ack 1\n"),
        Ok(0)
    );
    assert!(sent("+0 > P. 1:3101(3100) ack 1\n").is_err());
    assert!(sent("+0 > P. 1:1501(1500) ack 1\n").is_err());
}

#[test]
fn options_that_this_stack_does_not_have_are_skipped_and_counted() {
    let text = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n\
                +0 setsockopt(3, IPPROTO_TCP, TCP_CONGESTION, \"cubic\", 5) = 0\n";
    assert_eq!(outcome(text), Ok(1));
    let strict = RunOptions {
        is_strict: true,
        ..RunOptions::default()
    };
    assert_eq!(run(&parse(text).unwrap(), &strict).unwrap_err().line, 2);
}

#[test]
fn a_script_shows_how_its_host_was_set_up_and_a_flag_comes_before_it() {
    let text = "\
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0...* connect(3, ..., ...) = 0
+0 > S 0:0(0) win 65535 <mss 1460,nop,wscale 6,sackOK,TS val 1 ecr 0>
+0 < S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 6>
+0 > . 1:1(0) ack 1 win 1031
";
    assert_eq!(outcome(text), Ok(0));
    let host = Host {
        timestamps: Some(false),
        ..Host::default()
    };
    let options = RunOptions {
        host,
        ..RunOptions::default()
    };
    assert_eq!(run(&parse(text).unwrap(), &options).unwrap_err().line, 3);
}

#[test]
fn calls_that_wait_for_a_time_end_at_it() {
    let rows = [
        "+0...0.5 poll([{fd=4, events=POLLIN, revents=0}], 1, 500) = 0\n",
        "+0 epoll_create(1) = 7\n+0 epoll_ctl(7, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=4}) = 0\n\
         +0...0.5 epoll_wait(7, ..., 1, 500) = 0\n",
        "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=1}, 8) = 0\n+0...1 close(4) = 0\n\
         +0 > F. 1:1(0) ack 1\n",
    ];
    for text in rows {
        assert_eq!(after_handshake(text), Ok(0), "{text}");
        let late = text.replace("...0.5", "...0.7").replace("...1 ", "...2 ");
        assert!(after_handshake(&late).is_err(), "{late}");
    }
}

#[test]
fn what_an_icmp_message_quotes_is_told_in_the_words_of_the_script() {
    let text = "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n\
                +0 < icmp unreachable frag_needed mtu 600 [. SEQ:LEN(1000)]\n";
    let quoted = |seq: u32, rest: &str| {
        let text = text.replace("SEQ", &seq.to_string());
        let text = text.replace("LEN", &(seq + 1000).to_string());
        after_handshake(&format!("{text}{rest}"))
    };
    let again = "+0 > . 1:561(560) ack 1\n+0 > P. 561:1001(440) ack 1\n";
    assert_eq!(quoted(1, again), Ok(0));
    assert!(quoted(5000, again).is_err());
}
