//! Carries out what the protocol asks: text to and from the service, buffers, the end.

use super::at_work::Seat;
use super::class::NO_CLASS;
use super::connection::Place;
use super::{Note, Shard, context};
use crate::buffer::{Chain, Pool};
use crate::nic::{Frame, Port};
use crate::service::{Asked, Conn, Reader, Service, Writer};
use crate::table::Handle;
use crate::tcp::{Actions, End, Open, Report, SACK_BLOCKS_MAX, Span, State};
use crate::time::Instant;
use crate::wire::{Packet, SackBlock};
use arrayvec::ArrayVec;

impl<P: Port> Shard<P> {
    /// Carries out `out`. The connection was in state `before`; `arrival` is the segment and its
    /// frame, when one arrived. Afterwards it may have left.
    pub(super) fn act(
        &mut self,
        seat: Seat,
        before: State,
        out: &Actions,
        arrival: Option<(&Packet, Frame)>,
        now: Instant,
    ) {
        self.take_buffers(seat, out, arrival.as_ref());
        let news = out.report == Some(Report::Urgent)
            || out.opened
            || out.acked > 0
            || out.finished
            || out.deliver.len + out.unlocked > 0;
        // The segment that ends a connection may still bring its last text; and what was left
        // unread can be read when its FIN does.
        let is_last = out.finished || out.deliver.len + out.unlocked > 0;
        let is_over = out.ended.is_some() && !is_last;
        let is_shut = self.at_work[seat].tcb.is_shut() && !out.opened;
        if news && !is_over && !is_shut {
            let text = arrival.as_ref().map(|(p, frame)| (*p, frame, out.deliver));
            self.call_service(seat, out.opened, text, now);
        }
        if let Some(report) = out.report {
            self.tell(seat, report);
        }
        let (frame, packet) = match arrival {
            Some((packet, frame)) => (Some(frame), Some(packet)),
            None => (None, None),
        };
        let kept = match (out.reply, frame) {
            (Some(reply), Some(frame)) => {
                let packet = packet.expect("a frame comes with its packet");
                let tcb = &self.at_work[seat].tcb;
                let settings = *tcb.settings();
                let blocks = tcb.sack_blocks(reply.ctl).iter().copied();
                let blocks: ArrayVec<SackBlock, SACK_BLOCKS_MAX> = blocks.collect();
                self.reply_by(packet, frame, &reply, &settings, now, |headers, bytes| {
                    headers.emit_sack(bytes, &blocks)
                });
                None
            }
            (Some(reply), None) => {
                self.send_alone(seat, &reply, now);
                None
            }
            (None, frame) => frame,
        };
        if let Some(end) = out.ended {
            self.end(seat, end);
        }
        self.settle(seat, before, kept, now);
    }

    // What was acknowledged leaves the send queue; text out of order, or behind text that waits,
    // goes into blocks. The number of free blocks was checked before.
    fn take_buffers(&mut self, seat: Seat, out: &Actions, arrival: Option<&(&Packet, Frame)>) {
        let connection = &mut self.at_work[seat];
        self.to_send
            .consume(&mut connection.to_send, out.acked as usize);
        self.counters.text_out += u64::from(out.acked);
        let Some((packet, frame)) = arrival else {
            return;
        };
        self.counters.text_in += u64::from(out.deliver.len + out.unlocked);
        let text = packet.text(self.port.bytes(frame));
        if out.store.len > 0 {
            let offset = connection.received.len() + out.store_ahead as usize;
            let stored =
                self.received
                    .store_ahead(&mut connection.received, offset, part(text, out.store));
            debug_assert!(stored, "free blocks were counted before");
        }
        let waits = !connection.received.is_empty();
        if out.deliver.len > 0 && (waits || out.unlocked > 0 || connection.tcb.has_stored()) {
            let text = part(text, out.deliver);
            let held = self.received.append(&mut connection.received, text);
            debug_assert_eq!(held, text.len(), "free blocks were counted before");
            self.received
                .extend(&mut connection.received, out.unlocked as usize);
        }
    }

    /// Lets the service of a connection run. `span` of the text of `arrival` is new and in order.
    pub(super) fn call_service(
        &mut self,
        seat: Seat,
        opened: bool,
        arrival: Option<(&Packet, &Frame, Span)>,
        now: Instant,
    ) {
        self.call(seat, opened, arrival, now, |service, conn| {
            if opened {
                service.on_open(conn);
            }
            service.on_ready(conn);
        });
    }

