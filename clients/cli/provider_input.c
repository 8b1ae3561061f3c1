/* Credentials and configuration on the command line; no message of this file shows a secret. */
#include "clients/cli/provider_input.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/provider/discovery.h"
#include "common/provider/type.h"

#define STACK_BYTES 131072 /* more than a call to the gateway takes */

#define Entry  Openshell__Datamodel__V1__Provider__CredentialsEntry
#define Config Openshell__Datamodel__V1__Provider__ConfigEntry
#define Meta   Openshell__Datamodel__V1__ObjectMeta

enum err
provider_new(struct cli *cli, const char *name, Provider **out, struct why *why)
{
	Provider *made = arena_alloc(&cli->arena, sizeof(*made));
	Meta *meta = arena_alloc(&cli->arena, sizeof(*meta));

	if (made == NULL || meta == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	openshell__datamodel__v1__provider__init(made);
	openshell__datamodel__v1__object_meta__init(meta);
	meta->name = (char *)(uintptr_t)name;
	made->metadata = meta;
	made->credentials = arena_array(&cli->arena, PROVIDER_KEYS_MAX + 1, sizeof(*made->credentials));
	made->config = arena_array(&cli->arena, PROVIDER_CONFIG_MAX + 1, sizeof(*made->config));
	if (made->credentials == NULL || made->config == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	*out = made;
	return OK;
}

/* Registers that held a secret while it was copied are saved on the stack, as by ld.so when it binds a name. */
void
stack_wipe(void)
{
	char below[STACK_BYTES];

	explicit_bzero(below, sizeof(below));
}

void
provider_wipe(Provider *provider)
{
	for (size_t i = 0; i < provider->n_credentials; i++)
		explicit_bzero(provider->credentials[i]->value, strlen(provider->credentials[i]->value));
	stack_wipe();
}

char *
provider_secret(struct cli *cli, const char *text)
{
	return arena_text(&cli->arena, span_of_text(text));
}

static enum err
value_check(struct cli *cli, const char *key, const char *value, struct why *why)
{
	size_t length = strlen(value);

	if (length > PROVIDER_VALUE_MAX)
		return fail(
		    why, ERR_INVALID, "credential %s has %zu bytes, at most %d", key, length, PROVIDER_VALUE_MAX);
	if (!span_utf8(span_of_text(value)))
		return fail(why, ERR_INVALID, "credential %s is not UTF-8", key);
	if (strpbrk(value, "\r\n") != NULL)
		cli_note(cli, "Warning: credential %s holds a line break, so it is never put into a request", key);
	return OK;
}

const char *
key_shown(struct cli *cli, struct span key)
{
	bool plain = key.length <= 64 && (span_only(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ||
					     span_only(key, "abcdefghijklmnopqrstuvwxyz_"));
	const char *text = shown(&cli->arena, arena_text(&cli->arena, span_head(key, plain ? 64 : 4)));

	return plain ? text : arena_format(&cli->arena, "%s... (the rest is not shown: it may be a value)", text);
}

enum err
provider_credential_add(struct cli *cli, Provider *to, struct span key, char *value, struct why *why)
{
	const char *name = key_shown(cli, key);
	Entry *entry;
	enum err r;

	if ((r = provider_key_check(key, why)) != OK)
		return because(why, ERR_INVALID, "credential %.80s", name);
	if ((r = value_check(cli, name, value, why)) != OK)
		return r;
	for (size_t i = 0; i < to->n_credentials; i++)
		if (span_is(key, to->credentials[i]->key))
			return fail(why, ERR_INVALID, "credential %s is given twice", name);
	if (to->n_credentials == PROVIDER_KEYS_MAX)
		return fail(why, ERR_INVALID, "a provider has at most %d credentials", PROVIDER_KEYS_MAX);
	if ((entry = arena_alloc(&cli->arena, sizeof(*entry))) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	openshell__datamodel__v1__provider__credentials_entry__init(entry);
	entry->key = arena_text(&cli->arena, key);
	entry->value = value;
	if (entry->key == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	to->credentials[to->n_credentials++] = entry;
	return OK;
}

/* KEY alone: the variable of that name. */
static enum err
from_environment(struct cli *cli, const char *key, char **out, struct why *why)
{
	const char *value = getenv(key);

	if (value == NULL || value[strspn(value, " \t\r\n")] == '\0')
		return fail(why, ERR_INVALID, "--credential %.80s: that variable is %s here",
		    key_shown(cli, span_of_text(key)), value == NULL ? "not set" : "empty");
	*out = provider_secret(cli, value);
	return *out == NULL ? fail(why, ERR_LIMIT, "out of room") : OK;
}

enum err
provider_credentials_read(struct cli *cli, Provider *to, bool update, struct why *why)
{
	const struct value *given = &cli->args.values[FLAG_CREDENTIAL];
	enum err r;

	for (size_t i = 0; i < given->count; i++) {
		struct span value = span_of_text(given->list[i]), key = span_cut(&value, '=');
		char *text = (char *)(uintptr_t)value.at; /* the command line's own bytes: they can be wiped */

		if (given->list[i][key.length] != '=') {
			if ((r = from_environment(cli, given->list[i], &text, why)) != OK)
				return r;
		} else if (value.length == 0) {
			if (!update)
				return fail(why, ERR_INVALID, "credential %.80s is empty", key_shown(cli, key));
			text = (char *)(uintptr_t)given->list[i] + key.length + 1;
		}
		if ((r = provider_credential_add(cli, to, key, text, why)) != OK)
			return r;
	}
	return OK;
}

enum err
provider_config_read(struct cli *cli, Provider *to, struct why *why)
{
	const struct value *given = &cli->args.values[FLAG_CONFIG];

	if (given->count > PROVIDER_CONFIG_MAX)
		return fail(why, ERR_INVALID, "a provider has at most %d configuration entries", PROVIDER_CONFIG_MAX);
	for (size_t i = 0; i < given->count; i++) {
		struct span value = span_of_text(given->list[i]), key = span_cut(&value, '=');
		Config *entry = arena_alloc(&cli->arena, sizeof(*entry));

		if (entry == NULL)
			return fail(why, ERR_LIMIT, "out of room");
		openshell__datamodel__v1__provider__config_entry__init(entry);
		entry->key = arena_text(&cli->arena, key);
		entry->value = arena_text(&cli->arena, value);
		if (provider_looks_secret(key))
			cli_note(cli,
			    "Warning: %s looks like a secret, and configuration is not kept secret: use --credential",
			    shown(&cli->arena, entry->key));
		to->config[to->n_config++] = entry;
	}
	return OK;
}

/* ---- times ---- */

/* What stands behind the seconds: a fraction, and Z or an offset as +02:00; in ms and seconds. */
static bool
zone_read(const char *text, int64_t *ms, int64_t *offset_s)
{
	unsigned hours, minutes, fraction = 0, scale = 100;
	char sign;
	int used = 0;

	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9'; text++, scale /= 10)
			fraction += scale * (unsigned)(*text - '0');
		*ms = fraction;
	}
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return true;
	if (sscanf(text, "%c%2u:%2u%n", &sign, &hours, &minutes, &used) != 3 || text[used] != '\0' || used != 6 ||
	    (sign != '+' && sign != '-') || hours > 23 || minutes > 59)
		return false;
	*offset_s = (sign == '-' ? -1 : 1) * (int64_t)(hours * 3600 + minutes * 60);
	return true;
}

enum err
time_read(struct span value, int64_t *out_ms, struct why *why)
{
	char text[48];
	struct tm tm = {0};
	int64_t ms = 0, offset_s = 0;
	uint64_t number;
	const char *rest;

	if (number_parse(value, 0, INT64_MAX, &number, NULL) == OK) {
		*out_ms = (int64_t)number;
		return OK;
	}
	if (!span_copy(value, text, sizeof(text)) || (rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm)) == NULL ||
	    !zone_read(rest, &ms, &offset_s))
		return fail(why, ERR_SYNTAX,
		    "a time is milliseconds since 1970, or as 2026-12-31T23:59:59Z; 0 means that it does not expire");
	*out_ms = ((int64_t)timegm(&tm) - offset_s) * 1000 + ms;
	return OK;
}

enum err
check_time(struct span value, struct why *why)
{
	int64_t ms;

	return time_read(value, &ms, why);
}
