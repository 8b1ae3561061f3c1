/* api's provider calls: secrets leave it sealed or not at all, answers hold none, and what state is asked. */
#include "tests/unit/test.h"

#include <sodium.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/seal/sealed.h"
#include "tests/bus/api_stage.h"

static uint8_t broker_key[32], broker_secret[32];
static const struct id provider = {{1, 2, 3}};

/* ---- requests ---- */

static Openshell__Datamodel__V1__Provider__CredentialsEntry entries[40];
static Openshell__Datamodel__V1__Provider__CredentialsEntry *entry_list[40];
static Openshell__Datamodel__V1__ObjectMeta meta;
static Openshell__Datamodel__V1__Provider record;

/* One provider with n credentials of these keys and values. */
static Openshell__Datamodel__V1__Provider *
provider_with(const char *name, const char *type, const char *key, const char *value, size_t n)
{
	openshell__datamodel__v1__object_meta__init(&meta);
	openshell__datamodel__v1__provider__init(&record);
	meta.name = (char *)(uintptr_t)name;
	record.metadata = &meta;
	record.type = (char *)(uintptr_t)type;
	for (size_t i = 0; i < n; i++) {
		static char keys[40][16];

		openshell__datamodel__v1__provider__credentials_entry__init(&entries[i]);
		snprintf(keys[i], sizeof(keys[i]), "KEY_%zu", i);
		entries[i].key = n == 1 ? (char *)(uintptr_t)key : keys[i];
		entries[i].value = (char *)(uintptr_t)value;
		entry_list[i] = &entries[i];
	}
	record.credentials = entry_list;
	record.n_credentials = n;
	return &record;
}

static struct msg
row_of(const char *key)
{
	static struct msg_provider_key keys[1];
	static struct span config[] = {{"A=1", 3}};

	keys[0] = (struct msg_provider_key){span_of_text(key), 4102444800000};
	return (struct msg){.id = PROVIDER_ROW,
	    .provider_row = {.provider = provider,
		.name = SPAN("hub"),
		.workspace = SPAN("default"),
		.type = SPAN("github"),
		.created_ms = 1700000000123,
		.resource_version = 3,
		.config = config,
		.config_n = 1,
		.keys = keys,
		.keys_n = key[0] != '\0'}};
}

static void
shows_no_secret(struct got *got)
{
	const Openshell__V1__ProviderResponse *out;

	got_ended(got, 0, NULL);
	out = (const Openshell__V1__ProviderResponse *)got->messages[0];
	assert_string_equal(out->provider->metadata->name, "hub");
	assert_int_equal(out->provider->metadata->resource_version, 3);
	assert_int_equal(out->provider->n_credentials, 1);
	assert_string_equal(out->provider->credentials[0]->key, "GITHUB_TOKEN");
	assert_string_equal(out->provider->credentials[0]->value, "REDACTED");
	assert_int_equal(out->provider->n_credential_handles, 0);
	assert_int_equal(out->provider->credential_expires_at_ms[0]->value, 4102444800000);
	assert_string_equal(out->provider->config[0]->value, "1");
	got_free(got);
}

static void
opens(const struct msg_sealed_secret *secret, struct id of, const char *key, const char *value)
{
	uint8_t room[256];
	struct sealed sealed;
	struct why why = {0};

	assert_true(span_is(secret->key, key));
	assert_int_equal(sealed_open(secret->box, broker_key, broker_secret, room, &sealed, &why), OK);
	assert_true(id_equal(sealed.provider, of));
	assert_true(span_is(sealed.key, key));
	assert_true(span_is(sealed.value, value));
}

#define RESPONSE &openshell__v1__provider_response__descriptor

/* ---- tests ---- */

static void
a_secret_leaves_sealed(void **unused)
{
	Openshell__V1__CreateProviderRequest request = OPENSHELL__V1__CREATE_PROVIDER_REQUEST__INIT;
	const struct msg answer = row_of("GITHUB_TOKEN");
	struct heard *heard;
	struct got *got;

	(void)unused;
	request.provider = provider_with("hub", "gh", "GITHUB_TOKEN", "hunter2", 1);
	got = call(OPENSHELL "CreateProvider", &request.base, RESPONSE);
	heard = actor_hear(&state, PROVIDER_CREATE);
	assert_true(span_is(heard->msg.provider_create.type, "github"));
	assert_true(span_is(heard->msg.provider_create.workspace, "default"));
	assert_int_equal(heard->msg.provider_create.secrets_n, 1);
	opens(heard->msg.provider_create.secrets, heard->msg.provider_create.provider, "GITHUB_TOKEN", "hunter2");
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	shows_no_secret(got);
}

