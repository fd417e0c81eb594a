//! Who stands the flood: ours, and peers. Each listens at the same address, on the same core, and
//! gives the same answer.

use super::Error;
use super::arena::{Arena, BULK, SERVER_CPU, TARGET};
use super::kernel::KernelServer;
use super::l2fwd::L2fwd;
use super::sink::Sink;
use crate::control::namespace::Namespace;
use crate::control::server::{CookiePath, Server, ServerConfig};
use crate::control::worker::Idle;
use crate::service::{Discard, Http};
use crate::time::Duration;
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// How long `serve` stays in TIME-WAIT. Its honest clients come by the hundred thousand.
const TIME_WAIT: Duration = Duration::from_secs(1);

/// A SYN is answered by the proxy, and the kernel learns of a connection whose client is real.
const RULES: &str = "\
table ip resilience {
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    tcp dport 80 tcp flags & (fin|syn|rst|ack) == syn notrack
  }
  chain input {
    type filter hook input priority filter; policy accept;
    tcp dport 80 ct state invalid,untracked synproxy mss 1460 wscale 7 sack-perm
    ct state invalid drop
  }
}
";

/// What the rules need of the tracker.
const TRACKER: [(&str, &str); 2] = [
    ("net.netfilter.nf_conntrack_tcp_loose", "0"),
    // A tuple that comes again while the tracker remembers it would hang.
    ("net.netfilter.nf_conntrack_tcp_timeout_time_wait", "0"),
];

/// A contestant, by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Against {
    /// This program: SYN cookies over `AF_XDP`
    Serve,
    /// This program: SYN cookies in the driver, by its XDP program
    ServeXdp,
    /// The kernel's own listener with SYN cookies
    Kernel,
    /// The kernel's listener behind the synproxy of nftables
    NftSynproxy,
}

impl Against {
    /// As it stands in rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::ServeXdp => "serve-xdp",
            Self::Kernel => "kernel",
            Self::NftSynproxy => "nft-synproxy",
        }
    }
}

/// Is the tool there that [`Against::NftSynproxy`] needs?
#[must_use]
pub fn has_nft() -> bool {
    let version = Command::new("nft")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// Whoever has been started in the server's namespace. Dropping it stops it, too.
pub(super) trait Contestant: Send {
    /// Stops it, and says what went wrong while it ran, if anything did.
    fn stop(self: Box<Self>) -> Result<(), Error>;
}

/// Starts one. It can be connected to when this returns.
pub(super) fn start(against: Against, arena: &Arena) -> Result<Box<dyn Contestant>, Error> {
    let server = arena.server();
    match against {
        Against::Serve => serve(arena, CookiePath::Shard),
        Against::ServeXdp => serve(arena, CookiePath::Xdp),
        Against::Kernel => Ok(Box::new(OnKernel::start(arena)?)),
        Against::NftSynproxy => {
            let contestant = OnKernel::start(arena)?;
            load_rules(server)?;
            for (name, value) in TRACKER {
                server.sysctl(name, value)?;
            }
            Ok(Box::new(contestant))
        }
    }
}

/// Starts the forwarder that is the ceiling for [`Against::Serve`].
pub(super) fn start_l2fwd(arena: &Arena) -> Result<Box<dyn Contestant>, Error> {
    let l2fwd = L2fwd::start(arena.server(), arena.flooded_interface())?;
    Ok(Box::new(l2fwd))
}

fn serve(arena: &Arena, path: CookiePath) -> Result<Box<dyn Contestant>, Error> {
    let mut config = ServerConfig::new("");
    config.cookie_path.path = path;
    let interfaces = arena.server_interfaces().iter();
    config.interfaces = interfaces.map(|&name| name.to_owned()).collect();
    config.cpus = vec![SERVER_CPU];
    config.shards = Some(1);
    // Clients share the core.
    config.idle = Idle::Poll;
    config.shard.tcp.time_wait = TIME_WAIT;
    let config = config
        .listen(TARGET.into(), || Box::<Http>::default())
        .listen(BULK.into(), || Box::<Discard>::default());
    let server = arena.server().run(|| Server::start(config))?;
    Ok(Box::new(server))
}

impl Contestant for Server {
    fn stop(self: Box<Self>) -> Result<(), Error> {
        let totals = (*self).stop()?;
        tracing::info!("serve: {totals:?}");
        Ok(())
    }
}

impl Contestant for L2fwd {
    fn stop(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}

/// A listener of the kernel.
struct OnKernel {
    server: KernelServer,
    // A veth takes live frames only while there is a program: this one passes all that comes here.
    _pass: Sink,
}

impl OnKernel {
    fn start(arena: &Arena) -> Result<Self, Error> {
        let pass = arena
            .server()
            .run(|| Sink::attach(arena.flooded_interface()))?;
        Ok(Self {
            server: KernelServer::start(arena.server())?,
            _pass: pass,
        })
    }
}

impl Contestant for OnKernel {
    fn stop(self: Box<Self>) -> Result<(), Error> {
        Ok(self.server.stop()?)
    }
}

fn load_rules(namespace: &Namespace) -> Result<(), Error> {
    let output = namespace.run(|| -> io::Result<_> {
        let mut nft = Command::new("nft")
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = nft.stdin.take() {
            stdin.write_all(RULES.as_bytes())?;
        }
        nft.wait_with_output()
    });
    let output = output.map_err(|error| Error::Nft(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::Nft(said.trim().replace('\n', "; ")))
}
