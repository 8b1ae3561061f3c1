/* The engine beyond the vectors: audit and what is hard in it, overrides, encoded slashes, advisors, bad policies. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/policy/engine.h"
#include "common/policy/yaml.h"

#define CURL "    binaries: [{path: /usr/bin/curl}]\n"

static struct arena memory = {.max_bytes = 256u << 20};

static struct engine *
engine_of(const char *policies)
{
	const char *yaml = arena_format(&memory, "version: 1\nnetwork_policies:\n%s", policies);
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	struct engine *engine = NULL;
	struct why why = {0};

	if (policy_from_yaml(span_of_text(yaml), "t", &memory, &policy, &why) != OK ||
	    engine_new(policy, NULL, NULL, &engine, &why) != OK)
		fail_msg("%s", why.text);
	return engine;
}

static struct engine_admission
connect_to(const struct engine *engine, const char *host, uint16_t port, const char *exe)
{
	struct engine_process process = {.exe = span_of_text(exe)};
	struct engine_admission admission;

	assert_int_equal(engine_connect(engine, span_of_text(host), port, &process, &memory, &admission, NULL), OK);
	return admission;
}

static struct engine_verdict
judge(const struct engine *engine, const char *host, struct engine_request request)
{
	struct engine_admission admission = connect_to(engine, host, 443, "/usr/bin/curl");
	struct engine_verdict verdict;

	assert_true(admission.allowed);
	if (request.kind == 0)
		request.kind = ENGINE_HTTP;
	assert_int_equal(engine_request(engine, &admission, &request, &memory, &verdict, NULL), OK);
	return verdict;
}

static struct engine_request
ask(const char *method, const char *path, const char *query)
{
	return (struct engine_request){
	    .method = span_of_text(method), .path = span_of_text(path), .query = span_of_text(query)};
}

static const char rest[] = "  a:\n"
			   "    endpoints:\n"
			   "      - host: e.test.lan\n"
			   "        port: 443\n"
			   "        protocol: REST\n"
			   "        enforcement: Enforce\n"
			   "        rules:\n"
			   "          - allow: {method: GET, path: '/**'}\n"
			   "          - allow: {method: post, path: '/up/*'}\n"
			   "        deny_rules:\n"
			   "          - {method: GET, path: /no}\n"
			   "          - {method: '*', path: '/**', query: {x: evil}}\n"
			   "      - host: audit.test.lan\n"
			   "        port: 443\n"
			   "        protocol: rest\n"
			   "        access: read-only\n"
			   "      - host: plain.test.lan\n"
			   "        port: 443\n" CURL;

static void
rest_requests(void **state)
{
	static const struct {
		const char *host, *method, *path, *query;
		enum engine_what want;
		const char *code, *reason, *rule;
	} cases[] = {
	    {"e.test.lan", "GET", "/a", "", ENGINE_ALLOW, "", "", "allow GET /**"},
	    {"e.test.lan", "POST", "/up/a", "", ENGINE_ALLOW, "", "", "allow post /up/*"},
	    {"e.test.lan", "POST", "/a", "", ENGINE_REFUSE, "no_rule", "POST /a not permitted by policy", ""},
	    {"e.test.lan", "GET", "/no", "", ENGINE_REFUSE, "deny_rule", "GET /no blocked by deny rule",
		"deny GET /no"},
	    {"e.test.lan", "HEAD", "/no", "", ENGINE_REFUSE, "deny_rule", "HEAD /no blocked by deny rule",
		"deny GET /no"},
	    {"e.test.lan", "GET", "/a", "x=evil", ENGINE_REFUSE, "deny_rule", "GET /a blocked by deny rule",
		"deny * /**"},
	    {"e.test.lan", "GET", "/a", "y=1;x=evil", ENGINE_REFUSE, "deny_rule", "GET /a blocked by deny rule",
		"deny * /**"}, /* S17 */
	    {"e.test.lan", "GET", "/a", "y=1;x=evi", ENGINE_ALLOW, "", "", "allow GET /**"},
	    {"e.test.lan", "GET", "/a", "%78=%65vil", ENGINE_REFUSE, "deny_rule", "GET /a blocked by deny rule",
		"deny * /**"},
	    {"e.test.lan", "GET", "/a", "y=%c3", ENGINE_REFUSE, "syntax",
		"request rejected: malformed method, path or query", ""},
	    {"e.test.lan", "GET", "/a", "y=%00", ENGINE_REFUSE, "syntax",
		"request rejected: malformed method, path or query", ""},
	    {"e.test.lan", "GET", "/a", "%", ENGINE_REFUSE, "syntax",
		"request rejected: malformed method, path or query", ""},
	    {"e.test.lan", "GET", "/a", "%4", ENGINE_REFUSE, "syntax",
		"request rejected: malformed method, path or query", ""},
	    {"e.test.lan", "GET", "/a%2Fb", "", ENGINE_REFUSE, "encoded_slash",
		"request rejected: encoded slash in path", ""},
	    {"audit.test.lan", "POST", "/a", "", ENGINE_AUDIT, "no_rule", "POST /a not permitted by policy", ""},
	    {"audit.test.lan", "GET", "/a", "%zz", ENGINE_REFUSE, "syntax",
		"request rejected: malformed method, path or query", ""},      /* hard */
	    {"plain.test.lan", "BREW", "/a", "%zz", ENGINE_ALLOW, "", "", ""}, /* bytes: nothing is judged */
	};
	struct engine *engine = engine_of(rest);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct engine_verdict v =
		    judge(engine, cases[i].host, ask(cases[i].method, cases[i].path, cases[i].query));

		if (v.what != cases[i].want || strcmp(v.code, cases[i].code) != 0 ||
		    !span_is(v.reason, cases[i].reason) || !span_is(v.rule, cases[i].rule) || !span_is(v.policy, "a"))
			fail_msg("case %zu: %d %s '" SPAN_FORMAT "' '" SPAN_FORMAT "'", i, v.what, v.code,
			    SPAN_ARGS(v.reason), SPAN_ARGS(v.rule));
	}
	engine_free(engine);
}

