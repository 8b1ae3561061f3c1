/* Requests: first who may go where, then what is written; a request that would be anything else is refused whole. */
#include "sandbox/router/request.h"

#include <stdio.h>

#include "common/provider/places.h"
#include "common/wire/http_head.h"
#include "common/wire/http_target.h"
#include "sandbox/router/sign.h"

static enum err
unsafe(const char **code, enum err r)
{
	*code = "credential_unsafe";
	return r;
}

/* ---- secrets ---- */

/* One request that asks for them. */
struct asking {
	const struct vault *vault;
	struct request *request;
	uint64_t now_ms;
	const char *code;
	struct span field;			    /* whose value is being filled in */
	bool message;				    /* it is a WebSocket's */
	struct vault_entry *used[REQUEST_USES_MAX]; /* checked already */
	size_t used_n;
};

static enum err
check_entry(struct asking *asking, struct vault_entry *entry, struct why *why)
{
	const struct msg_secret_entry *secret = entry->secret;
	const struct request *request = asking->request;

	if (!vault_covers(entry, span_of_text(request->host), request->port, request->shown)) {
		asking->code = "credential_endpoint_mismatch";
		return fail(why, ERR_DENIED, "Credential is not authorized for this request endpoint");
	}
	if (secret->expires_ms != 0 && secret->expires_ms <= asking->now_ms) {
		asking->code = "credential_expired";
		return fail(why, ERR_DENIED, "the credential has expired");
	}
	if (!request->tls && !secret->plain) {
		asking->code = "credential_unsafe";
		return fail(why, ERR_DENIED, "the credential may not go over a connection in clear");
	}
	return OK;
}

/* Over several messages behind an upgrade there may be more than are noted: those have gone. */
static enum err
note_use(struct request *request, struct span slot)
{
	for (size_t i = 0; i < request->uses_n; i++)
		if (span_equal(request->uses[i], slot))
			return OK;
	return request->uses_n == REQUEST_USES_MAX
		   ? OK
		   : arena_span(&request->memory, slot, &request->uses[request->uses_n++]);
}

static enum err
use(struct asking *asking, struct span slot, struct vault_entry *entry, struct why *why)
{
	enum err r;

	for (size_t i = 0; i < asking->used_n; i++)
		if (asking->used[i] == entry)
			return OK;
	if (asking->used_n == REQUEST_USES_MAX) {
		asking->code = "credential_unsafe";
		return fail(why, ERR_LIMIT, "over %d credentials in one request", REQUEST_USES_MAX);
	}
	if ((r = check_entry(asking, entry, why)) != OK)
		return r;
	if (note_use(asking->request, slot) != OK) {
		asking->code = "credential_unsafe";
		return fail(why, ERR_LIMIT, "the request is too long");
	}
	asking->used[asking->used_n++] = entry;
	if (entry->secret->redact)
		mask_add(&asking->request->mask, entry->secret->value);
	return OK;
}

/* An agent's request names tokens; a backend's its own key and no other. */
static struct vault_entry *
entry_of(const struct asking *asking, struct span slot)
{
	struct span backend = asking->request->backend;

	if (asking->vault == NULL)
		return NULL;
	if (backend.length == 0)
		return vault_token(asking->vault, slot);
	return span_equal(slot, backend) ? vault_backend(asking->vault, slot) : NULL;
}

/* ---- where in it ---- */

/* The key whose value the slot stands in; empty: it cannot be told. */
static struct span
parameter_of(const struct msg_piece *pieces, size_t which)
{
	struct span key = SPAN_NONE;
	size_t at;

	while (which-- > 0) {
		struct span pair = SPAN_NONE, rest = pieces[which].literal;

		while (rest.length > 0)
			pair = span_cut(&rest, '&');
		if (span_find(pair, '=', &at)) { /* a pair that begins behind a slot is that one's value still */
			key = span_head(pair, at);
			return which > 0 && pair.at == pieces[which].literal.at ? SPAN_NONE : key;
		}
	}
	return key;
}

static bool
may_be_in_field(const struct msg_secret_entry *secret, struct span field)
{
	return secret->field.length == 0 || span_equal(secret->field, field) || span_is(field, "authorization");
}

