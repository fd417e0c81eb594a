//! A source of frames over `AF_XDP` at the client's end: prepared frames of 1514 octets in which
//! only the sequence number changes, and the checksum with it.

use crate::{Bench, DISCARD};
use anyhow::{Context, ensure};
use seawall::control::lab::{CLIENT_INTERFACE, SERVER_INTERFACE};
use seawall::limits::BURST_FRAMES;
use seawall::nic::af_xdp::{AfXdp, PortConfig, Program, QueueSpec, XdpMode};
use seawall::nic::netlink::Netlink;
use seawall::nic::{Burst, Port};
use seawall::time::Instant;
use seawall::wire::{
    Checksum, Ctl, Endpoint, FourTuple, Headers, LinkHeader, Options, Segment, Seq, parse,
};
use std::time::{Duration, Instant as Clock};

/// Connections of a source that obeys windows: their windows together fit the receive ring.
const FLOWS: u16 = 8;

/// Octets of text in a frame of 1514.
const MSS: u16 = 1460;

/// Where the sequence number and the checksum stand: behind Ethernet and IPv4 without options.
const SEQ_AT: usize = 14 + 20 + 4;
const CHECKSUM_AT: usize = 14 + 20 + 16;

/// No ACK for so long, and a flow goes back to what is not acknowledged.
const STALL: Duration = Duration::from_millis(20);

struct Source {
    port: AfXdp,
    flows: Vec<Flow>,
    // Detached when dropped.
    _program: Program,
}

/// One connection: its frame, ready but for the sequence number, and how far it is.
struct Flow {
    template: Vec<u8>,
    /// The sum of all that the checksum covers, with a sequence number of 0.
    sum: u32,
    una: Seq,
    nxt: Seq,
    window: u32,
    shift: u8,
    progress_at: Clock,
}

/// What was sent, and in what time, without that of setting up.
pub(crate) struct Sent {
    pub(crate) frames: u64,
    pub(crate) took: Duration,
}

/// Sends without regard to answers.
pub(crate) fn as_fast_as_it_goes(bench: &Bench) -> anyhow::Result<Sent> {
    Ok(Source::open(bench)?.run(bench.each, false))
}

/// Sends as the windows of the peer allow.
pub(crate) fn with_windows(bench: &Bench) -> anyhow::Result<Sent> {
    let mut source = Source::open(bench)?;
    for flow in 0..source.flows.len() {
        source.shake_hands(flow)?;
    }
    Ok(source.run(bench.each, true))
}

impl Source {
    fn open(bench: &Bench) -> anyhow::Result<Self> {
        let server = bench.lab.server().run(|| mac_of(SERVER_INTERFACE))?;
        let client = mac_of(CLIENT_INTERFACE)?;
        let link = LinkHeader::new(server, client);
        let mut program = Program::attach(CLIENT_INTERFACE, XdpMode::Auto)?;
        let queues = [QueueSpec::new(CLIENT_INTERFACE, 0)];
        let port = AfXdp::open(&queues, &PortConfig::default())?;
        port.register(std::slice::from_mut(&mut program))?;
        let address = bench.lab.client_addresses().next();
        let address = address.context("a client address")?.into();
        let mut flows = Vec::new();
        for n in 0..FLOWS {
            let local = Endpoint {
                address,
                port: 40_000 + n,
            };
            program.own(local)?;
            let remote = bench.at(DISCARD).into();
            flows.push(Flow::new(&link, &FourTuple { local, remote }, Seq(0))?);
        }
        Ok(Self {
            port,
            flows,
            _program: program,
        })
    }

    // Opens a connection by hand: nothing is lost on an idle veth.
    fn shake_hands(&mut self, flow: usize) -> anyhow::Result<()> {
        let template = &self.flows[flow].template;
        let ours = parse(template, Checksum::Verify).map_err(|r| anyhow::anyhow!(r.name()))?;
        let (link, tuple) = (ours.link, ours.tuple.reversed());
        let syn = Segment {
            wnd: u16::MAX,
            ctl: Ctl::SYN,
            options: Options {
                mss: Some(MSS),
                window_scale: Some(0),
                ..Options::default()
            },
            ..Segment::default()
        };
        self.send_bytes(&emit(&link, &tuple, &syn)?);
        let until = Clock::now() + Duration::from_secs(1);
        let syn_ack = loop {
            ensure!(Clock::now() < until, "the SYN was not answered");
            let mut burst = Burst::new();
            self.port.receive(Instant::ZERO, &mut burst);
            let parsed = burst.first().map(|frame| {
                let bytes = self.port.bytes(frame);
                parse(bytes, Checksum::Verify)
            });
            for frame in burst {
                self.port.release(frame);
            }
            self.port.flush(Instant::ZERO);
            if let Some(Ok(packet)) = parsed
                && packet.tuple == tuple
            {
                break packet.segment;
            }
        };
        ensure!(
            syn_ack.ctl == Ctl::SYN_ACK,
            "the answer to a SYN: {syn_ack:?}"
        );
        // The first text acknowledges the SYN.
        let mut flow_now = Flow::new(&link, &tuple, syn_ack.seq + 1)?;
        flow_now.window = syn_ack.wnd.into();
        flow_now.shift = syn_ack.options.window_scale.unwrap_or(0);
        self.flows[flow] = flow_now;
        Ok(())
    }

