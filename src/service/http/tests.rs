//! Requests and their replies; and that neither pieces nor room change a reply.

use super::reply::Answer;
use super::*;
use crate::service::tests::{ROOM, Talk};

const PAGE: &str = "200 OK|text/html; charset=utf-8";
const BYTES: &str = "200 OK|application/octet-stream";
const BAD: &str = "400 Bad Request|text/plain; charset=utf-8";
const NOT_FOUND: &str = "404 Not Found|text/plain; charset=utf-8";
const NOT_ALLOWED: &str = "405 Method Not Allowed|text/plain; charset=utf-8";
const TOO_LARGE: &str = "431 Request Header Fields Too Large|text/plain; charset=utf-8";
const CODING: &str = "501 Not Implemented|text/plain; charset=utf-8";
const VERSION: &str = "505 HTTP Version Not Supported|text/plain; charset=utf-8";

/// How the server goes on: `Open` for the next request, `Close` both ways, `Finish` and listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Open,
    Close,
    Finish,
}
use Then::{Close, Finish, Open};

fn open(room: usize) -> Talk {
    Talk::open(Box::<Http>::default(), room)
}

fn then(talk: &Talk) -> Then {
    assert!(!talk.asked.abort);
    match (talk.asked.finish, talk.asked.close) {
        (false, false) => Open,
        (false, true) => Close,
        (true, _) => Finish,
    }
}

fn ask(text: &[u8], piece: usize, room: usize) -> (Vec<u8>, Then) {
    let mut talk = open(room);
    for part in text.chunks(piece) {
        talk.say(part);
    }
    talk.acknowledge_all();
    let then = then(&talk);
    assert!(then == Open || talk.unread() == 0);
    (talk.received.clone(), then)
}

/// One reply, as a client reads it.
#[derive(Debug)]
struct Read<'a> {
    status: String,
    head: &'a str,
    content_length: u64,
    body: &'a [u8],
}

/// Takes one reply off `out`. A reply to HEAD has no body, whatever its length.
fn read_reply<'a>(out: &mut &'a [u8], has_body: bool) -> Read<'a> {
    let mut fields = [httparse::EMPTY_HEADER; 16];
    let mut reply = httparse::Response::new(&mut fields);
    let head_len = reply.parse(out).unwrap().unwrap();
    let field = |name| {
        let found = reply.headers.iter().find(|f| f.name == name);
        found.map(|f| str::from_utf8(f.value).unwrap())
    };
    let content_length: u64 = field("Content-Length").unwrap().parse().unwrap();
    let media = field("Content-Type").unwrap();
    let status = format!("{} {}|{media}", reply.code.unwrap(), reply.reason.unwrap());
    let (head, rest) = out.split_at(head_len);
    let body_len = if has_body { content_length as usize } else { 0 };
    let (body, rest) = rest.split_at(body_len);
    *out = rest;
    Read {
        status,
        head: str::from_utf8(head).unwrap(),
        content_length,
        body,
    }
}

