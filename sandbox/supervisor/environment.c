/* What a command finds in its environment: ours, then placeholders of secrets, then the sandbox's, then the caller's. */
#include "sandbox/supervisor/supervisor.h"

#include "common/base/clean.h"

static const char *const always[] = {
    "HOME=/sandbox",
    "USER=sandbox",
    "LOGNAME=sandbox",
    "SHELL=/bin/bash",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "OPENSHELL_SANDBOX=1",
};

/* Where there is a way out: for clients that ask for a proxy, and for those that trust no system store. */
#define PROXY "http://10.200.0.1:3128"
#define LOCAL "127.0.0.1,localhost,::1"
static const char *const way_out[] = {
    "ALL_PROXY=" PROXY,
    "HTTP_PROXY=" PROXY,
    "HTTPS_PROXY=" PROXY,
    "http_proxy=" PROXY,
    "https_proxy=" PROXY,
    "grpc_proxy=" PROXY,
    "NO_PROXY=" LOCAL,
    "no_proxy=" LOCAL,
    "NODE_USE_ENV_PROXY=1",
    "NODE_EXTRA_CA_CERTS=/etc/openshell-tls/openshell-ca.pem",
    "DENO_CERT=/etc/openshell-tls/openshell-ca.pem",
    "SSL_CERT_FILE=/etc/openshell-tls/ca-bundle.pem",
    "REQUESTS_CA_BUNDLE=/etc/openshell-tls/ca-bundle.pem",
    "CURL_CA_BUNDLE=/etc/openshell-tls/ca-bundle.pem",
    "GIT_SSL_CAINFO=/etc/openshell-tls/ca-bundle.pem",
};

static struct span
key_of(struct span pair)
{
	struct span rest = pair;

	return span_cut(&rest, '=');
}

static enum err
add(struct span *list, size_t *n, struct span pair, struct why *why)
{
	for (size_t i = 0; i < *n; i++)
		if (span_equal(key_of(list[i]), key_of(pair))) {
			list[i] = pair;
			return OK;
		}
	if (*n == ENVIRONMENT_MAX)
		return fail(why, ERR_LIMIT, "over %d environment variables", ENVIRONMENT_MAX);
	list[(*n)++] = pair;
	return OK;
}

/* Our own prefix; but upstream's Python SDK hands over a function under one such name, which the api lets into an exec alone. */
static bool
reserved(struct span key)
{
	return span_starts(key, SPAN("OPENSHELL_")) && !span_is(key, "OPENSHELL_PYFUNC_B64");
}

/* What someone else names: never a name of ours, never one that is empty. */
static enum err
add_all(struct span *list, size_t *n, const struct span *more, size_t more_n, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; r == OK && i < more_n; i++) {
		struct span key = key_of(more[i]);

		if (key.length > 0 && key.length < more[i].length && !reserved(key))
			r = add(list, n, more[i], why);
	}
	return r;
}

enum err
environment_make(const struct supervisor *s, const struct span *more, size_t more_n, bool tty, struct arena *arena,
    struct span **out, size_t *out_n, struct why *why)
{
	struct span *list = arena_array(arena, ENVIRONMENT_MAX, sizeof(*list));
	size_t n = 0;
	enum err r;

	if (list == NULL)
		return fail(why, ERR_LIMIT, "the environment is too large");
	for (size_t i = 0; i < COUNT(always); i++)
		list[n++] = span_of_text(always[i]);
	for (size_t i = 0; s->way.open && i < COUNT(way_out); i++)
		list[n++] = span_of_text(way_out[i]);
	list[n++] = tty ? SPAN("TERM=xterm-256color") : SPAN("TERM=dumb");
	if ((r = add_all(list, &n, s->secrets.environment, s->secrets.environment_n, why)) != OK ||
	    (r = add_all(list, &n, s->enrolled.environment, s->enrolled.environment_n, why)) != OK ||
	    (r = add_all(list, &n, more, more_n, why)) != OK)
		return r;
	*out = list;
	*out_n = n;
	return OK;
}
