/* Loopback: names that are taken, and no resolver anywhere. */
#include "sandbox/sshd/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "common/base/clean.h"

static const struct {
	const char *name;
	bool six;
} names[] = {
    {"127.0.0.1", false},
    {"localhost", false},
    {"::1", true},
    {"[::1]", true},
};

bool
loopback_name(struct span host, bool *six)
{
	for (size_t i = 0; i < COUNT(names); i++)
		if (span_is(host, names[i].name)) {
			*six = names[i].six;
			return true;
		}
	return false;
}

socklen_t
loopback_address(bool six, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *four_address = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six_address = (struct sockaddr_in6 *)out;

	*out = (struct sockaddr_storage){0};
	if (six) {
		*six_address = (struct sockaddr_in6){
		    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
		return sizeof(*six_address);
	}
	*four_address = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return sizeof(*four_address);
}
