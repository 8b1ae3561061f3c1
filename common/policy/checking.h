/* Inside of the check: what its files share. */
#ifndef COMMON_POLICY_CHECKING_H
#define COMMON_POLICY_CHECKING_H

#include "common/policy/cost.h"
#include "common/policy/endpoint.h"
#include "common/policy/findings.h"
#include "common/policy/glob.h"
#include "common/policy/messages.h"

/* What is being looked at. */
struct check {
	struct findings *findings;
	const Policy *policy;
	unsigned flags;
	char subject[220];  /* "network policy 'NAME': endpoint I: ", foreign bytes escaped */
	const void *within; /* the message that the values are in */
	const Endpoint *endpoint;
	enum endpoint_protocol protocol;
	struct cost cost; /* of comparing patterns */
};

/*
 * "SUBJECTFIELD: 'VALUE': words".
 *
 * at     where the value is kept, for its line; NULL: within
 * value  NULL: there is none to show
 */
void policy_check_say(const struct check *check, bool warning, const void *at, const char *field, const char *value,
    const char *format, ...) __attribute__((format(printf, 6, 7)));

#define check_error(check, at, field, value, ...)   policy_check_say(check, false, at, field, value, __VA_ARGS__)
#define check_warning(check, at, field, value, ...) policy_check_say(check, true, at, field, value, __VA_ARGS__)

void policy_check_static(struct check *check);				    /* filesystem, landlock, process */
void policy_check_host(const struct check *check, const char *const *host); /* of an endpoint */
void policy_check_endpoint(struct check *check);			    /* all of check->endpoint */
void policy_check_rules(struct check *check);				    /* its allow and deny rules */
void policy_check_middlewares(struct check *check);
void policy_check_advise(const struct check *check); /* POLICY_CHECK_ADVICE, of an endpoint */
void policy_check_advise_middleware(const struct check *check);
bool policy_check_glob(
    const struct check *check, const void *at, const char *field, const char *glob, enum glob_kind kind);

#endif