/* A proxy that was taken over must not write a secret where who reads it is not who is meant by it: a text of the server's, a log. */
static bool
may_stand(struct asking *asking, const struct msg_secret_entry *secret, const struct msg_piece *pieces, size_t which,
    struct why *why)
{
	static const uint16_t bits[PLACES] = {[PLACE_HEADER] = SECRET_IN_FIELD,
	    [PLACE_BASIC] = SECRET_IN_BASIC,
	    [PLACE_QUERY] = SECRET_IN_QUERY,
	    [PLACE_PATH] = SECRET_IN_PATH,
	    [PLACE_JSON] = SECRET_IN_BODY,
	    [PLACE_FORM] = SECRET_IN_BODY,
	    [PLACE_TEXT] = SECRET_IN_BODY};
	static const char *const words[PLACES] = {[PLACE_HEADER] = "in that header field",
	    [PLACE_BASIC] = "within Basic of that header field",
	    [PLACE_QUERY] = "in that parameter of a query",
	    [PLACE_PATH] = "in a path",
	    [PLACE_JSON] = "in a body",
	    [PLACE_FORM] = "in a body",
	    [PLACE_TEXT] = "in a body"};
	uint8_t place = pieces[which].place; /* one that there is: template.c */
	uint16_t bit = bits[place] == SECRET_IN_BODY && asking->message ? SECRET_IN_MESSAGE : bits[place];
	bool fine = (secret->places & bit) != 0;

	if (place == PLACE_HEADER || place == PLACE_BASIC)
		fine = fine && may_be_in_field(secret, asking->field);
	else if (place == PLACE_QUERY && secret->parameter.length > 0)
		fine = fine && span_equal(secret->parameter, parameter_of(pieces, which));
	if (!fine) {
		asking->code = "credential_unsafe";
		fail(why, ERR_DENIED, "the credential may not stand %s",
		    bit == SECRET_IN_MESSAGE ? "in a message" : words[place]);
	}
	return fine;
}

static bool
value_of(void *self, const struct msg_piece *pieces, size_t which, struct span *out, struct why *why)
{
	struct asking *asking = self;
	struct span slot = pieces[which].slot;
	struct vault_entry *entry = entry_of(asking, slot);

	if (entry == NULL || (entry->secret->value.length == 0 && asking->request->backend.length == 0)) {
		asking->code = "credential_unavailable";
		fail(why, ERR_NOT_FOUND, "no credential of this sandbox goes by that placeholder");
		return false;
	}
	if (use(asking, slot, entry, why) != OK || !may_stand(asking, entry->secret, pieces, which, why))
		return false;
	*out = entry->secret->value;
	return true;
}

static enum err
fill(struct asking *asking, const struct msg_piece *pieces, size_t n, uint32_t places, struct bytes *out,
    const char **code, struct why *why)
{
	struct filler filler = {.value = value_of, .self = asking};
	enum err r = template_write(pieces, n, places, &filler, out, why);

	if (r != OK)
		*code = asking->code != NULL ? asking->code : "credential_unsafe";
	return r;
}

/* ---- where to ---- */

static enum err
read_host(const struct msg_route_open *in, struct request *out, struct why *why)
{
	struct address address;
	bool numbers, usual = in->port == (in->tls ? 443 : 80);
	char *text;

	if ((out->host = arena_text(&out->memory, in->host)) == NULL || memchr(in->host.at, 0, in->host.length) != NULL)
		return fail(why, ERR_INVALID, "the host cannot be read");
	for (char *at = out->host; *at != 0; at++) {
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at | 0x20);
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f || strchr("/?#@[]\\%", *at) != NULL)
			return fail(why, ERR_INVALID, "the host holds a byte that none may");
	}
	numbers = address_parse(span_of_text(out->host), &address) && address.length == 16;
	if (!numbers && strchr(out->host, ':') != NULL)
		return fail(why, ERR_INVALID, "the host holds a byte that none may");
	if (out->host[0] == '.' || strstr(out->host, "..") != NULL) /* ".up.test" is any name below to OpenSSL */
		return fail(why, ERR_INVALID, "the host has an empty label");
	text = usual ? arena_format(&out->memory, numbers ? "[%s]" : "%s", out->host)
		     : arena_format(&out->memory, numbers ? "[%s]:%u" : "%s:%u", out->host, in->port);
	if (text == NULL)
		return fail(why, ERR_LIMIT, "too long a host");
	out->authority = span_of_text(text);
	out->port = in->port;
	return OK;
}

