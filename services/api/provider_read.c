/* provider_read: the limits of providers, and the one place where a secret is taken out of a request and sealed. */
#include "services/api/provider_read.h"

#include "common/base/log.h"
#include "common/provider/type.h"
#include "common/seal/sealed.h"
#include "common/wire/protobuf.h"
#include "services/api/check.h"

#define WORKSPACE_DEFAULT "default"

static enum err
too_large(struct why *why)
{
	return fail(why, ERR_LIMIT, "the request needs too much memory");
}

/* ---- wiping: protobuf's copies are ours to write on ---- */

static void
text_wipe(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
}

void
provider_secrets_wipe(const Openshell__Datamodel__V1__Provider *provider)
{
	for (size_t i = 0; provider != NULL && i < provider->n_credentials; i++)
		text_wipe(provider->credentials[i]->value);
}

void
refresh_secrets_wipe(const Openshell__V1__ConfigureProviderRefreshRequest *in)
{
	for (size_t i = 0; i < in->n_material; i++)
		text_wipe(in->material[i]->value);
}

/* ---- names ---- */

enum err
provider_workspace(const char *workspace, struct span *out, struct why *why)
{
	*out = workspace == NULL || workspace[0] == '\0' ? SPAN(WORKSPACE_DEFAULT) : span_of_text(workspace);
	return check_name("workspace", *out, why);
}

enum err
provider_named(const char *name, struct span *out, struct why *why)
{
	enum err r;

	*out = span_of_text(name);
	if (out->length == 0)
		return fail(why, ERR_INVALID, "name is required");
	if ((r = provider_name_check(*out, why)) != OK)
		return because(why, ERR_INVALID, "name");
	return OK;
}

/* ---- parts ---- */

static enum err
value_check(const char *field, const struct pair *pair, struct why *why)
{
	if (pair->value.length > PROVIDER_VALUE_MAX)
		return fail(why, ERR_INVALID, "%s.%s has %zu bytes, at most %d are allowed", field,
		    log_quote(span_head(pair->key, 64)), pair->value.length, PROVIDER_VALUE_MAX);
	return OK;
}

static enum err
secret_seal(const struct sealer *sealer, struct arena *arena, struct id provider, const struct pair *pair,
    struct msg_sealed_secret *out, struct why *why)
{
	size_t length = SEALED_BYTES(pair->key.length, pair->value.length);
	uint8_t *box = arena_alloc(arena, length);

	if (sealer->broker_key == NULL)
		return fail(
		    why, ERR_UNAVAILABLE, "the gateway has no credentials process to keep secrets: none are taken");
	if (box == NULL)
		return too_large(why);
	*out = (struct msg_sealed_secret){pair->key, span_of_bytes(box, length)};
	return sealed_make(sealer->broker_key, provider, pair->key, pair->value, box, why);
}

/* Credentials with a value are sealed; the keys of those without one are put into removed. */
static enum err
credentials_read(const struct sealer *sealer, struct arena *arena, struct id provider,
    const Openshell__Datamodel__V1__Provider *in, struct msg_sealed_secret **secrets, size_t *secrets_n,
    struct span **removed, size_t *removed_n, struct why *why)
{
	struct pair *pairs;
	size_t n;
	enum err r;

	*secrets_n = *removed_n = 0;
	if (in->n_credentials > PROVIDER_KEYS_MAX)
		return fail(why, ERR_INVALID, "provider.credentials has %zu keys, at most %d are allowed",
		    in->n_credentials, PROVIDER_KEYS_MAX);
	if ((r = pairs_of(arena, in->credentials, in->n_credentials, &pairs, &n, why)) != OK)
		return because(why, r, "provider.credentials");
	*secrets = arena_array(arena, n + 1, sizeof(**secrets));
	*removed = arena_array(arena, n + 1, sizeof(**removed));
	if (*secrets == NULL || *removed == NULL)
		return too_large(why);
	for (size_t i = 0; i < n && r == OK; i++) {
		if ((r = provider_key_check(pairs[i].key, why)) != OK)
			return because(why, ERR_INVALID, "provider.credentials");
		if (pairs[i].value.length == 0)
			(*removed)[(*removed_n)++] = pairs[i].key;
		else if ((r = value_check("provider.credentials", &pairs[i], why)) == OK)
			r = secret_seal(sealer, arena, provider, &pairs[i], &(*secrets)[(*secrets_n)++], why);
	}
	return r;
}

