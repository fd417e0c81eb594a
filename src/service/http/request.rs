//! From octets to what must be answered. Pure; the grammar is `httparse`'s.

use super::reply::{After, Answer, Reply};
use core::mem::MaybeUninit;
use httparse::{Error, Header, Status};

/// More header fields than this are refused.
const FIELDS_MAX: usize = 64;

/// One request: how long it is, and the reply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Octets of the request line and the header.
    pub(super) octets: usize,
    pub(super) reply: Reply,
}

impl Request {
    /// What cannot be read as a request. Where the next one begins is unknown, so this is the
    /// last one.
    pub(super) const fn refused(answer: Answer) -> Self {
        Self {
            octets: 0,
            reply: Reply::new(answer, answer.body().len() as u64, false, After::Linger),
        }
    }
}

/// Reads the request that `text` begins with; `None` while there is more of it to come.
///
/// The verdict on a text stands for all that begin with it, except `None`: pieces do not matter.
pub(super) fn parse(text: &[u8]) -> Option<Request> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(text, &mut fields) {
        Ok(Status::Partial) => None,
        Ok(Status::Complete(octets)) => Some(accept(octets, &request)),
        Err(Error::TooManyHeaders) => Some(Request::refused(Answer::HeaderTooLarge)),
        Err(Error::Version) => Some(Request::refused(Answer::VersionNotSupported)),
        Err(_) => Some(Request::refused(Answer::BadRequest)),
    }
}

/// What the fields of a header say, as far as we care.
#[derive(Clone, Copy, Debug, Default)]
struct Fields {
    hosts: usize,
    close: bool,
    keep_alive: bool,
    transfer_coding: bool,
    content_length: Option<u64>,
}

fn accept(octets: usize, request: &httparse::Request<'_, '_>) -> Request {
    let Some(fields) = read_fields(request.headers) else {
        return Request::refused(Answer::BadRequest);
    };
    let is_http_1_0 = request.version == Some(0);
    // RFC 9112 §3.2: exactly one Host; HTTP/1.0 may go without.
    if fields.hosts > 1 || fields.hosts == 0 && !is_http_1_0 {
        return Request::refused(Answer::BadRequest);
    }
    // RFC 9112 §6.1: the end of a body in an unknown coding is unknown too.
    if fields.transfer_coding {
        return Request::refused(Answer::NotImplemented);
    }
    let after = if fields.content_length.is_some_and(|n| n > 0) {
        // No method that is answered here has use for a body, so it is not looked for.
        After::Linger
    } else if fields.close || is_http_1_0 && !fields.keep_alive {
        After::Close
    } else if is_http_1_0 {
        After::KeepAliveSaid
    } else {
        After::KeepAlive
    };
    let method = request.method.unwrap_or_default();
    let (answer, body_len) = match find(request.path.unwrap_or_default()) {
        Some(found) if matches!(method, "GET" | "HEAD") => found,
        Some(_) => whole(Answer::MethodNotAllowed),
        None => whole(Answer::NotFound),
    };
    Request {
        octets,
        reply: Reply::new(answer, body_len, method == "HEAD", after),
    }
}

const fn whole(answer: Answer) -> (Answer, u64) {
    (answer, answer.body().len() as u64)
}

/// What is at a target, and its length.
fn find(target: &str) -> Option<(Answer, u64)> {
    // RFC 9112 §3.2.2: a server takes the absolute form too.
    let absolute = if target.starts_with('/') {
        None
    } else {
        target.split_once("://")
    };
    let target = match absolute {
        Some(("http" | "HTTP", rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        _ => target,
    };
    let query = target.bytes().position(|octet| octet == b'?');
    let path = query.map_or(target, |at| &target[..at]);
    if path == "/" {
        return Some(whole(Answer::Page));
    }
    let digits = path.strip_prefix("/bytes/")?;
    Some((Answer::Bytes, read_digits(digits)?))
}

/// `None` when two fields contradict each other, or one is no number: RFC 9112 §6.3 forbids to
/// guess.
fn read_fields(headers: &[Header<'_>]) -> Option<Fields> {
    let mut fields = Fields::default();
    for header in headers {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("host") {
            fields.hosts += 1;
        } else if is("connection") {
            for option in header.value.split(|octet| *octet == b',') {
                let option = option.trim_ascii();
                fields.close |= option.eq_ignore_ascii_case(b"close");
                fields.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if is("transfer-encoding") {
            fields.transfer_coding = true;
        } else if is("content-length") {
            let len = read_digits(str::from_utf8(header.value).ok()?)?;
            if fields.content_length.is_some_and(|before| before != len) {
                return None;
            }
            fields.content_length = Some(len);
        }
    }
    Some(fields)
}

/// A number of digits alone: `str::parse` would take a sign.
fn read_digits(text: &str) -> Option<u64> {
    let all_digits = text.bytes().all(|octet| octet.is_ascii_digit());
    all_digits.then(|| text.parse().ok())?
}
