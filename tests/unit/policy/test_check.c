/* The check: each rule of the specification's section 3, with vectors 270 to 301, at its edge and one step past it. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/policy/check.h"
#include "common/policy/yaml.h"

/* An endpoint as YAML; host and port are added where the row has none of its own (it begins with +). */
static const struct {
	int vector;	      /* of section 14; 0: ours */
	const char *endpoint; /* "+": a host and port are put in front */
	const char *error;    /* NULL: valid */
	const char *warning;  /* NULL: any */
} endpoints[] = {
    {270, "host: \"*\", port: 443", "host: '*': matches all hosts", NULL},
    {0, "host: \"**\", port: 443", "matches all hosts", NULL},
    {271, "host: \"*.test\", port: 443", "host: '*.test': is a TLD wildcard", NULL},
    {0, "host: \"**.test\", port: 443", "is a TLD wildcard", NULL},
    {272, "host: \"foo*.test\", port: 443", "at least three labels", NULL},
    {273, "host: \"a.b*.acme.test\", port: 443", "in a later label a wildcard is the whole label", NULL},
    {274, "host: \"x**.acme.test\", port: 443", "** may only be the whole first label", NULL},
    {275, "host: \"a.**.acme.test\", port: 443", "** may only be the whole first label", NULL},
    {276, "host: \"*.s3.*.acme.test\", port: 443", NULL, NULL},
    {277, "host: \"api.acme.*\", port: 443", "may not be the last label (S29)", NULL},
    {0, "host: \"*.acme.???\", port: 443", "may not be the last label (S29)", NULL},
    {0, "host: \"*{.a.b,.com}\", port: 443", "TLD wildcard", NULL},
    {0, "host: \"*.acme.{test,org}\", port: 443", NULL, NULL},
    {0, "host: \"*.co.uk\", port: 443", NULL, "strangers can register names below co.uk"},
    {0, "host: \"*.github.io\", port: 443", NULL, "strangers can register names below github.io"},
    {0, "host: \"*.mine.github.io\", port: 443", NULL, ""},
    {0, "host: \"*.*.test\", port: 443", NULL, "strangers can register names below test"},
    {0, "host: \"*.[ab.acme.test\", port: 443", "host: '*.[ab.acme.test': ", NULL},
    {0, "host: \"a?.acme.test\", port: 443", NULL, "never matches: it is no host name"},
    {0, "host: \"127.1\", port: 443", NULL, "some would read it as a number"},
    {0, "host: 169.254.169.254, port: 80", NULL, "always blocked"},
    {0, "host: 10.20.0.5, port: 80", NULL, ""},
    {0, "host: \"2001:db8::7\", port: 80", NULL, ""},
    {278, "host: a.acme.test", "must declare at least one port", NULL},
    {279, "host: a.acme.test, port: 70000", "port: '70000': must be within 1 to 65535", NULL},
    {0, "host: a.acme.test, port: 65535", NULL, ""},
    {0, "host: a.acme.test, port: 65536", "must be within", NULL},
    {0, "host: a.acme.test, port: 0", "must declare at least one port", NULL},
    {0, "host: a.acme.test, ports: [443, 0]", "ports: '0': must be within", NULL},
    {280, "port: 443", "host: is empty; write a name, or allowed_ips", NULL},
    {0, "port: 443, allowed_ips: [10.30.0.0/24]", NULL, ""},
    {0, "+allowed_ips: [10.0.0.0/33]", "allowed_ips[0]: '10.0.0.0/33': is no address", NULL},
    {0, "+allowed_ips: [10.0.0.0/24, 127.0.0.0/8]", "allowed_ips[1]: '127.0.0.0/8': touches", NULL},
    {0, "+allowed_ips: [0.0.0.0/0]", "always blocked", NULL},
    {0, "+allowed_ips: [10.0.0.0/15]", NULL, "wider than /16"},
    {0, "+allowed_ips: [10.0.0.0/16]", NULL, ""},
    {281, "+protocol: rest", "protocol requires rules or access", NULL},
    {282, "+protocol: rest, access: full, rules: [{allow: {method: GET, path: /}}]", "mutually exclusive", NULL},
    {283, "+protocol: tcp, access: full", "access: protocol tcp takes no settings", NULL},
    {0, "+protocol: tcp, path: /a", "path: protocol tcp takes no settings", NULL},
    {0, "+protocol: tcp", NULL, ""},
    {284, "host: 10.0.0.1, port: 443, protocol: tcp", "protocol tcp needs a DNS name, not an address", NULL},
    {0, "port: 443, protocol: tcp, allowed_ips: [10.0.0.1]", "is empty; protocol tcp needs", NULL},
    {0, "host: a.acme.test., port: 443, protocol: tcp", "without its last dot", NULL},
    {0, "host: \"a b.test\", port: 443, protocol: tcp", "needs a DNS name: labels", NULL},
    {285, "+protocol: json-rpc, access: full", "protocol json-rpc has no presets", NULL},
    {0, "+protocol: json-rpc", "requires rules", NULL},
    {0, "+protocol: json-rpc, rules: [{allow: {path: /a}}]", "rules[0].allow.path: may not stand", NULL},
    {0, "+protocol: json-rpc, rules: [{allow: {path: /a}}]", "rules[0].allow.method: is missing", NULL},
    {0, "+protocol: json-rpc, rules: [{allow: {method: eth_*}}]", NULL, "compared as it stands"},
    {0, "+protocol: json-rpc, rules: [{allow: {method: '*'}}]", NULL, ""},
    {286, "+protocol: mcp", "requires rules, or mcp.allow_all_known_mcp_methods", NULL},
    {287, "+protocol: mcp, mcp: {allow_all_known_mcp_methods: true}", NULL, ""},
    {0, "+protocol: mcp, rules: [{allow: {method: '*'}}]", "a wildcard is allowed behind tools/ only", NULL},
    {0, "+protocol: mcp, rules: [{allow: {method: tools/*}}]", NULL, ""},
    {0, "+protocol: mcp, rules: [{allow: {method: tools/list, tool: a}}]", "only method tools/call has a tool", NULL},
    {0, "+protocol: mcp, rules: [{allow: {tool: a}}]", "method: is missing", NULL},
    {0, "+protocol: mcp, mcp: {allow_all_known_mcp_methods: true}, rules: [{allow: {tool: a}}]", NULL, ""},
    {0, "+protocol: mcp, mcp: {strict_tool_names: false}, rules: [{allow: {method: tools/call, tool: 'a*'}}]",
	"a wildcard needs strict_tool_names", NULL},
    {0, "+protocol: mcp, rules: [{allow: {method: tools/call, tool: 'a*'}}]", NULL, ""},
    {0, "+protocol: mcp, rules: [{allow: {method: tools/call, params: {a: {b: x}}}}]", "params: 'a.b': only name",
	NULL},
    {0, "+protocol: mcp, rules: [{allow: {method: tools/call, tool: a}}, {allow: {method: tools/call}}]",
	"allows every tool", NULL},
    {0, "+protocol: mcp, rules: [{allow: {method: tools/call, tool: a}}, {allow: {method: 'tools/*'}}]",
	"allows every tool", NULL},
    {0, "+protocol: mcp, rules: [{allow: {method: tools/call, tool: a}}, {allow: {method: 'tools/l*'}}]", NULL, ""},
    {0, "+protocol: rest, access: full, mcp: {strict_tool_names: true}", "only protocol mcp has mcp options", NULL},
    {288, "+deny_rules: [{method: GET, path: /}]", "deny_rules: needs a protocol", NULL},
    {0, "+protocol: rest, deny_rules: [{method: GET, path: /}]", "deny_rules: needs rules or access", NULL},
    {289, "+rules: [{allow: {method: GET, path: /}}]", NULL, "rules: has no effect without a protocol"},
    {290, "+protocol: sql, access: full, enforcement: enforce", "SQL is audited only", NULL},
    {0, "+protocol: sql, access: full, enforcement: audit", NULL, ""},
    {291, "+protocol: ftp, access: full", "protocol: 'ftp': unknown protocol (expected tcp", NULL},
    {0, "+protocol: REST, access: full", NULL, ""},
    {292, "+protocol: rest, access: full, enforcement: Enforce", NULL, ""},
    {0, "+protocol: rest, access: full, enforcement: block", "enforcement: 'block': is not known", NULL},
    {0, "+rules: []", NULL, "rules: an empty list means the same as none"},
    {0, "+protocol: rest, rules: []", "protocol requires rules or access", "an empty list"},
    {0, "+protocol: graphql, rules: [{allow: {operation_type: query, fields: []}}]", NULL, "fields: an empty list"},
    {293, "+hosts: a", "unknown key \"hosts\"; known here: host, port, ", NULL},
    {297, "+credential_signing: sigv4", "signing_service: is missing", NULL},
    {0, "+credential_signing: sigv4, signing_service: s3", NULL, ""},
    {0, "+credential_signing: sigv5, signing_service: s3", "is not known; allowed are sigv4", NULL},
    {0, "+credential_signing: sigv4, signing_service: s3, request_body_credential_rewrite: true", "cannot go with",
	NULL},
    {0, "+tls: Skip", NULL, "only the word skip"},
    {0, "+tls: skip", NULL, ""},
    {0, "+tls: skip, protocol: rest, access: full", NULL, "cannot be inspected"},
    {0, "+path: api, protocol: rest, access: full", "path: 'api': must start with /", NULL},
    {0, "+path: \"**\", protocol: rest, access: full", NULL, ""},
    {0, "+path: \"/a[\", protocol: rest, access: full", "path: '/a[': ", NULL},
    {0, "+protocol: rest, access: readonly", NULL, "access: 'readonly': is not known, so nothing is allowed"},
    {0, "+protocol: rest, rules: [{}]", "rules would deny all traffic", NULL},
    {0, "+protocol: rest, rules: [{allow: {method: FETCH, path: /}}]", NULL, "no HTTP method"},
    {0, "+protocol: rest, rules: [{allow: {method: GET}}]", NULL, "the rule matches nothing"},
    {0, "+protocol: rest, rules: [{allow: {method: GET, path: \"/{a\"}}]", "rules[0].allow.path: '/{a': ", NULL},
    {0, "+protocol: rest, rules: [{allow: {method: GET, path: /, query: {q: {any: []}}}}]", "has nothing to match",
	NULL},
    {0, "+protocol: rest, rules: [{allow: {method: GET, path: /, query: {q: {any: [a], glob: b}}}}]", "has both", NULL},
    {0, "+protocol: rest, rules: [{allow: {method: GET, path: /, query: {q: [a]}}}]", "a text is wanted here", NULL},
    {0, "+protocol: rest, rules: [{allow: {method: GET, path: /, query: {q: true}}}]", "put it in quotes", NULL},
    {0, "+protocol: rest, rules: [{allow: {method: GET, path: /, query: {q: {any: [1]}}}}]", "put it in quotes", NULL},
    {0, "+protocol: rest, rules: [{allow: {method: GET, path: /, query: {q: '1', v: v1.*}}}]", NULL, ""},
    {0, "+protocol: graphql, rules: [{allow: {operation_type: read}}]", "operation_type: 'read': expected query", NULL},
    {0, "+protocol: graphql, rules: [{allow: {fields: [a]}}]", "operation_type: '': expected query", NULL},
    {0, "+protocol: graphql, access: full, graphql_persisted_queries: {h: {operation_type: x}}", "expected query",
	NULL},
    {0, "+protocol: graphql, access: full, persisted_queries: allow", "persisted_queries: 'allow': is not known", NULL},
    {0, "+protocol: graphql, access: full, graphql_max_body_bytes: 0", "must be positive", NULL},
    {0, "+protocol: graphql, access: full, graphql_max_body_bytes: -1", "is not a number", NULL},
    {0, "+protocol: json-rpc, rules: [{allow: {method: a}}], json_rpc: {max_body_bytes: 0}", "must be positive", NULL},
    {0, "+protocol: websocket, rules: [{allow: {path: /, operation_type: query}}]", "mixes GraphQL fields", NULL},
    {0, "+protocol: websocket, rules: [{allow: {operation_type: query}}, {allow: {method: WEBSOCKET_TEXT, path: /}}]",
	"cannot go with rules on GraphQL operations", NULL},
    {0, "+protocol: websocket, rules: [{allow: {operation_type: query}}, {allow: {method: GET, path: /}}]", NULL, ""},
};

