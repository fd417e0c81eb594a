//! TIME-WAIT: what is over leaves its slot, and is a record of the table's for 2 MSL.
//!
//! A connection that enters TIME-WAIT sends its last ACK at once. When nothing is left to send, all
//! of it that matters is a [`TimeWait`], which goes into a record, and its slot is free. A segment
//! for a record is answered by a block that is made of it for that moment. Records come in the
//! order of their deadlines, and go in it.

use super::at_work::Seat;
use super::{Note, Shard, Ticks, context};
use crate::limits::BURST_FRAMES;
use crate::nic::{Frame, Port};
use crate::table::{Handle, Remains};
use crate::tcp::{Actions, Config, Open, State, Tcb, TimeWait, lengthen, shorten};
use crate::time::{Duration, Instant};
use crate::wire::{FourTuple, Packet};
use core::num::NonZeroU8;

/// Where the parts stand in the bits of a record: who began the connection, how long it had been
/// there in [`Ticks`], and what the protocol packs. Readers get the first two.
const LIFE: u32 = 1;
const LIFE_MANTISSA: u32 = 5;
const LIFE_BITS: u32 = LIFE_MANTISSA + 5;
const PACKED: u32 = LIFE + LIFE_BITS;

const _: () = assert!(PACKED <= u16::BITS, "readers get so many");
const _: () = assert!(PACKED + TimeWait::BITS <= Remains::BITS);

impl<P: Port> Shard<P> {
    /// A connection in TIME-WAIT becomes a record. While it has something to send it stays where
    /// it is, for its 2 MSL at most. Says whether it has left.
    pub(super) fn retire(&mut self, seat: Seat, now: Instant) -> bool {
        let Some(was) = self.at_work[seat].tcb.time_wait(&self.config.tcp) else {
            return false;
        };
        let note = self.table.note(seat.handle).and_then(Note::from_word);
        let began = note.map_or(Ticks::of(was.began), |note| note.began);
        let remains = remains_of(&was, began, &self.config.tcp);
        while !self.table.has_room_for(remains.since_millis) {
            if !self.evict_time_wait(now) {
                return false;
            }
        }
        if self.table.retire(seat.handle, &remains).is_none() {
            debug_assert!(false, "there was room");
            return false;
        }
        self.wheel.disarm(seat.handle.slot());
        self.leave(seat);
        true
    }

    /// A segment for a record.
    pub(super) fn on_segment_in_time_wait(
        &mut self,
        handle: Handle,
        packet: &Packet,
        frame: Frame,
        hash: u64,
        now: Instant,
    ) {
        let Some((_, remains)) = self.table.retired(handle) else {
            return self.port.release(frame);
        };
        let mut tcb = self.block_of(&packet.tuple, &remains, now);
        let mut cx = context(&self.config.tcp, &packet.tuple, now);
        cx.may_reopen = packet.segment.ctl.syn && self.listening.contains_key(&packet.tuple.local);
        let mut out = Actions::default();
        tcb.on_segment(&packet.segment, &cx, &mut out);
        if let Some(iss_min) = out.reopen {
            // Nobody is driven out for one that would be refused.
            if let Err(reason) = self.may_begin(packet) {
                return self.refuse(frame, reason);
            }
            self.forget_record(handle, now);
            return self.on_stranger(packet, frame, hash, Some(iss_min), now);
        }
        if out.dropped.is_some()
            && let Some((listener, mss)) = self.begin_anew_after(handle, &mut tcb, packet, now)
        {
            return self.on_cookie(packet, frame, hash, mss, listener, now);
        }
        self.note_arrival(packet, tcb.state(), &mut out, now);
        self.remember(handle, &remains, &tcb);
        match out.reply {
            Some(reply) => self.reply(packet, frame, &reply, tcb.settings(), now),
            None => self.port.release(frame),
        }
    }

    /// The block of a record, for a look at it.
    pub(super) fn woken(&self, handle: Handle, now: Instant) -> Option<(FourTuple, Tcb)> {
        let (tuple, remains) = self.table.retired(handle)?;
        Some((tuple, self.block_of(&tuple, &remains, now)))
    }

    /// Ends the TIME-WAITs whose 2 MSL are over, a burst at most. Says whether more are due.
    pub(super) fn expire_time_wait(&mut self, now: Instant) -> bool {
        for _ in 0..BURST_FRAMES {
            match self.table.oldest() {
                Some(handle) if self.next_time_wait() <= now => self.forget_record(handle, now),
                _ => return false,
            }
        }
        self.next_time_wait() <= now
    }

