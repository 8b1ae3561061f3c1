/* What people say of a provider, into its message: credentials from the command line, the environment and files. */
#ifndef CLIENTS_CLI_PROVIDER_INPUT_H
#define CLIENTS_CLI_PROVIDER_INPUT_H

#include "clients/cli/cli.h"

#define Provider Openshell__Datamodel__V1__Provider

/* An empty provider of that name with room for credentials and configuration; in the arena. */
enum err provider_new(struct cli *cli, const char *name, Provider **out, struct why *why) must_check;

/* Overwrite its secrets with zeros, those of the command line too: called once the request was sent, or failed. */
void provider_wipe(Provider *provider);

/* Overwrite the stack below the caller, where calls that are over may have left a secret. */
void stack_wipe(void) __attribute__((noinline));

/*
 * One credential.
 *
 * value   kept, not copied; wiped by provider_wipe
 * errors  ERR_INVALID the key or the value may not be so, or the key is there; the value is never shown
 */
enum err provider_credential_add(
    struct cli *cli, Provider *to, struct span key, char *value, struct why *why) must_check;

/* --credential KEY=VALUE, or KEY for that variable of the environment; update: an empty value deletes the key. */
enum err provider_credentials_read(struct cli *cli, Provider *to, bool update, struct why *why) must_check;

/* --config KEY=VALUE; a key that looks like a secret's is warned about. */
enum err provider_config_read(struct cli *cli, Provider *to, struct why *why) must_check;

/*
 * A key as messages name it, in the arena. One that does not look like a variable or the name of material may be a value,
 * given where its name was to stand: only how it begins is shown.
 */
const char *key_shown(struct cli *cli, struct span key);

/* A copy of a secret text in the arena, which provider_wipe reaches. */
char *provider_secret(struct cli *cli, const char *text);

/* A time: ms since the epoch, or RFC 3339; 0 stays 0. */
enum err check_time(struct span value, struct why *why);
enum err time_read(struct span value, int64_t *out_ms, struct why *why) must_check;

#endif