static const struct {
	int vector;
	const char *document, *error, *warning;
} documents[] = {
    {294, "filesystem_policy: {read_write: [\"/\"]}", "read_write[0]: '/': read-write path is overly broad", NULL},
    {295, "filesystem_policy: {read_only: [\"/a/../b\"]}", "traversal component", NULL},
    {296, "process: {run_as_user: root}", "must be 'sandbox' or a numeric UID/GID in range [1, 4294967294], got 'root'",
	NULL},
    {296, "process: {run_as_user: \"0\"}", "got '0'", NULL},
    {0, "process: {run_as_user: \"4294967294\"}", NULL, ""},
    {0, "process: {run_as_group: \"4294967295\"}", "process.run_as_group: ", NULL},
    {298, "network_policies: {_provider_x: {}}", "network policy '_provider_x': name: '_provider_x': names that begin",
	NULL},
    {0, "network_policies: {'': {}}", "name: is empty", NULL},
    {299, "network_policies: {a: {endpoints: [{host: h.test, port: 443, tls: skip}, {host: h.test, port: 443}]}}",
	"tls=skip vs automatic", NULL},
    {0, "network_policies: {a: {endpoints: [{host: h.test, port: 443, tls: skip}, {host: h.test, port: 444}]}}", NULL,
	NULL},
    {0,
	"network_policies: {a: {endpoints: [{host: h.a.test, port: 443, tls: skip}]},"
	" b: {endpoints: [{host: '*.a.test', port: 443}]}}",
	"network policy 'b' endpoint 0", NULL},
    {300,
	"network_policies: {a: {endpoints: [{host: h.test, port: 443, protocol: rest, access: full},"
	" {host: h.test, port: 443, protocol: rest, access: full, enforcement: enforce}]}}",
	"enforcement='audit' vs 'enforce'", NULL},
    {0,
	"network_policies: {a: {endpoints: [{host: h.test, port: 443, protocol: rest, access: full},"
	" {host: h.test, port: 443}]}}",
	NULL, NULL},
    {301,
	"network_policies: {a: {endpoints: [{host: h.test, port: 443, path: '/api/**', protocol: rest, access: full},"
	" {host: h.test, port: 443, path: /graphql, protocol: graphql, access: full}]}}",
	NULL, NULL},
    {0,
	"network_policies: {a: {endpoints: [{host: h.test, port: 443, path: '/api/**', protocol: rest, access: full},"
	" {host: h.test, port: 443, path: '/api/**', protocol: graphql, access: full}]}}",
	"protocol='rest' vs 'graphql'", NULL},
    {0,
	"network_policies: {a: {endpoints: [{host: h.test, port: 443, allowed_ips: [10.0.0.1, 10.0.0.2]},"
	" {host: h.test, port: 443, allowed_ips: [10.0.0.2, 10.0.0.1]}]}}",
	NULL, NULL},
    {0,
	"network_policies: {a: {endpoints: [{host: h.test, port: 443, allowed_ips: [10.0.0.1]},"
	" {port: 443, allowed_ips: [10.0.0.2]}]}}",
	"allowed_ips=", NULL},
    {0, "network_policies: {a: {binaries: [{path: '/a/[*'}]}}", "binaries[0].path: '/a/[*': ", NULL},
    {0, "network_policies: {a: {binaries: [{}]}}", "binaries[0].path: is missing", NULL},
    {0, "network_policies: {a: {binaries: [{path: /usr/bin/python3, script: /opt/run.py}]}}",
	"binaries[0].script: '/opt/run.py': a script's own identity cannot be proved", NULL},
    {0, "network_policies: {a: {binaries: [{path: /a}, {path: /usr/bin/python3, script: ''}]}}",
	"binaries[1].script: '': a script's own identity cannot be proved", NULL},
    {0, "network_policies: {a: {binaries: [{script: /opt/run.py}]}}", "binaries[0].path: is missing", NULL},
    {0, "network_policies: {a: {binaries: [{path: curl}]}}", NULL, "named by absolute paths"},
    {0, "network_policies: {a: {binaries: [{path: /a, harness: true}]}}", NULL, NULL},
    {0, "network_middlewares: {m: {middleware: x, on_error: fail_open, endpoints: {include: ['*.a.test']}}}", NULL, ""},
    {0, "network_middlewares: {m: {middleware: x, on_error: fail_closed, endpoints: {include: [a.test]}}}",
	"on_error: 'fail_closed': cannot be kept", NULL},
    {0, "network_middlewares: {m: {middleware: x, endpoints: {include: [a.test]}}}",
	"on_error: 'fail_closed': cannot be kept", NULL},
    {0, "network_middlewares: {m: {endpoints: {include: ['*.a.test']}}}",
	"network middleware 'm': middleware: is missing", NULL},
    {0, "network_middlewares: {m: {middleware: x}}", "endpoints.include: is empty", NULL},
    {0, "network_middlewares: {m: {middleware: x, endpoints: {include: ['{a,b}.test']}}}", "no braces", NULL},
    {0, "network_middlewares: {m: {middleware: x, endpoints: {include: ['a..test']}}}", "empty label", NULL},
    {0, "network_middlewares: {m: {middleware: x, on_error: stop, endpoints: {include: [a.test]}}}",
	"fail_closed and fail_open", NULL},
    {0, "network_middlewares: {m: {middleware: x, endpoints: {include: [a.test]}}, n: {middleware: x, endpoints: {include: [a.test]}}}",
	"order: 0 is that of 'm' too", NULL},
    {0,
	"network_middlewares: {m: {middleware: x, on_error: fail_open, order: -1, config: {a: [1, {b: null}], c: text}, endpoints: {include: [a.test]}},"
	" n: {middleware: x, on_error: fail_open, endpoints: {include: [a.test]}}}",
	NULL, ""},
    {0,
	"network_middlewares: {m: {middleware: x, endpoints: {include: ['*.a.test']}}}\n"
	"network_policies: {p: {endpoints: [{host: h.a.test, port: 443, tls: skip}]}}",
	"where tls is skip", NULL},
    {0,
	"network_middlewares: {m: {middleware: x, on_error: fail_open, endpoints: {include: ['*.a.test'], exclude: [h.a.test]}}}\n"
	"network_policies: {p: {endpoints: [{host: h.a.test, port: 443, tls: skip}]}}",
	NULL, NULL},
    {0,
	"network_middlewares: {m: {middleware: x, on_error: fail_open, endpoints: {include: ['*.a.test']}}}\n"
	"network_policies: {p: {endpoints: [{host: h.a.test, port: 443, tls: skip}]}}",
	NULL, NULL},
};

