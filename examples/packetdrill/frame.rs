//! Segments of a script as frames, and frames as segments of a script.
//!
//! Not by the crate's own `wire`: that reads and writes only what the stack itself may, and a
//! judge does not share the bugs of whom it judges.

use crate::script::{Ecn, End, Flags, Ip, Options, Tcp, TcpOption};
use etherparse::{
    IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, Ipv6Extensions, Ipv6FlowLabel, Ipv6Header,
    NetHeaders, PacketBuilder, PacketHeaders, PayloadSlice, TcpHeader, TransportHeader,
};
use std::net::{IpAddr, SocketAddr};

const TTL: u8 = 64;

const EOL: u8 = 0;
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;
const MD5: u8 = 19;
const FAST_OPEN: u8 = 34;
const EXPERIMENT: u8 = 254;
const FAST_OPEN_EXPERIMENT: [u8; 2] = [0xf9, 0x89];

/// The two Ethernet addresses of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) source: [u8; 6],
    pub(crate) destination: [u8; 6],
}

/// A segment in terms of a script, its numbers as they stand in the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    /// All that a script could say, but `ect01`.
    pub(crate) ip: Ip,
    /// `ack` only with the flag, `window` always, `urgent` only with the flag.
    pub(crate) tcp: Tcp,
}

/// The frame of a segment, its numbers as they stand in `tcp`. Its text is zeros.
///
/// # Errors
/// What cannot be written: options that do not fit, two families.
pub(crate) fn build(
    link: Link,
    ip: &Ip,
    (source, destination): (SocketAddr, SocketAddr),
    tcp: &Tcp,
) -> Result<Vec<u8>, String> {
    let text = vec![0; usize::from(tcp.len)];
    let mut header = TcpHeader::new(
        source.port(),
        destination.port(),
        tcp.seq,
        tcp.window.unwrap_or(u16::MAX),
    );
    header.acknowledgment_number = tcp.ack.unwrap_or(0);
    header.urgent_pointer = tcp.urgent.unwrap_or(0);
    set_flags(&mut header, tcp.flags);
    if let Options::List(list) = &tcp.options {
        let octets: Vec<u8> = list.iter().flat_map(option_octets).collect();
        let fit = header.set_options_raw(&octets);
        fit.map_err(|_| format!("{} octets of options do not fit", octets.len()))?;
    }
    let ip = ip_headers(ip, source.ip(), destination.ip())?;
    let builder = PacketBuilder::ethernet2(link.source, link.destination)
        .ip(ip)
        .tcp_header(header);
    let mut frame = Vec::with_capacity(builder.size(text.len()));
    let written = builder.write(&mut frame, &text);
    written.map_err(|error| error.to_string())?;
    Ok(frame)
}

pub(crate) fn ip_headers(
    ip: &Ip,
    source: IpAddr,
    destination: IpAddr,
) -> Result<IpHeaders, String> {
    let ecn = ip.ecn.map_or(0, |ecn| match ecn {
        Ecn::NotEct => 0,
        Ecn::Ect1 => 1,
        Ecn::Ect0 | Ecn::Ect01 => 2,
        Ecn::Ce => 3,
    });
    let tos = ip.tos.unwrap_or(0) | ecn;
    let ttl = ip.ttl.unwrap_or(TTL);
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let (source, destination) = (source.octets(), destination.octets());
            let header = Ipv4Header::new(0, ttl, IpNumber::TCP, source, destination);
            let mut header = header.map_err(|error| error.to_string())?;
            header.dscp = (tos >> 2).try_into().map_err(|_| "a DSCP has 6 bits")?;
            header.ecn = (tos & 3).try_into().map_err(|_| "ECN has 2 bits")?;
            Ok(IpHeaders::Ipv4(header, Ipv4Extensions::default()))
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let label = Ipv6FlowLabel::try_new(ip.flow_label.unwrap_or(0));
            let header = Ipv6Header {
                traffic_class: tos,
                flow_label: label.map_err(|error| error.to_string())?,
                payload_length: 0,
                next_header: IpNumber::TCP,
                hop_limit: ttl,
                source: source.octets(),
                destination: destination.octets(),
            };
            Ok(IpHeaders::Ipv6(header, Ipv6Extensions::default()))
        }
        _ => Err(format!("{source} and {destination} are of two families")),
    }
}