/* The named method must be allowed as well (S20). */
static void
methods_in_headers_count(void **state)
{
	static const struct span post[] = {{"POST", 4}}, two[] = {{"GET", 3}, {"DELETE", 6}};
	struct engine *engine = engine_of(rest);
	struct engine_request request = ask("GET", "/up/x", "");

	(void)state;
	request.overrides = post;
	request.overrides_n = 1;
	assert_int_equal(judge(engine, "e.test.lan", request).what, ENGINE_ALLOW);
	request.path = SPAN("/x");
	assert_int_equal(judge(engine, "e.test.lan", request).what, ENGINE_REFUSE);
	request.path = SPAN("/up/x");
	request.overrides = two;
	request.overrides_n = 2;
	assert_int_equal(judge(engine, "e.test.lan", request).what, ENGINE_REFUSE);
	assert_int_equal(judge(engine, "audit.test.lan", request).what, ENGINE_AUDIT);
	engine_free(engine);
}

static void
slashes_of_the_selected_endpoint(void **state)
{
	struct engine *engine = engine_of("  a:\n"
					  "    endpoints:\n"
					  "      - {host: e.test.lan, port: 443, path: '/a/**', protocol: rest, "
					  "enforcement: enforce, access: full, allow_encoded_slash: true}\n"
					  "      - {host: e.test.lan, port: 443, path: '/bb/**', protocol: rest, "
					  "enforcement: enforce, access: full}\n" CURL);

	(void)state;
	assert_true(connect_to(engine, "e.test.lan", 443, "/usr/bin/curl").encoded_slash);
	assert_int_equal(judge(engine, "e.test.lan", ask("GET", "/a/x%2Fy", "")).what, ENGINE_ALLOW);
	assert_string_equal(judge(engine, "e.test.lan", ask("GET", "/bb/x%2Fy", "")).code, "encoded_slash");
	assert_string_equal(judge(engine, "e.test.lan", ask("GET", "/c", "")).code, "no_path");
	engine_free(engine);
}