static bool
found(const struct findings *findings, bool warning, const char *words)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].warning == warning && strstr(findings->items[i].text, words) != NULL)
			return true;
	return false;
}

static void
try(const char *text, const char *error, const char *warning)
{
	auto_arena struct arena arena = {0};
	struct findings findings = {.arena = &arena};
	Openshell__Sandbox__V1__SandboxPolicy *policy = NULL;
	struct why why = {0};
	enum err r = policy_read(span_of_text(text), POLICY_CHECK_USER, &findings, &policy, &why);

	if (r != (error == NULL ? OK : ERR_INVALID))
		fail_msg("%s\nsaid: %s", text, why.text);
	if (error != NULL && !found(&findings, false, error))
		fail_msg("%s\nsaid: %s\nwanted: %s", text, why.text, error);
	assert_int_equal(policy == NULL, error != NULL);
	if (warning != NULL && *warning == '\0' && findings.warnings != 0)
		fail_msg("%s\nwarned: %s", text, findings.items[0].text);
	if (warning != NULL && *warning != '\0' && !found(&findings, true, warning))
		fail_msg("%s\ndid not warn: %s", text, warning);
	for (size_t i = 0; i < findings.count; i++)
		if (findings.items[i].line == 0)
			fail_msg("%s\nno line for: %s", text, findings.items[i].text);
}

