/* Providers as the command line shows them, and what several commands do with them. */
#ifndef CLIENTS_CLI_PROVIDER_SHOW_H
#define CLIENTS_CLI_PROVIDER_SHOW_H

#include "clients/cli/provider_find.h"

/* Safe to show; "" where there is none. */
const char *provider_name(struct cli *cli, const Provider *provider);

/* A list of providers in the format that is asked for. */
void provider_list_print(struct cli *cli, Provider *const *providers, size_t n);

/* All that is known of one; secrets are masked by the gateway, and not shown. */
json_t *provider_json(const Provider *provider);

/* CreateProvider, and "Created provider NAME"; wipes the secrets whatever comes of it. */
enum err provider_create(struct cli *cli, Provider *provider, const char **name, struct why *why) must_check;

/* Let the gateway mint from Google's log-in, and wait for the first token. */
enum err adc_configure(
    struct cli *cli, const char *name, const char *type, const struct adc *adc, struct why *why) must_check;

#endif