static void
create_refuses(void **unused)
{
	static char long_value[8194], long_name[255];
	static const struct {
		const char *name, *type, *key, *value;
		size_t n;
		int code;
		const char *words;
	} cases[] = {
	    {"hub", "", "A", "v", 1, 3, "type is required"},
	    {"a b", "github", "A", "v", 1, 3, "name"},
	    {long_name, "github", "A", "v", 1, 3, "name"},
	    {"hub", "github", "A-B", "v", 1, 3, "provider.credentials"},
	    {"hub", "github", "v12_KEY", "v", 1, 3, "provider.credentials"},
	    {"hub", "github", "A", long_value, 1, 3, "at most 8192"},
	    {"hub", "github", "", "v", 33, 3, "at most 32"},
	};
	Openshell__V1__CreateProviderRequest request = OPENSHELL__V1__CREATE_PROVIDER_REQUEST__INIT;
	Openshell__Datamodel__V1__Provider__CredentialHandlesEntry handle, *handles[] = {&handle};

	(void)unused;
	memset(long_value, 'x', sizeof(long_value) - 1);
	memset(long_name, 'x', sizeof(long_name) - 1);
	call_fails(OPENSHELL "CreateProvider", &request.base, RESPONSE, 3, "provider is required");
	for (size_t i = 0; i < COUNT(cases); i++) {
		request.provider =
		    provider_with(cases[i].name, cases[i].type, cases[i].key, cases[i].value, cases[i].n);
		call_fails(OPENSHELL "CreateProvider", &request.base, RESPONSE, cases[i].code, cases[i].words);
	}
	request.provider = provider_with("hub", "github", "A", "v", 1);
	openshell__datamodel__v1__provider__credential_handles_entry__init(&handle);
	handle.key = (char *)"A";
	record.credential_handles = handles;
	record.n_credential_handles = 1;
	call_fails(OPENSHELL "CreateProvider", &request.base, RESPONSE, 3, "credential_handles");
	request.provider = provider_with("hub", "github", "A", "v", 1);
	record.profile_workspace = (char *)"other";
	call_fails(OPENSHELL "CreateProvider", &request.base, RESPONSE, 3, "profile_workspace");
	assert_null(actor_heard(&state, PROVIDER_CREATE));
}

/* A name that was made here and is taken is not the caller's fault. */
static void
a_generated_name_is_tried_again(void **unused)
{
	Openshell__V1__CreateProviderRequest request = OPENSHELL__V1__CREATE_PROVIDER_REQUEST__INIT;
	const struct msg answer = row_of("GITHUB_TOKEN");
	struct got *got;

	(void)unused;
	request.provider = provider_with("", "github", "GITHUB_TOKEN", "v", 1);
	got = call(OPENSHELL "CreateProvider", &request.base, RESPONSE);
	actor_refuse(&state, PROVIDER_CREATE, ERR_EXISTS, "provider 'x' already exists");
	actor_answer(&state, PROVIDER_CREATE, &answer);
	shows_no_secret(got);
}

static void
an_update_is_sealed_for_the_record_that_is_there(void **unused)
{
	Openshell__V1__UpdateProviderRequest request = OPENSHELL__V1__UPDATE_PROVIDER_REQUEST__INIT;
	const struct msg answer = row_of("GITHUB_TOKEN");
	struct heard *heard;
	struct got *got;

	(void)unused;
	request.provider = provider_with("hub", "", "GITHUB_TOKEN", "hunter3", 1);
	meta.has_resource_version = true;
	meta.resource_version = 3;
	got = call(OPENSHELL "UpdateProvider", &request.base, RESPONSE);
	actor_answer(&state, PROVIDER_GET, &answer);
	heard = actor_hear(&state, PROVIDER_UPDATE);
	assert_int_equal(heard->msg.provider_update.expected, 3);
	opens(heard->msg.provider_update.secrets, provider, "GITHUB_TOKEN", "hunter3");
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	shows_no_secret(got);

	request.provider = provider_with("hub", "", "GITHUB_TOKEN", "", 1); /* an empty value removes */
	got = call(OPENSHELL "UpdateProvider", &request.base, RESPONSE);
	actor_answer(&state, PROVIDER_GET, &answer);
	heard = actor_hear(&state, PROVIDER_UPDATE);
	assert_int_equal(heard->msg.provider_update.secrets_n, 0);
	assert_int_equal(heard->msg.provider_update.secrets_remove_n, 1);
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	shows_no_secret(got);

	request.provider = provider_with("hub", "nvidia", "GITHUB_TOKEN", "v", 1);
	got = call(OPENSHELL "UpdateProvider", &request.base, RESPONSE);
	actor_answer(&state, PROVIDER_GET, &answer);
	got_ended(got, 3, "provider.type cannot be changed: it is 'github'");
	got_free(got);
}

