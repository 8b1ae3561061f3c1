/* provider_view: rows into messages. */
#include "services/api/provider_view.h"

#include "common/wire/protobuf.h"
#include "services/api/viewing.h"

#define REDACTED "REDACTED"

#define OBJECT_META(name) openshell__datamodel__v1__object_meta__##name
#define PROVIDER(name)	  openshell__datamodel__v1__provider__##name

static char *
id_copy(struct arena *arena, struct id id)
{
	return arena_text(arena, span_of_text(id_text(id)));
}

static Openshell__Datamodel__V1__ObjectMeta *
view_meta(struct arena *arena, const struct msg_provider_row *row)
{
	Openshell__Datamodel__V1__ObjectMeta *meta =
	    message_new(arena, Openshell__Datamodel__V1__ObjectMeta, openshell__datamodel__v1__object_meta);

	if (meta == NULL || (meta->id = id_copy(arena, row->provider)) == NULL ||
	    (meta->name = arena_text(arena, row->name)) == NULL ||
	    (meta->workspace = arena_text(arena, row->workspace)) == NULL ||
	    (meta->created_time = view_time(arena, row->created_ms)) == NULL ||
	    (meta->labels = map_new(arena, row->labels, row->labels_n, &OBJECT_META(labels_entry__descriptor))) ==
		NULL ||
	    (meta->annotations = map_new(
		 arena, row->annotations, row->annotations_n, &OBJECT_META(annotations_entry__descriptor))) == NULL)
		return NULL;
	meta->n_labels = row->labels_n;
	meta->n_annotations = row->annotations_n;
	meta->has_created_at_ms = meta->has_resource_version = true;
	meta->created_at_ms = (int64_t)row->created_ms;
	meta->resource_version = row->resource_version;
	return meta;
}

/* KEY=REDACTED for each. */
static enum err
view_credentials(struct arena *arena, const struct msg_provider_row *row, Openshell__Datamodel__V1__Provider *out)
{
	struct span *texts = arena_array(arena, row->keys_n + 1, sizeof(*texts));

	if (texts == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < row->keys_n; i++)
		texts[i] = span_of_text(arena_format(arena, SPAN_FORMAT "=" REDACTED, SPAN_ARGS(row->keys[i].key)));
	out->n_credentials = row->keys_n;
	out->credentials = map_new(arena, texts, row->keys_n, &PROVIDER(credentials_entry__descriptor));
	return out->credentials == NULL ? ERR_LIMIT : OK;
}

static enum err
view_expiries(struct arena *arena, const struct msg_provider_row *row, Openshell__Datamodel__V1__Provider *out)
{
	Openshell__Datamodel__V1__Provider__CredentialExpiresAtMsEntry **to =
	    arena_array(arena, row->keys_n + 1, sizeof(*to));

	if ((out->credential_expires_at_ms = to) == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < row->keys_n; i++) {
		Openshell__Datamodel__V1__Provider__CredentialExpiresAtMsEntry *entry;

		if (row->keys[i].expires_ms == 0)
			continue;
		entry = message_new(arena, Openshell__Datamodel__V1__Provider__CredentialExpiresAtMsEntry,
		    openshell__datamodel__v1__provider__credential_expires_at_ms_entry);
		if (entry == NULL || (entry->key = arena_text(arena, row->keys[i].key)) == NULL)
			return ERR_LIMIT;
		entry->has_value = true;
		entry->value = (int64_t)row->keys[i].expires_ms;
		to[out->n_credential_expires_at_ms++] = entry;
	}
	return OK;
}

enum err
view_provider(
    struct arena *arena, const struct msg_provider_row *row, Openshell__Datamodel__V1__Provider **out, struct why *why)
{
	Openshell__Datamodel__V1__Provider *provider =
	    message_new(arena, Openshell__Datamodel__V1__Provider, openshell__datamodel__v1__provider);

	if (provider == NULL || (provider->metadata = view_meta(arena, row)) == NULL ||
	    (provider->type = arena_text(arena, row->type)) == NULL ||
	    (provider->profile_workspace = arena_text(arena, row->profile_workspace)) == NULL ||
	    (provider->config = map_new(arena, row->config, row->config_n, &PROVIDER(config_entry__descriptor))) ==
		NULL ||
	    view_credentials(arena, row, provider) != OK || view_expiries(arena, row, provider) != OK)
		return view_too_large(why);
	provider->n_config = row->config_n;
	*out = provider;
	return OK;
}

enum err
view_refresh(struct arena *arena, const struct msg_refresh_state *state,
    Openshell__V1__ProviderCredentialRefreshStatus **out, struct why *why)
{
	Openshell__V1__ProviderCredentialRefreshStatus *view = message_new(
	    arena, Openshell__V1__ProviderCredentialRefreshStatus, openshell__v1__provider_credential_refresh_status);

	if (view == NULL || (view->provider_name = arena_text(arena, state->provider_name)) == NULL ||
	    (view->provider_id = id_copy(arena, state->provider)) == NULL ||
	    (view->credential_key = arena_text(arena, state->key)) == NULL ||
	    (view->status = arena_text(arena, state->status)) == NULL ||
	    (view->last_error = arena_text(arena, state->error)) == NULL)
		return view_too_large(why);
	view->has_strategy = view->has_expires_at_ms = view->has_next_refresh_at_ms = view->has_last_refresh_at_ms =
	    true;
	view->strategy = (Openshell__V1__ProviderCredentialRefreshStrategy)state->strategy;
	view->expires_at_ms = (int64_t)state->expires_ms;
	view->next_refresh_at_ms = (int64_t)state->next_ms;
	view->last_refresh_at_ms = (int64_t)state->last_ms;
	*out = view;
	return OK;
}

enum err
view_profile(
    struct arena *arena, const struct msg_profile_row *row, Openshell__V1__ProviderProfile **out, struct why *why)
{
	Openshell__V1__ProviderProfile *profile;
	ProtobufCMessage *read;
	enum err r;

	if ((r = protobuf_read(&openshell__v1__provider_profile__descriptor, row->profile, arena, &read, why)) != OK)
		return because(
		    why, r == ERR_SYNTAX ? ERR_INTERNAL : r, "profile " SPAN_FORMAT, SPAN_ARGS(row->profile_id));
	profile = (Openshell__V1__ProviderProfile *)read;
	profile->source = (char *)"user";
	profile->scope = (char *)(row->workspace.length == 0 ? "platform" : "workspace");
	profile->has_resource_version = true;
	profile->resource_version = row->resource_version;
	*out = profile;
	return OK;
}
