/* What the providers of a sandbox come to: bindings, placeholders, what is withheld, and what does not go together. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/policy/yaml.h"
#include "common/provider/binding.h"
#include "common/policy/reach.h"
#include "common/provider/messages.h"
#include "common/provider/places.h"
#include "common/provider/plan.h"
#include "common/provider/profile_read.h"

static struct arena arena = {.max_bytes = 32u << 20};

#define NOW 1000000

static Profile *
profile_of(const char *text)
{
	struct profile_findings findings = {.arena = &arena};
	struct why why = {0};
	Profile *profile;

	if (provider_profile_read(span_of_text(text), "test", &findings, &profile, &why) != OK)
		fail_msg("%s", why.text);
	return profile;
}

static Policy *
policy_of(const char *text)
{
	struct why why = {0};
	Policy *policy;

	if (policy_from_yaml(span_of_text(text), "test", &arena, &policy, &why) != OK)
		fail_msg("%s", why.text);
	return policy;
}

#define HUB                                                                                                                \
	"id: hub\ncategory: other\ncredentials: [{name: t, env_vars: [HUB_TOKEN]}]\nendpoints:\n"                          \
	"  - {host: api.hub.test, ports: [443, 8443], path: /v1/**, protocol: rest, access: full, enforcement: enforce}\n" \
	"  - {host: hub.test, port: 443, path: '**', protocol: rest, access: full, enforcement: enforce}\n"                \
	"binaries: [/usr/bin/curl]\n"
#define BARE "id: bare\ncategory: other\ncredentials: [{name: t, env_vars: [BARE_TOKEN]}]\n"
#define BOUND                                                                                                          \
	"version: 1\nnetwork_policies: {a: {endpoints: [{host: bare.test, port: 443, protocol: rest, access: full, "   \
	"enforcement: enforce, credential_binding: {provider: mine}}], binaries: [{path: /x}]}}\n"
#define SIGNED                                                                                                         \
	"version: 1\nnetwork_policies: {a: {endpoints: [{host: s3.test, port: 443, protocol: rest, access: full, "     \
	"enforcement: enforce, credential_signing: sigv4, signing_service: s3}], binaries: [{path: /x}]}}\n"
#define PLAIN "version: 1\n"

static const struct provider_key hub_key = {"HUB_TOKEN", 0, true, false, NULL},
				 bare_key = {"BARE_TOKEN", 0, true, false, NULL};

static enum err
ask(const struct provider_attached *attached, size_t n, const char *policy, struct provider_plan *plan, struct why *why)
{
	const struct provider_question question = {.sandbox = "box",
	    .attached = attached,
	    .attached_count = n,
	    .policy = policy == NULL ? NULL : policy_of(policy),
	    .derive = true,
	    .now_ms = NOW};
	enum err r = provider_plan(&question, &arena, plan, why);

	return r == OK && policy != NULL ? provider_policy_check(&question, plan, why) : r;
}

static void
bindings_come_of_the_profile(void **state)
{
	const struct provider_attached attached = {
	    .name = "hub", .id = "1", .type = "hub", .profile = profile_of(HUB), .keys = &hub_key, .keys_count = 1};
	struct provider_plan plan;
	const char **lines;
	size_t n;

	(void)state;
	assert_int_equal(ask(&attached, 1, PLAIN, &plan, NULL), OK);
	assert_int_equal(plan.secrets_count, 1);
	assert_int_equal(plan.secrets[0].bindings_count, 3);
	assert_string_equal(plan.secrets[0].bindings[0].host, "api.hub.test");
	assert_int_equal(plan.secrets[0].bindings[1].port, 8443);
	assert_string_equal(plan.secrets[0].bindings[1].path, "/v1/**");
	assert_string_equal(plan.secrets[0].bindings[2].path, ""); /* ** is all */
	assert_int_equal(plan.layers_count, 1);
	assert_true(plan.layers[0].credentialed && !plan.layers[0].marks_only && plan.layers[0].rule->n_endpoints == 2);
	assert_int_equal(provider_environment(&plan, 12, &arena, &lines, &n, NULL), OK);
	assert_int_equal(n, 1);
	assert_string_equal(lines[0], "HUB_TOKEN=openshell:resolve:env:v12_HUB_TOKEN");
}

