/* How long a decision takes with 1,000 rules: median and 99th percentile, for policies of two shapes. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/policy/engine.h"

#define RULES  1000
#define ROUNDS 20000

#define P(part) Openshell__Sandbox__V1__##part

struct shape {
	const char *name;
	void (*make)(struct arena *arena, P(SandboxPolicy) * policy);
	void (*ask)(int i, struct text *host, struct text *path); /* which rule to ask for */
};

static uint64_t
now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *
made(struct arena *arena, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *message = arena_alloc(arena, type->sizeof_message);

	type->message_init(message);
	return message;
}

#define MADE(name) made(arena, &openshell__sandbox__v1__##name##__descriptor)

/* One more policy, with an endpoint that takes rules_n rules and two binaries. */
static P(NetworkEndpoint) *
    policy_add(struct arena *arena, P(SandboxPolicy) * policy, const char *host, const char *binary, size_t rules_n)
{
	P(SandboxPolicy__NetworkPoliciesEntry) *entry =
	    made(arena, &openshell__sandbox__v1__sandbox_policy__network_policies_entry__descriptor);
	P(NetworkPolicyRule) *rule = MADE(network_policy_rule);
	P(NetworkEndpoint) *endpoint = MADE(network_endpoint);

	entry->key = arena_format(arena, "p%zu", policy->n_network_policies);
	entry->value = rule;
	rule->n_endpoints = 1;
	rule->endpoints = arena_array(arena, 1, sizeof(*rule->endpoints));
	rule->endpoints[0] = endpoint;
	rule->n_binaries = 2;
	rule->binaries = arena_array(arena, 2, sizeof(*rule->binaries));
	for (int i = 0; i < 2; i++) {
		rule->binaries[i] = MADE(network_binary);
		rule->binaries[i]->path = arena_text(arena, span_of_text(i == 0 ? binary : "/usr/bin/curl"));
	}
	endpoint->host = arena_text(arena, span_of_text(host));
	endpoint->has_port = true;
	endpoint->port = 443;
	endpoint->protocol = arena_text(arena, span_of_text("rest"));
	endpoint->enforcement = arena_text(arena, span_of_text("enforce"));
	endpoint->rules = arena_array(arena, rules_n, sizeof(*endpoint->rules));
	policy->network_policies[policy->n_network_policies++] = entry;
	return endpoint;
}

static P(L7Allow) * rule_add(struct arena *arena, P(NetworkEndpoint) * endpoint, const char *method, const char *path)
{
	P(L7Rule) *rule = MADE(l7_rule);

	rule->allow = MADE(l7_allow);
	rule->allow->method = arena_text(arena, span_of_text(method));
	rule->allow->path = arena_text(arena, span_of_text(path));
	endpoint->rules[endpoint->n_rules++] = rule;
	return rule->allow;
}

/* A thousand policies: half of the hosts are patterns, and a binary of each. */
static void
many_policies(struct arena *arena, P(SandboxPolicy) * policy)
{
	for (int i = 0; i < RULES; i++) {
		const char *host = arena_format(arena, "%shost%d.acme.test", i % 2 == 0 ? "*." : "a.", i);
		const char *binary = arena_format(arena, "/opt/tool%d/*/bin/run", i);
		P(NetworkEndpoint) *endpoint = policy_add(arena, policy, host, binary, 1);

		rule_add(arena, endpoint, "GET", arena_format(arena, "/repos/%d/*/x/**", i));
	}
}

static void
ask_policies(int i, struct text *host, struct text *path)
{
	text_add(host, "a.host%d.acme.test", i);
	text_add(path, "/repos/%d/name/x/deep/below", i);
}

/* One endpoint with a thousand path rules, some with queries, some with a wildcard in front. */
static void
many_rules(struct arena *arena, P(SandboxPolicy) * policy)
{
	P(NetworkEndpoint) *endpoint = policy_add(arena, policy, "*.acme.test", "/opt/x", RULES);

	for (int i = 0; i < RULES; i++) {
		const char *path = arena_format(arena, "%s/repos%d/*/issues/**", i % 50 == 0 ? "/**" : "", i);
		P(L7Allow) *allow = rule_add(arena, endpoint, i % 3 == 0 ? "GET" : "POST", path);

		if (i % 10 != 0)
			continue;
		allow->n_query = 1;
		allow->query = arena_array(arena, 1, sizeof(*allow->query));
		allow->query[0] = made(arena, &openshell__sandbox__v1__l7_allow__query_entry__descriptor);
		allow->query[0]->key = arena_text(arena, span_of_text("state"));
		allow->query[0]->value = MADE(l7_query_matcher);
		allow->query[0]->value->glob = arena_text(arena, span_of_text("open*"));
	}
}

