/* SYNs to listeners: counted, refused by source, and while CONTROL_ANSWER says so answered by a
 * cookie in the frame that brought them, octet for octet as the shard would (src/shard/stranger.rs,
 * src/wire/emit.rs). Nothing is remembered of them.
 *
 * What is rare is left to the shard: IP options, extension headers, much text. So is a SYN between
 * two epochs, when the control side was late, and what the driver has no room to make longer.
 *
 * Departs from RFC 9293 §3.10.7.4 and RFC 5961 §4.2: a SYN of a connection that exists is answered
 * by a cookie as well, and not challenged, for connections are not known here. The shard makes up
 * for it when the cookie comes back.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "checksum.h"
#include "cookie.h"
#include "guard.h"
#include "link.h"
#include "options.h"

#define DONT_FRAGMENT 0x4000

/* A SYN on its way to its answer. */
struct syn {
	struct address from __attribute__((aligned(8))); /* read by halves */
	struct endpoint to;
	__u32 is_v4;
	__be32 ports;    /* of both ends, as they stand in the header */
	__u64 addresses; /* the sum of both */
	__u32 length;    /* octets of the segment */
	__u32 link;      /* octets of the link header */
	__u32 segment;   /* where the segment begins in the frame */
	__be32 seq;
	struct options options;
};

/* The SYN-ACK that answers it. */
struct reply {
	__u32 length; /* octets of the segment */
	__u32 iss;
	__u32 shift;   /* OPTION_ABSENT if none */
	__u32 sack;    /* does it say SACK-permitted? */
	__u32 stamped; /* has it timestamps? */
	__u32 val;
};

/* RFC 791 §3.1: a plain header of a whole packet. Returns its segment, 0 when it is not for us. */
INLINE struct tcp *open_ipv4(struct ipv4 *ip, void *end, struct syn *syn)
{
	struct tcp *tcp = (void *)(ip + 1);

	if ((void *)(tcp + 1) > end || ip->version_ihl != 0x45 || ip->protocol != PROTOCOL_TCP)
		return 0;
	if (WORD(&ip->id) & NET32(IPV4_MORE_FRAGMENTS | IPV4_OFFSET))
		return 0;
	map_ipv4(&syn->to.address, ip->to);
	map_ipv4(&syn->from, ip->from);
	syn->length = NET16(HALF(&ip->total_length));
	if (syn->length < sizeof(*ip) + sizeof(*tcp) || (void *)ip + syn->length > end)
		return 0;
	syn->length -= sizeof(*ip);
	syn->segment = syn->link + sizeof(*ip);
	syn->is_v4 = 1;
	syn->addresses = (__u64)WORD(ip->from) + WORD(ip->to);
	return tcp;
}

/* RFC 8200 §3, without extension headers. */
INLINE struct tcp *open_ipv6(struct ipv6 *ip, void *end, struct syn *syn)
{
	struct tcp *tcp = (void *)(ip + 1);
	const void *addresses = ip->from;
	int word;

	if ((void *)(tcp + 1) > end || ip->version_class >> 4 != 6 || ip->next != PROTOCOL_TCP)
		return 0;
	copy_ipv6(&syn->to.address, ip->to);
	copy_ipv6(&syn->from, ip->from);
	syn->length = NET16(HALF(&ip->payload_length));
	if (syn->length < sizeof(*tcp) || (void *)(ip + 1) + syn->length > end)
		return 0;
	syn->segment = syn->link + sizeof(*ip);
	syn->is_v4 = 0;
	syn->addresses = 0;
	for (word = 0; word < 32; word += 4)
		syn->addresses += WORD(addresses + word);
	return tcp;
}

/* Can both ends be ends of one connection (src/wire/parse.rs)? */
INLINE int are_ends_possible(const struct syn *syn)
{
	const struct address *to = &syn->to.address;
	__be16 remote_port = (__be16)syn->ports;

	if (!is_end(&syn->from, syn->is_v4) || !is_end(to, syn->is_v4) || !remote_port)
		return 0;
	return remote_port != syn->to.port ||
	       __builtin_memcmp(&syn->from, to, sizeof(*to));
}