/* In clear nobody verifies who answers: where a backend is named by its number, that is where it goes. */
static enum err
read_addresses(const struct msg_route_open *in, struct request *out, struct why *why)
{
	struct address own;
	bool bound = !in->tls && address_parse(span_of_text(out->host), &own);

	for (size_t i = 0; i < in->addresses_n && out->addresses_n < REQUEST_ADDRESSES_MAX; i++) {
		struct address *address = &out->addresses[out->addresses_n++];

		if (!address_parse(in->addresses[i], address))
			return fail(why, ERR_INVALID, "an address that is none");
		if (bound && (address->length != own.length || memcmp(address->bytes, own.bytes, own.length) != 0))
			return fail(why, ERR_INVALID, "an address that is not the host");
	}
	return out->addresses_n > 0 ? OK : fail(why, ERR_INVALID, "there is no address to dial");
}

/* By whom it goes there; what is not TLS, and so not verified, goes by nobody. */
static enum err
read_via(const struct msg_route_open *in, struct request *out, struct why *why)
{
	if (in->upstream_proxy_n == 0)
		return OK;
	if (!in->tls || in->upstream_port == 0 || in->upstream_proxy_n > REQUEST_ADDRESSES_MAX)
		return fail(why, ERR_INVALID, "a proxy for what is not TLS, or without a port");
	for (size_t i = 0; i < in->upstream_proxy_n; i++)
		if (!address_parse(in->upstream_proxy[i], &out->via.at[out->via.n++]))
			return fail(why, ERR_INVALID, "an address of a proxy that is none");
	out->via.port = in->upstream_port;
	out->via.by_name = in->upstream_by_name;
	return arena_span(&out->memory, in->upstream_login, &out->via.login);
}

/* ---- the target ---- */

/* Is what the bindings are compared with what upstream will read? Slots stand for letters here. */
static enum err
check_path(const struct msg_route_open *in, struct why *why)
{
	char room[HTTP_PATH_BYTES];
	struct http_target target;
	struct bytes path = {0};
	enum err r;
	bool same;

	template_show(in->path, in->path_n, "x", &path);
	r = http_target_parse(bytes_span(&path), true, room, &target, why);
	same = r == OK && !target.has_query && target.scheme.length == 0 && span_equal(target.path, bytes_span(&path));
	bytes_free(&path);
	if (r == OK && !same)
		return fail(why, ERR_INVALID, "the path is not canonical");
	return r;
}

/* A literal and a secret beside each other must not be a dot segment. */
static bool
climbs(struct span path)
{
	while (path.length > 0) {
		struct span segment = span_cut(&path, '/');

		if (span_is(segment, ".") || span_is(segment, ".."))
			return true;
	}
	return false;
}

/* Slots are values: "key=" stands before each within its pair. */
static enum err
check_query(const struct msg_route_open *in, struct why *why)
{
	bool value = false;

	for (size_t i = 0; i < in->query_n; i++) {
		struct span literal = in->query[i].literal;

		if (in->query[i].slot.length > 0 && !value)
			return fail(why, ERR_INVALID, "a slot stands in the key of a query");
		for (size_t k = 0; k < literal.length; k++) {
			unsigned char byte = (unsigned char)literal.at[k];

			if (byte <= ' ' || byte >= 0x7f || byte == '#')
				return fail(why, ERR_INVALID, "the query holds a byte that none may");
			value = byte == '=' || (value && byte != '&');
		}
	}
	return in->query_n == 0 || in->has_query ? OK : fail(why, ERR_INVALID, "a query without its question mark");
}

static enum err
fill_target(struct asking *asking, const struct msg_route_open *in, const char **code, struct why *why)
{
	struct request *out = asking->request;
	enum err r;

	if ((r = fill(asking, in->path, in->path_n, IN_PATH, &out->written, code, why)) != OK)
		return r;
	if (climbs(bytes_span(&out->written)))
		return unsafe(code, fail(why, ERR_INVALID, "the credential would change the path"));
	if (in->has_query)
		bytes_add(&out->written, SPAN("?"));
	return fill(asking, in->query, in->query_n, IN_QUERY, &out->written, code, why);
}

/* ---- tokens that are had on demand ---- */

/* Is there a grant for where the request goes? A model call has the key of its backend. */
static enum err
find_grant(struct asking *asking, const struct msg_route_open *in, const char **code, struct why *why)
{
	struct request *out = asking->request;

	if (asking->vault == NULL || in->backend.length > 0)
		return OK;
	out->granting = vault_granting(asking->vault, span_of_text(out->host), out->port, out->shown);
	if (out->granting != NULL && !out->tls)
		return unsafe(code, fail(why, ERR_DENIED, "a token may not go over a connection in clear"));
	if (out->granting != NULL && in->sign_service.length > 0)
		return unsafe(code, fail(why, ERR_DENIED, "a request is either signed or sent with a token"));
	return OK;
}

