/* Which frames are ours.
 *
 * TCP to an owned address and port goes to the AF_XDP socket of the queue that it arrived on. So do
 * ARP requests, Neighbor Solicitations and pings for an address that the kernel does not hold:
 * nobody else would answer; and so do ICMP errors about segments that an owned endpoint sent.
 * Everything else stays the kernel's. What claims to be ours and cannot be (fragments, headers that
 * lie, a queue without a socket) is dropped and counted: the kernel must never see a part of a flow
 * that is not its own, because it would answer with a reset.
 *
 * No state but the memory of passed fragments. What a segment means is not decided here.
 */
#include "answer.h"
#include "guard.h"
#include "headers.h"
#include "link.h"
#include "maps.h"
#include "seawall.h"

/* One packet on its way to a verdict. */
struct packet {
	void *cursor;           /* the header to look at next */
	void *end;              /* end of the frame */
	__u32 left;             /* octets from `cursor` to the end that the IP header claims */
	__u32 flags;            /* of the destination's entry in `addresses` */
	__u32 first;            /* is it the first of several fragments? */
	__u32 lane;             /* of its queue, if it is ours */
	__u32 is_known;         /* is its destination, with its port, one of `doors`? */
	struct fragment_key id; /* both addresses, and the id once it is known to be a fragment */
};

/* Is anything owned on the destination address? */
INLINE int check_address(struct packet *packet)
{
	__u32 *flags;

	if (packet->is_known)
		return UNDECIDED;
	flags = bpf_map_lookup_elem(&addresses, &packet->id.to);
	if (!flags)
		return VERDICT_PASS_NOT_OWNED;
	packet->flags = *flags;
	return UNDECIDED;
}

INLINE int is_alone(struct address *address)
{
	__u32 *flags = bpf_map_lookup_elem(&addresses, address);

	return flags && *flags & ADDRESS_ALONE;
}

/* RFC 826: who asks for an address that is ours alone? */
INLINE int judge_arp(struct packet *packet)
{
	struct arp *arp = packet->cursor;
	struct address to = {};

	if ((void *)(arp + 1) > packet->end)
		return VERDICT_PASS_NOT_IP;
	if (NET16(arp->hardware) != ARP_ETHERNET || NET16(arp->protocol) != ETHERTYPE_IPV4 ||
	    arp->hardware_length != 6 || arp->protocol_length != 4 ||
	    NET16(arp->operation) != ARP_REQUEST)
		return VERDICT_PASS_NOT_IP;
	map_ipv4(&to, arp->to);
	return is_alone(&to) ? VERDICT_REDIRECT_NEIGHBOUR : VERDICT_PASS_NOT_IP;
}

/* RFC 4861 §4.3: is it a Neighbor Solicitation for an address that is ours alone? It goes to a
 * group, so its destination does not tell. */
INLINE int judge_solicitation(struct packet *packet, struct ipv6 *ip)
{
	struct solicitation *solicitation = (void *)(ip + 1);
	struct address target;

	if (ip->version_class >> 4 != 6 || ip->hop_limit != ND_HOP_LIMIT ||
	    (void *)(solicitation + 1) > packet->end)
		return UNDECIDED;
	if (solicitation->icmp.type != ICMPV6_SOLICITATION || solicitation->icmp.code != 0)
		return UNDECIDED;
	__builtin_memcpy(&target, solicitation->target, 16);
	return is_alone(&target) ? VERDICT_REDIRECT_NEIGHBOUR : UNDECIDED;
}

/* A segment behind a plain header that may go to a listener: most are found among `doors`, and spare
 * themselves two hash tables. */
INLINE void look_at_doors(struct packet *packet, struct ports *ports)
{
	struct endpoint to = { .address = packet->id.to };

	if ((void *)(ports + 1) > packet->end)
		return;
	to.port = HALF(&ports->to);
	packet->is_known = number_behind_door(&to) != 0;
}

INLINE int is_port_owned(struct packet *packet, __be16 port)
{
	struct endpoint endpoint = { .port = port };

	if (packet->is_known || packet->flags & ADDRESS_WHOLE)
		return 1;
	endpoint.address = packet->id.to;
	return bpf_map_lookup_elem(&endpoints, &endpoint) != 0;
}

