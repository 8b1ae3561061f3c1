/* Resolving by c-ares without threads: its sockets are watched by our loop, it reads no file and no environment. */
#include "sandbox/proxy/resolve.h"

#include <ares.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "sandbox/proxy/name_server.h"
#include "sandbox/proxy/slots.h"

#define TRY_MS	     2000
#define TRIES	     3
#define QUERIES_MAX  1024
#define SERVERS_MAX  8

struct host {
	struct address address;
	char *name;
};

/* One look-up. */
struct query {
	uint64_t number;
	struct resolver *resolver;
	struct timer timer; /* to tell it later */
	enum err r;
	struct why why;
	struct address addresses[RESOLVE_MAX];
	size_t n;
	bool asking; /* c-ares holds it */
	void (*done)(void *self, enum err r, const struct address *addresses, size_t n, const struct why *why);
	void *self;
};

/* A socket of c-ares. */
struct asked {
	struct asked *next;
	struct resolver *resolver;
	struct watch watch;
};

struct resolver {
	struct loop *loop;
	ares_channel channel;
	bool servers; /* there are some */
	struct timer timer;
	struct asked *sockets;
	struct slots queries;
	unsigned asking_n;
	bool ending;
	struct host *hosts;
	size_t hosts_n;
	struct address gateway; /* length 0: none */
};

/* ---- c-ares in our loop ---- */

static void timer_follow(struct resolver *resolver);

static void
timer_fired(void *self)
{
	struct resolver *resolver = self;

	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	timer_follow(resolver);
}

static void
timer_follow(struct resolver *resolver)
{
	struct timeval wait, *at = ares_timeout(resolver->channel, NULL, &wait);

	if (at == NULL)
		loop_timer_stop(resolver->loop, &resolver->timer);
	else
		loop_timer_set(resolver->loop, &resolver->timer,
		    (uint64_t)at->tv_sec * 1000 + (uint64_t)at->tv_usec / 1000 + 1, timer_fired, resolver);
}

static void
socket_ready(void *self, uint32_t events)
{
	struct asked *asked = self;
	struct resolver *resolver = asked->resolver;
	int fd = asked->watch.fd;

	ares_process_fd(resolver->channel, (events & ~(uint32_t)EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD,
	    (events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
	timer_follow(resolver);
}

static void
socket_forget(struct resolver *resolver, struct asked **at)
{
	struct asked *asked = *at;

	loop_remove(resolver->loop, &asked->watch);
	*at = asked->next;
	free(asked);
}

static void
socket_watch(struct resolver *resolver, int fd, uint32_t events)
{
	struct asked *asked = calloc(1, sizeof(*asked));
	struct why why;

	if (asked == NULL)
		abort();
	asked->resolver = resolver;
	if (loop_add(resolver->loop, &asked->watch, fd, events, socket_ready, asked, &why) != OK) {
		free(asked); /* the query ends by its time */
		return;
	}
	asked->next = resolver->sockets;
	resolver->sockets = asked;
}

static void
socket_state(void *self, ares_socket_t fd, int readable, int writable)
{
	struct resolver *resolver = self;
	uint32_t events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0);
	struct asked **at = &resolver->sockets;

	while (*at != NULL && (*at)->watch.fd != fd)
		at = &(*at)->next;
	if (events == 0 && *at != NULL)
		socket_forget(resolver, at);
	else if (*at != NULL)
		loop_change(resolver->loop, &(*at)->watch, events);
	else if (events != 0)
		socket_watch(resolver, fd, events);
}

/* ---- one query ---- */

static void
query_tell(void *self)
{
	struct query *query = self;
	bool wanted = slots_take(&query->resolver->queries, query->number) != NULL;

	if (wanted)
		query->done(query->self, query->r, query->addresses, query->n, &query->why);
	free(query);
}

static void
add_family(struct query *query, const struct ares_addrinfo *info, int family)
{
	for (const struct ares_addrinfo_node *node = info->nodes; node != NULL; node = node->ai_next) {
		struct address *to = &query->addresses[query->n];

		if (node->ai_family != family || query->n == RESOLVE_MAX)
			continue;
		to->length = family == AF_INET ? 4 : 16;
		if (family == AF_INET)
			memcpy(to->bytes, &((const struct sockaddr_in *)(const void *)node->ai_addr)->sin_addr, 4);
		else
			memcpy(to->bytes, &((const struct sockaddr_in6 *)(const void *)node->ai_addr)->sin6_addr, 16);
		query->n++;
	}
}

static void
answered(void *self, int status, int timeouts, struct ares_addrinfo *info)
{
	struct query *query = self;

	(void)timeouts;
	query->asking = false;
	query->resolver->asking_n--;
	if (status == ARES_SUCCESS) {
		add_family(query, info, AF_INET);
		add_family(query, info, AF_INET6);
	}
	ares_freeaddrinfo(info);
	if (status == ARES_ENOTFOUND || status == ARES_ENODATA || (status == ARES_SUCCESS && query->n == 0))
		query->r = fail(&query->why, ERR_NOT_FOUND, "there is no such name");
	else if (status != ARES_SUCCESS)
		query->r = fail(&query->why, ERR_UNAVAILABLE, "%s", ares_strerror(status));
	if (query->resolver->ending)
		free(query);
	else
		loop_timer_set(query->resolver->loop, &query->timer, 0, query_tell, query);
}

static bool
known_here(struct query *query, const char *host)
{
	const struct resolver *resolver = query->resolver;

	if (address_parse(span_of_text(host), &query->addresses[0])) {
		query->n = 1;
		return true;
	}
	for (size_t i = 0; i < resolver->hosts_n && query->n < RESOLVE_MAX; i++)
		if (strcasecmp(resolver->hosts[i].name, host) == 0)
			query->addresses[query->n++] = resolver->hosts[i].address;
	return query->n > 0;
}

static void
ask_servers(struct query *query, const char *host)
{
	static const struct ares_addrinfo_hints hints = {
	    .ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct resolver *resolver = query->resolver;

	query->asking = true;
	resolver->asking_n++;
	ares_getaddrinfo(resolver->channel, host, NULL, &hints, answered, query);
	timer_follow(resolver);
}

uint64_t
resolve(struct resolver *resolver, const char *host,
    void (*done)(void *self, enum err r, const struct address *addresses, size_t n, const struct why *why), void *self)
{
	struct query *query = calloc(1, sizeof(*query));
	uint64_t number;

	if (query == NULL)
		abort();
	query->resolver = resolver;
	query->done = done;
	query->self = self;
	number = query->number = slots_put(&resolver->queries, query);
	if (!known_here(query, host) && !resolver->servers)
		query->r = fail(&query->why, ERR_UNAVAILABLE, "there is no name server");
	else if (query->n == 0 && resolver->asking_n >= QUERIES_MAX)
		query->r = fail(&query->why, ERR_LIMIT, "%d names are being looked up", QUERIES_MAX);
	if (query->n > 0 || query->r != OK)
		loop_timer_set(resolver->loop, &query->timer, 0, query_tell, query);
	else
		ask_servers(query, host);
	return number;
}

void
resolve_cancel(struct resolver *resolver, uint64_t number)
{
	struct query *query = slots_take(&resolver->queries, number);

	if (query == NULL || query->asking)
		return; /* c-ares ends it */
	loop_timer_stop(resolver->loop, &query->timer);
	free(query);
}

/* ---- set-up ---- */

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
	    .sock_state_cb = socket_state,
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