/// The segment in a frame; `None` when it carries something else.
///
/// # Errors
/// What is wrong with it: nothing that leaves a stack may be.
pub(crate) fn read(frame: &[u8]) -> Result<Option<Seen>, String> {
    let headers = PacketHeaders::from_ethernet_slice(frame).map_err(|error| error.to_string())?;
    let (Some(net), Some(TransportHeader::Tcp(header))) = (headers.net, headers.transport) else {
        return Ok(None);
    };
    let PayloadSlice::Tcp(text) = headers.payload else {
        return Ok(None);
    };
    let (source, destination, ip, checksum) = match net {
        NetHeaders::Ipv4(ip, _) => {
            let tos = ip.dscp.value() << 2 | ip.ecn.value();
            if ip.header_checksum != ip.calc_header_checksum() {
                return Err("a wrong IPv4 checksum".into());
            }
            (
                IpAddr::from(ip.source),
                IpAddr::from(ip.destination),
                said(tos, ip.time_to_live, None),
                header.calc_checksum_ipv4(&ip, text),
            )
        }
        NetHeaders::Ipv6(ip, _) => (
            IpAddr::from(ip.source),
            IpAddr::from(ip.destination),
            said(ip.traffic_class, ip.hop_limit, Some(ip.flow_label.value())),
            header.calc_checksum_ipv6(&ip, text),
        ),
        NetHeaders::Arp(_) => return Ok(None),
    };
    if checksum != Ok(header.checksum) {
        return Err("a wrong TCP checksum".into());
    }
    let len = u16::try_from(text.len()).map_err(|error| error.to_string())?;
    Ok(Some(Seen {
        source: (source, header.source_port).into(),
        destination: (destination, header.destination_port).into(),
        ip,
        tcp: segment(&header, len)?,
    }))
}

fn said(tos: u8, ttl: u8, flow_label: Option<u32>) -> Ip {
    let ecn = match tos & 3 {
        0 => Ecn::NotEct,
        1 => Ecn::Ect1,
        2 => Ecn::Ect0,
        _ => Ecn::Ce,
    };
    Ip {
        ecn: Some(ecn),
        tos: Some(tos),
        ttl: Some(ttl),
        flow_label,
    }
}

fn segment(header: &TcpHeader, len: u16) -> Result<Tcp, String> {
    let flags = flags(header);
    Ok(Tcp {
        flags,
        seq: header.sequence_number,
        len,
        ack: header.ack.then_some(header.acknowledgment_number),
        window: Some(header.window_size),
        urgent: header.urg.then_some(header.urgent_pointer),
        options: Options::List(options(header.options.as_slice())?),
    })
}

const fn set_flags(header: &mut TcpHeader, flags: Flags) {
    header.fin = flags.has(Flags::FIN);
    header.syn = flags.has(Flags::SYN);
    header.rst = flags.has(Flags::RST);
    header.psh = flags.has(Flags::PSH);
    header.ack = flags.has(Flags::ACK);
    header.urg = flags.has(Flags::URG);
    header.ece = flags.has(Flags::ECE);
    header.cwr = flags.has(Flags::CWR);
    header.ns = flags.has(Flags::AE);
}

fn flags(header: &TcpHeader) -> Flags {
    let all = [
        (header.fin, Flags::FIN),
        (header.syn, Flags::SYN),
        (header.rst, Flags::RST),
        (header.psh, Flags::PSH),
        (header.ack, Flags::ACK),
        (header.urg, Flags::URG),
        (header.ece, Flags::ECE),
        (header.cwr, Flags::CWR),
        (header.ns, Flags::AE),
    ];
    let set = all.into_iter().filter(|(is_set, _)| *is_set);
    set.fold(Flags::default(), |flags, (_, flag)| flags | flag)
}

