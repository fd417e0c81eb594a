//! Anonymous network namespaces.
//!
//! A [`Namespace`] is a file descriptor and nothing else: no name under `/run/netns`, no process
//! of its own. The kernel takes it down, with every interface in it, once nobody holds it: no
//! descriptor, no thread or process inside, no socket opened there. So it goes with us, also
//! after a panic or `kill -9`.

use crate::nic::netlink::{Error as NetlinkError, InterfaceAddress, Netlink, VethEnd};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::{fs, io};

/// The calling thread's own network namespace. Not `/proc/self`, which is the main thread's.
const OWN_NAMESPACE: &str = "/proc/thread-self/ns/net";

/// Why a namespace, or something in it, could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel gave no namespace.
    #[error(
        "making a network namespace: {0}; run as root, or with CAP_SYS_ADMIN, and outside a \
         container that forbids it"
    )]
    Make(io::Error),
    /// An interface, address or neighbour was refused.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// A setting was refused.
    #[error(
        "setting {name} to {value:?}: {error}; `sysctl -a` lists the settings and their values"
    )]
    Sysctl {
        /// The setting, as `sysctl` names it.
        name: String,
        /// The value it was to get.
        value: String,
        /// Why not.
        error: io::Error,
    },
}

/// A network namespace, held open.
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// A new, empty one, with its loopback interface switched on. Needs `CAP_SYS_ADMIN`.
    pub fn new() -> Result<Self, Error> {
        // A thread that leaves its namespace cannot be given back, so it is one for the purpose.
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open(OWN_NAMESPACE)
        });
        let file = made.join().unwrap_or_else(|panic| resume(panic));
        let namespace = Self(file.map_err(Error::Make)?);
        namespace.run(|| -> Result<(), NetlinkError> {
            let mut netlink = Netlink::open()?;
            let lo = netlink.link("lo")?;
            netlink.set_up(&lo, true)
        })?;
        Ok(namespace)
    }

    /// The one that the calling thread is in.
    pub fn current() -> Result<Self, Error> {
        File::open(OWN_NAMESPACE).map(Self).map_err(Error::Make)
    }

    /// Runs `body` in this namespace and returns what it returns. Sockets that it opens and
    /// processes that it starts stay in the namespace.
    ///
    /// # Panics
    /// When `body` does, and when the process may no longer enter the namespace that it made:
    /// privileges are dropped after the last use, not before.
    pub fn run<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                enter(self.0.as_fd());
                body()
            });
            inside.join().unwrap_or_else(|panic| resume(panic))
        })
    }

    /// Starts a thread of this name in this namespace. The namespace lives while the thread does.
    ///
    /// # Errors
    /// When there are no more threads or descriptors to be had.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: &str,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        let file = self.0.try_clone()?;
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            enter(file.as_fd());
            drop(file);
            body()
        })
    }

    /// Sets a `net.` setting of this namespace, by the name that `sysctl` has for it:
    /// `net.ipv4.ip_local_port_range`.
    pub fn sysctl(&self, name: &str, value: &str) -> Result<(), Error> {
        let set = self.run(|| fs::write(sysctl_path(name), value));
        set.map_err(|error| Error::Sysctl {
            name: name.to_owned(),
            value: value.to_owned(),
            error,
        })
    }

    /// Switches an interface on and gives it these addresses, usable at once.
    pub fn configure(&self, interface: &str, addresses: &[InterfaceAddress]) -> Result<(), Error> {
        self.run(|| {
            let mut netlink = Netlink::open()?;
            let link = netlink.link(interface)?;
            for address in addresses {
                netlink.add_address(&link, *address)?;
            }
            netlink.set_up(&link, true)?;
            Ok(())
        })
    }

    /// Sends what goes to the network `to` by `gateway`, a neighbour on `interface`.
    pub fn set_route(
        &self,
        interface: &str,
        to: InterfaceAddress,
        gateway: IpAddr,
    ) -> Result<(), Error> {
        self.run(|| {
            let mut netlink = Netlink::open()?;
            let link = netlink.link(interface)?;
            netlink.add_route(&link, to, gateway)?;
            Ok(())
        })
    }

    /// Tells this namespace for good which Ethernet addresses `addresses` have: those of
    /// `neighbour`'s interface `its`, reached by our interface `ours`.
    pub fn set_neighbours(
        &self,
        ours: &str,
        neighbour: &Self,
        its: &str,
        addresses: impl IntoIterator<Item = IpAddr> + Send,
    ) -> Result<(), Error> {
        let mac = neighbour.run(|| Netlink::open()?.link(its))?.mac;
        self.run(|| {
            let mut netlink = Netlink::open()?;
            let link = netlink.link(ours)?;
            for address in addresses {
                netlink.add_neighbour(&link, address, mac)?;
            }
            Ok(())
        })
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// One end of a veth pair: a name, in a namespace.
pub type End<'a> = (&'a Namespace, &'a str);

/// Joins two namespaces by a veth pair with `queues` queues at each end, both ends still switched
/// off. The pair goes when either namespace does.
pub fn join(a: End<'_>, b: End<'_>, queues: u32, mtu: u32) -> Result<(), Error> {
    let ends = [a, b].map(|(namespace, name)| VethEnd {
        name,
        namespace: Some(namespace.as_fd()),
    });
    // The request comes from inside one of the two, or another namespace would see both ends for
    // a moment and its name choices would matter.
    a.0.run(|| Netlink::open()?.add_veth(ends, queues, mtu))?;
    Ok(())
}

fn enter(namespace: BorrowedFd<'_>) {
    let entered = setns(namespace, CloneFlags::CLONE_NEWNET);
    entered.expect("a process that may make a network namespace may enter it");
}

fn resume(panic: Box<dyn std::any::Any + Send>) -> ! {
    std::panic::resume_unwind(panic)
}

// A dot within a name is written as a slash, as `sysctl` has it: net.ipv4.conf.eth0/7.rp_filter.
fn sysctl_path(name: &str) -> PathBuf {
    let swapped = name.chars().map(|c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    });
    // Which namespace's settings these are is decided by the thread that opens the file.
    PathBuf::from("/proc/sys").join(swapped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_a_file_whose_dots_are_slashes() {
        let rows = [
            ("net.ipv4.tcp_tw_reuse", "/proc/sys/net/ipv4/tcp_tw_reuse"),
            (
                "net.ipv4.conf.eth0/7.rp_filter",
                "/proc/sys/net/ipv4/conf/eth0.7/rp_filter",
            ),
        ];
        for (name, path) in rows {
            assert_eq!(sysctl_path(name), PathBuf::from(path));
        }
    }
}
