//! The XDP program in the kernel: loaded from the object in this binary, told what is owned, asked
//! what it saw. Where it is attached is `program.rs`.

use super::answers::{AnswerMaps, Answers, LISTENERS_MAX, map_error, read_verdicts};
use super::doors::Doors;
use super::error::{Error, errno};
use super::socket::Lane;
use super::verdict::{VERDICTS, Verdicts};
use crate::wire::{Address, Endpoint};
use aya::maps::{HashMap, Map, MapData, MapError, PerCpuArray, XskMap};
use aya::programs::{ProgramError, ProgramFd, TestRun, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Receive queues that can have sockets: `QUEUES_MAX` of `xdp/seawall.h`.
pub const QUEUES_MAX: u32 = 64;

/// Sockets of a queue: `LANES` of `xdp/seawall.h`.
const LANES: u32 = 2;

/// `LANE_SEGMENTS` of `xdp/seawall.h`.
const LANE_SEGMENTS: u32 = 0;

/// `LANE_SYNS` of `xdp/seawall.h`.
const LANE_SYNS: u32 = 1;

/// Addresses on which anything can be owned: `ADDRESSES_MAX` of `xdp/seawall.h`.
pub const ADDRESSES_MAX: u32 = 4096;

/// Pairs of address and port that can be owned: `ENDPOINTS_MAX` of `xdp/seawall.h`.
pub const ENDPOINTS_MAX: u32 = 16384;

/// `ADDRESS_WHOLE` of `xdp/seawall.h`: all ports of the address are owned.
const ADDRESS_WHOLE: u32 = 1;

/// `ADDRESS_ALONE` of `xdp/seawall.h`: the kernel does not hold the address.
const ADDRESS_ALONE: u32 = 2;

/// Octets that an answer may be longer than what it answers: options, where a SYN had none.
const GROWTH_MAX: usize = 24;

/// `xdp/seawall.bpf.c`, built by `xdp/build`.
static OBJECT: &[u8] = include_bytes_aligned!("../../../xdp/seawall.bpf.o");

/// `struct endpoint` of `xdp/seawall.h`: address, port in network order, two zeros.
pub(super) type EndpointKey = [u8; 20];

/// What the program tells the kernel to do with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Drop it.
    Drop,
    /// It is the kernel's.
    Pass,
    /// It was made into its answer, which goes back by where it came from.
    Transmit,
    /// It is ours.
    Redirect,
    /// A number that the program never returns.
    Other(u32),
}

/// The program and its tables in the kernel, attached or not.
pub struct Filter {
    /// For messages.
    interface: String,
    addresses: HashMap<MapData, [u8; 16], u32>,
    endpoints: HashMap<MapData, EndpointKey, u32>,
    doors: Doors,
    sockets: XskMap<MapData>,
    verdicts: PerCpuArray<MapData, u64>,
    answers: AnswerMaps,
    whole: BTreeSet<Address>,
    alone: BTreeSet<Address>,
    owned: BTreeSet<Endpoint>,
    /// Owns the program, and its link if it is attached.
    ebpf: Ebpf,
}

impl Filter {
    /// Loads the program without attaching it: proves that this kernel accepts it.
    ///
    /// # Errors
    /// No privilege, or the kernel refuses it.
    pub fn load() -> Result<Self, Error> {
        Self::load_for("no interface")
    }

    /// As [`Filter::load`], for an interface.
    pub(super) fn load_for(interface: &str) -> Result<Self, Error> {
        let mut ebpf = EbpfLoader::new().load(OBJECT).map_err(|error| {
            let number = errno(&error);
            load_error(number, Error::Load(Box::new(error)))
        })?;
        xdp(&mut ebpf).load().map_err(|error| {
            let number = errno(&error);
            load_error(
                number,
                Error::Verify {
                    source: Box::new(error),
                },
            )
        })?;
        let mut take = |name| ebpf.take_map(name).expect("the object has this map");
        let of_its_type = "the map has this type in the object";
        let answers = AnswerMaps {
            control: data(take("control")),
            listeners: data(take("listeners")),
            syns: data(take("syns")),
            blocked: data(take("blocked")),
        };
        Ok(Self {
            interface: interface.into(),
            addresses: take("addresses").try_into().expect(of_its_type),
            endpoints: take("endpoints").try_into().expect(of_its_type),
            doors: Doors::new(take("doors").try_into().expect(of_its_type)),
            sockets: take("xsks").try_into().expect(of_its_type),
            verdicts: take("verdicts").try_into().expect(of_its_type),
            answers,
            whole: BTreeSet::new(),
            alone: BTreeSet::new(),
            owned: BTreeSet::new(),
            ebpf,
        })
    }