static void
each_endpoint(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(endpoints); i++) {
		char text[1000];
		const char *body = endpoints[i].endpoint;

		snprintf(text, sizeof(text),
		    "version: 1\nnetwork_policies: {p: {binaries: [{path: /usr/bin/curl}], endpoints: [\n{%s%s}]}}\n",
		    *body == '+' ? "host: a.acme.test, port: 443, " : "", body + (*body == '+'));
		try(text, endpoints[i].error, endpoints[i].warning);
	}
}

static void
each_document(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(documents); i++) {
		char text[1000];

		snprintf(text, sizeof(text), "version: 1\n%s\n", documents[i].document);
		try(text, documents[i].error, documents[i].warning);
	}
}

/* All errors at once, each with its own place. */
static void
many_findings(void **state)
{
	static const char text[] = "version: 1\n"
				   "network_policies:\n"
				   "  one:\n"
				   "    endpoints:\n"
				   "      - host: '*'\n"
				   "        port: 70000\n"
				   "        protocol: ftp\n"
				   "      - {host: a.test, port: 1, protocol: rest}\n"
				   "    binaries: [{path: '/a[*'}]\n";
	static const struct {
		size_t line, column;
		const char *text;
	} wanted[] = {
	    {9, 23, "network policy 'one': binaries[0].path: '/a[*': "},
	    {5, 15, "network policy 'one': endpoint 0: host: '*': matches all hosts"},
	    {6, 15, "network policy 'one': endpoint 0: port: '70000': must be within 1 to 65535"},
	    {7, 19, "network policy 'one': endpoint 0: protocol: 'ftp': unknown protocol"},
	    {8, 43, "network policy 'one': endpoint 1: protocol: 'rest': protocol requires rules or access"},
	};
	auto_arena struct arena arena = {0};
	struct findings findings = {.arena = &arena};
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	struct why why = {0};

	(void)state;
	assert_int_equal(policy_read(SPAN(text), 0, &findings, &policy, &why), ERR_INVALID);
	assert_int_equal(findings.errors, COUNT(wanted));
	for (size_t i = 0; i < COUNT(wanted); i++) {
		assert_int_equal(findings.items[i].line, wanted[i].line);
		assert_int_equal(findings.items[i].column, wanted[i].column);
		if (strncmp(findings.items[i].text, wanted[i].text, strlen(wanted[i].text)) != 0)
			fail_msg("%s", findings.items[i].text);
	}
	assert_non_null(strstr(why.text, "; "));
}

