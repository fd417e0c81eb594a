//! Two hosts with sockets over the in-memory port.

use super::*;
use crate::drop_reason::DropReason;
use crate::nic::memory::{MemoryPort, Misfortune, pair};
use crate::shard::{Direction, ShardConfig, Tap};
use crate::tcp::State;
use crate::time::Duration;
use crate::wire::Segment;
use std::sync::{Arc, Mutex};

const SERVER: Address = Address::v4([10, 0, 0, 1]);
const CLIENT: Address = Address::v4([10, 0, 0, 2]);
const HTTP: Endpoint = Endpoint {
    address: SERVER,
    port: 80,
};

/// What the server's shard saw of the segments.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Vec<(Direction, Segment)>>>);

impl Tap for Watch {
    fn on_segment(
        &mut self,
        _now: Instant,
        direction: Direction,
        _tuple: &FourTuple,
        segment: &Segment,
        _state: State,
    ) {
        self.0.lock().unwrap().push((direction, *segment));
    }
}

impl Watch {
    fn resets(&self, direction: Direction) -> usize {
        let seen = self.0.lock().unwrap();
        let resets = seen
            .iter()
            .filter(|(d, seg)| *d == direction && seg.ctl.rst);
        resets.count()
    }

    fn last_window(&self) -> u16 {
        let seen = self.0.lock().unwrap();
        let out = seen.iter().rev().find(|(d, _)| *d == Direction::Out);
        out.expect("the server has answered").1.wnd
    }
}

struct World {
    server: Sockets<MemoryPort>,
    client: Sockets<MemoryPort>,
    watch: Watch,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self::with(&ShardConfig::default())
    }

    fn with(config: &ShardConfig) -> Self {
        let link = LinkHeader::new([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let (a, b) = pair(Misfortune::default(), 4096);
        let [mut server, client] = [(a, SERVER), (b, CLIENT)].map(|(port, address)| {
            let shard = Shard::new(port, config.clone());
            Sockets::new(shard, SocketsConfig::new(vec![address]).with_link(link))
        });
        let watch = Watch::default();
        server.shard().set_tap(Box::new(watch.clone()));
        Self {
            server,
            client,
            watch,
            now: Instant::ZERO,
        }
    }

    // Until there is nothing more to do now: two quiet rounds, for the reset of an abort was sent
    // before the breath that lets it out.
    fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..10_000 {
            let (a, b) = (self.server.breathe(self.now), self.client.breathe(self.now));
            let moved = a.received + a.sent + b.received + b.sent;
            let is_quiet = moved == 0 && !a.is_busy && !b.is_busy;
            quiet = if is_quiet { quiet + 1 } else { 0 };
            if quiet == 2 {
                return;
            }
        }
        panic!("it goes on for ever");
    }

    // The same, with all timers that are due in the next `time`.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.settle();
            let next = self.server.next_deadline().min(self.client.next_deadline());
            if next > end {
                break;
            }
            self.now = next.max(self.now + Duration::from_micros(1));
        }
        self.now = end;
        self.settle();
    }

    fn listen(&mut self, backlog: u32) -> SocketId {
        let listener = self.server.socket();
        self.server.bind(listener, HTTP).unwrap();
        self.server.listen(listener, backlog).unwrap();
        listener
    }

    fn connect(&mut self) -> SocketId {
        let id = self.client.socket();
        let begun = self.client.connect(id, HTTP, self.now);
        assert_eq!(begun, Err(Errno::EINPROGRESS));
        id
    }

    // The server's end and the client's of a connection.
    fn connected(&mut self) -> (SocketId, SocketId) {
        let listener = self.listen(8);
        let client = self.connect();
        self.settle();
        let (server, peer) = self.server.accept(listener, self.now).unwrap();
        assert_eq!(self.client.local(client), Ok(Some(peer)));
        (server, client)
    }

    fn states(&self, server: SocketId, client: SocketId) -> (State, State) {
        let (server, client) = (self.server.state(server), self.client.state(client));
        (server.unwrap(), client.unwrap())
    }
}

fn read(from: &mut Sockets<MemoryPort>, id: SocketId, now: Instant) -> Result<Vec<u8>, Errno> {
    let mut text = vec![0; 1 << 16];
    let n = from.read(id, &mut text, now)?;
    Ok(text[..n].to_vec())
}

