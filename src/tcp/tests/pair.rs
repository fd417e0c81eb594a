//! Two blocks that talk over a network which loses, doubles, delays and overtakes, with their
//! text checked octet by octet. The clock jumps to whatever comes next; the seed decides all.

use super::*;
use std::collections::{BTreeMap, VecDeque};

const STEPS_MAX: u32 = 4_000_000;

// The octet at `index` of a stream.
const fn octet(stream: u64, index: u64) -> u8 {
    (index.wrapping_mul(2_654_435_761).wrapping_add(stream * 97) >> 7) as u8
}

#[derive(Clone)]
struct Packet {
    to: usize,
    segment: Segment,
    text: Vec<u8>,
}

struct Network {
    // Ordered by arrival; the second number keeps arrivals at one moment apart.
    packets: BTreeMap<(Instant, u64), Packet>,
    sent: u64,
    lost_percent: u64,
    // Without it, packets take 5 ms each, and come once and in order.
    delay_millis: Option<u64>,
}

impl Network {
    fn send(&mut self, now: Instant, packet: &Packet, random: &mut Random) {
        let is_fair = self.delay_millis.is_none();
        let copies = if !is_fair && random.one_in(12) { 2 } else { 1 };
        for _ in 0..copies {
            if random.below(100) >= self.lost_percent {
                self.sent += 1;
                let delay = self.delay_millis.map_or(5, |d| 1 + random.below(d));
                let delay = millis(delay);
                self.packets
                    .insert((now + delay, self.sent), packet.clone());
            }
        }
    }
}

pub(super) struct Host {
    side: usize,
    pub(super) config: Config,
    pub(super) tcb: Option<Tcb>,
    is_listening: bool,
    ended: Option<End>,
    // Sending: how much there is, how much was queued, and the send queue.
    to_send: u64,
    queued: u64,
    pub(super) queue: VecDeque<u8>,
    closes_at_once: bool,
    // Receiving: in order and not read, read, and what waits for a hole.
    delivered: u64,
    is_peer_finished: bool,
    stored: BTreeMap<u64, u8>,
    wakes_at: Instant,
    nap_millis: u64,
    sent_again: u32,
}

impl Host {
    fn new(side: usize, random: &mut Random) -> Self {
        let buffers = [1, 3, 100, 1000, 4000, 20_000, 65_535, 300_000];
        let pick = |random: &mut Random, of: &[u32]| of[random.below(of.len() as u64) as usize];
        let receive_buffer = pick(random, &buffers);
        Self {
            side,
            config: Config {
                receive_buffer,
                mtu: pick(random, &[88, 576, 1500]) as u16,
                timestamps: random.one_in(2),
                window_scale: random.one_in(2),
                syn_retries: 30,
                syn_ack_retries: 30,
                retries: 60,
                // Or it ends before the last of many ACKs gets through.
                time_wait: Duration::from_hours(1),
                ..Config::default()
            },
            tcb: None,
            is_listening: false,
            ended: None,
            to_send: random.below(30_000),
            queued: 0,
            queue: VecDeque::new(),
            closes_at_once: random.one_in(2),
            delivered: 0,
            is_peer_finished: false,
            stored: BTreeMap::new(),
            wakes_at: NOW,
            nap_millis: 1 + random.below(600),
            sent_again: 0,
        }
    }