static void
what_has_no_profile_disturbs_nobody(void **state)
{
	static const struct provider_key keys[] = {
	    {"OPENAI_API_KEY", 0, true, false, NULL}, {"HUB_TOKEN", 0, true, false, NULL}};
	const struct provider_attached attached[] = {
	    {.name = "ai", .id = "1", .type = "openai", .keys = keys, .keys_count = 2},
	    {.name = "hub", .id = "2", .type = "hub", .profile = profile_of(HUB), .keys = &hub_key, .keys_count = 1},
	    {.name = "bare",
		.id = "3",
		.type = "bare",
		.profile = profile_of(BARE),
		.keys = &bare_key,
		.keys_count = 1}};
	struct provider_plan plan;

	(void)state;
	assert_int_equal(ask(attached, 3, PLAIN, &plan, NULL), OK);
	assert_int_equal(plan.secrets_count, 1); /* hub's, although ai has a key of that name */
	assert_int_equal(plan.secrets[0].provider, 1);
	assert_int_equal(plan.withheld_count, 3);
	assert_non_null(strstr(plan.withheld[0].reason, "type openai has no profile"));
	assert_non_null(strstr(plan.withheld[2].reason, "credential_binding: {provider: bare}"));
}

static void
a_policy_binds_what_has_no_endpoints(void **state)
{
	const struct provider_attached attached = {
	    .name = "mine", .id = "3", .type = "bare", .profile = profile_of(BARE), .keys = &bare_key, .keys_count = 1};
	struct provider_plan plan;

	(void)state;
	assert_int_equal(ask(&attached, 1, BOUND, &plan, NULL), OK);
	assert_int_equal(plan.secrets_count, 1);
	assert_string_equal(plan.secrets[0].bindings[0].host, "bare.test");
	assert_null(plan.layers[0].rule);
	assert_true(plan.layers[0].credentialed);
}

