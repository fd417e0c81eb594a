//! A [`Port`] around a port, which writes down all frames that come and go.
//!
//! The file is classic pcap with nanoseconds, as `tcpdump` and Wireshark read it.

use super::{Burst, Frame, Port, PortCounters};
use crate::time::{Duration, Instant};
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, PcapError, TsResolution};
use std::io::{self, BufWriter, Write};
use std::os::fd::BorrowedFd;

/// Octets that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 18;

/// Records what passes through port `P` to `W`.
///
/// A frame counts as sent when it is transmitted: one that then finds the transmit ring full is in
/// the file although it never left. What is in the buffer is written when the recorder is dropped;
/// [`Recorder::finish`] also says whether that worked.
#[derive(Debug)]
pub struct Recorder<P, W: Write> {
    port: P,
    // `None` after an error: half a record makes all behind it worthless.
    writer: Option<PcapWriter<BufWriter<W>>>,
    error: Option<io::Error>,
    epoch: Duration,
}

impl<P: Port, W: Write> Recorder<P, W> {
    /// Records `port` to `out`; `epoch` is the time from 1970 to the shard's [`Instant::ZERO`].
    ///
    /// # Errors
    /// What writing the header of the file said.
    pub fn new(port: P, out: W, epoch: Duration) -> io::Result<Self> {
        let header = PcapHeader {
            ts_resolution: TsResolution::NanoSecond,
            datalink: DataLink::ETHERNET,
            ..PcapHeader::default()
        };
        let out = BufWriter::with_capacity(BUFFER_BYTES, out);
        let writer = PcapWriter::with_header(out, header).map_err(to_io)?;
        Ok(Self {
            port,
            writer: Some(writer),
            error: None,
            epoch,
        })
    }

    /// The error that ended the recording, once. Traffic goes on without it.
    pub const fn error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// The port inside, for what only it can tell.
    pub const fn port(&mut self) -> &mut P {
        &mut self.port
    }

    /// Ends the recording and gives the port back, with `out` unless an error ended it before.
    ///
    /// # Errors
    /// The error that ended the recording, if it was not asked for before, or that of writing what
    /// was left.
    pub fn finish(self) -> (P, io::Result<Option<W>>) {
        let out = match (self.error, self.writer) {
            (Some(error), _) => Err(error),
            (None, None) => Ok(None),
            (None, Some(writer)) => match writer.into_writer().into_inner() {
                Ok(out) => Ok(Some(out)),
                Err(unwritten) => Err(unwritten.into_error()),
            },
        };
        (self.port, out)
    }

    fn record(&mut self, now: Instant, frame: &Frame) {
        let Some(writer) = &mut self.writer else {
            return;
        };
        let octets = self.port.bytes(frame);
        let timestamp = self.epoch.saturating_add(now - Instant::ZERO);
        let packet = PcapPacket::new(timestamp, octets.len() as u32, octets);
        if let Err(error) = writer.write_packet(&packet) {
            self.error = Some(to_io(error));
            self.writer = None;
        }
    }
}

fn to_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

impl<P: Port, W: Write> Port for Recorder<P, W> {
    fn receive(&mut self, now: Instant, burst: &mut Burst) {
        let known = burst.len();
        self.port.receive(now, burst);
        for frame in burst.iter().skip(known) {
            self.record(now, frame);
        }
    }

    fn allocate(&mut self, queue: u16) -> Option<Frame> {
        self.port.allocate(queue)
    }

    fn bytes(&self, frame: &Frame) -> &[u8] {
        self.port.bytes(frame)
    }

    fn bytes_mut(&mut self, frame: &mut Frame) -> &mut [u8] {
        self.port.bytes_mut(frame)
    }

    fn transmit(&mut self, now: Instant, frame: Frame) {
        self.record(now, &frame);
        self.port.transmit(now, frame);
    }

    fn release(&mut self, frame: Frame) {
        self.port.release(frame);
    }

