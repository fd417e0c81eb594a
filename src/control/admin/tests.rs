//! A desk over tables of our own, and sockets in a directory of the test's own.

use super::answer::Desk;
use super::*;
use crate::control::clock::Clock;
use crate::control::view::{ServerView, ShardView, XdpView};
use crate::shard::{Counters, Note, Ticks};
use crate::table::{Handle, Table};
use crate::tcp::{Open, State};
use crate::time::Instant;
use crate::wire::{Address, Endpoint, FourTuple};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::{env, fs, process};

fn tuple(n: u32) -> FourTuple {
    FourTuple {
        local: SocketAddr::from(([198, 51, 100, 1], 80)).into(),
        remote: Endpoint {
            address: Address::v4((0x0a00_0000 + n).to_be_bytes()),
            port: 1024 + n as u16,
        },
    }
}

fn insert(table: &mut Table<()>, n: u32, state: State) -> Handle {
    let tuple = tuple(n);
    let handle = table.insert(table.hash(&tuple), tuple, ()).unwrap();
    let note = Note::new(state, Open::Passive, Instant::ZERO);
    table.set_note(handle, note.into());
    handle
}

fn view(tables: &[Table<()>]) -> ServerView {
    let shards = tables.iter().enumerate().map(|(cpu, table)| {
        let view = ShardView::new(cpu);
        view.show(table.reader());
        view
    });
    ServerView {
        interfaces: vec!["eth0".into()],
        clock: Clock::start(),
        shards: shards.collect(),
        xdp: XdpView::default(),
    }
}

fn tables(capacity: usize) -> [Table<()>; 2] {
    [Table::new(capacity, [1; 4]), Table::new(capacity, [2; 4])]
}

