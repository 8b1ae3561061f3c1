/* view: configuration and policy revisions, from messages of the bus to messages of the public interface. */
#include "common/base/text.h"
#include "common/wire/protobuf.h"
#include "services/api/settings.h"
#include "services/api/view.h"
#include "services/api/viewing.h"

#define KEYS_MAX 16 /* of setting_keys */

/* The value of a key among "KEY=value" texts; NULL in out when it is not there. */
static enum err
value_of(struct arena *arena, const struct msg_config *config, const char *key, char **out)
{
	*out = NULL;
	for (size_t i = 0; i < config->settings_n; i++) {
		struct span value = config->settings[i];

		if (span_is(span_cut(&value, '='), key) && (*out = arena_text(arena, value)) == NULL)
			return ERR_LIMIT;
	}
	return OK;
}

static bool
managed(const struct msg_config *config, const char *key)
{
	for (size_t i = 0; i < config->managed_n; i++)
		if (span_is(config->managed[i], key))
			return true;
	return false;
}

static Openshell__Sandbox__V1__SettingValue *
value_view(struct arena *arena, const struct setting_key *key, char *text)
{
	Openshell__Sandbox__V1__SettingValue *value =
	    message_new(arena, Openshell__Sandbox__V1__SettingValue, openshell__sandbox__v1__setting_value);

	if (value != NULL)
		setting_value_view(key, text, value);
	return value;
}

/* One key, set or not: what is not set has no value and no scope. */
static enum err
effective_view(struct arena *arena, const struct msg_config *config, const struct setting_key *key,
    Openshell__Sandbox__V1__GetSandboxConfigResponse__SettingsEntry **out)
{
	Openshell__Sandbox__V1__GetSandboxConfigResponse__SettingsEntry *entry =
	    message_new(arena, Openshell__Sandbox__V1__GetSandboxConfigResponse__SettingsEntry,
		openshell__sandbox__v1__get_sandbox_config_response__settings_entry);
	Openshell__Sandbox__V1__EffectiveSetting *setting =
	    message_new(arena, Openshell__Sandbox__V1__EffectiveSetting, openshell__sandbox__v1__effective_setting);
	char *text;

	if (entry == NULL || setting == NULL || value_of(arena, config, key->key, &text) != OK)
		return ERR_LIMIT;
	setting->has_scope = text != NULL;
	setting->scope = managed(config, key->key) ? OPENSHELL__SANDBOX__V1__SETTING_SCOPE__SETTING_SCOPE_GLOBAL
						   : OPENSHELL__SANDBOX__V1__SETTING_SCOPE__SETTING_SCOPE_SANDBOX;
	if (text != NULL && (setting->value = value_view(arena, key, text)) == NULL)
		return ERR_LIMIT;
	entry->key = (char *)(uintptr_t)key->key;
	entry->value = setting;
	*out = entry;
	return OK;
}

static enum err
settings_view(
    struct arena *arena, const struct msg_config *config, Openshell__Sandbox__V1__GetSandboxConfigResponse *out)
{
	if ((out->settings = arena_array(arena, KEYS_MAX, sizeof(*out->settings))) == NULL)
		return ERR_LIMIT;
	for (const struct setting_key *key = setting_keys; key->key != NULL && out->n_settings < KEYS_MAX; key++)
		if (effective_view(arena, config, key, &out->settings[out->n_settings++]) != OK)
			return ERR_LIMIT;
	return OK;
}

static enum err
policy_view(struct arena *arena, struct span bytes, Openshell__Sandbox__V1__SandboxPolicy **out, struct why *why)
{
	ProtobufCMessage *policy;
	enum err r = protobuf_read(&openshell__sandbox__v1__sandbox_policy__descriptor, bytes, arena, &policy, why);

	if (r != OK)
		return because(why, r == ERR_SYNTAX ? ERR_INTERNAL : r, "stored policy");
	*out = (Openshell__Sandbox__V1__SandboxPolicy *)policy;
	return OK;
}

char *
view_hash(struct arena *arena, struct span hash)
{
	char *text = arena_alloc(arena, 2 * hash.length + 1);

	if (text != NULL)
		hex_write(hash.at, hash.length, text);
	return text;
}

