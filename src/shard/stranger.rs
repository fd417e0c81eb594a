//! Segments of no connection: resets, slots for SYNs, cookies (RFC 9293 §3.10.7.1-2, RFC 4987).

use super::at_work::Seat;
use super::connection::Connection;
use super::{Arrival, Direction, Note, Shard, SynCookies, context};
use crate::drop_reason::DropReason;
use crate::nic::{Frame, Port};
use crate::tcp::cookie::{Hashes, LANES, Lanes, Offer, remembered};
use crate::tcp::{Listened, Open, Settings, State, Tcb, on_listen, reset_for};
use crate::time::Instant;
use crate::wire::{Address, Endpoint, FourTuple, Packet, Segment, Seq};
use arrayvec::ArrayVec;

impl<P: Port> Shard<P> {
    /// A segment of no connection. `iss_min`: it is a SYN that takes the place of a TIME-WAIT.
    pub(super) fn on_stranger(
        &mut self,
        packet: &Packet,
        frame: Frame,
        hash: u64,
        iss_min: Option<Seq>,
        now: Instant,
    ) {
        let seg = &packet.segment;
        let Some(listener) = self.listener_at(&packet.tuple.local) else {
            return match reset_for(seg) {
                Some(reset) => self.reset(packet, frame, &reset, DropReason::NoConnection, now),
                None => self.refuse(frame, DropReason::NoListener),
            };
        };
        match on_listen(seg) {
            Listened::Syn => self.on_syn(packet, frame, hash, iss_min, listener, now),
            Listened::Reset(reset) => {
                let Some(keys) = self.cookies.check_with(now).filter(|_| !seg.ctl.syn) else {
                    return self.reset(packet, frame, &reset, DropReason::NoConnection, now);
                };
                let seq = Seq(seg.seq.0.wrapping_sub(1));
                let iss = Seq(seg.ack.0.wrapping_sub(1));
                if let Ok(mss) = keys.check(&packet.tuple, seq, iss) {
                    return self.on_cookie(packet, frame, hash, mss, listener, now);
                }
                self.counters.cookies.rejected += 1;
                // Departs from RFC 9293 §3.10.7.2: this may be a connection whose third segment
                // was lost. What has text or a FIN is sent again, and brings the cookie back.
                if seg.len() > 0 {
                    return self.refuse(frame, DropReason::CookieAwaited);
                }
                self.reset(packet, frame, &reset, DropReason::CookieWrong, now);
            }
            Listened::Drop(reason) => self.refuse(frame, reason),
        }
    }

    #[inline]
    pub(super) fn listener_at(&mut self, local: &Endpoint) -> Option<u16> {
        if let Some((endpoint, listener)) = &self.listening_last
            && endpoint == local
        {
            return Some(*listener);
        }
        let listener = *self.listening.get(local)?;
        self.listening_last = Some((*local, listener));
        Some(listener)
    }

    // Answers by a reset, as far as its budget goes.
    fn reset(
        &mut self,
        packet: &Packet,
        frame: Frame,
        reset: &Segment,
        reason: DropReason,
        now: Instant,
    ) {
        if !self.reset_budget.take(now) {
            return self.refuse(frame, DropReason::ReplyBudget);
        }
        self.counters.drops.count(reason);
        self.reply(packet, frame, reset, &Settings::default(), now);
    }

    fn on_syn(
        &mut self,
        packet: &Packet,
        frame: Frame,
        hash: u64,
        iss_min: Option<Seq>,
        listener: u16,
        now: Instant,
    ) {
        if self.is_backlog_full(listener) {
            return self.refuse(frame, DropReason::BacklogFull);
        }
        let half_open = self.counters.states[State::SynReceived as usize];
        let by_cookie = self.cookies.answer(half_open, &mut self.counters.cookies);
        if by_cookie && iss_min.is_none() {
            let frame = self.within_budget(frame, now);
            let alone = frame.map(|frame| (packet, frame)).into_iter().collect();
            return self.send_cookies(alone, listener, now);
        }
        if let Err(reason) = self.admit_syn(listener, &packet.tuple.remote.address) {
            return self.refuse(frame, reason);
        }
        let mut iss = self.iss.iss(&packet.tuple, now);
        let ts_offset = self.iss.timestamp_offset(&packet.tuple);
        if let Some(min) = iss_min
            && iss.lt(min)
        {
            iss = min; // RFC 9293 §3.6.1: larger than any number of the old connection
        }
        let cx = context(&self.config.tcp, &packet.tuple, now);
        let mut tcb = Tcb::on_syn(&packet.segment, iss, ts_offset, &cx);
        tcb.set(self.settings_of(listener), &cx);
        let Some(seat) = self.settle_in(tcb, packet, frame.queue(), hash, listener, now) else {
            return self.refuse(frame, DropReason::TableFull);
        };
        if let Some(tap) = &mut self.tap {
            let (tuple, seg) = (&packet.tuple, &packet.segment);
            tap.on_segment(now, Direction::In, tuple, seg, State::SynReceived);
        }
        self.touch(seat, Some(frame));
    }

