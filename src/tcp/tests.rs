//! Tests of the protocol as a whole, in the order of RFC 9293, and what they share.
//!
//! Numbers are those of the RFC's figures 6 to 13: our side counts from 100, the peer's from 300.
//! Segments are written, and compared, in the RFC's notation.

mod acknowledgment;
mod close;
mod closed_and_listen;
mod congestion;
mod dialogue;
mod handshake;
mod icmp;
mod keep_alive;
mod pair;
mod predict;
mod reset;
mod rest;
mod retransmission;
mod segment_arrives;
mod settings;
mod sweep;
mod syn_sent;
mod time_wait;
mod timestamps;
mod urgent;
mod user_timeout;
mod window;

use super::tcb::Flags;
use super::*;
use crate::time::{Duration, Instant};
use crate::wire::{Ctl, Segment, Seq, Timestamps};

const NOW: Instant = Instant::from_nanos(1_000_000_000);

const ALL_BUT_LISTEN: [State; 9] = [
    State::SynSent,
    State::SynReceived,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

// No options, so that a full segment is 1000 octets; the rest as operators have it.
fn plain() -> Config {
    Config {
        mtu: 1040,
        receive_buffer: 1000,
        timestamps: false,
        window_scale: false,
        sack: false,
        quick_acks: 0,
        ..Config::default()
    }
}

fn roomy() -> Config {
    Config {
        receive_buffer: 10_000,
        ..plain()
    }
}

fn at(config: &Config, now: Instant) -> Context<'_> {
    Context {
        now,
        config,
        is_v4: true,
        may_store: true,
        may_reopen: true,
    }
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

// SND.UNA = 100 and SND.NXT = 101: one octet of ours is in flight, SYN, text or FIN as the state
// has it; in FIN-WAIT-2 and TIME-WAIT it is acknowledged. RCV.NXT = 300, both windows 1000.
fn tcb(state: State) -> Tcb {
    let config = plain();
    let cx = at(&config, NOW);
    let is_syn = matches!(state, State::SynSent | State::SynReceived);
    let is_text = matches!(state, State::Established | State::CloseWait);
    let is_acknowledged = matches!(state, State::FinWait2 | State::TimeWait);
    let iss = Seq(100 - u32::from(!is_syn));
    let open = if state == State::SynSent {
        Open::Active
    } else {
        Open::Passive
    };
    let mut tcb = Tcb::new(open, state, iss, 0, &cx);
    tcb.irs = Seq(299);
    tcb.snd.una = Seq(100 + u32::from(is_acknowledged));
    tcb.snd.nxt = Seq(101);
    tcb.snd.rtx = Seq(101);
    tcb.snd.mss = 1000;
    tcb.snd.wnd = 1000;
    tcb.snd.wnd_max = 1000;
    tcb.snd.wl1 = Seq(299);
    tcb.snd.wl2 = Seq(100);
    tcb.snd.queued = u32::from(is_text);
    tcb.rcv.nxt = Seq(300);
    tcb.rcv.edge = Seq(1300);
    tcb.rcv.acked = Seq(300);
    if !is_syn && !is_text {
        tcb.flags.set(Flags::FIN_QUEUED);
    }
    if tcb.is_peer_finished() {
        tcb.flags.set(Flags::FIN_SEEN);
        tcb.rcv.fin = Seq(299);
    }
    if state == State::TimeWait {
        tcb.life_at = NOW + config.time_wait;
    } else if !is_acknowledged {
        tcb.rtx_at = NOW + config.rto_initial;
    }
    tcb
}

// ESTABLISHED, with nothing in flight.
fn idle() -> Tcb {
    let mut tcb = tcb(State::Established);
    tcb.snd.una = Seq(101);
    tcb.snd.queued = 0;
    tcb.rtx_at = Instant::NEVER;
    tcb
}

// `seg("FIN ACK", 300, 101, 0)` is `<SEQ=300><ACK=101><CTL=FIN,ACK>`.
fn seg(ctl: &str, seq: u32, ack: u32, text_len: u32) -> Segment {
    let has = |bit| ctl.split(' ').any(|word| word == bit);
    let ctl = Ctl {
        urg: has("URG"),
        ack: has("ACK"),
        psh: has("PSH"),
        rst: has("RST"),
        syn: has("SYN"),
        fin: has("FIN"),
    };
    Segment {
        seq: Seq(seq),
        ack: Seq(ack),
        wnd: 1000,
        ctl,
        text_len,
        ..Segment::default()
    }
}

fn stamped(segment: Segment, val: u32, ecr: u32) -> Segment {
    let mut segment = segment;
    segment.options.timestamps = Some(Timestamps { val, ecr });
    segment
}

// The RFC's notation. PSH is left out: it says nothing about a connection.
fn show(segment: &Segment) -> String {
    let ctl = segment.ctl;
    let bits = [
        (ctl.syn, "SYN"),
        (ctl.fin, "FIN"),
        (ctl.rst, "RST"),
        (ctl.ack, "ACK"),
    ];
    let bits: Vec<_> = bits.iter().filter(|b| b.0).map(|b| b.1).collect();
    let field = |is_set: bool, name: &str, value: u32| {
        let text = format!("<{name}={value}>");
        if is_set { text } else { String::new() }
    };
    let (seq, ack, len) = (segment.seq.0, segment.ack.0, segment.text_len);
    let text = field(true, "SEQ", seq) + &field(ctl.ack, "ACK", ack) + &field(len > 0, "DATA", len);
    format!("{text}<CTL={}>", bits.join(","))
}

fn show_option(segment: Option<&Segment>) -> String {
    segment.map_or_else(String::new, show)
}

// All that a block has to send at this moment; more than that many segments is never-ending.
fn sent(tcb: &mut Tcb, cx: &Context<'_>) -> Vec<Output> {
    let outputs: Vec<_> = core::iter::from_fn(|| tcb.next_segment(cx))
        .take(10_000)
        .collect();
    assert!(outputs.len() < 10_000, "it never ends: {tcb:?}");
    outputs
}

fn shown(tcb: &mut Tcb, cx: &Context<'_>) -> Vec<String> {
    sent(tcb, cx).iter().map(|o| show(&o.segment)).collect()
}

fn arrive(tcb: &mut Tcb, segment: &Segment, cx: &Context<'_>) -> Actions {
    let mut out = Actions::default();
    tcb.on_segment(segment, cx, &mut out);
    out
}

fn time_out(tcb: &mut Tcb, config: &Config) -> (Instant, Actions) {
    let (now, mut out) = (tcb.deadline(), Actions::default());
    assert!(now.is_armed(), "no timer is armed: {tcb:?}");
    tcb.on_timeout(&at(config, now), &mut out);
    assert!(tcb.deadline() > now, "a timer that is due again: {tcb:?}");
    (now, out)
}

// Which timers are armed: Retransmission or probe, delayed Acknowledgment, Life.
fn armed(tcb: &Tcb) -> String {
    let timers = [(tcb.rtx_at, "R"), (tcb.ack_at, "A"), (tcb.life_at, "L")];
    let armed = timers.iter().filter(|t| t.0.is_armed());
    armed.map(|t| t.1).collect()
}

// Small, seeded, good enough to choose losses: xorshift64*.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}
