//! The commands, and the sockets by the names that the tester gave them.

use seawall::control::generator::next_hop;
use seawall::control::host::Host;
use seawall::nic::Port;
use seawall::nic::netlink::Mac;
use seawall::socket::{Errno, How, SocketId};
use seawall::time::{Duration, Instant};
use seawall::wire::{Address, Endpoint};
use std::collections::{HashMap, HashSet};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// How long `accept` waits.
const ACCEPT: Duration = Duration::from_secs(1);

/// How late a signal may be noticed.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// How often it is looked whether the kernel knows the way to a peer.
const ASKING: Duration = Duration::from_millis(1);

/// Breaths in a row before commands have a turn: a peer that never falls silent cannot keep the
/// tester waiting.
const BREATHS_MAX: u32 = 64;

/// Octets that one `read` or `write` moves at a time.
const CHUNK: usize = 1 << 14;

pub(crate) struct Session {
    host: Host,
    /// Where connections that we begin go to, if the kernel is not to be asked.
    mac: Option<Mac>,
    reachable: HashSet<Address>,
    names: HashMap<String, SocketId>,
}

impl Session {
    pub(crate) fn new(host: Host, mac: Option<Mac>) -> Self {
        Self {
            host,
            mac,
            reachable: HashSet::new(),
            names: HashMap::new(),
        }
    }

    /// Does all there is to do now.
    pub(crate) fn breathe(&mut self) {
        for _ in 0..BREATHS_MAX {
            let now = self.now();
            let breath = self.host.sockets().breathe(now);
            if !breath.is_busy && breath.received + breath.sent == 0 {
                return;
            }
        }
    }

    /// Sleeps until there is something to do, or `wake` can be read; not for long.
    pub(crate) fn wait(&mut self, wake: Option<BorrowedFd<'_>>) {
        self.sleep(SLEEP_MAX, wake);
    }

    fn sleep(&mut self, most: Duration, wake: Option<BorrowedFd<'_>>) {
        let next = self.host.sockets().next_deadline();
        let sleep = (next - self.now()).min(most);
        self.host.sockets().shard().port().wait(sleep, wake);
    }

    /// Resets what is open, so that peers know.
    pub(crate) fn end(&mut self) {
        let now = self.now();
        self.host.sockets().reset(now);
        self.breathe();
    }