    /// Answers the SYNs in front of `arrivals` that one decision holds for: of no connection, to
    /// one endpoint, [`LANES`] at most. So many are done; none when they are not to be answered
    /// by cookies.
    pub(super) fn on_syns(&mut self, arrivals: &mut [Arrival], now: Instant) -> usize {
        let is_of_nobody = |arrival: &Arrival| {
            arrival.candidate.is_none() && on_listen(&arrival.packet.segment) == Listened::Syn
        };
        let Some(first) = arrivals.first().filter(|first| is_of_nobody(first)) else {
            return 0;
        };
        let local = first.packet.tuple.local;
        // A cookie sent changes none of what is asked here, so it is asked once for all.
        let listener = self.listener_at(&local);
        let Some(listener) = listener.filter(|it| !self.is_backlog_full(*it)) else {
            return 0;
        };
        let half_open = self.counters.states[State::SynReceived as usize];
        if !self.cookies.answer(half_open, &mut self.counters.cookies) {
            return 0;
        }
        let is_one_more = |it: &&Arrival| it.packet.tuple.local == local && is_of_nobody(it);
        let count = arrivals.iter().take(LANES).take_while(is_one_more).count();
        let mut syns = ArrayVec::new();
        for arrival in arrivals.iter_mut().take(count) {
            let frame = arrival.frame.take();
            if let Some(frame) = frame.and_then(|frame| self.within_budget(frame, now)) {
                syns.push((&arrival.packet, frame));
            }
        }
        self.send_cookies(syns, listener, now);
        count
    }

    // The frame of a SYN back, if it may be answered.
    #[inline]
    fn within_budget(&mut self, frame: Frame, now: Instant) -> Option<Frame> {
        if self.syn_ack_budget.take(now) {
            return Some(frame);
        }
        self.refuse(frame, DropReason::ReplyBudget);
        None
    }

    // To SYNs to one endpoint. No slot, no timer, no buffer: the SYN-ACK carries all there is to
    // remember, in the frame that brought the SYN. It is never sent again.
    fn send_cookies(
        &mut self,
        mut syns: ArrayVec<(&Packet, Frame), LANES>,
        listener: u16,
        now: Instant,
    ) {
        let Some(&(first, _)) = syns.first() else {
            return;
        };
        let desk = self.cookies.desk(first.tuple.local.address, &self.iss, now);
        let mut lanes = Lanes::default();
        for (packet, _) in &syns {
            lanes.push(&packet.tuple, &packet.segment);
        }
        let hashes = Hashes::new(&desk.mint, &desk.offsets, &lanes);
        let settings = self.settings_of(listener);
        let cx = context(&self.config.tcp, &first.tuple, now);
        let offer = Offer::new(settings.mss_max, &cx);
        for (lane, (packet, frame)) in syns.drain(..).enumerate() {
            let seg = &packet.segment;
            let iss = hashes.iss(lane, seg.options.mss);
            let syn_ack = offer.syn_ack(seg, iss, hashes.ts_offset(lane));
            self.counters.cookies.sent += 1;
            self.reply_by(packet, frame, &syn_ack, &settings, now, |headers, bytes| {
                let short = headers.emit_linux_syn(bytes);
                short.or_else(|| headers.emit(bytes))
            });
        }
    }

