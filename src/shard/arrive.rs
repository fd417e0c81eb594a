//! Segments in: parse a burst, hash it, prefetch it, then take one after the other.

use super::at_work::Seat;
use super::connection::Place;
use super::rest::Why;
use super::{Arrival, Counters, Direction, Mesh, Shard, context};
use crate::drop_reason::DropReason;
use crate::limits::{BLOCK_BYTES, BURST_FRAMES};
use crate::nic::{Frame, Port};
use crate::table::{Handle, Sighting};
use crate::tcp::{Actions, State};
use crate::time::Instant;
use crate::wire::{Checksum, IcmpError, Packet, Segment, parse_any, parse_linux_syn, parse_plain};
use arrayvec::ArrayVec;

/// Blocks that the text of one segment may need.
const BLOCKS_PER_SEGMENT: usize = 2;

/// Connections of one burst that are told apart, nearly always.
const LASTS: usize = 1024;

const _: () = assert!(BURST_FRAMES < u8::MAX as usize);

impl<P: Port> Shard<P> {
    // Frames that arrived at other shards and belong here. Half a burst at most: what arrives at
    // our own queues has a turn in every breath.
    pub(super) fn take_parcels(&mut self) {
        let Some(mesh) = &self.mesh else {
            return;
        };
        while self.burst.len() < BURST_FRAMES / 2 {
            let Some(parcel) = mesh.take() else {
                return;
            };
            let frame = mesh
                .queue_of(parcel.interface)
                .and_then(|queue| self.port.allocate(queue));
            if let Some(mut frame) = frame {
                let bytes = parcel.bytes();
                let room = self.port.bytes_mut(&mut frame);
                room[..bytes.len()].copy_from_slice(bytes);
                frame.set_len(bytes.len());
                self.burst.push(frame);
            } else {
                self.counters.drops.count(DropReason::NoFrame);
            }
            mesh.give_back(parcel);
        }
    }

    // All frames of the burst, before any connection is touched: by the time the first segment is
    // processed, the table's lines for the last are on their way.
    pub(super) fn parse(&mut self, now: Instant) {
        let mut errors = ArrayVec::<(IcmpError, Frame), BURST_FRAMES>::new();
        // Where it lies, first come first: a burst is half a kilobyte, whatever is in it.
        self.burst.reverse();
        while let Some(frame) = self.burst.pop() {
            let bytes = self.port.bytes(&frame);
            // Three places that file, so that nothing usual is copied on its way.
            if let Some(packet) = parse_linux_syn(bytes) {
                self.file(frame, packet);
                continue;
            }
            let checksum = checksum_of(&self.config.checksum, frame.queue());
            if let Some(packet) = parse_plain(bytes, checksum) {
                self.file(frame, packet);
                continue;
            }
            match parse_any(bytes, checksum) {
                Ok(packet) => self.file(frame, packet),
                Err(reason) => {
                    let error = IcmpError::parse_if(reason, self.port.bytes(&frame));
                    if let Some(error) = error {
                        errors.push((error, frame));
                        continue;
                    }
                    let (port, counters) = (&mut self.port, &mut self.counters);
                    let neighbours = &mut self.neighbours;
                    neighbours.on_no_segment(frame, reason, port, counters, now);
                }
            }
        }
        self.sight();
        self.counters.segments_in += self.arrivals.len() as u64;
        for (error, frame) in errors.drain(..) {
            self.on_icmp(&error, frame, now);
        }
    }

