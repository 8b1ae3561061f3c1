/* Inside of the merge: what its files share. */
#ifndef COMMON_POLICY_MERGING_H
#define COMMON_POLICY_MERGING_H

#include "common/policy/findings.h"
#include "common/policy/messages.h"

struct merging {
	Policy *policy; /* a copy that is changed */
	struct findings *findings;
	struct arena *arena;
};

#define merge_warning(merging, ...) finding_add((merging)->findings, true, NULL, NULL, __VA_ARGS__)

/* A name that providers have. */
bool merge_reserved(const char *name);

/* Same host, case ignored. */
bool merge_same_host(const Endpoint *endpoint, const char *host);

/* Put an item behind a list of pointers; ERR_LIMIT. */
#define merge_append(merging, list, n, item, why)                                                                      \
	merge_append_any((merging)->arena, (void ***)(void *)&(list), &(n), (item), (why))
enum err merge_append_any(struct arena *arena, void ***list, size_t *n, void *item, struct why *why) must_check;

/* The same unless an equal message is there. */
enum err merge_append_new(
    struct arena *arena, void ***list, size_t *n, ProtobufCMessage *item, struct why *why) must_check;

/* A copy of a message in the arena. */
enum err merge_copy(
    struct arena *arena, const ProtobufCMessage *message, ProtobufCMessage **out, struct why *why) must_check;

/* Write an endpoint's access preset out as rules (policy-and-proxy 2.3); ERR_STATE its word is not known. */
enum err merge_expand(struct arena *arena, Endpoint *endpoint, struct why *why) must_check;

/* add_rule (merge_rule.c) */
enum err merge_add_rule(struct merging *merging, const Openshell__V1__AddNetworkRule *in, struct why *why) must_check;

/* Put what two endpoints say together into the first (merge_endpoint.c). */
enum err merge_endpoint(struct merging *merging, Endpoint *to, const Endpoint *from, struct why *why) must_check;

#endif
