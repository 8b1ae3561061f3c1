/* Token grants of a plan: how the router is to ask for a token, and where it goes. */
#include <string.h>

#include "common/base/clean.h"
#include "common/policy/reach.h"
#include "common/provider/grants.h"
#include "common/provider/messages.h"
#include "common/provider/planning.h"

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" /* RFC 7523, 2.2 */
#define TTL_MAX_S      86400

/* Servers of that kind know themselves by the realm's address alone (10). */
static const char *
audience_of(const char *url, struct arena *arena)
{
	const char *realm = strstr(url, "/realms/"), *end;

	if (realm == NULL || (end = strchr(realm + sizeof("/realms/") - 1, '/')) == NULL)
		return url;
	return arena_text(arena, span_of_bytes(url, (size_t)(end - url)));
}

static const char *
field_of(const Credential *credential, struct arena *arena)
{
	char *name = arena_text(arena, span_of_text(text_or(credential->header_name)));

	for (char *at = name; at != NULL && *at != '\0'; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at | 0x20);
	return name == NULL || *name != '\0' ? name : "authorization";
}

static bool
too_long(char *const *texts, size_t n, size_t most)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(texts[i]) > most)
			return true;
	return n > GRANT_SCOPES_MAX;
}

const char *
grant_unfit(const Credential *credential)
{
	const Grant *grant = credential->token_grant;

	if (strlen(text_or(grant->token_endpoint)) > GRANT_TEXT_MAX ||
	    strlen(text_or(grant->audience)) > GRANT_TEXT_MAX ||
	    strlen(text_or(grant->jwt_svid_audience)) > GRANT_TEXT_MAX)
		return "an address or audience of over 2048 bytes";
	if (strlen(text_or(grant->client_assertion_type)) > 512 || too_long(grant->scopes, grant->n_scopes, 512))
		return "over 64 scopes, or a scope or assertion type of over 512 bytes";
	if (strlen(text_or(credential->header_name)) > 256)
		return "a header_name of over 256 bytes";
	if (grant->n_audience_overrides > GRANT_OVERRIDES_MAX)
		return "over 64 audience_overrides";
	for (size_t i = 0; i < grant->n_audience_overrides; i++) {
		const Override *override = grant->audience_overrides[i];

		if (strlen(text_or(override->host)) > 255 || strlen(text_or(override->path)) > 1024 ||
		    strlen(text_or(override->audience)) > GRANT_TEXT_MAX ||
		    too_long(override->scopes, override->n_scopes, 512))
			return "an override with a text that is too long, or over 64 scopes";
	}
	return NULL;
}

static const char *
reason_withheld(
    const struct provider_attached *attached, const Credential *credential, size_t bindings, struct arena *arena)
{
	const char *unfit = grant_unfit(credential);

	if (unfit != NULL)
		return arena_format(arena, "its token_grant has %s", unfit);
	if (bindings == 0)
		return arena_format(arena,
		    "profile %s has no endpoints; name the provider on an endpoint of the sandbox's policy: "
		    "credential_binding: {provider: %s}",
		    text_or(attached->profile->id), attached->name);
	return NULL;
}

enum err
grants_add(const struct provider_question *question, size_t which, const struct provider_bindings *bindings,
    struct arena *arena, struct provider_plan *plan, struct why *why)
{
	const struct provider_attached *attached = &question->attached[which];

	for (size_t i = 0; attached->profile != NULL && i < attached->profile->n_credentials; i++) {
		const Credential *credential = attached->profile->credentials[i];
		const Grant *grant = credential->token_grant;
		const char *reason =
		    grant == NULL ? NULL : reason_withheld(attached, credential, bindings->count, arena);
		struct provider_grant made = {
		    .provider = which, .from = grant, .bindings = bindings->items, .bindings_count = bindings->count};

		if (grant == NULL)
			continue;
		if (reason != NULL) {
			plan->withheld[plan->withheld_count++] =
			    (struct provider_withheld){which, text_or(credential->name), reason};
			continue;
		}
		made.field = field_of(credential, arena);
		made.bearer = strcmp(text_or(credential->auth_style), "header") != 0;
		made.svid_audience = *text_or(grant->jwt_svid_audience) != '\0'
					 ? grant->jwt_svid_audience
					 : audience_of(grant->token_endpoint, arena);
		made.assertion_type =
		    *text_or(grant->client_assertion_type) != '\0' ? grant->client_assertion_type : ASSERTION_TYPE;
		made.ttl_s = (uint32_t)(grant->cache_ttl_seconds > TTL_MAX_S ? TTL_MAX_S : grant->cache_ttl_seconds);
		if (made.field == NULL || made.svid_audience == NULL)
			return fail(why, ERR_LIMIT, "the providers of the sandbox need too much room");
		plan->grants[plan->grants_count++] = made;
	}
	return OK;
}

enum err
grants_fit(const struct provider_plan *plan, struct why *why)
{
	size_t places = 0;

	for (size_t i = 0; i < plan->grants_count; i++)
		places += plan->grants[i].bindings_count;
	return places <= REACH_MAX
		   ? OK
		   : fail(why, ERR_STATE, "the token grants of the sandbox name over %d places", REACH_MAX);
}
