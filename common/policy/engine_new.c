/* Making an engine: the policy is checked, its endpoints and rules collected, its patterns compiled. */
#include "common/policy/engine_building.h"

#include <stdlib.h>

#include "common/base/text.h"
#include "common/policy/canonical.h"
#include "common/policy/check.h"

#define Policy Openshell__Sandbox__V1__SandboxPolicy
#define Rule   Openshell__Sandbox__V1__NetworkPolicyRule

#define SCRATCH_MAX_BYTES (64u << 20)
#define KEEP_MAX_BYTES	  (256u << 20)
#define PRESET_RULES_MAX  8  /* that an endpoint may have besides those written */
#define HOPS_MAX	  40 /* of symbolic links */

enum err
building_limit(struct engine_building *b)
{
	return fail(b->why, ERR_LIMIT, "the policy needs too much memory");
}

void *
building_keep(struct engine_building *b, size_t n, size_t size)
{
	return arena_array(b->keep, n, size);
}

struct span
building_text(struct engine_building *b, const char *text, bool fold)
{
	char *copy = arena_text(b->keep, span_of_text(text));

	for (char *byte = copy; fold && byte != NULL && *byte != '\0'; byte++)
		if (*byte >= 'A' && *byte <= 'Z')
			*byte = (char)(*byte - 'A' + 'a');
	return span_of_text(copy);
}

enum err
pairs_add(struct engine_building *b, struct engine_pairs *pairs, uint32_t key, uint32_t value)
{
	size_t room = pairs->room == 0 ? 64 : pairs->room * 2;
	void *more;

	if (pairs->n == pairs->room) {
		if ((more = arena_array(b->scratch, room, sizeof(*pairs->at))) == NULL)
			return building_limit(b);
		if (pairs->n > 0)
			memcpy(more, pairs->at, pairs->n * sizeof(*pairs->at));
		pairs->at = more;
		pairs->room = room;
	}
	pairs->at[pairs->n].key = key;
	pairs->at[pairs->n++].value = value;
	return OK;
}

/* Counting sort: the numbers of each key, in the order they came. */
static enum err
lists_make(struct engine_building *b, const struct engine_pairs *pairs, uint32_t keys_n, struct engine_lists *out)
{
	uint32_t *first = building_keep(b, keys_n + 3u, sizeof(*first)),
		 *at = building_keep(b, pairs->n + 1, sizeof(*at));

	if (first == NULL || at == NULL)
		return building_limit(b);
	for (size_t i = 0; i < pairs->n; i++)
		first[pairs->at[i].key + 2]++;
	for (uint32_t i = 2; i < keys_n + 2; i++)
		first[i] += first[i - 1];
	for (size_t i = 0; i < pairs->n; i++)
		at[first[pairs->at[i].key + 1]++] = pairs->at[i].value;
	*out = (struct engine_lists){first, at};
	return OK;
}

static enum err
binary_add(struct engine_building *b, uint32_t policy, const char *path, bool advisor)
{
	struct span text = span_of_text(path);
	uint32_t group;
	enum err r = groups_put(&b->binaries, MATCHER_BINARY, &text, 1, &group, b->why);

	if (r != OK || (r = pairs_add(b, &b->binary_policies, group, b->binaries_n)) != OK)
		return r;
	b->engine->binary_entries[b->binaries_n++] = (struct engine_binary){policy, advisor};
	return OK;
}

/* Where the links of an entry end; false: it is no link, or they go round. */
static bool
link_follow(engine_link *link, void *link_self, const char *path, char to[4096])
{
	char here[4096];
	int hops = 0;

	if (link == NULL || strchr(path, '*') != NULL || !span_copy(span_of_text(path), here, sizeof(here)))
		return false;
	while (hops <= HOPS_MAX && link(link_self, here, to, sizeof(here))) {
		if (!span_copy(span_of_text(to), here, sizeof(here)))
			return false;
		hops++;
	}
	memcpy(to, here, sizeof(here));
	return hops > 0 && hops <= HOPS_MAX && strcmp(path, to) != 0;
}

/* Added by a proposal: what the old name of the field means on the wire today. */
static bool
binary_proposed(const Openshell__Sandbox__V1__NetworkBinary *binary)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	return binary->harness;
#pragma GCC diagnostic pop
}

static enum err
binaries_read(struct engine_building *b, uint32_t policy, const Rule *from, engine_link *link, void *link_self)
{
	char to[4096];
	enum err r = OK;

	for (size_t i = 0; r == OK && i < from->n_binaries; i++) {
		const char *path = from->binaries[i]->path;
		bool proposed = binary_proposed(from->binaries[i]);

		if (path == NULL || path[0] == '\0')
			continue;
		r = binary_add(b, policy, path, proposed);
		if (r == OK && link_follow(link, link_self, path, to))
			r = binary_add(b, policy, to, proposed);
	}
	return r;
}