fn option_octets(option: &TcpOption) -> Vec<u8> {
    let with_length = |kind: u8, value: &[u8]| {
        // What is longer does not fit into a header, whatever its length says.
        let length = u8::try_from(value.len() + 2).unwrap_or(u8::MAX);
        [&[kind, length], value].concat()
    };
    match option {
        TcpOption::Eol => vec![EOL],
        TcpOption::Nop => vec![NOP],
        TcpOption::Mss(mss) => with_length(MSS, &mss.to_be_bytes()),
        TcpOption::WindowScale(shift) => with_length(WINDOW_SCALE, &[*shift]),
        TcpOption::SackPermitted => with_length(SACK_PERMITTED, &[]),
        TcpOption::Sack(blocks) => {
            let edges = blocks.iter().flat_map(|(left, right)| [left, right]);
            let octets: Vec<u8> = edges.flat_map(|edge| edge.to_be_bytes()).collect();
            with_length(SACK, &octets)
        }
        TcpOption::Timestamps { val, ecr } => {
            with_length(TIMESTAMPS, &[val.to_be_bytes(), ecr.to_be_bytes()].concat())
        }
        TcpOption::FastOpen(cookie) => with_length(FAST_OPEN, cookie),
        TcpOption::FastOpenExperiment(cookie) => with_length(
            EXPERIMENT,
            &[&FAST_OPEN_EXPERIMENT, cookie.as_slice()].concat(),
        ),
        TcpOption::Md5(digest) => with_length(MD5, digest),
        TcpOption::Other { kind, value } => with_length(*kind, value),
    }
}

fn options(octets: &[u8]) -> Result<Vec<TcpOption>, String> {
    let mut options = Vec::new();
    let mut rest = octets;
    while let [kind, behind @ ..] = rest {
        if matches!(*kind, EOL | NOP) {
            let is_end = *kind == EOL;
            options.push(if is_end {
                TcpOption::Eol
            } else {
                TcpOption::Nop
            });
            rest = behind;
            continue;
        }
        let len = behind.first().map_or(0, |len| usize::from(*len));
        let value = rest.get(2..len);
        let value = value.ok_or_else(|| format!("an option {kind} of {len} octets"))?;
        options.push(option(*kind, value));
        rest = rest.get(len..).unwrap_or_default();
    }
    Ok(options)
}

// One of an unusual length keeps its octets.
fn option(kind: u8, value: &[u8]) -> TcpOption {
    match (kind, value) {
        (MSS, &[high, low]) => TcpOption::Mss(u16::from_be_bytes([high, low])),
        (WINDOW_SCALE, &[shift]) => TcpOption::WindowScale(shift),
        (SACK_PERMITTED, []) => TcpOption::SackPermitted,
        (SACK, _) if value.len().is_multiple_of(8) => {
            let (edges, _) = value.as_chunks::<4>();
            let (blocks, _) = edges.as_chunks::<2>();
            let blocks = blocks
                .iter()
                .map(|[left, right]| (u32::from_be_bytes(*left), u32::from_be_bytes(*right)));
            TcpOption::Sack(blocks.collect())
        }
        (TIMESTAMPS, _) if let ([val, ecr], []) = value.as_chunks::<4>() => TcpOption::Timestamps {
            val: u32::from_be_bytes(*val),
            ecr: u32::from_be_bytes(*ecr),
        },
        (MD5, _) => TcpOption::Md5(value.into()),
        (FAST_OPEN, _) => TcpOption::FastOpen(value.into()),
        (EXPERIMENT, [a, b, cookie @ ..]) if [*a, *b] == FAST_OPEN_EXPERIMENT => {
            TcpOption::FastOpenExperiment(cookie.into())
        }
        _ => TcpOption::Other {
            kind,
            value: value.into(),
        },
    }
}

impl Seen {
    /// Is it the next text of the same connection, with the same header otherwise?
    pub(crate) fn follows(&self, first: &Self) -> bool {
        let end = first.tcp.seq.wrapping_add(u32::from(first.tcp.len));
        (self.source, self.destination) == (first.source, first.destination)
            && self.tcp.seq == end
            && self.tcp.len > 0
            && (self.tcp.ack, self.tcp.window) == (first.tcp.ack, first.tcp.window)
            && !first.tcp.flags.has(Flags::FIN)
    }

