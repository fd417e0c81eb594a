//! The lab makes what it promises, and leaves nothing behind, however it ends. Needs root; without
//! it every test reports itself as skipped.
//!
//! Whether an anonymous namespace is gone cannot be asked. But a veth between it and a namespace
//! that stays disappears with it: [`Witness`] holds the end that stays.

mod common;

use aya::EbpfLoader;
use aya::programs::{Xdp, XdpMode as AttachMode};
use common::{DEADLINE, ROOT, Row};
use libtest_mimic::Failed;
use nix::errno::Errno;
use nix::sys::socket::{self as sys, AddressFamily, SockFlag, SockProtocol, SockType};
use nix::sys::time::TimeVal;
use seawall::cli::check::{Facts, Verdict, judge};
use seawall::control::lab::{CLIENT_INTERFACE, Lab, LabConfig, SERVER_INTERFACE};
use seawall::control::namespace::{Namespace, join};
use seawall::nic::device::Device;
use seawall::nic::netlink::{Link, Mac, Netlink, XdpMode};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// Set in the process that `nothing_is_left_after_kill_9` starts and kills.
const DOOMED: &str = "SEAWALL_TEST_DOOMED";

const TESTS: &[Row] = &[
    ("ping_crosses_in_both_families", ROOT, ping_crosses),
    (
        "a_tcp_connection_crosses_from_every_client_address",
        ROOT,
        tcp_crosses,
    ),
    (
        "each_end_has_the_queues_and_the_mtu_asked_for",
        ROOT,
        queues_and_mtu,
    ),
    ("the_ends_name_each_other_as_peers", ROOT, peers),
    (
        "known_neighbours_are_permanent_and_routed_to",
        ROOT,
        neighbours,
    ),
    ("a_setting_belongs_to_its_namespace_alone", ROOT, settings),
    (
        "a_bad_setting_names_itself_its_value_and_the_reason",
        ROOT,
        bad_setting,
    ),
    ("a_process_started_inside_is_inside", ROOT, processes),
    ("a_panic_inside_comes_out", ROOT, panics),
    ("an_ethernet_address_can_be_set", ROOT, mac),
    ("a_name_that_is_taken_is_refused_in_words", ROOT, taken_name),
    ("nothing_is_seen_from_outside", ROOT, outside),
    ("nothing_is_left_after_drop", ROOT, left_after_drop),
    (
        "the_veth_goes_at_once_though_a_thread_stays_inside",
        ROOT,
        veth_goes_at_once,
    ),
    ("nothing_is_left_after_a_panic", ROOT, left_after_panic),
    ("nothing_is_left_after_kill_9", ROOT, left_after_kill),
    (
        "check_finds_nothing_wrong_with_the_lab",
        ROOT,
        check_is_content,
    ),
    (
        "check_names_a_foreign_program",
        &["root", "clang-19"],
        check_foreign_program,
    ),
];

fn main() -> ExitCode {
    if env::var_os(DOOMED).is_some() {
        doomed();
    }
    common::run_together(TESTS)
}

fn ping_crosses() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    // Who may ping without a raw socket: group 0.
    lab.client().sysctl("net.ipv4.ping_group_range", "0 0")?;
    for server in lab.server_addresses() {
        lab.client().run(|| ping(server))?;
    }
    Ok(())
}

fn tcp_crosses() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default().with_clients(3))?;
    let clients: Vec<_> = lab.client_addresses().collect();
    assert_eq!(clients.len(), 6);
    for server in lab.server_addresses() {
        let listener = lab.server().run(|| TcpListener::bind((server, 0)))?;
        let to = listener.local_addr()?;
        for from in clients
            .iter()
            .filter(|from| from.is_ipv4() == server.is_ipv4())
        {
            let mut client = lab.client().run(|| connect(*from, to))?;
            let (mut accepted, peer) = listener.accept()?;
            assert_eq!(peer.ip(), *from);
            client.write_all(b"over the wall")?;
            drop(client);
            let mut text = String::new();
            accepted.read_to_string(&mut text)?;
            assert_eq!(text, "over the wall");
        }
    }
    Ok(())
}