/* What the agent wrote there is replaced. */
static bool
is_granted(const struct request *request, struct span name)
{
	return request->granting != NULL && span_equal(name, request->granting->secret->grant[0].field);
}

/* ---- fields ---- */

/* Frameworks take another path from these than the one that was compared with the bindings (Symfony, IIS, nginx). */
static const char *const redirecting[] = {"x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri", NULL};

/* Servers and what stands before them send these back as they came: no secret is read there, but who wrote it learns it. */
static const char *const echoed[] = {"x-request-id", "request-id", "x-correlation-id", "correlation-id", "traceparent",
    "tracestate", "x-amzn-trace-id", "x-cloud-trace-context", "origin", "access-control-request-method",
    "access-control-request-headers", NULL};

static bool
is_one_of(struct span name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (span_is(name, *names))
			return true;
	return false;
}

/* Framing, connection and authority are written here; what is passed on of the rest is what a proxy may pass on. */
static bool
may_be_field(struct span name, struct span value, bool upgrade)
{
	struct http_field field = http_field_of(name, value);

	if (!http_token(name) || !http_value_ok(value) ||
	    (value.length > 0 && (value.at[0] == ' ' || value.at[value.length - 1] == ' ')))
		return false;
	for (size_t i = 0; i < name.length; i++)
		if (name.at[i] >= 'A' && name.at[i] <= 'Z')
			return false;
	if (is_one_of(name, redirecting))
		return false;
	if (field.known == HTTP_TE)
		return span_is(value, "trailers");
	if (field.known == HTTP_EXPECT)
		return span_is(value, "100-continue");
	if (field.known == HTTP_WEBSOCKET_KEY || field.known == HTTP_WEBSOCKET_VERSION)
		return upgrade;
	return !field.hop && field.known != HTTP_HOST && field.known != HTTP_CONTENT_LENGTH &&
	       field.known != HTTP_TRANSFER_ENCODING && field.known != HTTP_CONNECTION && field.known != HTTP_UPGRADE;
}

static bool
has_slot(const struct msg_piece *pieces, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pieces[i].slot.length > 0)
			return true;
	return false;
}

static enum err
fill_fields(struct asking *asking, const struct msg_route_open *in, size_t ends[REQUEST_FIELDS_MAX], const char **code,
    struct why *why)
{
	struct request *out = asking->request;
	enum err r;

	for (size_t i = 0; i < in->fields_n; i++) {
		const struct msg_route_field *field = &in->fields[i];
		size_t from = bytes_length(&out->written);
		struct span value;

		ends[i] = from;
		if (is_granted(out, field->name))
			continue;
		asking->field = field->name;
		if ((r = fill(asking, field->value, field->value_n, IN_FIELD, &out->written, code, why)) != OK)
			return r;
		ends[i] = bytes_length(&out->written);
		value = span_tail(bytes_span(&out->written), from);
		if (!may_be_field(field->name, value, in->upgrade))
			return unsafe(code, fail(why, ERR_INVALID,
						"a header field that may not be sent, or holds a byte that none may"));
		if (ends[i] > REQUEST_BYTES_MAX)
			return unsafe(code, fail(why, ERR_LIMIT, "a head of over %u bytes", REQUEST_BYTES_MAX));
		out->fields[i].secret = has_slot(field->value, field->value_n);
		if (out->fields[i].secret && is_one_of(field->name, echoed))
			return unsafe(
			    code, fail(why, ERR_INVALID, "a credential in a header field that servers send back"));
		if ((r = arena_span(&out->memory, field->name, &out->fields[i].name)) != OK)
			return unsafe(code, r);
	}
	out->fields_n = in->fields_n;
	return OK;
}

static bool
any_slot(const struct msg_route_open *in)
{
	if (has_slot(in->path, in->path_n) || has_slot(in->query, in->query_n))
		return true;
	for (size_t i = 0; i < in->fields_n; i++)
		if (has_slot(in->fields[i].value, in->fields[i].value_n))
			return true;
	return false;
}

/* ---- all of it ---- */

