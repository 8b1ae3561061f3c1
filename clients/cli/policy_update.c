/* The short forms of `policy update`. */
#include "clients/cli/policy_update.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/policy/merge.h"

#define Operation Openshell__V1__PolicyMergeOperation
#define Endpoint  Openshell__Sandbox__V1__NetworkEndpoint

/* One of the words, or nothing. */
static bool
is_word(struct span text, const char *const *words)
{
	if (text.length == 0)
		return true;
	for (; *words != NULL; words++)
		if (span_is(text, *words))
			return true;
	return false;
}

/* host, [host] for IPv6, and port from the front of rest. */
static enum err
take_host_port(struct span *rest, struct span *host, uint64_t *port, struct why *why)
{
	struct span number;

	if (span_starts(*rest, SPAN("["))) {
		*rest = span_tail(*rest, 1);
		*host = span_cut(rest, ']');
		if (!span_starts(*rest, SPAN(":")))
			return fail(why, ERR_SYNTAX, "write [ADDRESS]:PORT");
		*rest = span_tail(*rest, 1);
	} else {
		*host = span_cut(rest, ':');
	}
	number = span_cut(rest, ':');
	if (host->length == 0 || number.length == 0)
		return fail(why, ERR_SYNTAX, "write HOST:PORT");
	if (number_parse(number, 1, UINT16_MAX, port, NULL) != OK)
		return fail(why, ERR_SYNTAX, "port " SPAN_FORMAT " is no number from 1 to 65535",
		    SPAN_ARGS(span_head(number, 40)));
	return OK;
}

/* ---- endpoints ---- */

struct short_endpoint {
	struct span host, access, protocol, enforcement, options;
	uint64_t port;
};

static enum err
option_check(const struct short_endpoint *in, struct span option, struct why *why)
{
	bool rest = span_is(in->protocol, "rest"), websocket = span_is(in->protocol, "websocket");

	if (span_starts(option, SPAN("allowed-ip=")) || span_is(option, "allow-uninspected-credentials"))
		return OK;
	if (span_is(option, "websocket-credential-rewrite"))
		return rest || websocket
			   ? OK
			   : fail(why, ERR_SYNTAX, SPAN_FORMAT " needs protocol rest or websocket", SPAN_ARGS(option));
	if (span_is(option, "request-body-credential-rewrite"))
		return rest ? OK : fail(why, ERR_SYNTAX, SPAN_FORMAT " needs protocol rest", SPAN_ARGS(option));
	return fail(why, ERR_SYNTAX,
	    "option " SPAN_FORMAT " is not known; allowed are allowed-ip=CIDR, "
	    "websocket-credential-rewrite, request-body-credential-rewrite and allow-uninspected-credentials",
	    SPAN_ARGS(span_head(option, 60)));
}

static enum err
endpoint_cut(struct span text, struct short_endpoint *out, struct why *why)
{
	static const char *const accesses[] = {"read-only", "read-write", "full", NULL},
				 *const protocols[] = {"tcp", "rest", "websocket", "sql", NULL},
				 *const modes[] = {"enforce", "audit", NULL};
	struct short_endpoint in;
	struct span options;
	enum err r;

	if ((r = take_host_port(&text, &in.host, &in.port, why)) != OK)
		return r;
	in.access = span_cut(&text, ':');
	in.protocol = span_cut(&text, ':');
	in.enforcement = span_cut(&text, ':');
	in.options = options = text;
	if (!is_word(in.access, accesses))
		return fail(why, ERR_SYNTAX, "access is read-only, read-write or full");
	if (!is_word(in.protocol, protocols))
		return fail(why, ERR_SYNTAX, "protocol is tcp, rest, websocket or sql");
	if (!is_word(in.enforcement, modes))
		return fail(why, ERR_SYNTAX, "enforcement is enforce or audit");
	if (in.access.length > 0 && in.protocol.length == 0)
		return fail(why, ERR_SYNTAX, "access needs a protocol, as HOST:PORT:read-only:rest");
	while (options.length > 0)
		if ((r = option_check(&in, span_cut(&options, ','), why)) != OK)
			return r;
	*out = in;
	return OK;
}

enum err
check_add_endpoint(struct span value, struct why *why)
{
	struct short_endpoint unused;

	return endpoint_cut(value, &unused, why);
}

enum err
check_host_port(struct span value, struct why *why)
{
	struct span host;
	uint64_t port;
	enum err r = take_host_port(&value, &host, &port, why);

	return r != OK ? r : value.length > 0 ? fail(why, ERR_SYNTAX, "write HOST:PORT and nothing else") : OK;
}

static char *
text_of(struct arena *arena, struct span text)
{
	return text.length == 0 ? NULL : arena_text(arena, text);
}

