/* SipHash-2-4 over words that the caller makes (Aumasson and Bernstein, 2012), as in
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

/* Takes in eight octets of the message, the first of them the lowest of the word. */
INLINE void siphash_word(struct siphash *state, __u64 word)
{
	state->v3 ^= word;
	siphash_round(state);
	siphash_round(state);
	state->v0 ^= word;
}

/* The hash of a message of `length` octets that ends with the low `length % 8` of `tail`. */
INLINE __u64 siphash_finish(struct siphash *state, __u64 tail, __u64 length)
{
	siphash_word(state, tail | length << 56);
	state->v2 ^= 0xff;
	siphash_round(state);
	siphash_round(state);
	siphash_round(state);
	siphash_round(state);
	return state->v0 ^ state->v1 ^ state->v2 ^ state->v3;
}

#endif