/* RFC 792: was the segment that a router could not deliver sent by an owned endpoint? Otherwise,
 * the error is UNDECIDED. */
INLINE int judge_error(struct packet *packet, struct icmp_error *error)
{
	struct ipv4 *quoted = (void *)(error + 1);
	struct ports *ports = (void *)(quoted + 1);

	if ((void *)(ports + 1) > packet->end)
		return UNDECIDED;
	if (error->icmp.type != ICMP_UNREACHABLE && error->icmp.type != ICMP_TIME_EXCEEDED &&
	    error->icmp.type != ICMP_PARAMETER)
		return UNDECIDED;
	/* We send no options, and no fragments. */
	if (quoted->version_ihl != 0x45 || quoted->protocol != PROTOCOL_TCP ||
	    __builtin_memcmp(quoted->from, packet->id.to.octets + 12, 4))
		return UNDECIDED;
	return is_port_owned(packet, ports->from) ? VERDICT_REDIRECT_ICMP : UNDECIDED;
}

/* RFC 4443 §3 */
INLINE int judge_error_v6(struct packet *packet, struct icmp_error *error)
{
	struct ipv6 *quoted = (void *)(error + 1);
	struct ports *ports = (void *)(quoted + 1);

	if ((void *)(ports + 1) > packet->end)
		return UNDECIDED;
	if (error->icmp.type < ICMPV6_UNREACHABLE || error->icmp.type > ICMPV6_PARAMETER)
		return UNDECIDED;
	if (quoted->version_class >> 4 != 6 || quoted->next != PROTOCOL_TCP ||
	    __builtin_memcmp(quoted->from, packet->id.to.octets, 16))
		return UNDECIDED;
	return is_port_owned(packet, ports->from) ? VERDICT_REDIRECT_ICMP : UNDECIDED;
}

/* What is not TCP is the kernel's, but for an echo request to an address that it does not hold. */
INLINE int judge_not_tcp(struct packet *packet, struct icmp *icmp, __u8 echo)
{
	if (!(packet->flags & ADDRESS_ALONE) || (void *)(icmp + 1) > packet->end)
		return VERDICT_PASS_NOT_TCP;
	if (icmp->type != echo || icmp->code != 0)
		return VERDICT_PASS_NOT_TCP;
	return VERDICT_REDIRECT_NEIGHBOUR;
}

/* A fragment that does not start with the TCP header goes where the one that does went. */
INLINE int judge_later_fragment(struct packet *packet)
{
	if (bpf_map_lookup_elem(&fragments, &packet->id))
		return VERDICT_PASS_FRAGMENT;
	return VERDICT_DROP_FRAGMENT;
}

