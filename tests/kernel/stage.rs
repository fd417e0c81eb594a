//! A lab with a server of ours in it, and the kernel's sockets on the other side.

use crate::common::{DEADLINE, until};
use libtest_mimic::Failed;
use seawall::control::lab::{Lab, LabConfig, SERVER_INTERFACE};
use seawall::control::server::{Server, ServerConfig, Totals};
use seawall::service::by_name;
use seawall::shard::{Counters, Direction, Tap};
use seawall::tcp::State;
use seawall::time::Instant;
use seawall::wire::{FourTuple, Segment};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};

/// The services of a stage, at every address of the server.
pub(crate) const ECHO: u16 = 7;
pub(crate) const DAYTIME: u16 = 13;
pub(crate) const CHARGEN: u16 = 19;
pub(crate) const HTTP: u16 = 80;

const SERVICES: [(u16, &str); 4] = [
    (ECHO, "echo"),
    (DAYTIME, "daytime"),
    (CHARGEN, "chargen"),
    (HTTP, "http"),
];

/// A lab in which we serve.
pub(crate) struct Stage {
    // The server is taken down before the lab that it stands in.
    server: Server,
    lab: Lab,
}

impl Stage {
    /// The usual one.
    pub(crate) fn new() -> Result<Self, Failed> {
        Self::with(|_| ())
    }

    /// The usual lab, and a server that `adjust` has changed.
    pub(crate) fn with(adjust: impl FnOnce(&mut ServerConfig)) -> Result<Self, Failed> {
        Self::in_lab(Lab::new(&LabConfig::default())?, adjust)
    }

    pub(crate) fn in_lab(lab: Lab, adjust: impl FnOnce(&mut ServerConfig)) -> Result<Self, Failed> {
        let mut config = serve(&lab);
        adjust(&mut config);
        let server = lab.server().run(|| Server::start(config))?;
        Ok(Self { server, lab })
    }

    pub(crate) fn lab(&self) -> &Lab {
        &self.lab
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn counters(&self) -> Counters {
        self.server.counters()
    }

    /// `port` at the server's address of each family.
    pub(crate) fn ends(&self, port: u16) -> Vec<SocketAddr> {
        let addresses = self.lab.server_addresses();
        addresses.map(|ip| SocketAddr::new(ip, port)).collect()
    }

    /// `port` at the server's IPv4 address.
    pub(crate) fn at(&self, port: u16) -> SocketAddr {
        let mut ends = self.ends(port).into_iter();
        ends.find(SocketAddr::is_ipv4).expect("the lab has one")
    }

    /// Runs `body` on the client's side.
    pub(crate) fn client<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        self.lab.client().run(body)
    }

    /// A connection of the client's kernel.
    pub(crate) fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        self.client(|| connect(to))
    }

    /// Sends `text` to echo and wants it back; the client closes first.
    pub(crate) fn echo(&self, to: SocketAddr, text: &[u8]) -> Result<(), Failed> {
        echo(self.connect(to)?, text)
    }

    /// Waits until so many connections were accepted and have ended, but for TIME-WAIT. What is
    /// published may be a moment old: their number says whether it is new enough.
    pub(crate) fn settle(&self, accepted: u64) -> Result<Counters, Failed> {
        let settled = until("every connection has ended", || {
            let counters = self.counters();
            let open: u64 = states(&counters).map(|(_, count)| count).sum();
            let waiting = counters.states[State::TimeWait as usize];
            let connections = counters.connections;
            let all = connections.accepted == accepted && connections.live() == 0;
            (all && open == waiting).then_some(counters)
        });
        settled.map_err(|_| {
            let counters = self.counters();
            let open: Vec<_> = states(&counters).collect();
            let connections = counters.connections;
            format!("{accepted} accepted? {connections:?}, still {open:?}").into()
        })
    }

    /// As [`Stage::settle`], then stops. No ring may have overflowed.
    pub(crate) fn stop(self, accepted: u64) -> Result<Totals, Failed> {
        self.settle(accepted)?;
        self.halt()
    }

    /// Stops, whatever is still open. No ring may have overflowed.
    pub(crate) fn halt(self) -> Result<Totals, Failed> {
        let totals = self.server.stop()?;
        let port = &totals.port;
        let lost = (port.receive_full, port.fill_empty, port.transmit_full);
        assert_eq!(lost, (0, 0, 0), "rings overflowed: {port:?}");
        Ok(totals)
    }
}

fn states(counters: &Counters) -> impl Iterator<Item = (State, u64)> + '_ {
    let all = State::ALL.iter().copied().zip(counters.states);
    all.filter(|(_, count)| *count > 0)
}

/// All services at every address of the server.
pub(crate) fn serve(lab: &Lab) -> ServerConfig {
    let mut config = ServerConfig::new(SERVER_INTERFACE);
    for address in lab.server_addresses() {
        for (port, name) in SERVICES {
            let at = SocketAddr::new(address, port).into();
            config = config.listen(at, move || by_name(name).expect("it is in the list"));
        }
    }
    config
}

/// A connection of the kernel of this namespace that never waits for ever.
pub(crate) fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, DEADLINE)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    Ok(stream)
}

/// Writes, closes its side, reads to the end.
pub(crate) fn echo(mut stream: TcpStream, text: &[u8]) -> Result<(), Failed> {
    stream.write_all(text)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut back = Vec::with_capacity(text.len());
    stream.read_to_end(&mut back)?;
    if back != text {
        return Err(format!("{} octets of {} came back", back.len(), text.len()).into());
    }
    Ok(())
}

/// `GET path`, on a connection of its own; the body.
pub(crate) fn get(mut stream: TcpStream, path: &str) -> Result<Vec<u8>, Failed> {
    // In one segment: a second small one would wait for the delayed ACK of the first.
    let request = format!("GET {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
    match head {
        Some(head) if answer.starts_with(b"HTTP/1.1 200 ") => Ok(answer.split_off(head + 4)),
        _ => Err(format!("{path}: {}", String::from_utf8_lossy(&answer)).into()),
    }
}

/// Writes to `into` what stands at octet `at` of a text in which every eight octets are their own
/// number: whatever is lost, doubled or misplaced shows.
pub(crate) fn numbered(at: usize, into: &mut [u8]) {
    for (offset, octet) in into.iter_mut().enumerate() {
        let at = at + offset;
        *octet = (at / 8).to_le_bytes()[at % 8];
    }
}

/// What a watched shard saw.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Segment {
        now: Instant,
        direction: Direction,
        segment: Segment,
        state: State,
    },
    Closed(Instant),
}

struct Watch(Sender<Event>);

impl Tap for Watch {
    fn on_segment(
        &mut self,
        now: Instant,
        direction: Direction,
        _tuple: &FourTuple,
        segment: &Segment,
        state: State,
    ) {
        // Whoever stops listening has seen enough.
        let _ = self.0.send(Event::Segment {
            now,
            direction,
            segment: *segment,
            state,
        });
    }

    fn on_closed(&mut self, now: Instant, _tuple: &FourTuple) {
        let _ = self.0.send(Event::Closed(now));
    }
}

/// Has the shards of `config` watched.
pub(crate) fn watch(config: &mut ServerConfig) -> Receiver<Event> {
    let (sender, events) = mpsc::channel();
    config.tap = Some(Box::new(move || Box::new(Watch(sender.clone()))));
    events
}
