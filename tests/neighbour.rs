//! Addresses that the kernel does not hold need no set-up: `serve` takes them, and neighbours find
//! them by ARP and ND as they find any other. Over veth against Linux; needs root, without it every
//! test reports itself as skipped.

mod common;

use common::{DEADLINE, ROOT, Row, until};
use libtest_mimic::Failed;
use nix::sys::socket::{self as sys, AddressFamily, SockFlag, SockProtocol, SockType};
use nix::sys::time::TimeVal;
use seawall::control::lab::{CLIENT_INTERFACE, Lab, LabConfig, SERVER_INTERFACE, lab_v4, lab_v6};
use seawall::control::server::{Server, ServerConfig, Totals};
use seawall::drop_reason::DropReason;
use seawall::nic::af_xdp::Verdict;
use seawall::nic::netlink::{Mac, Neighbour, Netlink};
use seawall::service::by_name;
use seawall::wire::Address;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// In less than the kernel's shortest wait before it asks again.
const AT_ONCE: Duration = Duration::from_millis(900);

const TESTS: &[Row] = &[
    ("an_address_of_nobody_is_found_and_served", ROOT, is_served),
    ("it_is_found_by_every_queue", ROOT, is_served_by_two_queues),
    ("a_closed_port_of_it_refuses_at_once", ROOT, closed_port),
    ("it_answers_ping", ROOT, answers_ping),
    ("nobody_else_may_take_it", ROOT, duplicate),
    (
        "the_kernel_keeps_its_own_address",
        ROOT,
        kernel_keeps_its_own,
    ),
    ("what_is_not_on_the_link_is_refused", ROOT, off_link),
    ("what_another_host_has_is_refused", ROOT, taken),
    ("a_host_that_has_left_its_address_is_forgotten", ROOT, left),
];

fn main() -> ExitCode {
    common::run_together(TESTS)
}

/// Ours alone, one of each family.
fn alone() -> [IpAddr; 2] {
    [lab_v4(9).address, lab_v6(9).address]
}

/// The kernel's, one of each family.
fn shared() -> [IpAddr; 2] {
    [lab_v4(1).address, lab_v6(1).address]
}

fn start(lab: &Lab, addresses: &[IpAddr]) -> Result<Server, Failed> {
    let mut config = ServerConfig::new(SERVER_INTERFACE);
    config.shard.connections = 1024;
    for address in addresses {
        let endpoint = SocketAddr::new(*address, 80).into();
        config = config.listen(endpoint, || by_name("http").expect("it is one of ours"));
    }
    Ok(lab.server().run(|| Server::start(config))?)
}

fn is_served() -> Result<(), Failed> {
    serve_alone(1)
}

fn is_served_by_two_queues() -> Result<(), Failed> {
    serve_alone(2)
}

fn serve_alone(queues: u32) -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default().with_queues(queues))?;
    let server = start(&lab, &alone())?;
    let ours: Vec<IpAddr> = server.addresses_alone().map(Address::to_ip).collect();
    assert_eq!(ours, alone());
    let groups = lab
        .server()
        .run(|| fs::read_to_string("/proc/thread-self/net/igmp6"))?;
    assert!(
        groups.contains("ff0200000000000000000001ff000009"),
        "{groups}"
    );
    let mac = lab
        .server()
        .run(|| Netlink::open()?.link(SERVER_INTERFACE))?
        .mac;
    for address in alone() {
        assert!(get(&lab, address)?.starts_with("HTTP/1.1 200 OK"));
        assert_eq!(mac_seen(&lab, address)?, Some(mac), "{address}");
    }
    let totals = server.stop()?;
    let counters = &totals.counters;
    assert_eq!(counters.connections.accepted, 2);
    assert!(counters.neighbour_replies >= 2, "{counters:?}");
    assert_eq!(counters.drops.total(), 0, "{counters:?}");
    assert!(totals.xdp.verdicts.of(Verdict::RedirectNeighbour) >= 2);
    Ok(())
}