enum err
view_config(struct arena *arena, const struct msg_config *config,
    Openshell__Sandbox__V1__GetSandboxConfigResponse **out, struct why *why)
{
	Openshell__Sandbox__V1__GetSandboxConfigResponse *view = message_new(arena,
	    Openshell__Sandbox__V1__GetSandboxConfigResponse, openshell__sandbox__v1__get_sandbox_config_response);
	enum err r;

	if (view == NULL || (view->workspace = arena_text(arena, config->workspace)) == NULL ||
	    (view->policy_hash = view_hash(arena, config->hash)) == NULL || settings_view(arena, config, view) != OK)
		return view_too_large(why);
	if ((r = policy_view(arena, config->policy, &view->policy, why)) != OK)
		return r;
	view->has_version = view->has_config_revision = view->has_policy_source = view->has_global_policy_version =
	    true;
	view->version = config->version;
	view->config_revision = config->config_revision;
	view->global_policy_version = config->global_version;
	view->policy_source = config->global_version != 0
				  ? OPENSHELL__SANDBOX__V1__POLICY_SOURCE__POLICY_SOURCE_GLOBAL
				  : OPENSHELL__SANDBOX__V1__POLICY_SOURCE__POLICY_SOURCE_SANDBOX;
	view->policy_validation_failure_mode =
	    (char *)(uintptr_t)(config->retain ? "retain_last_valid" : "fail_closed");
	*out = view;
	return OK;
}

enum err
view_gateway_config(struct arena *arena, const struct msg_config *config,
    Openshell__Sandbox__V1__GetGatewayConfigResponse **out, struct why *why)
{
	Openshell__Sandbox__V1__GetGatewayConfigResponse *view = message_new(arena,
	    Openshell__Sandbox__V1__GetGatewayConfigResponse, openshell__sandbox__v1__get_gateway_config_response);
	char *text;

	if (view == NULL || (view->settings = arena_array(arena, KEYS_MAX, sizeof(*view->settings))) == NULL)
		return view_too_large(why);
	for (const struct setting_key *key = setting_keys; key->key != NULL && view->n_settings < KEYS_MAX; key++) {
		Openshell__Sandbox__V1__GetGatewayConfigResponse__SettingsEntry *entry =
		    message_new(arena, Openshell__Sandbox__V1__GetGatewayConfigResponse__SettingsEntry,
			openshell__sandbox__v1__get_gateway_config_response__settings_entry);

		if (entry == NULL || value_of(arena, config, key->key, &text) != OK ||
		    (entry->value = value_view(arena, key, text)) == NULL)
			return view_too_large(why);
		entry->key = (char *)(uintptr_t)key->key;
		view->settings[view->n_settings++] = entry;
	}
	view->has_settings_revision = true;
	view->settings_revision = config->settings_revision;
	*out = view;
	return OK;
}

enum err
view_revision(struct arena *arena, const struct msg_policy_revision *revision,
    Openshell__V1__SandboxPolicyRevision **out, struct why *why)
{
	Openshell__V1__SandboxPolicyRevision *view =
	    message_new(arena, Openshell__V1__SandboxPolicyRevision, openshell__v1__sandbox_policy_revision);
	enum err r;

	if (view == NULL || (view->policy_hash = view_hash(arena, revision->hash)) == NULL ||
	    (view->load_error = arena_text(arena, revision->error)) == NULL ||
	    (view->provenance = map_new(arena, revision->annotations, revision->annotations_n,
		 &openshell__v1__sandbox_policy_revision__provenance_entry__descriptor)) == NULL)
		return view_too_large(why);
	if ((view->created_time = view_time(arena, revision->created_ms)) == NULL ||
	    (revision->loaded_ms > 0 && (view->loaded_time = view_time(arena, revision->loaded_ms)) == NULL))
		return view_too_large(why);
	if (revision->policy.length > 0 && (r = policy_view(arena, revision->policy, &view->policy, why)) != OK)
		return r;
	view->n_provenance = revision->annotations_n;
	view->has_version = view->has_status = view->has_created_at_ms = view->has_loaded_at_ms = true;
	view->version = revision->version;
	view->status = (Openshell__V1__PolicyStatus)revision->status; /* the same numbers */
	view->created_at_ms = (int64_t)revision->created_ms;
	view->loaded_at_ms = (int64_t)revision->loaded_ms;
	*out = view;
	return OK;
}
