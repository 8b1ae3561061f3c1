/* The operator's proxy: read once; who goes by it is decided for each connection, when its addresses are. */
#include "sandbox/proxy/onward.h"

#include <stdlib.h>
#include <string.h>

#include "common/resolve/resolve.h"
#include "sandbox/proxy/proxy.h"

enum err
onward_new(const struct msg_proxy_setup *in, struct onward **out, struct why *why)
{
	struct onward *onward;
	enum err r;

	*out = NULL;
	if (in->upstream_proxy.length == 0)
		return OK;
	if ((onward = calloc(1, sizeof(*onward))) == NULL)
		abort();
	if ((r = forward_proxy_parse(in->upstream_proxy, &onward->proxy, why)) != OK ||
	    (r = forward_exceptions_check(in->upstream_direct, why)) != OK) {
		free(onward);
		return because(why, r, "the upstream proxy");
	}
	(void)span_copy(in->upstream_direct, onward->direct, sizeof(onward->direct));
	memcpy(onward->login, in->upstream_login.at, in->upstream_login.length);
	onward->login_n = in->upstream_login.length;
	onward->by_name = in->upstream_by_name;
	*out = onward;
	return OK;
}

void
onward_free(struct onward *onward)
{
	if (onward == NULL)
		return;
	explicit_bzero(onward->login, sizeof(onward->login));
	free(onward);
}

/* The machine's own gateway is link-local: no proxy elsewhere could come there. */
static bool
is_gateway(const struct proxy *proxy, const struct address *addresses, size_t n)
{
	const struct address *gateway = resolver_gateway(proxy->resolver);

	return gateway != NULL && n == 1 && memcmp(gateway, addresses, sizeof(*gateway)) == 0;
}

bool
onward_asked(const struct proxy *proxy, const char *host, uint16_t port, struct address *addresses, size_t *n)
{
	const struct onward *onward = proxy->onward;

	return onward != NULL && !is_gateway(proxy, addresses, *n) &&
	       !forward_direct(span_of_text(onward->direct), span_of_text(host), port, addresses, n);
}

void
onward_choose(struct connection *connection)
{
	connection->onward = onward_asked(
	    connection->proxy, connection->host, connection->port, connection->pinned, &connection->pinned_n);
}

struct chain_way
onward_way(const struct onward *onward, const struct connection *connection)
{
	return (struct chain_way){.proxy = connection->via,
	    .proxy_n = connection->via_n,
	    .port = onward->proxy.port,
	    .host = onward->by_name ? connection->host : NULL,
	    .login = span_of_bytes(onward->login, onward->login_n)};
}