static void
profiles_are_built_in_or_asked_for(void **unused)
{
	Openshell__V1__ListProviderProfilesRequest list = OPENSHELL__V1__LIST_PROVIDER_PROFILES_REQUEST__INIT;
	Openshell__V1__GetProviderProfileRequest get = OPENSHELL__V1__GET_PROVIDER_PROFILE_REQUEST__INIT;
	Openshell__V1__DeleteProviderProfileRequest delete = OPENSHELL__V1__DELETE_PROVIDER_PROFILE_REQUEST__INIT;
	Openshell__V1__ImportProviderProfilesRequest import = OPENSHELL__V1__IMPORT_PROVIDER_PROFILES_REQUEST__INIT;
	const struct msg none = {.id = PROFILE_LISTED};
	struct got *got;

	(void)unused;
	got = call(
	    OPENSHELL "ListProviderProfiles", &list.base, &openshell__v1__list_provider_profiles_response__descriptor);
	actor_answer(&state, PROFILE_LIST, &none);
	got_ended(got, 0, NULL);
	assert_int_equal(((Openshell__V1__ListProviderProfilesResponse *)got->messages[0])->n_profiles, 13);
	got_free(got);
	get.id = (char *)"github";
	got = call(OPENSHELL "GetProviderProfile", &get.base, &openshell__v1__provider_profile_response__descriptor);
	got_ended(got, 0, NULL);
	assert_string_equal(((Openshell__V1__ProviderProfileResponse *)got->messages[0])->profile->source, "builtin");
	got_free(got);
	get.id = (char *)"forge";
	got = call(OPENSHELL "GetProviderProfile", &get.base, &openshell__v1__provider_profile_response__descriptor);
	actor_answer(&state, PROFILE_LIST, &none);
	got_ended(got, 5, "provider profile 'forge' not found");
	got_free(got);
	delete.id = (char *)"github";
	call_fails(OPENSHELL "DeleteProviderProfile", &delete.base,
	    &openshell__v1__delete_provider_profile_response__descriptor, 9, "built in");
	got = call(OPENSHELL "ImportProviderProfiles", &import.base,
	    &openshell__v1__import_provider_profiles_response__descriptor);
	got_ended(got, 0, NULL);
	assert_int_equal(((Openshell__V1__ImportProviderProfilesResponse *)got->messages[0])->n_diagnostics, 1);
	assert_false(((Openshell__V1__ImportProviderProfilesResponse *)got->messages[0])->imported);
	got_free(got);
}

