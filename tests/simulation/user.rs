//! The user of a connection, on either side: writes a text that its position determines, reads what
//! comes and checks every octet, closes as it pleases.

use crate::draws::Draws;
use crate::scenario::Habits;
use seawall::service::{Conn, End, Service};
use seawall::wire::FourTuple;
use std::collections::BTreeMap;

/// Ports of the services that come with the crate; behind all others is a [`User`].
pub(crate) const ECHO: u16 = 7;
pub(crate) const DISCARD: u16 = 9;
pub(crate) const CHARGEN: u16 = 19;

/// A text begins with who wrote it, and how long it is.
const HEAD: u64 = 8;

/// More than any two texts. Chargen never ends, and may keep all blocks of a small shard to itself
/// meanwhile, so that what would stop it is not taken: whoever has read so much gives up.
const ENOUGH: u64 = 50_000;

/// All connections of one shard that are ours.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) habits: Habits,
    pub(crate) draws: Draws,
    /// Names of texts, different on both sides.
    pub(crate) next_name: u32,
    /// It is time to come to an end.
    pub(crate) is_in_a_hurry: bool,
    pub(crate) lives: BTreeMap<FourTuple, Life>,
    /// Those that have ended.
    pub(crate) over: Vec<Life>,
    /// Opens that did not reach ESTABLISHED.
    pub(crate) failed: Vec<(FourTuple, End)>,
}

/// One connection as its user sees it.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) tuple: FourTuple,
    pub(crate) name: u32,
    pub(crate) peer: Peer,
    pub(crate) plan: Plan,
    /// Octets of its text that were accepted.
    pub(crate) written: u64,
    pub(crate) read: u64,
    /// The first octets that were read.
    head: [u8; HEAD as usize],
    pub(crate) closed: Option<Closing>,
    /// The peer's FIN was seen, and all that came before it was read.
    pub(crate) is_complete: bool,
    /// What it read was not what one life had written: see `verdict`.
    pub(crate) is_mixed: bool,
    pub(crate) end: Option<End>,
}

/// Whom it talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    User,
    Echo,
    Discard,
    Chargen,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) text: u64,
    /// Octets that are to be read before it closes.
    read_first: u64,
    /// Is it the peer that closes first?
    waits_for_peer: bool,
    closing: Closing,
    /// Gives up after so many octets in both directions.
    abort_at: u64,
    /// Reads and writes a little at a time.
    is_slow: bool,
    has_no_delay: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    Finish,
    Both,
}

impl User {
    pub(crate) const fn new(habits: Habits, draws: Draws, next_name: u32) -> Self {
        Self {
            habits,
            draws,
            next_name,
            is_in_a_hurry: false,
            lives: BTreeMap::new(),
            over: Vec::new(),
            failed: Vec::new(),
        }
    }

    fn plan(&mut self) -> Plan {
        let (draws, habits) = (&mut self.draws, self.habits);
        let breaks_off = !habits.is_fair;
        Plan {
            text: HEAD + draws.below(habits.text_max + 1),
            read_first: if draws.one_in(2) {
                0
            } else {
                draws.below(habits.text_max + 1)
            },
            waits_for_peer: draws.one_in(2),
            closing: if breaks_off && draws.one_in(3) {
                Closing::Both
            } else {
                Closing::Finish
            },
            abort_at: match breaks_off {
                true if draws.one_in(8) => draws.below(habits.text_max + 1),
                true => ENOUGH,
                false => u64::MAX,
            },
            is_slow: draws.one_in(3),
            has_no_delay: draws.one_in(3),
        }
    }
}

impl Service for User {
    fn on_open(&mut self, conn: &mut Conn<'_>) {
        let plan = self.plan();
        let life = Life {
            tuple: conn.tuple,
            name: self.next_name,
            peer: match conn.tuple.remote.port {
                ECHO => Peer::Echo,
                DISCARD => Peer::Discard,
                CHARGEN => Peer::Chargen,
                _ => Peer::User,
            },
            plan,
            written: 0,
            read: 0,
            head: [0; HEAD as usize],
            closed: None,
            is_complete: false,
            is_mixed: false,
            end: None,
        };
        self.next_name += 2;
        if plan.has_no_delay {
            conn.set_no_delay();
        }
        let before = self.lives.insert(conn.tuple, life);
        assert!(before.is_none(), "opened twice: {before:?}");
    }

