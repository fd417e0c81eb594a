//! Text that a connection at rest expects (`tcp::predict`): from its frame to the service, and the
//! acknowledgment back in that frame, while the connection stays where it is. If its service does
//! anything but read, it is woken after all.

use super::act::Called;
use super::connection::{Place, Word};
use super::rest::Why;
use super::{Direction, Shard, context};
use crate::buffer::Chain;
use crate::nic::{Frame, Port};
use crate::service::{Conn, Reader, Writer};
use crate::table::Handle;
use crate::tcp::{Actions, State};
use crate::time::Instant;
use crate::wire::Packet;

impl<P: Port> Shard<P> {
    /// Takes a segment if it is what its connection, at rest, expects; otherwise its frame comes
    /// back. There is room for its text, and none of its connection follows in this burst: what a
    /// burst made necessary is acknowledged once (MUST-58, MUST-59).
    pub(super) fn take_predicted(
        &mut self,
        handle: Handle,
        packet: &Packet,
        frame: Frame,
        now: Instant,
    ) -> Result<(), Frame> {
        let seg = &packet.segment;
        let cx = context(&self.config.tcp, &packet.tuple, now);
        let Some((word, Place::AtRest(rest))) = self.table.word_mut(handle) else {
            return Err(frame);
        };
        let word = Word::from(word);
        let Some(class) = self.classes.get(word.class) else {
            return Err(frame);
        };
        // Who waits to acknowledge needs a place meanwhile: where they are few, nobody waits.
        let is_at_once = rest.tcb.is_young(cx.config) || self.at_work.is_crowded();
        let is_expected = is_at_once
            && rest.tcb.predicts(seg)
            && word.is_open
            && word.tos == packet.tos
            && class.queue == frame.queue()
            && class.link == packet.link.reversed();
        // It may have to be woken.
        if !is_expected || self.at_work.vacancy().is_none() {
            return Err(frame);
        }
        let text = packet.text(self.port.bytes(&frame));
        let (mut received, mut to_send) = (Chain::default(), Chain::default());
        let rx = Reader::new(text, &mut received, &mut self.received, false);
        let limit = self.config.tcp.send_buffer as usize;
        let tx = Writer::new(&mut to_send, &mut self.to_send, limit);
        let mut conn = Conn::new(rx, tx, &mut rest.user, packet.tuple, now);
        self.services[usize::from(class.service)].on_ready(&mut conn);
        let called = Called::of(&conn, text.len(), 0);
        if called.has_only_read(text.len()) {
            let acknowledgment = rest.tcb.take(seg, &cx);
            let settings = class.settings;
            self.counters.text_in += u64::from(seg.text_len);
            if let Some(tap) = &mut self.tap {
                tap.on_segment(now, Direction::In, &packet.tuple, seg, State::Established);
            }
            self.reply(packet, frame, &acknowledgment, &settings, now);
            return Ok(());
        }
        called.hold_left(text, &mut received, &mut self.received);
        let seat = self.wake(handle, Why::ToWork, now);
        let seat = seat.expect("it is at rest, and a place is vacant");
        let connection = &mut self.at_work[seat];
        (connection.received, connection.to_send) = (received, to_send);
        let mut out = Actions::default();
        let cx = context(&self.config.tcp, &packet.tuple, now);
        connection.tcb.on_segment(seg, &cx, &mut out);
        debug_assert_eq!(out.deliver.len, seg.text_len, "all of it was expected");
        self.counters.text_in += u64::from(seg.text_len);
        self.note_arrival(packet, State::Established, &mut out, now);
        self.after_call(seat, &called, now);
        self.settle(seat, State::Established, Some(frame), now);
        Ok(())
    }
}
