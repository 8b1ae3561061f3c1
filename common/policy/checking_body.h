/* Inside of the check: one rule of an endpoint, allow or deny. */
#ifndef COMMON_POLICY_CHECKING_BODY_H
#define COMMON_POLICY_CHECKING_BODY_H

#include "common/policy/checking.h"

#define FIELD_BYTES 80

/* An allow body and a deny body have the same fields at the same places; both are looked at as an allow body. */
struct body {
	const L7Allow *at;
	bool deny;
	const char *place; /* "rules[2].allow" */
};

#define NAMED(body, field) policy_field_name((body), (field), (char[FIELD_BYTES]){0})
#define GIVEN(text)	   (*text_or(text) != '\0')
const char *policy_field_name(const struct body *body, const char *field, char to[FIELD_BYTES]);

/* What may stand in a rule. */
enum { BODY_QUERY = 1, BODY_PATH = 2, BODY_COMMAND = 4, BODY_OPERATION = 8, BODY_PARAMS = 16, BODY_METHOD = 32 };

/* Say which of its fields are none of the useful ones: refused, or of no effect. */
void policy_check_parts(const struct check *check, const struct body *body, unsigned useful, bool refused);

/* The matchers of query or params. */
void policy_check_matchers(
    const struct check *check, const struct body *body, QueryEntry *const *entries, size_t n, const char *name);

/* query, mutation or subscription */
void policy_check_operation_type(const struct check *check, char *const *type, const char *field);

/* One rule, as the endpoint's protocol has it (check_body.c); that of mcp, and what is wrong with all of them together
 * (check_mcp.c). */
void policy_check_body(const struct check *check, const struct body *body);
void policy_check_mcp(const struct check *check, const struct body *body);
void policy_check_tools(const struct check *check);
bool policy_allows_all_mcp(const Endpoint *endpoint);

#endif
