//! smoltcp as it is: an `Interface` with one socket for each connection, over a port in memory.

use crate::ends::SERVER;
use crate::stacks::Stack;
use crate::world::Near;
use seawall::nic::memory::MemoryPort;
use seawall::nic::{Burst, Port};
use seawall::time::Instant;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::Socket::Tcp;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant as Moment;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use std::sync::atomic::{AtomicU32, Ordering};

/// Octets that a socket holds, each way.
const BUFFER_BYTES: usize = 16 * 1024;

/// Octets of an Ethernet header.
const LINK_BYTES: usize = 14;

const IPV4: [u8; 2] = 0x0800_u16.to_be_bytes();

/// What its timestamps say: smoltcp asks a plain function.
static MILLIS: AtomicU32 = AtomicU32::new(0);

struct Wire {
    port: MemoryPort,
    now: Instant,
    burst: Burst,
    packet: Vec<u8>,
}

struct Arrived<'a>(&'a [u8]);

struct Leaving<'a> {
    port: &'a mut MemoryPort,
    now: Instant,
}

impl phy::RxToken for Arrived<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl phy::TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = self.port.allocate(0).expect("frames come back");
        frame.set_len(LINK_BYTES + len);
        let (link, packet) = self.port.bytes_mut(&mut frame).split_at_mut(LINK_BYTES);
        // The peers look at no address of the link.
        link[12..].copy_from_slice(&IPV4);
        let written = write(&mut packet[..len]);
        self.port.transmit(self.now, frame);
        written
    }
}

impl Device for Wire {
    type RxToken<'a> = Arrived<'a>;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _moment: Moment) -> Option<(Arrived<'_>, Leaving<'_>)> {
        if self.burst.is_empty() {
            self.port.receive(self.now, &mut self.burst);
            self.burst.reverse();
        }
        let frame = self.burst.pop()?;
        self.packet.clear();
        let bytes = self.port.bytes(&frame).get(LINK_BYTES..);
        self.packet.extend_from_slice(bytes.unwrap_or_default());
        self.port.release(frame);
        let leaving = Leaving {
            port: &mut self.port,
            now: self.now,
        };
        Some((Arrived(&self.packet), leaving))
    }

    fn transmit(&mut self, _moment: Moment) -> Option<Leaving<'_>> {
        Some(Leaving {
            port: &mut self.port,
            now: self.now,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1500;
        capabilities
    }
}

/// A server that throws away what comes, and closes when its peer does.
pub(crate) struct Smoltcp {
    interface: Interface,
    wire: Wire,
    sockets: SocketSet<'static>,
    heard: u64,
    ended: u64,
}

impl Smoltcp {
    /// Listens with so many sockets: so many connections can there be.
    pub(crate) fn new(port: MemoryPort, sockets: u32) -> Self {
        let mut wire = Wire {
            port,
            now: Instant::ZERO,
            burst: Burst::new(),
            packet: Vec::new(),
        };
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut wire, Moment::ZERO);
        let [a, b, c, d] = SERVER.address.v4_octets();
        interface.update_ip_addrs(|all| {
            let ours = IpCidr::new(IpAddress::v4(a, b, c, d), 24);
            all.push(ours).expect("there is room for one");
        });
        let gateway = [a, b, c, d ^ 1].into();
        let routed = interface.routes_mut().add_default_ipv4_route(gateway);
        routed.expect("there is room for one");
        let mut all = SocketSet::new(Vec::new());
        for _ in 0..sockets {
            all.add(listening());
        }
        Self {
            interface,
            wire,
            sockets: all,
            heard: 0,
            ended: 0,
        }
    }
}

fn listening() -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; BUFFER_BYTES]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.set_tsval_generator(Some(|| MILLIS.load(Ordering::Relaxed)));
    let listens = socket.listen(SERVER.port);
    listens.expect("a fresh socket");
    socket
}

impl Near for Smoltcp {
    fn breathe(&mut self, now: Instant) {
        let millis = now.as_millis();
        MILLIS.store(millis as u32, Ordering::Relaxed);
        self.wire.now = now;
        let moment = Moment::from_micros((now.as_nanos() / 1000).cast_signed());
        self.interface
            .poll(moment, &mut self.wire, &mut self.sockets);
        self.wire.port.flush(now);
    }

    fn serve(&mut self) -> bool {
        let mut has_closed = false;
        for (_, socket) in self.sockets.iter_mut() {
            let Tcp(socket) = socket;
            while socket.can_recv() {
                let read = socket.recv(|text| (text.len(), text.len()));
                self.heard += read.expect("it is open") as u64;
            }
            match socket.state() {
                State::CloseWait => {
                    socket.close();
                    has_closed = true;
                }
                State::Closed => {
                    let listens = socket.listen(SERVER.port);
                    listens.expect("it is closed");
                    self.ended += 1;
                }
                _ => {}
            }
        }
        has_closed
    }
}

impl Stack for Smoltcp {
    const NAME: &str = "smoltcp";

    fn open(&mut self) -> u64 {
        let is_open = |socket: &Socket<'_>| socket.state() == State::Established;
        let open = self
            .sockets
            .iter()
            .filter(|(_, Tcp(socket))| is_open(socket));
        open.count() as u64
    }

    fn heard(&mut self) -> u64 {
        self.heard
    }

    fn ended(&mut self) -> u64 {
        self.ended
    }
}
