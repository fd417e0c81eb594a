//! Sources, tuples, plans and the report.

use super::*;
use crate::time::{Duration, Instant};
use crate::wire::{Address, Endpoint, FourTuple};
use core::net::SocketAddr;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

fn target(text: &str) -> Endpoint {
    text.parse::<SocketAddr>().unwrap().into()
}

fn sources(text: &str) -> Sources {
    text.parse().unwrap()
}

#[test]
fn a_range_has_the_addresses_that_hosts_may_have() {
    for (text, count, first, last) in [
        ("192.0.2.7", 1, "192.0.2.7", "192.0.2.7"),
        ("192.0.2.7/32", 1, "192.0.2.7", "192.0.2.7"),
        ("192.0.2.7/31", 2, "192.0.2.6", "192.0.2.7"),
        ("192.0.2.7/30", 2, "192.0.2.5", "192.0.2.6"),
        ("192.0.2.7/24", 254, "192.0.2.1", "192.0.2.254"),
        ("10.0.0.0/8", (1 << 24) - 2, "10.0.0.1", "10.255.255.254"),
        ("2001:db8::7/128", 1, "2001:db8::7", "2001:db8::7"),
        ("2001:db8::7/127", 2, "2001:db8::6", "2001:db8::7"),
        ("2001:db8::7/112", 0xffff, "2001:db8::1", "2001:db8::ffff"),
    ] {
        let range = sources(text);
        assert_eq!(range.count(), count, "{text}");
        let ends = [range.nth(0), range.nth(count as u32 - 1)];
        let expected =
            [first, last].map(|text| Address::from(text.parse::<core::net::IpAddr>().unwrap()));
        assert_eq!(ends, expected, "{text}");
        assert_eq!(range.place(&ends[1]), Some(count as u32 - 1), "{text}");
    }
    assert_eq!(sources("2001:db8::/32").count(), u64::MAX);
    let range = sources("192.0.2.8/29");
    for outside in ["192.0.2.8", "192.0.2.15", "192.0.2.7", "2001:db8::9"] {
        let outside = Address::from(outside.parse::<core::net::IpAddr>().unwrap());
        assert_eq!(range.place(&outside), None, "{outside}");
    }
    assert_eq!(range.to_string(), "192.0.2.8/29");
}

#[test]
fn a_range_that_no_host_can_be_in_is_refused() {
    for text in [
        "224.0.0.0/24",
        "ff02::1",
        "255.255.255.255",
        "0.0.0.0/0",
        "::/0",
        "x/24",
        "1.2.3.4/-1",
    ] {
        assert!(text.parse::<Sources>().is_err(), "{text}");
    }
}

proptest! {
    // Whatever is taken and given back in whatever order: no tuple is out twice, and none comes
    // again before its rest is over.
    #[test]
    fn a_tuple_rests_for_2_msl(addresses in 1..4_u32, port: u16, steps in prop::collection::vec((0..4_u8, 0..5_000_u64), 1..600)) {
        let rest = Duration::from_secs(2);
        let mut tuples = Tuples::new(sources("192.0.2.0/29"), addresses, target("192.0.2.9:80"), rest, 0).starting_at(port);
        // All but the last few were used long ago, so that the range runs out in a test.
        let mut now = Instant::ZERO;
        for _ in 0..u64::from(addresses) * PORTS - 20 {
            tuples.take(now).unwrap();
        }
        let mut out: Vec<FourTuple> = Vec::new();
        let mut free_at: HashMap<FourTuple, Instant> = HashMap::new();
        for (step, millis) in steps {
            now = now + Duration::from_millis(millis / 20);
            if step == 0 && !out.is_empty() {
                let tuple = out.swap_remove(millis as usize % out.len());
                tuples.give_back(&tuple, now);
                free_at.insert(tuple, now + rest);
            } else if let Some(tuple) = tuples.take(now) {
                prop_assert!(!out.contains(&tuple));
                prop_assert!(tuple.local.port >= PORT_MIN);
                prop_assert!(free_at.get(&tuple).is_none_or(|at| *at <= now));
                out.push(tuple);
            } else {
                prop_assert!(free_at.values().filter(|at| **at <= now).count() == 0
                    || free_at.iter().all(|(tuple, at)| out.contains(tuple) || *at > now));
            }
        }
    }
}

#[test]
fn every_tuple_of_a_range_is_handed_out_once() {
    let mut tuples = Tuples::new(
        sources("192.0.2.0/30"),
        2,
        target("192.0.2.9:80"),
        Duration::from_mins(1),
        0,
    );
    let all: HashSet<_> = core::iter::from_fn(|| tuples.take(Instant::ZERO)).collect();
    assert_eq!(all.len() as u64, 2 * PORTS);
    assert!(all.iter().all(|tuple| tuple.local.port >= PORT_MIN));
}

