//! Frames with VLAN tags (IEEE 802.1Q, 802.1ad) over a link: a connection by each kind, its SYN
//! answered by the XDP program and the rest by the shard, all with the tags of the frame that came.
//!
//! The client is made by hand over `AF_XDP`, so that the tags are in the frame on both sides. A
//! kernel's VLAN interface on a veth leaves tagging to it, and the tag comes beside the frame, where
//! no XDP program sees it: there `ethtool -K sw1 txvlan off` is needed, as a NIC that serves a trunk
//! needs `rxvlan off`.

use crate::common::until;
use crate::stage::{ECHO, Stage};
use crate::xdp_cookies::{always, until_answered_in_xdp};
use libtest_mimic::Failed;
use seawall::control::lab::{CLIENT_INTERFACE, SERVER_INTERFACE};
use seawall::nic::af_xdp::{AfXdp, PortConfig, Program, QueueSpec, XdpMode};
use seawall::nic::device::Device;
use seawall::nic::{Burst, Port};
use seawall::time::Instant;
use seawall::wire::{
    Checksum, Ctl, Endpoint, FourTuple, Headers, LinkHeader, Options, Packet, Segment, Seq,
    Timestamps, parse,
};
use std::net::SocketAddr;

/// Types and identifiers: none, a VLAN, one in that of a provider.
const TAGS: [&[[u8; 4]]; 3] = [
    &[],
    &[[0x81, 0, 0, 7]],
    &[[0x88, 0xa8, 0x20, 8], [0x81, 0, 0, 9]],
];

const TEXT: &[u8] = b"by this way, and no other";

pub(crate) fn answers_keep_their_tags() -> Result<(), Failed> {
    let stage = Stage::with(always)?;
    let server = stage.lab().server();
    let server = server.run(|| Device::open(SERVER_INTERFACE))?.mac();
    let client = stage.lab().client();
    let client = client.run(|| Device::open(CLIENT_INTERFACE))?.mac();
    let mut hand = Hand::new(&stage)?;
    until_answered_in_xdp(&stage)?;
    let mut visits = 0;
    for (n, tags) in (0..).zip(TAGS) {
        let link = [&server.0[..], &client.0, &tags.concat(), &[0x08, 0x00]].concat();
        let (link, _, _) = LinkHeader::parse(&link).expect("an Ethernet header");
        assert_eq!(link.tags().count(), tags.len());
        for (local, remote) in stage.lab().client_addresses().zip(stage.ends(ECHO)) {
            let local = SocketAddr::new(local, 50_000 + n).into();
            let tuple = FourTuple {
                local,
                remote: remote.into(),
            };
            hand.visit(&link, tuple)?;
            visits += 1;
        }
    }
    let totals = stage.stop(visits)?;
    assert_eq!(totals.xdp.answers(), visits);
    let cookies = totals.counters.cookies;
    assert_eq!((cookies.accepted, cookies.rejected), (visits, 0));
    Ok(())
}

/// A client whose segments are made one by one.
struct Hand {
    port: AfXdp,
    program: [Program; 1],
}

impl Hand {
    fn new(stage: &Stage) -> Result<Self, Failed> {
        stage.client(|| {
            let program = [Program::attach(CLIENT_INTERFACE, XdpMode::Native)?];
            let queues = [QueueSpec::new(CLIENT_INTERFACE, 0)];
            let port = AfXdp::open(&queues, &PortConfig::default())?;
            let mut hand = Self { port, program };
            hand.port.register(&mut hand.program)?;
            Ok(hand)
        })
    }

    // Opens, has a text echoed, aborts.
    fn visit(&mut self, link: &LinkHeader, tuple: FourTuple) -> Result<(), Failed> {
        let [program] = &mut self.program;
        let local: Endpoint = tuple.local;
        program.own(local)?;
        let mut segment = Segment {
            seq: Seq(0x1234_5678),
            wnd: 64_240,
            ctl: Ctl::SYN,
            options: Options {
                mss: Some(1460),
                window_scale: Some(7),
                sack_permitted: true,
                timestamps: Some(Timestamps { val: 9, ecr: 0 }),
            },
            ..Segment::default()
        };
        self.send(link, &tuple, &segment, &[]);
        let (syn_ack, _) = self.receive(link, &tuple, |it| it.ctl == Ctl::SYN_ACK)?;
        let stamped = syn_ack.options.timestamps.expect("as was offered");
        let timestamps = Some(Timestamps {
            val: 10,
            ecr: stamped.val,
        });
        segment = Segment {
            seq: segment.seq + 1,
            ack: syn_ack.seq + 1,
            wnd: 500,
            ctl: Ctl::ACK,
            options: Options {
                timestamps,
                ..Options::default()
            },
            ..Segment::default()
        };
        self.send(link, &tuple, &segment, &[]);
        segment.text_len = TEXT.len() as u32;
        self.send(link, &tuple, &segment, TEXT);
        let (_, text) = self.receive(link, &tuple, |it| it.text_len > 0)?;
        assert_eq!(text, TEXT);
        segment.seq = segment.seq + segment.text_len;
        segment.text_len = 0;
        segment.ctl = Ctl::RST;
        self.send(link, &tuple, &segment, &[]);
        Ok(())
    }

    fn send(&mut self, link: &LinkHeader, tuple: &FourTuple, segment: &Segment, text: &[u8]) {
        let headers = Headers {
            link,
            tuple,
            segment,
            hop_limit: 64,
            tos: 0,
        };
        let (at, len) = (headers.len(), headers.len() + text.len());
        let mut frame = self.port.allocate(0).expect("few are under way");
        let octets = &mut self.port.bytes_mut(&mut frame)[..len];
        octets[at..].copy_from_slice(text);
        headers.emit(octets).expect("it fits");
        frame.set_len(len);
        self.port.transmit(Instant::ZERO, frame);
        self.port.flush(Instant::ZERO);
    }

    // The next segment of the tuple that is `wanted`, and its text. All of them have the tags.
    fn receive(
        &mut self,
        link: &LinkHeader,
        tuple: &FourTuple,
        wanted: impl Fn(&Segment) -> bool,
    ) -> Result<(Segment, Vec<u8>), Failed> {
        let mut found = None;
        until("it is answered", || {
            let mut burst = Burst::new();
            self.port.receive(Instant::ZERO, &mut burst);
            for frame in burst {
                let octets = self.port.bytes(&frame);
                let packet: Packet = parse(octets, Checksum::Verify).expect("it is whole");
                assert_eq!(packet.link, link.reversed(), "{octets:02x?}");
                if packet.tuple == *tuple && wanted(&packet.segment) {
                    found = Some((packet.segment, packet.text(octets).to_vec()));
                }
                self.port.release(frame);
            }
            found.take()
        })
    }
}
