/* provider refresh: status, configure, rotate, delete; and Google's log-in as material. */
#include <stdlib.h>
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/provider_input.h"
#include "clients/cli/provider_show.h"
#include "common/provider/names.h"
#include "common/provider/type.h"

#define Status	  Openshell__V1__ProviderCredentialRefreshStatus
#define Configure Openshell__V1__ConfigureProviderRefreshRequest
#define Material  Openshell__V1__ConfigureProviderRefreshRequest__MaterialEntry

/* ---- what is shown ---- */

static json_t *
status_json(const Status *status)
{
	json_t *json = json_object();

	json_object_set_new(json, "provider_name", json_text(status->provider_name));
	json_object_set_new(json, "provider_id", json_text(status->provider_id));
	json_object_set_new(json, "credential_key", json_text(status->credential_key));
	json_object_set_new(json, "strategy", json_string(provider_strategy_name((int)status->strategy)));
	json_object_set_new(json, "status", json_text(status->status));
	json_object_set_new(json, "expires_at_ms", json_integer((json_int_t)status->expires_at_ms));
	json_object_set_new(json, "next_refresh_at_ms", json_integer((json_int_t)status->next_refresh_at_ms));
	json_object_set_new(json, "last_refresh_at_ms", json_integer((json_int_t)status->last_refresh_at_ms));
	json_object_set_new(json, "last_error", json_text(status->last_error));
	return json;
}

static void
status_row(struct table *table, const Status *status)
{
	char expires[TIME_BYTES], next[TIME_BYTES], last[TIME_BYTES];

	table_row(table,
	    (const char *const[]){status->credential_key, provider_strategy_name((int)status->strategy), status->status,
		time_text(status->expires_at_ms, expires), time_text(status->next_refresh_at_ms, next),
		time_text(status->last_refresh_at_ms, last), status->last_error},
	    7);
}

static void
statuses_print(struct cli *cli, Status *const *list, size_t n)
{
	struct table table = {.arena = &cli->arena};
	json_t *array = json_array();

	table_row(
	    &table, (const char *const[]){"CREDENTIAL", "STRATEGY", "STATUS", "EXPIRES", "NEXT", "LAST", "ERROR"}, 7);
	for (size_t i = 0; i < n; i++) {
		status_row(&table, list[i]);
		json_array_append_new(array, status_json(list[i]));
	}
	if (cli_format(cli) != FORMAT_TABLE)
		cli_print(cli, json_incref(array));
	else if (n == 0)
		puts("No credential of this provider is refreshed.");
	else
		table_print(stdout, &table, cli->color_out);
	json_decref(array);
}

enum err
run_refresh_status(struct cli *cli, struct why *why)
{
	Openshell__V1__GetProviderRefreshStatusRequest request =
	    OPENSHELL__V1__GET_PROVIDER_REFRESH_STATUS_REQUEST__INIT;
	Openshell__V1__GetProviderRefreshStatusResponse *answer;
	enum err r;

	request.provider = (char *)(uintptr_t)cli->args.operands[0];
	request.credential_key = (char *)(uintptr_t)cli_text(cli, FLAG_CREDENTIAL_KEY);
	request.workspace = cli_workspace(cli);
	if ((r = cli_connect(cli, why)) != OK ||
	    (r = call_GetProviderRefreshStatus(&cli->connection, &request, &answer, why)) != OK)
		return r;
	statuses_print(cli, answer->credentials, answer->n_credentials);
	call_free(answer);
	return OK;
}

/* ---- configure ---- */

static void
material_wipe(const Configure *request)
{
	for (size_t i = 0; i < request->n_material; i++)
		explicit_bzero(request->material[i]->value, strlen(request->material[i]->value));
	stack_wipe();
}