    // Calls what the segments of the burst will need, as far as the lines of the index tell. Few
    // have to ask a second one, and do so when all others are on their way.
    fn sight(&mut self) {
        let mut further = ArrayVec::<usize, BURST_FRAMES>::new();
        for (n, arrival) in self.arrivals.iter_mut().enumerate() {
            match self.table.sight(arrival.hash) {
                Sighting::Nobody => {}
                Sighting::At(slot) => {
                    arrival.candidate = Some(slot);
                    self.table.prefetch_value(slot);
                }
                Sighting::FurtherOn => further.push(n),
            }
        }
        for &n in &further {
            let arrival = &mut self.arrivals[n];
            arrival.candidate = self.table.look_further(arrival.hash);
            if let Some(slot) = arrival.candidate {
                self.table.prefetch_value(slot);
            }
        }
        let is_flooded = self.cookies.is_on();
        for arrival in &self.arrivals {
            if let Some(slot) = arrival.candidate {
                self.call_at_work(slot);
            } else if arrival.packet.segment.ctl.syn && !is_flooded {
                // It is likely to get a slot.
                self.table.prefetch_room(arrival.hash);
            }
        }
        if self.arrivals.len() > 1 {
            self.mark_followed();
        }
    }

    // Marks the arrivals that others of their connection come behind. By the lowest bits of a slot,
    // the last arrival so far, and one more: two connections that share these pass for one, and then
    // what might be short takes the long way.
    fn mark_followed(&mut self) {
        let mut last = [0_u8; LASTS];
        for n in 0..self.arrivals.len() {
            let Some(slot) = self.arrivals[n].candidate else {
                continue;
            };
            let before = core::mem::replace(&mut last[slot as usize % LASTS], n as u8 + 1);
            if let Some(before) = usize::from(before).checked_sub(1) {
                self.arrivals[before].is_followed = true;
            }
        }
    }

    /// Calls the place of a connection that is at work, and its timer; its slot was called before.
    #[inline]
    pub(super) fn call_at_work(&self, slot: u32) {
        let handle = self.table.handle_at(slot);
        if let Some(Place::AtWork(place)) = handle.and_then(|it| self.table.get(it)) {
            self.at_work.prefetch(*place);
            self.wheel.prefetch(slot);
        }
    }

