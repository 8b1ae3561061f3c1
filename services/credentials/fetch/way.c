/* The way to a server: directly, or by the operator's proxy, as sandboxes go (sandbox/proxy/onward.h). */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/base/clock.h"
#include "common/leg/chain.h"
#include "common/policy/forward_proxy.h"
#include "services/credentials/fetch/jobs.h"

#define ADDRESSES_MAX 16

struct found {
	struct address at[ADDRESSES_MAX];
	size_t n;
};

/* ---- addresses ---- */

static bool
address_take(const struct sockaddr *from, struct address *to)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)from;
	const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)from;

	*to = (struct address){.length = from->sa_family == AF_INET ? 4 : 16};
	if (from->sa_family == AF_INET)
		memcpy(to->bytes, &four->sin_addr, 4);
	else if (from->sa_family == AF_INET6)
		memcpy(to->bytes, &six->sin6_addr, 16);
	return from->sa_family == AF_INET || from->sa_family == AF_INET6;
}

/* Those of a host that may be reached; of the operator's own proxy all. */
static enum err
look_up(const char *host, bool any, struct found *out, struct why *why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	int bad = getaddrinfo(host, NULL, &hints, &list);

	if (bad != 0)
		return fail(why, ERR_UNAVAILABLE, "%s: %s", host, gai_strerror(bad));
	out->n = 0;
	for (const struct addrinfo *to = list; to != NULL && out->n < ADDRESSES_MAX; to = to->ai_next)
		if ((any || https_may_reach(to->ai_addr)) && address_take(to->ai_addr, &out->at[out->n]))
			out->n++;
	freeaddrinfo(list);
	if (out->n == 0)
		return fail(why, ERR_DENIED, "%s: its address is link-local, or one that nobody serves from", host);
	return OK;
}

/* ---- the proxy ---- */

struct opening {
	struct loop *loop;
	enum err r;
	int fd;
	struct why why;
};

static void
opened(void *self, enum err r, int fd, size_t which, const struct why *why)
{
	struct opening *opening = self;

	(void)which;
	opening->r = r;
	opening->fd = fd;
	opening->why = *why;
	loop_stop(opening->loop);
}

/* What is read and written from here on waits. Not by fcntl, which the jail leaves to nobody who holds the ledger. */
static enum err
blocking(int fd, struct why *why)
{
	int off = 0;

	return ioctl(fd, FIONBIO, &off) == 0 ? OK : fail_errno(why, ERR_SYSTEM, "ioctl FIONBIO");
}

static enum err
way_open(
    const struct chain_way *way, const struct found *to, uint16_t port, uint32_t limit_ms, int *fd, struct why *why)
{
	struct opening opening = {.fd = -1};
	enum err r;

	if ((r = loop_new(&opening.loop, why)) != OK)
		return r;
	chain_begin(opening.loop, way, to->at, to->n, port, limit_ms, opened, &opening);
	if ((r = loop_run(opening.loop, why)) == OK && (r = opening.r) != OK)
		*why = opening.why;
	loop_free(opening.loop);
	*fd = opening.fd;
	return r == OK ? blocking(*fd, why) : r;
}

static enum err
by_proxy(const struct msg_fetch_job *told, const char *host, uint16_t port, const struct found *to, uint32_t limit_ms,
    int *fd, struct why *why)
{
	struct forward_proxy proxy;
	struct found at;
	enum err r;

	if ((r = forward_proxy_parse(told->upstream_proxy, &proxy, why)) != OK ||
	    (r = look_up(proxy.host, true, &at, why)) != OK)
		return because(why, r, "the upstream proxy");
	return way_open(&(struct chain_way){.proxy = at.at,
			    .proxy_n = at.n,
			    .port = proxy.port,
			    .host = told->upstream_by_name ? host : NULL,
			    .login = told->upstream_login},
	    to, port, limit_ms, fd, why);
}

enum err
fetch_ask(struct fetch *fetch, const struct https_request *in, struct https_answer *out, struct why *why)
{
	const struct msg_fetch_job *told = fetch->job;
	struct https_request request = *in;
	uint64_t until_ms = clock_ms() + in->limit_ms, now_ms;
	struct found found;
	char host[256];
	enum err r;

	if (told->upstream_proxy.length == 0 || !in->url.tls)
		return https_ask(in, fetch->authorities, fetch->arena, out, why);
	if (!span_copy(in->url.host, host, sizeof(host)))
		return fail(why, ERR_INVALID, "a host name that is too long");
	if ((r = look_up(host, false, &found, why)) != OK)
		return r;
	if (!forward_direct(told->upstream_direct, in->url.host, in->url.port, found.at, &found.n) &&
	    (r = by_proxy(told, host, in->url.port, &found, in->limit_ms, &request.open, why)) != OK)
		return because(why, r, "%s port %u", host, in->url.port);
	now_ms = clock_ms();
	request.addresses = found.at;
	request.addresses_n = found.n;
	request.limit_ms = now_ms < until_ms ? (uint32_t)(until_ms - now_ms) : 1;
	return https_ask(&request, fetch->authorities, fetch->arena, out, why);
}
