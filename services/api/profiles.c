/* profiles: types of providers. The built-in ones are known here, what users brought is asked of state. */
#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/provider/lint.h"
#include "common/provider/profile.h"
#include "common/provider/type.h"
#include "common/wire/protobuf.h"
#include "services/api/check.h"
#include "services/api/methods.h"
#include "services/api/provider_ask.h"
#include "services/api/provider_view.h"

#define PROFILES_MAX	  64 /* of one import */
#define PROFILE_BYTES_MAX 262144u
#define ANSWER_BYTES_MAX  (4u << 20)

/* Empty is the platform's tier, which is a platform admin's to write. */
static enum err
tier(const struct api *api, const struct rpc_call *call, const char *workspace, bool write, struct span *out,
    struct why *why)
{
	*out = span_of_text(workspace);
	if (out->length > 0)
		return check_name("workspace", *out, why);
	return write ? provider_platform(api, call, "the platform's tier of profiles", why) : OK;
}

/* ---- list ---- */

struct listing {
	struct msg question;
	size_t wanted, bytes;
	Openshell__V1__ListProviderProfilesResponse out;
};

static enum err
listing_add(struct listing *listing, Openshell__V1__ProviderProfile *profile, struct why *why)
{
	listing->out.profiles[listing->out.n_profiles++] = profile;
	listing->bytes += openshell__v1__provider_profile__get_packed_size(profile) + 8;
	if (listing->bytes > ANSWER_BYTES_MAX)
		return fail(why, ERR_LIMIT, "the page would have more than %u bytes: ask with a limit below %zu",
		    ANSWER_BYTES_MAX, listing->out.n_profiles);
	return OK;
}

static void
list_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	struct listing *listing = ask->detail;
	struct msg_profile_list *m = &listing->question.profile_list;
	const struct msg_profile_listed *listed = &answer->profile_listed;

	for (size_t i = 0; r == OK && i < listed->profiles_n && listing->out.n_profiles < listing->wanted; i++) {
		Openshell__V1__ProviderProfile *profile;

		if ((r = view_profile(rpc_arena(ask->work.call), &listed->profiles[i], &profile, why)) == OK)
			r = listing_add(listing, profile, why);
	}
	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	if (!listed->more || listing->out.n_profiles == listing->wanted) {
		ask_send(ask, &listing->out.base);
		return;
	}
	m->offset += (uint32_t)listed->profiles_n;
	m->limit = (uint32_t)(listing->wanted - listing->out.n_profiles);
	ask_put(ask, ROLE_STATE, &listing->question, PROFILE_LISTED, list_answered);
}

/* The built-in ones come first; what is left of the page is asked of state. */
static enum err
list_begin(struct api *api, struct rpc_call *call, const Openshell__V1__ListProviderProfilesRequest *in,
    struct listing *listing, struct why *why)
{
	struct msg_profile_list *m = &listing->question.profile_list;
	size_t builtins = api->builtins.count;
	enum err r;

	listing->wanted = provider_page(in->limit);
	listing->out.profiles = arena_array(rpc_arena(call), listing->wanted, sizeof(*listing->out.profiles));
	if (listing->out.profiles == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	if ((r = tier(api, call, in->workspace, false, &m->workspace, why)) != OK)
		return r;
	for (size_t i = in->offset; i < builtins && listing->out.n_profiles < listing->wanted && r == OK; i++)
		r = listing_add(listing, api->builtins.items[i], why);
	m->offset = in->offset > builtins ? in->offset - (uint32_t)builtins : 0;
	m->limit = (uint32_t)(listing->wanted - listing->out.n_profiles);
	return r;
}

/* ListProviderProfiles: where an id is in two tiers both are listed. */
void
profiles_list(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	struct ask *ask = ask_new(self, call, message, sizeof(struct listing));
	struct listing *listing;
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	listing = ask->detail;
	listing->question.id = PROFILE_LIST;
	rpc_arena(call)->max_bytes = PROVIDER_ARENA_BYTES;
	openshell__v1__list_provider_profiles_response__init(&listing->out);
	if ((r = list_begin(self, call, (const Openshell__V1__ListProviderProfilesRequest *)message, listing, &why)) !=
	    OK)
		ask_fail(ask, r, &why);
	else if (listing->question.profile_list.limit == 0)
		ask_send(ask, &listing->out.base);
	else
		ask_put(ask, ROLE_STATE, &listing->question, PROFILE_LISTED, list_answered);
}

/* ---- get ---- */

static void
get_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	const Openshell__V1__GetProviderProfileRequest *in =
	    (const Openshell__V1__GetProviderProfileRequest *)ask->request;
	Openshell__V1__ProviderProfileResponse out = OPENSHELL__V1__PROVIDER_PROFILE_RESPONSE__INIT;
	auto_arena struct arena arena = {.max_bytes = PROVIDER_ARENA_BYTES};