/* Audit forwards what no rule allows, but never what cannot be judged. */
static void
what_is_hard_under_audit(void **state)
{
	static const struct engine_call sign = {.method = {"eth_sign", 8}}, response = {.response = true};
	static const struct engine_operation unknown = {.hash = {"h", 1}}, mutation = {.type = 2};
	static const struct {
		const char *host, *method;
		struct engine_request request;
		enum engine_what want;
	} cases[] = {
	    {"rpc.test.lan", "POST", {.body = ENGINE_BODY_RPC, .calls = &sign, .calls_n = 1}, ENGINE_AUDIT},
	    {"rpc.test.lan", "POST", {.body = ENGINE_BODY_RPC, .calls = &response, .calls_n = 1}, ENGINE_REFUSE},
	    {"rpc.test.lan", "POST", {.body = ENGINE_BODY_RPC}, ENGINE_REFUSE},
	    {"rpc.test.lan", "POST", {.refusal = {"x", 1}}, ENGINE_REFUSE},
	    {"rpc.test.lan", "GET", {.event_stream = true}, ENGINE_REFUSE}, /* MCP alone has streams */
	    {"rpc.test.lan", "POST", {.upgrade = false}, ENGINE_READ_BODY},
	    {"gql.test.lan", "POST", {.body = ENGINE_BODY_GRAPHQL, .operations = &mutation, .operations_n = 1},
		ENGINE_AUDIT},
	    {"gql.test.lan", "POST", {.body = ENGINE_BODY_GRAPHQL, .operations = &unknown, .operations_n = 1},
		ENGINE_AUDIT},
	    {"gql.test.lan", "POST", {.body = ENGINE_BODY_GRAPHQL}, ENGINE_REFUSE},
	    {"gql.test.lan", "POST", {.refusal = {"x", 1}}, ENGINE_REFUSE},
	    {"gql.test.lan", "PUT", {.upgrade = false}, ENGINE_REFUSE},
	    {"gql.test.lan", "GET", {.upgrade = false}, ENGINE_READ_BODY},
	    {"ws.test.lan", "GET", {.upgrade = false}, ENGINE_REFUSE},
	    {"ws.test.lan", "GET", {.upgrade = true}, ENGINE_ALLOW},
	    {"ws.test.lan", "GET", {.kind = ENGINE_BINARY}, ENGINE_AUDIT},
	};
	struct engine *engine = engine_of(
	    "  a:\n"
	    "    endpoints:\n"
	    "      - {host: rpc.test.lan, port: 443, protocol: json-rpc, rules: [{allow: {method: eth_call}}]}\n"
	    "      - {host: gql.test.lan, port: 443, protocol: graphql, access: read-only}\n"
	    "      - {host: ws.test.lan, port: 443, protocol: websocket, access: read-write}\n" CURL);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct engine_request request = cases[i].request;

		request.method = span_of_text(cases[i].method);
		request.path = SPAN("/x");
		if (judge(engine, cases[i].host, request).what != cases[i].want)
			fail_msg("case %zu", i);
	}
	engine_free(engine);
}

static void
graphql_has_the_last_word(void **state)
{
	static const struct span delete_all = {"deleteAll", 9}, me = {"me", 2};
	struct engine_operation bad = {.type = 2, .fields = &delete_all, .fields_n = 1},
				good = {.type = 1, .fields = &me, .fields_n = 1};
	struct engine_request request = ask("POST", "/graphql", "");
	struct engine *engine = engine_of(
	    "  a:\n"
	    "    endpoints:\n"
	    "      - {host: e.test.lan, port: 443, path: /graphql, protocol: graphql, enforcement: enforce, access: "
	    "read-only}\n" CURL "  b:\n"
	    "    endpoints:\n"
	    "      - {host: e.test.lan, port: 443, protocol: rest, enforcement: enforce, access: full}\n" CURL);

	(void)state;
	assert_int_equal(judge(engine, "e.test.lan", request).look, ENGINE_LOOK_GRAPHQL);
	request.body = ENGINE_BODY_GRAPHQL;
	request.operations_n = 1;
	request.operations = &good;
	assert_int_equal(judge(engine, "e.test.lan", request).what, ENGINE_ALLOW);
	request.operations = &bad;
	assert_int_equal(judge(engine, "e.test.lan", request).what, ENGINE_REFUSE);
	request.path = SPAN("/other");
	assert_int_equal(judge(engine, "e.test.lan", request).what, ENGINE_ALLOW); /* plain REST there */
	engine_free(engine);
}