/* The answer to TRACE is the request, secrets and all (RFC 9110, 9.3.8); IIS calls it TRACK, and some servers ignore case. */
static bool
method_ok(struct span method)
{
	return http_token(method) && !http_same(method, SPAN("CONNECT")) && !http_same(method, SPAN("TRACE")) &&
	       !http_same(method, SPAN("TRACK"));
}

static enum err
read_plain(const struct msg_route_open *in, struct request *out, struct why *why)
{
	struct bytes shown = {0};
	enum err r;

	if (!method_ok(in->method))
		return fail(why, ERR_INVALID, "a method that is none, opens a tunnel or asks for its own request");
	template_show(in->path, in->path_n, TEMPLATE_SHOWN, &shown);
	r = arena_span(&out->memory, bytes_span(&shown), &out->shown);
	bytes_free(&shown);
	if (r != OK || (r = arena_span(&out->memory, in->method, &out->method)) != OK ||
	    (r = arena_span(&out->memory, in->backend, &out->backend)) != OK)
		return fail(why, r, "the request is too long");
	out->tls = in->tls;
	out->h2 = in->h2 && in->tls && !in->upgrade;
	out->upgrade = in->upgrade;
	out->head = span_is(in->method, "HEAD");
	out->replayable = out->head || span_is(in->method, "GET") || span_is(in->method, "OPTIONS");
	out->body = (enum request_body)in->body;
	out->length = in->length;
	out->head_ms = in->head_ms;
	if ((out->fields = arena_array(&out->memory, in->fields_n + REQUEST_FIELDS_ADDED, sizeof(*out->fields))) ==
	    NULL)
		return fail(why, ERR_LIMIT, "too many fields");
	if (in->upgrade && in->body != REQUEST_EMPTY)
		return fail(why, ERR_INVALID, "an upgrade with a body");
	if ((r = read_host(in, out, why)) != OK || (r = read_addresses(in, out, why)) != OK ||
	    (r = read_via(in, out, why)) != OK || (r = check_path(in, why)) != OK)
		return r;
	return check_query(in, why);
}

/* The key of a backend is bound whether it is written or not: its name alone opens no way to elsewhere. */
static enum err
use_backend(struct asking *asking, const char **code, struct why *why)
{
	struct vault_entry *entry;
	enum err r;

	if (asking->request->backend.length == 0)
		return OK;
	if ((entry = entry_of(asking, asking->request->backend)) == NULL) {
		*code = "credential_unavailable";
		return fail(why, ERR_NOT_FOUND, "there is no such inference backend");
	}
	if ((r = use(asking, asking->request->backend, entry, why)) != OK)
		*code = asking->code;
	return r;
}

static bool
signer(struct asking *asking, size_t which, struct span *out, struct why *why)
{
	struct vault_entry *entry = asking->vault == NULL ? NULL : asking->vault->signers[which];

	if (entry == NULL || entry->secret->value.length == 0) {
		asking->code = "credential_unavailable";
		return fail(why, ERR_NOT_FOUND, "this sandbox has no AWS keys to sign with") == OK;
	}
	if ((entry->secret->places & SECRET_IN_SIGNATURE) == 0) {
		asking->code = "credential_unsafe";
		return fail(why, ERR_DENIED, "no endpoint of the credential is one that requests are signed for") == OK;
	}
	*out = entry->secret->value;
	return use(asking, entry->secret->tokens[0], entry, why) == OK;
}

/* The keys go where they are bound, as every secret; a session's token only where there is one. */
static enum err
sign(struct asking *asking, const struct msg_route_open *in, const char **code, struct why *why)
{
	struct sign_keys keys = {.token = SPAN_NONE};
	enum err r;

	if (in->sign_service.length == 0)
		return OK;
	if (!signer(asking, VAULT_ACCESS_KEY, &keys.access, why) ||
	    !signer(asking, VAULT_SECRET_KEY, &keys.secret, why) ||
	    (asking->vault->signers[VAULT_SESSION_TOKEN] != NULL &&
		!signer(asking, VAULT_SESSION_TOKEN, &keys.token, why))) {
		*code = asking->code;
		return ERR_DENIED;
	}
	if (!http_value_ok(keys.access) || !http_value_ok(keys.token))
		return unsafe(code, fail(why, ERR_INVALID, "the credential holds a control byte, which no header may"));
	asking->request->slots = true;
	if ((r = sign_request(asking->request, in, &keys, (int64_t)asking->now_ms, why)) != OK)
		return unsafe(code, r);
	return OK;
}

