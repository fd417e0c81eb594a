/* The Ethernet header and its VLAN tags. */
#ifndef LINK_H
#define LINK_H

#include "seawall.h"
#include "headers.h"

/* No verdict yet. */
#define UNDECIDED (-1)

/* Looks behind the link header at the front of a frame: its length, and the type of what follows,
 * in host order. */
INLINE int open_link(void *frame, void *end, __u32 *length, __u16 *type)
{
	struct ethernet *ethernet = frame;
	struct vlan *vlan;
	int tags;

	if ((void *)(ethernet + 1) > end)
		return VERDICT_PASS_NOT_IP;
	*type = NET16(HALF(&ethernet->type));
	*length = sizeof(*ethernet);
	for (tags = 0; UNLIKELY(*type == ETHERTYPE_VLAN || *type == ETHERTYPE_QINQ); tags++) {
		vlan = frame + *length;
		if (tags == VLAN_TAGS_MAX)
			return VERDICT_PASS_VLAN;
		if ((void *)(vlan + 1) > end)
			return VERDICT_PASS_NOT_IP;
		*type = NET16(HALF(&vlan->type));
		*length += sizeof(*vlan);
	}
	return UNDECIDED;
}

INLINE void map_ipv4(struct address *address, const __u8 *octets)
{
	PUT(address->octets, 0);
	PUT(address->octets + 4, 0);
	PUT(address->octets + 8, NET32(0xffff));
	PUT(address->octets + 12, WORD(octets));
}

INLINE void copy_ipv6(struct address *address, const __u8 *octets)
{
	int at;

	for (at = 0; at < 16; at += 4)
		PUT(address->octets + at, WORD(octets + at));
}

#endif