fn queues_and_mtu() -> Result<(), Failed> {
    for (queues, mtu) in [(1, 1500), (4, 3000)] {
        let config = LabConfig {
            mtu,
            ..LabConfig::default().with_queues(queues)
        };
        let lab = Lab::new(&config)?;
        for (namespace, name) in ends(&lab) {
            let device = namespace.run(|| Device::open(name))?;
            assert_eq!(device.driver(), "veth");
            assert!(device.is_virtual() && !device.is_bond());
            assert_eq!((device.rx_queues(), device.mtu()), (queues, mtu));
            assert!(device.link().up && device.link().running);
            assert_ne!(device.mac(), Mac::default());
            assert_eq!(namespace.run(|| device.xdp_attached())?, None);
            if let Some(features) = device.xdp_features() {
                assert!(features.has_basic() && features.has_redirect());
                assert!(!features.has_zero_copy());
            }
            let addresses = namespace.run(|| device.addresses())?;
            let configured = [&config.server, &config.client];
            let configured = configured[usize::from(name == CLIENT_INTERFACE)];
            for address in configured {
                assert!(addresses.contains(address), "{address} in {addresses:?}");
            }
        }
    }
    Ok(())
}

fn peers() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let [server, client] = ends(&lab).map(|(namespace, name)| link(namespace, name));
    let (server, client) = (server?, client?);
    assert_eq!(
        (server.peer, client.peer),
        (Some(client.index), Some(server.index))
    );
    assert_eq!(server.kind.as_deref(), Some("veth"));
    Ok(())
}

fn neighbours() -> Result<(), Failed> {
    let config = LabConfig {
        neighbours: true,
        ..LabConfig::default().with_clients(2)
    };
    let lab = Lab::new(&config)?;
    let client = link(lab.client(), CLIENT_INTERFACE)?;
    let server = link(lab.server(), SERVER_INTERFACE)?;
    let mut netlink = lab.server().run(Netlink::open)?;
    let known = netlink.neighbours()?;
    for address in lab.client_addresses() {
        let mut of_address = known.iter().filter(|known| known.address == address);
        let neighbour = of_address.next().expect("it was told");
        assert_eq!(
            (neighbour.interface, neighbour.mac),
            (server.index, client.mac)
        );
        let route = netlink.route_to(address)?;
        assert_eq!((route.interface, route.next_hop), (server.index, address));
        let own = lab
            .server_addresses()
            .find(|own| own.is_ipv4() == address.is_ipv4());
        assert_eq!((route.source, route.is_local), (own, false));
    }
    let error = netlink.route_to("203.0.113.1".parse()?).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENETUNREACH));
    assert!(error.to_string().contains("203.0.113.1"), "{error}");
    assert!(error.to_string().contains("ip route add"), "{error}");
    Ok(())
}

fn settings() -> Result<(), Failed> {
    let (name, path) = (
        "net.ipv4.tcp_fin_timeout",
        "/proc/sys/net/ipv4/tcp_fin_timeout",
    );
    let outside = fs::read_to_string(path)?;
    let lab = Lab::new(&LabConfig::default())?;
    lab.server().sysctl(name, "7")?;
    lab.client().sysctl(name, "8")?;
    assert_eq!(lab.server().run(|| fs::read_to_string(path))?, "7\n");
    assert_eq!(lab.client().run(|| fs::read_to_string(path))?, "8\n");
    assert_eq!(fs::read_to_string(path)?, outside);
    let ports = "/proc/sys/net/ipv4/ip_local_port_range";
    assert_eq!(
        lab.client().run(|| fs::read_to_string(ports))?,
        "1024\t65535\n"
    );
    Ok(())
}

fn bad_setting() -> Result<(), Failed> {
    let namespace = Namespace::new()?;
    for (name, value) in [
        ("net.ipv4.no_such", "1"),
        ("net.ipv4.tcp_fin_timeout", "soon"),
    ] {
        let error = namespace.sysctl(name, value).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(value), "{error}");
    }
    Ok(())
}

fn processes() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let output = lab.server().run(|| {
        let mut cat = Command::new("cat");
        cat.arg("/proc/self/net/dev").output()
    })?;
    let listed = String::from_utf8(output.stdout)?;
    assert!(
        listed.contains("sw0:") && !listed.contains("sw1:"),
        "{listed}"
    );
    Ok(())
}