/* Over a WebSocket with GraphQL rules: the handshake by method and path, messages by what they ask. */
static void
graphql_over_websocket(void **state)
{
	static const struct span news = {"news", 4};
	struct engine_operation operation = {.type = 3, .fields = &news, .fields_n = 1};
	struct engine_request request = ask("GET", "/s", "");
	struct engine *engine = engine_of("  a:\n"
					  "    endpoints:\n"
					  "      - host: e.test.lan\n"
					  "        port: 443\n"
					  "        protocol: websocket\n"
					  "        enforcement: enforce\n"
					  "        rules:\n"
					  "          - allow: {method: GET, path: /s}\n"
					  "          - allow: {operation_type: subscription, fields: [news]}\n" CURL);
	struct engine_verdict verdict;

	(void)state;
	request.upgrade = true;
	verdict = judge(engine, "e.test.lan", request);
	assert_true(verdict.what == ENGINE_ALLOW && verdict.messages && verdict.messages_graphql);
	request.upgrade = false;
	request.kind = ENGINE_TEXT;
	assert_int_equal(judge(engine, "e.test.lan", request).what, ENGINE_READ_BODY);
	request.body = ENGINE_BODY_GRAPHQL;
	assert_int_equal(judge(engine, "e.test.lan", request).what, ENGINE_ALLOW); /* ping, pong and the like */
	request.operations = &operation;
	request.operations_n = 1;
	assert_int_equal(judge(engine, "e.test.lan", request).what, ENGINE_ALLOW);
	operation.type = 2;
	assert_int_equal(judge(engine, "e.test.lan", request).what, ENGINE_REFUSE);
	request.kind = ENGINE_BINARY;
	assert_int_equal(judge(engine, "e.test.lan", request).what, ENGINE_REFUSE);
	engine_free(engine);
}

static void
what_connections_are_told(void **state)
{
	static const struct {
		const char *host;
		uint16_t port;
		const char *exe, *code, *reason;
	} cases[] = {
	    {"e.test.lan", 443, "/usr/bin/curl", "", ""},
	    {"e.test.lan", 444, "/usr/bin/curl", "no_endpoint", "endpoint e.test.lan:444 is not allowed by any policy"},
	    {"E.other", 443, "/usr/bin/curl", "no_endpoint", "endpoint e.other:443 is not allowed by any policy"},
	    {"e.test.lan", 443, "/bin/\x1b[2J", "binary",
		"binary '/bin/\\x1b[2J' is not allowed to reach this endpoint"},
	    {"e.test.lan", 443, "", "binary", "binary '' is not allowed to reach this endpoint"},
	    {"127.1", 443, "/usr/bin/curl", "host", "'127.1' is not a host name that may be asked for"},
	    {"a..b", 443, "/usr/bin/curl", "host", "'a..b' is not a host name that may be asked for"},
	    {"", 443, "/usr/bin/curl", "host", "'' is not a host name that may be asked for"},
	    {"metadata.google.internal", 443, "/usr/bin/curl", "host",
		"'metadata.google.internal' is not a host name that may be asked for"},
	};
	struct engine *engine = engine_of(rest);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct engine_admission a = connect_to(engine, cases[i].host, cases[i].port, cases[i].exe);

		if (strcmp(a.code, cases[i].code) != 0 || !span_is(a.reason, cases[i].reason) ||
		    a.allowed != (cases[i].code[0] == '\0'))
			fail_msg("case %zu: %s '" SPAN_FORMAT "'", i, a.code, SPAN_ARGS(a.reason));
	}
	engine_free(engine);
}

