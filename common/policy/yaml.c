/* A policy file from its text to a policy that is checked, with the place of each finding. */
#include "common/policy/yaml.h"

#include <string.h>

#include "common/policy/check.h"
#include "common/policy/messages.h"
#include "common/policy/yaml_reading.h"

/* Give each finding of the check the line and column of its value, or of the message around it. */
static void
place_all(const struct reading *reading)
{
	struct findings *findings = reading->findings;

	for (size_t i = 0; i < findings->count; i++)
		for (size_t k = 0; k < 2 && findings->items[i].line == 0; k++)
			for (size_t j = 0; j < reading->places_count; j++)
				if (findings->items[i].at[k] == reading->places[j].at) {
					findings->items[i].line = reading->places[j].line;
					findings->items[i].column = reading->places[j].column;
					break;
				}
}

static enum err
check_whole(struct reading *reading, const Policy *policy, unsigned flags, struct why *why)
{
	size_t length = protobuf_c_message_get_packed_size(&policy->base);
	enum err r;

	if (length > POLICY_WIRE_MAX_BYTES)
		return fail(
		    why, ERR_LIMIT, "the policy has %zu bytes on the wire, at most %d", length, POLICY_WIRE_MAX_BYTES);
	r = policy_check(policy, flags | POLICY_CHECK_FILE, reading->findings, why);
	if (r == OK)
		r = policy_check_overlap(policy, reading->findings, why) == ERR_LIMIT ? ERR_LIMIT : OK;
	place_all(reading);
	return r == ERR_INVALID ? OK : r;
}

enum err
policy_read(struct span text, unsigned flags, struct findings *findings, Policy **out, struct why *why)
{
	struct reading reading = {.arena = findings->arena, .findings = findings};
	struct yaml_node *root;
	ProtobufCMessage *policy;
	enum err r;

	if ((r = yaml_parse(text, NULL, findings->arena, &root, why)) != OK)
		return r;
	if ((policy = yaml_reading_message(&reading, &SANDBOX(sandbox_policy))) != NULL) {
		yaml_reading_place(&reading, policy, root);
		yaml_read_message(&reading, root, policy);
	}
	if (reading.full)
		return fail(why, ERR_LIMIT, "the policy is too large");
	if (findings->errors == 0 && (r = check_whole(&reading, (Policy *)policy, flags, why)) != OK)
		return r;
	if ((r = findings_why(findings, ERR_INVALID, why)) == OK)
		*out = (Policy *)policy;
	return r;
}

enum err
policy_from_yaml(struct span text, const char *file, struct arena *arena, Policy **out, struct why *why)
{
	struct findings findings = {.arena = arena};
	enum err r = policy_read(text, POLICY_CHECK_USER, &findings, out, why);
	const struct finding *first = NULL;

	if (r != ERR_INVALID)
		return r == OK ? OK : because(why, r, "%s", file);
	for (size_t i = 0; i < findings.count && first == NULL; i++)
		first = findings.items[i].warning ? NULL : &findings.items[i];
	if (first == NULL)
		return fail(why, ERR_LIMIT, "%s: the policy is too large", file);
	if (findings.errors > 1)
		fail(why, r, "%.380s; and %zu more", first->text, findings.errors - 1);
	else
		fail(why, r, "%.380s", first->text);
	if (first->line > 0)
		because(why, r, "line %zu, column %zu", first->line, first->column);
	return because(why, r, "%s", file);
}
