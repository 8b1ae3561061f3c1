/* provider_read: what callers say of providers as questions to state; secrets are sealed on the way, and wiped. Pure. */
#ifndef API_PROVIDER_READ_H
#define API_PROVIDER_READ_H

#include "common/bus/message.h"
#include "common/provider/refresh.h"
#include "openshell/openshell.pb-c.h"

/* Whom secrets are sealed for; broker_key NULL: nobody, and so they are refused (ERR_UNAVAILABLE). */
struct sealer {
	const uint8_t *broker_key;
};

/* A provider's name: ERR_INVALID "name is required", or what is wrong with it. */
enum err provider_named(const char *name, struct span *out, struct why *why) must_check;

/* A workspace; empty: default. ERR_INVALID what is wrong with it. */
enum err provider_workspace(const char *workspace, struct span *out, struct why *why) must_check;

/*
 * A new provider. Its name stays empty where the caller gave none.
 *
 * out     all but subject; provider is fresh. In the arena, or borrowed from in, whose secrets are wiped
 * errors  ERR_INVALID which field, and what is allowed; ERR_UNAVAILABLE
 */
enum err provider_create_read(const struct sealer *sealer, struct arena *arena,
    const Openshell__V1__CreateProviderRequest *in, struct msg_provider_create *out, struct why *why) must_check;

/*
 * What is to be other than it is now.
 *
 * row     the provider as it is
 * errors  as above; ERR_INVALID also for another type or profile_workspace
 */
enum err provider_update_read(const struct sealer *sealer, struct arena *arena,
    const Openshell__V1__UpdateProviderRequest *in, const struct msg_provider_row *row, struct msg_provider_update *out,
    struct why *why) must_check;

/*
 * How a credential is to be renewed.
 *
 * row     the provider, with its profile
 * sts     AWS STS may be used
 * errors  those of refresh_plan; ERR_UNAVAILABLE
 */
enum err refresh_configure_read(const struct sealer *sealer, struct arena *arena,
    const Openshell__V1__ConfigureProviderRefreshRequest *in, const struct msg_provider_row *row, bool sts,
    struct msg_refresh_configure *out, struct why *why) must_check;

/* Wipe the values of such a request, whatever became of it. */
void provider_secrets_wipe(const Openshell__Datamodel__V1__Provider *provider);
void refresh_secrets_wipe(const Openshell__V1__ConfigureProviderRefreshRequest *in);

#endif
