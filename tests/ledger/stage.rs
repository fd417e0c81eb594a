//! A shard and its peer: how each state is reached, and what a segment or a call leads to.

use crate::calls::Call;
use crate::columns::COLUMNS;
use crate::segments::{At, Field, Row};
use seawall::nic::memory::{MemoryPort, Misfortune, pair};
use seawall::service::{Conn, Service};
use seawall::shard::{Shard, ShardConfig};
use seawall::table::Handle;
use seawall::tcp::{Config, Settings, State};
use seawall::time::Instant;
use seawall::wire::{
    Address, Checksum, Ctl, Endpoint, FourTuple, Headers, LinkHeader, Segment, Seq, parse,
};

/// The peer's initial sequence number, and its window.
const IRS: Seq = Seq(300);
const PEER_WINDOW: u16 = 1000;
/// Our window.
const WINDOW: u32 = 1000;
const NOW: Instant = Instant::from_nanos(1_000_000_000);

const TUPLE: FourTuple = FourTuple {
    local: Endpoint {
        address: Address::v4([10, 0, 0, 1]),
        port: 7,
    },
    remote: Endpoint {
        address: Address::v4([10, 0, 0, 2]),
        port: 40_000,
    },
};

/// A user who does nothing unasked.
struct Silent;

impl Service for Silent {
    fn on_ready(&mut self, _conn: &mut Conn<'_>) {}
}

/// One connection, or none, and its numbers as the peer knows them.
pub(crate) struct Stage {
    shard: Shard<MemoryPort>,
    peer: MemoryPort,
    service: u16,
    snd_una: Seq,
    snd_nxt: Seq,
    rcv_nxt: Seq,
    rcv_wnd: u32,
}

impl Stage {
    /// The state of this column of [`COLUMNS`].
    pub(crate) fn at(column: &str) -> Self {
        let mut stage = Self::new();
        stage.reach(column);
        let name = COLUMNS.iter().find(|(short, _)| *short == column);
        let name = name.expect("a column").1;
        let reached = name.split(',').next().expect("a name before the comma");
        assert_eq!(stage.state(), reached, "{column}");
        stage
    }

    // Numbers that mean nothing where there is no connection are as in the figures of the RFC.
    fn new() -> Self {
        let (ours, peer) = pair(Misfortune::default(), 64);
        let config = ShardConfig {
            tcp: Config {
                receive_buffer: WINDOW,
                ..Config::default()
            },
            connections: 8,
            blocks: 64,
            ..ShardConfig::default()
        };
        let mut shard = Shard::new(ours, config);
        let service = shard.add_service(Box::new(Silent));
        Self {
            shard,
            peer,
            service,
            snd_una: Seq(100),
            snd_nxt: Seq(101),
            rcv_nxt: IRS + 1,
            rcv_wnd: WINDOW,
        }
    }

    fn reach(&mut self, column: &str) {
        match column {
            "CL" => {}
            "LI" => self.listen(),
            "SP" => {
                self.listen();
                self.peer_says("SYN", Seq(0));
            }
            "SS" => self.open(),
            "SA" => {
                self.open();
                self.peer_says("SYN", Seq(0));
            }
            _ => {
                self.open();
                self.peer_says("SYN,ACK", self.snd_nxt);
                self.go_on(column);
            }
        }
    }

    // From ESTABLISHED; what the numbers say is out there is what the state says: text, or a FIN.
    fn go_on(&mut self, column: &str) {
        let una = self.snd_nxt;
        let ours: &[&str] = match column {
            "ES" => &["text"],
            "F1" => &["close"],
            "F2" => &["close", "ack"],
            "CG" => &["close", "fin"],
            "TW" => &["close", "ack", "fin"],
            "CW" => &["fin", "text"],
            "LA" => &["fin", "close"],
            _ => panic!("no such column: {column}"),
        };
        for step in ours {
            match *step {
                "text" => assert!(self.send_text()),
                "close" => {
                    let handle = self.handle().expect("a connection");
                    self.shard.finish(handle, NOW);
                }
                "ack" => {
                    self.peer_says("ACK", self.snd_nxt);
                }
                _ => {
                    let ack = if column == "TW" { self.snd_nxt } else { una };
                    self.peer_says("FIN,ACK", ack);
                }
            }
            self.sent();
        }
        self.snd_una = if matches!(column, "F2" | "TW") {
            self.snd_nxt
        } else {
            una
        };
        if column == "TW" {
            self.listen(); // for a SYN that takes its place (RFC 6191)
        }
    }

