/* provider create and update: what holds the secrets of a service. */
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/provider_find.h"
#include "clients/cli/provider_show.h"
#include "common/provider/inference.h"
#include "common/provider/messages.h"
#include "common/provider/type.h"

/* ---- create ---- */

/* The normal name of --type; one that is not built in has to have a profile. */
static enum err
type_choose(struct cli *cli, const char **out, struct why *why)
{
	struct span given = span_of_text(cli_text(cli, FLAG_TYPE));
	Openshell__V1__ProviderProfileResponse *profile;
	enum err r;

	if (given.length == 0)
		return cli_usage(
		    cli, why, "of which type? Name it with --type TYPE; `openshell provider list-profiles` lists them");
	if ((*out = arena_text(&cli->arena, provider_type(given))) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	if (provider_type_known(given))
		return OK;
	if ((r = provider_profile_fetch(cli, *out, &profile, why)) == ERR_NOT_FOUND)
		return fail(why, ERR_INVALID,
		    "unsupported provider type \"%.64s\": `openshell provider list-profiles` lists them",
		    shown(&cli->arena, *out));
	if (r == OK)
		call_free(profile);
	return r;
}

/* Has a record its own address of a model server, which needs no key? */
static bool
keyless(struct cli *cli, const Provider *provider)
{
	struct provider_pair *pairs = arena_array(&cli->arena, provider->n_config + 1, sizeof(*pairs));

	for (size_t i = 0; pairs != NULL && i < provider->n_config; i++)
		pairs[i] = (struct provider_pair){provider->config[i]->key, provider->config[i]->value};
	return pairs != NULL && inference_keyless(span_of_text(provider->type), pairs, provider->n_config);
}

/* The one source that is named, into the message. */
static enum err
source_read(struct cli *cli, Provider *provider, struct why *why)
{
	if (cli_on(cli, FLAG_FROM_EXISTING))
		return provider_find(cli, provider->type, provider, why);
	if (cli->args.values[FLAG_CREDENTIAL].count > 0)
		return provider_credentials_read(cli, provider, false, why);
	if (cli_on(cli, FLAG_RUNTIME) || cli_on(cli, FLAG_FROM_ADC) || keyless(cli, provider))
		return OK;
	return cli_usage(cli, why,
	    "where are its credentials? Say --credential KEY for a variable of your environment, --from-existing, "
	    "--from-gcloud-adc or --runtime-credentials");
}

enum err
provider_create(struct cli *cli, Provider *provider, const char **name, struct why *why)
{
	Openshell__V1__CreateProviderRequest request = OPENSHELL__V1__CREATE_PROVIDER_REQUEST__INIT;
	Openshell__V1__ProviderResponse *answer;
	enum err r;

	request.provider = provider;
	request.workspace = cli_workspace(cli);
	r = call_CreateProvider(&cli->connection, &request, &answer, why);
	provider_wipe(provider);
	if (r != OK)
		return r;
	*name = provider_name(cli, answer->provider);
	printf("Created provider %s\n", *name);
	fflush(stdout);
	call_free(answer);
	return OK;
}

static enum err
create_delete(struct cli *cli, const char *name, struct why *why)
{
	Openshell__V1__DeleteProviderRequest request = OPENSHELL__V1__DELETE_PROVIDER_REQUEST__INIT;
	Openshell__V1__DeleteProviderResponse *answer;
	enum err r;

	request.name = (char *)(uintptr_t)name;
	request.workspace = cli_workspace(cli);
	if ((r = call_DeleteProvider(&cli->connection, &request, &answer, why)) == OK)
		call_free(answer);
	return r;
}

/* --from-gcloud-adc: the gateway mints from the log-in, once now; if it cannot, nothing stays. */
static enum err
create_from_adc(struct cli *cli, Provider *provider, struct why *why)
{
	struct why later = {0};
	struct adc adc;
	const char *name;
	enum err r = adc_read(cli, &adc, why);

	if (r == OK && (r = provider_create(cli, provider, &name, why)) == OK &&
	    (r = adc_configure(cli, name, provider->type, &adc, why)) != OK) {
		r = because(why, r, "provider %s", name);
		if (create_delete(cli, name, &later) == OK)
			cli_note(cli, "Deleted provider %s again", name);
		else
			cli_error(cli, &later);
	}
	adc_wipe(&adc);
	return r;
}

enum err
run_provider_create(struct cli *cli, struct why *why)
{
	Provider *provider;
	const char *type = NULL, *name;
	enum err r;

	if ((r = provider_new(cli, cli_text(cli, FLAG_NAME), &provider, why)) != OK ||
	    (r = provider_config_read(cli, provider, why)) != OK || (r = cli_connect(cli, why)) != OK ||
	    (r = type_choose(cli, &type, why)) != OK)
		return r;
	provider->type = (char *)(uintptr_t)type;
	if (!cli_on(cli, FLAG_GLOBAL_PROFILE))
		provider->profile_workspace = cli_workspace(cli);
	if (cli_on(cli, FLAG_FROM_ADC) && strcmp(type, "google-cloud") != 0 && strcmp(type, "google-vertex-ai") != 0)
		return cli_usage(cli, why, "--from-gcloud-adc is for the types google-cloud and google-vertex-ai");
	if ((r = source_read(cli, provider, why)) != OK) {
		provider_wipe(provider);
		return r;
	}
	return cli_on(cli, FLAG_FROM_ADC) ? create_from_adc(cli, provider, why)
					  : provider_create(cli, provider, &name, why);
}

/* ---- update ---- */

static enum err
expiries_read(struct cli *cli, Openshell__V1__UpdateProviderRequest *request, struct why *why)
{
	const struct value *given = &cli->args.values[FLAG_EXPIRES_AT];
	Openshell__V1__UpdateProviderRequest__CredentialExpiresAtMsEntry *entry;
	enum err r;

	request->credential_expires_at_ms =
	    arena_array(&cli->arena, given->count + 1, sizeof(*request->credential_expires_at_ms));
	for (size_t i = 0; request->credential_expires_at_ms != NULL && i < given->count; i++) {
		struct span value = span_of_text(given->list[i]), key = span_cut(&value, '=');

		if ((entry = arena_alloc(&cli->arena, sizeof(*entry))) == NULL)
			return fail(why, ERR_LIMIT, "out of room");
		openshell__v1__update_provider_request__credential_expires_at_ms_entry__init(entry);
		entry->key = arena_text(&cli->arena, key);
		entry->has_value = true;
		if ((r = time_read(value, &entry->value, why)) != OK)
			return because(why, r, "--credential-expires-at %s", shown(&cli->arena, entry->key));
		request->credential_expires_at_ms[request->n_credential_expires_at_ms++] = entry;
	}
	return OK;
}

/* --from-existing needs the type that is stored. */
static enum err
update_find(struct cli *cli, Provider *provider, struct why *why)
{
	Openshell__V1__GetProviderRequest request = OPENSHELL__V1__GET_PROVIDER_REQUEST__INIT;
	Openshell__V1__ProviderResponse *answer;
	enum err r;

	request.name = provider->metadata->name;
	request.workspace = cli_workspace(cli);
	if ((r = call_GetProvider(&cli->connection, &request, &answer, why)) != OK)
		return r;
	r = answer->provider == NULL ? fail(why, ERR_INTERNAL, "the gateway answered no provider")
				     : provider_find(cli, text_or(answer->provider->type), provider, why);
	call_free(answer);
	return r;
}

enum err
run_provider_update(struct cli *cli, struct why *why)
{
	Openshell__V1__UpdateProviderRequest request = OPENSHELL__V1__UPDATE_PROVIDER_REQUEST__INIT;
	const char *name = cli->args.operands[0];
	Openshell__V1__ProviderResponse *answer;
	enum err r;

	if ((r = provider_new(cli, name, &request.provider, why)) != OK ||
	    (r = provider_config_read(cli, request.provider, why)) != OK ||
	    (r = expiries_read(cli, &request, why)) != OK || (r = cli_connect(cli, why)) != OK)
		return r;
	r = cli_on(cli, FLAG_FROM_EXISTING) ? update_find(cli, request.provider, why)
					    : provider_credentials_read(cli, request.provider, true, why);
	if (r == OK &&
	    request.provider->n_credentials + request.provider->n_config + request.n_credential_expires_at_ms == 0)
		r = cli_usage(cli, why,
		    "what is to change? Say --credential, --from-existing, --config or --credential-expires-at");
	request.workspace = cli_workspace(cli);
	if (r == OK && (r = call_UpdateProvider(&cli->connection, &request, &answer, why)) == OK) {
		printf("Updated provider %s\n", provider_name(cli, answer->provider));
		call_free(answer);
	}
	provider_wipe(request.provider);
	return r;
}
