//! Against the kernel of this machine: reading needs no privilege. Writing is tested in
//! `tests/lab.rs`, in namespaces of its own.

use super::*;
use crate::nic::device::Device;
use std::net::{IpAddr, Ipv4Addr};

#[test]
fn there_is_a_loopback_interface() {
    let lo = Netlink::open().unwrap().link("lo").unwrap();
    assert_eq!((lo.mac, lo.kind), (Mac::default(), None));
    assert!(lo.mtu >= 1500 && lo.rx_queues >= 1);
}

#[test]
fn a_missing_interface_is_one_line_that_lists_those_that_exist() {
    let error = Device::open("nosuch0").unwrap_err().to_string();
    assert!(error.starts_with("interface nosuch0 does not exist; there are: "));
    assert!(error.contains("lo") && !error.contains('\n'), "{error}");
}

#[test]
fn a_name_that_is_too_long_for_the_kernel_does_not_exist() {
    let name = "x".repeat(100);
    assert!(matches!(
        Device::open(&name),
        Err(Error::NoInterface { .. })
    ));
}

#[test]
fn the_loopback_device_has_one_queue_and_no_program() {
    let lo = Device::open("lo").unwrap();
    assert_eq!((lo.name(), lo.rx_queues()), ("lo", 1));
    assert_eq!(lo.xdp_attached(), Ok(None));
    assert!(!lo.is_virtual() && !lo.is_bond());
    assert!(!lo.offloads().unwrap().lro);
}

#[test]
fn the_loopback_address_is_local() {
    let home = IpAddr::from(Ipv4Addr::LOCALHOST);
    let mut netlink = Netlink::open().unwrap();
    let lo = netlink.link("lo").unwrap();
    let route = netlink.route_to(home).unwrap();
    assert_eq!((route.interface, route.is_local), (lo.index, true));
    assert_eq!((route.next_hop, route.source), (home, Some(home)));
    let addresses = netlink.addresses(&lo).unwrap();
    assert!(addresses.contains(&InterfaceAddress::new(home, 8)));
}

#[test]
fn a_refusal_says_what_of_what_why_and_what_to_do() {
    let rows = [
        (
            Errno::EPERM,
            "",
            "removing sw0: Operation not permitted; run as root, or with CAP_NET_ADMIN",
        ),
        (
            Errno::EINVAL,
            "Invalid MTU",
            "removing sw0: Invalid argument (Invalid MTU)",
        ),
    ];
    for (errno, said, message) in rows {
        let (what, said) = ("removing sw0".into(), said.into());
        assert_eq!(Error::Refused { what, errno, said }.to_string(), message);
    }
}

#[test]
fn the_kernels_own_words_are_found_behind_the_request_header() {
    // nlattr { len 9, type 1 } "nope\0", padded to 12
    let mut header = vec![0; HEADER_BYTES];
    header.extend([9, 0, 1, 0]);
    header.extend(b"nope\0\0\0\0");
    let mut error = ErrorMessage::default();
    error.code = core::num::NonZeroI32::new(-(Errno::EEXIST as i32));
    error.header = header;
    let refused = refusal("making x", &error);
    let (what, said) = ("making x".into(), "nope".into());
    let errno = Errno::EEXIST;
    assert_eq!(refused, Error::Refused { what, errno, said });
    // Cut anywhere, it is still a refusal.
    for length in 0..error.header.len() {
        let mut cut = error.clone();
        cut.header.truncate(length);
        assert_eq!(refusal("making x", &cut).errno(), Some(errno));
    }
}

#[test]
fn nobody_polls_the_loopback_interface() {
    let lo = Netlink::open().unwrap().link("lo").unwrap();
    assert_eq!(napis(&lo), Ok(Vec::new()));
    assert_eq!(crate::nic::napi::poll_on(&lo, 0), Ok(false));
}
