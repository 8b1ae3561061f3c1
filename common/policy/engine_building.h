/* An engine while it is made: what is collected from the policy before the patterns are compiled. */
#ifndef COMMON_POLICY_ENGINE_BUILDING_H
#define COMMON_POLICY_ENGINE_BUILDING_H

#include "common/policy/engine_parts.h"
#include "common/policy/groups.h"

/* Numbers under a number, to become engine_lists. */
struct engine_pairs {
	struct {
		uint32_t key, value;
	} * at;
	size_t n, room;
};

struct engine_building {
	struct engine *engine;
	struct arena *scratch, *keep; /* keep is the engine's */
	struct groups hosts, binaries, paths, routes, words;
	struct groups *values; /* for each query key */
	uint32_t values_room;
	struct engine_pairs host_endpoints, binary_policies;
	uint32_t binaries_n; /* entries used */
	struct why *why;
};

enum err building_limit(struct engine_building *b);
void *building_keep(struct engine_building *b, size_t n, size_t size);		   /* NULL past the ceiling */
struct span building_text(struct engine_building *b, const char *text, bool fold); /* kept; at NULL past the ceiling */
enum err pairs_add(struct engine_building *b, struct engine_pairs *pairs, uint32_t key, uint32_t value);

/* engine_endpoint.c: the next endpoint of the engine, with its rules. */
enum err building_endpoint(
    struct engine_building *b, uint32_t policy, const Openshell__Sandbox__V1__NetworkEndpoint *from);

/* engine_rule.c: what an endpoint allows and denies, behind the rules that are there. */
enum err building_rules(struct engine_building *b, struct engine_endpoint *endpoint, uint32_t number,
    const Openshell__Sandbox__V1__NetworkEndpoint *from);

#endif