#[test]
fn a_handshake_is_seen_from_both_sides() {
    let mut world = World::new();
    let listener = world.listen(8);
    assert_eq!(world.server.state(listener), Ok(State::Listen));
    assert_eq!(world.server.accept(listener, world.now), Err(Errno::EAGAIN));
    assert_eq!(world.server.poll(listener), Ok(Readiness::NONE));
    let client = world.connect();
    assert_eq!(world.client.state(client), Ok(State::SynSent));
    assert_eq!(world.client.poll(client), Ok(Readiness::NONE));
    let again = world.client.connect(client, HTTP, world.now);
    assert_eq!(again, Err(Errno::EALREADY));
    let early = world.client.write(client, b"x", world.now);
    assert_eq!(early, Err(Errno::EAGAIN));
    world.settle();
    assert_eq!(world.server.poll(listener), Ok(Readiness::IN));
    let (server, peer) = world.server.accept(listener, world.now).unwrap();
    assert_eq!(
        world.states(server, client),
        (State::Established, State::Established)
    );
    assert_eq!(world.server.peer(server), Ok(peer));
    assert_eq!(world.client.peer(client), Ok(HTTP));
    assert_eq!(world.client.poll(client), Ok(Readiness::OUT));
    assert_eq!(world.client.error(client), Ok(None));
    let again = world.client.connect(client, HTTP, world.now);
    assert_eq!(again, Err(Errno::EISCONN));
    assert_eq!(world.server.state(listener), Ok(State::Listen));
}

#[test]
fn text_crosses_in_both_directions_and_a_peek_leaves_it() {
    let mut world = World::new();
    let (server, client) = world.connected();
    assert_eq!(world.client.write(client, b"question", world.now), Ok(8));
    assert_eq!(world.server.write(server, b"answer", world.now), Ok(6));
    world.settle();
    let mut some = [0; 4];
    assert_eq!(world.server.peek(server, &mut some, world.now), Ok(4));
    assert_eq!(world.server.read(server, &mut some, world.now), Ok(4));
    assert_eq!(some, *b"ques");
    assert_eq!(read(&mut world.server, server, world.now).unwrap(), b"tion");
    assert_eq!(
        read(&mut world.server, server, world.now),
        Err(Errno::EAGAIN)
    );
    assert_eq!(
        read(&mut world.client, client, world.now).unwrap(),
        b"answer"
    );
}

// RFC 9293 §3.6, figure 12.
#[test]
fn each_side_closes_in_its_own_time_and_the_first_waits_in_time_wait() {
    let mut world = World::new();
    let (server, client) = world.connected();
    world
        .client
        .write(client, b"last words", world.now)
        .unwrap();
    world
        .client
        .shutdown(client, How::Write, world.now)
        .unwrap();
    world.settle();
    assert_eq!(
        world.states(server, client),
        (State::CloseWait, State::FinWait2)
    );
    let late = world.client.write(client, b"x", world.now);
    assert_eq!(late, Err(Errno::EPIPE));
    assert_eq!(
        read(&mut world.server, server, world.now).unwrap(),
        b"last words"
    );
    assert_eq!(read(&mut world.server, server, world.now).unwrap(), b"");
    let half = Readiness::IN | Readiness::RDHUP | Readiness::OUT;
    assert_eq!(world.server.poll(server), Ok(half));
    // The other half still carries text.
    world.server.write(server, b"reply", world.now).unwrap();
    world.settle();
    world.server.close(server, world.now).unwrap();
    world.settle();
    assert_eq!(
        world.states(server, client),
        (State::Closed, State::TimeWait)
    );
    // What came before the end is read in TIME-WAIT.
    assert_eq!(
        read(&mut world.client, client, world.now).unwrap(),
        b"reply"
    );
    assert_eq!(read(&mut world.client, client, world.now).unwrap(), b"");
    let all = half | Readiness::HUP;
    assert_eq!(world.client.poll(client), Ok(all));
    world.client.close(client, world.now).unwrap();
    assert_eq!(world.client.state(client), Ok(State::TimeWait));
    assert_eq!(world.client.poll(client), Err(Errno::EBADF));
    world.pass(Duration::from_secs(61));
    assert_eq!(world.client.state(client), Ok(State::Closed));
    assert_eq!(world.watch.resets(Direction::Out), 0);
    assert_eq!(world.watch.resets(Direction::In), 0);
    assert!(world.client.shard().is_empty() && world.server.shard().is_empty());
}

