use super::*;
use crate::nic::ethtool::{Channels, Offloads};
use crate::nic::netlink::{Error, InterfaceAddress, XdpAttachment, XdpFeatures, XdpMode};
use std::net::Ipv4Addr;

const ALL_CAPABILITIES: u64 = u64::MAX;

// A machine and a NIC that nothing is wrong with.
fn fine() -> (Facts, InterfaceFacts) {
    let interface = InterfaceFacts {
        name: "eth0".into(),
        driver: "ice".into(),
        is_virtual: false,
        is_bond: false,
        ports: Vec::new(),
        up: true,
        running: true,
        mtu: 1500,
        queues: 4,
        channels: Some(Channels {
            combined: 4,
            combined_max: 8,
            ..Channels::default()
        }),
        features: Some(XdpFeatures(0b1111)),
        xdp: None,
        offloads: Offloads::default(),
        addresses: vec![InterfaceAddress::new(Ipv4Addr::new(192, 0, 2, 1), 24)],
    };
    let facts = Facts {
        release: "6.12.9-amd64".into(),
        capabilities: ALL_CAPABILITIES,
        memlock: 8 << 20,
        cpus: 4,
        interface: Ok(interface.clone()),
    };
    (facts, interface)
}

fn found<'a>(lines: &'a [Line], check: &str) -> &'a Line {
    let mut of_check = lines.iter().filter(|line| line.check == check);
    let line = of_check.next();
    assert!(of_check.next().is_none(), "one line a check: {check}");
    line.unwrap_or_else(|| panic!("no line {check}"))
}

#[test]
fn of_a_fine_machine_all_is_ok_and_nothing_is_to_be_changed() {
    for line in judge(&fine().0) {
        assert_eq!(
            (line.verdict, line.change.as_str()),
            (Verdict::Ok, ""),
            "{line:?}"
        );
    }
}

// Check, what is wrong, verdict, what the change contains.
type MachineRow = (&'static str, fn(&mut Facts), Verdict, &'static str);

#[test]
fn of_the_machine() {
    const NO_IPC_LOCK: u64 = ALL_CAPABILITIES & !(1 << 14);
    let rows: &[MachineRow] = &[
        ("kernel", |m| m.release = "5.18.0".into(), Verdict::Ok, ""),
        (
            "kernel",
            |m| m.release = "5.17.16".into(),
            Verdict::Fail,
            "boot Linux 5.18 or later",
        ),
        (
            "kernel",
            |m| m.release = "4.19".into(),
            Verdict::Fail,
            "boot Linux 5.18 or later",
        ),
        (
            "kernel",
            |m| m.release = "custom".into(),
            Verdict::Warn,
            "make sure",
        ),
        (
            "kernel",
            |m| m.release = String::new(),
            Verdict::Warn,
            "make sure",
        ),
        (
            "privileges",
            |m| m.capabilities = 0,
            Verdict::Fail,
            "run as root",
        ),
        (
            "privileges",
            |m| m.capabilities &= !(1 << 12),
            Verdict::Fail,
            "run as root",
        ),
        (
            "privileges",
            |m| m.capabilities &= !(1 << 13),
            Verdict::Fail,
            "run as root",
        ),
        (
            "privileges",
            |m| m.capabilities &= !(1 << 38 | 1 << 21),
            Verdict::Fail,
            "run as root",
        ),
        (
            "privileges",
            |m| m.capabilities &= !(1 << 39),
            Verdict::Ok,
            "",
        ),
        (
            "privileges",
            |m| m.capabilities &= !(1 << 39 | 1 << 21),
            Verdict::Fail,
            "run as root",
        ),
        ("memlock", |m| m.memlock = u64::MAX, Verdict::Ok, ""),
        (
            "memlock",
            |m| m.capabilities = NO_IPC_LOCK,
            Verdict::Fail,
            "ulimit -l",
        ),
        (
            "memlock",
            |m| (m.capabilities, m.memlock) = (NO_IPC_LOCK, 64 << 20),
            Verdict::Ok,
            "",
        ),
        (
            "memlock",
            |m| (m.capabilities, m.memlock) = (NO_IPC_LOCK, (64 << 20) - 1),
            Verdict::Fail,
            "ulimit -l",
        ),
        // Before Linux 5.11 the maps count, and the capability does not help.
        (
            "memlock",
            |m| m.release = "5.10.3".into(),
            Verdict::Fail,
            "ulimit -l",
        ),
    ];
    for (row, (check, spoil, verdict, change)) in rows.iter().enumerate() {
        let (mut facts, _) = fine();
        spoil(&mut facts);
        let lines = judge(&facts);
        let line = found(&lines, check);
        assert_eq!(line.verdict, *verdict, "row {row}: {line:?}");
        assert!(line.change.contains(change), "row {row}: {line:?}");
    }
}

