//! Numbers out of an input, front to back. Zero when it has ended, so every input means something,
//! and a shorter one means nearly the same.

/// The rest of an input.
#[derive(Debug)]
pub struct Octets<'a>(pub &'a [u8]);

impl<'a> Octets<'a> {
    /// Is nothing left?
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next octet.
    pub fn u8(&mut self) -> u8 {
        let [octet] = self.array();
        octet
    }

    /// The next two octets.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// The next octet, with its sign.
    pub fn i8(&mut self) -> i8 {
        i8::from_be_bytes(self.array())
    }

    /// The next `len` octets, or all that are left.
    pub fn slice(&mut self, len: usize) -> &'a [u8] {
        let (front, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        front
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let front = self.slice(N);
        array[..front.len()].copy_from_slice(front);
        array
    }
}
