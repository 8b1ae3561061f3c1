/* provider_view: providers, refreshes and profiles of the bus as the public interface shows them; never a secret. Pure. */
#ifndef API_PROVIDER_VIEW_H
#define API_PROVIDER_VIEW_H

#include "common/base/arena.h"
#include "common/bus/message.h"
#include "openshell/openshell.pb-c.h"

/* In the arena; every credential reads REDACTED. ERR_LIMIT its ceiling. */
enum err view_provider(struct arena *arena, const struct msg_provider_row *row,
    Openshell__Datamodel__V1__Provider **out, struct why *why) must_check;

enum err view_refresh(struct arena *arena, const struct msg_refresh_state *state,
    Openshell__V1__ProviderCredentialRefreshStatus **out, struct why *why) must_check;

/* A stored profile with source, scope and version; ERR_INTERNAL it is none. */
enum err view_profile(struct arena *arena, const struct msg_profile_row *row, Openshell__V1__ProviderProfile **out,
    struct why *why) must_check;

#endif