	if (r == OK && answer->profile_listed.profiles_n == 0)
		r = fail(why, ERR_NOT_FOUND, "provider profile '%s' not found",
		    log_quote(span_head(span_of_text(in->id), 64)));
	if (r == OK)
		r = view_profile(&arena, answer->profile_listed.profiles, &out.profile, why);
	if (r != OK)
		ask_fail(ask, r, why);
	else
		ask_send(ask, &out.base);
}

static enum err
id_read(const char *id, struct span *out, struct why *why)
{
	*out = span_of_text(id);
	if (out->length == 0 || out->length > PROVIDER_TYPE_MAX)
		return fail(why, ERR_INVALID, "id has %zu bytes, 1 to %d are allowed", out->length, PROVIDER_TYPE_MAX);
	return OK;
}

/* GetProviderProfile: of the workspace, else of the platform, else built in. */
void
profile_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__GetProviderProfileRequest *in = (const Openshell__V1__GetProviderProfileRequest *)message;
	Openshell__V1__ProviderProfileResponse out = OPENSHELL__V1__PROVIDER_PROFILE_RESPONSE__INIT;
	struct msg question = {.id = PROFILE_LIST, .profile_list.limit = 1};
	struct api *api = self;
	struct ask *ask = ask_new(self, call, message, 0);
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	if ((r = id_read(in->id, &question.profile_list.profile_id, &why)) != OK ||
	    (r = tier(api, call, in->workspace, false, &question.profile_list.workspace, &why)) != OK) {
		ask_fail(ask, r, &why);
		return;
	}
	out.profile = (Openshell__V1__ProviderProfile *)provider_profile(
	    &api->builtins, provider_type(question.profile_list.profile_id));
	if (out.profile != NULL)
		ask_send(ask, &out.base);
	else
		ask_put(ask, ROLE_STATE, &question, PROFILE_LISTED, get_answered);
}

/* ---- import, update, lint ---- */

/* Profiles that come in, and what is wrong with them. */
struct checking {
	Openshell__V1__ProviderProfileImportItem *const *items;
	size_t n;
	struct span workspace;
	struct profile_findings findings;
	struct msg question; /* profile_store */
	enum { IMPORT, UPDATE, LINT } what;
	Openshell__V1__ProviderProfileDiagnostic **diagnostics;
	size_t diagnostics_n;
};

static const char *
text_or_empty(const char *text)
{
	return text == NULL ? "" : text;
}

/* As it is stored: without what only the gateway says of it. */
static enum err
stored_form(
    struct arena *arena, const Openshell__V1__ProviderProfile *profile, struct msg_profile_new *out, struct why *why)
{
	Openshell__V1__ProviderProfile copy = *profile;
	enum err r;

	copy.source = copy.scope = NULL;
	copy.has_resource_version = false;
	copy.resource_version = 0;
	out->profile_id = span_of_text(profile->id);
	if ((r = protobuf_write(&copy.base, arena, &out->profile, why)) != OK)
		return r;
	if (out->profile.length > PROFILE_BYTES_MAX)
		return fail(why, ERR_INVALID, "profile '%s' has %zu bytes encoded, at most %u are allowed", profile->id,
		    out->profile.length, PROFILE_BYTES_MAX);
	return OK;
}

/* What is stored already, in either tier. */
static void
compare(struct checking *checking, const struct msg_profile_listed *listed)
{
	for (size_t i = 0; i < checking->n; i++) {
		const Openshell__V1__ProviderProfile *profile = checking->items[i]->profile;

		for (size_t j = 0; profile != NULL && j < listed->profiles_n; j++) {
			const struct msg_profile_row *row = &listed->profiles[j];
			bool own = span_equal(row->workspace, checking->workspace);

			if (!span_is(row->profile_id, text_or_empty(profile->id)))
				continue;
			if (own && checking->what == IMPORT)
				profile_finding_add(&checking->findings, false,
				    text_or_empty(checking->items[i]->source), profile->id, "id",
				    "there is such a profile already: update it");
			else if (!own && row->workspace.length == 0)
				profile_finding_add(&checking->findings, true,
				    text_or_empty(checking->items[i]->source), profile->id, "id",
				    "it takes the place of the platform's profile in this workspace");
		}
	}
}

