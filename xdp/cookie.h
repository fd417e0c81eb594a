/* SYN cookies: the format at the head of src/tcp/cookie.rs, and the timestamp offsets of
 * src/tcp/iss.rs. What depends on one of our addresses alone is hashed by the control side. */
#ifndef COOKIE_H
#define COOKIE_H

#include "seawall.h"
#include "options.h"
#include "siphash.h"

/* Octets of the two messages that are hashed. */
#define COOKIE_BYTES 44
#define OFFSET_BYTES 37

/* Behind the addresses in a message under the key of initial sequence numbers: what it is for. */
#define FOR_TIMESTAMPS (1ULL << 32)

#define TS_MASK 63
#define TS_SACK 32
#define TS_SCALED 16

/* The two ends of a SYN, as they stand in its headers. */
struct ends {
	__u64 remote_front; /* the first octets of an IPv6 address */
	__u64 remote_back;  /* the last of it, or of a mapped IPv4 address */
	__be16 remote_port;
	__be16 local_port;
	__u32 is_v4;
};

/* What is hashed of a SYN. */
struct hashes {
	__u64 cookie;
	__u32 offset; /* of our timestamps to this peer */
};

/* Both at once, for the second is free while the first waits for itself. Of an IPv4 peer the state
 * behind our address has taken in the first half, mapped like it: zeros. */
INLINE struct hashes hash(const struct listener *at, const struct ends *ends, __be32 seq)
{
	struct siphash a = { at->mint[0], at->mint[1], at->mint[2], at->mint[3] };
	struct siphash b = { at->offsets[0], at->offsets[1], at->offsets[2], at->offsets[3] };
	__u64 numbers = (__u64)seq << 32 | (__u32)ends->remote_port << 16 | ends->local_port;
	__u64 last = SIPHASH_LAST(NET32(at->epoch), COOKIE_BYTES);
	struct hashes hashes;

	if (!ends->is_v4)
		siphash_words(&a, ends->remote_front, &b, ends->remote_front);
	siphash_words(&a, ends->remote_back, &b, ends->remote_back);
	siphash_words(&a, numbers, &b, SIPHASH_LAST(FOR_TIMESTAMPS, OFFSET_BYTES));
	a.v3 ^= last;
	b.v2 ^= SIPHASH_END;
	siphash_rounds(&a, &b);
	a.v0 ^= last;
	a.v2 ^= SIPHASH_END;
	siphash_rounds(&a, &b);
	hashes.offset = siphash_sum(&b);
	siphash_round(&a);
	siphash_round(&a);
	hashes.cookie = siphash_sum(&a);
	return hashes;
}

/* The MSS class: the largest that is not above what the peer takes (MUST-15, MUST-16). */
INLINE __u32 class_of(__u32 mss, __u32 is_v4)
{
	if (is_v4) {
		if (mss == OPTION_ABSENT)
			mss = 536;
		return mss >= 1460 ? 7 :
		       mss >= 1440 ? 6 :
		       mss >= 1360 ? 5 :
		       mss >= 1220 ? 4 :
		       mss >= 1024 ? 3 :
		       mss >= 536  ? 2 :
		       mss >= 256  ? 1 :
				     0;
	}
	if (mss == OPTION_ABSENT)
		mss = 1220;
	return mss >= 1440 ? 7 :
	       mss >= 1420 ? 6 :
	       mss >= 1400 ? 5 :
	       mss >= 1340 ? 4 :
	       mss >= 1220 ? 3 :
	       mss >= 1024 ? 2 :
	       mss >= 536  ? 1 :
			     0;
}

/* The ISS that answers a SYN with this hash and MSS option. */
INLINE __u32 mint(__u64 hash, __u32 mss, __u32 is_v4, __u32 epoch)
{
	__u32 class = class_of(mss, is_v4);

	return (__u32)(hash >> (8 + 4 * class) << 8) |
	       (((__u32)hash & 0xff) ^ (class << 5 | (epoch & 31)));
}

/* TSval of the SYN-ACK, which remembers what else the SYN offered, at `clock` of the connection. */
INLINE __u32 stamp(__u32 clock, __u32 shift, __u32 sack)
{
	__u32 packed = clock & ~(__u32)TS_MASK;

	if (shift != OPTION_ABSENT)
		packed |= TS_SCALED | shift;
	if (sack)
		packed |= TS_SACK;
	return packed > clock ? packed - (TS_MASK + 1) : packed;
}

#endif
