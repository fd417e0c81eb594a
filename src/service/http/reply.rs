//! What is answered, and how far the answer is.

/// Room for the longest head of a reply.
pub(super) const HEAD_BYTES: usize = 256;

const PAGE: &str = "<!doctype html>
<title>seawall</title>
<h1>seawall</h1>
<p>This page came over TCP connections that seawall manages itself, from AF_XDP rings and
without the kernel's TCP.</p>
<p><a href=\"/bytes/1000\">/bytes/N</a> answers N octets.</p>
";

/// The octets of `/bytes/N`: this line over and over.
const LINE: &[u8; 64] = b"seawall 0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQ\n";
const PIECE_BYTES: usize = 8 * 1024;

/// A piece can begin anywhere in the first line and have its full length.
static PATTERN: [u8; PIECE_BYTES + LINE.len()] = pattern();

const fn pattern() -> [u8; PIECE_BYTES + LINE.len()] {
    let mut pattern = [0; PIECE_BYTES + LINE.len()];
    let mut at = 0;
    while at < pattern.len() {
        pattern[at] = LINE[at % LINE.len()];
        at += 1;
    }
    pattern
}

// Code and reason phrase (RFC 9110 §15), and what kind of text it is.
macro_rules! head {
    ($status:literal) => {
        head!($status, "text/plain; charset=utf-8")
    };
    ($status:literal, $type:literal) => {
        concat!(
            "HTTP/1.1 ",
            $status,
            "\r\nContent-Type: ",
            $type,
            "\r\nContent-Length: "
        )
    };
}

/// What can be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Answer {
    #[default]
    Page,
    Bytes,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    HeaderTooLarge,
    NotImplemented,
    VersionNotSupported,
}

impl Answer {
    pub(super) const ALL: [Self; 8] = [
        Self::Page,
        Self::Bytes,
        Self::BadRequest,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::HeaderTooLarge,
        Self::NotImplemented,
        Self::VersionNotSupported,
    ];

    /// The head of the reply, up to the length of its body.
    const fn head(self) -> &'static str {
        match self {
            Self::Page => head!("200 OK", "text/html; charset=utf-8"),
            Self::Bytes => head!("200 OK", "application/octet-stream"),
            Self::BadRequest => head!("400 Bad Request"),
            Self::NotFound => head!("404 Not Found"),
            Self::MethodNotAllowed => head!("405 Method Not Allowed\r\nAllow: GET, HEAD"),
            Self::HeaderTooLarge => head!("431 Request Header Fields Too Large"),
            Self::NotImplemented => head!("501 Not Implemented"),
            Self::VersionNotSupported => head!("505 HTTP Version Not Supported"),
        }
    }

    /// The whole body; empty for [`Answer::Bytes`], whose length is the request's.
    pub(super) const fn body(self) -> &'static str {
        match self {
            Self::Page => PAGE,
            Self::Bytes => "",
            Self::BadRequest => "This is not an HTTP/1.1 request.\n",
            Self::NotFound => "There is / and /bytes/N here.\n",
            Self::MethodNotAllowed => "There is GET and HEAD here.\n",
            Self::HeaderTooLarge => "The header of this request is too large.\n",
            Self::NotImplemented => "Transfer codings are not understood here.\n",
            Self::VersionNotSupported => "There is HTTP/1.1 and HTTP/1.0 here.\n",
        }
    }
}

/// What follows a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum After {
    /// The next request.
    #[default]
    KeepAlive,
    /// The next request, and HTTP/1.0 wants to be told so.
    KeepAliveSaid,
    /// The end, as the peer asked.
    Close,
    /// The end, while the peer may still be sending.
    Linger,
}

impl After {
    const ALL: [Self; 4] = [
        Self::KeepAlive,
        Self::KeepAliveSaid,
        Self::Close,
        Self::Linger,
    ];

    /// The end of the head.
    const fn end_of_head(self) -> &'static str {
        match self {
            Self::KeepAlive => "\r\n\r\n",
            Self::KeepAliveSaid => "\r\nConnection: keep-alive\r\n\r\n",
            Self::Close | Self::Linger => "\r\nConnection: close\r\n\r\n",
        }
    }
}

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// A request.
    #[default]
    Await,
    /// Room for the head of the reply.
    Head,
    /// Room for its body.
    Body,
    /// Nothing: the reply is queued.
    Sent,
    /// The peer's end. Its text is thrown away.
    Drain,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Await, Self::Head, Self::Body, Self::Sent, Self::Drain];
}

/// A reply, and how much of it is queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) stage: Stage,
    pub(super) answer: Answer,
    pub(super) after: After,
    /// The request was HEAD: the head tells the length of a body that is not sent.
    pub(super) head_only: bool,
    /// Octets of the head that are queued.
    pub(super) head_sent: u16,
    /// The length of the body, modulo the line of [`Answer::Bytes`].
    phase: u8,
    /// Octets of the body that are not queued. While the head is sent, all of them.
    pub(super) body_left: u64,
}

impl Reply {
    /// A reply to be sent, with `body_len` octets of body.
    pub(super) const fn new(answer: Answer, body_len: u64, head_only: bool, after: After) -> Self {
        Self {
            stage: Stage::Head,
            answer,
            after,
            head_only,
            head_sent: 0,
            phase: (body_len % LINE.len() as u64) as u8,
            body_left: body_len,
        }
    }

    /// As the two words of a connection. Waiting for the first request is all zero.
    pub(super) const fn to_words(self) -> [u64; 2] {
        let [low, high] = self.head_sent.to_le_bytes();
        let rest = [
            self.stage as u8,
            self.answer as u8,
            self.after as u8,
            self.head_only as u8,
            low,
            high,
            self.phase,
            0,
        ];
        [self.body_left, u64::from_le_bytes(rest)]
    }

    /// The reverse of [`Reply::to_words`].
    pub(super) fn from_words([body_left, rest]: [u64; 2]) -> Self {
        let [stage, answer, after, head_only, low, high, phase, _] = rest.to_le_bytes();
        Self {
            stage: Stage::ALL[usize::from(stage)],
            answer: Answer::ALL[usize::from(answer)],
            after: After::ALL[usize::from(after)],
            head_only: head_only != 0,
            head_sent: u16::from_le_bytes([low, high]),
            phase,
            body_left,
        }
    }

    /// Writes status line and header; returns what was written.
    pub(super) fn write_head<'a>(&self, into: &'a mut [u8; HEAD_BYTES]) -> &'a [u8] {
        let mut digits = itoa::Buffer::new();
        let body_len = digits.format(self.body_left);
        let mut len = 0;
        for part in [self.answer.head(), body_len, self.after.end_of_head()] {
            into[len..len + part.len()].copy_from_slice(part.as_bytes());
            len += part.len();
        }
        &into[..len]
    }

    /// The next octets of the body, as many as lie in one piece.
    pub(super) fn body(&self) -> &'static [u8] {
        let piece = self.body_left.min(PIECE_BYTES as u64) as usize;
        if self.answer == Answer::Bytes {
            let line = LINE.len();
            let left = (self.body_left % line as u64) as usize;
            let begin = (usize::from(self.phase) + line - left) % line;
            &PATTERN[begin..begin + piece]
        } else {
            let body = self.answer.body().as_bytes();
            &body[body.len() - piece..]
        }
    }
}