/* A reason is short and whole UTF-8 whatever the binary is called: it travels in a message. */
static void
reasons_have_a_bound(void **state)
{
	static const char *const bytes[] = {"\xc3\xa9", "\x01", "\xff", "x\xe2\x82\xac"};
	struct engine *engine = engine_of(rest);

	(void)state;
	for (size_t i = 0; i < COUNT(bytes); i++) {
		size_t length = strlen(bytes[i]);
		char exe[4096] = "";
		struct engine_admission a;

		for (size_t at = 0; at + length < sizeof(exe); at += length)
			memcpy(exe + at, bytes[i], length);
		a = connect_to(engine, "e.test.lan", 443, exe);
		assert_string_equal(a.code, "binary");
		assert_true(a.reason.length <= 512 && span_utf8(a.reason));
	}
	engine_free(engine);
}

static void
names_for_dns(void **state)
{
	static const struct {
		const char *name;
		bool want;
	} cases[] = {
	    {"e.test.lan", true},
	    {"E.Test.Lan", true},
	    {"x.w.test.lan", true},
	    {"w.test.lan", false},
	    {"x.y.w.test.lan", false},
	    {"other.lan", false},
	    {"", false},
	    {"e.test.lan.", false},
	    {"e..lan", false},
	    {"127.1", false},
	    {"metadata", false},
	};
	struct engine *engine =
	    engine_of("  a:\n    endpoints: [{host: e.test.lan, port: 1}, {host: '*.w.test.lan', port: 2}]\n");
	struct engine *every = engine_of("  a:\n    endpoints: [{port: 9, allowed_ips: [10.0.0.0/24]}]\n");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (engine_name(engine, span_of_text(cases[i].name)) != cases[i].want)
			fail_msg("%s", cases[i].name);
	assert_true(engine_name(every, SPAN("anything.at.all")) && !engine_name(every, SPAN("127.1")));
	engine_free(engine);
	engine_free(every);
}

/* Bytes of a WebSocket or SQL pass; rules without a protocol count only where another endpoint inspects. */
static void
what_is_inspected(void **state)
{
	struct engine *engine = engine_of(
	    "  a:\n"
	    "    endpoints:\n"
	    "      - {host: sql.test.lan, port: 443, protocol: sql, access: full}\n"
	    "      - {host: skip.test.lan, port: 443, protocol: rest, access: full, tls: skip}\n"
	    "      - {host: mixed.test.lan, port: 443, rules: [{allow: {method: PUT, path: '/**'}}]}\n" CURL "  b:\n"
	    "    endpoints: [{host: '*.test.lan', port: 8443, protocol: rest, enforcement: enforce, access: "
	    "read-only},\n"
	    "      {host: mixed.test.lan, port: 443, protocol: rest, enforcement: enforce, access: read-only}]\n"
	    "    binaries: [{path: /usr/bin/curl}, {path: /usr/bin/wget}]\n");

	(void)state;
	assert_false(connect_to(engine, "sql.test.lan", 443, "/usr/bin/curl").inspect);
	assert_false(connect_to(engine, "skip.test.lan", 443, "/usr/bin/curl").inspect);
	assert_true(connect_to(engine, "skip.test.lan", 443, "/usr/bin/curl").tls_skip);
	assert_true(connect_to(engine, "mixed.test.lan", 443, "/usr/bin/curl").inspect);
	assert_int_equal(judge(engine, "mixed.test.lan", ask("PUT", "/x", "")).what, ENGINE_ALLOW);
	assert_int_equal(judge(engine, "mixed.test.lan", ask("POST", "/x", "")).what, ENGINE_REFUSE);
	engine_free(engine);
}

