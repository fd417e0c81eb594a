/* SipHash-2-4 and SipHash-1-3 over words that the caller makes (Aumasson and Bernstein, 2012), as in
 * src/tcp/siphash.rs. All of it is in registers: nothing loops, and no message is laid out. */
#ifndef SIPHASH_H
#define SIPHASH_H

#include "kernel.h"

/* A keyed state that has taken in some words. */
struct siphash {
	__u64 v0, v1, v2, v3;
};

#define ROTATE(word, bits) ((word) << (bits) | (word) >> (64 - (bits)))

INLINE void siphash_round(struct siphash *state)
{
	state->v0 += state->v1;
	state->v2 += state->v3;
	state->v1 = ROTATE(state->v1, 13) ^ state->v0;
	state->v3 = ROTATE(state->v3, 16) ^ state->v2;
	state->v0 = ROTATE(state->v0, 32) + state->v3;
	state->v2 += state->v1;
	state->v1 = ROTATE(state->v1, 17) ^ state->v2;
	state->v3 = ROTATE(state->v3, 21) ^ state->v0;
	state->v2 = ROTATE(state->v2, 32);
}

INLINE void siphash_rounds(struct siphash *state, int rounds)
{
	int round;

#pragma clang loop unroll(full)
	for (round = 0; round < rounds; round++)
		siphash_round(state);
}

/* Takes in eight octets of the message in as many rounds, the first of them the lowest of the
 * word. */
INLINE void siphash_word(struct siphash *state, __u64 word, int rounds)
{
	state->v3 ^= word;
	siphash_rounds(state, rounds);
	state->v0 ^= word;
}

/* The last word of a message of `length` octets, that ends with the low `length % 8` of `tail`. */
#define SIPHASH_LAST(tail, length) ((tail) | (__u64)(length) << 56)

/* The hash, behind the last word, by so many rounds more. */
INLINE __u64 siphash_sum(struct siphash *state, int rounds)
{
	state->v2 ^= 0xff;
	siphash_rounds(state, rounds);
	return state->v0 ^ state->v1 ^ state->v2 ^ state->v3;
}

#endif