static void
option_set(struct arena *arena, Endpoint *to, struct span option)
{
	if (span_starts(option, SPAN("allowed-ip=")))
		to->allowed_ips[to->n_allowed_ips++] = arena_text(arena, span_tail(option, strlen("allowed-ip=")));
	else if (span_is(option, "websocket-credential-rewrite"))
		to->has_websocket_credential_rewrite = to->websocket_credential_rewrite = true;
	else if (span_is(option, "request-body-credential-rewrite"))
		to->has_request_body_credential_rewrite = to->request_body_credential_rewrite = true;
	else
		to->has_allow_uninspected_credentials = to->allow_uninspected_credentials = true;
}

static Endpoint *
endpoint_make(struct arena *arena, const struct short_endpoint *in)
{
	Endpoint *to = arena_alloc(arena, sizeof(*to));
	struct span options = in->options;

	openshell__sandbox__v1__network_endpoint__init(to);
	to->host = text_of(arena, in->host);
	to->has_port = true;
	to->port = (uint32_t)in->port;
	to->access = text_of(arena, in->access);
	to->protocol = text_of(arena, in->protocol);
	to->enforcement = text_of(arena, in->enforcement);
	to->allowed_ips = arena_array(arena, in->options.length + 1, sizeof(*to->allowed_ips));
	while (options.length > 0)
		option_set(arena, to, span_cut(&options, ','));
	return to;
}

/* ---- operations ---- */

struct reading {
	struct arena *arena;
	Operation **operations;
	size_t n;
};

static Operation *
operation_new(struct reading *reading, int which)
{
	Operation *operation = arena_alloc(reading->arena, sizeof(*operation));

	openshell__v1__policy_merge_operation__init(operation);
	operation->operation_case = which;
	reading->operations[reading->n++] = operation;
	return operation;
}

static enum err
add_endpoint(struct reading *reading, const struct policy_change *change, const char *text, struct why *why)
{
	struct arena *arena = reading->arena;
	struct short_endpoint in;
	Openshell__V1__AddNetworkRule *add = arena_alloc(arena, sizeof(*add));
	Openshell__Sandbox__V1__NetworkPolicyRule *rule = arena_alloc(arena, sizeof(*rule));
	enum err r;

	if ((r = endpoint_cut(span_of_text(text), &in, why)) != OK)
		return because(why, r, "--add-endpoint %.80s", text);
	openshell__v1__add_network_rule__init(add);
	openshell__sandbox__v1__network_policy_rule__init(rule);
	add->rule = rule;
	rule->endpoints = arena_array(arena, 1, sizeof(*rule->endpoints));
	rule->endpoints[rule->n_endpoints++] = endpoint_make(arena, &in);
	rule->binaries = arena_array(arena, change->binary_n + 1, sizeof(*rule->binaries));
	for (size_t i = 0; i < change->binary_n; i++) {
		Openshell__Sandbox__V1__NetworkBinary *binary = arena_alloc(arena, sizeof(*binary));

		openshell__sandbox__v1__network_binary__init(binary);
		binary->path = arena_text(arena, span_of_text(change->binary[i]));
		rule->binaries[rule->n_binaries++] = binary;
	}
	add->rule_name = change->rule_name != NULL
			     ? arena_text(arena, span_of_text(change->rule_name))
			     : policy_rule_name(arena, rule->endpoints[0]->host, rule->endpoints[0]->port);
	operation_new(reading, OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_ADD_RULE)->add_rule = add;
	return OK;
}

static enum err
remove_endpoint(struct reading *reading, const char *text, struct why *why)
{
	Openshell__V1__RemoveNetworkEndpoint *remove = arena_alloc(reading->arena, sizeof(*remove));
	struct span rest = span_of_text(text), host;
	uint64_t port;
	enum err r;

	if ((r = check_host_port(rest, why)) != OK || (r = take_host_port(&rest, &host, &port, why)) != OK)
		return because(why, r, "--remove-endpoint %.80s", text);
	openshell__v1__remove_network_endpoint__init(remove);
	remove->host = arena_text(reading->arena, host);
	remove->has_port = true;
	remove->port = (uint32_t)port;
	operation_new(reading, OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_REMOVE_ENDPOINT)->remove_endpoint =
	    remove;
	return OK;
}

static void
remove_rule(struct reading *reading, const char *name)
{
	Openshell__V1__RemoveNetworkRule *remove = arena_alloc(reading->arena, sizeof(*remove));

	openshell__v1__remove_network_rule__init(remove);
	remove->rule_name = arena_text(reading->arena, span_of_text(name));
	operation_new(reading, OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_REMOVE_RULE)->remove_rule = remove;
}

struct short_rule {
	struct span host, method, path;
	uint64_t port;
};