static void
what_does_not_go_together(void **state)
{
	static const struct provider_key aws[] = {
	    {"AWS_ACCESS_KEY_ID", 0, true, false, NULL}, {"AWS_SECRET_ACCESS_KEY", 0, true, false, NULL}};
	static const struct provider_key project = {"GCP_PROJECT_ID", 0, true, false, NULL};
	static const struct provider_pair config = {"GCP_PROJECT_ID", "p"};
	const Profile *hub = profile_of(HUB), *bare = profile_of(BARE);
	const struct provider_attached two_hubs
	    [] = {{.name = "h1", .id = "1", .type = "hub", .profile = hub, .keys = &hub_key, .keys_count = 1},
		{.name = "h2", .id = "2", .type = "hub", .profile = hub, .keys = &hub_key, .keys_count = 1}},
    plain[] = {{.name = "h", .id = "1", .type = "hub", .profile = hub, .keys = &project, .keys_count = 1},
	    {.name = "g", .id = "2", .type = "google-cloud", .profile = bare, .config = &config, .config_count = 1}},
    mine_hub = {.name = "mine", .id = "1", .type = "hub", .profile = hub, .keys = aws, .keys_count = 2},
    mine_none = {.name = "mine", .id = "1", .type = "openai", .keys = aws, .keys_count = 2};
	const struct {
		const struct provider_attached *attached;
		size_t n;
		const char *policy;
		enum err want;
		const char *words;
	} cases[] = {
	    {two_hubs, 2, PLAIN, ERR_STATE, "providers 'h1' and 'h2' both deliver HUB_TOKEN"},
	    {two_hubs, 1, PLAIN, OK, NULL},
	    {plain, 2, PLAIN, ERR_STATE, "GCP_PROJECT_ID of provider 'h' is also a variable that provider 'g' sets"},
	    {plain, 1, PLAIN, OK, NULL},
	    {two_hubs, 1, BOUND, ERR_STATE, "'mine', which is not attached"},
	    {&mine_hub, 1, BOUND, ERR_STATE, "'mine', whose profile hub has endpoints of its own"},
	    {&mine_none, 1, BOUND, ERR_STATE, "'mine', whose type openai has no profile"},
	    {&mine_hub, 1, SIGNED, ERR_STATE, "credential_signing for s3.test needs a provider with AWS_ACCESS_KEY_ID"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct provider_plan plan;
		struct why why = {0};

		assert_int_equal(ask(cases[i].attached, cases[i].n, cases[i].policy, &plan, &why), cases[i].want);
		if (cases[i].words != NULL && strstr(why.text, cases[i].words) == NULL)
			fail_msg("case %zu: %s", i, why.text);
	}
}

static void
expired_and_reserved_keys(void **state)
{
	static const struct provider_key keys[] = {{"HUB_TOKEN", NOW, true, false, NULL}, /* ends this very moment */
	    {"B", NOW + 1, true, false, NULL}, {"C", 0, false, true, "epoch"}, {"D", 0, false, false, NULL},
	    {"GOOGLE_SERVICE_ACCOUNT_KEY", 0, true, false, NULL}};
	struct provider_attached attached = {
	    .name = "hub", .id = "1", .type = "hub", .profile = profile_of(HUB), .keys = keys, .keys_count = 5};
	struct provider_plan plan;
	const char **lines;
	size_t n;

	(void)state;
	assert_int_equal(ask(&attached, 1, NULL, &plan, NULL), OK);
	assert_int_equal(plan.secrets_count, 4); /* D has no value and nothing mints it */
	assert_true(plan.secrets[0].expired && !plan.secrets[1].expired);
	assert_true(plan.secrets[2].stable && !plan.secrets[2].stored);
	assert_int_equal(provider_environment(&plan, 3, &arena, &lines, &n, NULL), OK);
	assert_int_equal(n, 3);
	assert_string_equal(lines[0], "B=openshell:resolve:env:v3_B");
	assert_int_equal(strlen(lines[1]), strlen("C=openshell:resolve:env:s_C") + 64);
	attached.type = "google-vertex-ai";
	assert_int_equal(ask(&attached, 1, NULL, &plan, NULL), OK);
	assert_int_equal(plan.withheld_count, 1);
	assert_string_equal(plan.withheld[0].key, "GOOGLE_SERVICE_ACCOUNT_KEY");
}

static void
configuration_becomes_variables(void **state)
{
	static const struct provider_pair config[] = {
	    {"VERTEX_AI_PROJECT_ID", "proj-1"}, {"VERTEX_AI_REGION", "eu"}, {"X", "y"}};
	struct provider_attached attached = {
	    .name = "v", .id = "1", .type = "google-vertex-ai", .config = config, .config_count = 3};
	struct provider_plan plan;
	const char **lines;
	size_t n;

	(void)state;
	assert_int_equal(ask(&attached, 1, NULL, &plan, NULL), OK);
	assert_int_equal(provider_environment(&plan, 3, &arena, &lines, &n, NULL), OK);
	assert_int_equal(n, 7);
	assert_string_equal(lines[0], "ANTHROPIC_VERTEX_PROJECT_ID=proj-1");
	assert_string_equal(lines[5], "GOOSE_PROVIDER=gcp_vertex_ai");
}

static void
too_many_are_refused(void **state)
{
	struct provider_attached attached[33] = {0};
	struct provider_plan plan;

	(void)state;
	for (size_t i = 0; i < COUNT(attached); i++)
		attached[i] = (struct provider_attached){.name = "p", .id = "1", .type = "openai"};
	assert_int_equal(ask(attached, 32, NULL, &plan, NULL), OK);
	assert_int_equal(ask(attached, 33, NULL, &plan, NULL), ERR_LIMIT);
}

static void
handles_are_of_one_credential(void **state)
{
	static const struct provider_binding a[] = {{"a", 443, ""}, {"b", 443, "/x"}},
					     b[] = {{"b", 443, "/x"}, {"a", 443, ""}, {"a", 443, ""}},
					     c[] = {{"a", 444, ""}, {"b", 443, "/x"}};
	const struct provider_identity base = {"box", "id", "KEY", "", a, 2};
	struct provider_identity other[] = {base, base, base, base, base, base};
	char handle[PROVIDER_HANDLE_BYTES], again[PROVIDER_HANDLE_BYTES];

	(void)state;
	provider_handle(&base, handle);
	assert_int_equal(strlen(handle), 64);
	other[0].bindings = b; /* the order and a second time make no difference */
	other[0].bindings_count = 3;
	provider_handle(&other[0], again);
	assert_string_equal(handle, again);
	other[1].sandbox = "box2";
	other[2].provider = "id2";
	other[3].key = "KEY2";
	other[4].epoch = "e";
	other[5].bindings = c;
	for (size_t i = 1; i < COUNT(other); i++) {
		provider_handle(&other[i], again);
		assert_string_not_equal(handle, again);
	}
	other[1].sandbox = "boxi";
	other[1].provider = "d"; /* what one part loses another has not gained */
	provider_handle(&other[1], again);
	assert_string_not_equal(handle, again);
	assert_int_not_equal(provider_digest(&SPAN("a"), 1), provider_digest(&SPAN("b"), 1));
}

#define GRANT(host, path, port)                                                                                        \
	"id: g\ncategory: other\ncredentials: [{name: t, token_grant: {token_endpoint: 'https://t.test'}}]\n"          \
	"endpoints: [{host: '" host "', port: " port ", path: '" path                                                  \
	"', protocol: rest, access: full, enforcement: enforce}]\nbinaries: [/x]\n"

static void
grants_are_told_apart(void **state)
{
	static const struct {
		const char *a, *b;
		enum err want;
	} cases[] = {
	    {GRANT("a.test", "", "443"), GRANT("a.test", "", "443"), ERR_STATE},
	    {GRANT("a.test", "", "443"), GRANT("a.test", "", "444"), OK},
	    {GRANT("a.test", "", "443"), GRANT("b.test", "", "443"), OK},
	    {GRANT("a.test", "", "443"), GRANT("a.test", "/x/**", "443"), OK}, /* the longer one wins */
	    {GRANT("*.b.test", "", "443"), GRANT("a.b.test", "", "443"), OK},  /* the exact one wins */
	    {GRANT("a.test", "/x/*", "443"), GRANT("a.test", "/*/y", "443"), ERR_STATE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct provider_attached attached[] = {
		    {.name = "a", .id = "1", .type = "g", .profile = profile_of(cases[i].a)},
		    {.name = "b", .id = "2", .type = "g", .profile = profile_of(cases[i].b)}};
		struct provider_plan plan;

		assert_int_equal(ask(attached, 2, NULL, &plan, NULL), cases[i].want);
	}
	assert_true(reach_score(SPAN("a.b.test"), SPAN("")) > reach_score(SPAN("*.b.test"), SPAN("")));
	assert_true(reach_score(SPAN("*"), SPAN("/a")) > reach_score(SPAN("a.b.test"), SPAN("**")));
}

/* What the profile says of a credential, and what endpoints ask for, becomes where it may stand. */
#define STYLED(style, more)                                                                                            \
	"id: s\ncategory: other\ncredentials: [{name: t, env_vars: [K]" style "}]\n"                                   \
	"endpoints: [{host: api.s.test, port: 443, protocol: rest, access: full, enforcement: enforce" more            \
	"}]\nbinaries: [/x]\n"
#define ASKS(host, port, what)                                                                                         \
	"version: 1\nnetwork_policies: {a: {endpoints: [{host: '" host "', port: " port                                \
	", protocol: rest, access: full, "                                                                             \
	"enforcement: enforce, " what "}], binaries: [{path: /x}]}}\n"
#define WIDE (SECRET_IN_FIELD | SECRET_IN_BASIC | SECRET_IN_QUERY | SECRET_IN_PATH)
#define HEAD (SECRET_IN_FIELD | SECRET_IN_BASIC)

static void
places_come_of_the_profile_and_of_endpoints(void **state)
{
	static const struct {
		const char *profile, *policy;
		unsigned places;
		const char *field, *parameter;
	} cases[] = {
	    {STYLED("", ""), PLAIN, WIDE, "", ""},
	    {STYLED(", auth_style: bearer, header_name: Authorization", ""), PLAIN, WIDE, "", ""},
	    {STYLED(", exact_place: false, auth_style: path, path_template: '/bot{credential}'", ""), PLAIN, WIDE, "",
		""},
	    {STYLED(", exact_place: true, auth_style: bearer, header_name: Authorization", ""), PLAIN, HEAD,
		"authorization", ""},
	    {STYLED(", exact_place: true, auth_style: header, header_name: X-Api-Key", ""), PLAIN, HEAD, "x-api-key",
		""},
	    {STYLED(", exact_place: true, auth_style: basic", ""), PLAIN, HEAD, "authorization", ""},
	    {STYLED(", exact_place: true, auth_style: query, query_param: key", ""), PLAIN, SECRET_IN_QUERY, "", "key"},
	    {STYLED(", exact_place: true, auth_style: path, path_template: '/bot{credential}'", ""), PLAIN,
		SECRET_IN_PATH, "", ""},
	    {STYLED("", ", request_body_credential_rewrite: true"), PLAIN, WIDE | SECRET_IN_BODY, "", ""},
	    {STYLED(", exact_place: true, auth_style: basic", ", websocket_credential_rewrite: true"), PLAIN,
		HEAD | SECRET_IN_MESSAGE, "authorization", ""},
	    {STYLED("", ", credential_signing: sigv4, signing_service: s3"), NULL, WIDE | SECRET_IN_SIGNATURE, "", ""},
	    {STYLED("", ""), ASKS("api.s.test", "443", "request_body_credential_rewrite: true"), WIDE | SECRET_IN_BODY,
		"", ""},
	    {STYLED("", ""), ASKS("*.s.test", "443", "request_body_credential_rewrite: true"), WIDE | SECRET_IN_BODY,
		"", ""},
	    {STYLED("", ""), ASKS("api.s.test", "444", "request_body_credential_rewrite: true"), WIDE, "", ""},
	    {STYLED("", ""), ASKS("*.t.test", "443", "request_body_credential_rewrite: true"), WIDE, "", ""},
	    {STYLED("", ""), ASKS("api.s.test", "443", "request_body_credential_rewrite: false"), WIDE, "", ""},
	};
	static const struct provider_key key = {"K", 0, true, false, NULL};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct provider_attached attached = {.name = "s",
		    .id = "1",
		    .type = "s",
		    .profile = profile_of(cases[i].profile),
		    .keys = &key,
		    .keys_count = 1};
		struct provider_plan plan;
		struct why why = {0};

		if (ask(&attached, 1, cases[i].policy, &plan, &why) != OK)
			fail_msg("case %zu: %s", i, why.text);
		if (plan.secrets[0].places != cases[i].places)
			fail_msg("case %zu: %x", i, plan.secrets[0].places);
		assert_string_equal(plan.secrets[0].field, cases[i].field);
		assert_string_equal(plan.secrets[0].parameter, cases[i].parameter);
	}
}

#define TOKEN(credential, grant)                                                                                       \
	"id: g\ncategory: other\ncredentials: [{name: t" credential ", token_grant: {" grant "}}]\n"                   \
	"endpoints: [{host: a.test, port: 443, protocol: rest, access: full, enforcement: enforce}]\nbinaries: [/x]\n"

static void
grants_are_planned(void **state)
{
	static const struct {
		const char *profile, *field;
		bool bearer;
		const char *audience;
		uint32_t ttl_s;
	} cases[] = {
	    {TOKEN("", "token_endpoint: 'https://t.test/token'"), "authorization", true, "https://t.test/token", 0},
	    {TOKEN(", auth_style: header, header_name: X-Token",
		 "token_endpoint: 'https://t.test/token', cache_ttl_seconds: 60"),
		"x-token", false, "https://t.test/token", 60},
	    {TOKEN(", auth_style: bearer, header_name: Proxy-Token",
		 "token_endpoint: 'https://t.test/t', cache_ttl_seconds: 1000000"),
		"proxy-token", true, "https://t.test/t", 86400},
	    {TOKEN("", "token_endpoint: 'https://k.test/auth/realms/dev/protocol/openid-connect/token'"),
		"authorization", true, "https://k.test/auth/realms/dev", 0},
	    {TOKEN("", "token_endpoint: 'https://k.test/realms/dev'"), "authorization", true,
		"https://k.test/realms/dev", 0},
	    {TOKEN("", "token_endpoint: 'https://t.test/t', jwt_svid_audience: me"), "authorization", true, "me", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct provider_attached attached = {
		    .name = "g", .id = "1", .type = "g", .profile = profile_of(cases[i].profile)};
		struct provider_plan plan;

		assert_int_equal(ask(&attached, 1, PLAIN, &plan, NULL), OK);
		assert_int_equal(plan.grants_count, 1);
		assert_string_equal(plan.grants[0].field, cases[i].field);
		assert_string_equal(plan.grants[0].svid_audience, cases[i].audience);
		assert_true(plan.grants[0].bearer == cases[i].bearer && plan.grants[0].ttl_s == cases[i].ttl_s);
		assert_true(plan.layers[0].credentialed && plan.grants[0].bindings_count == 1);
	}
}

static void
a_grant_that_goes_nowhere_or_is_too_long_is_withheld(void **state)
{
	char audience[2050];
	struct provider_attached attached = {.name = "g", .id = "1", .type = "g"};
	Profile *profile = profile_of(TOKEN("", "token_endpoint: 'https://t.test'"));
	struct provider_plan plan;

	(void)state;
	attached.profile = profile;
	profile->n_endpoints = 0;
	assert_int_equal(ask(&attached, 1, PLAIN, &plan, NULL), OK);
	assert_true(plan.grants_count == 0 && plan.withheld_count == 1);
	assert_non_null(strstr(plan.withheld[0].reason, "no endpoints"));
	profile->n_endpoints = 1;
	for (size_t n = 2048; n <= 2049; n++) {
		memset(audience, 'a', n);
		audience[n] = 0;
		profile->credentials[0]->token_grant->audience = audience;
		assert_int_equal(ask(&attached, 1, PLAIN, &plan, NULL), OK);
		assert_int_equal(plan.grants_count, n == 2048);
		assert_int_equal(plan.withheld_count, n != 2048);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bindings_come_of_the_profile),
	    cmocka_unit_test(what_has_no_profile_disturbs_nobody),
	    cmocka_unit_test(a_policy_binds_what_has_no_endpoints),
	    cmocka_unit_test(what_does_not_go_together),
	    cmocka_unit_test(expired_and_reserved_keys),
	    cmocka_unit_test(configuration_becomes_variables),
	    cmocka_unit_test(too_many_are_refused),
	    cmocka_unit_test(handles_are_of_one_credential),
	    cmocka_unit_test(grants_are_told_apart),
	    cmocka_unit_test(places_come_of_the_profile_and_of_endpoints),
	    cmocka_unit_test(grants_are_planned),
	    cmocka_unit_test(a_grant_that_goes_nowhere_or_is_too_long_is_withheld),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	arena_reset(&arena);
	return r;
}
