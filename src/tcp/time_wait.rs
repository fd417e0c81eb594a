//! TIME-WAIT: entered, restarted, and given to a new SYN (RFC 9293 §3.6.1, RFC 1337, RFC 6191).

use super::input::Check;
use super::tcb::Flags;
use super::{Actions, Context, End, State, Tcb};
use crate::drop_reason::DropReason;
use crate::wire::{Segment, Seq};

/// How far the ISS of a connection that takes the place of a TIME-WAIT stands past the old
/// SND.NXT at least: more than any window that old segments could fall into without scaling.
const REOPEN_GAP: u32 = 1 << 17;

impl Tcb {
    /// Both FINs are acknowledged (MUST-13). For the user the connection is over.
    pub(super) fn enter_time_wait(&mut self, cx: &Context<'_>, out: &mut Actions) {
        self.state = State::TimeWait;
        self.disarm_all();
        self.restart_time_wait(cx);
        out.ended = Some(End::Closed);
    }

    /// The 2 MSL begin again.
    pub(super) fn restart_time_wait(&mut self, cx: &Context<'_>) {
        self.life_at = cx.now + cx.config.time_wait;
    }

    /// MAY-2: a SYN that is surely newer than the connection in TIME-WAIT may take its place:
    /// by a later timestamp (SHLD-4), or without timestamps by a later sequence number (RFC 6191 §2).
    pub(super) fn check_reopen(
        &mut self,
        seg: &Segment,
        cx: &Context<'_>,
        out: &mut Actions,
    ) -> Check {
        let is_syn = seg.ctl.syn && !seg.ctl.ack && !seg.ctl.rst;
        if self.state != State::TimeWait || !is_syn {
            return Ok(());
        }
        let newer = match seg.options.timestamps {
            Some(ts) if self.flags.has(Flags::TIMESTAMPS) => {
                Seq(self.ts.recent).lt(Seq(ts.val))
                    || (self.ts.recent == ts.val && self.rcv.nxt.lt(seg.seq))
            }
            // The old one had none, the new one will: RFC 6191 §2.
            Some(_) if cx.config.timestamps => true,
            _ => self.rcv.nxt.lt(seg.seq),
        };
        if !newer {
            return Ok(());
        }
        out.reopen = Some(self.snd.nxt + REOPEN_GAP);
        self.close_now();
        Err(DropReason::UnexpectedSyn)
    }
}