static enum err
config_key_check(struct span key, struct why *why)
{
	size_t at;

	if (key.length == 0 || key.length > PROVIDER_KEY_MAX || span_find(key, '=', &at))
		return fail(why, ERR_INVALID,
		    "provider.config: \"%s\" is no key: 1 to %d bytes without =", log_quote(span_head(key, 64)),
		    PROVIDER_KEY_MAX);
	return OK;
}

/* The same of what is no secret. */
static enum err
config_read(struct arena *arena, const Openshell__Datamodel__V1__Provider *in, struct span **texts, size_t *texts_n,
    struct span **removed, size_t *removed_n, struct why *why)
{
	struct pair *pairs;
	size_t n, kept = 0;
	enum err r;

	*removed_n = 0;
	if (in->n_config > PROVIDER_CONFIG_MAX)
		return fail(why, ERR_INVALID, "provider.config has %zu entries, at most %d are allowed", in->n_config,
		    PROVIDER_CONFIG_MAX);
	if ((r = pairs_of(arena, in->config, in->n_config, &pairs, &n, why)) != OK)
		return because(why, r, "provider.config");
	if ((*removed = arena_array(arena, n + 1, sizeof(**removed))) == NULL)
		return too_large(why);
	for (size_t i = 0; i < n; i++) {
		if ((r = config_key_check(pairs[i].key, why)) != OK ||
		    (r = value_check("provider.config", &pairs[i], why)) != OK)
			return r;
		if (pairs[i].value.length == 0)
			(*removed)[(*removed_n)++] = pairs[i].key;
		else
			pairs[kept++] = pairs[i];
	}
	*texts_n = kept;
	return pairs_texts(arena, pairs, kept, texts, why);
}

/* Entries of both maps of expiries are alike. */
struct expiry_entry {
	ProtobufCMessage base;
	char *key;
	protobuf_c_boolean has_value;
	int64_t value;
};

static enum err
expiries_read(struct arena *arena, const void *const *first, size_t first_n, const void *const *second, size_t second_n,
    struct msg_key_expiry **out, size_t *out_n, struct why *why)
{
	*out_n = 0;
	if (first_n + second_n > PROVIDER_KEYS_MAX)
		return fail(why, ERR_INVALID, "credential_expires_at_ms has %zu keys, at most %d are allowed",
		    first_n + second_n, PROVIDER_KEYS_MAX);
	if ((*out = arena_array(arena, first_n + second_n + 1, sizeof(**out))) == NULL)
		return too_large(why);
	for (size_t i = 0; i < first_n + second_n; i++) {
		const struct expiry_entry *entry = i < first_n ? first[i] : second[i - first_n];
		struct span key = span_of_text(entry->key);

		if (key.length == 0 || key.length > PROVIDER_KEY_MAX)
			return fail(
			    why, ERR_INVALID, "credential_expires_at_ms: a key has 1 to %d bytes", PROVIDER_KEY_MAX);
		(*out)[(*out_n)++] = (struct msg_key_expiry){key, entry->value > 0 ? (uint64_t)entry->value : 0};
	}
	return OK;
}

#define entries_of(entries, n) ((n) == 0 ? NULL : (const void *const *)(entries)), (n)

/* What a caller may not say at all, in a request of either kind. */
static enum err
common_check(const Openshell__Datamodel__V1__Provider *in, struct why *why)
{
	if (in == NULL)
		return fail(why, ERR_INVALID, "provider is required");
	if (in->n_credential_handles > 0)
		return fail(why, ERR_INVALID, "provider.credential_handles cannot be set by callers");
	return OK;
}

/* ---- create ---- */

static enum err
marks_read(struct arena *arena, const Openshell__Datamodel__V1__ObjectMeta *meta, struct msg_provider_create *out,
    struct why *why)
{
	struct pair *pairs;
	enum err r;