    fn send_bytes(&mut self, bytes: &[u8]) {
        if let Some(mut frame) = self.port.allocate(0) {
            frame.set_len(bytes.len());
            self.port.bytes_mut(&mut frame)[..bytes.len()].copy_from_slice(bytes);
            self.port.transmit(Instant::ZERO, frame);
        }
        self.port.flush(Instant::ZERO);
    }

    fn run(&mut self, each: Duration, obeys: bool) -> Sent {
        let began = Clock::now();
        let before = self.port.counters().sent;
        let mut burst = Burst::new();
        loop {
            let now = Clock::now();
            if now - began >= each {
                break;
            }
            self.port.receive(Instant::ZERO, &mut burst);
            for frame in burst.drain(..) {
                if let Ok(packet) = parse(self.port.bytes(&frame), Checksum::Verify)
                    && let Some(n) = packet.tuple.local.port.checked_sub(40_000)
                    && let Some(flow) = self.flows.get_mut(usize::from(n))
                {
                    flow.on_ack(&packet.segment, now);
                }
                self.port.release(frame);
            }
            let share = BURST_FRAMES / self.flows.len();
            for flow in &mut self.flows {
                if obeys && flow.una != flow.nxt && now - flow.progress_at > STALL {
                    flow.nxt = flow.una;
                    flow.progress_at = now;
                }
                for _ in 0..share {
                    if obeys && !(flow.nxt + u32::from(MSS)).within(flow.una, flow.window) {
                        break;
                    }
                    let Some(mut frame) = self.port.allocate(0) else {
                        break;
                    };
                    frame.set_len(flow.template.len());
                    flow.fill(self.port.bytes_mut(&mut frame));
                    self.port.transmit(Instant::ZERO, frame);
                }
            }
            self.port.flush(Instant::ZERO);
        }
        Sent {
            frames: self.port.counters().sent - before,
            took: began.elapsed(),
        }
    }
}

impl Flow {
    fn new(link: &LinkHeader, tuple: &FourTuple, acknowledges: Seq) -> anyhow::Result<Self> {
        let segment = Segment {
            ack: acknowledges,
            wnd: u16::MAX,
            ctl: Ctl::ACK,
            text_len: MSS.into(),
            ..Segment::default()
        };
        let template = emit(link, tuple, &segment)?;
        let [high, low] = [template[CHECKSUM_AT], template[CHECKSUM_AT + 1]];
        Ok(Self {
            sum: u32::from(!u16::from_be_bytes([high, low])),
            template,
            una: Seq(1),
            nxt: Seq(1),
            window: 0,
            shift: 0,
            progress_at: Clock::now(),
        })
    }

    fn on_ack(&mut self, segment: &Segment, now: Clock) {
        if self.una.lt(segment.ack) {
            self.una = segment.ack;
            self.progress_at = now;
        }
        if self.nxt.lt(self.una) {
            self.nxt = self.una;
        }
        self.window = u32::from(segment.wnd) << self.shift;
    }

    // The next frame, with its sequence number and the checksum that goes with it.
    fn fill(&mut self, room: &mut [u8]) {
        let bytes = &mut room[..self.template.len()];
        bytes.copy_from_slice(&self.template);
        let seq = self.nxt.0;
        bytes[SEQ_AT..SEQ_AT + 4].copy_from_slice(&seq.to_be_bytes());
        let sum = self.sum + (seq >> 16) + (seq & 0xffff);
        let folded = (sum & 0xffff) + (sum >> 16);
        let folded = (folded & 0xffff) + (folded >> 16);
        bytes[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&(!(folded as u16)).to_be_bytes());
        self.nxt = self.nxt + u32::from(MSS);
    }
}

fn emit(link: &LinkHeader, tuple: &FourTuple, segment: &Segment) -> anyhow::Result<Vec<u8>> {
    let headers = Headers {
        link,
        tuple,
        segment,
        hop_limit: 64,
        tos: 0,
    };
    let mut frame = vec![b'x'; headers.len() + segment.text_len as usize];
    headers.emit(&mut frame).context("it has that length")?;
    Ok(frame)
}

fn mac_of(interface: &str) -> anyhow::Result<[u8; 6]> {
    Ok(Netlink::open()?.link(interface)?.mac.0)
}