/* A preset that nobody knows allows nothing (2.3). */
/* As compose.c marks it, beside what a provider's credentials may reach. */
static struct engine *
marked_engine(const char *policies, const char *host)
{
	const char *yaml = arena_format(&memory, "version: 1\nnetwork_policies:\n%s", policies);
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	Openshell__Sandbox__V1__NetworkPolicyRule *rule;
	struct engine *engine = NULL;
	struct why why = {0};

	assert_int_equal(policy_from_yaml(span_of_text(yaml), "t", &memory, &policy, &why), OK);
	rule = policy->network_policies[0]->value;
	for (size_t i = 0; i < rule->n_endpoints; i++)
		if (strcmp(rule->endpoints[i]->host, host) == 0)
			rule->endpoints[i]->has_provider_credentialed = rule->endpoints[i]->provider_credentialed =
			    true;
	if (engine_new(policy, NULL, NULL, &engine, &why) != OK)
		fail_msg("%s", why.text);
	return engine;
}

static const char credentials[] =
    "  a:\n"
    "    endpoints:\n"
    "      - {host: body.test.lan, port: 443, protocol: rest, access: full, enforcement: enforce, request_body_credential_rewrite: true}\n"
    "      - {host: ws.test.lan, port: 443, protocol: websocket, access: full, enforcement: enforce, websocket_credential_rewrite: true}\n"
    "      - {host: bytes.test.lan, port: 443, websocket_credential_rewrite: true}\n"
    "      - {host: sign.test.lan, port: 443, protocol: rest, access: full, enforcement: enforce, credential_signing: sigv4,\n"
    "         signing_service: s3}\n"
    "      - {host: signed.test.lan, port: 443, protocol: rest, access: read-only, enforcement: enforce,\n"
    "         credential_signing: 'sigv4:no_body', signing_service: sts, signing_region: eu-west-1}\n"
    "      - {host: plain.test.lan, port: 443, protocol: rest, access: full, enforcement: enforce}\n" CURL;

static void
what_becomes_of_credentials(void **state)
{
	static const struct {
		const char *host, *method;
		bool upgrade, body, messages;
		enum engine_signing signing;
		const char *service, *region;
	} cases[] = {
	    {"body.test.lan", "POST", false, true, false, ENGINE_SIGN_NOT, "", ""},
	    {"ws.test.lan", "GET", true, false, true, ENGINE_SIGN_NOT, "", ""},
	    {"ws.test.lan", "GET", false, false, false, ENGINE_SIGN_NOT, "", ""},
	    {"bytes.test.lan", "GET", true, false, true, ENGINE_SIGN_NOT, "", ""}, /* nothing is judged there */
	    {"sign.test.lan", "PUT", false, false, false, ENGINE_SIGN_AS_CLIENT, "s3", ""},
	    {"signed.test.lan", "GET", false, false, false, ENGINE_SIGN_NO_BODY, "sts", "eu-west-1"},
	    {"signed.test.lan", "PUT", false, false, false, ENGINE_SIGN_NOT, "", ""}, /* refused */
	    {"plain.test.lan", "GET", false, false, false, ENGINE_SIGN_NOT, "", ""},
	};
	struct engine *engine = engine_of(credentials);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct engine_request request = ask(cases[i].method, "/a", "");
		struct engine_verdict verdict;

		request.upgrade = cases[i].upgrade;
		verdict = judge(engine, cases[i].host, request);
		assert_int_equal(verdict.rewrite_body, cases[i].body);
		assert_int_equal(verdict.rewrite_messages, cases[i].messages);
		assert_int_equal(verdict.signing, cases[i].signing);
		assert_true(
		    span_is(verdict.sign_service, cases[i].service) && span_is(verdict.sign_region, cases[i].region));
	}
	engine_free(engine);
}

/* 9.6: all endpoints of the destination must allow it, where a provider has credentials for one. */
static void
what_must_be_inspected(void **state)
{
	static const char policies[] =
	    "  a:\n"
	    "    endpoints:\n"
	    "      - {host: skip.test.lan, port: 443, tls: skip}\n"
	    "      - {host: open.test.lan, port: 443, tls: skip, allow_uninspected_credentials: true}\n"
	    "      - {host: other.test.lan, port: 443, tls: skip}\n" CURL;
	struct engine *engine = marked_engine(policies, "skip.test.lan");

	(void)state;
	assert_true(connect_to(engine, "skip.test.lan", 443, "/usr/bin/curl").must_inspect);
	assert_false(connect_to(engine, "other.test.lan", 443, "/usr/bin/curl").must_inspect);
	engine_free(engine);
	engine = marked_engine(policies, "open.test.lan");
	assert_false(connect_to(engine, "open.test.lan", 443, "/usr/bin/curl").must_inspect);
	engine_free(engine);
}

