//! SYNs of every kind, drawn at random: good ones, odd ones, and such as nobody should send.

use super::draws::Draws;
use seawall::wire::Address;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TCP: u8 = 6;

/// Where they go to.
pub(crate) const V4: Address = Address::v4([192, 0, 2, 1]);
pub(crate) const V6: Address = v6(1);

/// A network of IPv6.
pub(crate) const BLOCK_V6: Address = Address([0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

const fn v6(last: u8) -> Address {
    Address([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
}

/// What a checksum is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    Right,
    Wrong,
    /// That of the pseudo-header, as a kernel leaves it for hardware.
    Partial,
}

const OPTIONS_MAX: usize = 40;

/// A segment and its headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syn {
    link: [u8; 12],
    tags: [u16; 2],
    tags_len: usize,
    pub(crate) source: Address,
    pub(crate) destination: Address,
    ip: [u8; 8],
    /// Flags and offset of IPv4.
    fragment: u16,
    /// Four octets of IP options, or an extension header.
    has_more_header: bool,
    /// What the IP header lies about its length.
    lie: i16,
    ip_sum: Sum,
    /// Source and destination.
    pub(crate) ports: [u16; 2],
    numbers: [u8; 12],
    pub(crate) flags: u8,
    options: [u8; OPTIONS_MAX],
    options_len: usize,
    text_len: usize,
    sum: Sum,
    padding: usize,
}

impl Syn {
    /// One that anybody answers.
    pub(crate) fn good(draws: &mut Draws) -> Self {
        let is_v4 = draws.one_in(2);
        let mut syn = Self {
            link: draws.octets(),
            tags: [draws.of(&[0x8100, 0x88a8]), 0x8100],
            tags_len: draws.of(&[0, 0, 1, 2]),
            source: draws.host(is_v4),
            destination: if is_v4 { V4 } else { V6 },
            ip: draws.octets(),
            fragment: draws.of(&[0, 0x4000]),
            has_more_header: false,
            lie: 0,
            ip_sum: Sum::Right,
            ports: [1 + draws.below(65_535) as u16, 80],
            numbers: draws.octets(),
            flags: 0x02,
            options: [0; OPTIONS_MAX],
            options_len: 0,
            text_len: 0,
            sum: Sum::Right,
            padding: 0,
        };
        let mss = [536, 1460, 1440, 1220, draws.next() as u16];
        let [high, low] = draws.of(&mss).to_be_bytes();
        let [a, b, c, d] = draws.octets();
        let shift = draws.below(16) as u8;
        let linux = [
            2, 4, high, low, 4, 2, 8, 10, a, b, c, d, 0, 0, 0, 0, 1, 3, 3, shift,
        ];
        syn.options[..20].copy_from_slice(&linux);
        syn.options_len = 20;
        syn
    }

    /// Any.
    pub(crate) fn draw(draws: &mut Draws) -> Self {
        let mut syn = Self::good(draws);
        if !draws.one_in(4) {
            syn.draw_options(draws);
        }
        syn.flags |= draws.of(&[0, 0, 0x40, 0x80, 0xc0, 0x08, 0x20, 0x01, 0x29]);
        let any = draws.below(30) as usize;
        syn.padding = draws.of(&[0, 0, 6, any]);
        if draws.one_in(8) {
            syn.text_len = 1 + draws.below(1400) as usize;
        }
        if draws.one_in(16) {
            syn.spoil(draws);
        }
        syn.sum = draws.of(&[Sum::Right; 14]);
        if draws.one_in(12) {
            syn.sum = draws.of(&[Sum::Partial, Sum::Partial, Sum::Wrong]);
        }
        syn
    }

    fn draw_options(&mut self, draws: &mut Draws) {
        let mut octets = Vec::new();
        for _ in 0..draws.below(8) {
            let kind = draws.of(&[1, 1, 2, 2, 3, 3, 4, 4, 8, 8, 8, 5, 34, 254, 0]);
            let mut len = match kind {
                2 => 4,
                3 => 3,
                4 => 2,
                8 => 10,
                _ => 2 + draws.below(9) as u8,
            };
            if draws.one_in(60) {
                len = draws.of(&[0, 1, 2, 3, 4, 9, 10, 11, 40, 255]);
            }
            octets.push(kind);
            if kind > 1 {
                octets.push(len);
                let values = draws.octets::<16>();
                octets.extend(&values[..usize::from(len.saturating_sub(2)).min(16)]);
            }
        }
        octets.truncate(OPTIONS_MAX);
        while !octets.len().is_multiple_of(4) {
            octets.push(draws.of(&[0, 1]));
        }
        self.options = [0; OPTIONS_MAX];
        self.options[..octets.len()].copy_from_slice(&octets);
        self.options_len = octets.len();
    }

    // One thing about it is wrong, or is what the program leaves alone.
    fn spoil(&mut self, draws: &mut Draws) {
        let is_v4 = self.destination.is_v4();
        match draws.below(8) {
            0 => self.fragment = draws.of(&[0x2000, 0x2010, 5, 0x8000]),
            1 => self.has_more_header = true,
            2 => self.lie = draws.of(&[-30, -20, -4, -1, 1, 40, 2000]),
            3 => self.ip_sum = Sum::Wrong,
            4 => self.ports[0] = draws.of(&[0, 80]),
            5 => self.flags |= draws.of(&[0x10, 0x04, 0x14]),
            6 => (self.source, self.ports[0]) = (self.destination, draws.of(&[80, 81])),
            _ if is_v4 => {
                let odd = [
                    [0; 4],
                    [224, 0, 0, 1],
                    [239, 9, 9, 9],
                    [255; 4],
                    [127, 0, 0, 1],
                ];
                self.source = Address::v4(draws.of(&odd));
            }
            _ => {
                let mut group = v6(7);
                group.0[0] = 0xff;
                let odd = [Address([0; 16]), group, Address::v4([192, 0, 2, 7])];
                self.source = draws.of(&odd);
            }
        }
    }

    /// May the program leave it to the shard?
    pub(crate) fn is_unusual(&self) -> bool {
        self.has_more_header || self.flags & 0x14 != 0
    }

    /// The whole frame.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let is_v4 = self.destination.is_v4();
        let mut frame = self.link.to_vec();
        for tag in &self.tags[..self.tags_len] {
            frame.extend(tag.to_be_bytes());
            frame.extend(&self.numbers[10..12]);
        }
        frame.extend(if is_v4 { IPV4 } else { IPV6 }.to_be_bytes());
        let segment = self.segment();
        if is_v4 {
            self.put_ipv4(&segment, &mut frame);
        } else {
            self.put_ipv6(&segment, &mut frame);
        }
        frame.resize(frame.len() + self.padding, 0xaa);
        frame
    }

    fn segment(&self) -> Vec<u8> {
        let mut segment = Vec::new();
        segment.extend(self.ports[0].to_be_bytes());
        segment.extend(self.ports[1].to_be_bytes());
        segment.extend(&self.numbers[..8]);
        segment.extend([(5 + self.options_len as u8 / 4) << 4, self.flags]);
        segment.extend(&self.numbers[8..10]);
        segment.extend([0, 0, self.numbers[0], self.numbers[1]]);
        segment.extend(&self.options[..self.options_len]);
        let text = (0..self.text_len).map(|n| n as u8 ^ self.numbers[3]);
        segment.extend(text);
        let (source, destination) = (
            self.addresses(self.source),
            self.addresses(self.destination),
        );
        let len = (segment.len() as u32).to_be_bytes();
        let pseudo = [&source[..], &destination, &len, &[0, 0, 0, TCP]].concat();
        let sum = match self.sum {
            Sum::Right => !sum(&[&pseudo[..], &segment].concat()),
            Sum::Wrong => !sum(&[&pseudo[..], &segment].concat()) ^ 0x0100,
            Sum::Partial => sum(&pseudo),
        };
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        segment
    }

    // As long as the family's are. A mapped address on IPv6 stays as it is.
    fn addresses(&self, address: Address) -> Vec<u8> {
        if self.destination.is_v4() {
            address.v4_octets().to_vec()
        } else {
            address.0.to_vec()
        }
    }

    fn put_ipv4(&self, segment: &[u8], frame: &mut Vec<u8>) {
        let header_len = if self.has_more_header { 24 } else { 20 };
        let len = ((header_len + segment.len()) as u16).wrapping_add_signed(self.lie);
        let mut header = vec![0x40 | (header_len / 4) as u8, self.ip[0]];
        header.extend(len.to_be_bytes());
        header.extend(&self.ip[1..3]);
        header.extend(self.fragment.to_be_bytes());
        header.extend([self.ip[3], TCP, 0, 0]);
        header.extend(self.addresses(self.source));
        header.extend(self.addresses(self.destination));
        header.resize(header_len, 1);
        let mut sum = !sum(&header);
        if self.ip_sum == Sum::Wrong {
            sum ^= 1;
        }
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        frame.extend(header);
        frame.extend(segment);
    }

    fn put_ipv6(&self, segment: &[u8], frame: &mut Vec<u8>) {
        let more: &[u8] = if self.has_more_header {
            &[TCP, 0, 1, 4, 0, 0, 0, 0]
        } else {
            &[]
        };
        let len = ((more.len() + segment.len()) as u16).wrapping_add_signed(self.lie);
        frame.extend([0x60 | self.ip[0] >> 4, self.ip[1], self.ip[2], self.ip[3]]);
        frame.extend(len.to_be_bytes());
        // A destination option that says nothing (RFC 8200 §4.6).
        frame.extend([if self.has_more_header { 60 } else { TCP }, self.ip[4]]);
        frame.extend(self.source.0);
        frame.extend(self.destination.0);
        frame.extend(more);
        frame.extend(segment);
    }
}

// RFC 1071 §4.1
fn sum(octets: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
