"""Sends segments that scapy made to the server of the lab and tells what came back, a line of JSON
for each row.

odd.py odd|options INTERFACE MAC: from INTERFACE to the server, whose Ethernet address is MAC.

All come from an address that no kernel holds, so that none but this script answers. A row is over
when a fence has come back: a segment behind it, to which a reset is the answer. One queue has one
order, and a second fence waits for what the first one's breath sent last.
"""

import itertools
import json
import struct
import sys
import time

from scapy.all import IP, TCP, Ether, Raw, conf, get_if_hwaddr

SERVER, STRANGER = "10.73.0.1", "10.73.9.9"
ECHO = 7
DEADLINE = 5
FENCES = itertools.count(50000)
PORTS = itertools.count(20000)
SEQ = 1_000_000
TIMESTAMPS = ("Timestamp", (1, 0))
USUAL = [("MSS", 1460), ("SAckOK", b""), TIMESTAMPS, ("NOP", None), ("WScale", 7)]

mode, interface, mac = sys.argv[1:]
link = Ether(src=get_if_hwaddr(interface), dst=mac)
wire = conf.L2socket(iface=interface)


class Flow:
    """One port of ours, and what came back to it."""

    def __init__(self):
        self.port = next(PORTS)
        self.sent = 0
        self.replies = []
        self.theirs = None

    def segment(self, **fields):
        fields = {"sport": self.port, "dport": ECHO, "seq": SEQ, "window": 8192} | fields
        return IP(src=STRANGER, dst=SERVER) / TCP(**fields)

    def send(self, packet):
        self.sent += 1
        wire.send(link / packet)
        return self

    def collect(self):
        """Reads until two fences have come back, one after the other."""
        for fence in (next(FENCES), next(FENCES)):
            probe = self.segment(sport=fence, flags="A", ack=1)
            wire.send(link / probe)
            deadline = time.monotonic() + DEADLINE
            while True:
                if time.monotonic() > deadline:
                    sys.exit(f"no reply to fence {fence}")
                # A frame of another kind, or our own on its way out.
                frame = wire.recv()
                if frame is None or TCP not in frame or frame[IP].src != SERVER:
                    continue
                reply = frame[TCP]
                if reply.dport == fence:
                    break
                if reply.dport == self.port:
                    self.replies.append(reply)
        return self

    def connect(self, options=()):
        """The handshake; what follows counts anew."""
        self.send(self.segment(flags="S", options=list(options))).collect()
        [syn_ack] = self.replies
        self.theirs = syn_ack.seq + 1
        self.send(self.segment(flags="A", seq=SEQ + 1, ack=self.theirs)).collect()
        assert len(self.replies) == 1, "an ACK that opens is not answered"
        self.window = syn_ack.window
        self.sent, self.replies = 0, []
        return self

    def text(self, at, octets, flags="PA", **fields):
        """A segment of the connection, `at` octets into what we say."""
        fields = {"seq": SEQ + 1 + at, "ack": self.theirs, "flags": flags} | fields
        return self.segment(**fields) / Raw(octets)

    def tell(self, what, since=SEQ):
        last = self.replies[-1] if self.replies else None
        acknowledges = last is not None and "A" in str(last.flags)
        options = [str(name) for name, _ in last.options] if last is not None else []
        row = {
            "what": what,
            "sent": self.sent,
            "replies": [str(reply.flags) for reply in self.replies],
            "acknowledged": (last.ack - since) % 2**32 if acknowledges else None,
            "options": options,
        }
        print(json.dumps(row), flush=True)
        # Nobody waits for what we have begun.
        if last is not None and "R" not in str(last.flags):
            reset = self.segment(flags="R", seq=last.ack)
            wire.send(link / reset)


