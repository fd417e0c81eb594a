//! An `AF_XDP` socket that no frame arrives at.

use nix::sched::{CloneFlags, unshare};
use seawall::nic::af_xdp::{AfXdp, CopyMode, Filter, Lane, PortConfig, QueueSpec, RingSizes};
use std::os::fd::BorrowedFd;
use std::process::Command;

/// Runs `test` with an `AF_XDP` socket on the loopback of a network namespace of its own.
pub(crate) fn with_socket(test: impl FnOnce(BorrowedFd<'_>) + Send) {
    let in_namespace = || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        assert!(up.unwrap().success());
        let config = PortConfig {
            rings: RingSizes {
                receive: 64,
                syns: 64,
                transmit: 64,
                fill: 64,
                completion: 64,
            },
            copy: CopyMode::On,
            ..PortConfig::default()
        };
        let port = AfXdp::open(&[QueueSpec::new("lo", 0)], &config).unwrap();
        let (_, _, socket) = port.sockets().next().unwrap();
        test(socket);
    };
    std::thread::scope(|scope| scope.spawn(in_namespace).join().unwrap());
}

/// Redirects to `socket` what comes by queue 0.
pub(crate) fn register(filter: &mut Filter, socket: BorrowedFd<'_>) {
    for lane in [Lane::Segments, Lane::Syns] {
        filter.register(0, lane, socket).unwrap();
    }
}
