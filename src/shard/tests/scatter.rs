//! A flow whose segments arrive now at one shard, now at the other.

use super::*;
use crate::nic::PortCounters;
use std::os::fd::BorrowedFd;

/// Two wires to one port: what it sends goes by either, at random.
struct Scatter {
    wires: [MemoryPort; 2],
    random: u32,
}

/// Which wire's store a frame lies in.
const WIRE: u32 = 1 << 31;

impl Scatter {
    fn outer(frame: &Frame, wire: usize) -> Frame {
        let at = frame.at() | if wire == 1 { WIRE } else { 0 };
        Frame::new(at, frame.len() as u16, 0)
    }

    fn inner(frame: &Frame) -> (usize, Frame) {
        let wire = usize::from(frame.at() & WIRE != 0);
        (wire, Frame::new(frame.at() & !WIRE, frame.len() as u16, 0))
    }
}

impl Port for Scatter {
    fn receive(&mut self, now: Instant, burst: &mut Burst) {
        for (wire, port) in self.wires.iter_mut().enumerate() {
            let mut some = Burst::new();
            if burst.is_empty() {
                port.receive(now, &mut some);
            }
            burst.extend(some.drain(..).map(|frame| Self::outer(&frame, wire)));
        }
    }

    fn allocate(&mut self, queue: u16) -> Option<Frame> {
        self.random = self
            .random
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        let wire = (self.random >> 31) as usize;
        let frame = self.wires[wire].allocate(queue)?;
        Some(Self::outer(&frame, wire))
    }

    fn bytes(&self, frame: &Frame) -> &[u8] {
        let (wire, inner) = Self::inner(frame);
        self.wires[wire].bytes(&inner)
    }

    fn bytes_mut(&mut self, frame: &mut Frame) -> &mut [u8] {
        let (wire, mut inner) = Self::inner(frame);
        self.wires[wire].bytes_mut(&mut inner)
    }

    fn transmit(&mut self, now: Instant, frame: Frame) {
        let (wire, inner) = Self::inner(&frame);
        self.wires[wire].transmit(now, inner);
    }

    fn release(&mut self, frame: Frame) {
        let (wire, inner) = Self::inner(&frame);
        self.wires[wire].release(inner);
    }

    fn flush(&mut self, now: Instant) {
        for wire in &mut self.wires {
            wire.flush(now);
        }
    }

    fn wait(&mut self, _timeout: Duration, _wake: Option<BorrowedFd<'_>>) {}

    fn queues(&self) -> usize {
        1
    }

    fn counters(&self) -> PortCounters {
        PortCounters::default()
    }
}

#[test]
fn a_flow_that_changes_its_queue_stays_with_its_owner() {
    const CONNECTIONS: u16 = 50;
    const OCTETS: u64 = 20_000;
    let config = ShardConfig::default();
    let (ours_0, theirs_0) = pair(Misfortune::default(), 4096);
    let (ours_1, theirs_1) = pair(Misfortune::default(), 4096);
    let mut servers = [ours_0, ours_1].map(|port| Shard::new(port, config.clone()));
    let meshes = Mesh::new(&[vec![0], vec![0]]).unwrap();
    for (server, mesh) in servers.iter_mut().zip(meshes) {
        let echo = server.add_service(Box::new(Echo));
        server.listen(SERVER, echo);
        server.join(mesh);
    }
    let wires = [theirs_0, theirs_1];
    let mut client = Shard::new(Scatter { wires, random: 1 }, config);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let service = client.add_service(Box::new(Client {
        len: OCTETS,
        seen: Arc::clone(&seen),
    }));
    for port in 0..CONNECTIONS {
        let tuple = tuple(10_000 + port);
        client
            .open(tuple, link(), 0, service, Instant::ZERO)
            .unwrap();
    }
    let mut now = Instant::ZERO;
    for _ in 0..100_000 {
        client.breathe(now);
        for server in &mut servers {
            server.breathe(now);
        }
        now = now + Duration::from_micros(100);
        if seen.lock().unwrap().ended.len() == usize::from(CONNECTIONS) {
            break;
        }
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.ended, vec![End::Closed; CONNECTIONS.into()]);
    assert_eq!(
        (seen.octets, seen.wrong),
        (OCTETS * u64::from(CONNECTIONS), 0)
    );
    for server in &servers {
        let c = server.counters();
        assert!(c.handed_over > 100, "half of what arrives: {c:?}");
        assert!(c.connections.accepted > 10, "both own some: {c:?}");
        assert_eq!(c.drops.of(crate::drop_reason::DropReason::NoConnection), 0);
    }
}
