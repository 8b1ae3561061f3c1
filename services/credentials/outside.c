/* Secret stores outside: which job, and what it is told of the store. */
#include "services/credentials/outside.h"

#include <sodium.h>
#include <stdio.h>

#include "common/base/text.h"

#define TEXTS_MAX  12
#define TEXT_BYTES 1100
#define NAME_BYTES 20

/* The texts of a job, in one buffer. */
struct told {
	char bytes[TEXTS_MAX][TEXT_BYTES];
	struct span texts[TEXTS_MAX];
	size_t n;
};

static void
told_add(struct told *told, const char *name, struct span value)
{
	struct text text = TEXT_OF(told->bytes[told->n]);

	if (value.length == 0)
		return;
	text_add(&text, "%s=", name);
	text_add_span(&text, value);
	told->texts[told->n++] = text_span(&text);
}

static void
told_store(struct told *told, const struct config *config)
{
	told_add(told, "address", span_of_text(config->store_address));
	told_add(told, "mount", span_of_text(config->store_mount));
	told_add(told, "namespace", span_of_text(config->store_namespace));
	told_add(told, "auth", span_of_text(config->store_auth));
	told_add(told, "auth_mount", span_of_text(config->store_auth_mount));
	told_add(told, "role", span_of_text(config->store_role));
	told_add(told, "token_file", span_of_text(config->store_token_file));
}

static enum err
job_start(struct credentials *credentials, const char *verb, struct told *told, const struct msg_fetch_value *value,
    fetch_done *done, void *self, struct why *why)
{
	char what[32];
	struct msg_fetch_job job = {.secrets = (struct msg_fetch_value *)value, .secrets_n = value == NULL ? 0 : 1};

	snprintf(what, sizeof(what), "%s_%s", store_words[credentials->config->store], verb);
	told_store(told, credentials->config);
	job.what = span_of_text(what);
	job.texts = told->texts;
	job.texts_n = told->n;
	return fetch_start(credentials, &job, NULL, done, self, why);
}

void
handle_make(
    const struct credentials *credentials, struct id provider, struct span key, struct id attempt, struct handle *out)
{
	crypto_generichash_state state;
	uint8_t hash[NAME_BYTES];
	char tried[33], name[2 * NAME_BYTES + 1];

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, provider.bytes, sizeof(provider.bytes));
	crypto_generichash_update(&state, attempt.bytes, sizeof(attempt.bytes));
	crypto_generichash_update(&state, (const uint8_t *)key.at, key.length);
	crypto_generichash_final(&state, hash, sizeof(hash));
	hex_write(attempt.bytes, sizeof(attempt.bytes), tried);
	hex_write(hash, sizeof(hash), name);
	snprintf(out->text, sizeof(out->text), "%s:%s/%s", store_words[credentials->config->store], tried, name);
}

/* "STORE:ATTEMPT/NAME" of the store that is configured. */
static enum err
handle_told(const struct credentials *credentials, struct span handle, struct told *told, struct why *why)
{
	struct span name = handle, store = span_cut(&name, ':'), attempt = span_cut(&name, '/');

	if (!span_is(store, store_words[credentials->config->store]))
		return fail(why, ERR_STATE, "its value is in a secret store that is not configured: " SPAN_FORMAT,
		    SPAN_ARGS(span_head(store, 16)));
	told_add(told, "attempt", attempt);
	told_add(told, "name", name);
	return OK;
}

enum err
outside_put(struct credentials *credentials, struct id provider, const struct handle *handle, struct span value,
    fetch_done *done, void *self, struct why *why)
{
	const struct msg_fetch_value secret = {SPAN("value"), value};
	struct told told = {.n = 0};
	enum err r;

	if ((r = handle_told(credentials, span_of_text(handle->text), &told, why)) != OK)
		return r;
	told_add(&told, "provider", span_of_text(id_text(provider)));
	return job_start(credentials, "put", &told, &secret, done, self, why);
}

enum err
outside_get(struct credentials *credentials, struct span handle, fetch_done *done, void *self, struct why *why)
{
	struct told told = {.n = 0};
	enum err r = handle_told(credentials, handle, &told, why);

	return r != OK ? r : job_start(credentials, "get", &told, NULL, done, self, why);
}

enum err
outside_drop(struct credentials *credentials, struct span handle, struct id attempt, fetch_done *done, void *self,
    struct why *why)
{
	struct told told = {.n = 0};
	char tried[33];
	enum err r;

	hex_write(attempt.bytes, sizeof(attempt.bytes), tried);
	if (handle.length == 0)
		told_add(&told, "attempt", span_of_text(tried));
	else if ((r = handle_told(credentials, handle, &told, why)) != OK)
		return r;
	return job_start(credentials, "drop", &told, NULL, done, self, why);
}
