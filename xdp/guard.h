/* Who is not served: blocked networks, sources that send too many SYNs, ends that no connection
 * has. And how many replies strangers can cause, as in src/shard/budget.rs. */
#ifndef GUARD_H
#define GUARD_H

#include "maps.h"

/* How far the budget of SYN-ACKs may be overdrawn, in nanoseconds, and that of a source: a client
 * that opens some connections at once does no harm. */
#define REPLIES_BURST 100000000ULL
#define SOURCE_BURST 1000000000ULL

INLINE int is_mapped(const struct address *address)
{
	const __u8 *octets = address->octets;

	return !(WORD(octets) | WORD(octets + 4)) && WORD(octets + 8) == NET32(0xffff);
}

INLINE int is_blocked(const struct address *from)
{
	struct network network = { .length = 128, .address = *from };

	return bpf_map_lookup_elem(&blocked, &network) != 0;
}

/* Takes a token of a bucket, one in `gap` nanoseconds, if there is one. */
INLINE int take_token(__u64 *full_at, __u64 gap, __u64 burst, __u64 now)
{
	__u64 from = *full_at > now ? *full_at : now;

	if (from - now > burst)
		return 0;
	*full_at = from + gap;
	return 1;
}

INLINE int take_reply(__u64 gap, __u64 now)
{
	__u32 zero = 0;
	__u64 *full_at = bpf_map_lookup_elem(&replies, &zero);

	return full_at && take_token(full_at, gap, REPLIES_BURST, now);
}

/* A source is an IPv4 address or the /64 of an IPv6 address. Buckets are shared by all CPUs, and
 * two that take at once may take the same token. */
INLINE int take_of_source(const struct address *from, int is_v4, __u64 gap, __u64 now)
{
	struct address source = *from;
	__u64 *full_at, first = now + gap;

	if (!is_v4)
		__builtin_memset(source.octets + 8, 0, 8);
	full_at = bpf_map_lookup_elem(&sources, &source);
	if (full_at)
		return take_token(full_at, gap, SOURCE_BURST, now);
	bpf_map_update_elem(&sources, &source, &first, 0);
	return 1;
}

/* May it be an end of a connection: neither unspecified, multicast nor broadcast (MUST-46, MUST-57,
 * MUST-63), nor a mapped address on a wire (RFC 4291 §2.5.5.2)? */
INLINE int is_end(const struct address *address, int is_v4)
{
	const __u8 *octets = address->octets;
	__u32 first = WORD(octets) | WORD(octets + 4), third = WORD(octets + 8);
	__u32 last = NET32(WORD(octets + 12));

	if (is_v4)
		return last != 0 && last >> 28 != 0xe && last != 0xffffffff;
	if (first)
		return octets[0] != 0xff;
	return third != NET32(0xffff) && (third || last);
}

/* Control bits that a segment may have, in whatever state: SYN, ACK or RST, and not SYN with RST. */
INLINE int are_flags_possible(__u8 flags)
{
	return flags & (TCP_SYN | TCP_ACK | TCP_RST) &&
	       (flags & (TCP_SYN | TCP_RST)) != (TCP_SYN | TCP_RST);
}

#endif
