/* The short forms of `policy update`, as merge operations. */
#ifndef CLIENTS_CLI_POLICY_UPDATE_H
#define CLIENTS_CLI_POLICY_UPDATE_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "openshell/openshell.pb-c.h"

/* What the flags say; lists as given. */
struct policy_change {
	const char **add_endpoint, **remove_endpoint, **add_allow, **add_deny, **remove_rule, **binary;
	size_t add_endpoint_n, remove_endpoint_n, add_allow_n, add_deny_n, remove_rule_n, binary_n;
	const char *rule_name; /* NULL: made of the endpoint */
};

/* Is it "host:port[:access[:protocol[:enforcement[:options]]]]"? ERR_SYNTAX with what would be right. */
enum err check_add_endpoint(struct span value, struct why *why);

/* "host:port" */
enum err check_host_port(struct span value, struct why *why);

/* "host:port:METHOD:path-glob" */
enum err check_rule(struct span value, struct why *why);

/*
 * The operations, in this order: rules and endpoints that go, endpoints that come, allow rules, deny rules.
 *
 * out     n pointers in the arena
 * errors  ERR_SYNTAX flags that do not go together, or a value that the checks above refuse; ERR_LIMIT
 */
enum err policy_change_read(const struct policy_change *change, struct arena *arena,
    Openshell__V1__PolicyMergeOperation ***out, size_t *n, struct why *why) must_check;

#endif
