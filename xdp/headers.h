/* Headers as they lie in a frame, unaligned, in network order. */
#ifndef HEADERS_H
#define HEADERS_H

#include "kernel.h"

#define PACKED __attribute__((packed))

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100  /* IEEE 802.1Q */
#define ETHERTYPE_QINQ 0x88a8  /* IEEE 802.1ad */

#define PROTOCOL_HOP_BY_HOP 0
#define PROTOCOL_TCP 6
#define PROTOCOL_ROUTING 43
#define PROTOCOL_FRAGMENT 44
#define PROTOCOL_DESTINATION 60

struct ethernet {
	__u8 to[6];
	__u8 from[6];
	__be16 type;
} PACKED;

struct vlan {
	__be16 control;
	__be16 type;
} PACKED;

/* RFC 791 §3.1 */
struct ipv4 {
	__u8 version_ihl;
	__u8 service;
	__be16 total_length;
	__be16 id;
	__be16 fragment; /* flags and offset in units of 8 octets */
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__u8 from[4];
	__u8 to[4];
} PACKED;

#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET 0x1fff

/* RFC 8200 §3 */
struct ipv6 {
	__u8 version_class;
	__u8 class_label;
	__be16 label;
	__be16 payload_length;
	__u8 next;
	__u8 hop_limit;
	__u8 from[16];
	__u8 to[16];
} PACKED;

/* RFC 8200 §4: the first 8 octets, which every extension header has. `fragment` and `id` mean
 * something in a fragment header alone. */
struct extension {
	__u8 next;
	__u8 length; /* in units of 8 octets, not counting the first 8 */
	__be16 fragment;
	__be32 id;
} PACKED;

#define IPV6_MORE_FRAGMENTS 0x0001
#define IPV6_OFFSET 0xfff8

/* RFC 9293 §3.1 */
struct ports {
	__be16 from;
	__be16 to;
} PACKED;

struct tcp {
	struct ports ports;
	__be32 seq;
	__be32 ack;
	__u8 data_offset; /* upper half, in units of 4 octets */
	__u8 flags;
	__be16 window;
	__be16 checksum;
	__be16 urgent;
} PACKED;

#endif
