/* The proxy that TLS goes out by, where the operator has named one (policy-and-proxy 5.8). */
#ifndef SANDBOX_PROXY_ONWARD_H
#define SANDBOX_PROXY_ONWARD_H

#include "common/bus/message.h"
#include "common/leg/chain.h"
#include "common/policy/forward_proxy.h"
#include "sandbox/proxy/connection.h"

struct onward {
	struct forward_proxy proxy;
	char direct[FORWARD_EXCEPTION_BYTES + 1]; /* whom it is not asked for */
	char login[FORWARD_LOGIN_MAX];
	size_t login_n;
	bool by_name;
};

/*
 * What proxy_setup says of it; NULL: there is none, all is dialled.
 *
 * errors  what is there and cannot be read is never left out: as forward_proxy_parse and forward_exceptions_check
 */
enum err onward_new(const struct msg_proxy_setup *in, struct onward **out, struct why *why) must_check;
void onward_free(struct onward *onward); /* NULL does nothing */

/*
 * Is it asked for the way there, where TLS is spoken? What is on this machine is dialled: loopback, and the gateway that
 * the hosts file names host.openshell.internal.
 *
 * addresses  judged; where entries name some of them, only those stay
 */
bool onward_asked(const struct proxy *proxy, const char *host, uint16_t port, struct address *addresses, size_t *n);

/* Its addresses are judged: does TLS to there go by it? Where entries name some of the addresses, only those stay. */
void onward_choose(struct connection *connection);

/* Is this connection's way found out only when it has begun to speak? */
static inline bool
onward_undecided(const struct connection *connection, const struct onward *onward)
{
	return onward != NULL && (connection->onward || connection->pinned_n == 0);
}

/* How it is asked for this connection, whose via is known; borrowed from both. */
struct chain_way onward_way(const struct onward *onward, const struct connection *connection);

#endif
