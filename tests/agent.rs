//! `examples/agent` does on real rings what its help says, against Linux's TCP. Needs root; without
//! it every test reports itself as skipped.

mod common;

use common::{DEADLINE, until};
use libtest_mimic::Failed;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use seawall::control::lab::{Lab, LabConfig, SERVER_INTERFACE};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

const ROOT: &[&str] = &["root"];

const TESTS: &[common::Row] = &[
    (
        "a_kernel_connects_talks_and_closes_first_in_both_families",
        ROOT,
        passive_open,
    ),
    (
        "it_connects_to_a_kernel_closes_first_and_shows_time_wait",
        ROOT,
        active_open,
    ),
    ("either_side_may_close_its_half_first", ROOT, half_close),
    ("resets_are_told_and_sent", ROOT, resets),
    ("a_closed_port_is_refused_on_both_sides", ROOT, refused),
    ("what_cannot_be_done_is_an_error_by_name", ROOT, errors),
    ("the_window_is_the_one_that_was_asked_for", ROOT, window),
    ("it_ends_with_its_input_and_by_sigterm", ROOT, endings),
];

fn main() -> ExitCode {
    common::run(TESTS)
}

// Addresses in the lab's networks that no kernel holds.
const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 73, 0, 9));
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x73, 0, 0, 0, 0, 9));

/// The example's binary, built if it is missing or older than this test.
fn binary() -> Result<PathBuf, Failed> {
    let test = env::current_exe()?;
    let profile = test.ancestors().nth(2).ok_or("no folder of the profile")?;
    let agent = profile.join("examples/agent");
    let built = |path: &Path| fs::metadata(path).and_then(|it| it.modified());
    if built(&agent).is_ok_and(|agent| built(&test).is_ok_and(|test| agent >= test)) {
        return Ok(agent);
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--locked", "--quiet", "--example", "agent"]);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    if !status.success() || !agent.exists() {
        return Err(format!("no {}: {status}", agent.display()).into());
    }
    Ok(agent)
}

/// An agent at work in a lab, and a kernel on the other side.
struct Stage {
    agent: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<String>,
    address: IpAddr,
    lab: Lab,
}

impl Stage {
    fn new(address: IpAddr, options: &str) -> Result<Self, Failed> {
        let lab = Lab::new(&LabConfig::default())?;
        let mut command = Command::new(binary()?);
        command.args(["--interface", SERVER_INTERFACE]);
        command.args(["--address", &address.to_string()]);
        command.args(options.split_whitespace());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut agent = lab.server().run(|| command.spawn())?;
        let stdout = BufReader::new(agent.stdout.take().ok_or("no pipe")?);
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Whoever stops listening has heard enough.
                let _ = sender.send(line);
            }
        });
        Ok(Self {
            stdin: agent.stdin.take(),
            agent,
            answers,
            address,
            lab,
        })
    }

    fn ask(&mut self, line: &str) -> Result<String, Failed> {
        let stdin = self.stdin.as_mut().ok_or("its input is closed")?;
        writeln!(stdin, "{line}")?;
        let answer = self.answers.recv_timeout(DEADLINE);
        answer.map_err(|error| format!("no answer to {line:?}: {error}").into())
    }

    fn ok(&mut self, lines: &[&str]) -> Result<(), Failed> {
        for line in lines {
            self.wants(line, "ok")?;
        }
        Ok(())
    }

    #[track_caller]
    fn wants(&mut self, line: &str, answer: &str) -> Result<(), Failed> {
        let given = self.ask(line)?;
        if given == answer {
            return Ok(());
        }
        Err(format!("{line:?} was answered by {given:?} instead of {answer:?}").into())
    }

    // Asks until this is the answer.
    fn until(&mut self, line: &str, answer: &str) -> Result<(), Failed> {
        let mut last = String::new();
        until(&format!("{line:?} is answered by {answer:?}"), || {
            last = self.ask(line).unwrap_or_default();
            (last == answer).then_some(())
        })
        .map_err(|error| format!("{}, but {last:?}", error.message().unwrap_or_default()).into())
    }

    fn listen(&mut self) -> Result<(), Failed> {
        let bind = format!("bind a {} 80", self.address);
        self.ok(&["socket a", &bind, "listen a 8"])
    }

    // A connection of the kernel to port 80, accepted as `b`.
    fn accepted(&mut self) -> Result<TcpStream, Failed> {
        self.listen()?;
        let stream = self.connect(80)?;
        self.ok(&["accept a b"])?;
        Ok(stream)
    }

    fn connect(&self, port: u16) -> io::Result<TcpStream> {
        let to = SocketAddr::new(self.address, port);
        let stream = self
            .lab
            .client()
            .run(|| TcpStream::connect_timeout(&to, DEADLINE))?;
        patient(stream)
    }

    // A listener of the kernel, and the `connect` that reaches it as `c`.
    fn listener(&self) -> Result<(TcpListener, String), Failed> {
        let mut addresses = self.lab.client_addresses();
        let address = addresses.find(|it| it.is_ipv4() == self.address.is_ipv4());
        let at = SocketAddr::new(address.ok_or("the client has one")?, 0);
        let listener = self.lab.client().run(|| TcpListener::bind(at))?;
        let (ip, port) = (at.ip(), listener.local_addr()?.port());
        Ok((listener, format!("connect c {ip} {port}")))
    }

    // A connection to the kernel as `c`.
    fn connected(&mut self) -> Result<TcpStream, Failed> {
        let (listener, connect) = self.listener()?;
        self.ok(&["socket c", &connect])?;
        self.until("state c", "ok ESTABLISHED")?;
        Ok(patient(listener.accept()?.0)?)
    }

    // What its exit status is, which comes soon.
    fn finish(mut self) -> Result<i32, Failed> {
        let status = until("it ends", || self.agent.try_wait().transpose())??;
        status.code().ok_or_else(|| "killed".into())
    }
}

