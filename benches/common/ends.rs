//! Who talks to whom.

use seawall::wire::{Address, Endpoint, FourTuple};

pub(crate) const SERVER: Endpoint = Endpoint {
    address: Address::v4([198, 51, 100, 1]),
    port: 80,
};

/// Ports of one client address.
pub(crate) const PORTS: u32 = 50_000;

/// The n-th connection, seen from the server: every port, then the next address.
pub(crate) fn tuple(n: u32) -> FourTuple {
    let address = 0x0a00_0002 + n / PORTS;
    FourTuple {
        local: SERVER,
        remote: Endpoint {
            address: Address::v4(address.to_be_bytes()),
            port: (1024 + n % PORTS) as u16,
        },
    }
}