    fn cx(&self, now: Instant, random: &mut Random) -> Context<'_> {
        Context {
            may_store: !random.one_in(10),
            ..at(&self.config, now)
        }
    }

    fn deadline(&self) -> Instant {
        let timer = self.tcb.map_or(Instant::NEVER, |tcb| tcb.deadline());
        timer.min(self.wakes_at)
    }

    fn on_packet(&mut self, now: Instant, packet: &Packet, random: &mut Random) -> Vec<Packet> {
        let cx = self.cx(now, random);
        let mut out = Actions::default();
        let Some(mut tcb) = self.tcb else {
            if self.is_listening && on_listen(&packet.segment) == Listened::Syn {
                let tcb = Tcb::on_syn(&packet.segment, Seq(u32::MAX - 7000), 9, &cx);
                self.tcb = Some(tcb);
                self.is_listening = false;
                return Vec::new();
            }
            let reset = reset_for(&packet.segment);
            return reset
                .map(|r| self.packet(r, Vec::new()))
                .into_iter()
                .collect();
        };
        tcb.on_segment(&packet.segment, &cx, &mut out);
        assert_eq!(out.reopen, None, "nobody opens twice");
        self.tcb = Some(tcb);
        self.take_text(&out, &packet.text);
        self.carry_out(&out)
    }

    fn take_text(&mut self, out: &Actions, text: &[u8]) {
        let stream = 1 - self.side as u64;
        let part = |span: Span| &text[span.skip as usize..][..span.len as usize];
        for &byte in part(out.deliver) {
            assert_eq!(byte, octet(stream, self.delivered), "in order, once");
            self.delivered += 1;
        }
        for _ in 0..out.unlocked {
            let byte = self.stored.get(&self.delivered).copied();
            assert_eq!(byte, Some(octet(stream, self.delivered)), "was stored");
            self.delivered += 1;
        }
        let start = self.delivered + u64::from(out.store_ahead);
        let stored = part(out.store).iter().copied();
        self.stored.extend((start..).zip(stored));
        let tcb = self.tcb.as_ref().unwrap();
        assert!(tcb.rcv.unread <= self.config.receive_buffer);
        self.is_peer_finished |= out.finished;
    }

    fn carry_out(&mut self, out: &Actions) -> Vec<Packet> {
        self.queue.drain(..out.acked as usize);
        if let Some(end) = out.ended {
            assert_eq!(self.ended, None, "it ends once");
            self.ended = Some(end);
        }
        if self.tcb.is_some_and(|tcb| tcb.state() == State::Closed) {
            self.tcb = None;
        }
        let reply = out.reply.map(|r| self.packet(r, Vec::new()));
        reply.into_iter().collect()
    }

    fn packet(&self, segment: Segment, text: Vec<u8>) -> Packet {
        Packet {
            to: 1 - self.side,
            segment,
            text,
        }
    }

    fn on_timeout(&mut self, now: Instant, random: &mut Random) -> Vec<Packet> {
        let Some(mut tcb) = self.tcb else {
            return Vec::new();
        };
        let mut out = Actions::default();
        tcb.on_timeout(&self.cx(now, random), &mut out);
        self.tcb = Some(tcb);
        self.carry_out(&out)
    }

    // The user: reads some, writes some, closes, sleeps.
    fn wake(&mut self, now: Instant, random: &mut Random) {
        let Some(mut tcb) = self.tcb.filter(|_| self.wakes_at <= now) else {
            self.wakes_at = if self.wakes_at <= now {
                now + millis(self.nap_millis)
            } else {
                self.wakes_at
            };
            return;
        };
        let config = self.config.clone();
        let cx = at(&config, now);
        let read = random.below(u64::from(tcb.rcv.unread) + 1) as u32;
        let is_quick = self.nap_millis == 1;
        let read = if is_quick || random.one_in(2) {
            tcb.rcv.unread
        } else {
            read
        };
        tcb.on_receive(read, &cx);
        if tcb.is_send_open() && self.queued < self.to_send {
            let n = (1 + random.below(5000)).min(self.to_send - self.queued);
            let side = self.side as u64;
            self.queue
                .extend((self.queued..self.queued + n).map(|i| octet(side, i)));
            self.queued += n;
            tcb.on_send(n as u32, &cx);
        }
        let may_close = self.closes_at_once || self.is_peer_finished;
        let is_open = !matches!(tcb.state(), State::SynSent);
        if self.queued == self.to_send && may_close && is_open && tcb.is_send_open() {
            let mut out = Actions::default();
            tcb.on_close(&cx, &mut out);
            assert_eq!(out, Actions::default());
        }
        if random.one_in(20) {
            tcb.set_no_delay(true);
        }
        self.tcb = Some(tcb);
        let is_idle = !tcb.is_send_open() && self.is_peer_finished && tcb.rcv.unread == 0;
        self.wakes_at = if is_idle {
            Instant::NEVER
        } else {
            now + millis(1 + random.below(self.nap_millis))
        };
    }

    fn output(&mut self, now: Instant, random: &mut Random) -> Vec<Packet> {
        let Some(mut tcb) = self.tcb else {
            return Vec::new();
        };
        let outputs = sent(&mut tcb, &self.cx(now, random));
        self.tcb = Some(tcb);
        self.sent_again += outputs.iter().filter(|o| o.again).count() as u32;
        let packets = outputs.iter().map(|output| {
            let len = output.segment.text_len as usize;
            let queue = self.queue.iter().copied();
            let text: Vec<u8> = queue.skip(output.text_offset as usize).take(len).collect();
            assert_eq!(text.len(), len, "nothing is sent that is not queued");
            self.packet(output.segment, text)
        });
        packets.collect()
    }
}

pub(super) struct Pair {
    pub(super) hosts: [Host; 2],
    network: Network,
    random: Random,
    pub(super) now: Instant,
}