fn panics() -> Result<(), Failed> {
    let namespace = Namespace::new()?;
    let panic = catch_unwind(|| namespace.run(|| resume_unwind(Box::new("inside")))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"inside"));
    Ok(())
}

fn mac() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let ours = Mac([2, 0x5e, 0xa, 0xa1, 1, 0xff]);
    let mut netlink = lab.server().run(Netlink::open)?;
    let link = netlink.link(SERVER_INTERFACE)?;
    netlink.set_mac(&link, ours)?;
    assert_eq!(netlink.link(SERVER_INTERFACE)?.mac, ours);
    assert_eq!(ours.to_string(), "02:5e:0a:a1:01:ff");
    let error = netlink.set_mac(&link, Mac([0xff; 6])).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EADDRNOTAVAIL));
    Ok(())
}

fn taken_name() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let other = Namespace::new()?;
    let error = join((lab.server(), SERVER_INTERFACE), (&other, "x"), 1, 1500).unwrap_err();
    assert_eq!(
        error.to_string(),
        "making the veth pair sw0 and x: File exists; remove what is there, or choose another name"
    );
    Ok(())
}

fn outside() -> Result<(), Failed> {
    let witness = Namespace::new()?;
    witness.run(|| -> Result<(), Failed> {
        let _lab = Lab::new(&LabConfig::default())?;
        assert_eq!(names(&mut Netlink::open()?)?, ["lo"]);
        Ok(())
    })
}

fn left_after_drop() -> Result<(), Failed> {
    let witness = Witness::new()?;
    let lab = Lab::new(&LabConfig::default())?;
    witness.watch(&lab)?;
    drop(lab);
    witness.wait_for_the_end()
}

fn veth_goes_at_once() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let mut inside = lab.client().run(Netlink::open)?;
    assert_eq!(names(&mut inside)?, ["lo", CLIENT_INTERFACE]);
    drop(lab);
    assert_eq!(names(&mut inside)?, ["lo"]);
    Ok(())
}

fn left_after_panic() -> Result<(), Failed> {
    let witness = Witness::new()?;
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let lab = Lab::new(&LabConfig::default()).unwrap();
        witness.watch(&lab).unwrap();
        lab.client().run(|| resume_unwind(Box::new("in the lab")));
    }));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"in the lab"));
    witness.wait_for_the_end()
}

fn left_after_kill() -> Result<(), Failed> {
    let witness = Witness::new()?;
    let mut child = witness.namespace.run(|| {
        let mut doomed = Command::new(env::current_exe()?);
        doomed.env(DOOMED, "1").stdout(Stdio::piped()).spawn()
    })?;
    let said = BufReader::new(child.stdout.take().expect("piped"))
        .lines()
        .next();
    let there = names(&mut witness.namespace.run(Netlink::open)?);
    child.kill()?;
    child.wait()?;
    assert_eq!(said.expect("it speaks before it dies")?, "ready");
    assert_eq!(there?, ["lo", "watch0", "watch1"]);
    witness.wait_for_the_end()
}

// The process that is to be killed: it makes a lab, has it watched from the namespace it was
// started in, says so and waits.
fn doomed() -> ! {
    let lab = Lab::new(&LabConfig::default()).unwrap();
    let namespace = Namespace::current().unwrap();
    Witness { namespace }.watch(&lab).unwrap();
    println!("ready");
    loop {
        thread::park();
    }
}

fn check_is_content() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    for (namespace, name) in ends(&lab) {
        for line in judge(&namespace.run(|| Facts::gather(name))) {
            assert_ne!(line.verdict, Verdict::Fail, "{line:?}");
        }
    }
    Ok(())
}

fn check_foreign_program() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let object = env::temp_dir().join(format!("seawall-lab-{}.o", std::process::id()));
    let source = "__attribute__((section(\"xdp\"),used)) int pass(void *c) { return 2; }";
    let compiled = compile_bpf(source, &object).and_then(|()| Ok(fs::read(&object)?));
    let _ = fs::remove_file(&object);
    let mut foreign = EbpfLoader::new().load(&compiled?)?;
    let program = foreign.program_mut("pass").ok_or("no program in it")?;
    let program: &mut Xdp = program.try_into()?;
    program.load()?;
    lab.server()
        .run(|| program.attach(SERVER_INTERFACE, AttachMode::Skb))?;
    let attached = link(lab.server(), SERVER_INTERFACE)?.xdp.expect("attached");
    assert_eq!(attached.mode, XdpMode::Generic);
    assert_ne!(attached.program, 0);
    let lines = judge(&lab.server().run(|| Facts::gather(SERVER_INTERFACE)));
    let line = lines
        .iter()
        .find(|line| line.check == "xdp program")
        .expect("always there");
    assert_eq!(line.verdict, Verdict::Fail);
    assert!(
        line.change.contains("ip link set sw0 xdpgeneric off"),
        "{line:?}"
    );
    Ok(())
}

