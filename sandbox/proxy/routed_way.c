/* Where a routed request goes, in the router's form: its addresses, and the operator's proxy where that is asked. */
#include <arpa/inet.h>

#include "sandbox/proxy/onward.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/routed.h"

static enum err
addresses_put(
    struct arena *arena, const struct address *from, size_t n, struct span **out, size_t *out_n, struct why *why)
{
	struct span *list = arena_array(arena, n + 1, sizeof(*list));

	for (size_t i = 0; list != NULL && i < n; i++) {
		char *text = arena_alloc(arena, INET6_ADDRSTRLEN);

		if (text == NULL ||
		    inet_ntop(from[i].length == 4 ? AF_INET : AF_INET6, from[i].bytes, text, INET6_ADDRSTRLEN) == NULL)
			return fail(why, ERR_LIMIT, "the request is too large");
		list[i] = span_of_text(text);
	}
	if (list == NULL)
		return fail(why, ERR_LIMIT, "the request is too large");
	*out = list;
	*out_n = n;
	return OK;
}

enum err
routed_way(const struct exchange *exchange, const struct routed_place *place, struct arena *arena,
    struct msg_route_open *open, struct why *why)
{
	const struct onward *onward = exchange->http->connection->proxy->onward;
	enum err r;

	if ((r = addresses_put(arena, place->addresses, place->n, &open->addresses, &open->addresses_n, why)) != OK ||
	    place->via_n == 0)
		return r;
	open->upstream_port = onward->proxy.port;
	open->upstream_login = span_of_bytes(onward->login, onward->login_n);
	open->upstream_by_name = onward->by_name;
	return addresses_put(arena, place->via, place->via_n, &open->upstream_proxy, &open->upstream_proxy_n, why);
}
