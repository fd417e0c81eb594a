//! Segments out: into the frame that came where there is one, into a fresh one otherwise.

use super::at_work::Seat;
use super::{Direction, Shard, ShardConfig, TOUCHED_MAX, context};
use crate::drop_reason::DropReason;
use crate::nic::{Frame, Port};
use crate::tcp::{Settings, State};
use crate::time::Instant;
use crate::wire::{FourTuple, Headers, Packet, Segment};
use core::num::NonZeroU8;

/// Segments that one connection may send in one breath. The rest waits for the next, so that a
/// bulk transfer cannot hold back a handshake.
const SEGMENTS_PER_BREATH: usize = 64;

impl<P: Port> Shard<P> {
    /// Notes that a connection may have something to send; `frame` may carry it.
    pub(super) fn touch(&mut self, seat: Seat, frame: Option<Frame>) {
        let connection = &mut self.at_work[seat];
        let index = usize::from(connection.touched).wrapping_sub(1);
        let spare = if let Some((_, kept)) = self.touched.get_mut(index) {
            if kept.is_none() {
                *kept = frame;
                return;
            }
            frame
        } else if self.touched.len() < TOUCHED_MAX {
            self.touched.push((seat, frame));
            connection.touched = self.touched.len() as u8;
            return;
        } else {
            self.postpone(seat);
            frame
        };
        if let Some(frame) = spare {
            self.port.release(frame);
        }
    }

    /// All output of this breath, connection by connection: what a burst made necessary is
    /// acknowledged once (MUST-58, MUST-59).
    pub(super) fn send(&mut self, now: Instant) {
        let mut touched = core::mem::take(&mut self.touched);
        for (seat, frame) in touched.drain(..) {
            // Since it was touched it may have left.
            if self.at_work.has(seat) {
                self.send_for(seat, frame, now);
            } else if let Some(frame) = frame {
                self.port.release(frame);
            }
        }
        self.touched = touched;
    }

    // A connection sends what it has, in the frame that is `kept` for it first.
    pub(super) fn send_for(&mut self, seat: Seat, mut kept: Option<Frame>, now: Instant) {
        self.at_work[seat].touched = 0;
        let mut budget = SEGMENTS_PER_BREATH;
        while budget > 0 && self.send_one(seat, &mut kept, now) {
            budget -= 1;
        }
        if budget == 0 {
            self.postpone(seat);
        }
        if let Some(frame) = kept {
            self.port.release(frame);
        }
        let tcb = &self.at_work[seat].tcb;
        if tcb.state() == State::TimeWait && self.retire(seat, now) {
            return;
        }
        self.file_timer(seat);
        self.lay_to_rest(seat, now);
    }

    // Sends the next segment of a connection, in the frame that is `kept` for it or in a fresh
    // one. `false` when there was none to send, or nothing to send it in.
    fn send_one(&mut self, seat: Seat, kept: &mut Option<Frame>, now: Instant) -> bool {
        let connection = &mut self.at_work[seat];
        if !connection.tcb.wants_to_send() {
            return false;
        }
        let queue = connection.queue;
        let Some(mut frame) = kept.take().or_else(|| self.port.allocate(queue)) else {
            // Back-pressure: the turn goes on when frames have come back.
            self.postpone(seat);
            return false;
        };
        let cx = context(&self.config.tcp, &connection.tuple, now);
        let Some(next) = connection.tcb.next(&cx) else {
            *kept = Some(frame);
            return false;
        };
        let segment = &connection.tcb.segment_of(next, &cx);
        let headers = Headers {
            link: &connection.link,
            tuple: &connection.tuple,
            segment,
            hop_limit: hop_limit(connection.tcb.settings(), &self.config),
            tos: connection.tcb.settings().tos,
        };
        let (at, len) = (headers.len(), segment.text_len as usize);
        let bytes = self.port.bytes_mut(&mut frame);
        let copied = bytes.get_mut(at..at + len).map_or(0, |room| {
            self.to_send
                .read_at(&connection.to_send, next.text_offset as usize, room)
        });
        debug_assert_eq!(copied, len, "what is to be sent is in the send queue");
        let total = match connection.tcb.sack_blocks(segment.ctl) {
            blocks if len == 0 && !blocks.is_empty() => headers.emit_sack(bytes, blocks),
            _ => headers.emit(bytes),
        };
        let Some(total) = total else {
            self.refuse(frame, DropReason::NoFrame);
            return false;
        };
        frame.set_len(total);
        frame.set_queue(queue);
        self.counters.segments_again += u64::from(next.again);
        if let Some(tap) = &mut self.tap {
            let (tuple, state) = (&connection.tuple, connection.tcb.state());
            tap.on_segment(now, Direction::Out, tuple, segment, state);
        }
        self.put_out(frame, now);
        true
    }