/// A namespace that stays, and holds one end of a veth into each namespace that is to go.
struct Witness {
    namespace: Namespace,
}

impl Witness {
    fn new() -> Result<Self, Failed> {
        let namespace = Namespace::new()?;
        Ok(Self { namespace })
    }

    fn watch(&self, lab: &Lab) -> Result<(), Failed> {
        let watched = [(lab.server(), "watch0"), (lab.client(), "watch1")];
        for (namespace, name) in watched {
            join((&self.namespace, name), (namespace, "watched"), 1, 1500)?;
        }
        Ok(())
    }

    fn wait_for_the_end(&self) -> Result<(), Failed> {
        let mut netlink = self.namespace.run(Netlink::open)?;
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = names(&mut netlink)?;
            if left == ["lo"] {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("after {DEADLINE:?} there are still {left:?}").into());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn ends(lab: &Lab) -> [(&Namespace, &'static str); 2] {
    [
        (lab.server(), SERVER_INTERFACE),
        (lab.client(), CLIENT_INTERFACE),
    ]
}

fn link(namespace: &Namespace, name: &str) -> Result<Link, Failed> {
    Ok(namespace.run(|| Netlink::open()?.link(name))?)
}

fn names(netlink: &mut Netlink) -> Result<Vec<String>, Failed> {
    let mut names: Vec<_> = netlink.links()?.into_iter().map(|link| link.name).collect();
    names.sort();
    Ok(names)
}

// One echo request, and its reply, by the kernel's ping sockets.
fn ping(to: IpAddr) -> Result<(), Failed> {
    let (family, protocol, request, reply) = match to {
        IpAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp, 8, 0),
        IpAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6, 128, 129),
    };
    let socket = sys::socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, protocol)?;
    set_timeout(&socket)?;
    let to = sys::SockaddrStorage::from(SocketAddr::new(to, 0));
    sys::connect(socket.as_raw_fd(), &to)?;
    // Type, code, checksum and identifier (the kernel's), sequence number, data.
    let message = [&[request, 0, 0, 0, 0, 0, 0, 1][..], b"seawall"].concat();
    sys::send(socket.as_raw_fd(), &message, sys::MsgFlags::empty())?;
    let mut answer = [0; 64];
    let length = sys::recv(socket.as_raw_fd(), &mut answer, sys::MsgFlags::empty())?;
    assert_eq!(answer[0], reply);
    assert_eq!(&answer[8..length], b"seawall");
    Ok(())
}

fn connect(from: IpAddr, to: SocketAddr) -> Result<TcpStream, Failed> {
    let family = match from {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    let socket = sys::socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    set_timeout(&socket)?;
    let from = sys::SockaddrStorage::from(SocketAddr::new(from, 0));
    sys::bind(socket.as_raw_fd(), &from)?;
    sys::connect(socket.as_raw_fd(), &sys::SockaddrStorage::from(to))?;
    Ok(socket.into())
}

fn set_timeout(socket: &OwnedFd) -> Result<(), Failed> {
    let seconds = TimeVal::new(DEADLINE.as_secs().cast_signed(), 0);
    sys::setsockopt(socket, sys::sockopt::ReceiveTimeout, &seconds)?;
    sys::setsockopt(socket, sys::sockopt::SendTimeout, &seconds)?;
    Ok(())
}

fn compile_bpf(source: &str, object: &std::path::Path) -> Result<(), Failed> {
    let mut clang = Command::new("clang-19");
    clang
        .args(["-target", "bpf", "-O2", "-x", "c", "-c", "-", "-o"])
        .arg(object);
    let mut child = clang.stdin(Stdio::piped()).spawn()?;
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(source.as_bytes())?;
    let status = child.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("clang-19: {status}").into())
    }
}