    fn on_ready(&mut self, conn: &mut Conn<'_>) {
        let life = self.lives.get_mut(&conn.tuple).expect("called while open");
        let is_slow = life.plan.is_slow && !self.is_in_a_hurry;
        let sip = if is_slow {
            self.draws.below(2_000)
        } else {
            u64::MAX
        };
        // What is behind the peer's FIN would be lost with the connection.
        let is_last = conn.rx.is_complete();
        life.read(conn, if is_last { u64::MAX } else { sip });
        life.is_complete |= conn.rx.is_finished();
        life.write(conn, sip);
        life.close(conn, self.is_in_a_hurry);
    }

    fn on_end(&mut self, tuple: &FourTuple, _user: &mut [u64; 2], end: End) {
        let mut life = self.lives.remove(tuple).expect("ended, and was open");
        life.end = Some(end);
        self.over.push(life);
    }

    fn on_failed(&mut self, tuple: &FourTuple, _user: &mut [u64; 2], end: End) {
        assert!(!self.lives.contains_key(tuple), "failed, and was open");
        self.failed.push((*tuple, end));
    }
}

impl Life {
    fn read(&mut self, conn: &mut Conn<'_>, most: u64) {
        let mut left = most;
        while left > 0 && conn.rx.unread() > 0 {
            let text = conn.rx.text();
            let n = left.min(text.len() as u64);
            for octet in &text[..n as usize] {
                self.check(*octet);
            }
            conn.rx.consume(n as usize);
            left -= n;
        }
    }

    // MUST: in order, once, as it was written.
    fn check(&mut self, octet: u8) {
        let at = self.read;
        self.read += 1;
        let expected = match self.peer {
            Peer::Echo => octet_of(self.name, self.plan.text, at),
            Peer::Chargen => chargen(at),
            Peer::Discard => panic!("discard answers nothing: {self:?}"),
            Peer::User if at < HEAD => {
                self.head[at as usize] = octet;
                return;
            }
            Peer::User => {
                let (name, text) = self.heard().expect("the head is read");
                self.is_mixed |= at >= text || octet != octet_of(name, text, at);
                return;
            }
        };
        assert_eq!(octet, expected, "octet {at} of {self:?}");
    }

    /// Who wrote what was read, and how much it is.
    pub(crate) fn heard(&self) -> Option<(u32, u64)> {
        let [a, b, c, d, text @ ..] = self.head;
        let text = u32::from_be_bytes(text);
        let is_known = self.peer == Peer::User && self.read >= HEAD;
        is_known.then_some((u32::from_be_bytes([a, b, c, d]), text.into()))
    }

    fn write(&mut self, conn: &mut Conn<'_>, most: u64) {
        let mut left = most.min(self.plan.text - self.written);
        while left > 0 {
            let n = left.min(256) as usize;
            let text: [u8; 256] = std::array::from_fn(|i| {
                octet_of(self.name, self.plan.text, self.written + i as u64)
            });
            let sent = conn.tx.send(&text[..n]);
            self.written += sent as u64;
            left -= sent as u64;
            if sent < n {
                return;
            }
        }
    }

    fn close(&mut self, conn: &mut Conn<'_>, is_in_a_hurry: bool) {
        if self.written + self.read >= self.plan.abort_at {
            return conn.abort();
        }
        // Who waits for the end of chargen waits for ever.
        let waits_for_peer = self.plan.waits_for_peer && self.peer != Peer::Chargen;
        let has_read = self.read >= self.plan.read_first && !waits_for_peer;
        let is_willing = is_in_a_hurry || has_read || conn.rx.is_finished();
        if self.written < self.plan.text || !is_willing {
            return;
        }
        self.closed = Some(self.plan.closing);
        match self.plan.closing {
            Closing::Finish => conn.finish(),
            Closing::Both => conn.close(),
        }
    }
}

// The octet at `at` of the text of that name and length.
const fn octet_of(name: u32, text: u64, at: u64) -> u8 {
    if at < HEAD {
        let head = (name as u64) << 32 | text;
        return (head >> (56 - 8 * at)) as u8;
    }
    let mixed = ((name as u64) << 20 ^ at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as u8
}

// RFC 864: lines of 72 of the 95 printing characters, each beginning one later.
const fn chargen(at: u64) -> u8 {
    let (line, column) = (at / 74 % 95, at % 74);
    match column {
        72 => b'\r',
        73 => b'\n',
        _ => b' ' + ((line + column) % 95) as u8,
    }
}