static enum err
diagnose(struct checking *checking, struct arena *arena, struct why *why)
{
	return profile_findings_wire(&checking->findings, arena, &checking->diagnostics, &checking->diagnostics_n, why);
}

static void
checked_send(struct ask *ask, const struct msg_profile_listed *stored)
{
	struct checking *checking = ask->detail;
	struct arena *arena = rpc_arena(ask->work.call);
	Openshell__V1__ImportProviderProfilesResponse imported = OPENSHELL__V1__IMPORT_PROVIDER_PROFILES_RESPONSE__INIT;
	Openshell__V1__UpdateProviderProfilesResponse updated = OPENSHELL__V1__UPDATE_PROVIDER_PROFILES_RESPONSE__INIT;
	Openshell__V1__LintProviderProfilesResponse linted = OPENSHELL__V1__LINT_PROVIDER_PROFILES_RESPONSE__INIT;
	Openshell__V1__ProviderProfile **profiles;
	size_t n = stored == NULL ? 0 : stored->profiles_n;
	struct why why = {0};
	enum err r;

	profiles = arena_array(arena, n + 1, sizeof(*profiles));
	r = profiles == NULL ? fail(&why, ERR_LIMIT, "the answer needs too much memory")
			     : diagnose(checking, arena, &why);
	for (size_t i = 0; i < n && r == OK; i++)
		r = view_profile(arena, &stored->profiles[i], &profiles[i], &why);
	if (r != OK) {
		ask_fail(ask, r, &why);
		return;
	}
	imported.diagnostics = updated.diagnostics = linted.diagnostics = checking->diagnostics;
	imported.n_diagnostics = updated.n_diagnostics = linted.n_diagnostics = checking->diagnostics_n;
	imported.has_imported = updated.has_updated = linted.has_valid = true;
	imported.imported = updated.updated = stored != NULL;
	imported.profiles = profiles;
	imported.n_profiles = n;
	updated.profile = n == 1 ? profiles[0] : NULL;
	linted.valid = checking->findings.errors == 0;
	ask_send(ask, checking->what == IMPORT	 ? &imported.base
		      : checking->what == UPDATE ? &updated.base
						 : &linted.base);
}

/* Somebody else was quicker: that is said as what was found before would be. */
static void
store_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	struct checking *checking = ask->detail;

	if (r == OK) {
		checked_send(ask, &answer->profile_listed);
		return;
	}
	if (r != ERR_EXISTS) {
		ask_fail(ask, r, why);
		return;
	}
	profile_finding_add(&checking->findings, false, "", "", "id", "%s", why->text);
	checked_send(ask, NULL);
}

