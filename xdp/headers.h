/* Headers as they lie in a frame, unaligned, in network order. */
#ifndef HEADERS_H
#define HEADERS_H

#include "kernel.h"

#define PACKED __attribute__((packed))

/* Four or two octets of a frame as they lie there, in one load or store. */
#define WORD(at) (*(const __u32 *)(const void *)(at))
#define HALF(at) (*(const __u16 *)(const void *)(at))
#define PUT(at, word) (*(__u32 *)(void *)(at) = (word))
#define PUT_HALF(at, half) (*(__u16 *)(void *)(at) = (half))

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100  /* IEEE 802.1Q */
#define ETHERTYPE_QINQ 0x88a8  /* IEEE 802.1ad */

#define PROTOCOL_HOP_BY_HOP 0
#define PROTOCOL_ICMP 1
#define PROTOCOL_TCP 6
#define PROTOCOL_ROUTING 43
#define PROTOCOL_FRAGMENT 44
#define PROTOCOL_ICMPV6 58
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

/* RFC 826, of IPv4 over Ethernet */
struct arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 from_mac[6];
	__u8 from[4];
	__u8 to_mac[6];
	__u8 to[4];
} PACKED;

#define ARP_ETHERNET 1
#define ARP_REQUEST 1

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

/* RFC 792, RFC 4443 §2.1 */
struct icmp {
	__u8 type;
	__u8 code;
	__be16 checksum;
} PACKED;

/* An error: what it quotes stands behind four octets that depend on the type. */
struct icmp_error {
	struct icmp icmp;
	__be32 rest;
} PACKED;

#define ICMP_UNREACHABLE 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER 12
#define ICMPV6_UNREACHABLE 1
#define ICMPV6_PARAMETER 4 /* and what lies between: too big, time exceeded */
#define ICMP_ECHO 8
#define ICMPV6_ECHO 128
#define ICMPV6_SOLICITATION 135

/* RFC 4861 §4.3 */
struct solicitation {
	struct icmp icmp;
	__be32 reserved;
	__u8 target[16];
} PACKED;

#define ND_HOP_LIMIT 255

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

#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#endif
