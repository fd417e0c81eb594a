//! The states of both tables of RFC 9293 §3.10, and what a cell of theirs says.

/// Abbreviation and name. SYN-RECEIVED has two columns: it remembers how it came to be (MUST-11).
pub(crate) const COLUMNS: [(&str, &str); 12] = [
    ("CL", "CLOSED"),
    ("LI", "LISTEN"),
    ("SS", "SYN-SENT"),
    ("SP", "SYN-RECEIVED, passive"),
    ("SA", "SYN-RECEIVED, active"),
    ("ES", "ESTABLISHED"),
    ("F1", "FIN-WAIT-1"),
    ("F2", "FIN-WAIT-2"),
    ("CW", "CLOSE-WAIT"),
    ("CG", "CLOSING"),
    ("LA", "LAST-ACK"),
    ("TW", "TIME-WAIT"),
];

/// `ACK+1>CW*e`: the answer, the next state when it is another one, the departure when it is not
/// what the RFC says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell<'a> {
    pub(crate) answer: &'a str,
    pub(crate) next: Option<&'a str>,
    pub(crate) departure: Option<&'a str>,
}

impl<'a> Cell<'a> {
    fn parse(text: &'a str) -> Self {
        let (text, departure) = split(text, '*');
        let (answer, next) = split(text, '>');
        Self {
            answer,
            next,
            departure,
        }
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((head, tail)) => (head, Some(tail)),
        None => (text, None),
    }
}

/// The cells of a row, one a column.
pub(crate) fn cells(row: &str) -> Vec<Cell<'_>> {
    let cells: Vec<_> = row.split_whitespace().map(Cell::parse).collect();
    assert_eq!(cells.len(), COLUMNS.len(), "{row}");
    cells
}

/// The name of a state that a cell leads to.
pub(crate) fn name_of(state: &str) -> &'static str {
    if state == "SR" {
        return "SYN-RECEIVED";
    }
    let column = COLUMNS.iter().find(|(short, _)| *short == state);
    column.expect("cells name columns").1
}

/// Where what we do is not what the text of §3.10 says, and why.
pub(crate) const DEPARTURES: &[(&str, &str)] = &[
    (
        "a",
        "A reset in TIME-WAIT is ignored, where §3.10.7.4 would go to CLOSED: TIME-WAIT assassination \
         (RFC 1337).",
    ),
    (
        "b",
        "The SYN that made the connection comes again: SYN,ACK goes again, where §3.10.7.4 answers by a \
         bare ACK, which would tell a peer nothing that never saw the SYN,ACK.",
    ),
    (
        "c",
        "Text and FIN on a SYN without ACK are not queued: what strangers send costs no memory. They are \
         not acknowledged, so they come again.",
    ),
    (
        "d",
        "The SYN,ACK of a simultaneous open is taken, as figure 7 shows it. By §3.10.7.4 it is out of \
         the window: its ACK would count only when it comes without the SYN.",
    ),
    (
        "e",
        "A bare ACK in TIME-WAIT is not answered, where §3.10.7.4 acknowledges whatever comes: two ends \
         in TIME-WAIT would never stop.",
    ),
    (
        "f",
        "A FIN past the peer's own FIN has no place in its stream: it is ignored like the text there, \
         where §3.10.7.4 would move RCV.NXT past it.",
    ),
    (
        "g",
        "The listener goes on beside the new connection (MUST-41, MUST-42), where §3.10.1 would turn it \
         from passive to active.",
    ),
    (
        "h",
        "Nobody is kept waiting: the user is called when ESTABLISHED is reached, and sends and reads \
         then, where §3.10.2 and §3.10.3 queue the call.",
    ),
    (
        "i",
        "A second CLOSE has no effect and is no error, where §3.10.4 asks for \"connection closing\".",
    ),
    (
        "j",
        "TIME-WAIT cannot be aborted, where §3.10.5 would delete it: its 2 MSL are for the next \
         connection between these ends (MUST-13).",
    ),
    (
        "k",
        "A listener has no block to ask about: who opened it knows that it listens.",
    ),
    (
        "l",
        "The reset of an ABORT acknowledges, where §3.10.5 has `<SEQ=SND.NXT><CTL=RST>`: kernels \
         send it so, and firewalls that follow connections expect it.",
    ),
];
