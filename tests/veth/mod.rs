//! Two network namespaces joined by a veth pair, removed when dropped.

use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{Scope, ScopedJoinHandle};

/// The interface in each namespace.
pub(crate) const INTERFACE: &str = "veth0";

/// One end of a pair: a namespace, and its address on the link.
pub(crate) struct End {
    namespace: String,
    pub(crate) address: &'static str,
}

/// Both ends.
pub(crate) struct Pair {
    pub(crate) near: End,
    pub(crate) far: End,
}

impl Pair {
    /// Both ends up, with `queues` queues each.
    pub(crate) fn new(queues: u32) -> Self {
        // Relaxed: only the number must be unique.
        static PAIRS: AtomicU32 = AtomicU32::new(0);
        let pair = PAIRS.fetch_add(1, Ordering::Relaxed);
        let end = |side, address| End {
            namespace: format!("seawall-{}-{pair}-{side}", std::process::id()),
            address,
        };
        let pair = Self {
            near: end("near", "10.77.0.1"),
            far: end("far", "10.77.0.2"),
        };
        for end in [&pair.near, &pair.far] {
            ip(&format!("netns add {}", end.namespace));
        }
        let counts = format!("numtxqueues {queues} numrxqueues {queues}");
        ip(&format!(
            "link add {INTERFACE} netns {} {counts} type veth peer name {INTERFACE} netns {} {counts}",
            pair.near.namespace, pair.far.namespace
        ));
        for end in [&pair.near, &pair.far] {
            // Without IPv6 nothing is on the link that the tests did not send.
            end.run(&["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
            end.run(&[
                "ip",
                "address",
                "add",
                &format!("{}/24", end.address),
                "dev",
                INTERFACE,
            ]);
            end.run(&["ip", "link", "set", INTERFACE, "up"]);
            end.run(&["ip", "link", "set", "lo", "up"]);
        }
        pair
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for end in [&self.near, &self.far] {
            let remove = ["netns", "delete", &end.namespace];
            let _ = Command::new("ip").args(remove).status();
        }
    }
}

impl End {
    /// Runs `work` on a thread of this namespace and waits for it.
    pub(crate) fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| self.spawn(scope, work).join().unwrap())
    }

    /// Runs `work` on a thread of this namespace.
    pub(crate) fn spawn<'scope, T: Send + 'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> ScopedJoinHandle<'scope, T> {
        let namespace = File::open(format!("/run/netns/{}", self.namespace)).unwrap();
        scope.spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        })
    }

    /// Runs a command in this namespace; it must succeed.
    pub(crate) fn run(&self, command: &[&str]) {
        let output = self.output(command);
        assert!(output.status.success(), "{command:?}: {output:?}");
    }

    /// Runs a command in this namespace.
    pub(crate) fn output(&self, command: &[&str]) -> Output {
        let mut ip = Command::new("ip");
        ip.args(["netns", "exec", &self.namespace]).args(command);
        ip.output().unwrap()
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    assert!(status.unwrap().success(), "ip {arguments}");
}
