//! Segments on the open connections of smoltcp, as it is: an `Interface` with one socket for each
//! connection, over a device in memory. A few hundred, because it asks one socket after the other
//! whose segment it is. It sees IP packets without Ethernet, verifies their checksums, and copies
//! the text into the socket's buffer, which is emptied off the clock; ours also finds the link's
//! header and runs a service.

use crate::ends::tuple;
use crate::find::numbers;
use crate::part::{Measured, Sizes};
use crate::rounds::Rounds;
use crate::world::TEXT_BYTES;
use seawall::limits::{BURST_FRAMES, FRAME_BYTES};
use seawall::wire::{Checksum, Ctl, Headers, LinkHeader, Options, Segment, Seq, parse};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use std::collections::VecDeque;

/// Connections.
pub(crate) const SOCKETS: u32 = 256;

const LINK: LinkHeader = LinkHeader::new([2; 6], [4; 6]);

/// Octets of an Ethernet header.
const LINK_BYTES: usize = 14;

/// Octets that a socket holds.
const BUFFER_BYTES: usize = 16 * 1024;

#[derive(Default)]
struct Memory {
    arriving: VecDeque<Vec<u8>>,
    sent: VecDeque<Vec<u8>>,
}

struct Arrived(Vec<u8>);
struct Leaving<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl phy::TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut packet = vec![0; len];
        let written = write(&mut packet);
        self.0.push_back(packet);
        written
    }
}

impl Device for Memory {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Arrived, Leaving<'_>)> {
        let packet = self.arriving.pop_front()?;
        Some((Arrived(packet), Leaving(&mut self.sent)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Leaving<'_>> {
        Some(Leaving(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1500;
        capabilities
    }
}

impl Memory {
    fn send(&mut self, n: u32, (seq, ack): (Seq, Seq), ctl: Ctl, text: &[u8]) {
        let segment = Segment {
            seq,
            ack,
            wnd: u16::MAX,
            ctl,
            text_len: text.len() as u32,
            options: Options {
                mss: ctl.syn.then_some(1460),
                ..Options::default()
            },
            ..Segment::default()
        };
        let headers = Headers {
            link: &LINK,
            tuple: &tuple(n).reversed(),
            segment: &segment,
            hop_limit: 64,
            tos: 0,
        };
        let mut frame = [0; FRAME_BYTES];
        let at = headers.len();
        frame[at..at + text.len()].copy_from_slice(text);
        let len = headers.emit(&mut frame).expect("it fits");
        self.arriving.push_back(frame[LINK_BYTES..len].to_vec());
    }

    // The sequence number of the packet that was sent first.
    fn take_seq(&mut self) -> Seq {
        let packet = self.sent.pop_front().expect("a SYN is answered");
        let mut frame = vec![0; LINK_BYTES];
        frame[12..].copy_from_slice(&0x0800_u16.to_be_bytes());
        frame.extend(packet);
        let packet = parse(&frame, Checksum::Verify).expect("a good packet");
        packet.segment.seq
    }
}

struct World {
    interface: Interface,
    device: Memory,
    sockets: SocketSet<'static>,
    handles: Vec<SocketHandle>,
    peers: Vec<(Seq, Seq)>,
    millis: i64,
}

impl World {
    fn new() -> Self {
        let mut device = Memory::default();
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut device, Instant::ZERO);
        let [a, b, c, d] = tuple(0).local.address.v4_octets();
        interface.update_ip_addrs(|all| {
            let ours = IpCidr::new(IpAddress::v4(a, b, c, d), 24);
            all.push(ours).expect("there is room for one");
        });
        let routes = interface.routes_mut();
        let gateway = routes.add_default_ipv4_route([a, b, c, 254].into());
        gateway.expect("there is room for one");
        let mut world = Self {
            interface,
            device,
            sockets: SocketSet::new(Vec::new()),
            handles: Vec::new(),
            peers: Vec::new(),
            millis: 0,
        };
        for n in 0..SOCKETS {
            world.open(n);
        }
        world
    }

    fn open(&mut self, n: u32) {
        let buffer = || SocketBuffer::new(vec![0; BUFFER_BYTES]);
        let mut socket = Socket::new(buffer(), buffer());
        let listens = socket.listen(tuple(0).local.port);
        listens.expect("a fresh socket");
        self.handles.push(self.sockets.add(socket));
        self.device.send(n, (Seq(n), Seq(0)), Ctl::SYN, &[]);
        self.poll();
        let ends = (Seq(n) + 1, self.device.take_seq() + 1);
        self.device.send(n, ends, Ctl::ACK, &[]);
        self.poll();
        self.peers.push(ends);
    }

    fn poll(&mut self) {
        let now = Instant::from_millis(self.millis);
        self.interface
            .poll(now, &mut self.device, &mut self.sockets);
    }
}

pub(crate) fn segments(sizes: &Sizes) -> Measured {
    let mut world = World::new();
    let open = world.sockets.iter().filter(|(_, socket)| {
        let smoltcp::socket::Socket::Tcp(socket) = socket;
        socket.state() == State::Established
    });
    assert_eq!(open.count(), SOCKETS as usize, "all are open");
    let (mut next, mut rounds) = (numbers(0, SOCKETS), Rounds::default());
    for _ in 0..sizes.rounds {
        let mut said = Vec::new();
        for _ in 0..BURST_FRAMES {
            let n = next();
            let ends = world.peers[n as usize];
            world.device.send(n, ends, Ctl::ACK, &[b'\n'; TEXT_BYTES]);
            world.peers[n as usize].0 = ends.0 + TEXT_BYTES as u32;
            said.push(world.handles[n as usize]);
        }
        rounds.time(|| {
            world.poll();
            BURST_FRAMES as u64
        });
        let mut heard = 0;
        for handle in said {
            let socket = world.sockets.get_mut::<Socket<'_>>(handle);
            let read = socket.recv(|text| (text.len(), text.len()));
            heard += read.expect("it is open");
        }
        assert_eq!(heard, BURST_FRAMES * TEXT_BYTES, "all was delivered");
        world.device.sent.clear();
        // Beyond its delayed ACK.
        world.millis += 20;
        world.poll();
        world.device.sent.clear();
    }
    Measured::of(rounds)
}
