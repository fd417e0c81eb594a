/* The little of the kernel's interface that the program needs, so that it builds with nothing
 * but clang, and to the same bytes everywhere. Numbers and layouts are the kernel's stable ABI. */
#ifndef KERNEL_H
#define KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
/* The compiler knows nothing of what is in a variable. */
#define OPAQUE(variable) asm volatile("" : "+r"(variable))
/* What is nearly always so in a flood: the way through it lies in one piece, and what is rare
 * behind it, in lines of its own. */
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define APART static __attribute__((noinline))

/* Map definitions in BTF form: a number is the length of an array, a type is behind a pointer. */
#define MAP_NUMBER(name, value) int(*name)[value]
#define MAP_TYPE(name, of) of *name

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_XSKMAP = 17,
};

enum {
	BPF_F_NO_PREALLOC = 1,
};

enum {
	XDP_DROP = 1,
	XDP_PASS = 2,
	XDP_TX = 3,
	XDP_REDIRECT = 4,
};

struct xdp_md {
	__u32 data;
	__u32 data_end;
	__u32 data_meta;
	__u32 ingress_ifindex;
	__u32 rx_queue_index;
	__u32 egress_ifindex;
};

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value,
					 __u64 flags) = (void *)2;
static __u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static long (*const bpf_tail_call)(struct xdp_md *ctx, void *map, __u32 index) = (void *)12;
static __s64 (*const bpf_csum_diff)(const void *from, __u32 from_size, const void *to,
				    __u32 to_size, __u32 seed) = (void *)28;
static long (*const bpf_redirect)(__u32 interface, __u64 flags) = (void *)23;
static long (*const bpf_redirect_map)(void *map, __u64 key, __u64 flags) = (void *)51;
static long (*const bpf_xdp_adjust_tail)(struct xdp_md *ctx, int octets) = (void *)65;
static __u64 (*const bpf_ktime_get_coarse_ns)(void) = (void *)160;
static long (*const bpf_xdp_load_bytes)(struct xdp_md *ctx, __u32 from, void *to,
					__u32 octets) = (void *)189;

/* Between the network's byte order and ours. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NET16(value) ((__u16)__builtin_bswap16(value))
#define NET32(value) ((__u32)__builtin_bswap32(value))
#else
#define NET16(value) ((__u16)(value))
#define NET32(value) ((__u32)(value))
#endif

#endif
