/* What the program keeps, and what the control side writes for it. */
#ifndef MAPS_H
#define MAPS_H

#include "seawall.h"

/* Octets that bpf_csum_diff sums at once. */
#define PIECE_BYTES 512

/* A piece of a frame, and room for zeros behind it. */
struct piece {
	__u8 octets[PIECE_BYTES + 4];
};

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_HASH);
	MAP_TYPE(key, struct address);
	MAP_TYPE(value, __u32); /* ADDRESS_WHOLE, ADDRESS_ALONE */
	MAP_NUMBER(max_entries, ADDRESSES_MAX);
	MAP_NUMBER(map_flags, BPF_F_NO_PREALLOC);
} addresses SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_HASH);
	MAP_TYPE(key, struct endpoint);
	MAP_TYPE(value, __u32); /* 0, or the number of its listener and 1 */
	MAP_NUMBER(max_entries, ENDPOINTS_MAX);
	MAP_NUMBER(map_flags, BPF_F_NO_PREALLOC);
} endpoints SEC(".maps");

/* The same listeners, as many as have a place of their own: an array costs no call. */
struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_ARRAY);
	MAP_TYPE(key, __u32); /* door_of */
	MAP_TYPE(value, struct door);
	MAP_NUMBER(max_entries, 1 << DOORS_BITS);
} doors SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_LRU_HASH);
	MAP_TYPE(key, struct fragment_key);
	MAP_TYPE(value, __u8);
	MAP_NUMBER(max_entries, FRAGMENTS_MAX);
} fragments SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_XSKMAP);
	MAP_TYPE(key, __u32); /* receive queue times LANES, and the lane */
	MAP_TYPE(value, __u32);
	MAP_NUMBER(max_entries, QUEUES_MAX * LANES);
} xsks SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	MAP_TYPE(key, __u32); /* enum verdict */
	MAP_TYPE(value, __u64);
	MAP_NUMBER(max_entries, VERDICT_COUNT);
} verdicts SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, struct control);
	MAP_NUMBER(max_entries, 1);
} control SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_ARRAY);
	MAP_TYPE(key, __u32); /* twice the number of the listener, and one more in turns */
	MAP_TYPE(value, struct listener);
	MAP_NUMBER(max_entries, 2 * LISTENERS_MAX);
} listeners SEC(".maps");

/* SYNs to listeners, whoever answers them. */
struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, __u64);
	MAP_NUMBER(max_entries, 1);
} syns SEC(".maps");

/* When the bucket of SYN-ACKs is full again. */
struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, __u64);
	MAP_NUMBER(max_entries, 1);
} replies SEC(".maps");

/* The same of each source. */
struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_LRU_HASH);
	MAP_TYPE(key, struct address);
	MAP_TYPE(value, __u64);
	MAP_NUMBER(max_entries, SOURCES_MAX);
} sources SEC(".maps");

/* Where a piece of text is summed. */
struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	MAP_TYPE(key, __u32);
	MAP_TYPE(value, struct piece);
	MAP_NUMBER(max_entries, 1);
} pieces SEC(".maps");

struct {
	MAP_NUMBER(type, BPF_MAP_TYPE_LPM_TRIE);
	MAP_TYPE(key, struct network);
	MAP_TYPE(value, __u8);
	MAP_NUMBER(max_entries, BLOCKED_MAX);
	MAP_NUMBER(map_flags, BPF_F_NO_PREALLOC);
} blocked SEC(".maps");

#endif
