/* Secrets of Kubernetes (core API, v1): one object for each credential, which bears its attempt as a label. */
#include "common/seal/sealed.h"
#include "common/wire/base64.h"
#include "common/wire/json.h"
#include "common/wire/json_edit.h"
#include "services/credentials/fetch/jobs.h"

#define TARGET_MAX 1024
#define BODY_MAX   (4 * SECRET_VALUE_MAX)

static enum err
fields_write(struct fetch *fetch, struct span *out, struct why *why)
{
	struct text fields = job_room(fetch, 32768);
	struct span token;
	enum err r;

	if ((r = job_file(fetch, "token_file", &token, why)) != OK)
		return r;
	text_add(&fields, "Authorization: Bearer ");
	text_add_span(&fields, token);
	text_add(&fields, "\r\nContent-Type: application/json\r\nAccept: application/json\r\n");
	*out = text_span(&fields);
	return OK;
}

/* /api/v1/namespaces/NAMESPACE/secrets, and what follows. */
static enum err
target_write(struct fetch *fetch, const char *before, struct span end, struct span *out, struct why *why)
{
	struct text target = job_room(fetch, TARGET_MAX);
	struct span place;
	enum err r;

	if ((r = job_need(fetch, "namespace", &place, why)) != OK)
		return r;
	text_add(&target, "/api/v1/namespaces/" SPAN_FORMAT "/secrets%s" SPAN_FORMAT, SPAN_ARGS(place), before,
	    SPAN_ARGS(end));
	*out = text_span(&target);
	return target.cut ? fail(why, ERR_LIMIT, "a path that is too long") : OK;
}

static enum err
body_write(struct fetch *fetch, struct span name, struct text *body, struct why *why)
{
	char *letters = arena_alloc(fetch->arena, BASE64_BYTES(SECRET_VALUE_MAX));
	struct span value = SPAN_NONE, attempt, provider;
	enum err r;

	if (letters == NULL)
		return fail(why, ERR_LIMIT, "no room for a value");
	if ((r = job_need(fetch, "attempt", &attempt, why)) != OK ||
	    (r = job_need(fetch, "provider", &provider, why)) != OK)
		return r;
	job_secret(fetch, "value", &value);
	text_add(body,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"type\":\"Opaque\",\"metadata\":{\"name\":\"openshell-cred-" SPAN_FORMAT
	    "\",\"labels\":{\"app.kubernetes.io/managed-by\":\"openshell\",\"openshell.dev/attempt\":\"" SPAN_FORMAT
	    "\"},\"annotations\":{\"openshell.nvidia.com/provider-credential-id\":\"" SPAN_FORMAT
	    "\"}},\"data\":{\"value\":",
	    SPAN_ARGS(name), SPAN_ARGS(attempt), SPAN_ARGS(provider));
	json_string_write(body, span_of_bytes(letters, base64_write(value, letters)));
	text_add(body, "}}");
	return body->cut ? fail(why, ERR_LIMIT, "a value that is too long") : OK;
}

enum err
kubernetes_put(struct fetch *fetch, struct msg_fetch_done *out, struct why *why)
{
	struct text body = job_room(fetch, BODY_MAX);
	struct https_answer answer;
	struct span fields, target, name;
	enum err r;

	(void)out;
	if ((r = job_need(fetch, "name", &name, why)) != OK ||
	    (r = target_write(fetch, "", SPAN_NONE, &target, why)) != OK ||
	    (r = body_write(fetch, name, &body, why)) != OK || (r = fields_write(fetch, &fields, why)) != OK)
		return r;
	return store_ask(fetch, "POST", target, fields, text_span(&body), &answer, why);
}

static enum err
value_read(struct fetch *fetch, struct span body, struct span *out, struct why *why)
{
	struct json object, value;
	struct text room;
	struct span letters;

	if (json_read(body, &object, NULL) != OK)
		return fail(why, ERR_PROTOCOL, "the secret store's answer is no JSON");
	value = json_get(json_get(object, "data"), "value");
	if (value.kind != JSON_KIND_STRING || json_unescape(value, fetch->arena, &letters, NULL) != OK)
		return fail(why, ERR_PROTOCOL, "the secret store's answer has no value");
	room = job_room(fetch, letters.length + 1);
	return base64_read(letters, room.at, out, why);
}

enum err
kubernetes_get(struct fetch *fetch, struct msg_fetch_done *out, struct why *why)
{
	struct https_answer answer;
	struct span fields, target, name, value = SPAN_NONE;
	enum err r;

	if ((r = job_need(fetch, "name", &name, why)) != OK ||
	    (r = target_write(fetch, "/openshell-cred-", name, &target, why)) != OK ||
	    (r = fields_write(fetch, &fields, why)) != OK ||
	    (r = store_ask(fetch, "GET", target, fields, SPAN_NONE, &answer, why)) != OK ||
	    (r = value_read(fetch, answer.body, &value, why)) != OK)
		return r;
	out->values = job_values(fetch, 1);
	out->values[0] = (struct msg_fetch_value){SPAN("value"), value};
	out->values_n = 1;
	return OK;
}

/* One by its name, or all that bear the attempt. */
enum err
kubernetes_drop(struct fetch *fetch, struct msg_fetch_done *out, struct why *why)
{
	struct https_answer answer;
	struct span fields, target, end;
	bool one = job_text(fetch, "name", &end);
	enum err r;

	(void)out;
	if ((!one && (r = job_need(fetch, "attempt", &end, why)) != OK) ||
	    (r = target_write(fetch, one ? "/openshell-cred-" : "?labelSelector=openshell.dev%2Fattempt%3D", end,
		 &target, why)) != OK ||
	    (r = fields_write(fetch, &fields, why)) != OK)
		return r;
	r = store_ask(fetch, "DELETE", target, fields, SPAN_NONE, &answer, why);
	return r == ERR_NOT_FOUND ? OK : r;
}