    /// Carries out a command. What comes back is empty where there is nothing to tell.
    pub(crate) fn answer(&mut self, line: &str, stop: &AtomicBool) -> Result<String, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let now = self.now();
        let done = match words[..] {
            ["socket", name] => self.socket(name),
            ["bind", name, address, port] => {
                let (id, at) = (self.id(name), endpoint(address, port)?);
                id.and_then(|id| self.host.sockets().bind(id, at))
            }
            ["listen", name, backlog] => {
                let (id, backlog) = (self.id(name), number(backlog)?);
                id.and_then(|id| self.host.sockets().listen(id, backlog))
            }
            ["accept", name, new] => self.accept(name, new, stop),
            ["connect", name, address, port] => self.connect(name, endpoint(address, port)?, stop),
            ["write", name, count] => return self.write(name, number(count)?),
            ["read", name, count] => return self.read(name, number(count)?),
            ["shutdown", name, how] => {
                let (id, how) = (self.id(name), parse_how(how)?);
                id.and_then(|id| self.host.sockets().shutdown(id, how, now))
            }
            ["close", name] => {
                let id = self.id(name);
                id.and_then(|id| self.host.sockets().close(id, now))
            }
            ["state", name] => {
                let state = self.id(name).and_then(|id| self.host.sockets().state(id));
                return state.map(|state| state.name().to_owned()).map_err(name_of);
            }
            ["reset"] => {
                self.host.sockets().reset(now);
                self.names.clear();
                Ok(())
            }
            [] => return Err("want a command; --help lists them".into()),
            [first, ..] => return Err(format!("unknown command, or not its arguments: {first}")),
        };
        done.map(|()| String::new()).map_err(name_of)
    }

    fn now(&self) -> Instant {
        self.host.clock().now()
    }

    fn id(&self, name: &str) -> Result<SocketId, Errno> {
        self.names.get(name).copied().ok_or(Errno::EBADF)
    }

    // A name may be given again once its socket is closed.
    fn check_name(&mut self, name: &str) -> Result<(), Errno> {
        let is_open = self.id(name).and_then(|id| self.host.sockets().poll(id));
        is_open.map_or(Ok(()), |_| Err(Errno::EEXIST))
    }

    fn socket(&mut self, name: &str) -> Result<(), Errno> {
        self.check_name(name)?;
        let id = self.host.sockets().socket();
        self.names.insert(name.to_owned(), id);
        Ok(())
    }

    fn accept(&mut self, name: &str, new: &str, stop: &AtomicBool) -> Result<(), Errno> {
        let id = self.id(name)?;
        self.check_name(new)?;
        let deadline = self.now() + ACCEPT;
        loop {
            let now = self.now();
            match self.host.sockets().accept(id, now) {
                // Relaxed: the flag says only itself.
                Err(Errno::EAGAIN) if now < deadline && !stop.load(Ordering::Relaxed) => {
                    self.wait(None);
                    self.breathe();
                }
                accepted => {
                    self.names.insert(new.to_owned(), accepted?.0);
                    return Ok(());
                }
            }
        }
    }

    fn connect(&mut self, name: &str, to: Endpoint, stop: &AtomicBool) -> Result<(), Errno> {
        let id = self.id(name)?;
        self.reach(to.address, stop)?;
        let now = self.now();
        match self.host.sockets().connect(id, to, now) {
            Err(Errno::EINPROGRESS) => Ok(()),
            connected => connected,
        }
    }

    // Finds the way to `address`. The kernel may have to ask for it: we go on meanwhile.
    fn reach(&mut self, address: Address, stop: &AtomicBool) -> Result<(), Errno> {
        if !address.is_unicast() || self.reachable.contains(&address) {
            return Ok(());
        }
        let mac = if let Some(mac) = self.mac {
            mac
        } else {
            let device = self.host.device().clone();
            let asking = std::thread::spawn(move || next_hop(&device, address.to_ip()));
            // Relaxed: the flag says only itself.
            while !asking.is_finished() && !stop.load(Ordering::Relaxed) {
                self.breathe();
                self.sleep(ASKING, None);
            }
            let answer = asking.join().map_err(|_| Errno::EIO)?;
            answer.map_err(|error| {
                eprintln!("agent: {error}; --mac names the Ethernet address to use");
                Errno::EHOSTUNREACH
            })?
        };
        self.host.add_neighbour(address, mac);
        self.reachable.insert(address);
        Ok(())
    }

    fn write(&mut self, name: &str, count: u32) -> Result<String, String> {
        let id = self.id(name).map_err(name_of)?;
        let (now, count) = (self.now(), count as usize);
        let mut written = 0;
        loop {
            let text = &[b'x'; CHUNK][..CHUNK.min(count - written)];
            match self.host.sockets().write(id, text, now) {
                Ok(n) => written += n,
                Err(error) if written == 0 => return Err(name_of(error)),
                Err(_) => return Ok(written.to_string()),
            }
            if written == count {
                return Ok(String::new());
            }
        }
    }

    fn read(&mut self, name: &str, count: u32) -> Result<String, String> {
        let id = self.id(name).map_err(name_of)?;
        let (now, count) = (self.now(), count as usize);
        let (mut text, mut read) = ([0; CHUNK], 0);
        loop {
            let room = CHUNK.min(count - read);
            match self.host.sockets().read(id, &mut text[..room], now) {
                Ok(n) if n > 0 => read += n,
                Err(error) if read == 0 => return Err(name_of(error)),
                Ok(_) | Err(_) => return Ok(read.to_string()),
            }
        }
    }
}

fn name_of(error: Errno) -> String {
    format!("{error:?}")
}

fn endpoint(address: &str, port: &str) -> Result<Endpoint, String> {
    let ip: std::net::IpAddr = address
        .parse()
        .map_err(|_| format!("not an address: {address}"))?;
    Ok(Endpoint {
        address: ip.into(),
        port: number(port)?,
    })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("not a number that fits here: {text}"))
}

fn parse_how(text: &str) -> Result<How, String> {
    match text {
        "SHUT_RD" => Ok(How::Read),
        "SHUT_WR" => Ok(How::Write),
        "SHUT_RDWR" => Ok(How::Both),
        _ => Err(format!("not SHUT_RD, SHUT_WR or SHUT_RDWR: {text}")),
    }
}
