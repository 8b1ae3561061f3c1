/* nfnetlink_log's messages: attributes, of which the number and the packet are looked at, and the packet's own head. */
#include "sandbox/policyd/refusal.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>

#include "common/wire/bytes.h"

#define PACKET	    (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)
#define IP4_HEAD    20
#define IP6_HEAD    40
#define PORTS_BYTES 4

/* Cut one off that begins with its own length, in the machine's order, which is followed by padding to 4. */
static bool
cut(struct span *rest, size_t length, size_t head, struct span *out)
{
	size_t whole = NLA_ALIGN(length);

	if (length < head || length > rest->length)
		return false;
	*out = span_tail(span_head(*rest, length), head);
	*rest = span_tail(*rest, whole < rest->length ? whole : rest->length);
	return true;
}

static uint16_t
number_at(struct span bytes, size_t at)
{
	return (uint16_t)((uint8_t)bytes.at[at] << 8 | (uint8_t)bytes.at[at + 1]);
}

/* Ports, where the protocol has some and they were copied. */
static void
read_ports(struct span bytes, struct refusal *out)
{
	if ((out->protocol != IPPROTO_TCP && out->protocol != IPPROTO_UDP) || bytes.length < PORTS_BYTES)
		return;
	out->source_port = number_at(bytes, 0);
	out->port = number_at(bytes, 2);
}

static bool
read_four(struct span packet, struct refusal *out)
{
	size_t head = packet.length < IP4_HEAD ? 0 : (packet.at[0] & 0xf) * 4u;

	if (head < IP4_HEAD || head > packet.length)
		return false;
	out->protocol = (uint8_t)packet.at[9];
	out->address_bytes = 4;
	memcpy(out->source, packet.at + 12, 4);
	memcpy(out->destination, packet.at + 16, 4);
	if ((number_at(packet, 6) & 0x1fff) == 0) /* a later piece has no ports */
		read_ports(span_tail(packet, head), out);
	return true;
}

/* Heads between IP's and the protocol's are not walked: the agent may not send any. */
static bool
read_six(struct span packet, struct refusal *out)
{
	if (packet.length < IP6_HEAD)
		return false;
	out->protocol = (uint8_t)packet.at[6];
	out->address_bytes = 16;
	memcpy(out->source, packet.at + 8, 16);
	memcpy(out->destination, packet.at + 24, 16);
	read_ports(span_tail(packet, IP6_HEAD), out);
	return true;
}

static bool
read_packet(struct span packet, struct refusal *out)
{
	unsigned version = packet.length == 0 ? 0 : (uint8_t)packet.at[0] >> 4;

	return version == 4 ? read_four(packet, out) : version == 6 && read_six(packet, out);
}

/* Each of the two once. */
static bool
read_attributes(struct span rest, struct refusal *out)
{
	bool numbered = false, seen = false;
	struct nlattr head;
	struct span value;

	while (rest.length >= sizeof(head)) {
		memcpy(&head, rest.at, sizeof(head));
		if (!cut(&rest, head.nla_len, NLA_HDRLEN, &value))
			return false;
		if (head.nla_type == NFULA_SEQ) {
			if (numbered || !(numbered = bytes_number(&value, 4, &out->sequence)))
				return false;
		} else if (head.nla_type == NFULA_PAYLOAD) {
			if (seen || !(seen = read_packet(value, out)))
				return false;
		}
	}
	return numbered && seen && rest.length == 0;
}

enum err
refusal_next(struct span *rest, struct refusal *out, struct why *why)
{
	struct span at = *rest, body;
	struct refusal found = {0};
	struct nlmsghdr header;

	while (at.length > 0) {
		if (at.length < sizeof(header))
			return fail(why, ERR_PROTOCOL, "%zu bytes behind the last message", at.length);
		memcpy(&header, at.at, sizeof(header));
		if (!cut(&at, header.nlmsg_len, sizeof(header), &body))
			return fail(why, ERR_PROTOCOL, "a message of %u bytes", header.nlmsg_len);
		if (header.nlmsg_type != PACKET)
			continue;
		if (body.length < sizeof(struct nfgenmsg) ||
		    !read_attributes(span_tail(body, sizeof(struct nfgenmsg)), &found))
			return fail(why, ERR_PROTOCOL, "a refused packet cannot be read");
		*out = found;
		*rest = at;
		return OK;
	}
	return fail(why, ERR_NOT_FOUND, "no more packets");
}
