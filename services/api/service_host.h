/* service_host: the names under which services are reached, and what of a request says whose page sent it. Pure. */
#ifndef API_SERVICE_HOST_H
#define API_SERVICE_HOST_H

#include "common/base/err.h"
#include "common/base/span.h"

#define SERVICE_DOMAINS_MAX 17 /* server_sans, and our own */
#define SERVICE_LABEL_BYTES 63 /* WORKSPACE--SANDBOX--SERVICE: 3 * 19 + 2 * 2 are less */
#define SERVICE_URL_BYTES   400

/* What services' names end with: the first one is printed. */
struct service_domains {
	struct span at[SERVICE_DOMAINS_MAX]; /* lower case, no leading or trailing dot */
	size_t n;
};

/* Which service a host name means; spans into label. */
struct service_name {
	char label[SERVICE_LABEL_BYTES + 1];
	struct span workspace, sandbox, service; /* service may be empty */
};

void service_name_copy(const struct service_name *from, struct service_name *to);

/* "*.a.example", "b.example", "*.openshell.localhost": the wildcards' domains in their order, ours last. */
void service_domains_read(const char *const *names, size_t n, struct service_domains *out);

/*
 * Read a Host or :authority.
 *
 * out     untouched unless OK
 * errors  ERR_NOT_FOUND it is no service's: not one label below one of the domains, or no "--" in it;
 *         ERR_SYNTAX it is, and not well-formed: nobody else may answer it
 */
enum err service_host_parse(
    struct span authority, const struct service_domains *domains, struct service_name *out, struct why *why) must_check;

/* "https://WORKSPACE--SANDBOX--SERVICE.DOMAIN:PORT/"; the port is left out where the scheme says it. */
void service_url(const struct service_domains *domains, struct span workspace, struct span sandbox, struct span service,
    bool tls, uint16_t port, char out[SERVICE_URL_BYTES]);

/* What a browser says of the page that sends a request. Empty: it is not there. */
struct service_origin {
	struct span fetch_site, origin, referer;
};

/*
 * May the page do that? Only one of the service's own origin, "http://AUTHORITY" or "https://AUTHORITY", and who follows
 * no link at all.
 */
bool service_same_origin(const struct service_origin *from, struct span authority, bool tls);

#define SERVICE_COOKIE_ROOM(value) (2 * (value).length + 1)

/*
 * Cut the cookies that a front before us is logged in by out of a Cookie field.
 *
 * to       room for SERVICE_COOKIE_ROOM(value) bytes
 * returns  what is left, in to; may be empty
 */
struct span service_cookies(struct span value, char *to);

/*
 * A Set-Cookie field without the attribute Domain, which would show the cookie to the services of others.
 *
 * to       room for SERVICE_COOKIE_ROOM(value) bytes
 */
struct span service_set_cookie(struct span value, char *to);

#endif
