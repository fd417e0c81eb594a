//! ICMP errors as scripts name them (RFC 792, RFC 4443 §3).

use crate::frame::{self, Link};
use crate::script::{Icmp, Ip, Tcp};
use etherparse::PacketBuilder;
use std::net::SocketAddr;

const LINK_OCTETS: usize = 14;
/// Of the quoted TCP header: ports and sequence number, all that RFC 792 promises.
const QUOTED_TCP_OCTETS: usize = 8;

const UNREACHABLE: u8 = 3;
/// Names of types for IPv4; a type is known by its code too.
const KINDS_V4: [(&str, u8); 5] = [
    ("unreachable", UNREACHABLE),
    ("source_quench", 4),
    ("redirect", 5),
    ("time_exceeded", 11),
    ("parameter_problem", 12),
];
const CODES_V4: [(&str, u8); 18] = [
    ("net_unreachable", 0),
    ("host_unreachable", 1),
    ("protocol_unreachable", 2),
    ("port_unreachable", 3),
    ("frag_needed", 4),
    ("source_route_failed", 5),
    ("net_unknown", 6),
    ("host_unknown", 7),
    ("source_host_isolated", 8),
    ("net_prohibited", 9),
    ("host_prohibited", 10),
    ("net_unreachable_for_tos", 11),
    ("host_unreachable_for_tos", 12),
    ("packet_filtered", 13),
    ("host_precedence_violation", 14),
    ("precedence_cutoff", 15),
    ("exc_ttl", 0),
    ("ttl_exceeded", 0),
];
const KINDS_V6: [(&str, u8); 4] = [
    ("unreachable", 1),
    ("packet_too_big", 2),
    ("time_exceeded", 3),
    ("parameter_problem", 4),
];
const CODES_V6: [(&str, u8); 6] = [
    ("no_route", 0),
    ("admin_prohibited", 1),
    ("not_neighbour", 2),
    ("addr_unreachable", 3),
    ("address_unreachable", 3),
    ("port_unreachable", 4),
];

/// The frame of an error about `quoted`, a segment that the stack sent, its numbers as they stood
/// on the wire.
///
/// # Errors
/// What has no such name.
pub(crate) fn build(
    link: Link,
    ip: &Ip,
    (remote, local): (SocketAddr, SocketAddr),
    icmp: &Icmp,
    quoted: &Tcp,
) -> Result<Vec<u8>, String> {
    let is_v4 = local.is_ipv4();
    let (kinds, codes) = if is_v4 {
        (KINDS_V4.as_slice(), CODES_V4.as_slice())
    } else {
        (KINDS_V6.as_slice(), CODES_V6.as_slice())
    };
    let kind = number(kinds, &icmp.kind)?;
    let code = icmp
        .code
        .as_deref()
        .map_or(Ok(0), |code| number(codes, code))?;
    let mtu = icmp.mtu.unwrap_or(0).to_be_bytes();
    let quote = frame::build(link, &Ip::default(), (local, remote), quoted)?;
    let header = if is_v4 { 20 } else { 40 };
    let quote = &quote[LINK_OCTETS..LINK_OCTETS + header + QUOTED_TCP_OCTETS];
    let headers = frame::ip_headers(ip, remote.ip(), local.ip())?;
    let builder = PacketBuilder::ethernet2(link.source, link.destination).ip(headers);
    let mut frame = Vec::new();
    let written = if is_v4 {
        let builder = builder.icmpv4_raw(kind, code, mtu);
        builder.write(&mut frame, quote)
    } else {
        let builder = builder.icmpv6_raw(kind, code, mtu);
        builder.write(&mut frame, quote)
    };
    written.map_err(|error| error.to_string())?;
    Ok(frame)
}

fn number(known: &[(&str, u8)], name: &str) -> Result<u8, String> {
    let found = known.iter().find(|(known, _)| *known == name);
    let (_, number) = found.ok_or_else(|| format!("ICMP {name} is not known"))?;
    Ok(*number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seawall::wire::{IcmpError, IcmpKind};

    const LINK: Link = Link {
        source: [2, 0, 0, 0, 0, 1],
        destination: [2, 0, 0, 0, 0, 2],
    };

    fn read(kind: &str, code: Option<&str>, ends: [&str; 2]) -> Result<IcmpError, String> {
        let icmp = Icmp {
            kind: kind.into(),
            code: code.map(Into::into),
            mtu: Some(1300),
            echoed: None,
        };
        let quoted = Tcp {
            seq: 77,
            len: 1400,
            ..Tcp::default()
        };
        let [remote, local] = ends.map(|end| end.parse().unwrap());
        let frame = build(LINK, &Ip::default(), (remote, local), &icmp, &quoted)?;
        IcmpError::parse(&frame).map_err(|reason| format!("{reason:?}"))
    }

    #[test]
    fn the_stack_reads_what_a_script_says() {
        let v4 = ["192.0.2.1:80", "192.0.2.2:1024"];
        let v6 = ["[2001:db8::1]:80", "[2001:db8::2]:1024"];
        let rows = [
            (
                "unreachable",
                Some("frag_needed"),
                v4,
                IcmpKind::PacketTooBig(1300),
            ),
            (
                "unreachable",
                Some("port_unreachable"),
                v4,
                IcmpKind::PortUnreachable,
            ),
            ("time_exceeded", None, v4, IcmpKind::TimeExceeded),
            ("packet_too_big", None, v6, IcmpKind::PacketTooBig(1300)),
            (
                "unreachable",
                Some("no_route"),
                v6,
                IcmpKind::NetUnreachable,
            ),
        ];
        for (kind, code, ends, expected) in rows {
            let error = read(kind, code, ends).unwrap();
            assert_eq!((error.kind, error.seq.0), (expected, 77), "{kind}");
        }
        assert!(read("unreachable", Some("strange"), v4).is_err());
        assert!(read("packet_too_big", None, v4).is_err());
    }
}
