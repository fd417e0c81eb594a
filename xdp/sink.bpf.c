/* Takes the answers to a flood of the lab: counts what comes back to the benchmark range that
 * floods come from (RFC 2544: 198.18.0.0/15) and drops it, so that no kernel spends time on it.
 * Everything else it passes: at an interface that no answer comes to, it passes all.
 */
#include "kernel.h"
#include "headers.h"

#define RANGE NET32(0xc6120000)
#define MASK NET32(0xfffe0000)

#define SYN 0x02

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, __u64);
	MAP_NUMBER(max_entries, 1);
} answers SEC(".maps");

INLINE void count(void)
{
	__u32 zero = 0;
	__u64 *counter = bpf_map_lookup_elem(&answers, &zero);

	if (counter)
		*counter += 1;
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	struct ethernet *ethernet = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ipv4 *ip = (void *)(ethernet + 1);
	struct tcp *tcp = (void *)(ip + 1);

	if ((void *)(ip + 1) > end || ethernet->type != NET16(ETHERTYPE_IPV4))
		return XDP_PASS;
	if ((*(__be32 *)ip->to & MASK) != RANGE)
		return XDP_PASS;
	/* A reset is no answer. */
	if ((void *)(tcp + 1) <= end && ip->version_ihl == 0x45 && ip->protocol == PROTOCOL_TCP &&
	    tcp->flags & SYN)
		count();
	return XDP_DROP;
}

/* The helpers are lent to GPL-compatible programs. */
char licence[] SEC("license") = "Dual MIT/GPL";