	if (meta == NULL)
		return OK;
	if ((r = pairs_of(arena, meta->labels, meta->n_labels, &pairs, &out->labels_n, why)) != OK ||
	    (r = check_labels("labels", pairs, out->labels_n, why)) != OK ||
	    (r = pairs_texts(arena, pairs, out->labels_n, &out->labels, why)) != OK ||
	    (r = pairs_of(arena, meta->annotations, meta->n_annotations, &pairs, &out->annotations_n, why)) != OK ||
	    (r = check_annotations("annotations", pairs, out->annotations_n, why)) != OK)
		return r;
	return pairs_texts(arena, pairs, out->annotations_n, &out->annotations, why);
}

static enum err
type_read(const char *text, struct span *out, struct why *why)
{
	*out = provider_type(span_of_text(text));
	if (out->length == 0)
		return fail(why, ERR_INVALID, "provider.type is required");
	if (out->length > PROVIDER_TYPE_MAX)
		return fail(why, ERR_INVALID, "provider.type has %zu bytes, at most %d are allowed", out->length,
		    PROVIDER_TYPE_MAX);
	return OK;
}

static enum err
tier_read(const char *text, struct span workspace, struct span *out, struct why *why)
{
	*out = span_of_text(text);
	if (out->length > 0 && !span_equal(*out, workspace))
		return fail(why, ERR_INVALID, "provider.profile_workspace: empty or the provider's own workspace");
	return OK;
}

enum err
provider_create_read(const struct sealer *sealer, struct arena *arena, const Openshell__V1__CreateProviderRequest *in,
    struct msg_provider_create *out, struct why *why)
{
	const Openshell__Datamodel__V1__Provider *provider = in->provider;
	struct span *ignored;
	size_t ignored_n;
	enum err r;

	*out = (struct msg_provider_create){.provider = id_new()};
	if ((r = common_check(provider, why)) != OK ||
	    (r = provider_workspace(in->workspace, &out->workspace, why)) != OK ||
	    (r = type_read(provider->type, &out->type, why)) != OK ||
	    (r = tier_read(provider->profile_workspace, out->workspace, &out->profile_workspace, why)) != OK)
		return r;
	if (provider->metadata != NULL && provider->metadata->name != NULL && provider->metadata->name[0] != '\0' &&
	    (r = provider_named(provider->metadata->name, &out->name, why)) != OK)
		return r;
	if ((r = marks_read(arena, provider->metadata, out, why)) != OK ||
	    (r = config_read(arena, provider, &out->config, &out->config_n, &ignored, &ignored_n, why)) != OK ||
	    (r = expiries_read(arena,
		 entries_of(provider->credential_expires_at_ms, provider->n_credential_expires_at_ms), NULL, 0,
		 &out->expiries, &out->expiries_n, why)) != OK)
		return r;
	return credentials_read(
	    sealer, arena, out->provider, provider, &out->secrets, &out->secrets_n, &ignored, &ignored_n, why);
}

/* ---- update ---- */

static enum err
unchanging(const Openshell__Datamodel__V1__Provider *in, const struct msg_provider_row *row, struct why *why)
{
	struct span type = provider_type(span_of_text(in->type));

	if (type.length > 0 && !span_equal(type, row->type))
		return fail(
		    why, ERR_INVALID, "provider.type cannot be changed: it is '" SPAN_FORMAT "'", SPAN_ARGS(row->type));
	if (in->profile_workspace != NULL && in->profile_workspace[0] != '\0' &&
	    !span_is(row->profile_workspace, in->profile_workspace))
		return fail(why, ERR_INVALID, "provider.profile_workspace cannot be changed");
	return OK;
}

enum err
provider_update_read(const struct sealer *sealer, struct arena *arena, const Openshell__V1__UpdateProviderRequest *in,
    const struct msg_provider_row *row, struct msg_provider_update *out, struct why *why)
{
	const Openshell__Datamodel__V1__Provider *provider = in->provider;
	enum err r;

	*out = (struct msg_provider_update){.provider = row->provider};
	if ((r = common_check(provider, why)) != OK || (r = unchanging(provider, row, why)) != OK ||
	    (r = config_read(arena, provider, &out->config, &out->config_n, &out->config_remove, &out->config_remove_n,
		 why)) != OK ||
	    (r = expiries_read(arena,
		 entries_of(provider->credential_expires_at_ms, provider->n_credential_expires_at_ms),
		 entries_of(in->credential_expires_at_ms, in->n_credential_expires_at_ms), &out->expiries,
		 &out->expiries_n, why)) != OK)
		return r;
	if (provider->metadata != NULL)
		out->expected = provider->metadata->resource_version;
	return credentials_read(sealer, arena, row->provider, provider, &out->secrets, &out->secrets_n,
	    &out->secrets_remove, &out->secrets_remove_n, why);
}