type InterfaceRow = (&'static str, fn(&mut InterfaceFacts), Verdict, &'static str);

const fn attached(program: u32, mode: XdpMode) -> XdpAttachment {
    XdpAttachment { program, mode }
}

const INTERFACE: &[InterfaceRow] = &[
    (
        "interface",
        |i| i.up = false,
        Verdict::Fail,
        "`ip link set eth0 up`",
    ),
    (
        "interface",
        |i| i.running = false,
        Verdict::Warn,
        "plug in the cable",
    ),
    (
        "addresses",
        |i| i.addresses.clear(),
        Verdict::Warn,
        "`ip addr add",
    ),
    (
        "bond",
        |i| i.is_bond = true,
        Verdict::Fail,
        "add interfaces",
    ),
    (
        "bond",
        |i| (i.is_bond, i.ports) = (true, vec!["eth1".into(), "eth2".into()]),
        Verdict::Fail,
        "--interface eth1 --interface eth2",
    ),
    (
        "xdp program",
        |i| i.xdp = Some(attached(7, XdpMode::Native)),
        Verdict::Fail,
        "`ip link set eth0 xdpdrv off`",
    ),
    (
        "xdp program",
        |i| i.xdp = Some(attached(7, XdpMode::Generic)),
        Verdict::Fail,
        "eth0 xdpgeneric off`",
    ),
    (
        "xdp program",
        |i| i.xdp = Some(attached(0, XdpMode::Several)),
        Verdict::Fail,
        "eth0 xdp off`",
    ),
    (
        "native xdp",
        |i| i.features = Some(XdpFeatures(0)),
        Verdict::Warn,
        "use a NIC",
    ),
    (
        "native xdp",
        |i| i.features = Some(XdpFeatures(1)),
        Verdict::Warn,
        "use a NIC",
    ),
    ("native xdp", |i| i.features = None, Verdict::Warn, "6.3"),
    (
        "xdp transmit",
        |i| (i.features, i.is_virtual) = (Some(XdpFeatures(7)), true),
        Verdict::Ok,
        "",
    ),
    (
        "xdp transmit",
        |i| (i.features, i.is_virtual) = (Some(XdpFeatures(3)), true),
        Verdict::Warn,
        "`ethtool -K PEER gro on`",
    ),
    (
        "xdp transmit",
        |i| (i.features, i.is_virtual) = (None, true),
        Verdict::Warn,
        "6.3",
    ),
    ("xdp transmit", |i| i.features = None, Verdict::Ok, ""),
    (
        "zero copy",
        |i| i.features = Some(XdpFeatures(7)),
        Verdict::Warn,
        "newer kernel",
    ),
    (
        "zero copy",
        |i| (i.features, i.is_virtual) = (Some(XdpFeatures(7)), true),
        Verdict::Ok,
        "",
    ),
    ("zero copy", |i| i.features = None, Verdict::Warn, "6.3"),
    (
        "queues",
        |i| i.queues = 1,
        Verdict::Warn,
        "`ethtool -L eth0 combined 4`",
    ),
    (
        "queues",
        |i| {
            let (rx, rx_max) = (1, 2);
            let channels = Channels::default();
            i.queues = 1;
            i.channels = Some(Channels {
                rx,
                rx_max,
                ..channels
            });
        },
        Verdict::Warn,
        "`ethtool -L eth0 rx 2 tx 2`",
    ),
    (
        "queues",
        |i| (i.queues, i.channels) = (1, None),
        Verdict::Ok,
        "",
    ),
    ("mtu", |i| i.mtu = 1770, Verdict::Ok, ""),
    ("mtu", |i| i.mtu = 1771, Verdict::Fail, "mtu 1770"),
    ("mtu", |i| i.mtu = 9000, Verdict::Fail, "mtu 1770"),
    (
        "lro",
        |i| i.offloads.lro = true,
        Verdict::Fail,
        "`ethtool -K eth0 lro off`",
    ),
    ("gro", |i| i.offloads.gro = true, Verdict::Ok, ""),
    (
        "gro",
        |i| (i.offloads.gro, i.features) = (true, None),
        Verdict::Warn,
        "gro off",
    ),
    ("checksum", |i| i.is_virtual = true, Verdict::Ok, ""),
    ("tso", |i| i.is_virtual = true, Verdict::Ok, ""),
];

