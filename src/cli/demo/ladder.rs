//! One connection as a ladder diagram, segment by segment, with the states of both ends.

use crate::shard::{Direction, Tap};
use crate::tcp::State;
use crate::time::{Duration, Instant};
use crate::wire::{Ctl, FourTuple, Segment, Seq};
use core::fmt::Write;
use std::sync::mpsc::Sender;

/// A segment that passed, as the server's end saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// When.
    pub(crate) at: Instant,
    /// In is from the client.
    pub(crate) direction: Direction,
    /// The connection, as the server sees it.
    pub(crate) tuple: FourTuple,
    /// The segment.
    pub(crate) segment: Segment,
    /// Where the server's end stands after it.
    pub(crate) server: State,
}

/// What happened to the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A segment passed.
    Segment(Seen),
    /// The server's end is gone: 2 MSL are over.
    Closed(Instant),
}

/// Reports the segments of a shard.
#[derive(Debug)]
pub(crate) struct Watch(pub(crate) Sender<Event>);

impl Tap for Watch {
    fn on_segment(
        &mut self,
        at: Instant,
        direction: Direction,
        tuple: &FourTuple,
        segment: &Segment,
        server: State,
    ) {
        // When nobody listens any more the diagram is drawn already.
        let _ = self.0.send(Event::Segment(Seen {
            at,
            direction,
            tuple: *tuple,
            segment: *segment,
            server,
        }));
    }

    fn on_closed(&mut self, now: Instant, _tuple: &FourTuple) {
        let _ = self.0.send(Event::Closed(now));
    }
}

/// The client's end, followed by what it sends and receives (RFC 9293 figure 5): its stack is
/// another's, and does not tell.
#[derive(Clone, Copy, Debug)]
struct Follower {
    state: State,
    fin: Option<Seq>,
}

impl Follower {
    const fn new() -> Self {
        Self {
            state: State::Closed,
            fin: None,
        }
    }

    fn on_sent(&mut self, seg: &Segment) {
        if seg.ctl.rst {
            self.state = State::Closed;
        } else if seg.ctl.syn && self.state == State::Closed {
            self.state = State::SynSent;
        } else if seg.ctl.fin {
            self.fin = Some(seg.seq + seg.len());
            self.state = match self.state {
                State::CloseWait => State::LastAck,
                State::Established | State::SynReceived => State::FinWait1,
                state => state,
            };
        }
    }

    fn on_received(&mut self, seg: &Segment) {
        if seg.ctl.rst {
            self.state = State::Closed;
            return;
        }
        if self.state == State::SynSent && seg.ctl.syn && seg.ctl.ack {
            self.state = State::Established;
        }
        let fin_is_acknowledged = seg.ctl.ack && self.fin.is_some_and(|fin| fin.le(seg.ack));
        if fin_is_acknowledged {
            self.state = match self.state {
                State::FinWait1 => State::FinWait2,
                State::Closing => State::TimeWait,
                State::LastAck => State::Closed,
                state => state,
            };
        }
        if seg.ctl.fin {
            self.state = match self.state {
                State::Established => State::CloseWait,
                State::FinWait1 => State::Closing,
                State::FinWait2 => State::TimeWait,
                state => state,
            };
        }
    }
}

/// Columns of a state's name.
const STATE_WIDTH: usize = 12;

/// Columns between the two ends.
const WIDTH: usize = 46;

