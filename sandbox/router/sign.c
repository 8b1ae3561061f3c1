/* Signing: what is signed of a head, and the fields that say so. */
#include "sandbox/router/sign.h"

#include "common/wire/sigv4.h"

#define AUTHORIZATION_BYTES 2048
#define WORD		    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-" /* of what is said about a signature */

/* What makes the request; what only travels with it may be changed on its way. */
static bool
is_signed(struct span name)
{
	return span_starts(name, SPAN("x-amz-")) || span_is(name, "content-type") || span_is(name, "content-md5");
}

static bool
is_ours(struct span name)
{
	static const char *const ours[] = {
	    "authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (span_is(name, ours[i]))
			return true;
	return false;
}

static enum err
check_fields(const struct request *request, struct why *why)
{
	for (size_t i = 0; i < request->fields_n; i++) {
		if (is_ours(request->fields[i].name))
			return fail(why, ERR_INVALID, "the request has a signature of its own");
		for (size_t k = 0; is_signed(request->fields[i].name) && k < i; k++)
			if (span_equal(request->fields[k].name, request->fields[i].name))
				return fail(why, ERR_INVALID, "a field that is to be signed is there twice");
	}
	return OK;
}

static enum err
add(struct request *request, struct span name, struct span value, bool secret, struct why *why)
{
	struct request_field *field = &request->fields[request->fields_n];

	*field = (struct request_field){.name = name, .secret = secret};
	if (arena_span(&request->memory, value, &field->value) != OK)
		return fail(why, ERR_LIMIT, "the request is too long");
	request->fields_n++;
	return OK;
}

static enum err
gather(const struct request *request, struct sigv4_field *to, size_t *n, struct why *why)
{
	to[(*n)++] = (struct sigv4_field){SPAN("host"), request->authority};
	for (size_t i = 0; i < request->fields_n; i++) {
		if (!is_signed(request->fields[i].name))
			continue;
		if (*n == SIGV4_FIELDS_MAX)
			return fail(why, ERR_LIMIT, "over %d fields to be signed", SIGV4_FIELDS_MAX);
		to[(*n)++] = (struct sigv4_field){request->fields[i].name, request->fields[i].value};
	}
	return OK;
}

/* "s3.eu-central-1.amazonaws.com" and its kin name their region before the last two or three labels. */
static struct span
region_of(const struct request *request, struct span said)
{
	struct span host = span_of_text(request->host), label, last = SPAN_NONE;

	if (said.length > 0)
		return said;
	while (host.length > 0 && !span_starts(host, SPAN("amazonaws."))) {
		label = span_cut(&host, '.');
		if (!span_is(label, "s3") && !span_is(label, "dualstack") && !span_is(label, "vpce"))
			last = label;
	}
	/* A region has two dashes: cn-north-1, us-gov-west-1; without one the service is global. */
	return memchr(last.at == NULL ? "" : last.at, '-', last.length) != NULL &&
		       span_only(last, "abcdefghijklmnopqrstuvwxyz0123456789-")
		   ? last
		   : SPAN("us-east-1");
}

static enum err
authorize(struct request *request, const struct msg_route_open *in, const struct sign_keys *keys, struct span date,
    struct why *why)
{
	struct sigv4_field fields[SIGV4_FIELDS_MAX];
	char room[AUTHORIZATION_BYTES];
	struct text text = TEXT_OF(room);
	struct span rest = request->target;
	struct sigv4 sign = {.method = request->method,
	    .path = span_cut(&rest, '?'),
	    .query = rest,
	    .fields = fields,
	    .payload_hash = in->payload_hash,
	    .date = date,
	    .region = region_of(request, in->sign_region),
	    .service = in->sign_service,
	    .access_key = keys->access,
	    .secret_key = keys->secret};
	enum err r;

	if ((r = gather(request, fields, &sign.fields_n, why)) == OK && (r = sigv4_sign(&sign, &text, why)) == OK)
		r = add(request, SPAN("authorization"), text_span(&text), true, why);
	explicit_bzero(room, sizeof(room));
	return r;
}

enum err
sign_request(struct request *request, const struct msg_route_open *in, const struct sign_keys *keys, int64_t wall_ms,
    struct why *why)
{
	char date[SIGV4_DATE_BYTES];
	enum err r;

	if (!span_only(in->sign_service, WORD) || !span_only(in->sign_region, WORD) ||
	    !span_only(in->payload_hash, WORD) || in->payload_hash.length == 0)
		return fail(why, ERR_INVALID, "a service, region or payload hash that is none");
	sigv4_date(wall_ms, date);
	if ((r = check_fields(request, why)) != OK ||
	    (r = add(request, SPAN("x-amz-date"), span_of_text(date), false, why)) != OK ||
	    (r = add(request, SPAN("x-amz-content-sha256"), in->payload_hash, false, why)) != OK)
		return r;
	if (keys->token.length > 0 && (r = add(request, SPAN("x-amz-security-token"), keys->token, true, why)) != OK)
		return r;
	return authorize(request, in, keys, span_of_text(date), why);
}
