/* What `cargo bench --bench xdp` measures the program with.
 *
 * A program that answers in place finds its own answer the next time that the same frame is run.
 * So the frame is made anew each time, and then what is measured is called: `restore` with
 * `nothing` behind it costs what is to be taken off.
 */
#include "kernel.h"
#include "headers.h"

#define TEMPLATE_BYTES 96

struct template {
	__u8 octets[TEMPLATE_BYTES];
};

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, struct template);
	MAP_NUMBER(max_entries, 1);
} templates SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_PROG_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, __u32);
	MAP_NUMBER(max_entries, 1);
} measured SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, __u64);
	MAP_NUMBER(max_entries, 1);
} arrived SEC(".maps");

SEC("xdp")
int restore(struct xdp_md *ctx)
{
	void *frame = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0, at;
	const struct template *template = bpf_map_lookup_elem(&templates, &zero);

	if (!template)
		return XDP_DROP;
#pragma clang loop unroll(full)
	for (at = 0; at < TEMPLATE_BYTES; at += 2) {
		if (frame + at + 2 > end)
			break;
		PUT_HALF(frame + at, HALF(template->octets + at));
	}
	bpf_tail_call(ctx, &measured, 0);
	return XDP_DROP;
}

SEC("xdp")
int nothing(struct xdp_md *ctx)
{
	return ctx->data < ctx->data_end ? XDP_TX : XDP_DROP;
}

/* Sends IPv4 back to where it came from, and changes nothing but where. */
SEC("xdp")
int bounce(struct xdp_md *ctx)
{
	void *frame = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 to, ports;
	__u16 half;

	if (frame + 54 > end || HALF(frame + 12) != NET16(ETHERTYPE_IPV4))
		return XDP_PASS;
	to = WORD(frame), half = HALF(frame + 4);
	PUT(frame, WORD(frame + 6)), PUT_HALF(frame + 4, HALF(frame + 10));
	PUT(frame + 6, to), PUT_HALF(frame + 10, half);
	to = WORD(frame + 26);
	PUT(frame + 26, WORD(frame + 30)), PUT(frame + 30, to);
	ports = WORD(frame + 34);
	PUT(frame + 34, ports << 16 | ports >> 16);
	return XDP_TX;
}

/* Counts IPv4 that arrives, and drops it. */
SEC("xdp")
int sink(struct xdp_md *ctx)
{
	void *frame = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	__u64 *counter = bpf_map_lookup_elem(&arrived, &zero);

	if (frame + 34 > end || HALF(frame + 12) != NET16(ETHERTYPE_IPV4) || !counter)
		return XDP_PASS;
	*counter += 1;
	return XDP_DROP;
}

/* The helpers are lent to GPL-compatible programs. */
char licence[] SEC("license") = "Dual MIT/GPL";