    /// Calls `call` with the connection and its service, and does what was asked for; `None`
    /// before ESTABLISHED, and when its user has no connection any more.
    pub(super) fn call<T>(
        &mut self,
        seat: Seat,
        opened: bool,
        arrival: Option<(&Packet, &Frame, Span)>,
        now: Instant,
        call: impl FnOnce(&mut dyn Service, &mut Conn<'_>) -> T,
    ) -> Option<T> {
        let connection = &mut self.at_work[seat];
        let tuple = connection.tuple;
        if opened {
            connection.is_open = true;
            self.counters
                .connections
                .count_opened(connection.tcb.open());
            if let Some(number) = connection.listener
                && let Some(listener) = self.listeners.get_mut(usize::from(number))
            {
                listener.on_open();
            }
        }
        if !connection.is_open {
            return None;
        }
        let frame_text = match arrival {
            Some((packet, frame, span)) if connection.received.is_empty() => {
                part(packet.text(self.port.bytes(frame)), span)
            }
            _ => &[],
        };
        let limit = if connection.tcb.is_send_open() {
            self.config.tcp.send_buffer as usize
        } else {
            0
        };
        let finished = connection.tcb.is_peer_finished();
        let queued = connection.to_send.len();
        let rx = Reader::new(
            frame_text,
            &mut connection.received,
            &mut self.received,
            finished,
        );
        let unread = rx.unread();
        let tx = Writer::new(&mut connection.to_send, &mut self.to_send, limit);
        let mut conn = Conn::new(rx, tx, &mut connection.user, tuple, now);
        conn.urgent = connection.tcb.urgent();
        let service = &mut self.services[usize::from(connection.service)];
        let answer = call(service.as_mut(), &mut conn);
        let called = Called::of(&conn, unread, queued);
        called.hold_left(frame_text, &mut connection.received, &mut self.received);
        self.after_call(seat, &called, now);
        Some(answer)
    }

    /// Does what the service of a connection asked for, whose text is where it belongs.
    pub(super) fn after_call(&mut self, seat: Seat, called: &Called, now: Instant) {
        let connection = &mut self.at_work[seat];
        let cx = context(&self.config.tcp, &connection.tuple, now);
        let (tcb, asked) = (&mut connection.tcb, called.asked);
        if asked.no_delay {
            tcb.set_no_delay(true);
        }
        if called.read > 0 {
            tcb.on_receive(called.read as u32, &cx);
        }
        if called.written > 0 {
            tcb.on_send(called.written as u32, &cx);
        }
        if let Some(end) = asked.urgent {
            tcb.on_send_urgent(end);
        }
        connection.is_starved = called.is_starved;
        if called.is_starved {
            self.postpone(seat);
        }
        if asked.abort || asked.close || asked.finish {
            self.fulfil(seat, asked, now);
        }
    }

    // Ends a connection, or our side of it, as its user asked.
    fn fulfil(&mut self, seat: Seat, asked: Asked, now: Instant) {
        let connection = &mut self.at_work[seat];
        let cx = context(&self.config.tcp, &connection.tuple, now);
        let mut out = Actions::default();
        if asked.abort {
            connection.tcb.on_abort(&mut out);
        } else if asked.close {
            connection.tcb.on_close_both(&cx, &mut out);
        } else {
            connection.tcb.on_close(&cx, &mut out);
        }
        if let Some(reset) = out.reply {
            self.send_alone(seat, &reset, now);
        }
        if let Some(end) = out.ended {
            self.end(seat, end);
        }
    }

    // Asynchronous reports (RFC 9293 §3.9.1.8; MUST-47), to whoever began the connection or was
    // told of it.
    fn tell(&mut self, seat: Seat, report: Report) {
        let connection = &mut self.at_work[seat];
        if connection.is_open || connection.tcb.open() == Open::Active {
            let service = &mut self.services[usize::from(connection.service)];
            service.on_report(&connection.tuple, &mut connection.user, report);
        }
    }

    // The connection is over for its user: tells the service, frees the text.
    fn end(&mut self, seat: Seat, end: End) {
        self.uncount(seat);
        let connection = &mut self.at_work[seat];
        self.received.clear(&mut connection.received);
        self.to_send.clear(&mut connection.to_send);
        if core::mem::replace(&mut connection.is_open, false) {
            self.counters.connections.count_ended(end);
            let service = &mut self.services[usize::from(connection.service)];
            service.on_end(&connection.tuple, &mut connection.user, end);
        } else if connection.tcb.state() == State::Closed {
            self.counters.connections.failed += 1;
            if connection.tcb.open() == Open::Active {
                let service = &mut self.services[usize::from(connection.service)];
                service.on_failed(&connection.tuple, &mut connection.user, end);
            }
        }
    }

    // After an event: counts the change of state, frees what is closed, lets what is in TIME-WAIT
    // send and retire; keeps the rest for this breath's output.
    pub(super) fn settle(&mut self, seat: Seat, before: State, frame: Option<Frame>, now: Instant) {
        let after = self.at_work[seat].tcb.state();
        if after == State::Closed {
            if let Some(frame) = frame {
                self.port.release(frame);
            }
            return self.forget(seat.handle, before, now);
        }
        if before != after {
            self.counters.states[before as usize] -= 1;
            self.counters.states[after as usize] += 1;
            self.note_state(seat.handle, after, now);
        }
        if after == State::TimeWait {
            // Its last ACK leaves now, and then it needs no slot any more.
            return self.send_for(seat, frame, now);
        }
        self.touch(seat, frame);
    }

    // For readers.
    fn note_state(&self, handle: Handle, state: State, now: Instant) {
        if let Some(note) = self.table.note(handle).and_then(Note::from_word) {
            self.table.set_note(handle, note.entered(state, now).into());
        }
    }

    // Frees the slot of a closed connection.
    pub(super) fn forget(&mut self, handle: Handle, before: State, now: Instant) {
        if let (Some(tap), Some(tuple)) = (&mut self.tap, self.table.tuple(handle)) {
            tap.on_closed(now, &tuple);
        }
        let word = self.word(handle);
        let Some(place) = self.table.remove(handle) else {
            return;
        };
        self.counters.states[before as usize] -= 1;
        self.wheel.disarm(handle.slot());
        match place {
            Place::AtWork(place) => self.leave(Seat { handle, place }),
            Place::AtRest(_) => self.classes.leave(word.map_or(NO_CLASS, |word| word.class)),
        }
    }

    /// A connection that is in the table no more leaves its place, and what it had in its hands.
    pub(super) fn leave(&mut self, seat: Seat) {
        self.uncount(seat);
        let Some(connection) = self.at_work.leave(seat.place) else {
            return;
        };
        self.classes.leave(connection.class);
        self.received.clear(&mut connection.received);
        self.to_send.clear(&mut connection.to_send);
        if connection.touched > 0
            && let Some(entry) = self.touched.get_mut(usize::from(connection.touched) - 1)
            && let Some(frame) = entry.1.take()
        {
            self.port.release(frame);
        }
    }
}

/// What a service did while it was called.
pub(super) struct Called {
    asked: Asked,
    /// Octets read.
    read: usize,
    /// Octets written.
    written: usize,
    /// Octets not read that still lie in the frame.
    left: usize,
    /// It had more to write and there was no block.
    is_starved: bool,
}

impl Called {
    /// Before it, so many octets were unread, and so many queued.
    #[inline]
    pub(super) fn of(conn: &Conn<'_>, unread: usize, queued: usize) -> Self {
        Self {
            asked: conn.asked,
            read: unread - conn.rx.unread(),
            written: conn.tx.unacknowledged() - queued,
            left: conn.rx.left_in_frame(),
            is_starved: conn.tx.is_starved(),
        }
    }

    /// What it left in the frame is held in blocks, for the frame goes on its way.
    #[inline]
    pub(super) fn hold_left(&self, frame_text: &[u8], held: &mut Chain, pool: &mut Pool) {
        if self.left > 0 {
            let left = &frame_text[frame_text.len() - self.left..];
            let len = pool.append(held, left);
            debug_assert_eq!(len, self.left, "free blocks were counted before");
        }
    }

    /// Did it read all of so many octets, and do nothing else?
    #[inline]
    pub(super) fn has_only_read(&self, unread: usize) -> bool {
        self.read == unread
            && self.written == 0
            && !self.is_starved
            && self.asked == Asked::default()
    }
}

fn part(text: &[u8], span: Span) -> &[u8] {
    let (start, end) = (span.skip as usize, (span.skip + span.len) as usize);
    text.get(start..end).unwrap_or_default()
}
