/* Where a child may connect: profiles and configurations of providers name hosts, and the gateway's network is not theirs. */
#include <arpa/inet.h>

#include "common/policy/range.h"
#include "common/https/https.h"

static bool
is_loopback(const struct address *address)
{
	static const uint8_t six[16] = {[15] = 1};

	return address->length == 4 ? address->bytes[0] == 127 : memcmp(address->bytes, six, sizeof(six)) == 0;
}

bool
https_may_reach(const struct sockaddr *to)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)to;
	const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)to;
	struct address address = {.length = to->sa_family == AF_INET ? 4 : 16};

	if (to->sa_family == AF_INET)
		memcpy(address.bytes, &four->sin_addr, 4);
	else if (to->sa_family == AF_INET6)
		memcpy(address.bytes, &six->sin6_addr, 16);
	else
		return false;
	return is_loopback(&address) || !address_always_blocked(&address);
}