INLINE int judge_tcp_header(struct packet *packet)
{
	struct tcp *tcp = packet->cursor;
	__u32 length;

	if (packet->left < sizeof(*tcp) || (void *)(tcp + 1) > packet->end)
		return VERDICT_DROP_MALFORMED;
	length = (tcp->data_offset >> 4) * 4;
	if (length < sizeof(*tcp) || length > packet->left)
		return VERDICT_DROP_MALFORMED;
	if ((tcp->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		packet->lane = LANE_SYNS;
	return VERDICT_REDIRECT;
}

INLINE int judge_tcp(struct packet *packet)
{
	struct ports *ports = packet->cursor;

	if (packet->left < sizeof(*ports) || (void *)(ports + 1) > packet->end)
		return packet->first ? VERDICT_DROP_FRAGMENT : VERDICT_DROP_MALFORMED;
	if (!is_port_owned(packet, ports->to))
		return VERDICT_PASS_NOT_OWNED;
	if (packet->first)
		return VERDICT_DROP_FRAGMENT;
	return judge_tcp_header(packet);
}

/* RFC 791 §3.1 */
INLINE int judge_ipv4(struct packet *packet)
{
	struct ipv4 *ip = packet->cursor;
	__u16 header, total, fragment;
	int verdict;

	if ((void *)(ip + 1) > packet->end)
		return VERDICT_PASS_TRUNCATED;
	map_ipv4(&packet->id.to, ip->to);
	if (ip->version_ihl == 0x45 && ip->protocol == PROTOCOL_TCP && !(ip->fragment & NET16(IPV4_OFFSET)))
		look_at_doors(packet, (void *)(ip + 1));
	verdict = check_address(packet);
	if (verdict != UNDECIDED)
		return verdict;
	/* A ping with options, or in fragments, is left to the kernel. */
	if (ip->protocol == PROTOCOL_ICMP && ip->version_ihl == 0x45 &&
	    !(NET16(ip->fragment) & (IPV4_MORE_FRAGMENTS | IPV4_OFFSET))) {
		verdict = judge_error(packet, (void *)(ip + 1));
		if (verdict != UNDECIDED)
			return verdict;
		return judge_not_tcp(packet, (void *)(ip + 1), ICMP_ECHO);
	}
	if (ip->protocol != PROTOCOL_TCP)
		return VERDICT_PASS_NOT_TCP;
	header = (ip->version_ihl & 0x0f) * 4;
	total = NET16(ip->total_length);
	if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip) || total < header)
		return VERDICT_DROP_MALFORMED;
	if (packet->cursor + total > packet->end)
		return VERDICT_DROP_MALFORMED;

	map_ipv4(&packet->id.from, ip->from);
	packet->id.id = ip->id;
	fragment = NET16(ip->fragment);
	if (fragment & IPV4_OFFSET)
		return judge_later_fragment(packet);
	packet->first = fragment & IPV4_MORE_FRAGMENTS;
	packet->left = total - header;
	packet->cursor += header;
	return judge_tcp(packet);
}

INLINE int is_extension(__u8 protocol)
{
	return protocol == PROTOCOL_HOP_BY_HOP || protocol == PROTOCOL_ROUTING ||
	       protocol == PROTOCOL_FRAGMENT || protocol == PROTOCOL_DESTINATION;
}

/* Steps over one extension header; `next` is what it is, and then what follows it. */
INLINE int step_extension(struct packet *packet, __u8 *next)
{
	struct extension *extension = packet->cursor;
	__u32 length = sizeof(*extension);
	__u16 fragment;

	if (packet->left < length || (void *)(extension + 1) > packet->end)
		return VERDICT_DROP_EXTENSIONS;
	if (*next == PROTOCOL_FRAGMENT) {
		fragment = NET16(extension->fragment);
		packet->id.id = extension->id;
		/* The same in all fragments of a packet, so it tells what the first one led to. */
		if (fragment & IPV6_OFFSET) {
			if (extension->next != PROTOCOL_TCP && !is_extension(extension->next))
				return VERDICT_PASS_NOT_TCP;
			return judge_later_fragment(packet);
		}
		/* Neither offset nor more to come: a whole packet (RFC 8200 §4.5). */
		packet->first |= fragment & IPV6_MORE_FRAGMENTS;
	} else {
		length += extension->length * 8;
	}
	if (packet->left < length)
		return VERDICT_DROP_EXTENSIONS;
	*next = extension->next;
	packet->left -= length;
	packet->cursor += length;
	return UNDECIDED;
}

/* RFC 8200 §3 and §4 */
INLINE int judge_ipv6(struct packet *packet)
{
	struct ipv6 *ip = packet->cursor;
	int verdict, extensions;
	__u8 next;

	if ((void *)(ip + 1) > packet->end)
		return VERDICT_PASS_TRUNCATED;
	next = ip->next;
	if (next == PROTOCOL_ICMPV6) {
		verdict = judge_solicitation(packet, ip);
		if (verdict != UNDECIDED)
			return verdict;
	}
	__builtin_memcpy(&packet->id.to, ip->to, 16);
	if (next == PROTOCOL_TCP)
		look_at_doors(packet, (void *)(ip + 1));
	verdict = check_address(packet);
	if (verdict != UNDECIDED)
		return verdict;
	if (next == PROTOCOL_ICMPV6 && ip->version_class >> 4 == 6) {
		verdict = judge_error_v6(packet, (void *)(ip + 1));
		if (verdict != UNDECIDED)
			return verdict;
		return judge_not_tcp(packet, (void *)(ip + 1), ICMPV6_ECHO);
	}
	if (next != PROTOCOL_TCP && !is_extension(next))
		return VERDICT_PASS_NOT_TCP;
	if (ip->version_class >> 4 != 6)
		return VERDICT_DROP_MALFORMED;
	packet->left = NET16(ip->payload_length);
	packet->cursor = ip + 1;
	if (packet->cursor + packet->left > packet->end)
		return VERDICT_DROP_MALFORMED;

	__builtin_memcpy(&packet->id.from, ip->from, 16);
	for (extensions = 0; extensions < IPV6_EXTENSIONS; extensions++) {
		if (!is_extension(next))
			break;
		verdict = step_extension(packet, &next);
		if (verdict != UNDECIDED)
			return verdict;
	}
	if (next == PROTOCOL_TCP)
		return judge_tcp(packet);
	return is_extension(next) ? VERDICT_DROP_EXTENSIONS : VERDICT_PASS_NOT_TCP;
}

