//! The XDP program of an interface: attached by a link that dies with the process.

use super::answers::Answers;
use super::error::{Error, errno};
use super::filter::Filter;
use super::occupant::{Occupant, occupant};
use super::socket::Lane;
use super::verdict::Verdicts;
use crate::nic::device::driver_of;
use crate::wire::{Address, Endpoint};
use aya::programs::ProgramError;
use aya::programs::XdpMode::{Driver, Skb};
use std::io;
use std::os::fd::BorrowedFd;

/// Where in the receive path the program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum XdpMode {
    /// In the driver where that works, else after it.
    #[default]
    Auto,
    /// In the driver.
    Native,
    /// After the driver: works everywhere, slower.
    Generic,
}

/// The program of one interface. Detached when dropped.
pub struct Program {
    filter: Filter,
    is_native: bool,
}

impl Program {
    /// Loads the program and attaches it to `interface` of this network namespace. Nothing is
    /// owned yet, so it passes everything.
    ///
    /// # Errors
    /// No privilege, no such interface, another program in the way, or a driver that refuses.
    pub fn attach(interface: &str, mode: XdpMode) -> Result<Self, Error> {
        let mut filter = Filter::load_for(interface)?;
        let is_native = match mode {
            XdpMode::Native => attach_to(&mut filter, true)?,
            XdpMode::Generic => attach_to(&mut filter, false)?,
            XdpMode::Auto => match attach_to(&mut filter, true) {
                Err(Error::Attach { .. }) => attach_to(&mut filter, false)?,
                result => result?,
            },
        };
        Ok(Self { filter, is_native })
    }

    /// Does it run in the driver?
    #[must_use]
    pub const fn is_native(&self) -> bool {
        self.is_native
    }

    /// The interface that it is attached to.
    #[must_use]
    pub fn interface(&self) -> &str {
        self.filter.interface()
    }

    /// As [`Filter::own`].
    ///
    /// # Errors
    /// The table is full.
    pub fn own(&mut self, endpoint: Endpoint) -> Result<(), Error> {
        self.filter.own(endpoint)
    }

    /// As [`Filter::own_listener`].
    ///
    /// # Errors
    /// The table is full.
    pub fn own_listener(&mut self, endpoint: Endpoint, number: u32) -> Result<(), Error> {
        self.filter.own_listener(endpoint, number)
    }

    /// As [`Filter::answers`].
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn answers(&self) -> Result<Answers, Error> {
        self.filter.answers()
    }

    /// As [`Filter::own_address`].
    ///
    /// # Errors
    /// The table is full.
    pub fn own_address(&mut self, address: Address) -> Result<(), Error> {
        self.filter.own_address(address)
    }

    /// As [`Filter::disown`].
    ///
    /// # Errors
    /// The table cannot be reached.
    pub fn disown(&mut self, endpoint: Endpoint) -> Result<(), Error> {
        self.filter.disown(endpoint)
    }

    /// As [`Filter::disown_address`].
    ///
    /// # Errors
    /// The table cannot be reached.
    pub fn disown_address(&mut self, address: Address) -> Result<(), Error> {
        self.filter.disown_address(address)
    }

    /// As [`Filter::answer_neighbours`].
    ///
    /// # Errors
    /// The table is full.
    pub fn answer_neighbours(&mut self, address: Address) -> Result<(), Error> {
        self.filter.answer_neighbours(address)
    }

    /// As [`Filter::leave_neighbours`].
    ///
    /// # Errors
    /// The table cannot be reached.
    pub fn leave_neighbours(&mut self, address: Address) -> Result<(), Error> {
        self.filter.leave_neighbours(address)
    }

    /// As [`Filter::register`].
    ///
    /// # Errors
    /// `queue` is not below [`QUEUES_MAX`](super::QUEUES_MAX), or `socket` is no `AF_XDP` socket.
    pub fn register(
        &mut self,
        queue: u32,
        lane: Lane,
        socket: BorrowedFd<'_>,
    ) -> Result<(), Error> {
        self.filter.register(queue, lane, socket)
    }

    /// As [`Filter::verdicts`].
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn verdicts(&self) -> Result<Verdicts, Error> {
        self.filter.verdicts()
    }
}

/// Attaches the program in the driver or after it; says which.
fn attach_to(filter: &mut Filter, native: bool) -> Result<bool, Error> {
    let mode = if native { Driver } else { Skb };
    match filter.attach(mode) {
        Ok(()) => Ok(native),
        Err(error) => Err(attach_error(filter.interface(), native, &error)),
    }
}

fn attach_error(interface: &str, native: bool, error: &ProgramError) -> Error {
    let interface = interface.to_owned();
    if matches!(error, ProgramError::UnknownInterface { .. }) {
        return Error::NoInterface { interface };
    }
    match errno(error) {
        Some(libc::EPERM) => Error::NotPermitted {
            what: format!("attach an XDP program to {interface}"),
        },
        // EEXIST: one is attached in the other mode.
        Some(libc::EBUSY | libc::EEXIST) => Error::Occupied {
            occupant: occupant(&interface)
                .ok()
                .flatten()
                .unwrap_or(Occupant::UNKNOWN),
            interface,
        },
        number => Error::Attach {
            driver: driver_of(&interface),
            interface,
            mode: if native { "native" } else { "generic" },
            source: number.map_or_else(
                || io::Error::other(error.to_string()),
                io::Error::from_raw_os_error,
            ),
        },
    }
}
