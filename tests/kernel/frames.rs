//! Frames that nobody should send: each has its own counter, costs nothing and disturbs nobody.

use crate::craft::{
    ACK, DESTINATION, FIN, FRAGMENT, HOP_BY_HOP, Injector, ROUTING, RST, SERVER_V4, STRANGER_V4,
    SYN, TCP, changed, checksum, extension, ipv4, ipv4_from, ipv6, ipv6_from, tcp,
};
use crate::stage::{ECHO, Stage};
use libtest_mimic::Failed;
use seawall::control::lab::CLIENT_INTERFACE;
use seawall::control::server::ChecksumRule;
use seawall::drop_reason::DropReason;
use seawall::limits::BURST_FRAMES;
use seawall::nic::af_xdp::{PortConfig, Verdict};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::Command;

/// Where a frame ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Shard(DropReason),
    Program(Verdict),
}

use Fate::{Program, Shard};

/// What is wrong with a frame, where it ends, and its octets.
type Bad = (&'static str, Fate, Vec<u8>);

fn fine() -> Vec<u8> {
    ipv4(&syn())
}

fn syn() -> Vec<u8> {
    tcp(ECHO, SYN, &[])
}

fn bad_frames(i: &Injector) -> Vec<Bad> {
    [bad_links(i), bad_ipv4(i), bad_ipv6(i), bad_tcp(i)].concat()
}

fn bad_links(i: &Injector) -> Vec<Bad> {
    vec![
        (
            "nothing behind the link header",
            Program(Verdict::PassTruncated),
            i.v4(&[]),
        ),
        (
            "half an IPv4 header",
            Program(Verdict::PassTruncated),
            i.v4(&fine()[..16]),
        ),
        (
            "half an IPv6 header",
            Program(Verdict::PassTruncated),
            i.v6(&ipv6(TCP, &[], &syn())[..24]),
        ),
        (
            "a type that nobody has",
            Program(Verdict::PassNotIp),
            i.ethernet(&[0x88, 0xb5], &[0; 46]),
        ),
        (
            "three VLAN tags",
            Program(Verdict::PassVlan),
            i.ethernet(
                &[0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 8, 0],
                &fine(),
            ),
        ),
    ]
}

fn bad_ipv4(i: &Injector) -> Vec<Bad> {
    let mut wrong_header_sum = fine();
    wrong_header_sum[10] ^= 0xff;
    let mut land = syn();
    land[..2].copy_from_slice(&ECHO.to_be_bytes());
    vec![
        (
            "version 5",
            Program(Verdict::DropMalformed),
            i.v4(&changed(fine(), 0, &[0x55])),
        ),
        (
            "a header of no words",
            Program(Verdict::DropMalformed),
            i.v4(&changed(fine(), 0, &[0x40])),
        ),
        (
            "a header of 15 words",
            Program(Verdict::DropMalformed),
            i.v4(&changed(fine(), 0, &[0x4f])),
        ),
        (
            "longer than its frame",
            Program(Verdict::DropMalformed),
            i.v4(&changed(fine(), 2, &[0, 41])),
        ),
        (
            "65,535 octets",
            Program(Verdict::DropMalformed),
            i.v4(&changed(fine(), 2, &[0xff, 0xff])),
        ),
        (
            "shorter than its header",
            Program(Verdict::DropMalformed),
            i.v4(&changed(fine(), 2, &[0, 19])),
        ),
        (
            "half a TCP header",
            Program(Verdict::DropMalformed),
            i.v4(&changed(fine(), 2, &[0, 30])),
        ),
        (
            "a first fragment",
            Program(Verdict::DropFragment),
            i.v4(&changed(fine(), 6, &[0x20, 0])),
        ),
        (
            "a later fragment",
            Program(Verdict::DropFragment),
            i.v4(&changed(fine(), 6, &[0, 7])),
        ),
        (
            "UDP",
            Program(Verdict::PassNotTcp),
            i.v4(&changed(fine(), 9, &[17])),
        ),
        (
            "a wrong header checksum",
            Shard(DropReason::IpChecksum),
            i.v4(&wrong_header_sum),
        ),
        (
            "from everybody",
            Shard(DropReason::AddressInvalid),
            i.v4(&ipv4_from([255; 4], &syn())),
        ),
        (
            "from a group",
            Shard(DropReason::AddressInvalid),
            i.v4(&ipv4_from([224, 0, 0, 1], &syn())),
        ),
        (
            "from nobody",
            Shard(DropReason::AddressInvalid),
            i.v4(&ipv4_from([0; 4], &syn())),
        ),
        (
            "from itself",
            Shard(DropReason::Land),
            i.v4(&ipv4_from(SERVER_V4, &land)),
        ),
    ]
}

fn bad_ipv6(i: &Injector) -> Vec<Bad> {
    let nine: Vec<u8> = (0..9)
        .flat_map(|n| extension(if n == 8 { TCP } else { DESTINATION }))
        .collect();
    let mut long = extension(TCP);
    long[1] = 200;
    let mapped = [&[0; 10][..], &[0xff, 0xff], &STRANGER_V4].concat();
    let mapped: [u8; 16] = mapped.try_into().expect("it has 16");
    vec![
        (
            "nine extensions",
            Program(Verdict::DropExtensions),
            i.v6(&ipv6(DESTINATION, &nine, &syn())),
        ),
        (
            "a lying extension",
            Program(Verdict::DropExtensions),
            i.v6(&ipv6(DESTINATION, &long, &syn())),
        ),
        (
            "hop-by-hop in second place",
            Shard(DropReason::IpExtensions),
            i.v6(&ipv6(
                DESTINATION,
                &[extension(HOP_BY_HOP), extension(TCP)].concat(),
                &syn(),
            )),
        ),
        (
            "a route that goes on",
            Shard(DropReason::IpExtensions),
            i.v6(&ipv6(ROUTING, &[TCP, 0, 3, 1, 0, 0, 0, 0], &syn())),
        ),
        (
            "a first fragment of IPv6",
            Program(Verdict::DropFragment),
            i.v6(&ipv6(FRAGMENT, &[TCP, 0, 0, 1, 0, 0, 0, 7], &syn())),
        ),
        (
            "a later fragment of IPv6",
            Program(Verdict::DropFragment),
            i.v6(&ipv6(FRAGMENT, &[TCP, 0, 0, 8, 0, 0, 0, 7], &syn())),
        ),
        (
            "a fragment that is all",
            Shard(DropReason::IpFragment),
            i.v6(&ipv6(FRAGMENT, &[TCP, 0, 0, 0, 0, 0, 0, 7], &syn())),
        ),
        (
            "longer than its frame in IPv6",
            Program(Verdict::DropMalformed),
            i.v6(&ipv6(TCP, &[], &syn())[..59]),
        ),
        (
            "from a group of IPv6",
            Shard(DropReason::AddressInvalid),
            i.v6(&ipv6_from([0xff; 16], TCP, &[], &syn())),
        ),
        (
            "IPv4 in disguise",
            Shard(DropReason::AddressInvalid),
            i.v6(&ipv6_from(mapped, TCP, &[], &syn())),
        ),
    ]
}

fn bad_tcp(i: &Injector) -> Vec<Bad> {
    let flags = |flags| i.v4(&ipv4(&tcp(ECHO, flags, &[])));
    let options = |options: &[u8]| i.v4(&ipv4(&tcp(ECHO, SYN, options)));
    let segment = |at: usize, octets: &[u8]| {
        let mut segment = syn();
        segment[at..at + octets.len()].copy_from_slice(octets);
        segment
    };
    let mut wrong_sum = fine();
    wrong_sum[36] ^= 0xff;
    vec![
        (
            "a header of four words",
            Program(Verdict::DropMalformed),
            i.v4(&ipv4(&segment(12, &[0x40]))),
        ),
        (
            "a header of 15 words of TCP",
            Program(Verdict::DropMalformed),
            i.v4(&ipv4(&segment(12, &[0xf0]))),
        ),
        (
            "a wrong checksum",
            Shard(DropReason::TcpChecksum),
            i.v4(&wrong_sum),
        ),
        (
            "from port 0",
            Shard(DropReason::PortZero),
            i.v4(&ipv4(&segment(0, &[0, 0]))),
        ),
        (
            "to port 0",
            Program(Verdict::PassNotOwned),
            i.v4(&ipv4(&tcp(0, SYN, &[]))),
        ),
        (
            "an option of no octets",
            Shard(DropReason::TcpOptions),
            options(&[99, 0, 0, 0]),
        ),
        (
            "an option past the end",
            Shard(DropReason::TcpOptions),
            options(&[1, 1, 1, 2]),
        ),
        (
            "an option of 255 octets",
            Shard(DropReason::TcpOptions),
            options(&[2, 255, 5, 180]),
        ),
        (
            "SYN and RST",
            Shard(DropReason::NoListener),
            flags(SYN | RST),
        ),
        ("no flags", Shard(DropReason::FlagsInvalid), flags(0)),
        ("FIN alone", Shard(DropReason::FlagsInvalid), flags(FIN)),
        ("all flags", Shard(DropReason::NoListener), flags(0xff)),
        // Nobody's
        (
            "an ACK of nothing",
            Shard(DropReason::NoConnection),
            flags(ACK),
        ),
        (
            "a FIN of nothing",
            Shard(DropReason::NoConnection),
            flags(FIN | ACK),
        ),
        (
            "a reset of nothing",
            Shard(DropReason::NoListener),
            flags(RST),
        ),
    ]
}

pub(crate) fn bad_frames_are_counted() -> Result<(), Failed> {
    let stage = Stage::new()?;
    let mut injector = Injector::new(stage.lab())?;
    let mut bystander = stage.connect(stage.at(ECHO))?;
    bystander.set_nodelay(true)?;
    let mut round_trip = |n: usize| -> Result<(), Failed> {
        let text = n.to_be_bytes();
        bystander.write_all(&text)?;
        let mut back = [0; 8];
        bystander.read_exact(&mut back)?;
        assert_eq!(back, text);
        Ok(())
    };
    // The first frame of a fate is sent once, the second twice, the third four times: a sum that
    // is wrong says which of them went astray.
    let mut expected = BTreeMap::<Fate, u64>::new();
    let mut sent = Vec::new();
    for (n, (what, fate, frame)) in bad_frames(&injector).into_iter().enumerate() {
        let before = expected.entry(fate).or_default();
        let times = *before + 1;
        *before += times;
        sent.push((fate, times, what));
        for _ in 0..times {
            injector.send(&frame);
        }
        // One queue, one order: when this is back, they have been looked at.
        round_trip(n)?;
    }
    drop(bystander);
    let totals = stage.stop(1)?;
    let counters = &totals.counters;
    for (fate, count) in &expected {
        let (seen, others) = match *fate {
            Shard(reason) => (counters.drops.of(reason), false),
            // The kernels talk among themselves too.
            Program(verdict) => (totals.xdp.verdicts.of(verdict), !verdict.is_drop()),
        };
        let is_right = seen == *count || others && seen > *count;
        let rows = sent.iter().filter(|(of, ..)| of == fate);
        let rows: Vec<_> = rows.map(|(_, times, what)| (times, what)).collect();
        assert!(is_right, "{fate:?}: {seen} instead of {count} of {rows:?}");
    }
    // No other reason, and none of the frames has opened anything.
    for (reason, count) in counters.drops.nonzero() {
        assert!(
            expected.contains_key(&Shard(reason)),
            "{count} of {reason:?}"
        );
    }
    assert_eq!(counters.states.iter().sum::<u64>(), 0);
    let connections = counters.connections;
    assert_eq!((connections.accepted, connections.released), (1, 1));
    assert_eq!((connections.failed, connections.reset), (0, 0));
    // Every frame that was redirected has arrived.
    assert_eq!(
        totals.xdp.verdicts.of(Verdict::Redirect),
        totals.port.received
    );
    Ok(())
}

pub(crate) fn bad_frames_cost_no_frames() -> Result<(), Failed> {
    let stage = Stage::new()?;
    let mut injector = Injector::new(stage.lab())?;
    let mut bystander = stage.connect(stage.at(ECHO))?;
    bystander.set_nodelay(true)?;
    let rows = bad_frames(&injector);
    let of_shard = rows.iter().filter(|(_, fate, _)| matches!(fate, Shard(_)));
    let frames: Vec<&[u8]> = of_shard.map(|(.., frame)| &frame[..]).collect();
    // Twice as many as there are: if any kind of them was kept, none would be left.
    let most = PortConfig::default().frames_min(1) as usize;
    // Fewer than the burst in which the bystander is heard takes: so none ever wait for long.
    let at_once = BURST_FRAMES / 2;
    let times = 2 * most / at_once;
    for frame in frames {
        for _ in 0..times {
            for _ in 0..at_once {
                injector.send(frame);
            }
            bystander.write_all(&[7])?;
            bystander.read_exact(&mut [0])?;
        }
    }
    drop(bystander);
    let totals = stage.stop(1)?;
    assert_eq!(totals.counters.connections.released, 1);
    assert_eq!(totals.counters.states.iter().sum::<u64>(), 0);
    Ok(())
}

pub(crate) fn checksums_are_verified() -> Result<(), Failed> {
    let stage = Stage::with(|config| config.checksum = ChecksumRule::Verify)?;
    // The kernel's own frames have to be whole then.
    let whole = stage.client(|| {
        let mut ethtool = Command::new("ethtool");
        ethtool.args(["-K", CLIENT_INTERFACE, "tx", "off"]).status()
    })?;
    assert!(whole.success());
    stage.echo(stage.at(ECHO), b"every sum is right")?;
    // What a kernel leaves to the hardware: the sum of the pseudo-header, not inverted.
    let mut partial = ipv4(&tcp(ECHO, SYN, &[]));
    let pseudo = [&STRANGER_V4[..], &SERVER_V4, &[0, TCP, 0, 20]].concat();
    let [high, low] = checksum(&[&pseudo]);
    partial[36..38].copy_from_slice(&[!high, !low]);
    let mut injector = Injector::new(stage.lab())?;
    let frame = injector.v4(&partial);
    injector.send(&frame);
    stage.echo(stage.at(ECHO), b"and so are these")?;
    let counters = stage.stop(2)?.counters;
    let drops: Vec<_> = counters.drops.nonzero().collect();
    assert_eq!(drops, [(DropReason::TcpChecksum, 1)]);
    assert_eq!(counters.connections.released, 2);
    Ok(())
}
