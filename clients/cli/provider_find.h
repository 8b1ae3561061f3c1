/* Making a provider of what is on this machine: variables of the environment, files of other programs. */
#ifndef CLIENTS_CLI_PROVIDER_FIND_H
#define CLIENTS_CLI_PROVIDER_FIND_H

#include "clients/cli/provider_input.h"

/* Is the setting providers_v2_enabled on? Needs a connection. */
enum err provider_v2(struct cli *cli, bool *out, struct why *why) must_check;

/*
 * GetProviderProfile in the workspace.
 *
 * out     freed with call_free; NULL on failure
 * errors  ERR_NOT_FOUND there is none
 */
enum err provider_profile_fetch(
    struct cli *cli, const char *id, Openshell__V1__ProviderProfileResponse **out, struct why *why) must_check;

/*
 * Fill in what this machine has for a type: by the fixed table, or by the profile where providers_v2_enabled is on.
 *
 * errors  ERR_NOT_FOUND nothing is there: says what was looked for; ERR_INVALID the type cannot be looked for
 */
enum err provider_find(struct cli *cli, const char *type, Provider *to, struct why *why) must_check;

/* Google's application default credentials: a client and its refresh token. */
struct adc {
	char *client_id, *client_secret, *refresh_token; /* in the arena; wiped by adc_wipe */
};

/* ERR_NOT_FOUND no file; ERR_INVALID it is of another kind. */
enum err adc_read(struct cli *cli, struct adc *out, struct why *why) must_check;
void adc_wipe(struct adc *adc);

#endif
