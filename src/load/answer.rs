//! The header of an HTTP answer, as far as a client that counts octets needs it (RFC 9112).

use core::mem::MaybeUninit;
use httparse::{Header, Response, Status};

/// More header fields than this are too many.
const FIELDS_MAX: usize = 64;

/// What the header of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// There is more of it to come.
    Partial,
    /// 200, and a body of known length.
    Ok {
        /// Octets of the header.
        header: usize,
        /// Octets of the body.
        body: u64,
    },
    /// Anything else: no HTTP, another status, a body whose length is not told.
    Wrong,
}

/// Reads the header that `text` begins with.
pub(super) fn read(text: &[u8]) -> Answer {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut response = Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        text,
        &mut fields,
    );
    match parsed {
        Ok(Status::Partial) => Answer::Partial,
        Ok(Status::Complete(header)) if response.code == Some(200) => {
            body_of(response.headers).map_or(Answer::Wrong, |body| Answer::Ok { header, body })
        }
        _ => Answer::Wrong,
    }
}

fn body_of(fields: &[Header<'_>]) -> Option<u64> {
    let mut body = None;
    for field in fields {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            return None;
        }
        if field.name.eq_ignore_ascii_case("content-length") {
            let length = core::str::from_utf8(field.value)
                .ok()?
                .trim()
                .parse()
                .ok()?;
            // RFC 9112 §6.3: two that differ are none.
            if body.replace(length).is_some_and(|other| other != length) {
                return None;
            }
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_200_and_says_its_length() {
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-LENGTH: 12\r\n\r\n", Some(12)),
            (
                "HTTP/1.0 200 OK\r\nServer: x\r\nContent-Length: 0\r\n\r\nxyz",
                Some(0),
            ),
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\n", None),
            ("HTTP/1.1 200 OK\r\n\r\n", None),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                None,
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", None),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                None,
            ),
            ("SSH-2.0-OpenSSH\r\n", None),
        ] {
            let answer = read(text.as_bytes());
            match expected {
                Some(body) => assert!(
                    matches!(answer, Answer::Ok { body: told, header } if told == body
                        && text.as_bytes()[..header].ends_with(b"\r\n\r\n")),
                    "{text}: {answer:?}"
                ),
                None => assert_eq!(answer, Answer::Wrong, "{text}"),
            }
        }
        assert_eq!(read(b""), Answer::Partial);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\nContent-Le"), Answer::Partial);
    }
}