#[test]
fn text_that_waits_unread_survives_the_last_ack() {
    let mut world = World::new();
    let (server, client) = world.connected();
    world.client.write(client, b"unread", world.now).unwrap();
    world
        .client
        .shutdown(client, How::Write, world.now)
        .unwrap();
    world.settle();
    world
        .server
        .shutdown(server, How::Write, world.now)
        .unwrap();
    world.settle();
    assert_eq!(
        world.states(server, client),
        (State::Closed, State::TimeWait)
    );
    assert_eq!(
        read(&mut world.server, server, world.now).unwrap(),
        b"unread"
    );
    assert_eq!(read(&mut world.server, server, world.now).unwrap(), b"");
    let late = world.server.shutdown(server, How::Both, world.now);
    assert_eq!(late, Err(Errno::ENOTCONN));
}

#[test]
fn a_reset_is_told_once_and_takes_what_was_not_read() {
    let mut world = World::new();
    let (server, client) = world.connected();
    world.client.write(client, b"lost", world.now).unwrap();
    world.settle();
    world.client.abort(client, world.now).unwrap();
    world.settle();
    let ready = world.server.poll(server).unwrap();
    assert!(ready.has(Readiness::ERR | Readiness::HUP | Readiness::IN | Readiness::OUT));
    assert_eq!(
        read(&mut world.server, server, world.now),
        Err(Errno::ECONNRESET)
    );
    assert_eq!(read(&mut world.server, server, world.now).unwrap(), b"");
    let late = world.server.write(server, b"x", world.now);
    assert_eq!(late, Err(Errno::EPIPE));
    assert_eq!(world.states(server, client), (State::Closed, State::Closed));
}

// MUST-44: not bound, or bound to a port alone.
#[test]
fn a_connection_without_an_address_is_given_one_of_ours() {
    let mut world = World::new();
    world.listen(8);
    for port in [None, Some(5000)] {
        let id = world.client.socket();
        if let Some(port) = port {
            let address = Address::v4([0; 4]);
            world.client.bind(id, Endpoint { address, port }).unwrap();
        }
        let begun = world.client.connect(id, HTTP, world.now);
        assert_eq!(begun, Err(Errno::EINPROGRESS));
        let local = world.client.local(id).unwrap().unwrap();
        assert_eq!(local.address, CLIENT, "before the SYN is out");
        assert!(port.is_none_or(|port| local.port == port));
        world.settle();
        assert_eq!(world.client.state(id), Ok(State::Established));
    }
}

#[test]
fn a_refused_socket_says_so_once_and_may_try_again() {
    let mut world = World::new();
    let client = world.connect();
    world.settle();
    assert_eq!(world.client.state(client), Ok(State::Closed));
    let ready = world.client.poll(client).unwrap();
    assert!(ready.has(Readiness::ERR | Readiness::HUP | Readiness::OUT));
    let again = world.client.connect(client, HTTP, world.now);
    assert_eq!(again, Err(Errno::ECONNREFUSED));
    assert_eq!(world.client.error(client), Ok(None));
    world.listen(1);
    let again = world.client.connect(client, HTTP, world.now);
    assert_eq!(again, Err(Errno::EINPROGRESS));
    world.settle();
    assert_eq!(world.client.state(client), Ok(State::Established));
}

#[test]
fn a_syn_that_nobody_answers_times_out() {
    let mut world = World::new();
    let listener = world.listen(0);
    world.connect();
    world.settle();
    let client = world.connect();
    world.pass(Duration::from_mins(5));
    assert_eq!(world.client.error(client), Ok(Some(Errno::ETIMEDOUT)));
    assert_eq!(world.server.poll(listener), Ok(Readiness::IN));
}

#[test]
fn a_full_backlog_drops_syns_until_somebody_accepts() {
    let mut world = World::new();
    let listener = world.listen(1);
    let clients: Vec<SocketId> = (0..3)
        .map(|_| {
            let client = world.connect();
            world.settle();
            client
        })
        .collect();
    // One more than the backlog, as Linux has it.
    let dropped = |world: &mut World| {
        let drops = &world.server.shard().counters().drops;
        drops.of(DropReason::BacklogFull)
    };
    assert_eq!(dropped(&mut world), 1);
    assert_eq!(world.client.state(clients[2]), Ok(State::SynSent));
    world.server.accept(listener, world.now).unwrap();
    world.pass(Duration::from_secs(2));
    assert_eq!(world.client.state(clients[2]), Ok(State::Established));
    assert_eq!(dropped(&mut world), 1);
    assert_eq!(world.watch.resets(Direction::Out), 0);
}