/* Is the checksum of the IPv4 header right? */
INLINE int is_header_good(const struct ipv4 *ip, const struct syn *syn)
{
	const void *words = ip;

	return fold(syn->addresses + WORD(words) + WORD(words + 4) + WORD(words + 8)) == 0xffff;
}

/* Reads the segment. What it is dropped for, or UNDECIDED if it is left to the shard, or
 * VERDICT_ANSWER. */
INLINE int take_segment(struct xdp_md *ctx, const struct tcp *tcp, void *end, __u32 flags,
			struct syn *syn)
{
	__u64 pseudo_header = syn->addresses + sum_segment(syn->length), sum = pseudo_header;
	__u32 header = (tcp->data_offset >> 4) * 4;
	const void *words = tcp;
	int are_options_good, word;

	if (header < sizeof(*tcp) || header > syn->length)
		return VERDICT_DROP_MALFORMED;
	for (word = 0; word < 20; word += 4)
		sum += WORD(words + word);
	syn->seq = WORD(&tcp->seq);
	are_options_good =
		take_options(tcp + 1, end, header - sizeof(*tcp), &syn->options, &sum);
	if (UNLIKELY(syn->length > header) &&
	    !sum_text(ctx, syn->segment + header, syn->length - header, &sum))
		return UNDECIDED;
	if (UNLIKELY(fold(sum) != 0xffff) && !(flags & CONTROL_TRUST_PARTIAL &&
				     HALF(&tcp->checksum) == fold(pseudo_header)))
		return VERDICT_DROP_CHECKSUM;
	return are_options_good ? VERDICT_ANSWER : VERDICT_DROP_OPTIONS;
}

/* The place of a listener among `doors`, as in src/nic/af_xdp/doors.rs. */
INLINE __u32 door_of(const struct endpoint *endpoint)
{
	__u32 last = WORD(endpoint->address.octets + 12);

	return ((last ^ endpoint->port) * 0x9e3779b1) >> (32 - DOORS_BITS);
}

/* The number of the listener at an endpoint, and 1, when it has a door of its own; or 0. */
INLINE __u32 number_behind_door(const struct endpoint *endpoint)
{
	__u32 place = door_of(endpoint);
	const struct door *door = bpf_map_lookup_elem(&doors, &place);

	if (door && !__builtin_memcmp(&door->endpoint, endpoint, sizeof(*endpoint)))
		return door->number;
	return 0;
}

/* The number of the listener at an endpoint, and 1; 0: nobody listens. */
INLINE __u32 listener_at(const struct endpoint *endpoint)
{
	__u32 behind_door = number_behind_door(endpoint);
	const __u32 *number;

	if (LIKELY(behind_door))
		return behind_door;
	number = bpf_map_lookup_elem(&endpoints, endpoint);
	return number ? *number : 0;
}

/* How the listener answers now; 0 between two epochs. */
INLINE const struct listener *listener_of(__u32 number, __u64 now)
{
	__u32 first = (number - 1) * 2, second = first + 1;
	const struct listener *listener = bpf_map_lookup_elem(&listeners, &first);

	if (listener && now - listener->begin < listener->lasts)
		return listener;
	listener = bpf_map_lookup_elem(&listeners, &second);
	return listener && now - listener->begin < listener->lasts ? listener : 0;
}

/* cookie_syn_ack of src/tcp/cookie.rs. */
INLINE struct reply answer_to(const struct syn *syn, const struct listener *at, __u64 now)
{
	const struct options *options = &syn->options;
	/* At most 64 s in steps of 64 ns, of which 15625 are a millisecond. */
	__u32 millis = at->millis + (__u32)((now - at->begin) >> 6) / 15625;
	struct hashes hashes = hash(at, &syn->from, syn->is_v4, syn->ports, syn->seq);
	struct reply reply = {
		.length = sizeof(struct tcp) + 4,
		.iss = mint(hashes.cookie, options->mss, syn->is_v4, at->epoch),
		.shift = OPTION_ABSENT,
	};

	if (!options->stamped || !(at->flags & OFFER_TIMESTAMPS))
		return reply;
	reply.stamped = 1;
	reply.length += 12;
	if (at->flags & OFFER_SACK)
		reply.sack = options->sack;
	if (at->flags & OFFER_SCALE && options->shift != OPTION_ABSENT) {
		reply.shift = at->shift;
		reply.length += 4;
	}
	reply.val = stamp(millis + hashes.offset,
			  reply.shift == OPTION_ABSENT ? OPTION_ABSENT : options->shift,
			  reply.sack);
	return reply;
}

