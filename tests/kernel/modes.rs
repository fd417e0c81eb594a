//! Every way to run it: generic XDP, the three kinds of idling, several queues; and what is left
//! when it is killed.

use crate::common::{Process, until};
use crate::stage::{CHARGEN, DAYTIME, ECHO, HTTP, Stage, connect, echo, get};
use libtest_mimic::Failed;
use nix::sys::signal::Signal;
use seawall::control::lab::{CLIENT_INTERFACE, Lab, LabConfig};
use seawall::control::worker::Idle;
use seawall::nic::af_xdp::XdpMode;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

// A little of everything, in both families; how many connections that was.
fn little_of_everything(stage: &Stage) -> Result<u64, Failed> {
    for at in stage.ends(ECHO) {
        stage.echo(at, &vec![0x5e; 100_000])?;
    }
    for at in stage.ends(HTTP) {
        assert_eq!(get(stage.connect(at)?, "/bytes/300000")?.len(), 300_000);
    }
    for at in stage.ends(DAYTIME) {
        let mut text = String::new();
        stage.connect(at)?.read_to_string(&mut text)?;
        assert!(text.ends_with(" GMT\r\n"), "{text}");
    }
    for at in stage.ends(CHARGEN) {
        let mut stream = stage.connect(at)?;
        stream.read_exact(&mut vec![0; 1_000_000])?;
        stream.shutdown(Shutdown::Write)?;
        stream.read_to_end(&mut Vec::new())?;
    }
    Ok(8)
}

pub(crate) fn generic_mode() -> Result<(), Failed> {
    let stage = Stage::with(|config| config.xdp_mode = XdpMode::Generic)?;
    // Native mode does this by itself: no segment is larger than the MTU.
    let small = stage.client(|| {
        let mut ethtool = Command::new("ethtool");
        ethtool
            .args(["-K", CLIENT_INTERFACE, "tso", "off"])
            .status()
    })?;
    assert!(small.success());
    assert!(stage.server().queues().iter().all(|queue| !queue.native));
    let opened = little_of_everything(&stage)?;
    let connections = stage.stop(opened)?.counters.connections;
    assert_eq!(
        (connections.accepted, connections.released),
        (opened, opened)
    );
    Ok(())
}

pub(crate) fn every_idle_mode() -> Result<(), Failed> {
    for idle in [Idle::Spin, Idle::Poll, Idle::Adaptive] {
        let stage = Stage::with(|config| config.idle = idle)?;
        assert!(stage.server().queues().iter().all(|queue| queue.native));
        let opened = little_of_everything(&stage)?;
        let connections = stage.stop(opened)?.counters.connections;
        let ended = (connections.accepted, connections.released);
        assert_eq!(ended, (opened, opened), "{idle:?}");
    }
    Ok(())
}

// Many connections at once, so that the kernel uses both queues.
fn crowd_on_two_queues(shards: usize) -> Result<(), Failed> {
    const CLIENTS: u64 = 8;
    const EACH: u64 = 100;
    let lab = Lab::new(&LabConfig::default().with_queues(2))?;
    let stage = Stage::in_lab(lab, |config| config.shards = Some(shards))?;
    let queues = stage.server().queues();
    assert_eq!(queues.len(), 2);
    assert!(queues.iter().all(|queue| queue.shard < shards));
    stage.client(|| {
        thread::scope(|scope| {
            let clients = (0..CLIENTS).map(|client| {
                let stage = &stage;
                scope.spawn(move || -> Result<(), Failed> {
                    for n in 0..EACH {
                        let at = stage.ends(ECHO)[((client + n) % 2) as usize];
                        echo(connect(at)?, &vec![0x5e; 20_000])?;
                    }
                    Ok(())
                })
            });
            let clients: Vec<_> = clients.collect();
            clients
                .into_iter()
                .try_for_each(|client| client.join().unwrap())
        })
    })?;
    let all = CLIENTS * EACH;
    let counters = stage.stop(all)?.counters;
    let connections = counters.connections;
    assert_eq!((connections.accepted, connections.released), (all, all));
    assert_eq!((connections.failed, connections.reset), (0, 0));
    Ok(())
}

pub(crate) fn two_queues_one_shard() -> Result<(), Failed> {
    crowd_on_two_queues(1)
}

pub(crate) fn two_queues_two_shards() -> Result<(), Failed> {
    crowd_on_two_queues(2)
}

/// How soon everything works again after `kill -9`.
const RECOVERY: Duration = Duration::from_secs(1);

pub(crate) fn kill_9() -> Result<(), Failed> {
    let lab = Lab::new(&LabConfig::default())?;
    let server = lab.server_addresses().find(std::net::IpAddr::is_ipv4);
    let at = SocketAddr::new(server.expect("the lab has one"), ECHO);
    let serve = format!("serve --interface sw0 --listen {at}=echo");
    let serving = format!("serving echo on {at}");
    let process = Process::seawall(Some(lab.server()), &serve)?;
    process.wait_for(&serving)?;
    lab.client().run(|| echo(connect(at)?, b"before"))?;
    let mut orphan = lab.client().run(|| connect(at))?;

    process.signal(Signal::SIGKILL)?;
    let killed = Instant::now();
    let listener = lab.server().run(|| TcpListener::bind(at))?;
    // A SYN that came too early is lost, and would be sent again only after a second.
    let patience = Duration::from_millis(50);
    let reached = lab.client().run(|| {
        until("the kernel has its port", || {
            TcpStream::connect_timeout(&at, patience).ok()
        })
    })?;
    let took = killed.elapsed();
    assert!(took < RECOVERY, "it took {took:?}");
    // The one that comes out of the queue may be one that was tried before.
    let from = reached.local_addr()?;
    while listener.accept()?.1 != from {}
    drop((listener, reached));
    // Our connections are gone, and the kernel says so.
    orphan.write_all(b"anybody?")?;
    let error = orphan.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop(process);

    let process = Process::seawall(Some(lab.server()), &serve)?;
    process.wait_for(&serving)?;
    lab.client().run(|| echo(connect(at)?, b"after"))?;
    process.signal(Signal::SIGTERM)?;
    let finished = process.finish()?;
    assert!(finished.status.success(), "{finished:?}");
    assert_eq!(finished.stdout, "");
    assert!(
        finished.stderr.contains("accepted 1, released 1"),
        "{finished:?}"
    );
    Ok(())
}