#[test]
fn a_range_too_small_says_how_many_addresses_it_would_take() {
    let second = Duration::from_secs(1);
    for (rate, count, life, rest, needed) in [
        (1000, 10_000, 5, 60, 1),
        (1000, 1_000_000, 5, 60, 2),
        (100_000, 1_000_000, 5, 60, 16),
        (100_000, u64::MAX, 5, 60, 101),
        (1, 1, 5, 60, 1),
        (64_512, u64::MAX, 0, 1, 1),
        (64_513, u64::MAX, 0, 1, 2),
    ] {
        let got = Tuples::addresses_needed(rate, count, life * second, rest * second);
        assert_eq!(got, needed, "{rate} {count}");
    }
    let mut plan = Plan::new(target("192.0.2.1:80"), sources("198.51.100.0/28"));
    plan.rate = 100_000;
    let error = plan.check().unwrap_err();
    assert!(matches!(
        error,
        PlanError::TooFewAddresses {
            there: 14,
            needed: 16,
            ..
        }
    ));
    let text = error.to_string();
    assert!(
        text.contains("14 addresses") && text.contains("takes 16"),
        "{text}"
    );
    plan.sources = sources("198.51.100.0/27");
    assert_eq!(plan.check(), Ok(()));
    assert_eq!(plan.addresses(), 30);
    plan.sources = sources("198.18.0.0/15");
    assert_eq!(
        plan.addresses(),
        256,
        "more than needed, to be many clients"
    );
    plan.rate = 10_000_000;
    plan.duration = Some(Duration::from_mins(1));
    assert!(matches!(
        plan.check(),
        Err(PlanError::TooManyAddresses { .. })
    ));
}

type Spoil = fn(&mut Plan);

#[test]
fn a_plan_that_cannot_be_is_refused() {
    let good = Plan::new(target("192.0.2.1:80"), sources("198.51.100.0/24"));
    assert_eq!(good.check(), Ok(()));
    let rows: &[(Spoil, &str)] = &[
        (
            |plan| plan.target = target("192.0.2.1:0"),
            "port that is not 0",
        ),
        (|plan| plan.target = target("224.0.0.1:80"), "one host"),
        (
            |plan| plan.target = target("[2001:db8::1]:80"),
            "one family",
        ),
        (
            |plan| plan.target = target("198.51.100.7:80"),
            "without the target",
        ),
        (|plan| plan.pattern = Pattern::Hold, "--connections"),
        (|plan| plan.pattern = Pattern::Stream, "--bytes"),
        (|plan| plan.bytes = Some(1), "`request` and `stream`"),
    ];
    for (spoil, complaint) in rows {
        let mut plan = good.clone();
        spoil(&mut plan);
        let error = plan.check().unwrap_err().to_string();
        assert!(error.contains(complaint), "{error}");
    }
}

#[test]
fn a_plan_lasts_as_long_as_its_flags_say() {
    let mut plan = Plan::new(target("192.0.2.1:80"), sources("198.51.100.0/24"));
    assert_eq!(plan.schedule().count(), 10_000);
    plan.connections = Some(70_000);
    assert_eq!(plan.schedule().count(), 70_000, "as long as it takes");
    plan.duration = Some(Duration::from_secs(2));
    assert_eq!((plan.schedule().count(), plan.at_once()), (2000, 2000));
    plan.concurrency = Some(50);
    assert_eq!(plan.at_once(), 50);
    plan.concurrency = None;
    plan.pattern = Pattern::Hold;
    assert_eq!((plan.schedule().count(), plan.at_once()), (70_000, 70_000));
    assert_eq!(
        (plan.span(), plan.hold()),
        (None, Some(Duration::from_secs(2)))
    );
}

fn some_tally() -> Tally {
    let mut tally = Tally::new(Duration::from_millis(100));
    tally.asked = 1000;
    tally.started = 1000;
    for n in 0..1000_u64 {
        tally.handshake.record(20 + n % 100).unwrap();
        tally.life.record(200 + n).unwrap();
        tally.opened = n;
        tally.released = n * 9 / 10;
        if n % 100 == 0 {
            tally.fail(Cause::Rst);
            tally.sample(
                Duration::from_millis(n),
                [n, 0, 5, 0, 100, 3, 2, 1, 0, 0, n * 7],
            );
        }
    }
    tally.span = Duration::from_secs(1);
    tally
}

#[test]
fn the_report_is_one_page_that_asks_nobody() {
    let plan = Plan::new(target("[2001:db8::1]:80"), sources("2001:db8:1::/64"));
    let facts = [("interface".into(), "<eth0> & \"co\"".into())];
    for tally in [some_tally(), Tally::new(Duration::from_secs(1))] {
        let page = report::html(&plan, &tally, &facts);
        page::check(&page);
        assert!(page.contains("&lt;eth0&gt; &amp; &quot;co&quot;"));
        assert_eq!(page.matches("<svg").count(), 3);
    }
}

#[test]
fn the_json_has_the_names_that_tools_rely_on() {
    let plan = Plan::new(target("192.0.2.1:80"), sources("198.51.100.0/24"));
    let json = serde_json::to_value(json::Json::new(&plan, &some_tally())).unwrap();
    assert_eq!(json["asked"], 1000);
    assert_eq!(json["opened"], 999);
    assert_eq!(json["released"], 899);
    for cause in ["timeout", "rst", "refused", "data"] {
        assert_eq!(json["failed"][cause], if cause == "rst" { 10 } else { 0 });
    }
    assert_eq!(json["rate_per_s"], 899.0);
    assert_eq!(json["handshake_us"]["p50"], 69.0);
    for histogram in [
        "handshake_us",
        "first_byte_us",
        "life_us",
        "release_us",
        "start_us",
    ] {
        for percentile in ["p50", "p90", "p99", "p999", "max"] {
            assert!(
                json[histogram][percentile].is_number(),
                "{histogram} {percentile}"
            );
        }
    }
    assert!(json.get("hold").is_none());
}