    // Keeps a packet for its turn, unless its connection is another shard's.
    #[expect(
        clippy::inline_always,
        reason = "what was parsed goes straight to its place among the arrivals"
    )]
    #[inline(always)]
    fn file(&mut self, frame: Frame, packet: Packet) {
        let hash = self.table.hash(&packet.tuple);
        if let Some(mesh) = &self.mesh
            && let Some(owner) = mesh.other_owner(frame.queue(), hash)
        {
            return hand_over(mesh, owner, frame, &mut self.port, &mut self.counters);
        }
        self.table.prefetch(hash);
        self.arrivals.push(Arrival {
            frame: Some(frame),
            packet,
            hash,
            candidate: None,
            is_followed: false,
        });
    }

    pub(super) fn arrive(&mut self, now: Instant) {
        let mut arrivals = core::mem::take(&mut self.arrivals);
        let insertions = self.table.insertions();
        let mut done = 0;
        while let Some(rest @ [_, ..]) = arrivals.get_mut(done..) {
            // A flood is all misses, and each was seen to be one when its slot was called.
            let misses_hold = self.table.insertions() == insertions;
            let count = if misses_hold {
                self.on_syns(rest, now)
            } else {
                0
            };
            if let ([arrival, ..], 0) = (rest, count) {
                self.take_turn(arrival, misses_hold, now);
            }
            done += count.max(1);
        }
        arrivals.clear();
        self.arrivals = arrivals;
    }

    fn take_turn(&mut self, arrival: &mut Arrival, misses_hold: bool, now: Instant) {
        let (packet, hash) = (&arrival.packet, arrival.hash);
        let Some(frame) = arrival.frame.take() else {
            return;
        };
        let found = match arrival.candidate {
            Some(slot) => self.table.find_at(slot, hash, &packet.tuple),
            None if misses_hold => None,
            None => self.table.find(hash, &packet.tuple),
        };
        match found {
            Some(handle) if handle.is_retired() => {
                self.on_segment_in_time_wait(handle, packet, frame, hash, now);
            }
            Some(handle) if !arrival.is_followed && self.has_room_for(&packet.segment) => {
                if let Err(frame) = self.take_predicted(handle, packet, frame, now) {
                    self.on_segment(handle, packet, frame, hash, now);
                }
            }
            Some(handle) => self.on_segment(handle, packet, frame, hash, now),
            None => self.on_stranger(packet, frame, hash, None, now),
        }
    }

    fn on_segment(
        &mut self,
        handle: Handle,
        packet: &Packet,
        frame: Frame,
        hash: u64,
        now: Instant,
    ) {
        if !self.has_room_for(&packet.segment) {
            return self.refuse(frame, DropReason::NoBuffer);
        }
        match self.wake(handle, Why::ToWork, now) {
            Some(seat) => self.take_in(seat, packet, frame, hash, now),
            None => self.refuse(frame, DropReason::AtWorkFull),
        }
    }

    /// A segment of a connection. There is room for its text.
    pub(super) fn take_in(
        &mut self,
        seat: Seat,
        packet: &Packet,
        frame: Frame,
        hash: u64,
        now: Instant,
    ) {
        let seg = &packet.segment;
        // Asked before, for a block that gives way is closed by that.
        let may_reopen = seg.ctl.syn && self.may_begin(packet).is_ok();
        let mut cx = context(&self.config.tcp, &packet.tuple, now);
        // Text out of order needs blocks for the holes before it as well, a whole window at most,
        // and leaves some free: otherwise what waits could keep out the text that it waits for.
        let window = self.config.tcp.receive_buffer as usize / BLOCK_BYTES + 2;
        cx.may_store = self.received.free_blocks() >= window + BLOCKS_PER_SEGMENT;
        cx.may_reopen = may_reopen;
        let connection = &mut self.at_work[seat];
        let before = connection.tcb.state();
        let mut out = Actions::default();
        connection.tcb.on_segment(seg, &cx, &mut out);
        let after = connection.tcb.state();
        if out.dropped.is_none() {
            // The peer may have moved to another queue, or to another router.
            connection.queue = frame.queue();
            connection.tos = packet.tos;
            connection.link = packet.link.reversed();
        }
        if let Some(iss_min) = out.reopen {
            // It opens a new connection, and is seen and counted there.
            self.forget(seat.handle, before, now);
            return self.on_stranger(packet, frame, hash, Some(iss_min), now);
        }
        if out.dropped.is_some()
            && let Some((listener, mss)) = self.begin_anew(seat, packet, before, now)
        {
            return self.on_cookie(packet, frame, hash, mss, listener, now);
        }
        self.note_arrival(packet, after, &mut out, now);
        self.act(seat, before, &out, Some((packet, frame)), now);
    }

    /// A segment was taken by a connection, which is in state `after`, or was not: tells the tap,
    /// counts the drop, and takes the reply back when there is no budget for it.
    pub(super) fn note_arrival(
        &mut self,
        packet: &Packet,
        after: State,
        out: &mut Actions,
        now: Instant,
    ) {
        if let Some(tap) = &mut self.tap {
            tap.on_segment(now, Direction::In, &packet.tuple, &packet.segment, after);
        }
        if let Some(mut reason) = out.dropped {
            if out.reply.is_some() && !self.challenge_budget.take(now) {
                out.reply = None;
                reason = DropReason::ReplyBudget;
            }
            self.counters.drops.count(reason);
        }
    }

    /// Are there blocks for the text of a segment?
    pub(super) const fn has_room_for(&self, seg: &Segment) -> bool {
        seg.text_len == 0 || self.received.free_blocks() >= BLOCKS_PER_SEGMENT
    }
}

/// A frame of a connection that another shard owns.
pub(super) fn hand_over<P: Port>(
    mesh: &Mesh,
    owner: usize,
    frame: Frame,
    port: &mut P,
    counters: &mut Counters,
) {
    if mesh.hand_over(owner, frame.queue(), port.bytes(&frame)) {
        counters.handed_over += 1;
    } else {
        counters.drops.count(DropReason::HandOffFull);
    }
    port.release(frame);
}

fn checksum_of(rules: &[Checksum], queue: u16) -> Checksum {
    let rule = rules.get(usize::from(queue)).or(rules.last());
    rule.copied().unwrap_or(Checksum::Verify)
}