fn lines(desk: &Desk, ask: &Ask) -> Vec<Line> {
    let mut out = Vec::new();
    desk.reply(ask, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

// The connections of a page, and where the next begins.
fn page(desk: &Desk, list: List) -> (Vec<Connection>, Option<Cursor>) {
    let mut lines = lines(desk, &Ask::List(list)).into_iter();
    assert!(matches!(lines.next(), Some(Line::Server(_))));
    let mut rows = Vec::new();
    for line in &mut lines {
        match line {
            Line::Connection(row) => rows.push(row),
            Line::End { next } => {
                assert_eq!(lines.next(), None);
                return (rows, next);
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("no end");
}

#[test]
fn a_question_survives_as_a_line() {
    let filter = Filter {
        states: vec![StateName(State::TimeWait), StateName(State::FinWait1)],
        local: Some("[2001:db8::1]:80".parse().unwrap()),
        remote: Some("192.0.2.0/24".parse().unwrap()),
        port: Some(80),
        older_ms: Some(1),
        younger_ms: Some(2),
    };
    let list = List {
        filter: filter.clone(),
        after: Some("1:17".parse().unwrap()),
        limit: Some(3),
    };
    for ask in [
        Ask::List(List::default()),
        Ask::List(list),
        Ask::Count(filter),
        Ask::Stats,
    ] {
        let line = ask.to_line();
        assert!(line.ends_with('\n') && line.len() < REQUEST_BYTES_MAX);
        assert_eq!(Ask::from_line(&line), Ok(ask));
    }
}

#[test]
fn what_is_no_question_is_refused_in_words() {
    for (line, words) in [
        ("", "no question"),
        ("GET / HTTP/1.1", "no question"),
        (r#"{"version":1}"#, "missing field `ask`"),
        (r#"{"version":2,"ask":"dance"}"#, "asked in version 2"),
        (r#"{"version":1,"ask":"dance"}"#, "unknown variant `dance`"),
        (
            r#"{"version":1,"ask":{"count":{"colour":"red"}}}"#,
            "unknown field `colour`",
        ),
        (
            r#"{"version":1,"ask":{"count":{"states":["OPEN"]}}}"#,
            "no connection is in state `OPEN`; there are syn-sent,",
        ),
        (
            r#"{"version":1,"ask":{"list":{"after":"17"}}}"#,
            "`17` is no SHARD:SLOT",
        ),
    ] {
        let error = Ask::from_line(line).unwrap_err();
        assert!(error.contains(words), "{line}: {error}");
    }
    for bad in ["", "x", "192.0.2.1:", "192.0.2.0/33", "2001:db8::1:x"] {
        assert!(bad.parse::<Ends>().is_err(), "{bad}");
    }
}

#[test]
fn every_part_of_a_filter_has_to_admit() {
    let tuple = tuple(5);
    let now = Instant::ZERO + Duration::from_secs(10);
    let note = Note::new(State::Established, Open::Passive, Instant::ZERO);
    let rows = [
        ("{}", true),
        (r#"{"states":["CLOSE-WAIT","ESTABLISHED"]}"#, true),
        (r#"{"states":["CLOSE-WAIT"]}"#, false),
        (r#"{"local":"198.51.100.1"}"#, true),
        (r#"{"local":"198.51.100.1:80"}"#, true),
        (r#"{"local":"198.51.100.1:81"}"#, false),
        (r#"{"local":"198.51.100.2"}"#, false),
        (r#"{"remote":"10.0.0.4/31"}"#, true),
        (r#"{"remote":"10.0.0.5/8"}"#, true),
        (r#"{"remote":"10.0.0.0/30"}"#, false),
        (r#"{"remote":"::/0"}"#, false),
        (r#"{"remote":"198.51.100.1"}"#, false),
        (r#"{"port":80}"#, true),
        (r#"{"port":1029}"#, true),
        (r#"{"port":1030}"#, false),
        (r#"{"older_ms":10000}"#, true),
        (r#"{"older_ms":10001}"#, false),
        (r#"{"younger_ms":10001}"#, true),
        (r#"{"younger_ms":10000}"#, false),
        (r#"{"port":80,"local":"198.51.100.2"}"#, false),
    ];
    for (json, admitted) in rows {
        let filter: Filter = serde_json::from_str(json).unwrap();
        let answer = filter.admits(&tuple, &note, Ticks::of(now));
        assert_eq!(answer, admitted, "{json}");
    }
}

#[test]
fn pages_meet_everybody_who_stays_once_while_others_come_and_go() {
    let mut tables = tables(300);
    let mut stay = Vec::new();
    let mut go = Vec::new();
    for n in 0..400 {
        let table = (n % 2) as usize;
        let handle = insert(&mut tables[table], n, State::Established);
        if n % 3 == 0 {
            go.push((table, handle));
        } else {
            stay.push(SocketAddr::from(tuple(n).remote));
        }
    }
    let desk = Desk::new(view(&tables), Arc::default());
    let mut met = Vec::new();
    let mut after = None;
    let mut strangers = 1000..;
    loop {
        let list = List {
            after,
            limit: Some(7),
            ..List::default()
        };
        let (rows, next) = page(&desk, list);
        assert!(rows.len() <= 7);
        assert!(rows.is_sorted_by_key(|row| row.cursor));
        assert!(rows.iter().all(|row| Some(row.cursor) > after));
        assert!(next.is_none() || next == rows.last().map(|row| row.cursor));
        met.extend(rows.iter().map(|row| row.remote));
        if next.is_none() {
            break;
        }
        after = next;
        // One goes, and another takes its slot.
        if let Some((table, handle)) = go.pop() {
            assert!(tables[table].remove(handle).is_some());
            insert(
                &mut tables[table],
                strangers.next().unwrap(),
                State::SynReceived,
            );
        }
    }
    for remote in stay {
        let times = met.iter().filter(|met| **met == remote).count();
        assert_eq!(times, 1, "{remote}");
    }
}

#[test]
fn a_page_that_holds_the_last_is_the_last() {
    let mut tables = tables(10);
    for n in 0..4 {
        insert(&mut tables[0], n, State::Established);
    }
    let desk = Desk::new(view(&tables), Arc::default());
    let of = |limit, after| {
        page(
            &desk,
            List {
                limit: Some(limit),
                after,
                ..List::default()
            },
        )
    };
    let (rows, next) = of(4, None);
    assert_eq!((rows.len(), next), (4, None));
    let (rows, next) = of(3, None);
    assert_eq!((rows.len(), next), (3, Some(rows[2].cursor)));
    let (rows, next) = of(3, next);
    assert_eq!((rows.len(), next), (1, None));
    let nowhere = Cursor {
        shard: 7,
        slot: u32::MAX,
    };
    assert_eq!(of(3, Some(nowhere)), (Vec::new(), None));
}

#[test]
fn counts_and_stats_are_of_all_shards() {
    let mut tables = tables(10);
    insert(&mut tables[0], 0, State::Established);
    insert(&mut tables[1], 1, State::Established);
    insert(&mut tables[1], 2, State::TimeWait);
    // Moving in: no note yet.
    let moving = tuple(3);
    let hash = tables[1].hash(&moving);
    assert!(tables[1].insert(hash, moving, ()).is_ok());
    let view = view(&tables);
    for (n, shard) in (1..).zip(&view.shards) {
        let mut counters = Counters {
            segments_in: n,
            ..Counters::default()
        };
        counters.states[State::Established as usize] = n;
        shard.published().store(&counters);
    }
    let desk = Desk::new(view, Arc::default());
    let counts = lines(&desk, &Ask::Count(Filter::default()));
    let expected = BTreeMap::from([("ESTABLISHED".into(), 2), ("TIME-WAIT".into(), 1)]);
    assert_eq!(
        counts[1..],
        [Line::Counts(Matching {
            total: 3,
            states: expected
        })]
    );
    let stats = lines(&desk, &Ask::Stats);
    let [Line::Server(server), Line::Stats(stats)] = &stats[..] else {
        panic!("{stats:?}");
    };
    assert_eq!(server.interfaces, ["eth0"]);
    assert_eq!((server.version, server.pid), (VERSION, process::id()));
    assert_eq!(stats.counts.segments.r#in, 3);
    assert_eq!(stats.states, BTreeMap::from([("ESTABLISHED".into(), 3)]));
    let of_shards: Vec<_> = stats.shards.iter().collect();
    assert_eq!(of_shards.len(), 2);
    assert_eq!((of_shards[1].shard, of_shards[1].cpu), (1, 1));
    assert_eq!(of_shards[1].counts.segments.r#in, 2);
}

/// A directory that goes with its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only that the numbers differ matters.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("seawall-admin-{}-{count}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_socket_is_its_owners_alone_and_goes_with_its_process() {
    let scratch = Scratch::new();
    let path = scratch.at("a.sock");
    let socket = AdminSocket::claim(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = AdminSocket::claim(&path);
    assert!(matches!(again, Err(Error::Taken(_))), "{again:?}");
    drop(socket);
    assert!(!path.exists());
    let asked = ask(&path, &Ask::Stats);
    assert!(matches!(asked, Err(Error::NotRunning(_))), "{asked:?}");
}

#[test]
fn what_the_dead_left_is_replaced_and_what_is_no_socket_is_not() {
    let scratch = Scratch::new();
    let path = scratch.at("a.sock");
    // The standard library leaves its file behind.
    drop(UnixListener::bind(&path).unwrap());
    let socket = AdminSocket::claim(&path).unwrap();
    // Somebody has put another file in its place: that one stays.
    fs::remove_file(&path).unwrap();
    fs::write(&path, "mine").unwrap();
    drop(socket);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    let claimed = AdminSocket::claim(&path);
    assert!(matches!(claimed, Err(Error::NotASocket(_))), "{claimed:?}");
    let nowhere = AdminSocket::claim(&scratch.at("none/a.sock"));
    let said = nowhere.unwrap_err().to_string();
    assert!(said.contains("none/a.sock: No such file"), "{said}");
}

fn admin(path: &Path, tables: &[Table<()>]) -> Admin {
    Admin::start(AdminSocket::claim(path).unwrap(), view(tables)).unwrap()
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_else() {
    let scratch = Scratch::new();
    let path = scratch.at("a.sock");
    // More than a socket holds.
    let mut tables = tables(20_000);
    for n in 0..20_000 {
        insert(&mut tables[0], n, State::Established);
    }
    let admin = admin(&path, &tables);
    let everything = Ask::List(List::default());
    let mut lazy = ask(&path, &everything).unwrap();
    let mut quick = ask(&path, &everything).unwrap();
    let mut rows = 0;
    while let Line::Connection(_) = quick.line().unwrap() {
        rows += 1;
    }
    assert_eq!(rows, 20_000);
    // The end of the server is the end of the lazy one's answer, and it can tell.
    drop(admin);
    let broken = loop {
        match lazy.line() {
            Ok(Line::Connection(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(broken, Err(Error::Broken { .. })), "{broken:?}");
}

#[test]
fn too_many_clients_are_told_so_and_may_come_back() {
    let scratch = Scratch::new();
    let path = scratch.at("a.sock");
    let tables = tables(1);
    let _admin = admin(&path, &tables);
    // They are seated in the order that they came in, and ask nothing.
    let silent: Vec<_> = (0..CLIENTS_MAX)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    let said = ask(&path, &Ask::Stats).unwrap_err().to_string();
    assert!(said.contains("too many ask at once"), "{said}");
    drop(silent);
    // Their threads notice by and by.
    let deadline = std::time::Instant::now() + PATIENCE;
    while let Err(error) = ask(&path, &Ask::Stats) {
        assert!(std::time::Instant::now() < deadline, "{error}");
        thread::yield_now();
    }
}

#[test]
fn who_asks_badly_is_told_why() {
    let scratch = Scratch::new();
    let path = scratch.at("a.sock");
    let tables = tables(1);
    let _admin = admin(&path, &tables);
    let endless = vec![b'x'; REQUEST_BYTES_MAX];
    for (question, words) in [
        (&b"hello\n"[..], "no question: expected value"),
        (b"\xff\n", "no question: stream did not contain valid UTF-8"),
        (&endless, "want one line of 4096 octets at most"),
    ] {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(question).unwrap();
        let mut answer = BufReader::new(&stream);
        let mut line = String::new();
        answer.read_line(&mut line).unwrap();
        let Ok(Line::Error(said)) = serde_json::from_str(&line) else {
            panic!("{line}");
        };
        assert!(said.contains(words), "{said}");
        assert_eq!(answer.read(&mut [0]).unwrap(), 0, "it hangs up");
    }
}
