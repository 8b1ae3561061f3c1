/* Reading addresses. */
#include "common/provider/url.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/wire/host_name.h"
#include "common/wire/http_target.h"

#define PATH_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/%"

/* A name or an address, as text in lower case. */
static enum err
host_read(const struct http_authority *authority, struct arena *arena, const char **out, struct why *why)
{
	char name[HOST_NAME_BYTES], address[INET6_ADDRSTRLEN];
	struct in6_addr six;

	if (authority->brackets) {
		if (!span_copy(authority->host, address, sizeof(address)) || inet_pton(AF_INET6, address, &six) != 1)
			return fail(why, ERR_INVALID, "the host is no IPv6 address");
		inet_ntop(AF_INET6, &six, name, sizeof(name));
	} else if (!host_name(authority->host, name)) {
		return fail(why, ERR_INVALID, "the host is no name and no address");
	}
	*out = arena_text(arena, span_of_text(name));
	return *out == NULL ? fail(why, ERR_LIMIT, "out of room") : OK;
}

static enum err
path_read(struct span path, struct arena *arena, const char **out, struct why *why)
{
	while (path.length > 0 && path.at[path.length - 1] == '/')
		path.length--;
	if (!span_only(path, PATH_BYTES))
		return fail(
		    why, ERR_INVALID, "the path holds a byte that no path has; there is no query and no fragment");
	if (path.length > 1 &&
	    (memmem(path.at, path.length, "/.", 2) != NULL || memmem(path.at, path.length, "//", 2) != NULL))
		return fail(why, ERR_INVALID, "the path holds an empty segment, or one that begins with a dot");
	*out = arena_text(arena, path);
	return *out == NULL ? fail(why, ERR_LIMIT, "out of room") : OK;
}

enum err
provider_url_read(struct span url, struct arena *arena, struct provider_url *out, struct why *why)
{
	struct provider_url made = {.tls = span_starts(url, SPAN("https://"))};
	struct http_authority authority;
	struct span rest, host;
	enum err r;

	if (url.length > PROVIDER_URL_MAX)
		return fail(why, ERR_INVALID, "the address has %zu bytes, at most %d", url.length, PROVIDER_URL_MAX);
	if (!made.tls && !span_starts(url, SPAN("http://")))
		return fail(why, ERR_INVALID, "the address begins with https:// or http://");
	host = rest = span_tail(url, made.tls ? 8 : 7);
	for (size_t i = 0; i < host.length; i++)
		if (strchr("/?#", host.at[i]) != NULL)
			host.length = i;
	rest = span_tail(rest, host.length);
	if ((r = http_authority_parse(host, &authority, why)) != OK)
		return because(why, ERR_INVALID, "host");
	if ((r = host_read(&authority, arena, &made.host, why)) != OK ||
	    (r = path_read(rest, arena, &made.path, why)) != OK)
		return r;
	made.port = authority.has_port ? authority.port : made.tls ? 443 : 80;
	*out = made;
	return OK;
}

bool
provider_url_loopback(const char *host)
{
	struct in_addr four;

	if (inet_pton(AF_INET, host, &four) == 1)
		return (ntohl(four.s_addr) >> 24) == 127;
	return strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0;
}

/* x.y.svc or x.y.svc.cluster.local */
static bool
in_cluster(const char *host)
{
	static const char *const ends[] = {".svc", ".svc.cluster.local"};

	for (size_t i = 0; i < 2; i++) {
		size_t length = strlen(host), end = strlen(ends[i]);
		const char *dot = strchr(host, '.');

		if (length > end && strcmp(host + length - end, ends[i]) == 0 && dot != NULL && dot > host &&
		    dot < host + length - end && memchr(dot + 1, '.', (size_t)(host + length - end - dot - 1)) == NULL)
			return true;
	}
	return false;
}

enum err
provider_url_check(struct span url, unsigned http, struct why *why)
{
	auto_arena struct arena arena = {.max_bytes = 65536};
	struct provider_url read;
	enum err r;

	if ((r = provider_url_read(url, &arena, &read, why)) != OK)
		return r;
	if (read.tls || ((http & PROVIDER_URL_LOOPBACK) != 0 && provider_url_loopback(read.host)) ||
	    ((http & PROVIDER_URL_CLUSTER) != 0 && in_cluster(read.host)))
		return OK;
	return fail(why, ERR_INVALID, "http leads only to this machine%s; write https",
	    (http & PROVIDER_URL_CLUSTER) != 0 ? " or a service of the cluster" : "");
}
