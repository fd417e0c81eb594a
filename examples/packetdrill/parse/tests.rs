use super::*;
use crate::script::{Body, Direction, Ecn, Expr, Flags, Options, Packet, Syscall, Tcp, TcpOption};
use proptest::prelude::*;
use std::time::Duration;

/// Scripts of one line and more, as people write them for Linux and for FreeBSD.
const SAMPLES: &[&str] = &[
    "--ip_version=ipv4\n--tolerance_usecs=75000 --mtu=1500 // both on a line\n--send_omit_free\n",
    "--local_ip=fd3d:0a0b:17d6::1 --remote_ip=2001:db8::1 --ip_version=ipv6 --define=NAME=\"a b\"\n",
    "`../common/defaults.sh\nsysctl -q net.ipv4.tcp_sack=1`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n",
    " 0.00 `kldload -n tcp_rack` # FreeBSD\n+0.00 `sysctl net.inet.tcp.ecn.enable=0`\n",
    "/* a\n * head */ +0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n",
    "0.000 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0\n",
    "+0.0 bind(3, {sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr(\"192.168.0.1\")}, 16) = 0\n",
    "+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n",
    "+0 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>\n",
    "+0 > S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 6,sackOK,TS val 100 ecr 0>\n",
    "+0.05 > S. 0:0(0) ack 1 <...>\n",
    "+.1~+.2 > . 1:1(0) ack 1\n0.3~0.5 > R. 1:1(0) ack 1\n* > F. 1:1(0) ack 1\n",
    "+0...0.010 accept(3, ..., ...) = 4\n0.1...* connect(3, ..., ...) = -1 ETIMEDOUT (Connection timed out)\n",
    "+0 fcntl(4, F_GETFL) = 0x2 (flags O_RDWR)\n+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n",
    "+0 fcntl(3, F_GETFL) = 0x06 (flags O_RDWR|O_NONBLOCK)\n",
    "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0\n",
    "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0\n",
    "+0 getsockopt(4, IPPROTO_TCP, TCP_INFO, {tcpi_state=TCPS_ESTABLISHED, tcpi_options=TCPI_OPT_TIMESTAMPS|TCPI_OPT_SACK, ..., tcpi_rto=...}, [len]) = 0\n",
    "+0 setsockopt(3, IPPROTO_TCP, TCP_FUNCTION_BLK, {function_set_name=\"rack\", pcbcnt=0}, 36) = 0\n",
    "+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1\n",
    "+0 ioctl(4, SIOCINQ, [5]) = 0\n+0 close(4) = 0\n",
    "+0 writev(4, [{\"he\\n\\\"llo\", 5}, {..., 1000}], 2) = 1005\n",
    "+0 sendmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 1000}], msg_flags=0}, MSG_DONTWAIT) = 1000\n",
    "+0 recvmsg(3, {msg_name(...)=...,\n   msg_iov(1)=[{...,0}],\n   msg_flags=MSG_ERRQUEUE,\n   msg_control=[\n {cmsg_level=SOL_TCP, cmsg_type=1,\n cmsg_data={scm_sec=0,scm_nsec=10000}}]}, MSG_ERRQUEUE) = 0\n",
    "+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLET, fd=4}) = 0\n",
    "+0 read(4, \"GET\"..., 10) = 10\n+0 read(4, ..., 1000) = -1 ECONNRESET (Connection reset by peer (104))\n",
    "+0 < [ect0] SEW 0:0(0) win 1000\n+0 > [noecn] SE. 0:0(0) ack 1\n+0 < [ce] EWP. 1:11(10) ack 1 win 257\n",
    "+0 > (tos 0xb8) . 1:1(0) ack 1\n+0 > (tos 0x02, ttl 64) . 1:1(0) ack 1\n+0 > [ect01] (flowlabel 0x1) P. 1:2(1) ack 1\n",
    "+0 < [ecn ect1] .5 1:1(0) ack 1 win 9\n+0 < SEWA 0:0(0) win 9\n+0 > - 5:6(1)\n+0 < 0 5:6(1)\n",
    "+0 < 192.0.2.1:8080 > 192.168.0.1:1024 S 0:0(0) win 9\n+0 > [2001:db8::1]:80 > [2001:db8::2]:99: R 1:1(0)\n",
    "+0 < 53055 > 8080 S 0:0(0) win 65535\n",
    "+0 < . 2147483648:2147483648(0) ack 4294967295 win 65535 urg 7\n+0 < R 4294967295:4(5)\n",
    "+0 < P. 1(1000) ack 1 win 257 <nop,nop,sack 2001:3001 4001:5001>\n",
    "+0 < S 0:0(0) win 65535 <mss 1460,FO,nop,nop>\n+0 < S 0:10(10) win 65535 <FO abcd1234,FOEXP 0123,eol>\n",
    "+0 < . 1:1(0) ack 1 win 9 <md5 000102030405060708090a0b0c0d0e0f,nop,nop>\n",
    "+0 > . 1:1(0) ack 1 <ECN e1b 1 ceb 0 e0b 1,nop,kind 253 f989>\n",
    "+0 < icmp unreachable frag_needed mtu 1200 [1:1001(1000)]\n+0 < icmp unreachable host_unreachable [tcp S 0:0(0)]\n",
    "+0 < icmp unreachable port_unreachable [udp (1000)]\n+0 > udp (10)\n+0 < sctp: INIT[flgs=0]\n",
    "+0 < S 0:0(0) win 9 <mss 1460> /udp(9899 > 9899)\n",
    "+0 %{ assert tcpi_cwnd == 10, tcpi_cwnd }%\n",
    "+0 %{\nassert tcpi_cwnd == 10, 'cwnd=%d' % tcpi_cwnd\nassert tcpi_ca_state == TCP_CA_Open and (tcpi_rto >= 200000 or not tcpi_rtt), \\\n  tcpi_rto\nfor i in range(3):\n  print(i)\n}%\n",
];

