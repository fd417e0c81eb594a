//! SYN cookies as another implementation has to make them: vectors computed apart from ours, from
//! the format at the head of `src/tcp/cookie.rs`.

use seawall::tcp::cookie::CookieKeys;
use seawall::wire::{Endpoint, FourTuple, Seq};
use std::net::{IpAddr, SocketAddr};

type Vector = (
    &'static str, // key, hexadecimal
    &'static str, // local address
    u16,          // local port
    &'static str, // remote address
    u16,          // remote port
    u32,          // SEG.SEQ
    u32,          // epoch
    u16,          // MSS option
    u32,          // ISS
);

#[rustfmt::skip]
const VECTORS: &[Vector] = &[
    ("000102030405060708090a0b0c0d0e0f", "192.0.2.1", 80, "198.18.0.7", 40_000, 0x0102_0304, 7, 1460, 0x8a71_7d0e),
    ("000102030405060708090a0b0c0d0e0f", "192.0.2.1", 80, "198.18.0.7", 40_000, 0x0102_0304, 8, 1460, 0x7a99_4e73),
    ("000102030405060708090a0b0c0d0e0f", "192.0.2.1", 80, "198.18.0.7", 40_000, 0x0102_0304, 7, 536, 0xd837_89ae),
    ("deadbeefcafebabe0123456789abcdef", "10.73.0.1", 443, "10.73.0.2", 1024, 0xffff_ffff, u32::MAX, 9000, 0x6d98_d46b),
    ("000102030405060708090a0b0c0d0e0f", "2001:db8::1", 443, "2001:db8::2", 50_000, 0x0000_0000, 0, 1440, 0x2f0e_977c),
    ("deadbeefcafebabe0123456789abcdef", "2001:db8::1", 443, "2001:2::1", 65_535, 0x8000_0000, 31, 1300, 0x3062_6960),
];

#[test]
fn cookies_are_as_the_format_says() {
    for &(key, local, local_port, remote, remote_port, seq, epoch, mss, iss) in VECTORS {
        let octet = |n: usize| u8::from_str_radix(&key[2 * n..2 * n + 2], 16).unwrap();
        let keys = CookieKeys::new(epoch, core::array::from_fn(octet));
        let end = |address: &str, port| -> Endpoint {
            let address: IpAddr = address.parse().unwrap();
            SocketAddr::new(address, port).into()
        };
        let tuple = FourTuple {
            local: end(local, local_port),
            remote: end(remote, remote_port),
        };
        assert_eq!(
            keys.mint(&tuple, Seq(seq), Some(mss)),
            Seq(iss),
            "{tuple:?}"
        );
        assert!(keys.check(&tuple, Seq(seq), Seq(iss)).is_ok(), "{tuple:?}");
    }
}
