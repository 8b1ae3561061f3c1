/* The resolver's set-up: c-ares is told everything, so that it reads no file and no environment. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "common/resolve/name_server.h"
#include "common/resolve/inside.h"

#define TRY_MS	    2000
#define TRIES	    3
#define SERVERS_MAX 8

static enum err
servers_set(struct resolver *resolver, const struct span *texts, size_t n, struct why *why)
{
	struct ares_addr_port_node nodes[SERVERS_MAX] = {0};
	struct name_server server;
	enum err r;

	if (n > SERVERS_MAX)
		n = SERVERS_MAX;
	for (size_t i = 0; i < n; i++) {
		if ((r = name_server_parse(texts[i], &server, why)) != OK)
			return because(why, r, "name server " SPAN_FORMAT, SPAN_ARGS(texts[i]));
		nodes[i].family = server.address.length == 4 ? AF_INET : AF_INET6;
		nodes[i].udp_port = nodes[i].tcp_port = server.port;
		memcpy(&nodes[i].addr, server.address.bytes, server.address.length);
		nodes[i].next = i + 1 < n ? &nodes[i + 1] : NULL;
	}
	if (n > 0 && ares_set_servers_ports(resolver->channel, nodes) != ARES_SUCCESS)
		return fail(why, ERR_SYSTEM, "c-ares refuses the name servers");
	resolver->servers = n > 0;
	return OK;
}

/* Everything is said here, so that c-ares looks for no file. */
static enum err
channel_make(struct resolver *resolver, struct why *why)
{
	static struct in_addr nobody = {.s_addr = 0x0100007f};
	static struct apattern *unsorted;
	struct ares_options options = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
	    .timeout = TRY_MS,
	    .tries = TRIES,
	    .ndots = 1,
	    .servers = &nobody,
	    .nservers = 1,
	    .lookups = (char[]){"b"},
	    .sortlist = unsorted,
	    .sock_state_cb = resolve_socket_state,
	    .sock_state_cb_data = resolver};
	int status = ares_init_options(&resolver->channel, &options,
	    ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_SERVERS |
		ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_SORTLIST | ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE);

	return status == ARES_SUCCESS ? OK : fail(why, ERR_SYSTEM, "c-ares: %s", ares_strerror(status));
}

static bool
is_gateway(const struct host *host)
{
	static const char *const names[] = {
	    "host.openshell.internal", "host.containers.internal", "host.docker.internal"};
	const uint8_t *b = host->address.bytes;

	if (host->address.length != 4 || b[0] != 169 || b[1] != 254 || (b[2] == 169 && b[3] == 254))
		return false;
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcasecmp(host->name, names[i]) == 0)
			return true;
	return false;
}

static void
hosts_keep(struct resolver *resolver, const struct span *lines, size_t n)
{
	if ((resolver->hosts = calloc(n + 1, sizeof(*resolver->hosts))) == NULL)
		abort();
	for (size_t i = 0; i < n; i++) {
		struct host *host = &resolver->hosts[resolver->hosts_n];
		struct span name = lines[i], address = span_cut(&name, ' ');

		if (!address_parse(address, &host->address) || (host->name = span_dup(name)) == NULL)
			continue;
		if (is_gateway(host))
			resolver->gateway = host->address;
		resolver->hosts_n++;
	}
}

const struct address *
resolver_gateway(const struct resolver *resolver)
{
	return resolver->gateway.length == 0 ? NULL : &resolver->gateway;
}

enum err
resolver_new(struct loop *loop, const struct span *resolvers, size_t resolvers_n, const struct span *hosts,
    size_t hosts_n, struct resolver **out, struct why *why)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	enum err r;

	if (resolver == NULL)
		abort();
	resolver->loop = loop;
	if ((r = channel_make(resolver, why)) != OK) {
		free(resolver);
		return r;
	}
	hosts_keep(resolver, hosts, hosts_n);
	if ((r = servers_set(resolver, resolvers, resolvers_n, why)) != OK)
		resolver_free(resolver);
	else
		*out = resolver;
	return r;
}

void
resolver_free(struct resolver *resolver)
{
	if (resolver == NULL)
		return;
	resolver->ending = true;
	for (uint32_t i = 0; i < resolver->queries.room; i++) {
		struct query *query = resolver->queries.at[i].item;

		if (query != NULL && !query->asking) {
			loop_timer_stop(resolver->loop, &query->timer);
			free(query);
		}
	}
	ares_destroy(resolver->channel);
	loop_timer_stop(resolver->loop, &resolver->timer);
	for (size_t i = 0; i < resolver->hosts_n; i++)
		free(resolver->hosts[i].name);
	free(resolver->hosts);
	slots_done(&resolver->queries);
	free(resolver);
}