impl Pair {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut hosts = [0, 1].map(|side| Host::new(side, &mut random));
        let is_simultaneous = seed.is_multiple_of(5);
        let [a, b] = &mut hosts;
        // What a reader takes in sips is not a book.
        a.to_send = a.to_send.min(10 * u64::from(b.config.receive_buffer));
        b.to_send = b.to_send.min(10 * u64::from(a.config.receive_buffer));
        a.tcb = Some(Tcb::on_open(Seq(u32::MAX - 90), 5, &at(&a.config, NOW)));
        if is_simultaneous {
            b.tcb = Some(Tcb::on_open(Seq(300), 6, &at(&b.config, NOW)));
        } else {
            b.is_listening = true;
        }
        if !a.closes_at_once && !b.closes_at_once {
            a.closes_at_once = true; // somebody has to begin
        }
        Self {
            hosts,
            network: Network {
                packets: BTreeMap::new(),
                sent: 0,
                lost_percent: if seed.is_multiple_of(7) { 0 } else { 20 },
                delay_millis: Some(1 + random.below(150)),
            },
            random,
            now: NOW,
        }
    }

    pub(super) fn step(&mut self) -> bool {
        let random = &mut self.random;
        let arrival = self.network.packets.keys().next().map(|k| k.0);
        let deadlines = self.hosts.iter().filter(|h| h.tcb.is_some());
        let next = deadlines.map(Host::deadline).chain(arrival).min();
        let Some(next) = next.filter(|n| n.is_armed()) else {
            return false;
        };
        self.now = self.now.max(next);
        let mut packets = Vec::new();
        while let Some(entry) = self.network.packets.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let packet = entry.remove();
            let host = &mut self.hosts[packet.to];
            packets.extend(host.on_packet(self.now, &packet, random));
        }
        for host in &mut self.hosts {
            if host.tcb.is_some_and(|tcb| tcb.deadline() <= self.now) {
                packets.extend(host.on_timeout(self.now, random));
            }
            host.wake(self.now, random);
            packets.extend(host.output(self.now, random));
        }
        for packet in packets {
            self.network.send(self.now, &packet, random);
        }
        true
    }
}

fn talk(mut pair: Pair, seed: u64) -> Pair {
    let mut steps = 0;
    while pair.step() {
        steps += 1;
        if steps == STEPS_MAX {
            let tcbs = pair.hosts.each_ref().map(|h| h.tcb);
            panic!("seed {seed} hangs: {tcbs:#?}");
        }
    }
    let [a, b] = &pair.hosts;
    for (host, peer) in [(a, b), (b, a)] {
        let side = host.side;
        assert!(
            host.tcb.is_none(),
            "seed {seed}: {side} stays: {:#?}",
            host.tcb
        );
        assert_eq!(host.ended, Some(End::Closed), "seed {seed}: {side}");
        assert_eq!(host.delivered, peer.to_send, "seed {seed}: {side}");
        assert!(
            host.is_peer_finished && host.queue.is_empty(),
            "seed {seed}"
        );
    }
    pair
}

#[test]
fn every_octet_arrives_once_in_order_and_both_sides_close() {
    for seed in 0..500 {
        talk(Pair::new(seed), seed);
    }
}

// Where nothing is lost and both users are quick, no timer but the delayed ACK's and TIME-WAIT's
// may matter: whatever is sent again, or waits for a timeout, is a stall of our own making.
#[test]
fn a_fair_network_with_quick_users_never_waits_for_a_timeout() {
    for seed in (1..200).filter(|seed| seed % 5 != 0) {
        let mut pair = Pair::new(seed);
        pair.network.lost_percent = 0;
        pair.network.delay_millis = None;
        for host in &mut pair.hosts {
            host.nap_millis = 1;
            host.config.receive_buffer = host.config.receive_buffer.max(100);
        }
        let pair = talk(pair, seed);
        let sent_again = pair.hosts.each_ref().map(|h| h.sent_again);
        assert_eq!(sent_again, [0, 0], "seed {seed}");
        // A round trip, its delayed ACK included, moves half a buffer or a segment at least.
        let rounds = pair.hosts.each_ref().map(|h| {
            let unit = u64::from(h.config.receive_buffer / 2).min(36);
            h.delivered / unit + 20
        });
        let longest = millis(55 * (rounds[0] + rounds[1])) + pair.hosts[0].config.time_wait;
        assert!(pair.now - NOW < longest, "seed {seed}: {:?}", pair.now);
    }
}