    /// When the first TIME-WAIT ends that has a record; NEVER when there is none.
    pub(super) fn next_time_wait(&self) -> Instant {
        let since = self.table.oldest_since();
        since.map_or(Instant::NEVER, |millis| {
            instant_of(millis) + self.config.tcp.time_wait
        })
    }

    /// Forgets a record, whether its time has come or not.
    pub(super) fn forget_record(&mut self, handle: Handle, now: Instant) {
        let Some(tuple) = self.table.forget(handle) else {
            return;
        };
        self.counters.states[State::TimeWait as usize] -= 1;
        if let Some(tap) = &mut self.tap {
            tap.on_closed(now, &tuple);
        }
    }

    /// Does a record say the same when it went through a block?
    pub(super) fn is_sound(&self, tuple: &FourTuple, remains: &Remains) -> bool {
        let tcb = self.block_of(tuple, remains, Instant::ZERO);
        let (_, began) = seen(remains.since_millis, remains.bits as u16);
        let is = tcb.time_wait(&self.config.tcp);
        is.is_some_and(|is| remains_of(&is, began, &self.config.tcp) == *remains)
    }

    // Makes room for another record: the oldest goes before its time.
    fn evict_time_wait(&mut self, now: Instant) -> bool {
        let Some(handle) = self.table.oldest() else {
            return false;
        };
        self.counters.connections.time_wait_evicted += 1;
        self.forget_record(handle, now);
        true
    }

    fn block_of(&self, tuple: &FourTuple, remains: &Remains, now: Instant) -> Tcb {
        let cx = context(&self.config.tcp, tuple, now);
        let was = time_wait_of(remains, cx.config);
        Tcb::from_time_wait(&was, self.iss.timestamp_offset(tuple), &cx)
    }

    // What an event has changed. A record whose 2 MSL begin anew goes behind all others.
    //
    // Departs from RFC 9293 §3.10.7.4, eighth check: they do not when a quarter of all places are
    // left behind like that, or one peer could drive out the records of all others.
    fn remember(&mut self, handle: Handle, before: &Remains, tcb: &Tcb) {
        let Some(mut is) = tcb.time_wait(&self.config.tcp) else {
            debug_assert!(false, "nothing is to be sent in TIME-WAIT but replies");
            return;
        };
        let (_, began) = seen(before.since_millis, before.bits as u16);
        let config = &self.config.tcp;
        let mut after = remains_of(&is, began, config);
        if after.since_millis > before.since_millis {
            if self.table.renew(handle, &after).is_some() {
                return;
            }
            is.began = instant_of(before.since_millis);
            after = remains_of(&is, began, config);
        }
        if after != *before {
            self.table.update(handle, &after);
        }
    }
}

fn remains_of(was: &TimeWait, began: Ticks, config: &Config) -> Remains {
    let since_millis = Remains::since(was.began.as_nanos().div_ceil(1_000_000));
    let since = Ticks::of(instant_of(since_millis));
    let life = shorten(began.ticks_to(since), LIFE_MANTISSA);
    let (words, packed) = was.pack(config);
    let bits = u32::from(was.open == Open::Active) | life << LIFE;
    let hop_limit = was.hop_limit.map_or(0, NonZeroU8::get);
    Remains {
        words,
        bits: u64::from(packed) << PACKED | u64::from(bits),
        with: u16::from(hop_limit) << 8 | u16::from(was.tos),
        since_millis,
    }
}

fn time_wait_of(remains: &Remains, config: &Config) -> TimeWait {
    let (open, _) = seen(remains.since_millis, remains.bits as u16);
    let [hop_limit, tos] = remains.with.to_be_bytes();
    TimeWait::unpack(
        remains.words,
        (remains.bits >> PACKED) as u32,
        (open, instant_of(remains.since_millis)),
        (NonZeroU8::new(hop_limit), tos),
        config,
    )
}

/// What a reader learns of a record: who began the connection, and when.
pub(super) fn seen(since_millis: u64, bits: u16) -> (Open, Ticks) {
    let open = if bits & 1 == 1 {
        Open::Active
    } else {
        Open::Passive
    };
    let life = u32::from(bits) >> LIFE & ((1 << LIFE_BITS) - 1);
    let since = Ticks::of(instant_of(since_millis));
    (open, since.before(lengthen(life, LIFE_MANTISSA)))
}

/// The moment that is so many milliseconds after the shard began.
pub(super) fn instant_of(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}
