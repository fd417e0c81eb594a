//! Lines from a descriptor that is only read when it can be.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::BorrowedFd;

/// The lines that have come so far.
pub(crate) struct Lines<'a> {
    from: BorrowedFd<'a>,
    octets: Vec<u8>,
    is_over: bool,
}

impl<'a> Lines<'a> {
    pub(crate) const fn new(from: BorrowedFd<'a>) -> Self {
        Self {
            from,
            octets: Vec::new(),
            is_over: false,
        }
    }

    /// The next line; at the end, what is left without an end of line.
    pub(crate) fn next(&mut self) -> Option<String> {
        let end = self.octets.iter().position(|octet| *octet == b'\n');
        let end = match end {
            Some(end) => end + 1,
            None if self.is_over && !self.octets.is_empty() => self.octets.len(),
            None => return None,
        };
        let line: Vec<u8> = self.octets.drain(..end).collect();
        Some(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// Will nothing more come?
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes what has come; does not wait.
    pub(crate) fn fill(&mut self) -> io::Result<()> {
        let mut fds = [PollFd::new(self.from, PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::ZERO) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => return Ok(()),
            ready => ready?,
        };
        let mut octets = [0; 4096];
        let n = nix::unistd::read(self.from, &mut octets)?;
        self.octets.extend_from_slice(&octets[..n]);
        self.is_over = n == 0;
        Ok(())
    }
}
