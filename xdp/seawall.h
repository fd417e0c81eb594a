/* What the XDP program and the process that loads it agree on: sizes, keys, flags, verdicts.
 *
 * `src/nic/af_xdp/program.rs` and `verdict.rs` mirror this file; a test parses it and compares.
 */
#ifndef SEAWALL_H
#define SEAWALL_H

#include "kernel.h"

/* Receive queues that can have sockets. */
#define QUEUES_MAX 64

/* Sockets of a queue: entries of `xsks`, one behind the other. */
#define LANE_SEGMENTS 0 /* all that is no SYN */
#define LANE_SYNS 1     /* SYNs without an ACK */
#define LANES 2

/* Addresses on which anything is owned. */
#define ADDRESSES_MAX 4096

/* Pairs of address and port that are owned. */
#define ENDPOINTS_MAX 16384

/* First fragments that were passed, and whose later fragments pass too. */
#define FRAGMENTS_MAX 4096

/* Listeners whose SYNs can be answered by the program. */
#define LISTENERS_MAX 1024

/* Places for listeners that are found without a hash table: a power of two, by its bits. */
#define DOORS_BITS 10

/* Sources whose SYNs are counted, the last that sent some. */
#define SOURCES_MAX 65536

/* Networks that can be blocked. */
#define BLOCKED_MAX 65536

/* VLAN tags that are looked behind. */
#define VLAN_TAGS_MAX 2

/* IPv6 extension headers that are walked before a packet is refused; as in src/limits.rs. */
#define IPV6_EXTENSIONS 8

/* Flag of an entry in `addresses`: every TCP port of the address is owned. */
#define ADDRESS_WHOLE 1

/* Flag of an entry in `addresses`: the kernel does not hold it, so ARP, ND and ping are ours. */
#define ADDRESS_ALONE 2

/* An IP address of either family in network order; IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). */
struct address {
	__u8 octets[16];
};

/* Flag of `control`: SYNs to a listener are answered by the program. */
#define CONTROL_ANSWER 1

/* Flag of `control`: a checksum of the pseudo-header alone is as good as a right one. */
#define CONTROL_TRUST_PARTIAL 2

/* Flag of `control`: there are blocked networks. */
#define CONTROL_BLOCK 4

/* Flag of a listener: its SYN-ACKs have timestamps where the SYN had some. */
#define OFFER_TIMESTAMPS 1

/* Flag of a listener: as OFFER_TIMESTAMPS, a window scale. */
#define OFFER_SCALE 2

/* Flag of a listener: as OFFER_TIMESTAMPS, SACK-permitted. */
#define OFFER_SACK 4

/* The only value of `control`. */
struct control {
	__u64 reply_gap;  /* nanoseconds between two SYN-ACKs of one CPU; 0: no limit */
	__u64 source_gap; /* nanoseconds between two SYNs of one source; 0: no limit */
	__u32 flags;
	__u32 pad;
};

/* How SYNs to a listener are answered in one epoch: a value of `listeners`. Each listener has two,
 * at twice its number and behind it, in turns: what is written is of an epoch that has not begun,
 * so nobody is reading it. */
struct listener {
	__u64 mint[4];    /* SipHash state under the key of the epoch, behind our address */
	__u64 offsets[4]; /* the same under the key of initial sequence numbers */
	__u64 begin;      /* of the epoch here, by the coarse monotonic clock, in nanoseconds */
	__u64 lasts;      /* the epoch, in nanoseconds; 64 s at most */
	__u32 millis;     /* of the shards' clock at `begin` */
	__u32 epoch;
	__u32 mss;        /* our option */
	__u32 window;
	__u32 shift;      /* of our window scale */
	__u32 hop_limit;
	__u32 service;    /* the octet that holds DSCP and ECN */
	__u32 flags;      /* OFFER_TIMESTAMPS, OFFER_SCALE, OFFER_SACK */
};

/* Key of `blocked`: a network by its mapped address, its length from 96 for IPv4. */
struct network {
	__u32 length;
	struct address address;
};

/* Key of `endpoints`. */
struct endpoint {
	struct address address;
	__be16 port;
	__u16 pad; /* zero */
};

/* Value of `doors`: a listener as `endpoints` has it. Nobody's door is zeros. One that is being
 * written is at worst no door: of its octets each is the old one or the new, and one of the two is
 * zero. */
struct door {
	struct endpoint endpoint;
	__u32 number; /* of the listener, and 1 */
};

/* Key of `fragments`: what all fragments of one packet share (RFC 791 §3.2, RFC 8200 §4.5). The
 * mapped form tells the families apart. Only TCP gets here, so the protocol is not part of it. */
struct fragment_key {
	struct address from;
	struct address to;
	__be32 id;
};

/* What became of a frame, and its index in `verdicts`. */
enum verdict {
	VERDICT_PASS_NOT_IP,        /* neither IPv4 nor IPv6 */
	VERDICT_PASS_VLAN,          /* more than two VLAN tags: not recognisably ours */
	VERDICT_PASS_TRUNCATED,     /* it ends before its destination address: nobody's */
	VERDICT_PASS_NOT_OWNED,     /* its address or its port is the kernel's */
	VERDICT_PASS_NOT_TCP,       /* to an owned address, but not TCP */
	VERDICT_PASS_FRAGMENT,      /* a later fragment whose first fragment was passed */
	VERDICT_REDIRECT,           /* ours: to the socket of its queue */
	VERDICT_REDIRECT_NEIGHBOUR, /* ARP, ND or ping for an address that is ours alone */
	VERDICT_REDIRECT_ICMP,      /* an ICMP error about a segment from an owned endpoint */
	VERDICT_ANSWER,             /* a SYN to a listener: answered here by a SYN cookie */
	VERDICT_DROP_FRAGMENT,      /* a fragment of owned traffic, or one that cannot be judged */
	VERDICT_DROP_MALFORMED,     /* an IP or TCP header that lies */
	VERDICT_DROP_EXTENSIONS,    /* too many or broken IPv6 extension headers */
	VERDICT_DROP_NO_SOCKET,     /* ours, but its queue has no socket */
	VERDICT_DROP_CHECKSUM,      /* a SYN with a wrong checksum */
	VERDICT_DROP_OPTIONS,       /* a SYN with an option whose length lies */
	VERDICT_DROP_ENDS,          /* its source or its destination can be no end of a connection */
	VERDICT_DROP_FLAGS,         /* no segment has these control bits: a scan */
	VERDICT_DROP_BUDGET,        /* a SYN that found the budget of SYN-ACKs spent */
	VERDICT_DROP_SOURCE,        /* a SYN from a source that sends too many */
	VERDICT_DROP_BLOCKED,       /* TCP to an owned endpoint from a blocked network */
	VERDICT_COUNT
};

#endif