    fn listen(&mut self) {
        self.shard.listen(TUPLE.local, self.service);
    }

    fn open(&mut self) {
        let opened = self.active_open();
        assert!(opened);
        let settings = Settings {
            no_delay: true,
            ..Settings::default()
        };
        let handle = self.handle().expect("it was opened");
        assert!(self.shard.set(handle, settings, NOW));
        self.sent();
    }

    fn active_open(&mut self) -> bool {
        let link = LinkHeader::new([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let opened = self.shard.open(TUPLE, link, 0, self.service, NOW);
        opened.is_ok()
    }

    // One octet; `false` when it is not taken.
    fn send_text(&mut self) -> bool {
        let Some(handle) = self.handle() else {
            return false;
        };
        let taken = self
            .shard
            .with_connection(handle, NOW, |conn| conn.tx.send(b"x"));
        taken == Some(1)
    }

    fn handle(&self) -> Option<Handle> {
        self.shard.handle_of(&TUPLE)
    }

    /// Where the connection stands; without one, whether anybody listens.
    fn state(&mut self) -> &'static str {
        if let Some(state) = self.shard.state_of(&TUPLE) {
            return state.name();
        }
        let is_listening = self.shard.stop_listening(&TUPLE.local);
        if is_listening {
            self.listen();
            State::Listen.name()
        } else {
            State::Closed.name()
        }
    }

    // All that the shard sends now. Keeps the numbers that it says.
    fn sent(&mut self) -> Vec<Segment> {
        let mut segments = Vec::new();
        for _ in 0..3 {
            self.shard.breathe(NOW);
            while let Some(frame) = self.peer.take_bytes(NOW) {
                let packet = parse(&frame, Checksum::Verify).expect("what we send is whole");
                assert_eq!(packet.tuple, TUPLE.reversed());
                segments.push(packet.segment);
            }
        }
        for segment in segments.iter().filter(|segment| !segment.ctl.rst) {
            self.snd_nxt = segment.seq + segment.len();
            if segment.ctl.syn {
                self.snd_una = segment.seq;
            }
            if segment.ctl.ack {
                self.rcv_nxt = segment.ack;
                self.rcv_wnd = segment.wnd.into();
            }
        }
        segments
    }

    fn peer_says(&mut self, ctl: &str, ack: Seq) -> Vec<Segment> {
        let ctl = ctl_of(ctl);
        let seq = if ctl.syn { IRS } else { self.rcv_nxt };
        let segment = Segment {
            seq,
            ack,
            wnd: PEER_WINDOW,
            ctl,
            ..Segment::default()
        };
        self.arrive(&segment)
    }

    fn arrive(&mut self, segment: &Segment) -> Vec<Segment> {
        let headers = Headers {
            link: &LinkHeader::new([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]),
            tuple: &TUPLE.reversed(),
            segment,
            hop_limit: 64,
            tos: 0,
        };
        let mut frame = [0; 256];
        let len = headers.emit(&mut frame).expect("there is room");
        assert!(self.peer.send_bytes(NOW, &frame[..len]));
        self.sent()
    }

    /// What a row's segment leads to: the answer in the table's words, and the state.
    pub(crate) fn run(mut self, row: &Row) -> (String, &'static str) {
        let was_syn_sent = self.shard.state_of(&TUPLE) == Some(State::SynSent);
        let iss = self.snd_una;
        let (snd_nxt, rcv_nxt) = (self.snd_nxt, self.rcv_nxt);
        let segment = self.segment(row);
        let base = if was_syn_sent { segment.seq } else { rcv_nxt };
        let is_known = self.shard.state_of(&TUPLE).is_some();
        let sent = self.arrive(&segment);
        let say = |answer: &Segment| {
            let (ctl, seq, ack) = (answer.ctl, answer.seq, answer.ack);
            let is_ours = seq == iss || !is_known || segment.seq != IRS && ctl.syn;
            match ctl {
                Ctl::ACK if seq == snd_nxt && ack == base => "ACK".into(),
                Ctl::ACK if seq == snd_nxt => format!("ACK+{}", ack - base),
                Ctl::RST if seq == segment.ack && segment.ctl.ack => "RST".into(),
                Ctl::RST_ACK if seq == Seq(0) && ack == segment.seq + segment.len() => {
                    "RST+ACK".into()
                }
                Ctl::SYN_ACK if is_ours && ack == segment.seq + 1 => "SYN+ACK".into(),
                _ => format!("{answer:?}"),
            }
        };
        (in_words(&sent, say), self.state())
    }

    fn segment(&self, row: &Row) -> Segment {
        let ctl = ctl_of(row.ctl);
        let back = |n: u32| Seq(self.rcv_nxt.0 - n);
        let len = row.text + u32::from(ctl.syn) + u32::from(ctl.fin);
        let seq = match row.at {
            At::Before => back(len.max(1)),
            At::Straddle => back(len / 2),
            At::Left => self.rcv_nxt,
            At::Inside => self.rcv_nxt + 100,
            At::Right => self.rcv_nxt + (self.rcv_wnd - 1),
            At::Past => self.rcv_nxt + self.rcv_wnd,
        };
        let behind = |n: u32| Seq(self.snd_una.0.wrapping_sub(n));
        let ack = match row.ack {
            Field::None => Seq(0),
            Field::All => self.snd_nxt,
            Field::Una => self.snd_una,
            Field::Unsent => self.snd_nxt + 1,
            Field::Oldest => behind(PEER_WINDOW.into()),
            Field::Old => behind(u32::from(PEER_WINDOW) + 1),
        };
        assert_eq!(ctl.ack, row.ack != Field::None, "an ACK has a field");
        Segment {
            seq,
            ack,
            wnd: PEER_WINDOW,
            ctl,
            text_len: row.text,
            ..Segment::default()
        }
    }

    /// What a call leads to: the answer in the table's words, and the state.
    pub(crate) fn call(mut self, call: Call) -> (String, &'static str) {
        if self.shard.state_of(&TUPLE).is_some() {
            self.shard.stop_listening(&TUPLE.local); // its part is played
        }
        let (snd_nxt, rcv_nxt) = (self.snd_nxt, self.rcv_nxt);
        let is_ok = self.do_call(call);
        let sent = self.sent();
        let say = |sent: &Segment| {
            let is_next = sent.seq == snd_nxt && sent.ack == rcv_nxt;
            match (sent.ctl, sent.text_len) {
                (Ctl::SYN, 0) => "SYN".into(),
                (Ctl { psh: true, .. }, 1) if is_next => "text".into(),
                (Ctl::FIN_ACK, 0) if is_next => "FIN".into(),
                (Ctl::RST_ACK, 0) if is_next => "RST".into(),
                _ => format!("{sent:?}"),
            }
        };
        let answer = match (is_ok, sent.is_empty()) {
            (true, true) => "ok".into(),
            (true, false) => in_words(&sent, say),
            (false, true) => "error".into(),
            (false, false) => format!("error, and {sent:?}"),
        };
        (answer, self.state())
    }

    fn do_call(&mut self, call: Call) -> bool {
        let handle = self.handle();
        let (shard, here) = (&mut self.shard, TUPLE.local);
        match (call, handle) {
            (Call::ActiveOpen, _) => self.active_open(),
            (Call::PassiveOpen, _) => {
                let listened = shard.try_listen(here, self.service, Settings::default());
                listened.is_ok()
            }
            (Call::Send, _) => self.send_text(),
            // No text waits: either it may come, or "connection closing".
            (Call::Receive, Some(handle)) => {
                let is_open = shard.with_connection(handle, NOW, |conn| !conn.rx.is_finished());
                is_open == Some(true)
            }
            (Call::Close, Some(handle)) => shard.finish(handle, NOW),
            (Call::Abort, Some(handle)) => shard.abort(handle, NOW),
            (Call::Close | Call::Abort, None) => shard.stop_listening(&here),
            (Call::Status, Some(handle)) => {
                let status = shard.status(handle, NOW);
                status.map(|status| status.state) == shard.state_at(handle)
            }
            (Call::Receive | Call::Status, None) => false,
        }
    }
}

fn in_words(sent: &[Segment], say: impl Fn(&Segment) -> String) -> String {
    if sent.is_empty() {
        return "-".into();
    }
    let words: Vec<String> = sent.iter().map(say).collect();
    words.join(" ")
}

fn ctl_of(text: &str) -> Ctl {
    let has = |bit| text.split(',').any(|word| word == bit);
    Ctl {
        urg: has("URG"),
        ack: has("ACK"),
        psh: has("PSH"),
        rst: has("RST"),
        syn: has("SYN"),
        fin: has("FIN"),
    }
}