/// Request, what the status line and the media type are, and what follows.
#[rustfmt::skip]
const ROWS: &[(&str, &str, Then)] = &[
    ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", PAGE, Open),
    ("GET /?q=1 HTTP/1.1\r\nHost: x\r\n\r\n", PAGE, Open),
    ("GET /bytes/0 HTTP/1.1\r\nHost: x\r\n\r\n", BYTES, Open),
    ("GET /bytes/1000 HTTP/1.1\r\nHost: x\r\n\r\n", BYTES, Open),
    ("GET /bytes/0010?a=b HTTP/1.1\r\nHost: x\r\n\r\n", BYTES, Open),
    // RFC 9112 §2.2: bare LF is a line end, empty lines before a request are nothing.
    ("GET / HTTP/1.1\nHost: x\n\n", PAGE, Open),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", PAGE, Open),
    // RFC 9112 §3.2: Host, and the forms of a target.
    ("GET / HTTP/1.1\r\n\r\n", BAD, Finish),
    ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", BAD, Finish),
    ("GET http://x/bytes/5 HTTP/1.1\r\nHost: x\r\n\r\n", BYTES, Open),
    ("GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", PAGE, Open),
    ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", NOT_FOUND, Open),
    // No such thing, no such method.
    ("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", NOT_FOUND, Open),
    ("GET /bytes HTTP/1.1\r\nHost: x\r\n\r\n", NOT_FOUND, Open),
    ("GET /bytes/ HTTP/1.1\r\nHost: x\r\n\r\n", NOT_FOUND, Open),
    ("GET /bytes/-1 HTTP/1.1\r\nHost: x\r\n\r\n", NOT_FOUND, Open),
    ("GET /bytes/+1 HTTP/1.1\r\nHost: x\r\n\r\n", NOT_FOUND, Open),
    ("GET /bytes/1/2 HTTP/1.1\r\nHost: x\r\n\r\n", NOT_FOUND, Open),
    ("GET /bytes/18446744073709551616 HTTP/1.1\r\nHost: x\r\n\r\n", NOT_FOUND, Open),
    ("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", NOT_ALLOWED, Open),
    ("get /bytes/3 HTTP/1.1\r\nHost: x\r\n\r\n", NOT_ALLOWED, Open),
    // RFC 9112 §9.3: persistence.
    ("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", PAGE, Close),
    ("GET / HTTP/1.1\r\nHost: x\r\nconnection: TE , Close\r\n\r\n", PAGE, Close),
    ("GET / HTTP/1.1\r\nHost: x\r\nConnection: TE\r\nConnection: close\r\n\r\n", PAGE, Close),
    ("GET /no HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", NOT_FOUND, Close),
    ("GET / HTTP/1.0\r\n\r\n", PAGE, Close),
    ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", PAGE, Open),
    ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", PAGE, Close),
    // RFC 9112 §6: bodies.
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", NOT_ALLOWED, Open),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", NOT_ALLOWED, Finish),
    ("POST /up HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", NOT_FOUND, Finish),
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nGET", PAGE, Finish),
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nGET", PAGE, Finish),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", BAD, Finish),
    ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\n", BAD, Finish),
    ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", CODING, Finish),
    // Not HTTP/1.
    ("\0\0\0\0", BAD, Finish),
    ("GET\r\n\r\n", BAD, Finish),
    ("GET / HTTP/1.1\r\nHo st: x\r\n\r\n", BAD, Finish),
    ("GET / HTTP/1.1\r\n: x\r\n\r\n", BAD, Finish),
    ("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", BAD, Finish),
    ("\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03", BAD, Finish),
    ("GET / HTTP/2.0\r\n\r\n", VERSION, Finish),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", VERSION, Finish),
];

#[test]
fn each_request_gets_its_reply() {
    for (request, status, follows) in ROWS {
        let (out, then) = ask(request.as_bytes(), usize::MAX, ROOM);
        let mut rest = &out[..];
        let reply = read_reply(&mut rest, true);
        assert_eq!(
            (reply.status.as_str(), then),
            (*status, *follows),
            "{request:?}"
        );
        assert!(rest.is_empty(), "{request:?}: text behind the reply");
        let close = reply.head.contains("\r\nConnection: close\r\n");
        assert_eq!(close, then != Open, "{request:?}");
        let keep_alive = reply.head.contains("\r\nConnection: keep-alive\r\n");
        assert_eq!(keep_alive, request.contains("HTTP/1.0") && then == Open);
        let allow = reply.head.contains("\r\nAllow: GET, HEAD\r\n");
        assert_eq!(allow, *status == NOT_ALLOWED, "{request:?}");
    }
}