/* More than are kept are counted, and warnings leave room for errors. */
static void
too_many_findings(void **state)
{
	auto_arena struct arena arena = {0};
	struct findings findings = {.arena = &arena};
	struct why why = {0};

	(void)state;
	for (size_t i = 0; i < 3 * FINDINGS_MAX; i++)
		finding_add(&findings, true, NULL, NULL, "doubtful");
	assert_int_equal(findings_why(&findings, ERR_INVALID, &why), OK);
	for (size_t i = 0; i < 3 * FINDINGS_MAX; i++)
		finding_add(&findings, false, NULL, NULL, "wrong");
	assert_int_equal(findings.count, FINDINGS_MAX);
	assert_int_equal(findings.errors, 3 * FINDINGS_MAX);
	assert_int_equal(findings_why(&findings, ERR_INVALID, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "wrong; wrong"));
	assert_non_null(strstr(why.text, " more"));
}

/* Patterns that would take minutes to compare are refused at once; a thousand plain ones are not. */
static void
too_costly(void **state)
{
	static const struct {
		const char *host;
		size_t n;
		enum err want;
	} rows[] = {
	    {"*.h%zu.acme.test", 1000, OK},
	    {"*{a,b}*{c,d}*x%zu*.*.*.acme.test", 1900, ERR_LIMIT},
	    {"{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}*x%zu*.acme.test", 300, ERR_LIMIT},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		auto_arena struct arena arena = {.max_bytes = 64u << 20};
		struct findings findings = {.arena = &arena};
		Openshell__Sandbox__V1__SandboxPolicy *policy;
		static char all[200000];
		struct text text = TEXT_OF(all);
		struct why why = {0};

		text_add(&text, "version: 1\nnetwork_policies: {p: {binaries: [{path: /x}], endpoints: [\n");
		for (size_t j = 0; j < rows[i].n; j++) {
			char host[100];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(host, sizeof(host), rows[i].host, j);
#pragma GCC diagnostic pop
			text_add(&text, "{host: \"%s\", port: 1},\n", host);
		}
		text_add(&text, "]}}\n");
		assert_false(text.cut);
		if (policy_read(text_span(&text), 0, &findings, &policy, &why) != rows[i].want)
			fail_msg("%s: %s", rows[i].host, why.text);
	}
}