/* Writes the IP header; returns where the segment begins, 0 if there is no room, which cannot be. */
INLINE void *put_ipv4(void *ip, void *end, const struct syn *syn, const struct listener *at,
		      __u32 length)
{
	__u32 remote = WORD(syn->from.octets + 12), local = WORD(syn->to.address.octets + 12);
	__u32 total = sizeof(struct ipv4) + length;
	__u32 first = NET32(0x45000000 | at->service << 16 | total);
	__u32 third = NET32(at->hop_limit << 24 | PROTOCOL_TCP << 16);
	__u64 sum = syn->addresses + first + NET32(DONT_FRAGMENT) + third;

	if (ip + sizeof(struct ipv4) > end)
		return 0;
	PUT(ip, first);
	PUT(ip + 4, NET32(DONT_FRAGMENT));
	PUT(ip + 8, third | NET32((__u16)~NET16(fold(sum))));
	PUT(ip + 12, local);
	PUT(ip + 16, remote);
	return ip + sizeof(struct ipv4);
}

INLINE void *put_ipv6(void *ip, void *end, const struct syn *syn, const struct listener *at,
		      __u32 length)
{
	int word;

	if (ip + sizeof(struct ipv6) > end)
		return 0;
	PUT(ip, NET32(0x60000000 | at->service << 20));
	PUT(ip + 4, NET32(length << 16 | PROTOCOL_TCP << 8 | at->hop_limit));
	for (word = 0; word < 16; word += 4) {
		PUT(ip + 8 + word, WORD(syn->to.address.octets + word));
		PUT(ip + 24 + word, WORD(syn->from.octets + word));
	}
	return ip + sizeof(struct ipv6);
}

/* Writes a word of the segment at `*place`, adds it to the sum, steps behind it. */
INLINE void put(void **place, __u32 word, __u64 *sum)
{
	PUT(*place, word);
	*sum += word;
	*place += 4;
}

/* Writes the segment behind an IP header, likewise. */
INLINE int put_segment(void *tcp, void *end, const struct syn *syn, const struct listener *at,
		       const struct reply *reply)
{
	__u64 sum = syn->addresses + sum_segment(reply->length);
	void *place = tcp;

	if (!tcp || tcp + sizeof(struct tcp) + 4 > end)
		return 0;
	put(&place, syn->ports << 16 | syn->ports >> 16, &sum);
	put(&place, NET32(reply->iss), &sum);
	put(&place, NET32(NET32(syn->seq) + 1), &sum);
	put(&place, NET32(reply->length << 26 | (TCP_SYN | TCP_ACK) << 16 | at->window), &sum);
	place += 4;
	put(&place, OCTETS(OPTION_MSS, 4, at->mss >> 8, at->mss & 0xff), &sum);
	if (reply->stamped) {
		if (place + 12 > end)
			return 0;
		put(&place, reply->sack ? OCTETS(OPTION_SACK_PERMITTED, 2, OPTION_TIMESTAMPS, 10)
					: OCTETS(OPTION_NOP, OPTION_NOP, OPTION_TIMESTAMPS, 10),
		    &sum);
		put(&place, NET32(reply->val), &sum);
		put(&place, syn->options.val, &sum);
	}
	if (reply->shift != OPTION_ABSENT) {
		if (place + 4 > end)
			return 0;
		put(&place, OCTETS(OPTION_NOP, OPTION_WINDOW_SCALE, 3, reply->shift), &sum);
	}
	PUT(tcp + 16, (__u16)~fold(sum));
	return 1;
}