static enum err
store_read(struct ask *ask, struct checking *checking, struct why *why)
{
	struct msg_profile_store *m = &checking->question.profile_store;
	enum err r = OK;

	m->workspace = checking->workspace;
	m->subject = provider_subject(ask->work.api, ask->work.call);
	if ((m->profiles = arena_array(rpc_arena(ask->work.call), checking->n + 1, sizeof(*m->profiles))) == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	for (; m->profiles_n < checking->n && r == OK; m->profiles_n++)
		r = stored_form(rpc_arena(ask->work.call), checking->items[m->profiles_n]->profile,
		    &m->profiles[m->profiles_n], why);
	return r;
}

static void
tiers_came(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	struct checking *checking = ask->detail;

	if (r == OK)
		compare(checking, &answer->profile_listed);
	if (r == OK && (checking->what == LINT || checking->findings.errors > 0)) {
		checked_send(ask, NULL);
		return;
	}
	if (r == OK)
		r = store_read(ask, checking, why);
	if (r != OK)
		ask_fail(ask, r, why);
	else
		ask_put(ask, ROLE_STATE, &checking->question, PROFILE_LISTED, store_answered);
}

/* Lint them; then see what is there already. */
static void
check(struct ask *ask, struct checking *checking)
{
	struct msg question = {
	    .id = PROFILE_LIST, .profile_list = {.workspace = checking->workspace, .limit = PROVIDER_PAGE_MAX}};

	checking->question.id = PROFILE_STORE;
	if (checking->n == 0)
		profile_finding_add(&checking->findings, false, "", "", "profiles", "there is no profile");
	else if (checking->n > PROFILES_MAX)
		profile_finding_add(&checking->findings, false, "", "", "profiles",
		    "%zu profiles, at most %d at one time", checking->n, PROFILES_MAX);
	else
		provider_lint_items(checking->items, checking->n, &checking->findings);
	if (checking->findings.errors > 0 && checking->what != LINT)
		checked_send(ask, NULL);
	else
		ask_put(ask, ROLE_STATE, &question, PROFILE_LISTED, tiers_came);
}

static struct checking *
checking_new(struct ask *ask, int what)
{
	struct checking *checking = ask->detail;

	rpc_arena(ask->work.call)->max_bytes = PROVIDER_ARENA_BYTES;
	checking->findings.arena = rpc_arena(ask->work.call);
	checking->what = what;
	return checking;
}

/* ImportProviderProfiles: all of them or none; what is wrong is said in diagnostics, not as an error. */
void
profiles_import(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ImportProviderProfilesRequest *in =
	    (const Openshell__V1__ImportProviderProfilesRequest *)message;
	struct ask *ask = ask_new(self, call, message, sizeof(struct checking));
	struct checking *checking;
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	checking = checking_new(ask, IMPORT);
	checking->items = in->profiles;
	checking->n = in->n_profiles;
	if ((r = tier(self, call, in->workspace, true, &checking->workspace, &why)) != OK)
		ask_fail(ask, r, &why);
	else
		check(ask, checking);
}

/* LintProviderProfiles: the same without storing anything. */
void
profiles_lint(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__LintProviderProfilesRequest *in =
	    (const Openshell__V1__LintProviderProfilesRequest *)message;
	struct ask *ask = ask_new(self, call, message, sizeof(struct checking));
	struct checking *checking;
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	checking = checking_new(ask, LINT);
	checking->items = in->profiles;
	checking->n = in->n_profiles;
	if ((r = tier(self, call, in->workspace, false, &checking->workspace, &why)) != OK)
		ask_fail(ask, r, &why);
	else
		check(ask, checking);
}

/* UpdateProviderProfiles: one, that has the version the caller knows. ABORTED another one; NOT_FOUND. */
void
profile_update(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__UpdateProviderProfilesRequest *in =
	    (const Openshell__V1__UpdateProviderProfilesRequest *)message;
	struct ask *ask = ask_new(self, call, message, sizeof(struct checking));
	const char *id = in->profile == NULL || in->profile->profile == NULL ? NULL : in->profile->profile->id;
	struct checking *checking;
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	checking = checking_new(ask, UPDATE);
	checking->items = &in->profile;
	checking->n = in->profile != NULL;
	checking->question.profile_store.expected = in->expected_resource_version;
	if (in->expected_resource_version == 0)
		profile_finding_add(&checking->findings, false, "", text_or_empty(in->id), "expected_resource_version",
		    "required: get the profile first");
	if (in->id != NULL && in->id[0] != '\0' && id != NULL && strcmp(in->id, id) != 0)
		profile_finding_add(
		    &checking->findings, false, "", text_or_empty(id), "id", "it is not the one to be updated");
	if ((r = tier(self, call, in->workspace, true, &checking->workspace, &why)) != OK)
		ask_fail(ask, r, &why);
	else
		check(ask, checking);
}

/* ---- delete ---- */

static void
delete_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__DeleteProviderProfileResponse out = OPENSHELL__V1__DELETE_PROVIDER_PROFILE_RESPONSE__INIT;

	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	out.has_deleted = true;
	out.deleted = answer->profile_deleted.deleted;
	ask_send(ask, &out.base);
}

/* DeleteProviderProfile: deleted is false where it was not there; FAILED_PRECONDITION built in, or in use. */
void
profile_delete(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__DeleteProviderProfileRequest *in =
	    (const Openshell__V1__DeleteProviderProfileRequest *)message;
	struct msg question = {.id = PROFILE_DELETE};
	struct msg_profile_delete *m = &question.profile_delete;
	struct api *api = self;
	struct ask *ask = ask_new(self, call, message, 0);
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	m->subject = provider_subject(api, call);
	if ((r = id_read(in->id, &m->profile_id, &why)) == OK &&
	    (r = tier(api, call, in->workspace, true, &m->workspace, &why)) == OK &&
	    provider_profile(&api->builtins, m->profile_id) != NULL)
		r = fail(&why, ERR_STATE, "provider profile '%s' is built in and cannot be deleted", in->id);
	if (r != OK)
		ask_fail(ask, r, &why);
	else
		ask_put(ask, ROLE_STATE, &question, PROFILE_DELETED, delete_answered);
}