    /// TCP to `endpoint` is ours from now on.
    ///
    /// # Errors
    /// The table is full.
    pub fn own(&mut self, endpoint: Endpoint) -> Result<(), Error> {
        self.own_as(endpoint, 0)
    }

    /// As [`Filter::own`], of an endpoint that listens: its SYNs are counted, and answered here as
    /// [`Answers`] say of this number. They say it first.
    ///
    /// # Errors
    /// The table is full.
    pub fn own_listener(&mut self, endpoint: Endpoint, number: u32) -> Result<(), Error> {
        self.own_as(
            endpoint,
            if number < LISTENERS_MAX {
                number + 1
            } else {
                0
            },
        )
    }

    fn own_as(&mut self, endpoint: Endpoint, value: u32) -> Result<(), Error> {
        // The endpoint first: an address on which nothing is owned is passed without a look at it.
        let key = endpoint_key(endpoint);
        let inserted = self.endpoints.insert(key, value, 0);
        inserted.map_err(|error| self.map_error("endpoints", error))?;
        self.doors.set(&self.interface, &key, value)?;
        self.owned.insert(endpoint);
        self.update_address(endpoint.address)
    }

    /// TCP to every port of `address` is ours from now on.
    ///
    /// # Errors
    /// The table is full.
    pub fn own_address(&mut self, address: Address) -> Result<(), Error> {
        self.whole.insert(address);
        self.update_address(address)
    }

    /// TCP to `endpoint` is the kernel's again, unless its whole address is ours.
    ///
    /// # Errors
    /// The table cannot be reached.
    pub fn disown(&mut self, endpoint: Endpoint) -> Result<(), Error> {
        if self.owned.remove(&endpoint) {
            let key = endpoint_key(endpoint);
            self.doors.close(&self.interface, &key)?;
            let removed = self.endpoints.remove(&key);
            removed.map_err(|error| self.map_error("endpoints", error))?;
        }
        self.update_address(endpoint.address)
    }

    /// TCP to `address` is the kernel's again, but for its endpoints that are owned.
    ///
    /// # Errors
    /// The table cannot be reached.
    pub fn disown_address(&mut self, address: Address) -> Result<(), Error> {
        self.whole.remove(&address);
        self.update_address(address)
    }

    /// ARP requests, Neighbor Solicitations and pings for `address` are ours from now on: say so
    /// of addresses that the kernel does not hold, since it would not answer. Of TCP it says
    /// nothing: see [`Filter::own_address`].
    ///
    /// # Errors
    /// The table is full.
    pub fn answer_neighbours(&mut self, address: Address) -> Result<(), Error> {
        self.alone.insert(address);
        self.update_address(address)
    }

    /// Takes [`Filter::answer_neighbours`] back.
    ///
    /// # Errors
    /// The table cannot be reached.
    pub fn leave_neighbours(&mut self, address: Address) -> Result<(), Error> {
        self.alone.remove(&address);
        self.update_address(address)
    }

    /// Makes the entry of `address` say what `whole`, `alone` and `owned` say.
    fn update_address(&mut self, address: Address) -> Result<(), Error> {
        let flag = |set: &BTreeSet<Address>, flag| if set.contains(&address) { flag } else { 0 };
        let flags = flag(&self.whole, ADDRESS_WHOLE) | flag(&self.alone, ADDRESS_ALONE);
        let all = Endpoint { address, port: 0 }..=Endpoint {
            address,
            port: u16::MAX,
        };
        let result = if flags != 0 || self.owned.range(all).next().is_some() {
            self.addresses.insert(address.0, flags, 0)
        } else {
            match self.addresses.remove(&address.0) {
                Err(error) if errno(&error) == Some(libc::ENOENT) => Ok(()),
                result => result,
            }
        };
        result.map_err(|error| self.map_error("addresses", error))
    }

    /// What is ours on receive queue `queue` and belongs to `lane` goes to `socket`.
    ///
    /// # Errors
    /// `queue` is not below [`QUEUES_MAX`], or `socket` is no `AF_XDP` socket.
    pub fn register(
        &mut self,
        queue: u32,
        lane: Lane,
        socket: BorrowedFd<'_>,
    ) -> Result<(), Error> {
        let lane = match lane {
            Lane::Segments => LANE_SEGMENTS,
            Lane::Syns => LANE_SYNS,
        };
        let index = queue.saturating_mul(LANES).saturating_add(lane);
        let result = self.sockets.set(index, socket.as_raw_fd(), 0);
        result.map_err(|error| self.map_error("xsks", error))
    }