    /// Answers a segment in its own frame, at once.
    pub(super) fn reply(
        &mut self,
        packet: &Packet,
        frame: Frame,
        segment: &Segment,
        settings: &Settings,
        now: Instant,
    ) {
        self.reply_by(packet, frame, segment, settings, now, |headers, bytes| {
            headers.emit(bytes)
        });
    }

    /// As [`Shard::reply`], with `emit` to write the segment.
    #[inline]
    pub(super) fn reply_by(
        &mut self,
        packet: &Packet,
        mut frame: Frame,
        segment: &Segment,
        settings: &Settings,
        now: Instant,
        emit: impl FnOnce(&Headers<'_>, &mut [u8]) -> Option<usize>,
    ) {
        let link = packet.link.reversed();
        let headers = Headers {
            link: &link,
            tuple: &packet.tuple,
            segment,
            hop_limit: hop_limit(settings, &self.config),
            tos: settings.tos,
        };
        let Some(total) = emit(&headers, self.port.bytes_mut(&mut frame)) else {
            return self.refuse(frame, DropReason::NoFrame);
        };
        frame.set_len(total);
        let state = if self.tap.is_some() {
            self.state_of(&packet.tuple).unwrap_or(State::Closed)
        } else {
            State::Closed
        };
        self.transmit(frame, &packet.tuple, segment, state, now);
    }

    /// Sends a segment without text for a connection, in a fresh frame.
    pub(super) fn send_alone(&mut self, seat: Seat, segment: &Segment, now: Instant) {
        let connection = &self.at_work[seat];
        let tuple = connection.tuple;
        let Some(mut frame) = self.port.allocate(connection.queue) else {
            return self.counters.drops.count(DropReason::NoFrame);
        };
        let headers = Headers {
            link: &connection.link,
            tuple: &tuple,
            segment,
            hop_limit: hop_limit(connection.tcb.settings(), &self.config),
            tos: connection.tcb.settings().tos,
        };
        let state = connection.tcb.state();
        let Some(total) = headers.emit(self.port.bytes_mut(&mut frame)) else {
            return self.refuse(frame, DropReason::NoFrame);
        };
        frame.set_len(total);
        self.transmit(frame, &tuple, segment, state, now);
    }

    fn transmit(
        &mut self,
        frame: Frame,
        tuple: &FourTuple,
        segment: &Segment,
        state: State,
        now: Instant,
    ) {
        if let Some(tap) = &mut self.tap {
            tap.on_segment(now, Direction::Out, tuple, segment, state);
        }
        self.put_out(frame, now);
    }

    fn put_out(&mut self, frame: Frame, now: Instant) {
        self.counters.segments_out += 1;
        self.port.transmit(now, frame);
    }

    fn file_timer(&mut self, seat: Seat) {
        let (slot, deadline) = (seat.handle.slot(), self.at_work[seat].tcb.deadline());
        if deadline.is_armed() {
            self.wheel.arm(slot, deadline);
        } else {
            self.wheel.disarm(slot);
        }
    }
}

// MUST-49
fn hop_limit(settings: &Settings, config: &ShardConfig) -> u8 {
    settings.hop_limit.map_or(config.hop_limit, NonZeroU8::get)
}
