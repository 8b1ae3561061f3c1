/* Resolving: what is known here is told at once, the rest is asked of the name servers; told always later. */
#include "common/resolve/resolve.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/resolve/inside.h"

#define QUERIES_MAX 1024

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
	resolve_timer_follow(resolver);
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