/* What only the interface can say: reserved names of providers, a binding in a global policy, entries without value. */
static void
by_flags(void **state)
{
	auto_arena struct arena arena = {0};
	struct findings findings = {.arena = &arena};
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	Openshell__Sandbox__V1__SandboxPolicy bare = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	Openshell__Sandbox__V1__SandboxPolicy__NetworkPoliciesEntry
	    entry = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__NETWORK_POLICIES_ENTRY__INIT,
	    *entries[] = {&entry};
	struct why why = {0};

	(void)state;
	assert_int_equal(
	    policy_read(SPAN("version: 1\nnetwork_policies: {_provider_a: {endpoints: [{host: a.test, port: 1, "
			     "credential_binding: {provider: p}}]}}\n"),
		0, &findings, &policy, &why),
	    OK);
	assert_int_equal(policy_check(policy, 0, &findings, &why), OK);
	assert_int_equal(policy_check(policy, POLICY_CHECK_GLOBAL, &findings, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "not allowed in a global policy"));
	findings = (struct findings){.arena = &arena};
	assert_int_equal(policy_check(policy, POLICY_CHECK_USER, &findings, &why), ERR_INVALID);
	bare.network_policies = entries;
	bare.n_network_policies = 1;
	findings = (struct findings){.arena = &arena};
	assert_int_equal(policy_check(&bare, 0, &findings, &why), ERR_INVALID);
	assert_int_equal(policy_check_overlap(&bare, &findings, &why), OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_endpoint),
	    cmocka_unit_test(each_document),
	    cmocka_unit_test(many_findings),
	    cmocka_unit_test(too_many_findings),
	    cmocka_unit_test(too_costly),
	    cmocka_unit_test(by_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
