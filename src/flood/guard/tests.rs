use super::*;

/// First and last address of each range that may be a target.
const TARGET_EDGES: &[(&str, &str)] = &[
    ("10.0.0.0", "10.255.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("::1", "::1"),
    ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

const SOURCE_EDGES: &[(&str, &str)] = &[
    ("198.18.0.0", "198.19.255.255"),
    ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn neighbour(address: IpAddr, step: i8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits().wrapping_add_signed(step.into())).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits().wrapping_add_signed(step.into())).into(),
    }
}

fn check_edges(edges: &[(&str, &str)], check: fn(IpAddr) -> Result<(), Refusal>) {
    for (first, last) in edges {
        let (first, last) = (ip(first), ip(last));
        for inside in [first, last] {
            assert_eq!(check(inside), Ok(()), "{inside}");
        }
        for outside in [neighbour(first, -1), neighbour(last, 1)] {
            assert!(check(outside).is_err(), "{outside}");
        }
    }
}

#[test]
fn each_range_of_targets_ends_where_it_says() {
    check_edges(TARGET_EDGES, check_target);
    assert_eq!(TARGET_EDGES.len(), TARGETS.len());
}

#[test]
fn each_range_of_sources_ends_where_it_says() {
    check_edges(SOURCE_EDGES, check_source);
    assert_eq!(SOURCE_EDGES.len(), SOURCES.len());
}

#[test]
fn what_may_be_somebody_elses_is_refused() {
    for text in [
        "0.0.0.0",
        "1.1.1.1",
        "8.8.8.8",
        "100.64.0.1",
        "192.0.0.1",
        "192.88.99.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::2",
        "::8.8.8.8",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:2:1::1",
        "2001:4860:4860::8888",
        "2002:808:808::1",
        "2a00::1",
        "3fff::1",
        "fec0::1",
        "ff02::1",
    ] {
        let address = ip(text);
        let refused = Refusal::Target(address.to_canonical());
        assert_eq!(check_target(address), Err(refused.clone()), "{text}");
        assert_eq!(
            Target::new(SocketAddr::new(address, 80)),
            Err(refused),
            "{text}"
        );
        assert!(check_source(address).is_err(), "{text}");
        assert!(Source::new(address).is_err(), "{text}");
    }
    // Allowed as targets, yet not as sources.
    for text in ["10.0.0.1", "127.0.0.1", "192.0.2.1", "fd00::1", "::1"] {
        assert_eq!(check_target(ip(text)), Ok(()), "{text}");
        let refused = Refusal::Source(ip(text));
        assert_eq!(Source::new(ip(text)), Err(refused), "{text}");
    }
}

#[test]
fn a_mapped_address_is_judged_as_what_it_maps() {
    assert_eq!(check_target(ip("::ffff:10.0.0.1")), Ok(()));
    let target = "[::ffff:10.0.0.1]:80".parse::<Target>().unwrap();
    assert_eq!(target.to_string(), "10.0.0.1:80");
    assert_eq!(target.range(), "private (RFC 1918)");
    assert_eq!(target.sources(), "198.18.0.0/15");
}

#[test]
fn a_target_is_read_with_its_port() {
    for (text, refused) in [
        ("10.0.0.1", Refusal::Endpoint("10.0.0.1".into())),
        ("fd00::1:80", Refusal::Endpoint("fd00::1:80".into())),
        ("host:80", Refusal::Endpoint("host:80".into())),
        ("10.0.0.1:0", Refusal::PortZero),
        ("8.8.8.8:53", Refusal::Target(ip("8.8.8.8"))),
    ] {
        assert_eq!(text.parse::<Target>(), Err(refused), "{text}");
    }
    let target = "[fd00::1]:80".parse::<Target>().unwrap();
    assert_eq!(
        (target.ip(), target.endpoint().port),
        (ip("fd00::1"), 80),
        "{target}"
    );
}

#[test]
fn a_rate_has_units_and_a_ceiling() {
    for (text, per_s) in [
        ("1", 1),
        ("5000", 5000),
        ("100k", 100_000),
        ("100K", 100_000),
        ("0.1M", 100_000),
        ("1.5M", 1_500_000),
        ("2.0k", 2000),
        ("10M", 10_000_000),
        ("max", 10_000_000),
    ] {
        assert_eq!(text.parse::<Rate>(), Rate::new(per_s), "{text}");
        assert_eq!(text.parse::<Rate>().unwrap().per_s(), per_s, "{text}");
    }
    for text in [
        "",
        "k",
        "M",
        ".5M",
        "1.",
        "1.5",
        "1.2345k",
        "-1",
        "+1",
        "1e6",
        "1m",
        "1G",
        "1 k",
        "1.5.0M",
        "99999999999999999999",
        "max ",
    ] {
        assert_eq!(
            text.parse::<Rate>(),
            Err(Refusal::RateText(text.into())),
            "{text}"
        );
    }
    for (text, per_s) in [
        ("0", 0),
        ("0k", 0),
        ("11M", 11_000_000),
        ("10000001", 10_000_001),
    ] {
        assert_eq!(text.parse::<Rate>(), Err(Refusal::Rate(per_s)), "{text}");
    }
}

#[test]
fn a_span_is_a_minute_at_most() {
    let minute = Duration::from_mins(1);
    let nano = Duration::from_nanos(1);
    for fine in [nano, Duration::from_secs(10), minute] {
        assert_eq!(Span::new(fine).map(Span::get), Ok(fine));
    }
    for bad in [Duration::ZERO, minute + nano, Duration::MAX] {
        assert_eq!(Span::new(bad), Err(Refusal::Span(bad)));
    }
}

#[test]
fn a_refusal_says_what_is_allowed() {
    let text = "8.8.8.8:53".parse::<Target>().unwrap_err().to_string();
    assert!(text.starts_with("8.8.8.8 is outside the ranges"), "{text}");
    assert!(text.contains("no override"), "{text}");
    let text = Span::new(Duration::from_secs(61)).unwrap_err().to_string();
    assert!(
        text.contains("61 s") && text.contains("at most 60 s"),
        "{text}"
    );
    let text = "20M".parse::<Rate>().unwrap_err().to_string();
    assert!(text.contains("want 1 to 10000000"), "{text}");
}