#[test]
fn a_connection_that_is_reset_before_it_is_accepted_counts_until_then() {
    let mut world = World::new();
    let listener = world.listen(0);
    let client = world.connect();
    world.settle();
    world.client.abort(client, world.now).unwrap();
    world.settle();
    world.connect();
    world.settle();
    let drops = &world.server.shard().counters().drops;
    assert_eq!(drops.of(DropReason::BacklogFull), 1);
    let (accepted, _) = world.server.accept(listener, world.now).unwrap();
    assert_eq!(
        read(&mut world.server, accepted, world.now),
        Err(Errno::ECONNRESET)
    );
}

#[test]
fn a_full_send_buffer_is_eagain_until_the_peer_acknowledges() {
    let mut world = World::new();
    let (server, client) = world.connected();
    let text = vec![b'x'; 1 << 20];
    let config = ShardConfig::default().tcp;
    let (send, receive) = (config.send_buffer as usize, config.receive_buffer as usize);
    assert_eq!(world.client.write(client, &text, world.now), Ok(send));
    let full = world.client.write(client, &text, world.now);
    assert_eq!(full, Err(Errno::EAGAIN));
    assert_eq!(world.client.poll(client), Ok(Readiness::NONE));
    // The last octets wait for the override of silly-window avoidance (RFC 9293 §3.8.6.2.1).
    world.pass(Duration::from_secs(1));
    assert_eq!(world.client.poll(client), Ok(Readiness::OUT));
    // A smaller buffer of its own.
    let smaller = |settings: &mut Settings| settings.send_buffer = Some(100);
    world.client.set(client, world.now, smaller).unwrap();
    assert_eq!(world.client.write(client, &text, world.now), Ok(100));
    let read = (0..).map_while(|_| read(&mut world.server, server, world.now).ok());
    assert_eq!(read.map(|text| text.len()).sum::<usize>(), receive);
}

// RFC 9293 §3.8.6.
#[test]
fn the_window_closes_while_nobody_reads_and_opens_again() {
    let mut config = ShardConfig::default();
    config.tcp.receive_buffer = 10_000;
    let mut world = World::with(&config);
    let (server, client) = world.connected();
    let text = vec![b'x'; 20_000];
    assert_eq!(world.client.write(client, &text, world.now), Ok(20_000));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.watch.last_window(), 0);
    let first = read(&mut world.server, server, world.now).unwrap();
    assert_eq!(first.len(), 10_000);
    world.settle();
    assert!(world.watch.last_window() < 10_000, "the rest has come");
    let mut read_len = first.len();
    while read_len < 20_000 {
        match read(&mut world.server, server, world.now) {
            Ok(text) => read_len += text.len(),
            Err(error) => assert_eq!(error, Errno::EAGAIN),
        }
        world.pass(Duration::from_millis(100));
    }
    assert_eq!(world.watch.last_window(), 10_000);
}

#[test]
fn a_linger_of_zero_is_a_reset() {
    let mut world = World::new();
    let (server, client) = world.connected();
    let linger = |settings: &mut Settings| settings.linger = Some(Duration::ZERO);
    world.client.set(client, world.now, linger).unwrap();
    world.client.close(client, world.now).unwrap();
    world.settle();
    assert_eq!(world.watch.resets(Direction::In), 1);
    assert_eq!(
        read(&mut world.server, server, world.now),
        Err(Errno::ECONNRESET)
    );
    assert_eq!(world.client.state(client), Ok(State::Closed));
}

// SHLD-3, RFC 2525 §2.17.
#[test]
fn a_close_with_unread_text_is_a_reset_with_or_without_the_fin_behind_it() {
    for finished in [false, true] {
        let mut world = World::new();
        let (server, client) = world.connected();
        world.client.write(client, b"unread", world.now).unwrap();
        if finished {
            world
                .client
                .shutdown(client, How::Write, world.now)
                .unwrap();
        }
        world.settle();
        world.server.close(server, world.now).unwrap();
        world.settle();
        assert_eq!(world.watch.resets(Direction::Out), 1, "{finished}");
        assert_eq!(world.states(server, client), (State::Closed, State::Closed));
    }
}

