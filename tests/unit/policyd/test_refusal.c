/* Refused packets as the kernel tells them: what is read, what is passed over, and what is not believed. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/in.h>

#include "common/base/clean.h"
#include "sandbox/policyd/refusal.h"

#define PACKET 0x0400

/* Heads of IPv4 with UDP, of its second piece, with ICMP, and with options; of IPv6 with UDP. */
#define V4(version, offset, protocol)                                                                                  \
	version "\0\0\x1d\0\0" offset "\x40" protocol "\0\0\x08\x08\x08\x08\x01\x02\x03\x04"
#define PORTS "\x90\xd0\x11\x51\0\x09\0\0x"
#define V6                                                                                                             \
	"\x60\0\0\0\0\x09\x11\x40"                                                                                     \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"                                                                   \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"

static char bytes[1024];
static size_t used;

static void
add(const void *at, size_t length)
{
	memcpy(bytes + used, at, length);
	used += length;
}

static void
attribute(uint16_t type, const void *value, size_t length)
{
	struct nlattr head = {(uint16_t)(NLA_HDRLEN + length), type};

	add(&head, sizeof(head));
	add(value, length);
	while (used % NLA_ALIGNTO != 0)
		bytes[used++] = 0;
}

/* A message; without a packet or a number where they are NULL or 0. */
static void
message(uint16_t type, uint32_t number, struct span packet)
{
	struct nlmsghdr header = {.nlmsg_type = type};
	size_t begin = used;
	uint32_t sequence = htonl(number);

	add(&header, sizeof(header));
	add("\x02\0\0\x01", 4);
	attribute(NFULA_PREFIX, "any", 4);
	if (number != 0)
		attribute(NFULA_SEQ, &sequence, sizeof(sequence));
	if (packet.at != NULL)
		attribute(NFULA_PAYLOAD, packet.at, packet.length);
	header.nlmsg_len = (uint32_t)(used - begin);
	memcpy(bytes + begin, &header, sizeof(header));
}

static const struct {
	struct span packet;
	enum err r;
	uint8_t protocol, address_bytes;
	uint16_t source_port, port;
} packets[] = {
    {SPAN(V4("\x45", "\0\0", "\x11") PORTS), OK, IPPROTO_UDP, 4, 0x90d0, 4433},
    {SPAN(V4("\x45", "\0\0", "\x06") PORTS), OK, IPPROTO_TCP, 4, 0x90d0, 4433},
    {SPAN(V4("\x45", "\0\0", "\x01") PORTS), OK, IPPROTO_ICMP, 4, 0, 0},
    {SPAN(V4("\x45", "\0\1", "\x11") PORTS), OK, IPPROTO_UDP, 4, 0, 0},
    {SPAN(V4("\x46", "\0\0", "\x11") "abcd" PORTS), OK, IPPROTO_UDP, 4, 0x90d0, 4433},
    {SPAN(V4("\x45", "\0\0", "\x11")), OK, IPPROTO_UDP, 4, 0, 0},
    {SPAN(V4("\x45", "\0\0", "\x11") "\x90\xd0\x11"), OK, IPPROTO_UDP, 4, 0, 0},
    {SPAN(V6 PORTS), OK, IPPROTO_UDP, 16, 0x90d0, 4433},
    {SPAN(V6), OK, IPPROTO_UDP, 16, 0, 0},
    {SPAN(""), ERR_PROTOCOL, 0, 0, 0, 0},
    {SPAN("\x45\0\0\x1d\0\0\0\0\x40\x11\0\0\x08\x08\x08\x08\x01\x02\x03"), ERR_PROTOCOL, 0, 0, 0, 0},
    {SPAN(V4("\x44", "\0\0", "\x11") PORTS), ERR_PROTOCOL, 0, 0, 0, 0},
    {SPAN(V4("\x46", "\0\0", "\x11") "abc"), ERR_PROTOCOL, 0, 0, 0, 0},
    {SPAN(V4("\x55", "\0\0", "\x11") PORTS), ERR_PROTOCOL, 0, 0, 0, 0},
    {SPAN("\x60\0\0\0\0\x09\x11\x40 and not much more"), ERR_PROTOCOL, 0, 0, 0, 0},
};