/* value is kept, and wiped later. */
static enum err
material_add(struct cli *cli, Configure *request, struct span key, char *value, struct why *why)
{
	Material *entry = arena_alloc(&cli->arena, sizeof(*entry));

	if (entry == NULL || value == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	openshell__v1__configure_provider_refresh_request__material_entry__init(entry);
	entry->key = arena_text(&cli->arena, key);
	entry->value = value;
	if (entry->key == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	for (size_t i = 0; i < request->n_material; i++)
		if (strcmp(request->material[i]->key, entry->key) == 0)
			return fail(why, ERR_INVALID, "material %.80s is given twice", shown(&cli->arena, entry->key));
	if (request->n_material == PROVIDER_MATERIAL_MAX)
		return fail(why, ERR_INVALID, "there are at most %d entries of material", PROVIDER_MATERIAL_MAX);
	request->material[request->n_material++] = entry;
	return OK;
}

/* --secret-material-env KEY[=VARIABLE]: without a variable the one of KEY's name, also in capitals. */
static enum err
material_from_environment(struct cli *cli, Configure *request, const char *given, struct why *why)
{
	struct span variable = span_of_text(given), key = span_cut(&variable, '=');
	char *name = arena_text(&cli->arena, variable.length > 0 ? variable : key);
	const char *value = name == NULL ? NULL : getenv(name);

	if (name != NULL && value == NULL && variable.length == 0) {
		for (char *c = name; *c != '\0'; c++)
			*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
		value = getenv(name);
	}
	if (value == NULL || value[0] == '\0')
		return fail(why, ERR_INVALID, "--secret-material-env %.80s: the variable %.80s is not set here",
		    key_shown(cli, key), key_shown(cli, variable.length > 0 ? variable : key));
	request->secret_material_keys[request->n_secret_material_keys++] = arena_text(&cli->arena, key);
	return material_add(cli, request, key, provider_secret(cli, value), why);
}

static enum err
material_read(struct cli *cli, Configure *request, struct why *why)
{
	const struct value *plain = &cli->args.values[FLAG_MATERIAL], *env = &cli->args.values[FLAG_SECRET_ENV],
			   *secret = &cli->args.values[FLAG_SECRET_KEY];
	enum err r;

	request->material = arena_array(&cli->arena, PROVIDER_MATERIAL_MAX + 1, sizeof(*request->material));
	request->secret_material_keys =
	    arena_array(&cli->arena, env->count + secret->count + 1, sizeof(*request->secret_material_keys));
	if (request->material == NULL || request->secret_material_keys == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	for (size_t i = 0; i < plain->count; i++) {
		struct span value = span_of_text(plain->list[i]), key = span_cut(&value, '=');

		if (plain->list[i][key.length] != '=' || key.length == 0)
			return cli_usage(cli, why, "--material is KEY=VALUE");
		if ((r = material_add(cli, request, key, (char *)(uintptr_t)plain->list[i] + key.length + 1, why)) !=
		    OK)
			return r;
	}
	for (size_t i = 0; i < env->count; i++)
		if ((r = material_from_environment(cli, request, env->list[i], why)) != OK)
			return r;
	for (size_t i = 0; i < secret->count; i++)
		request->secret_material_keys[request->n_secret_material_keys++] = (char *)(uintptr_t)secret->list[i];
	return OK;
}

static enum err
configure_send(struct cli *cli, Configure *request, struct why *why)
{
	Openshell__V1__ConfigureProviderRefreshResponse *answer;
	enum err r;

	request->workspace = cli_workspace(cli);
	if ((r = call_ConfigureProviderRefresh(&cli->connection, request, &answer, why)) == OK)
		call_free(answer);
	material_wipe(request);
	return r;
}

enum err
run_refresh_configure(struct cli *cli, struct why *why)
{
	Configure request = OPENSHELL__V1__CONFIGURE_PROVIDER_REFRESH_REQUEST__INIT;
	const char *key = cli_text(cli, FLAG_CREDENTIAL_KEY), *strategy = cli_text(cli, FLAG_STRATEGY);
	const struct value *expiry = &cli->args.values[FLAG_EXPIRES_AT];
	int number;
	enum err r;

	if (key == NULL || strategy == NULL || !provider_strategy(span_of_text(strategy), &number))
		return cli_usage(
		    cli, why, "say which credential with --credential-key KEY, and how with --strategy STRATEGY");
	request.provider = (char *)(uintptr_t)cli->args.operands[0];
	request.credential_key = (char *)(uintptr_t)key;
	request.has_strategy = true;
	request.strategy = (Openshell__V1__ProviderCredentialRefreshStrategy)number;
	request.has_expires_at_ms = expiry->set;
	if (expiry->set && (r = time_read(span_of_text(expiry->text), &request.expires_at_ms, why)) != OK)
		return because(why, r, "--credential-expires-at");
	if ((r = material_read(cli, &request, why)) != OK || (r = cli_connect(cli, why)) != OK) {
		material_wipe(&request);
		return r;
	}
	if ((r = configure_send(cli, &request, why)) == OK)
		printf("Configured refresh of %s of provider %s\n", shown(&cli->arena, key),
		    shown(&cli->arena, request.provider));
	return r;
}

/* ---- rotate and delete ---- */

static enum err
rotate(struct cli *cli, const char *provider, const char *key, struct why *why)
{
	Openshell__V1__RotateProviderCredentialRequest request =
	    OPENSHELL__V1__ROTATE_PROVIDER_CREDENTIAL_REQUEST__INIT;
	Openshell__V1__RotateProviderCredentialResponse *answer;
	enum err r;

	request.provider = (char *)(uintptr_t)provider;
	request.credential_key = (char *)(uintptr_t)key;
	request.workspace = cli_workspace(cli);
	if ((r = call_RotateProviderCredential(&cli->connection, &request, &answer, why)) == OK)
		call_free(answer);
	return r;
}

enum err
run_refresh_rotate(struct cli *cli, struct why *why)
{
	const char *key = cli_text(cli, FLAG_CREDENTIAL_KEY), *provider = cli->args.operands[0];
	enum err r;

	if (key == NULL)
		return cli_usage(cli, why, "say which credential with --credential-key KEY");
	if ((r = cli_connect(cli, why)) == OK && (r = rotate(cli, provider, key, why)) == OK)
		printf("Rotated %s of provider %s\n", shown(&cli->arena, key), shown(&cli->arena, provider));
	return r;
}

enum err
run_refresh_delete(struct cli *cli, struct why *why)
{
	Openshell__V1__DeleteProviderRefreshRequest request = OPENSHELL__V1__DELETE_PROVIDER_REFRESH_REQUEST__INIT;
	Openshell__V1__DeleteProviderRefreshResponse *answer;
	enum err r;

	request.provider = (char *)(uintptr_t)cli->args.operands[0];
	request.credential_key = (char *)(uintptr_t)cli_text(cli, FLAG_CREDENTIAL_KEY);
	request.workspace = cli_workspace(cli);
	if (request.credential_key == NULL)
		return cli_usage(cli, why, "say which credential with --credential-key KEY");
	if ((r = cli_connect(cli, why)) != OK ||
	    (r = call_DeleteProviderRefresh(&cli->connection, &request, &answer, why)) != OK)
		return r;
	printf(answer->deleted ? "Deleted refresh of %s of provider %s\n" : "No refresh of %s of provider %s\n",
	    shown(&cli->arena, request.credential_key), shown(&cli->arena, request.provider));
	call_free(answer);
	return OK;
}

/* ---- Google's log-in ---- */

enum err
adc_configure(struct cli *cli, const char *name, const char *type, const struct adc *adc, struct why *why)
{
	Configure request = OPENSHELL__V1__CONFIGURE_PROVIDER_REFRESH_REQUEST__INIT;
	const char *key = strcmp(type, "google-cloud") == 0 ? "GCP_ADC_ACCESS_TOKEN" : "GOOGLE_VERTEX_AI_TOKEN";
	char *secrets[] = {(char[]){"client_secret"}, (char[]){"refresh_token"}};
	enum err r;

	request.provider = (char *)(uintptr_t)name;
	request.credential_key = (char *)(uintptr_t)key;
	request.has_strategy = true;
	request.strategy = (Openshell__V1__ProviderCredentialRefreshStrategy)
	    OPENSHELL__V1__PROVIDER_CREDENTIAL_REFRESH_STRATEGY__PROVIDER_CREDENTIAL_REFRESH_STRATEGY_OAUTH2_REFRESH_TOKEN;
	request.secret_material_keys = secrets;
	request.n_secret_material_keys = sizeof(secrets) / sizeof(*secrets);
	request.material = arena_array(&cli->arena, 4, sizeof(*request.material));
	if (request.material == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if ((r = material_add(cli, &request, SPAN("client_id"), adc->client_id, why)) != OK ||
	    (r = material_add(cli, &request, SPAN("client_secret"), adc->client_secret, why)) != OK ||
	    (r = material_add(cli, &request, SPAN("refresh_token"), adc->refresh_token, why)) != OK ||
	    (r = configure_send(cli, &request, why)) != OK)
		return r;
	return rotate(cli, name, key, why);
}
