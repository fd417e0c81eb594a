//! Every segment of a seed that is run alone, for whoever looks for the reason.

use seawall::shard::{Direction, Tap};
use seawall::tcp::State;
use seawall::time::Instant;
use seawall::wire::{FourTuple, Segment};

/// Watches one side.
pub(crate) struct Trace(pub(crate) &'static str);

impl Tap for Trace {
    fn on_segment(
        &mut self,
        now: Instant,
        direction: Direction,
        tuple: &FourTuple,
        segment: &Segment,
        state: State,
    ) {
        let Segment {
            seq,
            ack,
            wnd,
            ctl,
            text_len,
            options,
            ..
        } = segment;
        let names = [
            (ctl.syn, "SYN "),
            (ctl.fin, "FIN "),
            (ctl.rst, "RST "),
            (ctl.ack, "ACK"),
        ];
        let ctl: String = names
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, name)| *name)
            .collect();
        let FourTuple { local, remote } = tuple;
        println!(
            "{:>16} {} {direction:?} {local} {remote} SEQ={} ACK={} WND={wnd} {ctl} {text_len} {:?} {state:?}",
            now.as_nanos(),
            self.0,
            seq.0,
            ack.0,
            options.timestamps
        );
    }

    fn on_closed(&mut self, now: Instant, tuple: &FourTuple) {
        println!(
            "{:>16} {} gone {} {}",
            now.as_nanos(),
            self.0,
            tuple.local,
            tuple.remote
        );
    }
}
