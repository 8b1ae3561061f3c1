/* One connection to a gateway: which certificate, which token, which trust. */
#include "clients/sdk/connection.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

#include "clients/sdk/shown.h"
#include "common/base/clean.h"

#define TOKEN_MARGIN_S 30 /* a token that ends within so many seconds counts as expired */

/* What oidc_token.json says; ERR_NOT_FOUND when there is none. */
static enum err
token_load(
    const struct places *places, const struct gateway *gateway, struct arena *arena, const char **out, struct why *why)
{
	const char *path = gateway_file(places, gateway->name, "oidc_token.json", arena);
	struct span text;
	json_t *json;
	enum err r;

	if (path == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if ((r = file_read(path, arena, &text, why)) != OK)
		return r;
	if ((json = json_loadb(text.at, text.length, 0, NULL)) == NULL)
		return fail(why, ERR_SYNTAX, "%s: not JSON", path);
	*out = NULL;
	if (json_is_string(json_object_get(json, "access_token")))
		*out = arena_text(arena, span_of_text(json_string_value(json_object_get(json, "access_token"))));
	r = *out == NULL ? fail(why, ERR_SYNTAX, "%s: access_token is missing", path) : OK;
	if (r == OK && json_is_integer(json_object_get(json, "expires_at")) &&
	    time(NULL) + TOKEN_MARGIN_S >= json_integer_value(json_object_get(json, "expires_at")))
		r = fail(why, ERR_UNAUTHENTICATED, "the log-in to gateway %s has expired", gateway->name);
	json_decref(json);
	return r;
}

/* Read one certificate file into a NUL-terminated text. */
static enum err
pem_load(const struct places *places, const struct gateway *gateway, const char *file, struct arena *arena,
    const char **out, struct why *why)
{
	const char *path = gateway_mtls_file(places, gateway, file, arena);
	struct span text;
	enum err r;

	if (path == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if ((r = file_read(path, arena, &text, why)) != OK)
		return r;
	*out = text.at;
	return OK;
}

/* Certificates for https: all three files, unless a token logs in; then what there is. */
static enum err
certificates_load(const struct places *places, const struct gateway *gateway, struct arena *arena,
    struct rpc_client_config *config, struct why *why)
{
	enum err r;

	if ((r = pem_load(places, gateway, "ca.crt", arena, &config->ca_pem, why)) == OK &&
	    (r = pem_load(places, gateway, "tls.crt", arena, &config->certificate_pem, why)) == OK)
		r = pem_load(places, gateway, "tls.key", arena, &config->key_pem, why);
	if (r == OK)
		return OK;
	config->certificate_pem = config->key_pem = NULL;
	if (r == ERR_NOT_FOUND && config->bearer != NULL)
		return OK;
	return because(why, r, "gateway %s wants a client certificate", gateway->name);
}

/* What to do about it, where that can be said: a gateway of this machine that is not running. */
static enum err
unreachable(const struct gateway *gateway, enum err r, struct why *why)
{
	static const char *const own[] = {"//127.0.0.1:", "//localhost:", "//[::1]:"};
	struct why said = *why;

	for (size_t i = 0; i < COUNT(own) && strstr(said.text, "Connection refused") != NULL; i++)
		if (strstr(gateway->endpoint, own[i]) != NULL)
			return fail(why, r,
			    "cannot reach gateway %s at %s: nothing listens there; `openshell-gateway start` starts it",
			    gateway->name, gateway->endpoint);
	return because(why, r, "cannot reach gateway %s at %s", gateway->name, gateway->endpoint);
}

enum err
connection_open(struct connection *out, struct loop *loop, const struct places *places, const struct gateway *gateway,
    bool insecure, struct why *why)
{
	struct rpc_client_config config = {
	    .loop = loop,
	    .endpoint = gateway->endpoint,
	    .insecure = insecure,
	    .user_agent = "openshell/" OPENSHELL_VERSION,
	};
	enum err r;

	*out = (struct connection){.loop = loop};
	r = gateway_name_check(span_of_text(gateway->name), NULL);
	if (r == OK && (r = token_load(places, gateway, &out->arena, &config.bearer, why)) != OK && r != ERR_NOT_FOUND)
		return r;
	out->bearer = config.bearer != NULL;
	out->clear = strncmp(gateway->endpoint, "http:", 5) == 0;
	if (!insecure && strncmp(gateway->endpoint, "https:", 6) == 0 &&
	    (r = certificates_load(places, gateway, &out->arena, &config, why)) != OK)
		return r;
	if ((r = rpc_client_new(&out->client, &config, why)) != OK)
		return unreachable(gateway, r, why);
	return OK;
}

void
connection_close(struct connection *connection)
{
	if (connection->client != NULL)
		rpc_client_free(connection->client);
	arena_reset(&connection->arena);
	*connection = (struct connection){0};
}

enum err
connection_why(const struct rpc_status *status, enum err r, struct why *why)
{
	char message[WHY_BYTES], detail[sizeof(status->detail) * 4];
	struct text text = TEXT_OF(message), more = TEXT_OF(detail);

	if (why == NULL)
		return r;
	message[0] = detail[0] = '\0';
	shown_add(&text, span_of_text(status->message[0] != '\0' ? status->message : rpc_code_words(status->code)));
	shown_add(&more, span_of_text(status->detail));
	if (status->detail[0] == '\0' || strstr(message, detail) != NULL)
		return fail(why, r, "%s", message);
	return fail(why, r, "%.300s (%.150s)", message, detail);
}