static void
test_packets(void **unused)
{
	struct why why;

	(void)unused;
	for (size_t i = 0; i < COUNT(packets); i++) {
		struct refusal got = {.sequence = 99};
		struct span rest;

		used = 0;
		message(PACKET, 7, packets[i].packet);
		rest = span_of_bytes(bytes, used);
		assert_int_equal(refusal_next(&rest, &got, &why), packets[i].r);
		assert_int_equal(got.sequence, packets[i].r == OK ? 7 : 99);
		assert_int_equal(rest.length, packets[i].r == OK ? 0 : used);
		assert_int_equal(got.protocol, packets[i].protocol);
		assert_int_equal(got.address_bytes, packets[i].address_bytes);
		assert_int_equal(got.source_port, packets[i].source_port);
		assert_int_equal(got.port, packets[i].port);
		if (got.address_bytes == 4)
			assert_memory_equal(got.destination, "\1\2\3\4", 4);
	}
}

static void
test_several(void **unused)
{
	struct refusal got;
	struct span rest;
	struct why why;

	(void)unused;
	used = 0;
	message(PACKET, 1, packets[0].packet);
	message(NLMSG_NOOP, 0, SPAN_NONE);
	message(PACKET, 2, packets[7].packet);
	message(NLMSG_DONE, 0, SPAN_NONE);
	rest = span_of_bytes(bytes, used);
	assert_int_equal(refusal_next(&rest, &got, &why), OK);
	assert_int_equal(got.sequence, 1);
	assert_int_equal(refusal_next(&rest, &got, &why), OK);
	assert_int_equal(got.sequence, 2);
	assert_int_equal(got.address_bytes, 16);
	assert_int_equal(refusal_next(&rest, &got, &why), ERR_NOT_FOUND);
	rest = SPAN_NONE;
	assert_int_equal(refusal_next(&rest, &got, &why), ERR_NOT_FOUND);
}

/* Cut anywhere, or lying about a length: the number and the packet are there once each, or it is no message. */
static void
test_malformed(void **unused)
{
	static const struct {
		size_t at;
		uint16_t length;
	} lies[] = {{0, 15}, {0, 0}, {0, 200}, {20, 3}, {20, 0}, {20, 200}, {28, 9}, {28, 7}, {36, 60}};
	struct refusal got = {0};
	struct span rest;
	struct why why;

	(void)unused;
	used = 0;
	message(PACKET, 7, packets[0].packet);
	for (size_t n = 1; n < used; n++) {
		rest = span_of_bytes(bytes, n);
		assert_int_equal(refusal_next(&rest, &got, &why), ERR_PROTOCOL);
	}
	for (size_t i = 0; i < COUNT(lies); i++) {
		used = 0;
		message(PACKET, 7, packets[0].packet);
		memcpy(bytes + lies[i].at, &lies[i].length, sizeof(lies[i].length));
		rest = span_of_bytes(bytes, used);
		assert_int_equal(refusal_next(&rest, &got, &why), ERR_PROTOCOL);
	}
	used = 0;
	message(PACKET, 0, packets[0].packet);
	rest = span_of_bytes(bytes, used);
	assert_int_equal(refusal_next(&rest, &got, &why), ERR_PROTOCOL);
	used = 0;
	message(PACKET, 7, SPAN_NONE);
	rest = span_of_bytes(bytes, used);
	assert_int_equal(refusal_next(&rest, &got, &why), ERR_PROTOCOL);
	assert_int_equal(got.sequence, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_packets),
	    cmocka_unit_test(test_several),
	    cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
