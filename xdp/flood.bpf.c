/* A bounded flood: makes each live frame that BPF_PROG_RUN hands it into the next of a plan, and
 * redirects it out of an interface.
 *
 * The bounds are in here, whoever loads it: never more frames than the budget, none after the
 * end, sources from the benchmark ranges alone (RFC 2544 and RFC 5180: 198.18.0.0/15, 2001:2::/48),
 * destinations that the Internet does not route. `src/flood/guard.rs` says the same before
 * anything is loaded.
 *
 * So is the pace: the kernel takes tens of milliseconds to end a BPF_PROG_RUN on live frames, so
 * one call lasts as long as the flood, and what is handed over before its time is dropped.
 *
 * Frames come back with what their receiver wrote into them, so all of a header is written each
 * time: a template first, then what varies, with the checksums brought up to date (RFC 1624).
 */
#include "kernel.h"
#include "headers.h"

/* Templates that a plan has room for; a power of two. */
#define TEMPLATES_MAX 8

/* Octets of a template: Ethernet, IPv6, TCP and 20 octets of options, rounded up. */
#define TEMPLATE_BYTES 96

/* Flags of a template. */
#define VARY_ACK 1   /* it has an acknowledgment number */
#define VARY_TSVAL 2 /* it is a SYN, with timestamps at 8 octets behind the header */

#define SECOND 1000000000ULL
#define SLICE 100000ULL /* nanoseconds */
#define LOOK 64         /* frames between two looks at the clock, at most */

/* Frames whose fields that vary are zero; `src/flood/program.rs` mirrors both structures. */
struct template {
	__u32 length; /* octets of the frame */
	__u32 flags;
	__u8 octets[TEMPLATE_BYTES];
};

struct plan {
	__u64 budget; /* frames, ever */
	__u64 seed;
	__u64 rate; /* frames a second, 10 M at most: no product below overflows */
	__u64 span; /* nanoseconds, a minute at most */
	__u32 interface; /* that frames leave by */
	__u32 turns;     /* templates, taken in turn */
	struct template templates[TEMPLATES_MAX];
};

/* Set before the program is loaded, and frozen by that. */
const volatile struct plan plan = {};

/* How far it is. Only `taken` can be contended, and only by whoever runs the program twice. */
struct state {
	__u64 taken;   /* frames made, or refused; more than the budget if contended */
	__u64 refused; /* of these, dropped because they break a bound */
	__u64 begin;   /* of the first frame, by the monotonic clock, in nanoseconds */
	__u64 due;     /* frames that may have been taken by the end of this slice */
	__u64 over;    /* is the span over? */
};

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, struct state);
	MAP_NUMBER(max_entries, 1);
} state SEC(".maps");

/* What varies, in host order. */
struct fields {
	__u32 host;
	__u16 subnet; /* of an IPv6 source */
	__u16 port;
	__u32 seq;
	__u32 ack; /* or TSval */
};

/* SplitMix64, as a function of its step. */
INLINE __u64 draw(__u64 seed, __u64 step)
{
	__u64 z = seed + (step + 1) * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

INLINE void vary(struct fields *fields, __u64 seed, __u64 number)
{
	__u64 a = draw(seed, 2 * number), b = draw(seed, 2 * number + 1);

	fields->host = a;
	fields->port = 1024 + (((a >> 32 & 0xffff) * 64512) >> 16);
	fields->subnet = a >> 48;
	fields->seq = b;
	fields->ack = b >> 32;
}

INLINE __u32 sum32(__u32 word)
{
	return (word & 0xffff) + (word >> 16);
}

/* The checksum field for what `field` covers and `added` (RFC 1624 §3, equation 3). */
INLINE __u16 update(__u16 field, __u32 added)
{
	added += (__u16)~field;
	added = (added & 0xffff) + (added >> 16);
	added = (added & 0xffff) + (added >> 16);
	return ~added;
}

/* RFC 1918, RFC 2544, RFC 5737, RFC 3927, and loopback */
INLINE int is_target_v4(const __u8 *octets)
{
	__u32 to = (__u32)octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3];

	return to >> 24 == 10 || to >> 20 == 0xac1 || to >> 16 == 0xc0a8 || to >> 17 == 0x6309 ||
	       to >> 8 == 0xc00002 || to >> 8 == 0xc63364 || to >> 8 == 0xcb0071 ||
	       to >> 16 == 0xa9fe || to >> 24 == 127;
}

/* RFC 4193, RFC 5180, RFC 3849, RFC 4291 §2.5.6 and §2.5.3 */
INLINE int is_target_v6(const __u8 *octets)
{
	const __u32 *words = (const void *)octets;
	__u32 first = NET32(words[0]);

	if (first == 0)
		return !words[1] && !words[2] && NET32(words[3]) == 1;
	if (first == 0x20010002)
		return !octets[4] && !octets[5];
	return first >> 25 == 0x7e || first == 0x20010db8 || first >> 22 == 0x3fa;
}

