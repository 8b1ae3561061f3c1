/* Addresses of services as configurations name them: http[s]://host[:port][/path]. */
#ifndef COMMON_PROVIDER_URL_H
#define COMMON_PROVIDER_URL_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

#define PROVIDER_URL_MAX 2048

struct provider_url {
	bool tls;
	const char *host; /* lower case, without brackets */
	uint16_t port;
	const char *path; /* without a slash at its end; "" */
};

/*
 * Take an address apart.
 *
 * out     texts in the arena
 * errors  ERR_INVALID another scheme, a user, a query, a fragment, a path with .. or a byte that no path has, a host
 *         that is none, over PROVIDER_URL_MAX bytes; ERR_LIMIT the arena
 */
enum err provider_url_read(struct span url, struct arena *arena, struct provider_url *out, struct why *why) must_check;

/* Besides https, http may lead to: */
enum {
	PROVIDER_URL_LOOPBACK = 1, /* 127.0.0.0/8, ::1, localhost */
	PROVIDER_URL_CLUSTER = 2,  /* a service of a cluster: x.y.svc, x.y.svc.cluster.local */
};

/* Is it https, or http to where that is allowed? ERR_INVALID. */
enum err provider_url_check(struct span url, unsigned http, struct why *why) must_check;

/* 127.0.0.0/8, ::1 or localhost. */
bool provider_url_loopback(const char *host);

#endif
