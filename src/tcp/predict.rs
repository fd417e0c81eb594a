//! Header prediction (Van Jacobson; RFC 7323 §5.6): of a connection at rest it is known what comes
//! next, if nothing goes wrong. That is text, in order, with an acknowledgment and a window that say
//! nothing new. Where it is acknowledged at once, as it is while a connection is young
//! (`quick_acks`), nothing is under way afterwards either.
//!
//! Such a segment passes the checks of SEGMENT ARRIVES (RFC 9293 §3.10.7.4) in one look, and what
//! it changes is a few numbers of the block at rest. It leads to the same end as [`Tcb::wake`],
//! [`Tcb::on_segment`], [`Tcb::on_receive`], [`Tcb::next_segment`] and [`Tcb::rest`] one after the
//! other, and tests hold it to that.
//!
//! [`Tcb::wake`]: super::Tcb::wake
//! [`Tcb::on_segment`]: super::Tcb::on_segment
//! [`Tcb::on_receive`]: super::Tcb::on_receive
//! [`Tcb::next_segment`]: super::Tcb::next_segment
//! [`Tcb::rest`]: super::Tcb::rest

use super::keep_alive::clock_millis;
use super::listen::seconds;
use super::output::timestamp;
use super::receive_window::ReceiveWindow;
use super::rest::{AGE_SECONDS_LOG, RECEIVE_SHUT, SILENCE_MILLIS, TIMESTAMPS, WND_PLAIN, unheard};
use super::{Config, Context, State, TcbAtRest};
use crate::wire::{Ctl, Options, Segment, Seq, Timestamps};

impl TcbAtRest {
    /// Is this the text that comes next, and nothing else?
    #[inline]
    #[must_use]
    pub fn predicts(&self, seg: &Segment) -> bool {
        let is_fresh = match seg.options.timestamps {
            _ if self.bits & TIMESTAMPS == 0 => true,
            Some(ts) => Seq(self.ts_recent).le(Seq(ts.val)),
            None => false,
        };
        let ctl = Ctl {
            psh: false,
            ..seg.ctl
        };
        seg.seq == self.rcv_nxt
            && seg.ack == self.una
            && seg.wnd == self.snd_wnd
            && self.bits & (WND_PLAIN | RECEIVE_SHUT) == 0
            && ctl == Ctl::ACK
            && self.state == State::Established
            && seg.text_len > 0
            && seg.text_len <= self.receive_window().len()
            && is_fresh
            && self.probes == 0
    }

    /// Is the next text to be acknowledged at once? All other may wait (SHLD-18).
    #[inline]
    #[must_use]
    pub const fn is_young(&self, config: &Config) -> bool {
        self.quick_acks < config.quick_acks
    }

    /// Takes the text of a segment that it [predicts](TcbAtRest::predicts), all of which the user
    /// has read. Returns its acknowledgment, which is to leave at once.
    #[inline]
    #[must_use]
    pub fn take(&mut self, seg: &Segment, cx: &Context<'_>) -> Segment {
        debug_assert!(self.predicts(seg), "it was not expected");
        let now = cx.now;
        let agreed = seg.options.timestamps;
        let agreed = agreed.filter(|_| self.bits & TIMESTAMPS != 0);
        if let Some(ts) = agreed {
            // RFC 7323 §4.3: it begins where the last acknowledgment ended.
            self.ts_recent = ts.val;
            self.recent_at = (seconds(now) >> AGE_SECONDS_LOG) as u16;
        }
        // From the last moment at which the peer was heard to this one, rounded up.
        let silence = unheard(self.heard_at, now).div_ceil(SILENCE_MILLIS);
        let silence = u16::try_from(silence).unwrap_or(u16::MAX);
        self.silence = self.silence.saturating_add(silence);
        self.heard_at = clock_millis(now);
        // SND.WL1 <- SEG.SEQ, unless a segment from further on told of this window.
        let wl1 = i64::from(self.wl1.max(0)) - i64::from(seg.text_len);
        self.wl1 = wl1.max(i16::MIN.into()) as i16;
        self.rcv_nxt = self.rcv_nxt + seg.text_len;
        self.quick_acks += u8::from(self.is_young(cx.config));
        let mut window = self.receive_window();
        window.grow(cx);
        self.rcv_edge = window.edge;
        Segment {
            seq: self.una,
            ack: self.rcv_nxt,
            wnd: window.field(),
            ctl: Ctl::ACK,
            options: Options {
                timestamps: agreed.map(|ts| Timestamps {
                    val: timestamp(now, self.ts_offset),
                    ecr: ts.val,
                }),
                ..Options::default()
            },
            ..Segment::default()
        }
    }

    #[inline]
    const fn receive_window(&self) -> ReceiveWindow {
        ReceiveWindow {
            nxt: self.rcv_nxt,
            edge: self.rcv_edge,
            unread: 0,
            shift: self.shifts & 15,
        }
    }
}