    /// Frames by verdict, over all CPUs.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn verdicts(&self) -> Result<Verdicts, Error> {
        read_verdicts(&self.interface, &self.verdicts)
    }

    /// What it answers by itself, to be told so by another thread.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn answers(&self) -> Result<Answers, Error> {
        let shared = self.answers.share(&self.interface, &self.verdicts);
        shared.map_err(|error| self.map_error("control", error))
    }

    /// Runs the program on `frame` as if it had arrived on queue 0, and counts its verdict.
    ///
    /// # Errors
    /// The frame is shorter than an Ethernet header or longer than a page, or no privilege.
    pub fn judge(&mut self, frame: &[u8]) -> Result<Action, Error> {
        self.run(frame, None).map(|(action, _)| action)
    }

    /// As [`Filter::judge`]; `reply` is what the program made of the frame.
    ///
    /// # Errors
    /// As of [`Filter::judge`].
    pub fn answer(&mut self, frame: &[u8], reply: &mut Vec<u8>) -> Result<Action, Error> {
        reply.resize(frame.len() + GROWTH_MAX, 0);
        let (action, len) = self.run(frame, Some(reply))?;
        reply.truncate(len);
        Ok(action)
    }

    fn run(&mut self, frame: &[u8], reply: Option<&mut [u8]>) -> Result<(Action, usize), Error> {
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: reply,
            ..TestRunOptions::default()
        };
        let result = xdp(&mut self.ebpf).test_run(options);
        let result = result.map_err(|error| Error::Judge {
            octets: frame.len(),
            source: Box::new(error),
        })?;
        let action = match result.return_value {
            1 => Action::Drop,
            2 => Action::Pass,
            3 => Action::Transmit,
            4 => Action::Redirect,
            other => Action::Other(other),
        };
        Ok((action, result.data_size_out as usize))
    }

    /// The program, for another that calls it.
    ///
    /// # Errors
    /// It was not loaded, which cannot be.
    pub fn program(&mut self) -> Result<&ProgramFd, Error> {
        let fd = xdp(&mut self.ebpf).fd();
        fd.map_err(|error| Error::Verify {
            source: Box::new(error),
        })
    }

    /// Attaches the program to its interface.
    pub(super) fn attach(&mut self, mode: aya::programs::XdpMode) -> Result<(), ProgramError> {
        xdp(&mut self.ebpf).attach(&self.interface, mode).map(drop)
    }

    /// The interface that it was loaded for.
    pub(super) fn interface(&self) -> &str {
        &self.interface
    }

    fn map_error(&self, map: &'static str, source: MapError) -> Error {
        let room = match map {
            "addresses" => ADDRESSES_MAX,
            "endpoints" => ENDPOINTS_MAX,
            "verdicts" => VERDICTS as u32,
            _ => QUEUES_MAX,
        };
        map_error(&self.interface, map, room, source)
    }
}

/// A map without what aya knows of its type.
fn data(map: Map) -> MapData {
    match map {
        Map::Array(data) | Map::PerCpuArray(data) | Map::LpmTrie(data) => data,
        _ => unreachable!("the object has no other maps of these names"),
    }
}

fn load_error(number: Option<i32>, otherwise: Error) -> Error {
    if number == Some(libc::EPERM) {
        return Error::NotPermitted {
            what: "load the XDP program".into(),
        };
    }
    otherwise
}

/// The program among what was loaded.
fn xdp(ebpf: &mut Ebpf) -> &mut Xdp {
    let program = ebpf.program_mut("seawall");
    let program = program.expect("the object has this program");
    program.try_into().expect("it is an XDP program")
}

fn endpoint_key(endpoint: Endpoint) -> EndpointKey {
    let mut key = [0; 20];
    key[..16].copy_from_slice(&endpoint.address.0);
    key[16..18].copy_from_slice(&endpoint.port.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::IPV6_EXTENSIONS;

    #[test]
    fn the_program_has_the_same_limits() {
        let header = include_str!("../../../xdp/seawall.h");
        for (name, ours) in [
            ("QUEUES_MAX", QUEUES_MAX),
            ("LANES", LANES),
            ("ADDRESSES_MAX", ADDRESSES_MAX),
            ("ENDPOINTS_MAX", ENDPOINTS_MAX),
            ("ADDRESS_WHOLE", ADDRESS_WHOLE),
            ("ADDRESS_ALONE", ADDRESS_ALONE),
            ("IPV6_EXTENSIONS", IPV6_EXTENSIONS as u32),
        ] {
            let line = format!("#define {name} {ours}");
            assert!(
                header.lines().any(|theirs| theirs.starts_with(&line)),
                "{line}"
            );
        }
    }

    #[test]
    fn a_key_holds_the_port_in_network_order() {
        let address = Address::v4([192, 0, 2, 1]);
        let key = endpoint_key(Endpoint { address, port: 80 });
        assert_eq!(key[..12], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
        assert_eq!(key[12..], [192, 0, 2, 1, 0, 80, 0, 0]);
    }
}
