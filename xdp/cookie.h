/* SYN cookies: the format at the head of src/tcp/cookie.rs, and the timestamp offsets of
 * src/tcp/iss.rs. What depends on one of our addresses alone is hashed by the control side. */
#ifndef COOKIE_H
#define COOKIE_H

#include "seawall.h"
#include "options.h"
#include "siphash.h"

/* Octets of the two messages that are hashed. */
#define COOKIE_BYTES_V4 36
#define COOKIE_BYTES_V6 48
#define OFFSET_BYTES_V4 20
#define OFFSET_BYTES_V6 32

#define TS_MASK 63
#define TS_SACK 32
#define TS_SCALED 16

/* What is hashed of a SYN. */
struct hashes {
	__u64 cookie;
	__u32 offset; /* of our timestamps to this peer */
};

/* Behind our address the states of the listener have taken in all that its SYNs share. `ports` and
 * `seq` are those of the SYN as they stand in its header. */
INLINE struct hashes hash(const struct listener *at, const struct address *from, int is_v4,
			  __be32 ports, __be32 seq)
{
	struct siphash a = { at->mint[0], at->mint[1], at->mint[2], at->mint[3] };
	struct siphash b = { at->offsets[0], at->offsets[1], at->offsets[2], at->offsets[3] };
	const __u64 *halves = (const void *)from;
	__u32 remote = WORD(from->octets + 12);
	struct hashes hashes;

	if (LIKELY(is_v4)) {
		siphash_word(&b, SIPHASH_LAST(remote, OFFSET_BYTES_V4), 1);
		siphash_word(&a, (__u64)ports << 32 | remote, 2);
		siphash_word(&a, SIPHASH_LAST(seq, COOKIE_BYTES_V4), 2);
	} else {
		siphash_word(&b, halves[0], 1);
		siphash_word(&b, halves[1], 1);
		siphash_word(&b, SIPHASH_LAST(0, OFFSET_BYTES_V6), 1);
		siphash_word(&a, halves[0], 2);
		siphash_word(&a, halves[1], 2);
		siphash_word(&a, (__u64)seq << 32 | ports, 2);
		siphash_word(&a, SIPHASH_LAST(0, COOKIE_BYTES_V6), 2);
	}
	hashes.offset = siphash_sum(&b, 3);
	hashes.cookie = siphash_sum(&a, 4);
	return hashes;
}

/* The MSS class: the largest that is not above what the peer takes (MUST-15, MUST-16). */
INLINE __u32 class_of(__u32 mss, __u32 is_v4)
{
	if (LIKELY(is_v4)) {
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
