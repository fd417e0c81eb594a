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

/* Two rounds of each of two states, step by step: a round waits for itself most of the time, and
 * two of them wait together. */
INLINE void siphash_rounds(struct siphash *a, struct siphash *b)
{
	int round;

#pragma clang loop unroll(full)
	for (round = 0; round < 2; round++) {
		a->v0 += a->v1;
		b->v0 += b->v1;
		a->v2 += a->v3;
		b->v2 += b->v3;
		a->v1 = ROTATE(a->v1, 13) ^ a->v0;
		b->v1 = ROTATE(b->v1, 13) ^ b->v0;
		a->v3 = ROTATE(a->v3, 16) ^ a->v2;
		b->v3 = ROTATE(b->v3, 16) ^ b->v2;
		a->v0 = ROTATE(a->v0, 32) + a->v3;
		b->v0 = ROTATE(b->v0, 32) + b->v3;
		a->v2 += a->v1;
		b->v2 += b->v1;
		a->v1 = ROTATE(a->v1, 17) ^ a->v2;
		b->v1 = ROTATE(b->v1, 17) ^ b->v2;
		a->v3 = ROTATE(a->v3, 21) ^ a->v0;
		b->v3 = ROTATE(b->v3, 21) ^ b->v0;
		a->v2 = ROTATE(a->v2, 32);
		b->v2 = ROTATE(b->v2, 32);
	}
}

/* Each takes in eight octets of its message, the first of them the lowest of the word. */
INLINE void siphash_words(struct siphash *a, __u64 word_a, struct siphash *b, __u64 word_b)
{
	a->v3 ^= word_a;
	b->v3 ^= word_b;
	siphash_rounds(a, b);
	a->v0 ^= word_a;
	b->v0 ^= word_b;
}

/* The last word of a message of `length` octets, that ends with the low `length % 8` of `tail`. */
#define SIPHASH_LAST(tail, length) ((tail) | (__u64)(length) << 56)

/* What is xored to v2 behind the last word, before four more rounds. */
#define SIPHASH_END 0xff

INLINE __u64 siphash_sum(const struct siphash *state)
{
	return state->v0 ^ state->v1 ^ state->v2 ^ state->v3;
}

#endif