/* Bytes have stopped moving: where the spans are. */
static void
settle_spans(struct request *out, size_t target, const size_t ends[REQUEST_FIELDS_MAX])
{
	struct span all = bytes_span(&out->written);
	size_t from = target;

	out->target = span_head(all, target);
	for (size_t i = 0; i < out->fields_n; i++) {
		out->fields[i].value = span_head(span_tail(all, from), ends[i] - from);
		from = ends[i];
	}
}

/* Those that were not written: they have no name. */
static void
drop_granted(struct request *out)
{
	size_t n = 0;

	for (size_t i = 0; i < out->fields_n; i++)
		if (out->fields[i].name.length > 0)
			out->fields[n++] = out->fields[i];
	out->fields_n = n;
}

enum err
request_grant(struct request *request, struct span token, struct why *why)
{
	const struct msg_token_grant *grant = &request->granting->secret->grant[0];
	const char *text =
	    arena_format(&request->memory, "%s" SPAN_FORMAT, grant->bearer ? "Bearer " : "", SPAN_ARGS(token));
	struct request_field *field = &request->fields[request->fields_n];

	if (text == NULL || arena_span(&request->memory, grant->field, &field->name) != OK)
		return fail(why, ERR_LIMIT, "the request is too long");
	field->value = span_of_text(text);
	field->secret = true;
	if (!may_be_field(field->name, field->value, false) || is_one_of(field->name, echoed))
		return fail(why, ERR_INVALID, "a header field that no token may be sent in");
	if (request->granting->secret->redact)
		mask_add(&request->mask, token);
	request->fields_n++;
	request->granted = true;
	return OK;
}

enum err
request_make(const struct vault *vault, const struct msg_route_open *in, uint64_t now_ms, struct request *out,
    const char **code, struct why *why)
{
	struct asking asking = {.vault = vault, .request = out, .now_ms = now_ms};
	size_t ends[REQUEST_FIELDS_MAX], target;
	enum err r;

	*out = (struct request){0};
	if ((r = read_plain(in, out, why)) != OK)
		return unsafe(code, r);
	out->slots = any_slot(in);
	if ((r = find_grant(&asking, in, code, why)) != OK)
		return r;
	if (!out->slots && out->granting == NULL && in->backend.length == 0 && in->body != REQUEST_PIECES &&
	    !in->upgrade && in->sign_service.length == 0)
		return unsafe(code, fail(why, ERR_INVALID, "a request without slots is none of the router's"));
	if ((r = use_backend(&asking, code, why)) != OK || (r = fill_target(&asking, in, code, why)) != OK)
		return r;
	target = bytes_length(&out->written);
	if ((r = fill_fields(&asking, in, ends, code, why)) != OK)
		return r;
	settle_spans(out, target, ends);
	drop_granted(out);
	return sign(&asking, in, code, why);
}

enum err
request_pieces(const struct vault *vault, struct request *request, const struct msg_piece *pieces, size_t n,
    uint64_t now_ms, struct bytes *out, const char **code, struct why *why)
{
	struct asking asking = {.vault = vault, .request = request, .now_ms = now_ms, .message = request->upgrade};

	request->slots |= has_slot(pieces, n);
	return fill(&asking, pieces, n, IN_BODY, out, code, why);
}

enum err
request_recheck(const struct vault *vault, struct request *request, uint64_t now_ms, const char **code, struct why *why)
{
	struct asking asking = {.vault = vault, .request = request, .now_ms = now_ms};
	struct vault_entry *entry;
	enum err r;

	if (request->granting != NULL &&
	    (vault == NULL || (request->granting = vault_granting(
				   vault, span_of_text(request->host), request->port, request->shown)) == NULL)) {
		*code = "credential_unavailable";
		return fail(why, ERR_NOT_FOUND, "the token grant was taken away before the request went");
	}
	for (size_t i = 0; i < request->uses_n; i++) {
		if ((entry = entry_of(&asking, request->uses[i])) == NULL) {
			*code = "credential_unavailable";
			return fail(why, ERR_NOT_FOUND, "the credential was taken away before the request went");
		}
		if ((r = check_entry(&asking, entry, why)) != OK) {
			*code = asking.code;
			return r;
		}
	}
	return OK;
}

void
request_done(struct request *request)
{
	if (request->written.at != NULL)
		explicit_bzero(request->written.at, request->written.size);
	bytes_free(&request->written);
	mask_done(&request->mask);
	arena_reset(&request->memory);
}
