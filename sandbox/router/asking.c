/* Asking: one request that wants secrets: which it may have, and where in it each may stand. */
#include "sandbox/router/asking.h"

#include "common/provider/places.h"

enum err
asking_check(struct asking *asking, struct vault_entry *entry, struct why *why)
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

enum err
asking_use(struct asking *asking, struct span slot, struct vault_entry *entry, struct why *why)
{
	enum err r;

	for (size_t i = 0; i < asking->used_n; i++)
		if (asking->used[i] == entry)
			return OK;
	if (asking->used_n == REQUEST_USES_MAX) {
		asking->code = "credential_unsafe";
		return fail(why, ERR_LIMIT, "over %d credentials in one request", REQUEST_USES_MAX);
	}
	if ((r = asking_check(asking, entry, why)) != OK)
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

struct vault_entry *
asking_entry(const struct asking *asking, struct span slot)
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
	struct vault_entry *entry = asking_entry(asking, slot);

	if (entry == NULL || (entry->secret->value.length == 0 && asking->request->backend.length == 0)) {
		asking->code = "credential_unavailable";
		fail(why, ERR_NOT_FOUND, "no credential of this sandbox goes by that placeholder");
		return false;
	}
	if (asking_use(asking, slot, entry, why) != OK || !may_stand(asking, entry->secret, pieces, which, why))
		return false;
	*out = entry->secret->value;
	return true;
}

enum err
asking_fill(struct asking *asking, const struct msg_piece *pieces, size_t n, uint32_t places, struct bytes *out,
    const char **code, struct why *why)
{
	struct filler filler = {.value = value_of, .self = asking};
	enum err r = template_write(pieces, n, places, &filler, out, why);

	if (r != OK)
		*code = asking->code != NULL ? asking->code : "credential_unsafe";
	return r;
}