impl Drop for Stage {
    // At the end of its input it resets what is open, so the kernel's end holds on to nothing.
    fn drop(&mut self) {
        self.stdin = None;
        let ended = until("it ends", || self.agent.try_wait().ok().flatten());
        if ended.is_err() {
            // It fails when the agent has ended just now.
            let _ = self.agent.kill();
            let _ = self.agent.wait();
        }
    }
}

// Never waits for ever.
fn patient(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    Ok(stream)
}

fn passive_open() -> Result<(), Failed> {
    for address in [V4, V6] {
        let mut stage = Stage::new(address, "")?;
        stage.listen()?;
        stage.wants("state a", "ok LISTEN")?;
        let mut stream = stage.connect(80)?;
        stage.ok(&["accept a b"])?;
        stage.wants("state b", "ok ESTABLISHED")?;
        stage.wants("read b 100", "err EAGAIN")?;
        stream.write_all(b"hello")?;
        stage.until("read b 100", "ok 5")?;
        stage.ok(&["write b 3000"])?;
        let mut text = vec![0; 3000];
        stream.read_exact(&mut text)?;
        assert!(text.iter().all(|octet| *octet == b'x'));
        stream.shutdown(Shutdown::Both)?;
        stage.until("state b", "ok CLOSE-WAIT")?;
        stage.wants("read b 100", "ok 0")?;
        stage.ok(&["close b"])?;
        stage.until("state b", "ok CLOSED")?;
        stage.wants("read b 100", "err EBADF")?;
    }
    Ok(())
}

fn active_open() -> Result<(), Failed> {
    for address in [V4, V6] {
        let mut stage = Stage::new(address, "--time-wait 2s")?;
        let mut stream = stage.connected()?;
        assert_eq!(stream.peer_addr()?.ip(), address);
        stage.ok(&["write c 7", "close c"])?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        assert_eq!(text, "xxxxxxx");
        stage.until("state c", "ok FIN-WAIT-2")?;
        drop(stream);
        stage.until("state c", "ok TIME-WAIT")?;
        let began = Instant::now();
        stage.until("state c", "ok CLOSED")?;
        let took = began.elapsed();
        assert!(took > Duration::from_secs(1), "{took:?} of two seconds");
    }
    Ok(())
}

fn half_close() -> Result<(), Failed> {
    let mut stage = Stage::new(V4, "")?;
    // The peer's half first: ours still carries text.
    let mut stream = stage.accepted()?;
    stream.write_all(b"last")?;
    stream.shutdown(Shutdown::Write)?;
    stage.until("state b", "ok CLOSE-WAIT")?;
    stage.wants("read b 10", "ok 4")?;
    stage.wants("read b 10", "ok 0")?;
    stage.ok(&["write b 10", "shutdown b SHUT_WR"])?;
    let mut text = String::new();
    assert_eq!(stream.read_to_string(&mut text)?, 10);
    stage.until("state b", "ok CLOSED")?;
    // Ours first: the peer's still does.
    let mut stream = stage.connected()?;
    stage.ok(&["shutdown c SHUT_WR"])?;
    stage.wants("write c 1", "err EPIPE")?;
    assert_eq!(stream.read(&mut [0; 10])?, 0);
    stage.until("state c", "ok FIN-WAIT-2")?;
    stream.write_all(b"answer")?;
    stage.until("read c 10", "ok 6")?;
    drop(stream);
    stage.until("state c", "ok TIME-WAIT")?;
    stage.wants("read c 10", "ok 0")
}