/* ---- refresh ---- */

/* The profile of the row; NULL: it has none. */
static enum err
profile_read(struct arena *arena, const struct msg_provider_row *row, const Openshell__V1__ProviderProfile **out,
    struct why *why)
{
	ProtobufCMessage *profile = NULL;
	enum err r = OK;

	if (row->profile.length > 0)
		r = protobuf_read(&openshell__v1__provider_profile__descriptor, row->profile, arena, &profile, why);
	*out = (const Openshell__V1__ProviderProfile *)profile;
	return r == OK ? OK : because(why, r == ERR_LIMIT ? r : ERR_INTERNAL, "stored profile");
}

static enum err
plan_read(struct arena *arena, const Openshell__V1__ConfigureProviderRefreshRequest *in,
    const struct msg_provider_row *row, bool sts, const struct pair *pairs, size_t n, struct refresh_plan *out,
    struct why *why)
{
	struct provider_pair *material = arena_array(arena, n + 1, sizeof(*material));
	struct refresh_question question = {.key = span_of_text(in->credential_key),
	    .strategy = (int)in->strategy,
	    .sts = sts,
	    .material = material,
	    .material_count = n,
	    .secret_keys = (const char *const *)in->secret_material_keys,
	    .secret_keys_count = in->n_secret_material_keys};
	enum err r;

	if (material == NULL)
		return too_large(why);
	for (size_t i = 0; i < n; i++) /* both end with a NUL, in protobuf's own copies */
		material[i] = (struct provider_pair){pairs[i].key.at, pairs[i].value.at};
	if ((r = profile_read(arena, row, &question.profile, why)) != OK)
		return r;
	return refresh_plan(&question, arena, out, why);
}

enum err
refresh_configure_read(const struct sealer *sealer, struct arena *arena,
    const Openshell__V1__ConfigureProviderRefreshRequest *in, const struct msg_provider_row *row, bool sts,
    struct msg_refresh_configure *out, struct why *why)
{
	struct refresh_plan plan;
	struct pair *pairs, *clear;
	size_t n, clear_n = 0;
	enum err r;

	*out = (struct msg_refresh_configure){.provider = row->provider, .key = span_of_text(in->credential_key)};
	if ((r = provider_key_check(out->key, why)) != OK)
		return because(why, ERR_INVALID, "credential_key");
	if (in->n_material > PROVIDER_MATERIAL_MAX)
		return fail(why, ERR_INVALID, "material has %zu entries, at most %d are allowed", in->n_material,
		    PROVIDER_MATERIAL_MAX);
	if ((r = pairs_of(arena, in->material, in->n_material, &pairs, &n, why)) != OK)
		return because(why, r, "material");
	if ((r = plan_read(arena, in, row, sts, pairs, n, &plan, why)) != OK)
		return r;
	clear = arena_array(arena, n + 1, sizeof(*clear));
	if (clear == NULL || (out->secrets = arena_array(arena, n + 1, sizeof(*out->secrets))) == NULL)
		return too_large(why);
	for (size_t i = 0; i < n && r == OK; i++) {
		size_t at;

		if (pairs[i].key.length == 0 || pairs[i].key.length > PROVIDER_KEY_MAX ||
		    span_find(pairs[i].key, '=', &at))
			r = fail(why, ERR_INVALID, "material: a key has 1 to %d bytes without =", PROVIDER_KEY_MAX);
		else if ((r = value_check("material", &pairs[i], why)) == OK && plan.secret[i])
			r = secret_seal(sealer, arena, row->provider, &pairs[i], &out->secrets[out->secrets_n++], why);
		else
			clear[clear_n++] = pairs[i];
	}
	out->strategy = (uint8_t)plan.strategy;
	out->expires_ms = in->has_expires_at_ms && in->expires_at_ms > 0 ? (uint64_t)in->expires_at_ms : 0;
	out->material_n = clear_n;
	return r == OK ? pairs_texts(arena, clear, clear_n, &out->material, why) : r;
}