static void
unknown_presets_allow_nothing(void **state)
{
	struct engine *engine = engine_of("  a:\n"
					  "    endpoints: [{host: e.test.lan, port: 443, protocol: rest, enforcement: "
					  "enforce, access: everything}]\n" CURL);

	(void)state;
	assert_int_equal(judge(engine, "e.test.lan", ask("GET", "/", "")).what, ENGINE_REFUSE);
	engine_free(engine);
}

/* Nothing of it may load, and the reason names the policy. */
static void
policies_that_are_refused(void **state)
{
	static const struct {
		const char *host, *protocol, *access, *path;
		uint32_t port;
		const char *word;
	} cases[] = {
	    {"*", "", "", "", 443, "bad"},
	    {"a.test.lan", "", "", "", 0, "bad"},
	    {"a.test.lan", "ftp", "full", "", 443, "ftp"},
	    {"a.test.lan", "rest", "", "", 443, "bad"},
	    {"a.test.lan", "rest", "full", "x", 443, "bad"},
	    {"a.test.lan", "rest", "full", "/[a", 443, "/[a"}, /* S28 */
	    {"*.[a.test.lan", "", "", "", 443, "bad"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		Openshell__Sandbox__V1__NetworkEndpoint endpoint = OPENSHELL__SANDBOX__V1__NETWORK_ENDPOINT__INIT,
							*endpoints[] = {&endpoint};
		Openshell__Sandbox__V1__NetworkPolicyRule rule = OPENSHELL__SANDBOX__V1__NETWORK_POLICY_RULE__INIT;
		Openshell__Sandbox__V1__SandboxPolicy__NetworkPoliciesEntry
		    entry = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__NETWORK_POLICIES_ENTRY__INIT,
		    *entries[] = {&entry};
		Openshell__Sandbox__V1__SandboxPolicy policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
		struct engine *engine = NULL;
		struct why why = {0};

		endpoint.host = (char *)(uintptr_t)cases[i].host;
		endpoint.protocol = (char *)(uintptr_t)cases[i].protocol;
		endpoint.access = (char *)(uintptr_t)cases[i].access;
		endpoint.path = (char *)(uintptr_t)cases[i].path;
		endpoint.port = cases[i].port;
		endpoint.has_port = true;
		rule.n_endpoints = 1;
		rule.endpoints = endpoints;
		entry.key = (char *)(uintptr_t) "bad";
		entry.value = &rule;
		policy.n_network_policies = 1;
		policy.network_policies = entries;
		if (engine_new(&policy, NULL, NULL, &engine, &why) == OK || strstr(why.text, cases[i].word) == NULL ||
		    strstr(why.text, "bad") == NULL)
			fail_msg("case %zu: %s", i, why.text);
		assert_null(engine);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rest_requests),
	    cmocka_unit_test(methods_in_headers_count),
	    cmocka_unit_test(slashes_of_the_selected_endpoint),
	    cmocka_unit_test(what_is_hard_under_audit),
	    cmocka_unit_test(graphql_has_the_last_word),
	    cmocka_unit_test(graphql_over_websocket),
	    cmocka_unit_test(what_connections_are_told),
	    cmocka_unit_test(reasons_have_a_bound),
	    cmocka_unit_test(names_for_dns),
	    cmocka_unit_test(what_is_inspected),
	    cmocka_unit_test(what_becomes_of_credentials),
	    cmocka_unit_test(what_must_be_inspected),
	    cmocka_unit_test(unknown_presets_allow_nothing),
	    cmocka_unit_test(policies_that_are_refused),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_reset(&memory);
	return failed;
}