/* Makes the frame into the answer: its addresses change places, its tags stay. */
INLINE int put_reply(struct xdp_md *ctx, const struct syn *syn, const struct listener *at,
		     const struct reply *reply)
{
	__u32 ip_bytes = syn->is_v4 ? sizeof(struct ipv4) : sizeof(struct ipv6);
	__u32 link = syn->link, octets = link + ip_bytes + reply->length;
	int more = octets - (ctx->data_end - ctx->data);
	void *frame, *end, *ip, *tcp;
	__u32 to_front, from_front;
	__u16 to_back, from_back;

	/* So much the verifier has forgotten. */
	OPAQUE(link);
	if (link > sizeof(struct ethernet) + VLAN_TAGS_MAX * sizeof(struct vlan))
		return UNDECIDED;
	if (UNLIKELY(more) && bpf_xdp_adjust_tail(ctx, more))
		return UNDECIDED;
	frame = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	ip = frame + link;
	if (frame + 12 > end)
		return VERDICT_DROP_MALFORMED;
	to_front = WORD(frame), to_back = HALF(frame + 4);
	from_front = WORD(frame + 6), from_back = HALF(frame + 10);
	PUT(frame, from_front), PUT_HALF(frame + 4, from_back);
	PUT(frame + 6, to_front), PUT_HALF(frame + 10, to_back);
	if (LIKELY(syn->is_v4))
		tcp = put_ipv4(ip, end, syn, at, reply->length);
	else
		tcp = put_ipv6(ip, end, syn, at, reply->length);
	return put_segment(tcp, end, syn, at, reply) ? VERDICT_ANSWER : VERDICT_DROP_MALFORMED;
}

INLINE void count_syn(void)
{
	__u32 zero = 0;
	__u64 *counter = bpf_map_lookup_elem(&syns, &zero);

	if (counter)
		*counter += 1;
}

/* Is it a SYN to a listener of ours? Then it is counted, and its verdict is found; UNDECIDED: it
 * is not, or the shard is to answer it. The frame may have been written to, but not if it is
 * UNDECIDED. */
INLINE int answer(struct xdp_md *ctx, const struct control *control)
{
	void *frame = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *ip;
	const struct listener *at;
	struct syn syn;
	struct reply reply;
	const struct tcp *tcp = 0;
	__u32 number;
	__u64 now;
	__u16 type;
	int verdict;

	if (UNLIKELY(open_link(frame, end, &syn.link, &type) != UNDECIDED))
		return UNDECIDED;
	ip = frame + syn.link;
	if (LIKELY(type == ETHERTYPE_IPV4))
		tcp = open_ipv4(ip, end, &syn);
	else if (type == ETHERTYPE_IPV6)
		tcp = open_ipv6(ip, end, &syn);
	if (!tcp || (tcp->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
		return UNDECIDED;
	syn.to.port = HALF(&tcp->ports.to);
	syn.ports = WORD(&tcp->ports);
	syn.to.pad = 0;
	number = listener_at(&syn.to);
	if (!number)
		return UNDECIDED;
	count_syn();
	if (UNLIKELY(control->flags & CONTROL_BLOCK) && is_blocked(&syn.from))
		return VERDICT_DROP_BLOCKED;
	/* A few milliseconds behind, and a fifth of the price of the exact one. */
	now = bpf_ktime_get_coarse_ns();
	if (UNLIKELY(control->source_gap) &&
	    !take_of_source(&syn.from, syn.is_v4, control->source_gap, now))
		return VERDICT_DROP_SOURCE;
	if (!(control->flags & CONTROL_ANSWER))
		return UNDECIDED;
	at = listener_of(number, now);
	if (!at)
		return UNDECIDED;
	if (LIKELY(syn.is_v4) && !is_header_good(ip, &syn))
		return VERDICT_DROP_CHECKSUM;
	if (!are_ends_possible(&syn))
		return VERDICT_DROP_ENDS;
	verdict = take_segment(ctx, tcp, end, control->flags, &syn);
	if (verdict != VERDICT_ANSWER)
		return verdict;
	if (UNLIKELY(control->reply_gap) && !take_reply(control->reply_gap, now))
		return VERDICT_DROP_BUDGET;
	reply = answer_to(&syn, at, now);
	return put_reply(ctx, &syn, at, &reply);
}

#endif
