/* service_host: names of services, origins and cookies; pure. */
#include "services/api/service_host.h"

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/wire/http_head.h"
#include "common/wire/http_target.h"
#include "services/api/check.h"

#define DOMAIN "openshell.localhost"

void
service_domains_read(const char *const *names, size_t n, struct service_domains *out)
{
	bool ours = false;

	*out = (struct service_domains){0};
	for (size_t i = 0; i < n && out->n < SERVICE_DOMAINS_MAX - 1; i++) {
		struct span name = span_of_text(names[i]);

		if (!span_starts(name, SPAN("*.")) || name.length == 2)
			continue;
		out->at[out->n] = span_tail(name, 2);
		ours = ours || http_same(out->at[out->n], SPAN(DOMAIN));
		out->n++;
	}
	if (!ours)
		out->at[out->n++] = SPAN(DOMAIN);
}

/* ---- whose host ---- */

/* The one label below a domain; empty: it is not below it, or more than one label. */
static struct span
label_below(struct span host, struct span domain)
{
	size_t dot;

	if (host.length <= domain.length + 1 || !span_find(host, '.', &dot) || host.length - dot - 1 != domain.length ||
	    !http_same(span_tail(host, dot + 1), domain))
		return SPAN_NONE;
	return span_head(host, dot);
}

static bool
find_dashes(struct span text, size_t *at)
{
	for (*at = 0; *at + 1 < text.length; ++*at)
		if (text.at[*at] == '-' && text.at[*at + 1] == '-')
			return true;
	return false;
}

/* What stands before the next "--"; all of it where there is none. */
static struct span
part_cut(struct span *rest)
{
	struct span part = *rest;
	size_t at;

	if (!find_dashes(*rest, &at)) {
		*rest = SPAN_NONE;
		return part;
	}
	part = span_head(*rest, at);
	*rest = span_tail(*rest, at + 2);
	return part;
}

static enum err
name_read(struct span label, struct service_name *out, struct why *why)
{
	struct span rest = span_of_bytes(out->label, label.length);
	bool named;
	size_t at;
	enum err r;

	for (size_t i = 0; i < label.length; i++) {
		char c = label.at[i];

		out->label[i] = (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
	}
	out->workspace = part_cut(&rest);
	named = find_dashes(rest, &at);
	out->sandbox = part_cut(&rest);
	out->service = rest;
	if (check_name("workspace", out->workspace, why) != OK || check_name("sandbox", out->sandbox, why) != OK)
		return ERR_SYNTAX;
	if (named && (r = check_name("service", out->service, why)) != OK)
		return ERR_SYNTAX;
	return OK;
}

void
service_name_copy(const struct service_name *from, struct service_name *to)
{
	*to = *from;
	to->workspace.at = to->label + (from->workspace.at - from->label);
	to->sandbox.at = to->label + (from->sandbox.at - from->label);
	to->service.at = from->service.length == 0 ? NULL : to->label + (from->service.at - from->label);
}

enum err
service_host_parse(
    struct span authority, const struct service_domains *domains, struct service_name *out, struct why *why)
{
	struct http_authority host;
	struct service_name name = {0};
	struct span label = SPAN_NONE;
	struct why ignored;
	size_t at;
	enum err r;

	if (http_authority_parse(authority, &host, &ignored) != OK || host.brackets)
		return fail(why, ERR_NOT_FOUND, "no host name");
	for (size_t i = 0; i < domains->n && label.length == 0; i++)
		label = label_below(host.host, domains->at[i]);
	if (!find_dashes(label, &at))
		return fail(why, ERR_NOT_FOUND, "no service's name");
	if (label.length > SERVICE_LABEL_BYTES)
		return fail(why, ERR_SYNTAX, "a label of %zu bytes", label.length);
	if ((r = name_read(label, &name, why)) != OK)
		return r;
	service_name_copy(&name, out);
	return OK;
}

void
service_url(const struct service_domains *domains, struct span workspace, struct span sandbox, struct span service,
    bool tls, uint16_t port, char out[SERVICE_URL_BYTES])
{
	struct text text = {out, 0, SERVICE_URL_BYTES, false};

	text_add(
	    &text, "http%s://" SPAN_FORMAT "--" SPAN_FORMAT, tls ? "s" : "", SPAN_ARGS(workspace), SPAN_ARGS(sandbox));
	if (service.length > 0)
		text_add(&text, "--" SPAN_FORMAT, SPAN_ARGS(service));
	text_add(&text, "." SPAN_FORMAT, SPAN_ARGS(domains->at[0]));
	if (port != (tls ? 443 : 80))
		text_add(&text, ":%u", port);
	text_add(&text, "/");
}

/* ---- whose page ---- */

/* The same origin, scheme and authority; more may follow behind a slash where path is set. */
static bool
origin_is(struct span text, struct span authority, bool tls, bool path)
{
	struct span scheme = tls ? SPAN("https://") : SPAN("http://"), rest = text;
	uint16_t usual = tls ? 443 : 80;
	struct http_authority own, theirs;
	struct why why;
	size_t slash;

	if (!http_same(span_head(text, scheme.length), scheme))
		return false;
	rest = span_tail(text, scheme.length);
	if (path && span_find(rest, '/', &slash))
		rest = span_head(rest, slash);
	return http_authority_parse(authority, &own, &why) == OK && http_authority_parse(rest, &theirs, &why) == OK &&
	       http_authority_is(&theirs, own.host, own.has_port ? own.port : usual, usual);
}

bool
service_same_origin(const struct service_origin *from, struct span authority, bool tls)
{
	if (from->fetch_site.length > 0 && !span_is(from->fetch_site, "same-origin") &&
	    !span_is(from->fetch_site, "none"))
		return false;
	if (from->origin.length > 0 && !origin_is(from->origin, authority, tls, false))
		return false;
	return from->referer.length == 0 || origin_is(from->referer, authority, tls, true);
}

/* ---- cookies ---- */

static struct span
trimmed(struct span text)
{
	while (text.length > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
		text = span_tail(text, 1);
	while (text.length > 0 && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
		text.length--;
	return text;
}

/* The parts between semicolons without those that are not wanted, each behind "; ". */
static struct span
parts_left(struct span value, char *to, bool (*wanted)(struct span name))
{
	struct text text = {to, 0, SERVICE_COOKIE_ROOM(value), false};
	struct span rest = value;

	while (rest.length > 0) {
		struct span part = trimmed(span_cut(&rest, ';')), name = part;

		name = trimmed(span_cut(&name, '='));
		if (part.length == 0 || !wanted(name))
			continue;
		if (text.length > 0)
			text_add(&text, "; ");
		text_add_span(&text, part);
	}
	return text_span(&text);
}

static bool
not_of_the_front(struct span name)
{
	return !span_is(name, "CF_Authorization") && !span_is(name, "cf-authorization");
}

static bool
not_domain(struct span name)
{
	return !http_same(name, SPAN("Domain"));
}

struct span
service_cookies(struct span value, char *to)
{
	return parts_left(value, to, not_of_the_front);
}

struct span
service_set_cookie(struct span value, char *to)
{
	return parts_left(value, to, not_domain);
}