#[test]
fn of_the_interface() {
    for (row, (check, spoil, verdict, change)) in INTERFACE.iter().enumerate() {
        let (mut facts, mut interface) = fine();
        spoil(&mut interface);
        facts.interface = Ok(interface);
        let lines = judge(&facts);
        let line = found(&lines, check);
        assert_eq!(line.verdict, *verdict, "row {row}: {line:?}");
        assert!(line.change.contains(change), "row {row}: {line:?}");
        // What is not fine says what to change.
        for line in &lines {
            assert!(
                line.verdict == Verdict::Ok || !line.change.is_empty(),
                "{line:?}"
            );
        }
    }
}

#[test]
fn a_program_in_the_way_is_named_by_number_and_mode() {
    let (mut facts, mut interface) = fine();
    let (program, mode) = (77, XdpMode::Generic);
    interface.xdp = Some(XdpAttachment { program, mode });
    facts.interface = Ok(interface);
    let lines = judge(&facts);
    assert_eq!(
        found(&lines, "xdp program").found,
        "program 77 is attached, generic"
    );
}

#[test]
fn a_missing_interface_is_one_line_that_lists_those_that_exist() {
    let (mut facts, _) = fine();
    let name = "eth9".into();
    let exist = vec!["lo".into(), "eth0".into()];
    facts.interface = Err(Error::NoInterface { name, exist });
    let lines = judge(&facts);
    let line = found(&lines, "interface");
    assert_eq!(line.verdict, Verdict::Fail);
    assert_eq!(
        line.found,
        "interface eth9 does not exist; there are: lo, eth0"
    );
    assert_eq!(lines.last(), Some(line));
}

#[test]
fn text_is_one_line_a_check_and_coloured_only_when_asked() {
    let lines = judge(&fine().0);
    let plain = render(&lines, false);
    assert_eq!(plain.lines().count(), lines.len());
    assert!(
        plain.lines().all(|line| line.starts_with("ok    ")),
        "{plain}"
    );
    assert!(!plain.contains('\x1b'));
    assert!(render(&lines, true).contains("\x1b[32mok"));
}

#[test]
fn json_has_the_four_promised_keys() {
    let (mut facts, _) = fine();
    facts.capabilities = 0;
    let json = serde_json::to_value(judge(&facts)).unwrap();
    let line = json[1].as_object().unwrap();
    assert_eq!(line["check"], "privileges");
    assert_eq!(line["verdict"], "fail");
    assert!(line["found"].is_string() && line["change"].is_string());
    assert_eq!(line.len(), 4);
}

#[test]
fn this_machine_can_be_looked_at_without_any_privilege() {
    let facts = Facts::gather("lo");
    assert!(facts.interface.is_ok(), "{:?}", facts.interface);
    assert!(facts.cpus > 0 && !facts.release.is_empty());
}
