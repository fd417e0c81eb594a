/* TCP options of a SYN, read by the rules of src/wire/options.rs (RFC 9293 §3.2, RFC 7323,
 * RFC 2018 §2): of two of a kind the later counts, others are skipped by their length, and a
 * length that lies makes the segment one that was never meant. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "kernel.h"
#include "headers.h"

#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define OPTION_WINDOW_SCALE 3
#define OPTION_SACK_PERMITTED 4
#define OPTION_TIMESTAMPS 8

#define OPTIONS_BYTES_MAX 40

/* A word of a header by its four octets, in the order of memory. */
#define OCTETS(a, b, c, d) NET32((__u32)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* What the shard takes for the largest shift (RFC 7323 §2.3). */
#define SHIFT_MAX 14

/* What a SYN offers. */
struct options {
	__u32 mss;     /* OPTION_ABSENT if none */
	__u32 shift;   /* of its window scale; OPTION_ABSENT if none */
	__u32 sack;    /* does it say SACK-permitted? */
	__u32 stamped; /* has it timestamps? */
	__be32 val;    /* its TSval, as it came */
};

#define OPTION_ABSENT 0xffffffff

INLINE __u32 shift_of(__u32 octet)
{
	return octet < SHIFT_MAX ? octet : SHIFT_MAX;
}

/* As Linux lays them out: MSS, SACK-permitted, timestamps, window scale. 0: some other way. */
INLINE int take_linux_options(const void *from, const void *end, struct options *options,
			      __u64 *sum)
{
	__u32 mss, kinds, shift;

	if (from + 20 > end)
		return 0;
	mss = WORD(from);
	kinds = WORD(from + 4);
	shift = WORD(from + 16);
	if ((mss & OCTETS(0xff, 0xff, 0, 0)) != OCTETS(OPTION_MSS, 4, 0, 0) ||
	    kinds != OCTETS(OPTION_SACK_PERMITTED, 2, OPTION_TIMESTAMPS, 10) ||
	    (shift & OCTETS(0xff, 0xff, 0xff, 0)) != OCTETS(OPTION_NOP, OPTION_WINDOW_SCALE, 3, 0))
		return 0;
	options->mss = NET32(mss) & 0xffff;
	options->shift = shift_of(NET32(shift) & 0xff);
	options->sack = 1;
	options->stamped = 1;
	options->val = WORD(from + 8);
	*sum += (__u64)mss + kinds + options->val + WORD(from + 12) + shift;
	return 1;
}

/* Options out of a frame, and zeros behind them. */
struct copied {
	__u32 words[16];
};

/* Walks over `length` octets of options; 0 when one of them lies.
 *
 * It is visible outside so that the verifier looks at it by itself, once: what a stranger's options
 * may lead to does not multiply with what led here. */
int walk_options(const struct copied *copied, __u32 length, struct options *options)
{
	const __u8 *octets = (const void *)copied;
	__u32 at = 0, kind, own;
	int walked;

	if (!copied || !options || length > OPTIONS_BYTES_MAX)
		return 0;
/* A place below 64 is one that is there. */
#define OPTION_AT(place) octets[(place) & 63]
#pragma clang loop unroll(disable)
	for (walked = 0; walked < OPTIONS_BYTES_MAX; walked++) {
		OPAQUE(at);
		at &= 63;
		if (at >= length)
			return 1;
		kind = OPTION_AT(at);
		if (kind == OPTION_END)
			return 1;
		if (kind == OPTION_NOP) {
			at += 1;
			continue;
		}
		if (at + 1 >= length)
			return 0; /* MUST-7 */
		own = OPTION_AT(at + 1);
		if (own < 2 || at + own > length)
			return 0;
		if (kind == OPTION_MSS) {
			if (own != 4)
				return 0;
			options->mss = (__u32)OPTION_AT(at + 2) << 8 | OPTION_AT(at + 3);
		} else if (kind == OPTION_WINDOW_SCALE) {
			if (own != 3)
				return 0;
			options->shift = shift_of(OPTION_AT(at + 2));
		} else if (kind == OPTION_SACK_PERMITTED) {
			if (own != 2)
				return 0;
			options->sack = 1;
		} else if (kind == OPTION_TIMESTAMPS) {
			if (own != 10)
				return 0;
			options->stamped = 1;
			options->val = OCTETS(OPTION_AT(at + 2), OPTION_AT(at + 3), OPTION_AT(at + 4),
					      OPTION_AT(at + 5));
		}
		at += own;
	}
#undef OPTION_AT
	return 1;
}

/* Reads the `length` octets of options behind a header, a multiple of four, and adds them to the
 * sum; 0 when one of them lies. */
INLINE int take_options(const void *from, const void *end, __u32 length, struct options *options,
			__u64 *sum)
{
	struct copied copied = {};
	__u32 word;

	if (LIKELY(length == 20) && take_linux_options(from, end, options, sum))
		return 1;
	options->mss = OPTION_ABSENT;
	options->shift = OPTION_ABSENT;
	options->sack = 0;
	options->stamped = 0;
	options->val = 0;
#pragma clang loop unroll(full)
	for (word = 0; word < OPTIONS_BYTES_MAX / 4; word++) {
		if (word * 4 >= length || from + word * 4 + 4 > end)
			break;
		copied.words[word] = WORD(from + word * 4);
		*sum += copied.words[word];
	}
	return walk_options(&copied, length, options);
}

#endif