    // The third segment of a handshake that only the peer remembered.
    pub(super) fn on_cookie(
        &mut self,
        packet: &Packet,
        frame: Frame,
        hash: u64,
        mss: u16,
        listener: u16,
        now: Instant,
    ) {
        let seg = &packet.segment;
        // Its SYN-ACK is not sent again, so it may not be left in SYN-RECEIVED: it is established by
        // this segment, or the segment comes once more and brings the cookie back.
        if !self.has_room_for(seg) {
            return self.refuse(frame, DropReason::NoBuffer);
        }
        if let Err(reason) = self.admit(listener, &packet.tuple.remote.address) {
            return self.refuse(frame, reason);
        }
        let ts_offset = self.iss.timestamp_offset(&packet.tuple);
        let cx = context(&self.config.tcp, &packet.tuple, now);
        let mut tcb = Tcb::on_cookie(seg, &remembered(seg, mss, cx.config), ts_offset, &cx);
        tcb.set(self.settings_of(listener), &cx);
        let Some(seat) = self.settle_in(tcb, packet, frame.queue(), hash, listener, now) else {
            return self.refuse(frame, DropReason::TableFull);
        };
        self.counters.cookies.accepted += 1;
        self.take_in(seat, packet, frame, hash, now);
    }

    /// May a SYN that takes the place of a TIME-WAIT have a slot?
    pub(super) fn may_begin(&mut self, packet: &Packet) -> Result<(), DropReason> {
        let FourTuple { local, remote } = &packet.tuple;
        let listener = self.listener_at(local).ok_or(DropReason::NoListener)?;
        self.admit_syn(listener, &remote.address)
    }

    // May there be one more connection, in SYN-RECEIVED?
    fn admit_syn(&self, listener: u16, source: &Address) -> Result<(), DropReason> {
        let half_open = self.counters.states[State::SynReceived as usize];
        let is_crowded = half_open >= self.config.limits.half_open;
        if self.config.syn_cookies == SynCookies::Never && is_crowded {
            return Err(DropReason::HalfOpenFull);
        }
        self.admit(listener, source)
    }

    /// May there be one more connection? What is over takes no room, and nobody else makes any.
    pub(super) fn admit(&self, listener: u16, source: &Address) -> Result<(), DropReason> {
        let max = self.config.limits.per_listener;
        let open = self
            .listeners
            .get(usize::from(listener))
            .map_or(0, |l| l.open);
        if max > 0 && open >= max {
            return Err(DropReason::ListenerFull);
        }
        if self.is_backlog_full(listener) {
            return Err(DropReason::BacklogFull);
        }
        if self.sources.is_full(source) {
            return Err(DropReason::SourceFull);
        }
        if self.table.is_full() {
            return Err(DropReason::TableFull);
        }
        if self.at_work.is_crowded() {
            return Err(DropReason::AtWorkFull);
        }
        Ok(())
    }

    fn settle_in(
        &mut self,
        tcb: Tcb,
        packet: &Packet,
        queue: u16,
        hash: u64,
        listener: u16,
        now: Instant,
    ) -> Option<Seat> {
        let service = self.listeners.get(usize::from(listener))?.service;
        let link = packet.link.reversed();
        let mut connection = Connection::new(packet.tuple, tcb, link, queue, service);
        connection.listener = Some(listener);
        connection.is_counted = true;
        let seat = self.begin(hash, connection)?;
        if let Some(at) = self.listeners.get_mut(usize::from(listener)) {
            at.open += 1;
        }
        self.sources.add(&packet.tuple.remote.address);
        let note = Note::new(State::SynReceived, Open::Passive, now);
        self.table.set_note(seat.handle, note.into());
        self.counters.states[State::SynReceived as usize] += 1;
        Some(seat)
    }

    fn settings_of(&self, listener: u16) -> Settings {
        let at = self.listeners.get(usize::from(listener));
        at.map_or_else(Settings::default, |at| at.settings)
    }

    /// The connection no longer counts against its listener and its source.
    pub(super) fn uncount(&mut self, seat: Seat) {
        let connection = &mut self.at_work[seat];
        let Some(listener) = connection.listener else {
            return;
        };
        if !core::mem::replace(&mut connection.is_counted, false) {
            return;
        }
        self.sources.remove(&connection.tuple.remote.address);
        if let Some(listener) = self.listeners.get_mut(usize::from(listener)) {
            listener.open -= 1;
        }
    }

    pub(super) fn refuse(&mut self, frame: Frame, reason: DropReason) {
        self.counters.drops.count(reason);
        self.port.release(frame);
    }
}
