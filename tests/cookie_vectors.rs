//! SYN cookies and timestamp offsets as another implementation has to make them: vectors computed
//! apart from ours, from the formats at the heads of `src/tcp/cookie.rs` and `src/tcp/iss.rs`.

use seawall::tcp::IssSource;
use seawall::tcp::cookie::CookieKeys;
use seawall::wire::{Endpoint, FourTuple, Seq};
use std::net::{IpAddr, SocketAddr};

type Vector = (
    &'static str, // key of the epoch, and secret of the offset, hexadecimal
    &'static str, // local address
    u16,          // local port
    &'static str, // remote address
    u16,          // remote port
    u32,          // SEG.SEQ
    u32,          // epoch
    u16,          // MSS option
    u32,          // ISS
    u32,          // offset of timestamps
);

#[rustfmt::skip]
const VECTORS: &[Vector] = &[
    ("000102030405060708090a0b0c0d0e0f", "192.0.2.1", 80, "198.18.0.7", 40_000, 0x0102_0304, 7, 1460, 0x7e6b_e28f, 0xc9ab_02e4),
    ("000102030405060708090a0b0c0d0e0f", "192.0.2.1", 80, "198.18.0.7", 40_000, 0x0102_0304, 8, 1460, 0xc531_e2d5, 0xc9ab_02e4),
    ("000102030405060708090a0b0c0d0e0f", "192.0.2.1", 80, "198.18.0.7", 40_000, 0x0102_0304, 7, 536, 0x2dc7_c52f, 0xc9ab_02e4),
    ("deadbeefcafebabe0123456789abcdef", "10.73.0.1", 443, "10.73.0.2", 1024, 0xffff_ffff, u32::MAX, 9000, 0xf1da_7fac, 0xef60_8712),
    ("000102030405060708090a0b0c0d0e0f", "2001:db8::1", 443, "2001:db8::2", 50_000, 0x0000_0000, 0, 1440, 0x22c2_4852, 0x6508_be30),
    ("deadbeefcafebabe0123456789abcdef", "2001:db8::1", 443, "2001:2::1", 65_535, 0x8000_0000, 31, 1300, 0x4969_6655, 0xd317_d124),
];

#[test]
fn cookies_and_offsets_are_as_their_formats_say() {
    for &(key, local, local_port, remote, remote_port, seq, epoch, mss, iss, offset) in VECTORS {
        let octet = |n: usize| u8::from_str_radix(&key[2 * n..2 * n + 2], 16).unwrap();
        let key = core::array::from_fn(octet);
        let keys = CookieKeys::new(epoch, key);
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
        let ours = IssSource::new(&key).timestamp_offset(&tuple);
        assert_eq!(ours, offset, "{tuple:?}");
    }
}
