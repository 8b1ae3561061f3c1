/* The check of a whole policy: its parts in turn, and how a finding is put into words. */
#include "common/policy/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/policy/checking.h"

void
policy_check_say(const struct check *check, bool warning, const void *at, const char *field, const char *value,
    const char *format, ...)
{
	char words[300];
	va_list list;

	va_start(list, format);
	vsnprintf(words, sizeof(words), format, list);
	va_end(list);
	finding_add(check->findings, warning, at == NULL ? check->within : at, check->within, "%s%s%s%s: %s",
	    check->subject, field, value == NULL ? "" : ": ", value == NULL ? "" : finding_quote(value), words);
}

bool
policy_check_glob(const struct check *check, const void *at, const char *field, const char *glob, enum glob_kind kind)
{
	struct why why;

	if (glob_check(span_of_text(glob), kind, &why) == OK)
		return true;
	check_error(check, at, field, glob, "%.200s", why.text);
	return false;
}

/* "network policy 'NAME': " with more behind it. */
static void __attribute__((format(printf, 4, 5)))
subject_set(struct check *check, const void *within, const char *name, const char *format, ...)
{
	struct text text = TEXT_OF(check->subject);
	char more[60];
	va_list list;

	va_start(list, format);
	vsnprintf(more, sizeof(more), format, list);
	va_end(list);
	check->subject[0] = '\0';
	check->within = within;
	text_add(&text, "network policy '");
	text_add_escaped(&text, span_head(span_of_text(name), 35));
	text_add(&text, "': %s", more);
}

static void
check_binary(const struct check *check, const Binary *binary, size_t i)
{
	char field[40];
	const char *path = text_or(binary->path);

	if (binary->script != NULL) {
		snprintf(field, sizeof(field), "binaries[%zu].script", i);
		check_error(check, &binary->script, field, binary->script, "%s", POLICY_SCRIPT_WORDS);
	}
	snprintf(field, sizeof(field), "binaries[%zu].path", i);
	if (*path == '\0')
		check_error(check, binary, field, NULL, "is missing; write the absolute path of a program");
	else if (strlen(path) > 4096)
		check_error(check, &binary->path, field, path, "has %zu bytes, at most 4096", strlen(path));
	else if (strchr(path, '*') != NULL && !policy_check_glob(check, &binary->path, field, path, GLOB_PATH))
		return;
	else if (*path != '/' && *path != '*')
		check_warning(check, &binary->path, field, path, "never matches: programs are named by absolute paths");
}

static void
check_policy(struct check *check, const RuleEntry *entry)
{
	static const Rule none = OPENSHELL__SANDBOX__V1__NETWORK_POLICY_RULE__INIT;
	const Rule *rule = entry->value == NULL ? &none : entry->value;
	const char *key = text_or(entry->key);

	subject_set(check, entry, key, "%s", "");
	if (*key == '\0')
		check_error(check, NULL, "name", NULL, "is empty; every network policy has a name");
	if ((check->flags & POLICY_CHECK_USER) != 0 &&
	    strncmp(key, POLICY_PROVIDER_PREFIX, strlen(POLICY_PROVIDER_PREFIX)) == 0)
		check_error(check, NULL, "name", key, "names that begin with %s are reserved for providers",
		    POLICY_PROVIDER_PREFIX);
	if (rule->n_binaries == 0 && rule->n_endpoints > 0)
		check_warning(check, NULL, "binaries", NULL, "is empty: no program may use these endpoints");
	for (size_t i = 0; i < rule->n_binaries; i++)
		check_binary(check, rule->binaries[i], i);
	for (size_t i = 0; i < rule->n_endpoints; i++) {
		subject_set(check, rule->endpoints[i], key, "endpoint %zu: ", i);
		check->endpoint = rule->endpoints[i];
		check->protocol = endpoint_protocol(check->endpoint);
		policy_check_endpoint(check);
	}
}

enum err
policy_check(const Policy *policy, unsigned flags, struct findings *findings, struct why *why)
{
	struct check check = {.findings = findings, .policy = policy, .flags = flags, .within = policy};
	enum err r;

	policy_check_static(&check);
	for (size_t i = 0; i < policy->n_network_policies; i++)
		check_policy(&check, policy->network_policies[i]);
	policy_check_middlewares(&check);
	r = findings_why(findings, ERR_INVALID, why);
	return r == OK ? OK : because(why, r, "policy contains unsafe content");
}
