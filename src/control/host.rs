//! One address on one interface over `AF_XDP`, with sockets: what a program needs to make
//! [`Sockets`]' calls where a kernel's would be. It has no thread: its user breathes.

use super::clock::Clock;
use super::server::ChecksumRule;
use super::whole;
use crate::limits::{FRAME_BYTES, LINK_HEADER_BYTES};
use crate::nic::af_xdp::{self, AfXdp, CopyMode, Program, XdpMode};
use crate::nic::device::Device;
use crate::nic::netlink::{self, Mac, Netlink};
use crate::nic::solicited::SolicitedNodes;
use crate::shard::{Secrets, Shard, ShardConfig};
use crate::socket::{Sockets, SocketsConfig};
use crate::wire::{Address, Checksum, LinkHeader};

/// What a host is to be.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Its interface.
    pub interface: String,
    /// Its address. All TCP to it is ours; ARP, ND and ping too, unless the kernel holds it.
    pub address: Address,
    /// Where the XDP program runs.
    pub xdp_mode: XdpMode,
    /// Zero copy or copy.
    pub copy: CopyMode,
    /// What the checksum of an arriving segment may be.
    pub checksum: ChecksumRule,
    /// Its shard; MTU, Ethernet addresses, checksums and secrets are filled in.
    pub shard: ShardConfig,
}

impl HostConfig {
    /// A host with the settings that a server begins with.
    #[must_use]
    pub fn new(interface: &str, address: Address) -> Self {
        Self {
            interface: interface.to_owned(),
            address,
            xdp_mode: XdpMode::default(),
            copy: CopyMode::default(),
            checksum: ChecksumRule::default(),
            shard: ShardConfig::default(),
        }
    }
}

/// Why a host could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not an address that a host can have.
    #[error("{0} is not the address of one host")]
    NotAnAddress(Address),
    /// An interface that is switched off.
    #[error("{0} is down: switch it on with `ip link set {0} up`")]
    Down(String),
    /// No random numbers.
    #[error("no secrets from the operating system: {0}")]
    Secrets(#[from] getrandom::Error),
    /// The interface could not be looked at.
    #[error(transparent)]
    Device(#[from] netlink::Error),
    /// Program, sockets or rings.
    #[error(transparent)]
    AfXdp(#[from] af_xdp::Error),
}

/// A host that is set up. Dropping it detaches from the interface.
pub struct Host {
    sockets: Sockets<AfXdp>,
    device: Device,
    clock: Clock,
    /// It stays attached as long as this lives.
    _program: Program,
    /// While it lives, solicitations for an address that is ours alone reach us.
    _groups: SolicitedNodes,
}

impl Host {
    /// Sets everything up. From here on the kernel sees no TCP to the address.
    pub fn open(config: &HostConfig) -> Result<Self, Error> {
        let address = config.address;
        if !address.is_unicast() {
            return Err(Error::NotAnAddress(address));
        }
        let device = Device::open(&config.interface)?;
        if !device.link().up {
            return Err(Error::Down(config.interface.clone()));
        }
        let (mut program, port) =
            whole::open::<Error>(&config.interface, config.xdp_mode, config.copy)?;
        let mut shard = Shard::new(port, fill_in(config, &device)?);
        let mut groups = SolicitedNodes::default();
        if !Netlink::open()?.is_held(address.to_ip())? {
            program.answer_neighbours(address)?;
            shard.answer_for(address);
            if let Err(error) = groups.join(device.index(), &[address]) {
                tracing::warn!("neighbours may not find {address}: {error}");
            }
        }
        program.own_address(address)?;
        let mut seed = [0; 8];
        getrandom::fill(&mut seed)?;
        let sockets = SocketsConfig {
            seed: u64::from_ne_bytes(seed),
            ..SocketsConfig::new(vec![address])
        };
        Ok(Self {
            sockets: Sockets::new(shard, sockets),
            device,
            clock: Clock::start(),
            _program: program,
            _groups: groups,
        })
    }

    /// Its sockets.
    pub const fn sockets(&mut self) -> &mut Sockets<AfXdp> {
        &mut self.sockets
    }

    /// Its interface, as it was when it was opened.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Its clock: the time that its sockets' calls want.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Connections to `address` go to the neighbour with this Ethernet address.
    pub fn add_neighbour(&mut self, address: Address, mac: Mac) {
        let link = LinkHeader::new(mac.0, self.device.mac().0);
        self.sockets.add_neighbour(address, link);
    }
}

fn fill_in(config: &HostConfig, device: &Device) -> Result<ShardConfig, Error> {
    let mut shard = config.shard.clone();
    // What a frame cannot carry is not announced.
    let mtu_max = (FRAME_BYTES - LINK_HEADER_BYTES) as u32;
    shard.tcp.mtu = shard.tcp.mtu.min(device.mtu().min(mtu_max) as u16);
    shard.macs = vec![device.mac().0];
    shard.secrets = Secrets::draw()?;
    shard.checksum = vec![if config.checksum.trusts_partial(device.is_virtual()) {
        Checksum::TrustPartial
    } else {
        Checksum::Verify
    }];
    Ok(shard)
}