#[test]
fn text_that_arrives_after_close_is_answered_by_a_reset() {
    let mut world = World::new();
    let (server, client) = world.connected();
    world.server.close(server, world.now).unwrap();
    world.settle();
    assert_eq!(
        world.states(server, client),
        (State::FinWait2, State::CloseWait)
    );
    world.client.write(client, b"late", world.now).unwrap();
    world.settle();
    let error = world.client.write(client, b"x", world.now);
    assert_eq!(error, Err(Errno::ECONNRESET));
}

#[test]
fn a_listener_that_closes_aborts_what_nobody_accepted() {
    let mut world = World::new();
    let listener = world.listen(8);
    let client = world.connect();
    world.settle();
    world.server.close(listener, world.now).unwrap();
    world.settle();
    assert_eq!(
        read(&mut world.client, client, world.now),
        Err(Errno::ECONNRESET)
    );
    let late = world.connect();
    world.settle();
    assert_eq!(world.client.error(late), Ok(Some(Errno::ECONNREFUSED)));
    // The port is free again, and so is the shard's listener.
    world.listen(8);
    world.connect();
    world.settle();
    assert_eq!(world.server.shard().counters().connections.accepted, 2);
}

#[test]
fn a_handshake_that_outlives_its_listener_is_aborted() {
    let mut world = World::new();
    let listener = world.listen(8);
    let client = world.connect();
    // SYN, SYN-ACK; the ACK waits for the client's next breath.
    world.client.breathe(world.now);
    world.server.breathe(world.now);
    world.server.close(listener, world.now).unwrap();
    world.settle();
    assert_eq!(world.watch.resets(Direction::Out), 1);
    assert_eq!(
        read(&mut world.client, client, world.now),
        Err(Errno::ECONNRESET)
    );
    assert!(world.server.shard().is_empty());
}

#[test]
fn ports_are_held_shared_and_given_back() {
    let mut world = World::new();
    let (server, client) = world.connected();
    let sockets = &mut world.server;
    let [a, b] = [sockets.socket(), sockets.socket()];
    assert_eq!(sockets.bind(a, HTTP), Err(Errno::EADDRINUSE));
    let elsewhere = Endpoint {
        address: CLIENT,
        port: 80,
    };
    assert_eq!(sockets.bind(a, elsewhere), Err(Errno::EADDRNOTAVAIL));
    let any = Endpoint {
        address: Address::v4([0; 4]),
        port: 0,
    };
    sockets.bind(a, any).unwrap();
    let drawn = sockets.local(a).unwrap().unwrap();
    assert!(drawn.port >= 49_152);
    assert_eq!(sockets.bind(a, any), Err(Errno::EINVAL));
    let same = Endpoint {
        address: SERVER,
        ..drawn
    };
    assert_eq!(sockets.bind(b, same), Err(Errno::EADDRINUSE));
    sockets.close(a, world.now).unwrap();
    assert_eq!(sockets.bind(b, same), Ok(()));
    assert_eq!(sockets.bind(a, same), Err(Errno::EBADF));
    assert_eq!(world.states(server, client).0, State::Established);
}

#[test]
fn a_time_wait_holds_its_port_but_not_from_those_who_reuse_addresses() {
    let mut world = World::new();
    let reuse = |settings: &mut Settings| settings.reuse_address = true;
    let listener = world.server.socket();
    world.server.set(listener, world.now, reuse).unwrap();
    world.server.bind(listener, HTTP).unwrap();
    world.server.listen(listener, 8).unwrap();
    let client = world.connect();
    world.settle();
    let (server, _) = world.server.accept(listener, world.now).unwrap();
    world.server.close(server, world.now).unwrap();
    world.server.close(listener, world.now).unwrap();
    world.settle();
    world.client.close(client, world.now).unwrap();
    world.settle();
    assert_eq!(world.server.state(server), Ok(State::TimeWait));
    let next = world.server.socket();
    assert_eq!(world.server.bind(next, HTTP), Err(Errno::EADDRINUSE));
    world.server.set(next, world.now, reuse).unwrap();
    assert_eq!(world.server.bind(next, HTTP), Ok(()));
    world.server.close(next, world.now).unwrap();
    world.pass(Duration::from_secs(61));
    let next = world.server.socket();
    assert_eq!(world.server.bind(next, HTTP), Ok(()));
}