/* Writes what varies of the TCP header; `added` is what varied before it. */
INLINE int vary_tcp(struct tcp *tcp, void *end, __u32 flags, struct fields *fields, __u32 added)
{
	__u32 seq = NET32(fields->seq), ack = NET32(fields->ack);
	__be32 *tsval = (void *)(tcp + 1) + 8;

	if ((void *)(tcp + 1) > end)
		return 0;
	tcp->ports.from = NET16(fields->port);
	tcp->seq = seq;
	added += tcp->ports.from + sum32(seq);
	if (flags & (VARY_ACK | VARY_TSVAL))
		added += sum32(ack);
	if (flags & VARY_ACK)
		tcp->ack = ack;
	if (flags & VARY_TSVAL) {
		if ((void *)(tsval + 1) > end)
			return 0;
		*tsval = ack;
	}
	tcp->checksum = update(tcp->checksum, added);
	return 1;
}

INLINE int vary_v4(void *data, void *end, __u32 flags, struct fields *fields)
{
	struct ipv4 *ip = data + sizeof(struct ethernet);
	__u32 from = NET32(0xc6120000 | (fields->host & 0x1ffff));

	if ((void *)(ip + 1) > end || ip->version_ihl != 0x45 || !is_target_v4(ip->to))
		return 0;
	__builtin_memcpy(ip->from, &from, sizeof(from));
	ip->checksum = update(ip->checksum, sum32(from));
	return vary_tcp((void *)(ip + 1), end, flags, fields, sum32(from));
}

INLINE int vary_v6(void *data, void *end, __u32 flags, struct fields *fields)
{
	struct ipv6 *ip = data + sizeof(struct ethernet);
	__u32 *from = (void *)ip->from;

	if ((void *)(ip + 1) > end || ip->version_class >> 4 != 6 || !is_target_v6(ip->to))
		return 0;
	from[0] = NET32(0x20010002);
	from[1] = NET32((__u32)fields->subnet);
	from[2] = 0;
	from[3] = NET32(fields->host);
	return vary_tcp((void *)(ip + 1), end, flags, fields,
			sum32(from[0]) + sum32(from[1]) + sum32(from[3]));
}

/* Gives the frame the length and the octets of the template. */
INLINE int restore(struct xdp_md *ctx, const struct template *template)
{
	__u8 *data = (void *)(long)ctx->data;
	__u8 *end = (void *)(long)ctx->data_end;
	int more = (int)template->length - (int)(end - data);
	int at = 0;

	if (more) {
		if (bpf_xdp_adjust_tail(ctx, more))
			return 0;
		data = (void *)(long)ctx->data;
		end = (void *)(long)ctx->data_end;
	}
#pragma unroll
	for (at = 0; at + 8 <= TEMPLATE_BYTES; at += 8) {
		if (data + at + 8 > end)
			break;
		*(__u64 *)(data + at) = *(const __u64 *)(template->octets + at);
	}
	/* What is left is less than eight octets, and even: headers are. */
#pragma unroll
	for (int pair = 0; pair < 3; pair++) {
		if (at + 2 > TEMPLATE_BYTES || data + at + 2 > end)
			break;
		*(__u16 *)(data + at) = *(const __u16 *)(template->octets + at);
		at += 2;
	}
	return 1;
}

INLINE int make(struct xdp_md *ctx, const struct plan *plan, __u64 number)
{
	const struct template *template;
	struct ethernet *ethernet;
	struct fields fields;
	void *data, *end;

	template = &plan->templates[number % plan->turns & (TEMPLATES_MAX - 1)];
	if (!restore(ctx, template))
		return 0;
	vary(&fields, plan->seed, number);
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	ethernet = data;
	if ((void *)(ethernet + 1) > end)
		return 0;
	if (ethernet->type == NET16(ETHERTYPE_IPV4))
		return vary_v4(data, end, template->flags, &fields);
	if (ethernet->type == NET16(ETHERTYPE_IPV6))
		return vary_v6(data, end, template->flags, &fields);
	return 0;
}

/* May frame `number` be sent now? The frames of a slice may when it begins. */
INLINE int is_due(const struct plan *plan, struct state *state, __u64 number)
{
	__u64 now, elapsed, until;

	/* Between two looks at the clock. */
	if (number < state->due && number % LOOK)
		return 1;
	now = bpf_ktime_get_ns();
	if (!state->begin)
		state->begin = now;
	elapsed = now - state->begin;
	if (elapsed >= plan->span) {
		state->over = 1;
		return 0;
	}
	until = (elapsed / SLICE + 1) * SLICE;
	if (until > plan->span)
		until = plan->span;
	state->due = until * plan->rate / SECOND;
	return number < state->due;
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	const struct plan *here = (const struct plan *)&plan;
	struct state *at;
	__u64 number;
	__u32 zero = 0;

	/* Or the compiler would take the plan for the zeros that it is here. */
	asm volatile("" : "+r"(here));
	at = bpf_map_lookup_elem(&state, &zero);
	if (!at || at->over || !is_due(here, at, at->taken) || at->taken >= here->budget)
		return XDP_DROP;
	/* Whoever else runs it takes other numbers, and the budget is for all. */
	number = __sync_fetch_and_add(&at->taken, 1);
	if (number >= here->budget)
		return XDP_DROP;
	if (!make(ctx, here, number)) {
		__sync_fetch_and_add(&at->refused, 1);
		return XDP_DROP;
	}
	return bpf_redirect(here->interface, 0);
}

/* The helpers are lent to GPL-compatible programs. */
char licence[] SEC("license") = "Dual MIT/GPL";