    fn flush(&mut self, now: Instant) {
        self.port.flush(now);
    }

    fn wait(&mut self, timeout: Duration, wake: Option<BorrowedFd<'_>>) {
        self.port.wait(timeout, wake);
    }

    fn queues(&self) -> usize {
        self.port.queues()
    }

    fn counters(&self) -> PortCounters {
        self.port.counters()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nic::memory::{Misfortune, pair};
    use pcap_file::pcap::PcapReader;

    const EPOCH: Duration = Duration::from_secs(1_700_000_000);

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn what_comes_and_goes_is_in_the_file_with_its_time() {
        let (port, mut peer) = pair(Misfortune::default(), 8);
        let mut recorder = Recorder::new(port, Vec::new(), EPOCH).unwrap();
        peer.send_bytes(at(1), b"came");
        let mut burst = Burst::new();
        recorder.receive(at(5), &mut burst);
        recorder.receive(at(6), &mut burst);
        let mut frame = burst.pop().unwrap();
        recorder.bytes_mut(&mut frame)[..4].copy_from_slice(b"goes");
        recorder.transmit(at(7), frame);
        recorder.flush(at(8));
        let unsent = recorder.allocate(0).unwrap();
        recorder.release(unsent);
        assert_eq!(peer.take_bytes(at(9)).as_deref(), Some(&b"goes"[..]));
        assert_eq!(
            (recorder.counters().received, recorder.counters().sent),
            (1, 1)
        );

        let (port, file) = recorder.finish();
        assert_eq!(port.frames_free(), 8);
        let file = file.unwrap().unwrap();
        let mut reader = PcapReader::new(&file[..]).unwrap();
        let mut records = Vec::new();
        while let Some(packet) = reader.next_packet() {
            let packet = packet.unwrap();
            records.push((packet.timestamp, packet.data.into_owned()));
        }
        let time = |nanos| EPOCH + Duration::from_nanos(nanos);
        assert_eq!(
            records,
            [(time(5), b"came".to_vec()), (time(7), b"goes".to_vec())]
        );
    }

    // Takes the header of the file and no more.
    #[derive(Debug)]
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let taken = octets.len().min(self.0);
            self.0 -= taken;
            if taken == 0 {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_reported_once_and_stops_no_traffic() {
        let (port, mut peer) = pair(Misfortune::default(), 8);
        let mut recorder = Recorder::new(port, Full(24), EPOCH).unwrap();
        let mut errors = 0;
        for _ in 0..1000 {
            let mut frame = recorder.allocate(0).unwrap();
            frame.set_len(1500);
            recorder.transmit(at(1), frame);
            recorder.flush(at(1));
            errors += recorder.error().iter().count();
            assert_eq!(peer.drain(at(1)), 1);
        }
        assert_eq!(errors, 1);
        let (port, rest) = recorder.finish();
        assert!(rest.unwrap().is_none());
        assert_eq!(port.frames_free(), 8);
    }

    #[test]
    fn what_is_left_is_written_when_the_recorder_goes() {
        let mut file = Vec::new();
        let (port, _peer) = pair(Misfortune::default(), 8);
        let mut recorder = Recorder::new(port, &mut file, EPOCH).unwrap();
        let mut frame = recorder.allocate(0).unwrap();
        frame.set_len(60);
        recorder.transmit(at(1), frame);
        drop(recorder);
        assert_eq!(file.len(), 24 + 16 + 60);
    }

    #[test]
    fn a_disk_that_fills_at_the_end_is_not_kept_secret() {
        let (port, _peer) = pair(Misfortune::default(), 8);
        let mut recorder = Recorder::new(port, Full(24), EPOCH).unwrap();
        let mut frame = recorder.allocate(0).unwrap();
        frame.set_len(60);
        recorder.transmit(at(1), frame);
        let (_, rest) = recorder.finish();
        assert_eq!(rest.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
