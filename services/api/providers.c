/* providers: records of accounts at outside services. A secret is here from its request's arrival until it is sealed.
 */
#include "common/base/clean.h"
#include "common/base/log.h"
#include "services/api/check.h"
#include "services/api/methods.h"
#include "services/api/provider_ask.h"
#include "services/api/provider_view.h"
#include "services/api/words.h"

#define NAME_TRIES	 8
#define ANSWER_BYTES_MAX (4u << 20)

struct sealer
provider_sealer(const struct api *api)
{
	static const uint8_t none[32];
	const uint8_t *key = api->config->credentials_key;

	return (struct sealer){memcmp(key, none, sizeof(none)) == 0 ? NULL : key};
}

struct span
provider_subject(const struct api *api, const struct rpc_call *call)
{
	return span_head(methods_subject(api, call), 253);
}

uint32_t
provider_page(uint32_t limit)
{
	return limit == 0 ? PROVIDER_PAGE_DEFAULT : limit > PROVIDER_PAGE_MAX ? PROVIDER_PAGE_MAX : limit;
}

enum err
provider_platform(const struct api *api, const struct rpc_call *call, const char *what, struct why *why)
{
	struct who who;

	if (who_read(rpc_caller(call), api->config->allow_unauthenticated, &who, why) == OK && who.admin)
		return OK;
	return fail(why, ERR_DENIED, "%s is for a platform admin", what);
}

void
provider_send(struct ask *ask, const struct msg_provider_row *row)
{
	Openshell__V1__ProviderResponse out = OPENSHELL__V1__PROVIDER_RESPONSE__INIT;
	auto_arena struct arena arena = {.max_bytes = PROVIDER_ARENA_BYTES};
	struct why why = {0};
	enum err r;

	if ((r = view_provider(&arena, row, &out.provider, &why)) != OK)
		ask_fail(ask, r, &why);
	else
		ask_send(ask, &out.base);
}

static void
row_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	if (r == OK)
		provider_send(ask, &answer->provider_row);
	else
		ask_fail(ask, r, why);
}

void
provider_ask(struct ask *ask, const char *workspace, const char *name, ask_answered *answered)
{
	struct msg question = {.id = PROVIDER_GET, .provider_get.profile = true};
	struct why why = {0};
	enum err r;

	if ((r = provider_workspace(workspace, &question.provider_get.workspace, &why)) != OK ||
	    (r = provider_named(name, &question.provider_get.name, &why)) != OK)
		ask_fail(ask, r, &why);
	else
		ask_put(ask, ROLE_STATE, &question, PROVIDER_ROW, answered);
}

/* ---- create ---- */

struct creation {
	struct msg question;
	bool named; /* by the caller */
	unsigned tries;
	char name[WORDS_NAME_BYTES];
};

static ask_answered create_answered;

static void
create_try(struct ask *ask)
{
	struct creation *creation = ask->detail;

	if (!creation->named) {
		words_name(creation->name);
		creation->question.provider_create.name = span_of_text(creation->name);
	}
	ask_put(ask, ROLE_STATE, &creation->question, PROVIDER_ROW, create_answered);
}

static void
create_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	struct creation *creation = ask->detail;

	if (r == ERR_EXISTS && !creation->named && ++creation->tries < NAME_TRIES)
		create_try(ask);
	else
		row_answered(ask, r, answer, why);
}

/*
 * CreateProvider: check, seal, store.
 *
 * errors  INVALID_ARGUMENT a limit, or no credentials; ALREADY_EXISTS the name; NOT_FOUND the workspace; UNAVAILABLE
 * state or credentials is away, and nothing is stored
 */
void
provider_create(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__CreateProviderRequest *in = (const Openshell__V1__CreateProviderRequest *)message;
	struct ask *ask = ask_new(self, call, message, sizeof(struct creation));
	const struct sealer sealer = provider_sealer(self);
	struct creation *creation;
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	creation = ask->detail;
	creation->question.id = PROVIDER_CREATE;
	r = provider_create_read(&sealer, rpc_arena(call), in, &creation->question.provider_create, &why);
	provider_secrets_wipe(in->provider);
	if (r != OK) {
		ask_fail(ask, r, &why);
		return;
	}
	creation->named = creation->question.provider_create.name.length > 0;
	creation->question.provider_create.subject = provider_subject(self, call);
	create_try(ask);
}

/* ---- get ---- */

/* GetProvider: NOT_FOUND "provider 'x' not found". */
void
provider_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__GetProviderRequest *in = (const Openshell__V1__GetProviderRequest *)message;
	struct ask *ask = ask_new(self, call, message, 0);

	if (ask != NULL)
		provider_ask(ask, in->workspace, in->name, row_answered);
}

/* ---- update ---- */

static void
update_row_came(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	const Openshell__V1__UpdateProviderRequest *in = (const Openshell__V1__UpdateProviderRequest *)ask->request;
	const struct sealer sealer = provider_sealer(ask->work.api);
	struct msg question = {.id = PROVIDER_UPDATE};

	if (r == OK)
		r = provider_update_read(
		    &sealer, rpc_arena(ask->work.call), in, &answer->provider_row, &question.provider_update, why);
	provider_secrets_wipe(in->provider);
	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	question.provider_update.subject = provider_subject(ask->work.api, ask->work.call);
	ask_put(ask, ROLE_STATE, &question, PROVIDER_ROW, row_answered);
}

/*
 * UpdateProvider: maps are merged, an empty value deletes its key; metadata.resource_version 0 does not compare.
 *
 * errors  NOT_FOUND; ABORTED another resource_version; INVALID_ARGUMENT a limit, or what cannot be changed;
 *         FAILED_PRECONDITION a key that is renewed, or that does not go with another provider; UNAVAILABLE
 */
