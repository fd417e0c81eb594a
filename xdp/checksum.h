/* The Internet checksum (RFC 1071): words of 32 bits summed in 64 in the order of memory, which
 * makes the same sum (§2 B), as in src/wire/checksum.rs. */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include "kernel.h"
#include "headers.h"
#include "maps.h"

/* Octets of text on a SYN that are summed; one with more is left to the shard. */
#define TEXT_MAX (4 * PIECE_BYTES)

/* The sum in 16 bits, in the order of memory; zero only if nothing but zeros was added. */
INLINE __u16 fold(__u64 sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return sum;
}

/* The pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1) of a segment of `length` octets, less its
 * addresses. */
INLINE __u64 sum_segment(__u32 length)
{
	return (__u64)NET32(length) + NET32(PROTOCOL_TCP);
}

/* Adds the `length` octets at `from` in the frame; 0 when they are more than TEXT_MAX.
 *
 * By copies, each as long as bpf_csum_diff takes at once: a loop over octets would be walked by the
 * verifier once for each way that leads here. */
INLINE int sum_text(struct xdp_md *ctx, __u32 from, __u32 length, __u64 *sum)
{
	__u32 zero = 0, octets;
	struct piece *piece = bpf_map_lookup_elem(&pieces, &zero);
	__s64 more;
	int left;

	if (!piece || length > TEXT_MAX)
		return 0;
	for (left = TEXT_MAX / PIECE_BYTES; left > 0 && length > 0; left--) {
		octets = length < PIECE_BYTES ? length : PIECE_BYTES;
		OPAQUE(octets);
		if (octets == 0 || octets > PIECE_BYTES)
			return 0;
		if (bpf_xdp_load_bytes(ctx, from, piece->octets, octets))
			return 0;
		PUT(piece->octets + octets, 0);
		more = bpf_csum_diff(0, 0, piece->octets, (octets + 3) & ~3, 0);
		if (more < 0)
			return 0;
		*sum += more;
		from += octets;
		length -= octets;
	}
	return 1;
}

#endif