    /// The two ends as a script writes them.
    pub(crate) fn ends(&self) -> (End, End) {
        let [source, destination] = [self.source, self.destination].map(|end| End {
            address: Some(end.ip()),
            port: end.port(),
        });
        (source, destination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;
    use crate::script::{Action, Body, Packet};

    const LINK: Link = Link {
        source: [2, 0, 0, 0, 0, 1],
        destination: [2, 0, 0, 0, 0, 2],
    };

    fn packet(text: &str) -> (Packet, Tcp) {
        let script = parse(&format!("+0 {text}")).unwrap();
        let Action::Packet(packet) = script.events[0].action.clone() else {
            panic!("{text}");
        };
        let Body::Tcp(tcp) = packet.body.clone() else {
            panic!("{text}");
        };
        (packet, tcp)
    }

    fn ends(version: u8) -> (SocketAddr, SocketAddr) {
        let (a, b) = match version {
            4 => ("192.0.2.1:1024", "192.0.2.2:80"),
            _ => ("[2001:db8::1]:1024", "[2001:db8::2]:80"),
        };
        (a.parse().unwrap(), b.parse().unwrap())
    }

    #[test]
    fn a_segment_survives_its_frame() {
        for text in [
            "< S 0:0(0) win 65535 <mss 1460,nop,wscale 6,sackOK,TS val 100 ecr 0>",
            "< [ce] SEWA 7:7(0) win 1 <FO abcd,FOEXP 0123,eol,eol>",
            "< FPUEW. 4294967295:999(1000) ack 9 win 0 urg 5 <nop,nop,sack 1:2 3:4>",
            "< - 0:0(0) win 9 <md5 000102030405060708090a0b0c0d0e0f,nop,nop>",
            "< R 5:5(0) win 0 <kind 253 0102,kind 2 01,nop>",
        ] {
            for version in [4, 6] {
                let (packet, tcp) = packet(text);
                let frame = build(LINK, &packet.ip, ends(version), &tcp).unwrap();
                let seen = read(&frame).unwrap().unwrap();
                assert_eq!((seen.source, seen.destination), ends(version));
                assert_eq!(seen.tcp, tcp, "{text}");
                assert_eq!(seen.ip.ttl, Some(TTL));
                assert!(packet.ip.ecn.is_none_or(|ecn| seen.ip.ecn == Some(ecn)));
            }
        }
    }

    #[test]
    fn ip_fields_survive_their_frame() {
        let (packet, tcp) = packet("< (tos 0xb9, ttl 3) (flowlabel 0x12345) . 1:1(0) ack 1 win 1");
        for (version, label) in [(4, None), (6, Some(0x12345))] {
            let frame = build(LINK, &packet.ip, ends(version), &tcp).unwrap();
            let ip = read(&frame).unwrap().unwrap().ip;
            let expected = Ip {
                ecn: Some(Ecn::Ect1),
                tos: Some(0xb9),
                ttl: Some(3),
                flow_label: label,
            };
            assert_eq!(ip, expected);
        }
    }

    #[test]
    fn what_the_stack_itself_reads_is_the_same_segment() {
        let (packet, tcp) = packet("< P. 5:15(10) ack 7 win 9 <nop,nop,TS val 1 ecr 2>");
        for version in [4, 6] {
            let frame = build(LINK, &packet.ip, ends(version), &tcp).unwrap();
            let read = seawall::wire::parse(&frame, seawall::wire::Checksum::Verify).unwrap();
            assert_eq!(SocketAddr::from(read.tuple.remote), ends(version).0);
            let segment = read.segment;
            assert_eq!((segment.seq.0, segment.ack.0, segment.wnd), (5, 7, 9));
            assert_eq!(segment.text_len, 10);
            assert_eq!(
                segment.options.timestamps.map(|ts| (ts.val, ts.ecr)),
                Some((1, 2))
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let (packet, tcp) = packet("< . 1:1(0) <sack 1:2 3:4 5:6 7:8 9:10>");
        assert!(build(LINK, &packet.ip, ends(4), &tcp).is_err());
        let two_families = (ends(4).0, ends(6).1);
        assert!(build(LINK, &packet.ip, two_families, &Tcp::default()).is_err());
    }

    #[test]
    fn a_frame_with_a_bit_turned_over_is_no_segment() {
        let (packet, tcp) = packet("< . 1:11(10) ack 1 win 9");
        let frame = build(LINK, &packet.ip, ends(4), &tcp).unwrap();
        for at in 14..frame.len() {
            let mut frame = frame.clone();
            frame[at] ^= 16;
            assert!(!matches!(read(&frame), Ok(Some(_))), "{at}");
        }
    }
}