// RFC 9293 §3.10.7.1: the address is ours with all its ports.
fn closed_port() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let server = start(&lab, &alone())?;
    for address in alone() {
        let to = SocketAddr::new(address, 81);
        let began = Instant::now();
        let refused = lab
            .client()
            .run(|| TcpStream::connect_timeout(&to, DEADLINE));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    }
    stop_clean(server)?;
    Ok(())
}

fn answers_ping() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    lab.client().sysctl("net.ipv4.ping_group_range", "0 0")?;
    let server = start(&lab, &alone())?;
    for length in [0, 1, 56, 1400] {
        for address in alone() {
            lab.client().run(|| ping(address, length))?;
        }
    }
    let totals = stop_clean(server)?;
    assert_eq!(totals.counters.echo_replies, 8);
    Ok(())
}

// RFC 4862 §5.4: a host that wants the address hears that it has an owner.
fn duplicate() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let server = start(&lab, &alone())?;
    let address = format!("{}/64", lab_v6(9).address);
    ip(&lab, &["address", "add", &address, "dev", CLIENT_INTERFACE])?;
    until("the address is a duplicate", || {
        let mut list = Command::new("ip");
        list.args(["-6", "address", "show", "dev", CLIENT_INTERFACE]);
        let listed = lab.client().run(|| list.output()).ok()?.stdout;
        String::from_utf8_lossy(&listed)
            .contains("dadfailed")
            .then_some(())
    })?;
    stop_clean(server)?;
    Ok(())
}

fn kernel_keeps_its_own() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    lab.client().sysctl("net.ipv4.ping_group_range", "0 0")?;
    let server = start(&lab, &[shared(), alone()].concat())?;
    let ours: Vec<IpAddr> = server.addresses_alone().map(Address::to_ip).collect();
    assert_eq!(ours, alone());
    for address in shared() {
        lab.client().run(|| ping(address, 56))?;
        let listener = lab.server().run(|| TcpListener::bind((address, 0)))?;
        let to = listener.local_addr()?;
        lab.client()
            .run(|| TcpStream::connect_timeout(&to, DEADLINE))?;
        assert!(get(&lab, address)?.starts_with("HTTP/1.1 200 OK"));
        assert!(mac_seen(&lab, address)?.is_some());
    }
    let totals = stop_clean(server)?;
    assert_eq!(totals.counters.neighbour_replies, 0, "the kernel answers");
    assert_eq!(totals.counters.echo_replies, 0, "the kernel answers");
    assert_eq!(totals.xdp.verdicts.of(Verdict::RedirectNeighbour), 0);
    Ok(())
}

fn off_link() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let rows = [
        ("203.0.113.1", "`ip addr add 203.0.113.1/32 dev sw0`"),
        ("2001:db8::5", "`ip addr add 2001:db8::5/128 dev sw0`"),
        // The broadcast address of the lab's network.
        ("10.73.255.255", "cannot be listened on"),
        // The kernel's, of an interface that is not served.
        ("127.0.0.1", "`ip addr add 127.0.0.1/32 dev sw0`"),
    ];
    for (address, said) in rows {
        let refused = start(&lab, &[address.parse()?]);
        let error = refused.err().expect("it is refused");
        let message = error.message().unwrap_or_default();
        assert!(message.contains(said), "{address}: {message}");
    }
    Ok(())
}

// RFC 5227 §2.1.1: the owner answers, and is named.
fn taken() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let mac = client_mac(&lab)?;
    for address in [lab_v4(2).address, lab_v6(2).address] {
        let refused = start(&lab, &[lab_v4(9).address, address]);
        let error = refused.err().expect("it is refused");
        let message = error.message().unwrap_or_default();
        let said = format!("{address} is taken: {mac} answers for it on sw0");
        assert!(message.contains(&said), "{address}: {message}");
    }
    // Nothing stays behind that would keep us from a free one.
    stop_clean(start(&lab, &alone())?)?;
    Ok(())
}

