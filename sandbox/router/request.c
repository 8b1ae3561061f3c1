/* Requests: first who may go where, then what is written; a request that would be anything else is refused whole. */
#include "sandbox/router/request.h"

#include "common/provider/places.h"
#include "common/wire/http_head.h"
#include "sandbox/router/asking.h"
#include "sandbox/router/fields.h"
#include "sandbox/router/sign.h"
#include "sandbox/router/whereto.h"

static enum err
unsafe(const char **code, enum err r)
{
	*code = "credential_unsafe";
	return r;
}

/* ---- the target ---- */

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

static enum err
fill_target(struct asking *asking, const struct msg_route_open *in, const char **code, struct why *why)
{
	struct request *out = asking->request;
	enum err r;

	if ((r = asking_fill(asking, in->path, in->path_n, IN_PATH, &out->written, code, why)) != OK)
		return r;
	if (climbs(bytes_span(&out->written)))
		return unsafe(code, fail(why, ERR_INVALID, "the credential would change the path"));
	if (in->has_query)
		bytes_add(&out->written, SPAN("?"));
	return asking_fill(asking, in->query, in->query_n, IN_QUERY, &out->written, code, why);
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
		if ((r = asking_fill(asking, field->value, field->value_n, IN_FIELD, &out->written, code, why)) != OK)
			return r;
		ends[i] = bytes_length(&out->written);
		value = span_tail(bytes_span(&out->written), from);
		if (!fields_may_hold(field->name, value, in->upgrade))
			return unsafe(code, fail(why, ERR_INVALID,
						"a header field that may not be sent, or holds a byte that none may"));
		if (ends[i] > REQUEST_BYTES_MAX)
			return unsafe(code, fail(why, ERR_LIMIT, "a head of over %u bytes", REQUEST_BYTES_MAX));
		out->fields[i].secret = has_slot(field->value, field->value_n);
		if (out->fields[i].secret && fields_echoed(field->name))
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
	return whereto_read(in, out, why);
}

/* The key of a backend is bound whether it is written or not: its name alone opens no way to elsewhere. */
static enum err
use_backend(struct asking *asking, const char **code, struct why *why)
{
	struct vault_entry *entry;
	enum err r;

	if (asking->request->backend.length == 0)
		return OK;
	if ((entry = asking_entry(asking, asking->request->backend)) == NULL) {
		*code = "credential_unavailable";
		return fail(why, ERR_NOT_FOUND, "there is no such inference backend");
	}
	if ((r = asking_use(asking, asking->request->backend, entry, why)) != OK)
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
	return asking_use(asking, entry->secret->tokens[0], entry, why) == OK;
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
	if (!fields_may_hold(field->name, field->value, false) || fields_echoed(field->name))
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
	return asking_fill(&asking, pieces, n, IN_BODY, out, code, why);
}

enum err
request_trailers(struct request *request, const struct msg_plain_field *trailers, size_t n, struct why *why)
{
	struct request_field *to = arena_array(&request->memory, n, sizeof(*to));
	size_t bytes = 0;

	if (to == NULL)
		return fail(why, ERR_LIMIT, "the request is too long");
	request->trailers = to;
	for (size_t i = 0; i < n; i++) {
		const struct msg_plain_field *from = &trailers[i];

		if (!fields_may_trail(from->name, from->value))
			return fail(why, ERR_INVALID, "a trailer that may not be sent, or holds a byte that none may");
		if ((bytes += from->name.length + from->value.length) > HTTP_HEAD_BYTES)
			return fail(why, ERR_LIMIT, "trailers of over %d bytes", HTTP_HEAD_BYTES);
		if (is_granted(request, from->name))
			continue;
		if (arena_span(&request->memory, from->name, &to->name) != OK ||
		    arena_span(&request->memory, from->value, &to->value) != OK)
			return fail(why, ERR_LIMIT, "the request is too long");
		request->trailers_n++;
		to++;
	}
	return OK;
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
		if ((entry = asking_entry(&asking, request->uses[i])) == NULL) {
			*code = "credential_unavailable";
			return fail(why, ERR_NOT_FOUND, "the credential was taken away before the request went");
		}
		if ((r = asking_check(&asking, entry, why)) != OK) {
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
