/* HashiCorp Vault, KV version 2 (its HTTP API): a folder for each attempt, in it one secret for each credential. */
#include "common/seal/sealed.h"
#include "common/wire/base64.h"
#include "common/wire/json.h"
#include "common/wire/json_edit.h"
#include "services/credentials/fetch/jobs.h"

#define TARGET_MAX 1024
#define BODY_MAX   (8 * SECRET_VALUE_MAX)

/* ---- entering ---- */

static enum err
login_body(struct fetch *fetch, struct text *body, struct why *why)
{
	struct span role, jwt;
	enum err r;

	if ((r = job_need(fetch, "role", &role, why)) != OK || (r = job_file(fetch, "token_file", &jwt, why)) != OK)
		return r;
	text_add(body, "{\"role\":");
	json_string_write(body, role);
	text_add(body, ",\"jwt\":");
	json_string_write(body, jwt);
	text_add(body, "}");
	return OK;
}

/* By the service account's token, Vault's method "kubernetes". */
static enum err
token_login(struct fetch *fetch, struct span *out, struct why *why)
{
	struct text body = job_room(fetch, BODY_MAX), target = job_room(fetch, TARGET_MAX);
	struct span mount = SPAN("kubernetes");
	struct https_answer answer;
	struct json object, token;
	enum err r;

	if ((r = login_body(fetch, &body, why)) != OK)
		return r;
	job_text(fetch, "auth_mount", &mount);
	text_add(&target, "/v1/auth/" SPAN_FORMAT "/login", SPAN_ARGS(mount));
	if ((r = store_ask(fetch, "POST", text_span(&target), SPAN("Content-Type: application/json\r\n"),
		 text_span(&body), &answer, why)) != OK)
		return because(why, r, "login");
	if (json_read(answer.body, &object, NULL) != OK)
		return fail(why, ERR_PROTOCOL, "login: the answer is no JSON");
	token = json_get(json_get(object, "auth"), "client_token");
	if (token.kind != JSON_KIND_STRING || json_unescape(token, fetch->arena, out, NULL) != OK || out->length == 0 ||
	    !span_only(*out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"))
		return fail(why, ERR_PROTOCOL, "login: the answer has no client_token");
	return OK;
}

static enum err
fields_write(struct fetch *fetch, struct span *out, struct why *why)
{
	struct text fields = job_room(fetch, 32768);
	struct span auth, token;
	bool login = job_text(fetch, "auth", &auth) && span_is(auth, "kubernetes");
	enum err r = login ? token_login(fetch, &token, why) : job_file(fetch, "token_file", &token, why);

	if (r != OK)
		return r;
	text_add(&fields, "X-Vault-Token: ");
	text_add_span(&fields, token);
	text_add(&fields, "\r\nContent-Type: application/json\r\n");
	*out = text_span(&fields);
	return OK;
}

/* /v1/MOUNT/PART/openshell/provider-credentials/ATTEMPT[/NAME] */
static enum err
target_write(struct fetch *fetch, const char *part, struct span name, struct span *out, struct why *why)
{
	struct text target = job_room(fetch, TARGET_MAX);
	struct span mount = SPAN("secret"), attempt;
	enum err r;

	job_text(fetch, "mount", &mount);
	if ((r = job_need(fetch, "attempt", &attempt, why)) != OK)
		return r;
	text_add(&target, "/v1/" SPAN_FORMAT "/%s/openshell/provider-credentials/" SPAN_FORMAT, SPAN_ARGS(mount), part,
	    SPAN_ARGS(attempt));
	if (name.length > 0)
		text_add(&target, "/" SPAN_FORMAT, SPAN_ARGS(name));
	*out = text_span(&target);
	return target.cut ? fail(why, ERR_LIMIT, "a path that is too long") : OK;
}

/* ---- the jobs ---- */

/* A value that is no text is written in base64, under another name. */
static enum err
body_write(struct fetch *fetch, struct text *body, struct why *why)
{
	char *letters = arena_alloc(fetch->arena, BASE64_BYTES(SECRET_VALUE_MAX));
	struct span value = SPAN_NONE;

	if (letters == NULL)
		return fail(why, ERR_LIMIT, "no room for a value");
	job_secret(fetch, "value", &value);
	if (span_utf8(value)) {
		text_add(body, "{\"options\":{\"cas\":0},\"data\":{\"value\":");
		json_string_write(body, value);
	} else {
		text_add(body, "{\"options\":{\"cas\":0},\"data\":{\"value_base64\":");
		json_string_write(body, span_of_bytes(letters, base64_write(value, letters)));
	}
	text_add(body, "}}");
	return body->cut ? fail(why, ERR_LIMIT, "a value that is too long") : OK;
}

enum err
vault_put(struct fetch *fetch, struct msg_fetch_done *out, struct why *why)
{
	struct text body = job_room(fetch, BODY_MAX);
	struct https_answer answer;
	struct span fields, target, name;
	enum err r;

	(void)out;
	if ((r = job_need(fetch, "name", &name, why)) != OK ||
	    (r = target_write(fetch, "data", name, &target, why)) != OK || (r = body_write(fetch, &body, why)) != OK ||
	    (r = fields_write(fetch, &fields, why)) != OK)
		return r;
	return store_ask(fetch, "POST", target, fields, text_span(&body), &answer, why);
}

static enum err
value_read(struct fetch *fetch, struct span body, struct span *out, struct why *why)
{
	struct json object, data, value;
	struct text room;
	enum err r;

	if (json_read(body, &object, NULL) != OK)
		return fail(why, ERR_PROTOCOL, "the secret store's answer is no JSON");
	data = json_get(json_get(object, "data"), "data");
	value = json_get(data, "value");
	if (value.kind == JSON_KIND_STRING)
		return json_unescape(value, fetch->arena, out, why);
	value = json_get(data, "value_base64");
	if (value.kind != JSON_KIND_STRING || (r = json_unescape(value, fetch->arena, out, why)) != OK)
		return fail(why, ERR_PROTOCOL, "the secret store's answer has no value");
	room = job_room(fetch, out->length + 1);
	return base64_read(*out, room.at, out, why);
}

enum err
vault_get(struct fetch *fetch, struct msg_fetch_done *out, struct why *why)
{
	struct https_answer answer;
	struct span fields, target, name, value = SPAN_NONE;
	enum err r;

	if ((r = job_need(fetch, "name", &name, why)) != OK ||
	    (r = target_write(fetch, "data", name, &target, why)) != OK ||
	    (r = fields_write(fetch, &fields, why)) != OK ||
	    (r = store_ask(fetch, "GET", target, fields, SPAN_NONE, &answer, why)) != OK ||
	    (r = value_read(fetch, answer.body, &value, why)) != OK)
		return r;
	out->values = job_values(fetch, 1);
	out->values[0] = (struct msg_fetch_value){SPAN("value"), value};
	out->values_n = 1;
	return OK;
}

static enum err
one_drop(struct fetch *fetch, struct span fields, struct span name, struct why *why)
{
	struct https_answer answer;
	struct span target;
	enum err r;

	if ((r = target_write(fetch, "metadata", name, &target, why)) != OK)
		return r;
	r = store_ask(fetch, "DELETE", target, fields, SPAN_NONE, &answer, why);
	return r == ERR_NOT_FOUND ? OK : r;
}

/* All of an attempt: Vault lists a folder's names. */
static enum err
all_drop(struct fetch *fetch, struct span fields, struct why *why)
{
	struct text target = job_room(fetch, TARGET_MAX);
	struct https_answer answer;
	struct json object, name;
	struct json_walk names;
	struct span folder, text;
	enum err r;

	if ((r = target_write(fetch, "metadata", SPAN_NONE, &folder, why)) != OK)
		return r;
	text_add(&target, SPAN_FORMAT "?list=true", SPAN_ARGS(folder));
	if ((r = store_ask(fetch, "GET", text_span(&target), fields, SPAN_NONE, &answer, why)) == ERR_NOT_FOUND)
		return OK;
	if (r != OK)
		return r;
	if (json_read(answer.body, &object, NULL) != OK)
		return fail(why, ERR_PROTOCOL, "the secret store's answer is no JSON");
	names = json_walk(json_get(json_get(object, "data"), "keys"));
	while (json_next(&names, NULL, &name))
		if (name.kind == JSON_KIND_STRING && json_unescape(name, fetch->arena, &text, NULL) == OK &&
		    span_only(text, "0123456789abcdef") && (r = one_drop(fetch, fields, text, why)) != OK)
			return r;
	return OK;
}

enum err
vault_drop(struct fetch *fetch, struct msg_fetch_done *out, struct why *why)
{
	struct span fields, name;
	enum err r;

	(void)out;
	if ((r = fields_write(fetch, &fields, why)) != OK)
		return r;
	return job_text(fetch, "name", &name) ? one_drop(fetch, fields, name, why) : all_drop(fetch, fields, why);
}