fn resets() -> Result<(), Failed> {
    let mut stage = Stage::new(V4, "")?;
    // The kernel resets what it has not read.
    let stream = stage.accepted()?;
    stage.ok(&["write b 10"])?;
    stream.peek(&mut [0; 10])?;
    drop(stream);
    stage.until("state b", "ok CLOSED")?;
    stage.wants("read b 10", "err ECONNRESET")?;
    stage.wants("write b 10", "err EPIPE")?;
    // And so do we.
    let mut stream = stage.connected()?;
    stream.write_all(b"unread")?;
    stage.ok(&["close c"])?;
    let end = stream.read(&mut [0; 10]).map_err(|error| error.kind());
    // The text may have come after the FIN, or before: a reset answers it either way.
    let reset = until("the kernel is reset", || match stream.write(b"x") {
        Ok(_) => None,
        Err(error) => Some(error.kind()),
    })?;
    let told = [end, Err(reset)];
    assert!(told.contains(&Err(ErrorKind::ConnectionReset)), "{told:?}");
    // `reset` does it to all, and forgets the names.
    let mut stream = stage.connect(80)?;
    stage.ok(&["accept a d", "reset"])?;
    let end = stream.read(&mut [0; 10]).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    stage.wants("state d", "err EBADF")?;
    stage.accepted().map(drop)
}

fn refused() -> Result<(), Failed> {
    let mut stage = Stage::new(V4, "")?;
    stage.ok(&["socket a"])?;
    let refused = stage.connect(81).map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(ErrorKind::ConnectionRefused));
    let (listener, connect) = stage.listener()?;
    drop(listener);
    stage.ok(&["socket c", &connect])?;
    stage.until("state c", "ok CLOSED")?;
    stage.wants("read c 1", "err ECONNREFUSED")?;
    stage.wants("read c 1", "err ENOTCONN")
}

fn errors() -> Result<(), Failed> {
    let mut stage = Stage::new(V4, "")?;
    stage.listen()?;
    let began = Instant::now();
    stage.wants("accept a b", "err EAGAIN")?;
    assert!(began.elapsed() >= Duration::from_secs(1), "it waits");
    stage.wants("socket a", "err EEXIST")?;
    stage.ok(&["socket b"])?;
    for (line, answer) in [
        ("bind b 10.73.0.9 80", "err EADDRINUSE"),
        ("bind b 10.73.0.8 80", "err EADDRNOTAVAIL"),
        (
            "bind b 10.73.0.9 http",
            "err not a number that fits here: http",
        ),
        ("bind b nowhere 80", "err not an address: nowhere"),
        ("connect b 224.0.0.1 80", "err ENETUNREACH"),
        ("accept b c", "err EINVAL"),
        ("write b 1", "err ENOTCONN"),
        ("shutdown b SHUT_WR", "err ENOTCONN"),
        (
            "shutdown b NOW",
            "err not SHUT_RD, SHUT_WR or SHUT_RDWR: NOW",
        ),
        ("state nobody", "err EBADF"),
        ("fly", "err unknown command, or not its arguments: fly"),
        ("read b", "err unknown command, or not its arguments: read"),
        ("", "err want a command; --help lists them"),
        ("state b", "ok CLOSED"),
    ] {
        stage.wants(line, answer)?;
    }
    // Nobody has this address.
    stage.wants("connect b 10.73.0.77 80", "err EHOSTUNREACH")
}

fn window() -> Result<(), Failed> {
    const ASKED: usize = 4000;
    const TEXT: usize = 60_000;
    let plain = "--no-timestamps --no-window-scale --no-sack";
    for options in ["", plain] {
        let mut stage = Stage::new(V4, &format!("--window {ASKED} {options}"))?;
        let mut stream = stage.accepted()?;
        // The kernel's send buffer does not hold all of it.
        let writing = thread::spawn(move || stream.write_all(&vec![0; TEXT]));
        let (mut read, mut most) = (0, 0);
        until("all has arrived", || {
            let answer = stage.ask("read b 100000").unwrap_or_default();
            let count = answer.strip_prefix("ok ").and_then(|it| it.parse().ok());
            read += count.unwrap_or(0);
            most = most.max(count.unwrap_or(0));
            (read == TEXT).then_some(())
        })?;
        assert!(most <= ASKED, "{most} octets in a window of {ASKED}");
        writing.join().map_err(|_| "the writer panicked")??;
    }
    Ok(())
}

fn endings() -> Result<(), Failed> {
    let mut stage = Stage::new(V4, "")?;
    let mut stream = stage.accepted()?;
    stage.stdin = None;
    let end = stream.read(&mut [0; 10]).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset), "peers are told");
    assert_eq!(stage.finish()?, 0);
    let mut stage = Stage::new(V4, "")?;
    stage.ok(&["socket a"])?;
    kill(
        Pid::from_raw(stage.agent.id().cast_signed()),
        Signal::SIGTERM,
    )?;
    assert_eq!(stage.finish()?, 0);
    Ok(())
}