static enum err
policies_read(struct engine_building *b, const Policy *policy, engine_link *link, void *link_self)
{
	struct engine *engine = b->engine;

	for (size_t i = 0; i < policy->n_network_policies; i++) {
		const Rule *from = policy->network_policies[i]->value;
		enum err r = binaries_read(b, engine->policies_n, from, link, link_self);

		for (size_t k = 0; r == OK && k < from->n_endpoints; k++)
			r = building_endpoint(b, engine->policies_n, from->endpoints[k]);
		if (r != OK)
			return because(b->why, r, "network policy '%s'", policy->network_policies[i]->key);
		engine->policies[engine->policies_n] = building_text(b, policy->network_policies[i]->key, false);
		if (engine->policies[engine->policies_n++].at == NULL)
			return building_limit(b);
	}
	return OK;
}

/* Room for all there can be. */
static enum err
room_make(struct engine_building *b, const Policy *policy)
{
	size_t endpoints = 1, rules = 1, binaries = 1;

	for (size_t i = 0; i < policy->n_network_policies; i++) {
		const Rule *from = policy->network_policies[i]->value;

		endpoints += from->n_endpoints;
		binaries += 2 * from->n_binaries;
		for (size_t k = 0; k < from->n_endpoints; k++)
			rules += from->endpoints[k]->n_rules + from->endpoints[k]->n_deny_rules + PRESET_RULES_MAX;
	}
	b->engine->policies = building_keep(b, policy->n_network_policies + 1, sizeof(*b->engine->policies));
	b->engine->endpoints = building_keep(b, endpoints, sizeof(*b->engine->endpoints));
	b->engine->rules = building_keep(b, rules, sizeof(*b->engine->rules));
	b->engine->binary_entries = building_keep(b, binaries, sizeof(*b->engine->binary_entries));
	if (b->engine->policies == NULL || b->engine->endpoints == NULL || b->engine->rules == NULL ||
	    b->engine->binary_entries == NULL)
		return building_limit(b);
	return OK;
}

static enum err
patterns_compile(struct engine_building *b)
{
	struct engine *engine = b->engine;
	enum err r;

	if ((r = groups_compile(&b->hosts, b->keep, &engine->hosts, b->why)) != OK ||
	    (r = groups_compile(&b->binaries, b->keep, &engine->binaries, b->why)) != OK ||
	    (r = groups_compile(&b->paths, b->keep, &engine->paths, b->why)) != OK ||
	    (r = groups_compile(&b->routes, b->keep, &engine->routes, b->why)) != OK ||
	    (r = groups_compile(&b->words, b->keep, &engine->words, b->why)) != OK ||
	    (r = lists_make(b, &b->host_endpoints, b->hosts.names.n, &engine->host_endpoints)) != OK ||
	    (r = lists_make(b, &b->binary_policies, b->binaries.names.n, &engine->binary_policies)) != OK)
		return r;
	if ((engine->key = building_keep(b, engine->keys.n + 1u, sizeof(*engine->key))) == NULL)
		return building_limit(b);
	for (uint32_t i = 0; i < engine->keys.n; i++)
		if ((r = groups_compile(&b->values[i], b->keep, &engine->key[i].values, b->why)) != OK)
			return r;
	return OK;
}

static enum err
checked(const Policy *policy, struct arena *scratch, struct why *why)
{
	struct findings findings = {.arena = scratch};
	enum err r = policy_check(policy, 0, &findings, why);

	return r != OK ? r : policy_check_overlap(policy, &findings, why);
}

static enum err
build(struct engine_building *b, const Policy *policy, engine_link *link, void *link_self)
{
	struct span any = SPAN_NONE;
	Policy *canonical;
	uint32_t group;
	enum err r;

	b->engine->methods.arena = b->engine->keys.arena = b->keep;
	b->hosts.names.arena = b->binaries.names.arena = b->paths.names.arena = b->scratch;
	b->routes.names.arena = b->words.names.arena = b->scratch;
	if ((r = policy_canonical(policy, b->scratch, &canonical, b->why)) != OK ||
	    (r = groups_put(&b->hosts, MATCHER_HOST, &any, 1, &group, b->why)) != OK || /* list 0: every host */
	    (r = room_make(b, canonical)) != OK || (r = policies_read(b, canonical, link, link_self)) != OK)
		return r;
	return patterns_compile(b);
}

enum err
engine_new(const Policy *policy, engine_link *link, void *link_self, struct engine **out, struct why *why)
{
	auto_arena struct arena scratch = {.max_bytes = SCRATCH_MAX_BYTES};
	struct engine_building b = {.scratch = &scratch, .why = why};
	enum err r = checked(policy, &scratch, why);

	if (r != OK)
		return r;
	if ((b.engine = calloc(1, sizeof(*b.engine))) == NULL)
		abort();
	b.keep = &b.engine->memory;
	b.keep->max_bytes = KEEP_MAX_BYTES;
	if ((r = build(&b, policy, link, link_self)) != OK) {
		engine_free(b.engine);
		return r;
	}
	*out = b.engine;
	return OK;
}

void
engine_free(struct engine *engine)
{
	if (engine == NULL)
		return;
	arena_reset(&engine->memory);
	free(engine);
}
