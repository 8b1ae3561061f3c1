/* Destination rules: which addresses a connection may be dialled to (policy-and-proxy 7, S4 to S6). Pure. */
#ifndef COMMON_POLICY_DESTINATION_H
#define COMMON_POLICY_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/policy/range.h"

/* The modes of 7.2, in their order. */
enum destination_mode {
	DESTINATION_NONE,
	DESTINATION_HOST_GATEWAY, /* the trusted link-local gateway of the machine */
	DESTINATION_ALLOWED_IPS,
	DESTINATION_LITERAL,
	DESTINATION_DECLARED, /* an exact declared host: anything that is not always blocked */
	DESTINATION_PUBLIC,
};

struct destination_rule {
	enum destination_mode mode;
	const struct span *allowed_ips; /* text of addresses and CIDR, with DESTINATION_ALLOWED_IPS */
	size_t allowed_ips_n;
};

/* Could be read as a number by some resolver (S4) although it is no address: refuse it. */
bool host_looks_numeric(struct span host);

/* A host name's form (S3): labels of [A-Za-z0-9_-]{1,63} joined by single dots, 1 to 253 bytes. */
bool host_well_formed(struct span host);

/* One of the names of the machine that runs the sandbox (7.2, row 1): with a trusted gateway, mode HOST_GATEWAY. */
bool destination_names_gateway(struct span host);

/* A cloud's metadata service by its name: refused before matching (S7). */
bool host_is_metadata(struct span host);

/*
 * An entry of allowed_ips: an address or a CIDR that touches nothing always blocked.
 *
 * errors  ERR_INVALID why not
 */
enum err allowed_ip_check(struct span entry, struct why *why) must_check;

/*
 * May all of these addresses be dialled on this port? One bad address refuses all (CONNECT and forward).
 *
 * rule     engine_connect never says DESTINATION_HOST_GATEWAY: who knows a gateway puts it there, see above
 * gateway  the trusted gateway for DESTINATION_HOST_GATEWAY; NULL: there is none, and nothing may be dialled
 * errors   ERR_DENIED with the detail that the agent sees; ERR_INVALID an entry of allowed_ips is none
 */
enum err destination_check(const struct destination_rule *rule, const struct address *gateway,
    const struct address *addresses, size_t addresses_n, uint16_t port, struct why *why) must_check;

#endif