void
provider_update(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__UpdateProviderRequest *in = (const Openshell__V1__UpdateProviderRequest *)message;
	struct ask *ask = ask_new(self, call, message, 0);
	const char *name = in->provider == NULL || in->provider->metadata == NULL ? NULL : in->provider->metadata->name;

	if (ask != NULL)
		provider_ask(ask, in->workspace, name, update_row_came);
}

/* ---- delete ---- */

static void
delete_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__DeleteProviderResponse out = OPENSHELL__V1__DELETE_PROVIDER_RESPONSE__INIT;

	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	out.has_deleted = out.has_outcome = true;
	out.deleted = answer->provider_deleted.deleted;
	out.outcome = out.deleted ? OPENSHELL__V1__DELETION_OUTCOME__DELETION_OUTCOME_ACCEPTED
				  : OPENSHELL__V1__DELETION_OUTCOME__DELETION_OUTCOME_ALREADY_ABSENT;
	ask_send(ask, &out.base);
}

/* DeleteProvider: deleted is false where it was not there; FAILED_PRECONDITION while sandboxes have it attached. */
void
provider_delete(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__DeleteProviderRequest *in = (const Openshell__V1__DeleteProviderRequest *)message;
	struct msg question = {.id = PROVIDER_DELETE};
	struct ask *ask = ask_new(self, call, message, 0);
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	question.provider_delete.subject = provider_subject(self, call);
	if ((r = provider_workspace(in->workspace, &question.provider_delete.workspace, &why)) != OK ||
	    (r = provider_named(in->name, &question.provider_delete.name, &why)) != OK)
		ask_fail(ask, r, &why);
	else
		ask_put(ask, ROLE_STATE, &question, PROVIDER_DELETED, delete_answered);
}

/* ---- list ---- */

/* A page that is being put together: state cuts what would be too long for one message. */
struct listing {
	struct msg question;
	uint32_t wanted;
	size_t bytes;
	Openshell__V1__ListProvidersResponse out;
};

static enum err
listing_take(struct listing *listing, struct arena *arena, const struct msg_provider_listed *listed, struct why *why)
{
	Openshell__V1__ListProvidersResponse *out = &listing->out;
	enum err r;

	if (listed->providers_n > listing->wanted - out->n_providers)
		return fail(why, ERR_PROTOCOL, "more rows came than were asked for");
	for (size_t i = 0; i < listed->providers_n; i++) {
		Openshell__Datamodel__V1__Provider **to = &out->providers[out->n_providers];

		if ((r = view_provider(arena, &listed->providers[i], to, why)) != OK)
			return r;
		out->n_providers++;
		listing->bytes += openshell__datamodel__v1__provider__get_packed_size(*to) + 8;
		if (listing->bytes > ANSWER_BYTES_MAX)
			return fail(why, ERR_LIMIT,
			    "the page would have more than %u bytes: ask with a limit below %zu", ANSWER_BYTES_MAX,
			    out->n_providers);
	}
	return OK;
}

static void
list_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	struct listing *listing = ask->detail;
	struct msg_provider_list *m = &listing->question.provider_list;

	if (r == OK)
		r = listing_take(listing, rpc_arena(ask->work.call), &answer->provider_listed, why);
	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	m->offset += (uint32_t)answer->provider_listed.providers_n;
	if (!answer->provider_listed.more || listing->out.n_providers == listing->wanted) {
		if (listing->out.n_providers == listing->wanted) /* there may be more, if only an empty page */
			listing->out.next_page_token = arena_format(rpc_arena(ask->work.call), "%u", m->offset);
		ask_send(ask, &listing->out.base);
		return;
	}
	m->limit = listing->wanted - (uint32_t)listing->out.n_providers;
	ask_put(ask, ROLE_STATE, &listing->question, PROVIDER_LISTED, list_answered);
}

static enum err
list_read(struct api *api, struct rpc_call *call, const Openshell__V1__ListProvidersRequest *in,
    struct msg_provider_list *out, struct why *why)
{
	bool all = in->has_all_workspaces && in->all_workspaces;

	out->limit = provider_page(in->limit);
	out->offset = in->offset;
	if (!all)
		return provider_workspace(in->workspace, &out->workspace, why);
	if (in->workspace != NULL && in->workspace[0] != '\0')
		return fail(why, ERR_INVALID, "all_workspaces and workspace cannot be given together");
	return provider_platform(api, call, "all_workspaces", why);
}

/* ListProviders: a page, by workspace and name. */
void
providers_list(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	struct ask *ask = ask_new(self, call, message, sizeof(struct listing));
	struct listing *listing;
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	listing = ask->detail;
	listing->question.id = PROVIDER_LIST;
	rpc_arena(call)->max_bytes = PROVIDER_ARENA_BYTES;
	openshell__v1__list_providers_response__init(&listing->out);
	r = list_read(
	    self, call, (const Openshell__V1__ListProvidersRequest *)message, &listing->question.provider_list, &why);
	listing->wanted = listing->question.provider_list.limit;
	if (r == OK && (listing->out.providers =
			       arena_array(rpc_arena(call), listing->wanted, sizeof(*listing->out.providers))) == NULL)
		r = fail(&why, ERR_LIMIT, "the request needs too much memory");
	if (r != OK)
		ask_fail(ask, r, &why);
	else
		ask_put(ask, ROLE_STATE, &listing->question, PROVIDER_LISTED, list_answered);
}