/* Material is told apart: what is secret leaves sealed. */
static void
material_leaves_sealed(void **unused)
{
	Openshell__V1__ConfigureProviderRefreshRequest request =
	    OPENSHELL__V1__CONFIGURE_PROVIDER_REFRESH_REQUEST__INIT;
	Openshell__V1__ConfigureProviderRefreshRequest__MaterialEntry material[3], *list[3];
	static const char *const pairs[3][2] = {{"client_id", "me"}, {"client_secret", "s1"}, {"refresh_token", "s2"}};
	const struct msg settings = {.id = CONFIG, .config.hash = SPAN("0123456789abcdef0123456789abcdef")};
	struct msg_refresh_state state_now = {.key = SPAN("TOKEN"),
	    .provider = provider,
	    .provider_name = SPAN("cloud"),
	    .strategy = 3,
	    .status = SPAN("configured")};
	const struct msg states = {.id = REFRESH_STATES, .refresh_states = {&state_now, 1}};
	Openshell__V1__ProviderProfile profile = OPENSHELL__V1__PROVIDER_PROFILE__INIT;
	Openshell__V1__ProviderProfileCredential credential = OPENSHELL__V1__PROVIDER_PROFILE_CREDENTIAL__INIT;
	Openshell__V1__ProviderProfileCredential *credentials[] = {&credential};
	Openshell__V1__ProviderCredentialRefresh refresh = OPENSHELL__V1__PROVIDER_CREDENTIAL_REFRESH__INIT;
	char *variables[] = {(char *)"TOKEN"};
	uint8_t bytes[256];
	struct msg row = row_of("");
	struct heard *heard;
	struct got *got;

	(void)unused;
	refresh.has_strategy = true;
	refresh.strategy = 3;
	refresh.token_url = (char *)"https://tokens.test/";
	credential.name = (char *)"token";
	credential.env_vars = variables;
	credential.n_env_vars = 1;
	credential.refresh = &refresh;
	profile.id = (char *)"cloud";
	profile.credentials = credentials;
	profile.n_credentials = 1;
	row.provider_row.profile = span_of_bytes(bytes, openshell__v1__provider_profile__pack(&profile, bytes));
	for (size_t i = 0; i < 3; i++) {
		openshell__v1__configure_provider_refresh_request__material_entry__init(&material[i]);
		material[i].key = (char *)(uintptr_t)pairs[i][0];
		material[i].value = (char *)(uintptr_t)pairs[i][1];
		list[i] = &material[i];
	}
	request.provider = (char *)"cloud";
	request.credential_key = (char *)"TOKEN";
	request.has_strategy = true;
	request.strategy = 3;
	request.material = list;
	request.n_material = 3;
	got = call(OPENSHELL "ConfigureProviderRefresh", &request.base,
	    &openshell__v1__configure_provider_refresh_response__descriptor);
	actor_answer(&state, CONFIG_GET, &settings);
	actor_answer(&state, PROVIDER_GET, &row);
	heard = actor_hear(&state, REFRESH_CONFIGURE);
	assert_int_equal(heard->msg.refresh_configure.material_n, 1);
	assert_true(span_is(heard->msg.refresh_configure.material[0], "client_id=me"));
	assert_int_equal(heard->msg.refresh_configure.secrets_n, 2);
	opens(&heard->msg.refresh_configure.secrets[0], provider, "client_secret", "s1");
	opens(&heard->msg.refresh_configure.secrets[1], provider, "refresh_token", "s2");
	reply_send(&heard->reply, &states);
	heard_free(heard);
	got_ended(got, 0, NULL);
	assert_string_equal(
	    ((Openshell__V1__ConfigureProviderRefreshResponse *)got->messages[0])->status->status, "configured");
	got_free(got);
}

static int
setup_with_key(void **unused)
{
	char hex[65], settings[256];

	(void)unused;
	if (sodium_init() < 0)
		return 1;
	crypto_box_keypair(broker_key, broker_secret);
	hex_write(broker_key, sizeof(broker_key), hex);
	snprintf(settings, sizeof(settings), "tls: false\nallow_unauthenticated: true\ncredentials_key: \"%s\"\n", hex);
	house_open(settings);
	until_healthy();
	return 0;
}

/* No key: an api that was not told whom to seal for takes no secret. */
static void
without_a_key_none_is_taken(void **unused)
{
	Openshell__V1__CreateProviderRequest request = OPENSHELL__V1__CREATE_PROVIDER_REQUEST__INIT;

	(void)unused;
	request.provider = provider_with("hub", "github", "GITHUB_TOKEN", "hunter2", 1);
	call_fails(OPENSHELL "CreateProvider", &request.base, RESPONSE, 14, "no credentials process");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_secret_leaves_sealed),
	    cmocka_unit_test(create_refuses),
	    cmocka_unit_test(a_generated_name_is_tried_again),
	    cmocka_unit_test(an_update_is_sealed_for_the_record_that_is_there),
	    cmocka_unit_test(profiles_are_built_in_or_asked_for),
	    cmocka_unit_test(material_leaves_sealed),
	};
	static const struct CMUnitTest keyless[] = {cmocka_unit_test(without_a_key_none_is_taken)};

	program = argc > 1 ? argv[1] : "";
	return cmocka_run_group_tests(tests, setup_with_key, teardown) +
	       cmocka_run_group_tests(keyless, setup, teardown);
}