def resummed(packet):
    """The packet with its TCP checksum made right behind scapy's back."""
    octets = bytearray(bytes(packet))
    segment = octets[20:]
    segment[16:18] = b"\0\0"
    pseudo = octets[12:20] + struct.pack("!BBH", 0, 6, len(segment))
    padded = bytes(pseudo + segment) + b"\0" * (len(segment) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    octets[36:38] = struct.pack("!H", ~total & 0xFFFF)
    return octets


def raw_options(octets):
    """A SYN with these octets for options, right or wrong."""

    def make(flow):
        words = len(octets) // 4
        packet = bytearray(bytes(flow.segment(flags="S", dataofs=5 + words) / Raw(octets)))
        return IP(bytes(resummed(packet)))

    return make


def syn(text=b"", flags="S", **fields):
    def make(flow):
        packet = flow.segment(flags=flags, **fields)
        return packet / Raw(text) if text else packet

    return make


def strangers():
    unknown = (253, b"\xf9\x89ab")
    yield "a plain SYN", syn(options=USUAL)
    yield "a SYN with reserved bits", syn(reserved=7)
    yield "a SYN that sets up ECN", syn(flags="SEC", options=USUAL)
    yield "a SYN that asks for a Fast Open cookie", raw_options(bytes([34, 2, 1, 1]))
    cookie = bytes([34, 10]) + b"8 octets" + bytes([1, 1])
    yield "a SYN with a Fast Open cookie and text", lambda flow: IP(
        bytes(resummed(bytes(flow.segment(flags="S", dataofs=8) / Raw(cookie + b"early"))))
    )
    yield "a SYN with text", syn(b"early")
    yield "a SYN with an MD5 signature", raw_options(bytes([19, 18]) + b"m" * 16 + bytes([1, 1]))
    yield "a SYN with an unknown option", syn(options=[unknown])
    yield "a SYN with window scale 15", syn(options=[("MSS", 1460), ("WScale", 15)])
    yield "a SYN with an MSS of 0", syn(options=[("MSS", 0)])
    yield "a SYN with forty octets of padding", raw_options(bytes([1] * 40))
    twice = bytes([2, 4, 5, 180, 3, 3, 7, 4, 2, 1, 1, 1])
    yield "a SYN with every option twice", raw_options(twice + twice)
    yield "a SYN with an urgent pointer", syn(urgptr=99)
    yield "a SYN with PSH and URG", syn(flags="SPU", urgptr=1)
    yield "a SYN of window 0", syn(window=0)
    yield "an option of no octets", raw_options(bytes([99, 0, 0, 0]))
    yield "an option past the end", raw_options(bytes([1, 1, 1, 2]))
    yield "a data offset of 0", syn(dataofs=0)
    yield "a data offset of 4", syn(dataofs=4)
    yield "a data offset past the end", syn(dataofs=15)
    yield "a wrong checksum", syn(chksum=0x1234)
    yield "a SYN with FIN", syn(flags="SF")
    yield "a SYN with RST", syn(flags="SR")
    yield "no flags", syn(flags="")
    yield "every flag", syn(flags="FSRPAUEC", urgptr=1)
    yield "an ACK of nothing", syn(flags="A", ack=5)
    yield "a FIN with ACK of nothing", syn(flags="FA", ack=5)
    yield "a SYN-ACK of nothing", syn(flags="SA", ack=5)
    yield "a RST of nothing", syn(flags="R")


def connections():
    """What is sent, from a connection of one's own."""
    a, b = b"a" * 100, b"b" * 100
    yield "text", lambda f: [f.text(0, a)]
    yield "text that overlaps", lambda f: [f.text(50, b), f.text(0, a)]
    yield "text with urgent octets", lambda f: [f.text(0, a, "PAU", urgptr=50)]
    yield "an urgent pointer past the text", lambda f: [f.text(0, b"u" * 10, "AU", urgptr=60000)]
    option = [(253, b"\xf9\x89ab")]
    yield "text with an unknown option", lambda f: [f.text(0, a, options=option)]
    yield "text with reserved bits", lambda f: [f.text(0, a, reserved=7)]
    yield "text beyond the window", lambda f: [f.text(f.window, a)]
    yield "a FIN with text beyond the window", lambda f: [f.text(f.window, a, "FA")]
    yield "a FIN beyond the window", lambda f: [f.text(f.window + 9, b"", "FA")]
    unsent = "text that acknowledges what was never sent"
    yield unsent, lambda f: [f.text(0, a, ack=f.theirs + 1)]
    yield "a hole, then a FIN behind it", lambda f: [f.text(10, a), f.text(110, b"", "FA")]
    yield "a SYN in the window", lambda f: [f.text(5, b"", "S")]
    yield "a RST at the window's right half", lambda f: [f.text(f.window - 5, b"", "R")]
    yield "text without ACK", lambda f: [f.text(0, a, "P")]
    yield "a keep-alive of one old octet", lambda f: [f.text(-1, b"k", "A")]


def odd():
    for what, make in strangers():
        flow = Flow()
        flow.send(make(flow)).collect().tell(what)
    for what, make in connections():
        flow = Flow().connect()
        for packet in make(flow):
            flow.send(packet)
        flow.collect().tell(what, since=SEQ + 1)


def options():
    """SYN-ACKs for all mixes of what a SYN offers."""
    for mix in itertools.product([[], [("SAckOK", b"")]], [[], [TIMESTAMPS]], [[], [("WScale", 7)]]):
        offered = [("MSS", 1460), *itertools.chain(*mix)]
        flow = Flow()
        flow.send(flow.segment(flags="S", options=offered)).collect()
        flow.tell(" ".join(name for name, _ in offered))


{"odd": odd, "options": options}[mode]()
