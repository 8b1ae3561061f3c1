/* provider_ask: what the calls about providers share. */
#ifndef API_PROVIDER_ASK_H
#define API_PROVIDER_ASK_H

#include "services/api/ask.h"
#include "services/api/provider_read.h"

#define PROVIDER_PAGE_DEFAULT 100
#define PROVIDER_PAGE_MAX     1000
#define PROVIDER_ARENA_BYTES  (24u << 20)

/* Whom this api seals secrets for. */
struct sealer provider_sealer(const struct api *api);

/* The subject of a call, for the audit. */
struct span provider_subject(const struct api *api, const struct rpc_call *call);

uint32_t provider_page(uint32_t limit);

/* End a call with a ProviderResponse. */
void provider_send(struct ask *ask, const struct msg_provider_row *row);

/* Ask for a provider by name, with its profile: answered provider_row. Ends the call where the names are none. */
void provider_ask(struct ask *ask, const char *workspace, const char *name, ask_answered *answered);

/* ERR_DENIED: who calls is no platform admin. */
enum err provider_platform(
    const struct api *api, const struct rpc_call *call, const char *what, struct why *why) must_check;

#endif
