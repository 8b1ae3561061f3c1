/* The check of an endpoint's host: which wildcards may stand where (policy-and-proxy 3.2, 4.1, S29). */
#include "common/policy/checking.h"

#include <string.h>
#include <strings.h>

#include "common/base/clean.h"
#include "common/policy/braces.h"
#include "common/policy/destination.h"

#define LABELS_MAX 128

/* Names below which strangers register: a wildcard directly above one covers them all. Not the whole public suffix
 * list; countries' second levels are told by their form (suffix_country). */
static const char *const suffixes[] = {
    "github.io",
    "gitlab.io",
    "githubusercontent.com",
    "herokuapp.com",
    "vercel.app",
    "netlify.app",
    "pages.dev",
    "workers.dev",
    "r2.dev",
    "web.app",
    "firebaseapp.com",
    "appspot.com",
    "run.app",
    "cloudfunctions.net",
    "cloudfront.net",
    "amazonaws.com",
    "s3.amazonaws.com",
    "elasticbeanstalk.com",
    "on.aws",
    "azurewebsites.net",
    "cloudapp.net",
    "azureedge.net",
    "blob.core.windows.net",
    "fly.dev",
    "onrender.com",
    "ngrok.io",
    "ngrok.app",
    "ngrok-free.app",
    "trycloudflare.com",
    "deno.dev",
    "surge.sh",
    "repl.co",
    "replit.app",
    "glitch.me",
    "blogspot.com",
    "readthedocs.io",
    "fastly.net",
    "duckdns.org",
    "dyndns.org",
    "no-ip.org",
    "sslip.io",
    "nip.io",
};

/* co.uk, com.au, gov.br ... */
static bool
suffix_country(const char *name)
{
	static const char *const seconds[] = {"ac", "co", "com", "edu", "go", "gob", "gov", "gv", "ltd", "me", "mil",
	    "ne", "net", "nom", "or", "org", "plc", "sch", "web"};
	const char *dot = strchr(name, '.');

	if (dot == NULL || strlen(dot + 1) != 2)
		return false;
	for (size_t i = 0; i < COUNT(seconds); i++)
		if (strlen(seconds[i]) == (size_t)(dot - name) &&
		    strncasecmp(name, seconds[i], strlen(seconds[i])) == 0)
			return true;
	return false;
}

static bool
suffix_public(const char *name)
{
	for (size_t i = 0; i < COUNT(suffixes); i++)
		if (strcasecmp(name, suffixes[i]) == 0)
			return true;
	return strchr(name, '.') == NULL || suffix_country(name);
}

static bool
has_star(struct span label)
{
	size_t at;

	return span_find(label, '*', &at);
}

/* One way to read the pattern, with its braces written out; the reason why it may not be, or NULL. */
static const char *
refuse_labels(struct span host)
{
	struct span labels[LABELS_MAX], rest = host;
	size_t n = 0;

	while (n < LABELS_MAX && rest.length > 0)
		labels[n++] = span_cut(&rest, '.');
	if (rest.length > 0)
		return "has too many labels";
	for (size_t i = 0; i < n; i++) {
		bool whole = span_is(labels[i], "*");

		if (!has_star(labels[i]) && !(i + 1 == n && span_only(labels[i], "?")))
			continue;
		if (n == 1)
			return "matches all hosts; write the names that are needed";
		if (n == 2)
			return i == 0 && (whole || span_is(labels[i], "**"))
				   ? "is a TLD wildcard, which matches every name below it; name the domain, as "
				     "*.example.com"
				   : "a wildcard needs a name of at least three labels, as *.example.com";
		if (i + 1 == n)
			return "a wildcard may not be the last label (S29)";
		if (i > 0 && !whole)
			return span_is(labels[i], "**") ? "** may only be the whole first label"
							: "in a later label a wildcard is the whole label: *";
		if (i == 0 && !span_is(labels[i], "**") && memmem(labels[i].at, labels[i].length, "**", 2) != NULL)
			return "** may only be the whole first label";
	}
	return NULL;
}

/* A wildcard label with nothing but a public suffix behind it. */
static void
warn_suffix(const struct check *check, const char *const *host)
{
	const char *rest = *host;

	for (const char *dot = strchr(rest, '.'); dot != NULL && strcspn(rest, ".*") < (size_t)(dot - rest);
	     dot = strchr(rest, '.'))
		rest = dot + 1;
	if (rest != *host && suffix_public(rest))
		check_warning(check, host, "host", *host, "strangers can register names below %s", rest);
}

static void
check_pattern(const struct check *check, const char *const *host)
{
	auto_arena struct arena arena = {.max_bytes = 1u << 20};
	const char *words = NULL;
	struct span *branches;
	struct why why = {0};
	uint32_t n;

	if (!policy_check_glob(check, host, "host", *host, GLOB_HOST))
		return;
	if (braces_expand(span_of_text(*host), &arena, &branches, &n, &why) != OK) {
		check_error(check, host, "host", *host, "%.200s", why.text);
		return;
	}
	for (uint32_t i = 0; i < n && words == NULL; i++)
		words = refuse_labels(branches[i]);
	if (words != NULL)
		check_error(check, host, "host", *host, "%s", words);
	else
		warn_suffix(check, host);
}

static void
check_exact(const struct check *check, const char *const *host)
{
	struct span text = span_of_text(*host);
	struct address address;

	if (address_parse(text, &address)) {
		if (address_always_blocked(&address))
			check_warning(check, host, "host", *host, "this address is always blocked");
	} else if (!host_well_formed(text)) {
		check_warning(
		    check, host, "host", *host, "never matches: it is no host name (for a pattern it lacks a *)");
	} else if (host_looks_numeric(text)) {
		check_warning(check, host, "host", *host, "never matches: some would read it as a number (S4)");
	}
}

/* protocol tcp needs a name that the sandbox's DNS can answer. */
static void
check_name(const struct check *check, const char *const *host)
{
	struct span text = span_of_text(*host), rest = text;
	struct address address;

	if (address_parse(text, &address)) {
		check_error(check, host, "host", *host, "protocol tcp needs a DNS name, not an address");
		return;
	}
	if (text.length > 0 && text.at[text.length - 1] == '.') {
		check_error(check, host, "host", *host, "protocol tcp: write the name without its last dot");
		return;
	}
	while (rest.length > 0) {
		struct span label = span_cut(&rest, '.');

		if (label.length == 0 || label.length > 63 ||
		    !span_only(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*")) {
			check_error(check, host, "host", *host,
			    "protocol tcp needs a DNS name: labels of letters, digits and -");
			return;
		}
	}
}

void
policy_check_host(const struct check *check, const char *const *host)
{
	const Endpoint *endpoint = check->endpoint;

	if (*text_or(*host) == '\0') {
		if (check->protocol == ENDPOINT_TCP)
			check_error(check, NULL, "host", NULL, "is empty; protocol tcp needs a DNS name");
		else if (endpoint->n_allowed_ips == 0)
			check_error(check, NULL, "host", NULL, "is empty; write a name, or allowed_ips");
		return;
	}
	if (check->protocol == ENDPOINT_TCP)
		check_name(check, host);
	if (strchr(*host, '*') != NULL)
		check_pattern(check, host);
	else
		check_exact(check, host);
}
