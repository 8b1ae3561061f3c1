/* metadata.json: the fields as a table. */
#include "clients/sdk/metadata.h"

#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>

#include "common/base/clean.h"

static const struct {
	const char *key;
	size_t at; /* of the text in struct gateway */
	bool required;
} texts[] = {
    {"name", offsetof(struct gateway, name), false},
    {"gateway_endpoint", offsetof(struct gateway, endpoint), true},
    {"remote_host", offsetof(struct gateway, remote_host), false},
    {"resolved_host", offsetof(struct gateway, resolved_host), false},
    {"auth_mode", offsetof(struct gateway, auth_mode), false},
};

static void
json_drop(json_t **json)
{
	json_decref(*json);
}

static enum err
text_read(const json_t *json, size_t row, struct arena *arena, struct gateway *out, struct why *why)
{
	const json_t *value = json_object_get(json, texts[row].key);
	const char **to = (const char **)((char *)out + texts[row].at);

	if (value == NULL || json_is_null(value))
		return texts[row].required ? fail(why, ERR_SYNTAX, "%s is missing", texts[row].key) : OK;
	if (!json_is_string(value))
		return fail(why, ERR_SYNTAX, "%s is not a text", texts[row].key);
	*to = arena_text(arena, span_of_bytes(json_string_value(value), json_string_length(value)));
	return *to == NULL ? fail(why, ERR_LIMIT, "too large") : OK;
}

enum err
metadata_read(struct span text, struct arena *arena, struct gateway *out, struct why *why)
{
	json_error_t error;
	__attribute__((cleanup(json_drop))) json_t *json =
	    json_loadb(text.at, text.length, JSON_REJECT_DUPLICATES, &error);
	const json_t *port;
	enum err r;

	if (json == NULL)
		return fail(why, ERR_SYNTAX, "line %d: %s", error.line, error.text);
	if (!json_is_object(json))
		return fail(why, ERR_SYNTAX, "not a JSON object");
	for (size_t i = 0; i < COUNT(texts); i++)
		if ((r = text_read(json, i, arena, out, why)) != OK)
			return r;
	port = json_object_get(json, "gateway_port");
	if (!json_is_integer(port) || json_integer_value(port) < 0 || json_integer_value(port) > UINT16_MAX)
		return fail(why, ERR_SYNTAX, "gateway_port is missing or not a port");
	out->port = (uint16_t)json_integer_value(port);
	out->is_remote = json_is_true(json_object_get(json, "is_remote"));
	return gateway_endpoint_check(span_of_text(out->endpoint), why);
}

char *
metadata_write(const struct gateway *gateway)
{
	__attribute__((cleanup(json_drop))) json_t *json = json_object();

	for (size_t i = 0; i < COUNT(texts); i++) {
		const char *value = *(const char *const *)((const char *)gateway + texts[i].at);

		if (value != NULL && json_object_set_new(json, texts[i].key, json_string(value)) != 0)
			return NULL;
	}
	json_object_set_new(json, "is_remote", json_boolean(gateway->is_remote));
	json_object_set_new(json, "gateway_port", json_integer(gateway->port));
	return json_dumps(json, JSON_INDENT(2));
}
