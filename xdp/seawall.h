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

/* Key of `endpoints`. */
struct endpoint {
	struct address address;
	__be16 port;
	__u16 pad; /* zero */
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
	VERDICT_DROP_FRAGMENT,      /* a fragment of owned traffic, or one that cannot be judged */
	VERDICT_DROP_MALFORMED,     /* an IP or TCP header that lies */
	VERDICT_DROP_EXTENSIONS,    /* too many or broken IPv6 extension headers */
	VERDICT_DROP_NO_SOCKET,     /* ours, but its queue has no socket */
	VERDICT_COUNT
};

#endif