fn event(text: &str) -> Event {
    let mut script = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(script.events.len(), 1, "{text}");
    script.events.remove(0)
}

fn packet(text: &str) -> Packet {
    match event(&format!("+0 {text}")).action {
        Action::Packet(packet) => packet,
        other => panic!("{text}: {other:?}"),
    }
}

fn tcp(text: &str) -> Tcp {
    match packet(text).body {
        Body::Tcp(tcp) => tcp,
        other => panic!("{text}: {other:?}"),
    }
}

fn syscall(text: &str) -> Syscall {
    match event(&format!("+0 {text}")).action {
        Action::Syscall(syscall) => syscall,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_is_printed_is_read_as_the_same() {
    for sample in SAMPLES {
        let script = parse(sample).unwrap_or_else(|error| panic!("{sample}: {error}"));
        assert!(!script.settings.is_empty() || !script.events.is_empty());
        let printed = script.to_string();
        let again = parse(&printed).unwrap_or_else(|error| panic!("{printed}: {error}"));
        // The lines of code have moved; its text has not.
        assert_eq!(again.to_string(), printed);
        if !sample.contains("%{") {
            assert_eq!(again, script, "{printed}");
        }
    }
}

#[test]
fn all_samples_are_one_script_as_well() {
    let (heads, bodies): (Vec<&&str>, Vec<&&str>) =
        SAMPLES.iter().partition(|sample| sample.starts_with("--"));
    let bodies: Vec<&&str> = bodies
        .into_iter()
        .filter(|body| !body.starts_with('`'))
        .collect();
    let events = |samples: &[&&str]| -> usize {
        samples
            .iter()
            .map(|sample| parse(sample).unwrap().events.len())
            .sum()
    };
    let whole: String = heads.iter().chain(&bodies).map(|sample| **sample).collect();
    assert_eq!(parse(&whole).unwrap().events.len(), events(&bodies));
}

#[test]
fn an_event_knows_its_line() {
    let script = parse("--a\n0 `x\ny`\n/*\n*/ +0\nclose(3) = 0 +0 `z`").unwrap();
    let lines: Vec<u32> = script.events.iter().map(|event| event.line).collect();
    assert_eq!(lines, [2, 5, 6]);
}

#[test]
fn each_form_of_time_is_known() {
    let micros = Duration::from_micros;
    let rows = [
        ("*", Time::Any),
        ("0", Time::Absolute(micros(0))),
        ("0.100", Time::Absolute(micros(100_000))),
        ("+0", Time::Relative(micros(0))),
        ("+.1", Time::Relative(micros(100_000))),
        (
            "0.1~0.3",
            Time::AbsoluteRange(micros(100_000), micros(300_000)),
        ),
        (
            "+0.5~+0.6",
            Time::RelativeRange(micros(500_000), micros(600_000)),
        ),
        (
            "+0.5 ~ +0.6",
            Time::RelativeRange(micros(500_000), micros(600_000)),
        ),
        (
            "+0.5~0.6",
            Time::RelativeRange(micros(500_000), micros(600_000)),
        ),
    ];
    for (text, time) in rows {
        assert_eq!(event(&format!("{text} close(3) = 0")).time, time, "{text}");
    }
    let rows = [
        ("+0...0.010", Some(Until::At(micros(10_000)))),
        ("0.1 ... 0.2", Some(Until::At(micros(200_000)))),
        ("0.1...*", Some(Until::Any)),
        ("0.1", None),
    ];
    for (text, until) in rows {
        match event(&format!("{text} accept(3, ..., ...) = 4")).action {
            Action::Syscall(syscall) => assert_eq!(syscall.until, until, "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn each_letter_is_its_flag() {
    let rows = [
        ("S", Flags::SYN),
        ("S.", Flags::SYN | Flags::ACK),
        (".", Flags::ACK),
        ("P.", Flags::PSH | Flags::ACK),
        ("FP.", Flags::FIN | Flags::PSH | Flags::ACK),
        ("SF", Flags::SYN | Flags::FIN),
        ("R", Flags::RST),
        ("U.", Flags::URG | Flags::ACK),
        ("SEW", Flags::SYN | Flags::ECE | Flags::CWR),
        ("SCE", Flags::SYN | Flags::ECE | Flags::CWR),
        ("A.", Flags::AE | Flags::ACK),
        (".5", Flags::AE | Flags::ECE | Flags::ACK),
        ("-", Flags::default()),
        ("0", Flags::default()),
    ];
    for (text, flags) in rows {
        assert_eq!(tcp(&format!("< {text} 0:0(0)")).flags, flags, "{text}");
    }
}

#[test]
fn a_segment_is_read_field_by_field() {
    let all = tcp("< FPU. 4294967295:4(5) ack 7 win 65535 urg 3 <nop,mss 536>");
    let expected = Tcp {
        flags: Flags::FIN | Flags::PSH | Flags::URG | Flags::ACK,
        seq: u32::MAX,
        len: 5,
        ack: Some(7),
        window: Some(65535),
        urgent: Some(3),
        options: Options::List(vec![TcpOption::Nop, TcpOption::Mss(536)]),
    };
    assert_eq!(all, expected);
    let least = tcp("> . 1(0) ack * win *");
    let expected = Tcp {
        flags: Flags::ACK,
        seq: 1,
        ..Tcp::default()
    };
    assert_eq!(least, expected);
}

#[test]
fn what_is_said_about_ip_is_kept() {
    let all = packet("> [ect1] (tos 0x10, ttl 1) (flowlabel 0xfffff) 80 > 1024 . 1:1(0)");
    assert_eq!(all.direction, Direction::Expect);
    assert_eq!(all.ip.ecn, Some(Ecn::Ect1));
    assert_eq!((all.ip.tos, all.ip.ttl), (Some(16), Some(1)));
    assert_eq!(all.ip.flow_label, Some(0xf_ffff));
    let (source, destination) = all.ends.unwrap();
    assert_eq!(
        (source.address, source.port, destination.port),
        (None, 80, 1024)
    );
}

#[test]
fn each_option_is_known_in_both_dialects() {
    let rows = [
        ("sackOK", TcpOption::SackPermitted),
        ("sackPermitted", TcpOption::SackPermitted),
        ("ws 3", TcpOption::WindowScale(3)),
        ("eol", TcpOption::Eol),
        (
            "TS val 4294967295 ecr 0",
            TcpOption::Timestamps {
                val: u32::MAX,
                ecr: 0,
            },
        ),
        ("sack 1:2 3:4", TcpOption::Sack(vec![(1, 2), (3, 4)])),
        ("sack", TcpOption::Sack(vec![])),
        ("FO", TcpOption::FastOpen(vec![])),
        (
            "FOEXP abCD",
            TcpOption::FastOpenExperiment(vec![0xab, 0xcd]),
        ),
        (
            "ECN e0b 1 ceb 2",
            TcpOption::Other {
                kind: 172,
                value: vec![0, 0, 1, 0, 0, 2],
            },
        ),
    ];
    for (text, option) in rows {
        let tcp = tcp(&format!("< . 1:1(0) <{text}>"));
        assert_eq!(tcp.options, Options::List(vec![option]), "{text}");
    }
    assert_eq!(tcp("> . 1:1(0) <...>").options, Options::Any);
    assert_eq!(tcp("> . 1:1(0) <>").options, Options::default());
}

#[test]
fn results_and_arguments_of_calls_are_read() {
    let number = |number| Expr::Number(number);
    let word = |word: &str| Expr::Word(word.into());
    let call =
        syscall("f(-1, 0xffffffffffffffff, A|2, \"a\\x41\", \"b\"...) = -1 EAGAIN (x (y) z)");
    let expected = [
        number(-1),
        number(-1),
        Expr::Union(vec![word("A"), number(2)]),
        Expr::Text("aA".into()),
        Expr::Prefix("b".into()),
    ];
    assert_eq!(call.arguments, expected);
    assert_eq!(
        (call.result, call.errno.as_deref()),
        (number(-1), Some("EAGAIN"))
    );
    assert_eq!(call.note.as_deref(), Some("x (y) z"));
    let call = syscall("f({a(1)=[{}], g(1), ...}) = X");
    let [Expr::Struct(fields)] = call.arguments.as_slice() else {
        panic!("{call:?}");
    };
    let names: Vec<_> = fields.iter().map(|field| field.name.as_deref()).collect();
    assert_eq!(names, [Some("a"), None, None]);
    assert_eq!(fields[0].count, Some(number(1)));
    assert_eq!(call.result, word("X"));
    assert_eq!(syscall("close(3) = 0").errno, None);
}

#[test]
fn an_error_says_what_was_expected_and_where() {
    let rows = [
        (
            "close(3) = 0",
            "1:1: expected the time of an event, found `close(3) = 0`",
        ),
        (
            "+0\n",
            "2:1: expected a packet, a system call, back-ticks or `%{`, found the end of the file",
        ),
        ("+0 < X 0:0(0)", "1:6: expected TCP flags, found `X 0:0(0)`"),
        ("+0 < 1:1(0)", "1:6: expected TCP flags, found `1:1(0)`"),
        ("+0 < S 0:1(0)", "1:9: 0 and 0 octets of text end at 0"),
        (
            "+0 < S 0:0(0) win 65536",
            "1:19: expected a window field of 16 bits, found `65536`",
        ),
        (
            "+0 < S 0:0(0) <foo 1>",
            "1:16: expected the name of a TCP option, found `foo 1>`",
        ),
        (
            "+0 < S 0:0(0) <mss 1 nop>",
            "1:21: expected `,` or `>`, found ` nop>`",
        ),
        (
            "+0 < [ect01] S 0:0(0)",
            "1:13: `ect01` is two code points: no packet carries both",
        ),
        ("+0 `true", "1:4: a command without its closing back-tick"),
        ("+0 %{ assert", "1:4: code without its `}%`"),
        ("+0 /* x", "1:4: a comment without its `*/`"),
        ("+0 close(3 = 0", "1:11: expected `,` or `)`, found ` = 0`"),
        (
            "+0 close(3)\n+0 close(3) = 0",
            "2:1: expected `=`, found `+0 close(3) = 0`",
        ),
        (
            "+0...1 < S 0:0(0)",
            "1:8: expected a system call, which alone has a time at which it ends, found `< S 0:0(0)`",
        ),
        (
            "+2~+1 > S 0:0(0)",
            "1:4: a range of times ends before it begins",
        ),
        (
            "1~+2 > S 0:0(0)",
            "1:3: a range that begins at an absolute time ends at one",
        ),
        ("--=1", "1:3: expected the name of an option, found `=1`"),
    ];
    for (text, error) in rows {
        assert_eq!(parse(text).unwrap_err().to_string(), error, "{text}");
    }
}

#[test]
fn depth_has_a_limit() {
    for (open, close) in [
        ("[", "]"),
        ("{", "}"),
        ("{a=", "}"),
        ("f(", ")"),
        ("{f(", ")}"),
    ] {
        let deep = |n| format!("+0 f({}1{}) = 0", open.repeat(n), close.repeat(n));
        assert!(parse(&deep(8)).is_ok(), "{open}");
        assert!(parse(&deep(10_000)).is_err(), "{open}");
    }
}

#[test]
fn no_truncation_panics() {
    for sample in SAMPLES {
        for (at, _) in sample.char_indices() {
            let _ = parse(&sample[..at]).map(|script| script.to_string());
            let _ = parse(&sample[at..]).map(|script| script.to_string());
        }
    }
}

proptest! {
    #[test]
    fn no_mutation_panics_and_what_is_still_read_prints(
        which in 0..SAMPLES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[ -~\n\u{e9}]{0,3}"), 1..6),
    ) {
        let mut text: Vec<char> = SAMPLES[which].chars().collect();
        for (at, put) in changes {
            let at = at.index(text.len());
            text.splice(at..=at, put.chars());
            text.push('\n');
        }
        let text: String = text.into_iter().collect();
        if let Ok(script) = parse(&text) {
            let printed = script.to_string();
            let again = parse(&printed);
            prop_assert_eq!(again.map(|script| script.to_string()), Ok(printed));
        }
    }
}
