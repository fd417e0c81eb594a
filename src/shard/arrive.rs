//! Segments in: parse a burst, hash it, prefetch it, then take one after the other.

use super::connection::Connection;
use super::{Arrival, Direction, Shard, context};
use crate::drop_reason::DropReason;
use crate::limits::BLOCK_BYTES;
use crate::nic::{Frame, Port};
use crate::table::Handle;
use crate::tcp::{Actions, Listened, State, Tcb, on_listen, reset_for};
use crate::time::Instant;
use crate::wire::{Checksum, Packet, Seq, parse};

/// Blocks that the text of one segment may need.
const BLOCKS_PER_SEGMENT: usize = 2;

impl<P: Port> Shard<P> {
    // All frames of the burst, before any connection is touched: by the time the first segment is
    // processed, the table's lines for the last are on their way.
    pub(super) fn parse(&mut self) {
        for frame in self.burst.drain(..) {
            let checksum = checksum_of(&self.config.checksum, frame.queue());
            match parse(self.port.bytes(&frame), checksum) {
                Ok(packet) => {
                    let hash = self.table.hash(&packet.tuple);
                    self.table.prefetch(hash);
                    self.arrivals.push(Arrival {
                        frame,
                        packet,
                        hash,
                    });
                }
                Err(reason) => {
                    self.counters.drops.count(reason);
                    self.port.release(frame);
                }
            }
        }
        for arrival in &self.arrivals {
            self.table.prefetch_slot(arrival.hash);
        }
        self.counters.segments_in += self.arrivals.len() as u64;
    }

    pub(super) fn arrive(&mut self, now: Instant) {
        let mut arrivals = core::mem::take(&mut self.arrivals);
        for Arrival {
            frame,
            packet,
            hash,
        } in arrivals.drain(..)
        {
            match self.table.find(hash, &packet.tuple) {
                Some(handle) => self.on_segment(handle, &packet, frame, hash, now),
                None => self.on_stranger(&packet, frame, hash, None, now),
            }
        }
        self.arrivals = arrivals;
    }

    fn on_segment(
        &mut self,
        handle: Handle,
        packet: &Packet,
        frame: Frame,
        hash: u64,
        now: Instant,
    ) {
        let free = self.received.free_blocks();
        let Some(connection) = self.table.get_mut(handle) else {
            return self.port.release(frame);
        };
        let seg = &packet.segment;
        if seg.text_len > 0 && free < BLOCKS_PER_SEGMENT {
            self.counters.drops.count(DropReason::NoBuffer);
            return self.port.release(frame);
        }
        let mut cx = context(&self.config.tcp, &packet.tuple, now);
        // Text out of order needs blocks for the holes before it as well, a whole window at most,
        // and leaves some free: otherwise what waits could keep out the text that it waits for.
        let window = self.config.tcp.receive_buffer as usize / BLOCK_BYTES + 2;
        cx.may_store = free >= window + BLOCKS_PER_SEGMENT;
        let before = connection.tcb.state();
        let mut out = Actions::default();
        connection.tcb.on_segment(seg, &cx, &mut out);
        let after = connection.tcb.state();
        if out.dropped.is_none() {
            // The peer may have moved to another queue, or to another router.
            connection.queue = frame.queue();
            connection.link = packet.link.reversed();
        }
        if let Some(iss_min) = out.reopen {
            // It opens a new connection, and is seen and counted there.
            self.forget(handle, before, now);
            return self.on_stranger(packet, frame, hash, Some(iss_min), now);
        }
        if let Some(tap) = &mut self.tap {
            tap.on_segment(now, Direction::In, &packet.tuple, seg, after);
        }
        if let Some(reason) = out.dropped {
            self.counters.drops.count(reason);
        }
        self.act(handle, before, &out, Some((packet, frame)), now);
    }

    // A segment of no connection. `iss_min`: it is a SYN that takes the place of a TIME-WAIT.
    fn on_stranger(
        &mut self,
        packet: &Packet,
        frame: Frame,
        hash: u64,
        iss_min: Option<Seq>,
        now: Instant,
    ) {
        let seg = &packet.segment;
        let Some(&service) = self.listeners.get(&packet.tuple.local) else {
            return match reset_for(seg) {
                Some(reset) => {
                    self.counters.drops.count(DropReason::NoConnection);
                    self.reply(packet, frame, &reset, now);
                }
                None => self.refuse(frame, DropReason::NoListener),
            };
        };
        match on_listen(seg) {
            Listened::Syn => self.on_syn(packet, frame, hash, iss_min, service, now),
            Listened::Reset(reset) => {
                self.counters.drops.count(DropReason::NoConnection);
                self.reply(packet, frame, &reset, now);
            }
            Listened::Drop(reason) => self.refuse(frame, reason),
        }
    }

    fn on_syn(
        &mut self,
        packet: &Packet,
        frame: Frame,
        hash: u64,
        iss_min: Option<Seq>,
        service: u16,
        now: Instant,
    ) {
        if self.table.is_full() && !self.evict_time_wait(now) {
            return self.refuse(frame, DropReason::TableFull);
        }
        let mut iss = self.iss.iss(&packet.tuple, now);
        if let Some(min) = iss_min
            && iss.lt(min)
        {
            iss = min; // RFC 9293 §3.6.1: larger than any number of the old connection
        }
        let ts_offset = self.iss.timestamp_offset(&packet.tuple);
        let cx = context(&self.config.tcp, &packet.tuple, now);
        let tcb = Tcb::on_syn(&packet.segment, iss, ts_offset, &cx);
        let connection = Connection::new(tcb, packet.link.reversed(), frame.queue(), service);
        let Ok(handle) = self.table.insert(hash, packet.tuple, connection) else {
            return self.refuse(frame, DropReason::TableFull);
        };
        self.counters.states[State::SynReceived as usize] += 1;
        if let Some(tap) = &mut self.tap {
            let (tuple, seg) = (&packet.tuple, &packet.segment);
            tap.on_segment(now, Direction::In, tuple, seg, State::SynReceived);
        }
        self.touch(handle, Some(frame));
    }

    pub(super) fn refuse(&mut self, frame: Frame, reason: DropReason) {
        self.counters.drops.count(reason);
        self.port.release(frame);
    }
}

fn checksum_of(rules: &[Checksum], queue: u16) -> Checksum {
    let rule = rules.get(usize::from(queue)).or(rules.last());
    rule.copied().unwrap_or(Checksum::Verify)
}