static void
ask_rules(int i, struct text *host, struct text *path)
{
	text_add(host, "a%d.acme.test", i);
	text_add(path, "/repos%d/name/issues/12/comments", i);
}

/* The worst: two ** in each, so that few can share an automaton. */
static void
many_depths(struct arena *arena, P(SandboxPolicy) * policy)
{
	P(NetworkEndpoint) *endpoint = policy_add(arena, policy, "*.acme.test", "/opt/x", RULES);

	for (int i = 0; i < RULES; i++)
		rule_add(arena, endpoint, "GET", arena_format(arena, "/**/a%d/**/b%d/*", i, i % 7));
}

static void
ask_depths(int i, struct text *host, struct text *path)
{
	text_add(host, "a%d.acme.test", i);
	text_add(path, "/some/way/a%d/to/b3/here", i);
}

static const struct shape shapes[] = {
    {"1,000 policies", many_policies, ask_policies},
    {"1 endpoint, 1,000 path rules", many_rules, ask_rules},
    {"1,000 path rules with two ** each", many_depths, ask_depths},
};

static int
order(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
show(const char *shape, const char *what, uint32_t *ns)
{
	qsort(ns, ROUNDS, sizeof(*ns), order);
	printf("%-36s %-8s median %6.2f us   p99 %6.2f us\n", shape, what, ns[ROUNDS / 2] / 1e3,
	    ns[ROUNDS * 99 / 100] / 1e3);
}

/* Ask for another rule each time, as often hits as misses. */
static void
ask(const struct engine *engine, const struct shape *shape, uint32_t *connects, uint32_t *requests)
{
	static const struct span ancestors[] = {{"/bin/bash", 9}, {"/opt/tool3/v2/bin/run", 21}, {"/usr/bin/tini", 13}};
	struct engine_process process = {
	    .exe = {"/usr/bin/curl", 13}, .ancestors = ancestors, .ancestors_n = COUNT(ancestors)};

	for (int i = 0; i < ROUNDS; i++) {
		auto_arena struct arena arena = {0};
		struct engine_admission admission;
		struct engine_verdict verdict;
		struct why why;
		char host[64], path[128];
		struct text h = TEXT_OF(host), p = TEXT_OF(path);
		struct engine_request request = {
		    .kind = ENGINE_HTTP, .method = {"GET", 3}, .query = {"state=open&page=3", 17}};
		uint64_t before, between;

		shape->ask(i * 7 % RULES, &h, &p);
		request.path = text_span(&p);
		before = now_ns(CLOCK_MONOTONIC);
		if (engine_connect(engine, text_span(&h), 443, &process, &arena, &admission, &why) != OK ||
		    !admission.allowed)
			exit(1);
		between = now_ns(CLOCK_MONOTONIC);
		if (engine_request(engine, &admission, &request, &arena, &verdict, &why) != OK)
			exit(1);
		requests[i] = (uint32_t)(now_ns(CLOCK_MONOTONIC) - between);
		connects[i] = (uint32_t)(between - before);
	}
}

static void
measure(const struct shape *shape, uint32_t *connects, uint32_t *requests)
{
	auto_arena struct arena arena = {.max_bytes = 512u << 20};
	P(SandboxPolicy) *policy = made(&arena, &openshell__sandbox__v1__sandbox_policy__descriptor);
	struct engine *engine;
	struct why why;
	uint64_t before;

	policy->has_version = true;
	policy->version = 1;
	policy->network_policies = arena_array(&arena, RULES, sizeof(*policy->network_policies));
	shape->make(&arena, policy);
	before = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	if (engine_new(policy, NULL, NULL, &engine, &why) != OK) {
		fprintf(stderr, "%s\n", why.text);
		exit(1);
	}
	printf("%-36s %-8s %13.1f ms of processor\n", shape->name, "load",
	    (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - before) / 1e6);
	ask(engine, shape, connects, requests);
	show(shape->name, "connect", connects);
	show(shape->name, "request", requests);
	engine_free(engine);
}

/* With a number, that shape alone. */
int
main(int argc, char **argv)
{
	size_t only = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

	auto_free uint32_t *connects = calloc(ROUNDS, sizeof(*connects));
	auto_free uint32_t *requests = calloc(ROUNDS, sizeof(*requests));

	if (connects == NULL || requests == NULL)
		return 1;
	for (size_t i = 0; i < COUNT(shapes); i++)
		if (only == 0 || only == i + 1)
			measure(&shapes[i], connects, requests);
	return 0;
}