/// Draws the diagram. `closed_at` is when the server's end left TIME-WAIT.
#[must_use]
pub(crate) fn draw(
    seen: &[Seen],
    client_name: &str,
    closed_at: Option<Instant>,
    time_wait: Duration,
) -> String {
    let Some(first) = seen.first() else {
        return "no segment was seen\n".into();
    };
    let (x, tuple) = (first.segment.seq, first.tuple);
    let y = seen
        .iter()
        .find(|s| s.direction == Direction::Out && s.segment.ctl.syn)
        .map_or(Seq(0), |s| s.segment.seq);
    let mut text = String::new();
    let mut line = |at: &str, left: &str, middle: &str, right: &str| {
        let left = if middle.is_empty() {
            // An address may be wider than a state.
            format!("{left:<width$}", width = STATE_WIDTH + 1 + WIDTH)
        } else {
            format!("{left:<STATE_WIDTH$} {middle:^WIDTH$}")
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{at:>11}  {left} {right}");
    };
    line("", client_name, "", "seawall");
    line("", &tuple.remote.to_string(), "", &tuple.local.to_string());
    line("", State::Closed.name(), "", State::Listen.name());
    let mut client = Follower::new();
    for Seen {
        at,
        direction,
        segment,
        server,
        ..
    } in seen
    {
        let from_client = *direction == Direction::In;
        let (ours, theirs) = if from_client { (x, y) } else { (y, x) };
        if from_client {
            client.on_sent(segment);
        } else {
            client.on_received(segment);
        }
        let names = if from_client { ("x", "y") } else { ("y", "x") };
        let label = label(segment, (ours, names.0), (theirs, names.1));
        let millis = (*at - first.at).as_secs_f64() * 1e3;
        line(
            &format!("{millis:.3} ms"),
            client.state.name(),
            &arrow(&label, from_client),
            server.name(),
        );
    }
    if let Some(closed_at) = closed_at {
        let millis = (closed_at - first.at).as_secs_f64() * 1e3;
        let note = format!("2 MSL = {} ms", time_wait.as_millis());
        line(
            &format!("{millis:.0} ms"),
            client.state.name(),
            &format!("· · · {note} · · ·"),
            State::Closed.name(),
        );
    }
    let _ = writeln!(
        text,
        "\n  x = {} is the client's initial sequence number, y = {} is ours (RFC 6528).",
        x.0, y.0
    );
    text
}

fn arrow(label: &str, to_the_right: bool) -> String {
    let dashes = WIDTH.saturating_sub(label.chars().count() + 4);
    let (before, after) = ("─".repeat(dashes / 2), "─".repeat(dashes - dashes / 2));
    if to_the_right {
        format!("─{before} {label} {after}▶")
    } else {
        format!("◀{before} {label} {after}─")
    }
}

// `SYN,ACK seq=y ack=x+1`, `ACK seq=x+1 ack=y+1 len=12`
fn label(seg: &Segment, (iss, own): (Seq, &str), (irs, other): (Seq, &str)) -> String {
    let Ctl {
        syn,
        fin,
        rst,
        psh,
        ack,
        ..
    } = seg.ctl;
    let bits = [
        (syn, "SYN"),
        (fin, "FIN"),
        (rst, "RST"),
        (psh, "PSH"),
        (ack, "ACK"),
    ];
    let names: Vec<&str> = bits.iter().filter(|b| b.0).map(|b| b.1).collect();
    let mut text = format!("{} seq={}", names.join(","), relative(seg.seq, iss, own));
    if ack {
        let _ = write!(text, " ack={}", relative(seg.ack, irs, other));
    }
    if seg.text_len > 0 {
        let _ = write!(text, " len={}", seg.text_len);
    }
    text
}

fn relative(seq: Seq, base: Seq, name: &str) -> String {
    match seq - base {
        0 => name.into(),
        n => format!("{name}+{n}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(direction: Direction, ctl: Ctl, seq: u32, ack: u32, len: u32, server: State) -> Seen {
        Seen {
            at: Instant::ZERO,
            direction,
            tuple: FourTuple::default(),
            segment: Segment {
                seq: Seq(seq),
                ack: Seq(ack),
                ctl,
                text_len: len,
                ..Segment::default()
            },
            server,
        }
    }

    #[test]
    fn the_servers_column_is_straight() {
        let mut syn = seen(Direction::In, Ctl::SYN, 1, 0, 0, State::SynReceived);
        for (remote, local) in [
            ("10.73.0.2:47070", "10.73.0.1:13"),
            ("[2001:db8:73::2]:47070", "[2001:db8:73::1]:13"),
        ] {
            let end = |text: &str| text.parse::<core::net::SocketAddr>().unwrap().into();
            (syn.tuple.remote, syn.tuple.local) = (end(remote), end(local));
            let text = draw(&[syn], "kernel", None, Duration::ZERO);
            let column = |line: &str, word: &str| {
                let at = line.find(word).unwrap();
                line[..at].chars().count()
            };
            let words = ["seawall", local, "LISTEN", "SYN-RECEIVED"];
            let columns: Vec<usize> = text
                .lines()
                .zip(words)
                .map(|(line, word)| column(line, word))
                .collect();
            assert_eq!(columns, [columns[0]; 4], "{text}");
        }
    }

    #[test]
    fn the_diagram_tells_the_whole_life() {
        use Direction::{In, Out};
        use State::*;
        let story = [
            seen(In, Ctl::SYN, 100, 0, 0, SynReceived),
            seen(Out, Ctl::SYN_ACK, 300, 101, 0, SynReceived),
            seen(In, Ctl::ACK, 101, 301, 0, Established),
            seen(Out, Ctl::FIN_ACK, 301, 101, 26, FinWait1),
            seen(In, Ctl::ACK, 101, 328, 0, FinWait2),
            seen(In, Ctl::FIN_ACK, 101, 328, 0, TimeWait),
            seen(Out, Ctl::ACK, 328, 102, 0, TimeWait),
        ];
        let end = Instant::ZERO + Duration::from_secs(1);
        let text = draw(&story, "kernel", Some(end), Duration::from_secs(1));
        let states: Vec<(&str, &str)> = text
            .lines()
            .filter(|line| line.contains("ms "))
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                (words[2], words[words.len() - 1])
            })
            .collect();
        assert_eq!(
            states,
            [
                ("SYN-SENT", "SYN-RECEIVED"),
                ("ESTABLISHED", "SYN-RECEIVED"),
                ("ESTABLISHED", "ESTABLISHED"),
                ("CLOSE-WAIT", "FIN-WAIT-1"),
                ("CLOSE-WAIT", "FIN-WAIT-2"),
                ("LAST-ACK", "TIME-WAIT"),
                ("CLOSED", "TIME-WAIT"),
                ("CLOSED", "CLOSED"),
            ]
        );
        assert!(text.contains("SYN seq=x "), "{text}");
        assert!(text.contains("SYN,ACK seq=y ack=x+1"), "{text}");
        assert!(text.contains("FIN,ACK seq=y+1 ack=x+1 len=26"), "{text}");
    }
}