#[test]
fn pieces_and_room_change_nothing() {
    for (request, ..) in ROWS {
        let whole = ask(request.as_bytes(), usize::MAX, ROOM);
        for (piece, room) in [(1, ROOM), (usize::MAX, 1), (1, 1), (3, 7), (16, 100)] {
            let got = ask(request.as_bytes(), piece, room);
            assert!(got == whole, "{request:?} in {piece}s with room {room}");
        }
    }
}

#[test]
fn head_is_get_without_the_body() {
    for target in [
        "/",
        "/bytes/70000",
        "/bytes/18446744073709551615",
        "/nothing",
    ] {
        let heads = ["HEAD", "GET"].map(|method| {
            let text = format!("{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n");
            let mut talk = open(ROOM);
            talk.say(text.as_bytes());
            talk.acknowledge();
            let out = &talk.received;
            let head_len = out.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
            assert_eq!(out.len() == head_len, method == "HEAD", "{target}");
            out[..head_len].to_vec()
        });
        assert_eq!(heads[0], heads[1]);
        let reply = read_reply(&mut &heads[0][..], false);
        if let Some(digits) = target.strip_prefix("/bytes/") {
            assert_eq!(reply.content_length.to_string(), digits);
        }
    }
}

#[test]
fn bytes_are_the_same_line_over_and_over() {
    for len in [1, 63, 64, 65, 8191, 8192, 8193, 100_000] {
        let text = format!("GET /bytes/{len} HTTP/1.1\r\nHost: x\r\n\r\n");
        for room in [ROOM, 1000, 1] {
            let (out, _) = ask(text.as_bytes(), usize::MAX, room);
            let body = read_reply(&mut &out[..], true).body;
            assert_eq!(body.len(), len);
            assert!(body.starts_with(&b"seawall "[..len.min(8)]));
            let repeats = body.iter().zip(body.iter().skip(64)).all(|(a, b)| a == b);
            assert!(repeats, "{len} octets with room {room}");
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let lens = [0, 5, 3000, 1, 20_000, 64, 7];
    let last = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let never = "GET /never HTTP/1.1\r\nHost: x\r\n\r\n";
    let both = |len| {
        let rest = format!("/bytes/{len} HTTP/1.1\r\nHost: x\r\n\r\n");
        format!("GET {rest}HEAD {rest}")
    };
    let text = lens.map(both).concat() + last + never;
    let whole = ask(text.as_bytes(), usize::MAX, ROOM);
    let mut rest = &whole.0[..];
    for len in lens {
        assert_eq!(read_reply(&mut rest, true).body.len(), len);
        assert_eq!(read_reply(&mut rest, false).content_length, len as u64);
    }
    assert_eq!(read_reply(&mut rest, true).status, PAGE);
    assert!(rest.is_empty(), "a request behind `close` was answered");
    assert_eq!(whole.1, Close);
    for (piece, room) in [(1, ROOM), (usize::MAX, 1), (1, 1), (100, 333)] {
        let got = ask(text.as_bytes(), piece, room);
        assert!(got == whole, "in {piece}s with room {room}");
    }
}

#[test]
fn requests_stay_unread_until_there_is_room() {
    let request = b"GET /bytes/100 HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut talk = open(50);
    for _ in 0..1000 {
        talk.say(request);
    }
    assert_eq!(talk.unread(), 999 * request.len());
    talk.acknowledge_all();
    assert_eq!(talk.unread(), 0);
    let mut rest = &talk.received[..];
    for _ in 0..1000 {
        assert_eq!(read_reply(&mut rest, true).body.len(), 100);
    }
    assert!(rest.is_empty());
}

#[test]
fn a_header_of_the_limit_is_read_and_one_more_octet_is_refused() {
    let request = |len: usize| {
        let mut text = b"GET /bytes/9 HTTP/1.1\r\nHost: x\r\nPad: ".to_vec();
        text.resize(len - 4, b'p');
        text.extend_from_slice(b"\r\n\r\n");
        text
    };
    let endless = vec![b'a'; 3 * HTTP_HEADER_BYTES];
    let rows = [
        (request(HTTP_HEADER_BYTES), BYTES, Open),
        (request(HTTP_HEADER_BYTES + 1), TOO_LARGE, Finish),
        (request(2 * HTTP_HEADER_BYTES), TOO_LARGE, Finish),
        (endless, TOO_LARGE, Finish),
        (vec![b'a'; HTTP_HEADER_BYTES], TOO_LARGE, Finish),
    ];
    for (text, status, follows) in rows {
        for piece in [1, 1460, usize::MAX] {
            let (out, then) = ask(&text, piece, ROOM);
            let reply = read_reply(&mut &out[..], true);
            assert_eq!((reply.status.as_str(), then), (status, follows));
        }
    }
    let fields = [(); 65].map(|()| "field: value\r\n").concat();
    let text = format!("GET / HTTP/1.1\r\n{fields}\r\n");
    let (out, then) = ask(text.as_bytes(), usize::MAX, ROOM);
    let reply = read_reply(&mut &out[..], true);
    assert_eq!((reply.status.as_str(), then), (TOO_LARGE, Finish));
}

#[test]
fn a_peer_that_closes_gets_what_it_asked_for() {
    let request = "GET /bytes/5000 HTTP/1.1\r\nHost: x\r\n\r\n";
    // What is sent, replies to it, how the server goes on.
    let rows: &[(&str, usize, Then)] = &[
        ("", 0, Close),
        ("\r\n", 0, Close),
        (request, 1, Close),
        (&request.repeat(3), 3, Close),
        (&format!("{request}\r\n"), 1, Close),
        (&request[..20], 1, Finish),
        (&format!("{request}GET /b"), 2, Finish),
    ];
    for (text, replies, follows) in rows {
        for room in [ROOM, 100] {
            let mut talk = open(room);
            talk.say(text.as_bytes());
            talk.fin();
            talk.acknowledge_all();
            assert_eq!(then(&talk), *follows, "{text:?}");
            let mut rest = &talk.received[..];
            for _ in 0..*replies {
                read_reply(&mut rest, true);
            }
            assert!(rest.is_empty(), "{text:?}");
        }
    }
}

#[test]
fn text_behind_a_refusal_is_read_and_never_answered() {
    let mut talk = open(ROOM);
    talk.say(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nGET /");
    talk.acknowledge_all();
    let replied = talk.received.len();
    for _ in 0..100 {
        talk.say(b" HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!((talk.unread(), talk.acknowledge()), (0, 0));
    }
    assert_eq!(talk.received.len(), replied);
}

#[test]
fn every_reply_fits_its_head_and_its_words() {
    for answer in Answer::ALL {
        for after in [
            After::KeepAlive,
            After::KeepAliveSaid,
            After::Close,
            After::Linger,
        ] {
            let reply = Reply::new(answer, u64::MAX, true, after);
            assert_eq!(Reply::from_words(reply.to_words()), reply);
            let mut head = [0; HEAD_BYTES];
            assert!(reply.write_head(&mut head).ends_with(b"\r\n\r\n"));
        }
    }
    assert_eq!(Reply::default().to_words(), [0; 2]);
}

#[test]
fn random_text_is_answered_alike_in_any_pieces() {
    use proptest::prelude::*;
    let words = prop::sample::select(vec![
        "GET ",
        "HEAD ",
        "/",
        "/bytes/",
        "12",
        " HTTP/1.1",
        " HTTP/1.0",
        "\r\n",
        "\n",
        "Host: x",
        "Connection: close",
        "Connection: keep-alive",
        "Content-Length: ",
        ":",
        " ",
        "\0",
        "é",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ]);
    let text = prop::collection::vec(words, 0..40).prop_map(|words| words.concat());
    proptest!(|(text in text, piece in 1_usize..50, room in 1_usize..300)| {
        let whole = ask(text.as_bytes(), usize::MAX, ROOM);
        prop_assert_eq!(ask(text.as_bytes(), piece, room), whole);
    });
}
