//! Clients as people have them: curl, ping, and a kernel that opens ten thousand connections.

use crate::common::until;
use crate::stage::{CHARGEN, ECHO, HTTP, Stage, connect, echo, get};
use libtest_mimic::Failed;
use seawall::drop_reason::DropReason;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The octets of `/bytes/64`, which `/bytes/N` repeats.
const LINE: &[u8; 64] = b"seawall 0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQ\n";

/// Runs a tool on the client's side; what it printed.
fn tool(stage: &Stage, name: &str, arguments: &[&str]) -> Result<Vec<u8>, Failed> {
    let output = stage.client(|| Command::new(name).args(arguments).output())?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}: {said}", output.status).into())
}

// Neither a proxy nor a file of settings comes between.
const CURL: [&str; 7] = ["-q", "-sS", "-g", "--noproxy", "*", "--max-time", "20"];

pub(crate) fn curl_in_both_families() -> Result<(), Failed> {
    let stage = Stage::new()?;
    for at in stage.ends(HTTP) {
        let ask = |path: &str| {
            let url = format!("http://{at}{path}");
            tool(&stage, "curl", &[&CURL[..], &[&url]].concat())
        };
        let page = String::from_utf8(ask("/")?)?;
        assert!(page.contains("<h1>seawall</h1>"), "{page}");
        let body = ask("/bytes/1000000")?;
        assert_eq!(body.len(), 1_000_000);
        assert!(body.chunks(64).all(|line| LINE.starts_with(line)));
    }
    let totals = stage.stop(4)?;
    assert_eq!(totals.counters.connections.released, 4);
    assert_eq!(totals.counters.drops.total(), 0);
    Ok(())
}

pub(crate) fn curl_a_thousand_times() -> Result<(), Failed> {
    let stage = Stage::new()?;
    let url = format!("http://{}/bytes/[1-1000]", stage.at(HTTP));
    let form = "%{http_code} %{num_connects} %{size_download}\n";
    let asked = [
        ["-q", "-sS", "--noproxy", "*", "-H", "Connection: close"],
        ["--max-time", "20", "-o", "/dev/null", "-w", form],
    ]
    .concat();
    let told = tool(&stage, "curl", &[&asked[..], &[&url]].concat())?;
    let told = String::from_utf8(told)?;
    // Each has a connection of its own: curl opened one for it, not none.
    let expected: Vec<String> = (1..=1000).map(|n| format!("200 1 {n}")).collect();
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
    let connections = stage.stop(1000)?.counters.connections;
    assert_eq!(connections.released, 1000);
    assert_eq!((connections.failed, connections.reset), (0, 0));
    Ok(())
}

pub(crate) fn ten_thousand_connections() -> Result<(), Failed> {
    let stage = Stage::new()?;
    crowd(&stage)?;
    let connections = stage.stop(CROWD)?.counters.connections;
    assert_eq!((connections.accepted, connections.released), (CROWD, CROWD));
    assert_eq!(connections.live(), 0);
    assert_eq!((connections.failed, connections.reset), (0, 0));
    Ok(())
}

/// Connections of a crowd.
pub(crate) const CROWD: u64 = 10_000;

/// Clients of the kernel, eight at once, in both families; the first failure, if there is one.
pub(crate) fn crowd(stage: &Stage) -> Result<(), Failed> {
    const CLIENTS: usize = 8;
    const EACH: usize = CROWD as usize / CLIENTS;
    let visit = |client: usize, n: usize| -> Result<(), Failed> {
        let ends = |port| stage.ends(port)[(client + n) % 2];
        // The client closes first, or the server does.
        if n.is_multiple_of(2) {
            echo(connect(ends(ECHO))?, format!("{client} {n}").as_bytes())
        } else {
            let body = get(connect(ends(HTTP))?, "/bytes/100")?;
            assert_eq!(body.len(), 100);
            Ok(())
        }
    };
    stage.client(|| {
        thread::scope(|scope| {
            let clients = (0..CLIENTS).map(|client| {
                let visit = &visit;
                // The first failure ends it: each may have taken as long as a deadline.
                scope.spawn(move || (0..EACH).try_for_each(|n| visit(client, n)))
            });
            let clients: Vec<_> = clients.collect();
            let ended = clients.into_iter().map(|client| client.join().unwrap());
            ended.fold(Ok(()), Result::and)
        })
    })
}

pub(crate) fn closed_port() -> Result<(), Failed> {
    let stage = Stage::new()?;
    for (listed, closed) in stage.ends(ECHO).into_iter().zip(stage.ends(ECHO + 1)) {
        let error = stage.connect(closed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{closed}");
        stage.echo(listed, b"and this one is open")?;
    }
    let totals = stage.stop(2)?;
    assert_eq!(totals.counters.connections.released, 2);
    // It was the kernel that refused.
    assert_eq!(totals.counters.drops.of(DropReason::NoConnection), 0);
    Ok(())
}

pub(crate) fn kernel_beside_us() -> Result<(), Failed> {
    const KERNEL: u16 = 8080;
    let stage = Stage::new()?;
    let over = AtomicBool::new(false);
    let is_over = || over.load(Ordering::Relaxed);
    let served = thread::scope(|scope| -> Result<u64, Failed> {
        // Whatever happens in here, the load ends, or the scope would not.
        let _end = OnDrop(|| over.store(true, Ordering::Relaxed));
        let load: Vec<_> = (0..4)
            .map(|n| {
                let stage = &stage;
                scope
                    .spawn(move || stage.client(|| load(stage.at([HTTP, CHARGEN][n % 2]), is_over)))
            })
            .collect();
        until("the load is there", || {
            (stage.counters().connections.released > 100).then_some(())
        })?;
        for at in stage.ends(0) {
            let address = at.ip().to_string();
            let arguments = ["-q", "-c", "50", "-i", "0.01", "-W", "5", &address];
            let told = String::from_utf8(tool(&stage, "ping", &arguments)?)?;
            assert!(told.contains("50 received, 0% packet loss"), "{told}");
        }
        for at in stage.ends(KERNEL) {
            let listener = stage.lab().server().run(|| TcpListener::bind(at))?;
            scope.spawn(move || kernel_echo(&listener, 100));
            for _ in 0..100 {
                stage.echo(at, &vec![0x5e; 10_000])?;
            }
        }
        over.store(true, Ordering::Relaxed);
        load.into_iter().map(|load| load.join().unwrap()).sum()
    })?;
    assert!(served > 100, "{served} connections under load");
    let counters = stage.stop(served)?.counters;
    assert_eq!(counters.connections.released, served);
    Ok(())
}

// Connections to `at` until it is over; how many there were.
fn load(at: SocketAddr, is_over: impl Fn() -> bool) -> Result<u64, Failed> {
    let mut served = 0;
    while !is_over() {
        if at.port() == HTTP {
            get(connect(at)?, "/bytes/10000")?;
        } else {
            let mut stream = connect(at)?;
            stream.read_exact(&mut vec![0; 100_000])?;
            stream.shutdown(std::net::Shutdown::Write)?;
            io::copy(&mut stream, &mut io::sink())?;
        }
        served += 1;
    }
    Ok(served)
}

// The kernel's own echo.
fn kernel_echo(listener: &TcpListener, connections: usize) -> io::Result<()> {
    for _ in 0..connections {
        let (mut stream, _) = listener.accept()?;
        let mut text = Vec::new();
        stream.read_to_end(&mut text)?;
        stream.write_all(&text)?;
    }
    Ok(())
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