#[test]
fn calls_on_the_wrong_kind_of_socket_are_refused_by_name() {
    let mut world = World::new();
    let listener = world.listen(8);
    let sockets = &mut world.server;
    let (now, fresh) = (world.now, sockets.socket());
    assert_eq!(sockets.accept(fresh, now), Err(Errno::EINVAL));
    assert_eq!(sockets.read(fresh, &mut [0], now), Err(Errno::ENOTCONN));
    assert_eq!(sockets.write(fresh, b"x", now), Err(Errno::ENOTCONN));
    assert_eq!(
        sockets.shutdown(fresh, How::Write, now),
        Err(Errno::ENOTCONN)
    );
    assert_eq!(sockets.peer(fresh), Err(Errno::ENOTCONN));
    assert_eq!(
        sockets.poll(fresh),
        Ok(Readiness::OUT | Readiness::HUP),
        "as Linux has it"
    );
    assert_eq!(sockets.read(listener, &mut [0], now), Err(Errno::ENOTCONN));
    assert_eq!(sockets.connect(listener, HTTP, now), Err(Errno::EISCONN));
    let v6 = Endpoint {
        address: Address([1; 16]),
        port: 80,
    };
    assert_eq!(sockets.connect(fresh, v6, now), Err(Errno::EAFNOSUPPORT));
    let group = Endpoint {
        address: Address::v4([224, 0, 0, 1]),
        port: 80,
    };
    assert_eq!(sockets.connect(fresh, group, now), Err(Errno::ENETUNREACH));
    let nowhere = Endpoint { port: 0, ..HTTP };
    assert_eq!(
        sockets.connect(fresh, nowhere, now),
        Err(Errno::EADDRNOTAVAIL)
    );
    assert_eq!(sockets.handle(fresh), Ok(None));
    let bad = |settings: &mut Settings| settings.keep_count = 0;
    assert_eq!(sockets.set(fresh, now, bad), Err(Errno::EINVAL));
    assert_eq!(sockets.settings(fresh), Ok(Settings::default()));
    let stranger = SocketId(999);
    assert_eq!(sockets.state(stranger), Err(Errno::EBADF));
}

#[test]
fn a_reset_of_everything_leaves_nothing_not_even_time_wait() {
    let mut world = World::new();
    let (server, client) = world.connected();
    world.client.close(client, world.now).unwrap();
    world.settle();
    world.server.close(server, world.now).unwrap();
    world.settle();
    let other = world.connect();
    world.settle();
    assert_eq!(world.client.state(client), Ok(State::TimeWait));
    world.client.reset(world.now);
    world.server.reset(world.now);
    assert!(world.client.shard().is_empty() && world.server.shard().is_empty());
    assert_eq!(
        world.client.shard().counters().states.iter().sum::<u64>(),
        0
    );
    for id in [client, other] {
        assert_eq!(world.client.state(id), Ok(State::Closed));
        assert_eq!(world.client.poll(id), Err(Errno::EBADF));
    }
    let blocks = ShardConfig::default().blocks;
    assert_eq!(world.client.shard().free_blocks(), (blocks, blocks));
    // And it serves again.
    world.settle();
    world.connected();
}

// ShardConfig::at_work: a close has to happen, for nobody comes back to it; a shutdown may wait.
#[test]
fn where_too_many_are_at_work_a_close_aborts_and_a_shutdown_comes_again() {
    let mut world = World::with(&ShardConfig {
        connections: 64,
        at_work: Some(2),
        ..ShardConfig::default()
    });
    let listener = world.listen(8);
    let ends = [(); 4].map(|()| {
        let client = world.connect();
        world.settle();
        let (server, _) = world.server.accept(listener, world.now).unwrap();
        world.settle();
        (server, client)
    });
    let now = world.now;
    for (busy, _) in &ends[..2] {
        assert_eq!(world.server.write(*busy, b"x", now), Ok(1));
    }
    let [_, _, (closed, reset), (shut, finished)] = ends;
    assert_eq!(world.server.write(shut, b"x", now), Err(Errno::EAGAIN));
    let again = world.server.shutdown(shut, How::Write, now);
    assert_eq!(again, Err(Errno::EAGAIN));
    assert_eq!(world.server.close(closed, now), Ok(()));
    world.settle();
    assert_eq!(world.client.state(reset), Ok(State::Closed));
    assert_eq!(world.watch.resets(Direction::Out), 1);

    for (_, reader) in &ends[..2] {
        assert_eq!(read(&mut world.client, *reader, now), Ok(b"x".into()));
    }
    world.settle();
    assert_eq!(world.server.shutdown(shut, How::Write, now), Ok(()));
    world.settle();
    let states = (State::FinWait2, State::CloseWait);
    assert_eq!(world.states(shut, finished), states);
}