INLINE int judge(struct packet *packet)
{
	__u32 length = 0;
	__u16 type = 0;
	int verdict = open_link(packet->cursor, packet->end, &length, &type);

	if (verdict != UNDECIDED)
		return verdict;
	packet->cursor += length;
	if (type == ETHERTYPE_IPV4)
		return judge_ipv4(packet);
	if (type == ETHERTYPE_IPV6)
		return judge_ipv6(packet);
	if (type == ETHERTYPE_ARP)
		return judge_arp(packet);
	return VERDICT_PASS_NOT_IP;
}

INLINE void remember_fragment(struct packet *packet)
{
	__u8 passed = 1;

	bpf_map_update_elem(&fragments, &packet->id, &passed, 0);
}

INLINE void count(__u32 verdict)
{
	__u64 *counter = bpf_map_lookup_elem(&verdicts, &verdict);

	if (counter)
		*counter += 1;
}

/* TCP to an owned endpoint: is it dropped for who sends it, or while SYNs are answered here because
 * it makes no sense in any state? The shard would drop it as well, but later. */
INLINE int judge_sender(const struct packet *packet, const struct control *control)
{
	const struct address *from = &packet->id.from;
	const struct tcp *tcp = packet->cursor;

	if (control->flags & CONTROL_BLOCK && is_blocked(from))
		return VERDICT_DROP_BLOCKED;
	if (!(control->flags & CONTROL_ANSWER) || (void *)(tcp + 1) > packet->end)
		return VERDICT_REDIRECT;
	if (!is_end(from, is_mapped(from)))
		return VERDICT_DROP_ENDS;
	return are_flags_possible(tcp->flags) ? VERDICT_REDIRECT : VERDICT_DROP_FLAGS;
}

/* What the program does not answer by itself. Apart, because a call costs a SYN a tenth of its time:
 * so answer() is where it is used, and what is not answered pays. A kernel allows 512 octets of
 * stack for both. */
APART int steer(struct xdp_md *ctx, const struct control *control_now)
{
	struct packet packet = {
		.cursor = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
	int verdict = judge(&packet);
	int action = XDP_DROP;

	if (verdict == VERDICT_REDIRECT)
		verdict = judge_sender(&packet, control_now);
	if (verdict < VERDICT_REDIRECT) {
		action = XDP_PASS;
		if (packet.first)
			remember_fragment(&packet);
	} else if (verdict <= VERDICT_REDIRECT_ICMP) {
		action = bpf_redirect_map(&xsks, ctx->rx_queue_index * LANES + packet.lane,
					  XDP_DROP);
		if (action != XDP_REDIRECT)
			verdict = VERDICT_DROP_NO_SOCKET;
	}
	count(verdict);
	return action;
}

SEC("xdp")
int seawall(struct xdp_md *ctx)
{
	__u32 zero = 0;
	const struct control *control_now = bpf_map_lookup_elem(&control, &zero);
	int verdict;

	if (!control_now)
		return XDP_DROP; /* an array has all of its values */
	verdict = answer(ctx, control_now);
	if (verdict == UNDECIDED)
		return steer(ctx, control_now);
	count(verdict);
	return verdict == VERDICT_ANSWER ? XDP_TX : XDP_DROP;
}

/* The helpers are lent to GPL-compatible programs. */
char licence[] SEC("license") = "Dual MIT/GPL";
