//! What is asked and answered: the same octets for all contestants, those of the service
//! [`Http`](crate::service::Http).

/// Asks for an answer of [`BODY_BYTES`] and the end of the connection.
pub(super) const ASK_AND_CLOSE: &[u8] =
    b"GET /bytes/100 HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n";

/// Asks for an answer of [`BODY_BYTES`].
pub(super) const ASK: &[u8] = b"GET /bytes/100 HTTP/1.1\r\nHost: lab\r\n\r\n";

const BODY_BYTES: usize = 100;

/// The body is this over and over.
const LINE: &[u8] = b"seawall 0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQ\n";

/// The right answer, to [`ASK_AND_CLOSE`] if it `closes`, else to [`ASK`].
pub(super) fn answer(closes: bool) -> Vec<u8> {
    let connection = if closes { "Connection: close\r\n" } else { "" };
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {BODY_BYTES}\r\n{connection}\r\n"
    )
    .into_bytes();
    answer.extend(LINE.iter().cycle().take(BODY_BYTES));
    answer
}

/// An answer as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    octets: [u8; 512],
    len: usize,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            octets: [0; 512],
            len: 0,
        }
    }
}

impl Heard {
    /// Where the next octets go. Nowhere when there are more than any answer has: what is heard
    /// then ends the connection as an end would, and is not right.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.octets[self.len..]
    }

    /// `octets` of them have come.
    pub(super) fn add(&mut self, octets: usize) {
        self.len = self.octets.len().min(self.len + octets);
    }

    /// Is it this?
    pub(super) fn is(&self, answer: &[u8]) -> bool {
        self.octets[..self.len] == *answer
    }

    /// Can it no longer become this?
    pub(super) fn is_beyond(&self, answer: &[u8]) -> bool {
        !answer.starts_with(&self.octets[..self.len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_come_in_pieces_and_must_be_right_to_the_last_octet() {
        for closes in [false, true] {
            let right = answer(closes);
            let mut heard = Heard::default();
            for piece in right.chunks(70) {
                assert!(!heard.is(&right) && !heard.is_beyond(&right));
                heard.room()[..piece.len()].copy_from_slice(piece);
                heard.add(piece.len());
            }
            assert!(heard.is(&right));
            heard.room()[0] = b'x';
            heard.add(1);
            assert!(!heard.is(&right) && heard.is_beyond(&right));
        }
    }
}