static enum err
rule_cut(struct span text, struct short_rule *out, struct why *why)
{
	struct short_rule in;
	enum err r;

	if ((r = take_host_port(&text, &in.host, &in.port, why)) != OK)
		return r;
	in.method = span_cut(&text, ':');
	in.path = text;
	if (in.method.length == 0 || in.path.length == 0)
		return fail(why, ERR_SYNTAX, "write HOST:PORT:METHOD:PATH, as api.example.com:443:GET:/v1/**");
	*out = in;
	return OK;
}

enum err
check_rule(struct span value, struct why *why)
{
	struct short_rule unused;

	return rule_cut(value, &unused, why);
}

static enum err
add_allow(struct reading *reading, const char *text, struct why *why)
{
	struct arena *arena = reading->arena;
	Openshell__V1__AddAllowRules *add = arena_alloc(arena, sizeof(*add));
	Openshell__Sandbox__V1__L7Rule *rule = arena_alloc(arena, sizeof(*rule));
	Openshell__Sandbox__V1__L7Allow *allow = arena_alloc(arena, sizeof(*allow));
	struct short_rule in;
	enum err r;

	if ((r = rule_cut(span_of_text(text), &in, why)) != OK)
		return because(why, r, "--add-allow %.80s", text);
	openshell__v1__add_allow_rules__init(add);
	openshell__sandbox__v1__l7_rule__init(rule);
	openshell__sandbox__v1__l7_allow__init(allow);
	allow->method = arena_text(arena, in.method);
	allow->path = arena_text(arena, in.path);
	rule->allow = allow;
	add->host = arena_text(arena, in.host);
	add->has_port = true;
	add->port = (uint32_t)in.port;
	add->rules = arena_array(arena, 1, sizeof(*add->rules));
	add->rules[add->n_rules++] = rule;
	operation_new(reading, OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_ADD_ALLOW_RULES)->add_allow_rules = add;
	return OK;
}

static enum err
add_deny(struct reading *reading, const char *text, struct why *why)
{
	struct arena *arena = reading->arena;
	Openshell__V1__AddDenyRules *add = arena_alloc(arena, sizeof(*add));
	Openshell__Sandbox__V1__L7DenyRule *deny = arena_alloc(arena, sizeof(*deny));
	struct short_rule in;
	enum err r;

	if ((r = rule_cut(span_of_text(text), &in, why)) != OK)
		return because(why, r, "--add-deny %.80s", text);
	openshell__v1__add_deny_rules__init(add);
	openshell__sandbox__v1__l7_deny_rule__init(deny);
	deny->method = arena_text(arena, in.method);
	deny->path = arena_text(arena, in.path);
	add->host = arena_text(arena, in.host);
	add->has_port = true;
	add->port = (uint32_t)in.port;
	add->deny_rules = arena_array(arena, 1, sizeof(*add->deny_rules));
	add->deny_rules[add->n_deny_rules++] = deny;
	operation_new(reading, OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_ADD_DENY_RULES)->add_deny_rules = add;
	return OK;
}

enum err
policy_change_read(
    const struct policy_change *change, struct arena *arena, Operation ***out, size_t *n, struct why *why)
{
	size_t count = change->add_endpoint_n + change->remove_endpoint_n + change->add_allow_n + change->add_deny_n +
		       change->remove_rule_n;
	struct reading reading = {arena, arena_array(arena, count + 1, sizeof(*reading.operations)), 0};
	enum err r = OK;

	if (count == 0)
		return fail(why, ERR_SYNTAX,
		    "say what to change: --add-endpoint, --remove-endpoint, --remove-rule, "
		    "--add-allow or --add-deny");
	if (count > POLICY_MERGE_MAX || reading.operations == NULL)
		return fail(why, ERR_SYNTAX, "%zu changes, at most %d at once", count, POLICY_MERGE_MAX);
	if (change->rule_name != NULL && change->add_endpoint_n != 1)
		return fail(why, ERR_SYNTAX, "--rule-name goes with exactly one --add-endpoint");
	if (change->binary_n > 0 && change->add_endpoint_n == 0)
		return fail(why, ERR_SYNTAX, "--binary goes with --add-endpoint");
	for (size_t i = 0; i < change->remove_rule_n; i++)
		remove_rule(&reading, change->remove_rule[i]);
	for (size_t i = 0; i < change->remove_endpoint_n && r == OK; i++)
		r = remove_endpoint(&reading, change->remove_endpoint[i], why);
	for (size_t i = 0; i < change->add_endpoint_n && r == OK; i++)
		r = add_endpoint(&reading, change, change->add_endpoint[i], why);
	for (size_t i = 0; i < change->add_allow_n && r == OK; i++)
		r = add_allow(&reading, change->add_allow[i], why);
	for (size_t i = 0; i < change->add_deny_n && r == OK; i++)
		r = add_deny(&reading, change->add_deny[i], why);
	if (r != OK)
		return r;
	*out = reading.operations;
	*n = reading.n;
	return OK;
}