// What the kernel once learned is not believed: the owner is asked.
fn left() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let mac = client_mac(&lab)?;
    for address in alone() {
        // Without duplicate detection, which IPv4 has not.
        let (bits, flag) = if address.is_ipv4() {
            (16, "noprefixroute")
        } else {
            (64, "nodad")
        };
        let with_bits = format!("{address}/{bits}");
        ip(
            &lab,
            &["address", "add", &with_bits, "dev", CLIENT_INTERFACE, flag],
        )?;
        let error = start(&lab, &[address]).err().expect("it is refused");
        assert!(error.message().unwrap_or_default().contains("is taken"));
        ip(
            &lab,
            &["address", "del", &with_bits, "dev", CLIENT_INTERFACE],
        )?;
        let known = lab.server().run(|| Netlink::open()?.neighbours())?;
        let is_it = |known: &Neighbour| known.address == address && known.mac == mac;
        assert!(known.iter().any(is_it), "the kernel believes it still");
        let server = start(&lab, &[address])?;
        assert!(get(&lab, address)?.starts_with("HTTP/1.1 200 OK"));
        stop_clean(server)?;
    }
    Ok(())
}

fn client_mac(lab: &Lab) -> Result<Mac, Failed> {
    let link = lab
        .client()
        .run(|| Netlink::open()?.link(CLIENT_INTERFACE))?;
    Ok(link.mac)
}

/// `ip`, on the client's side.
fn ip(lab: &Lab, arguments: &[&str]) -> Result<(), Failed> {
    let status = lab
        .client()
        .run(|| Command::new("ip").args(arguments).status())?;
    assert!(status.success(), "ip {arguments:?}");
    Ok(())
}

fn stop_clean(server: Server) -> Result<Totals, Failed> {
    let totals = server.stop()?;
    let drops: Vec<_> = totals.counters.drops.nonzero().collect();
    // A reset for a closed port is counted as the drop that it is.
    let is_expected = |reason: &DropReason| *reason == DropReason::NoConnection;
    assert!(
        drops.iter().all(|(reason, _)| is_expected(reason)),
        "{drops:?}"
    );
    Ok(totals)
}

/// The head and the text of the page at `address`.
fn get(lab: &Lab, address: IpAddr) -> Result<String, Failed> {
    let to = SocketAddr::new(address, 80);
    let mut stream = lab
        .client()
        .run(|| TcpStream::connect_timeout(&to, DEADLINE))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}

/// The Ethernet address that the client has found for `address`.
fn mac_seen(lab: &Lab, address: IpAddr) -> Result<Option<Mac>, Failed> {
    let known = lab.client().run(|| Netlink::open()?.neighbours())?;
    let of_address = known.iter().find(|known| known.address == address);
    Ok(of_address.map(|known| known.mac))
}

/// Sends an echo request with `length` octets and expects them back.
fn ping(to: IpAddr, length: usize) -> Result<(), Failed> {
    let (family, protocol, request, reply) = match to {
        IpAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp, 8, 0),
        IpAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6, 128, 129),
    };
    let socket = sys::socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, protocol)?;
    let seconds = TimeVal::new(DEADLINE.as_secs().cast_signed(), 0);
    sys::setsockopt(&socket, sys::sockopt::ReceiveTimeout, &seconds)?;
    let to = sys::SockaddrStorage::from(SocketAddr::new(to, 0));
    sys::connect(socket.as_raw_fd(), &to)?;
    // Type, code, checksum and identifier (the kernel's), sequence number, data.
    let data: Vec<u8> = (0..length).map(|at| at as u8).collect();
    let message = [&[request, 0, 0, 0, 0, 0, 0, 1][..], &data].concat();
    sys::send(socket.as_raw_fd(), &message, sys::MsgFlags::empty())?;
    let mut answer = [0; 2000];
    let length = sys::recv(socket.as_raw_fd(), &mut answer, sys::MsgFlags::empty())?;
    assert_eq!(answer[0], reply);
    assert_eq!(answer[8..length], data);
    Ok(())
}
