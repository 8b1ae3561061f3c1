/* A profile file from its text to a message that is linted, with the place of each finding. */
#include "common/provider/profile_read.h"

#include <string.h>

#include "common/policy/yaml_reading.h"
#include "common/provider/messages.h"
#include "common/provider/names.h"

/* ---- where profiles are shaped otherwise than their protobuf form, and than policies ---- */

static void
empty_list(struct reading *reading, const struct yaml_node *item)
{
	if (item->kind == YAML_LIST && item->count == 0)
		yaml_reading_wrong(reading, item, "an empty list would mean the same as none: leave it out");
}

/* One flat key, as exports of other clients have it; empty lists; and what only the gateway says. */
static bool
item_read(struct reading *reading, const struct yaml_node *item, ProtobufCMessage *to)
{
	if (to->descriptor == &PROFILE_PART(provider_profile))
		return span_is(item->key, "source") || span_is(item->key, "scope");
	if (to->descriptor != &SANDBOX(network_endpoint))
		return false;
	if (span_is(item->key, "rules") || span_is(item->key, "deny_rules"))
		empty_list(reading, item);
	if (!span_is(item->key, "json_rpc_max_body_bytes"))
		return false;
	if (yaml_read_number(reading, item, UINT32_MAX, &((Endpoint *)to)->json_rpc_max_body_bytes))
		((Endpoint *)to)->has_json_rpc_max_body_bytes = true;
	return true;
}

/* A binary may be its path alone. */
static bool
message_read(struct reading *reading, const struct yaml_node *node, ProtobufCMessage *to)
{
	if (to->descriptor != &SANDBOX(network_binary) || node->kind != YAML_SCALAR)
		return false;
	yaml_read_text(reading, node, &((Binary *)to)->path);
	return true;
}

static bool
word_read(const ProtobufCEnumDescriptor *type, struct span word, int *out)
{
	if (type == &PROFILE_PART(provider_profile_category))
		return provider_category(word, out);
	return type == &PROFILE_PART(provider_credential_refresh_strategy) && provider_strategy(word, out);
}

static const struct reading_ways ways = {item_read, message_read, word_read};

/* ---- the whole ---- */

/* What is wrong with the shape: "KEY: words" with its place. */
static void
shape_take(const struct reading *reading, const char *source, struct profile_findings *findings)
{
	for (size_t i = 0; i < reading->findings->count; i++) {
		const struct finding *from = &reading->findings->items[i];
		size_t before = findings->count;

		profile_finding_add(findings, from->warning, source, "", "", "%s", from->text);
		if (findings->count > before) {
			findings->items[before].line = from->line;
			findings->items[before].column = from->column;
		}
	}
}

/* Give each finding of the lint the line and column of its value. */
static void
place_all(const struct reading *reading, struct profile_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		for (size_t j = 0; j < reading->places_count && findings->items[i].line == 0; j++)
			if (findings->items[i].at != NULL && findings->items[i].at == reading->places[j].at) {
				findings->items[i].line = reading->places[j].line;
				findings->items[i].column = reading->places[j].column;
			}
}

enum err
provider_profile_read(
    struct span text, const char *source, struct profile_findings *findings, Profile **out, struct why *why)
{
	struct findings shape = {.arena = findings->arena};
	struct reading reading = {.arena = findings->arena, .findings = &shape, .ways = &ways};
	struct yaml_node *root;
	ProtobufCMessage *profile;
	enum err r;

	if ((r = yaml_parse(text, NULL, findings->arena, &root, why)) != OK)
		return r;
	if ((profile = yaml_reading_message(&reading, &PROFILE_PART(provider_profile))) != NULL) {
		yaml_reading_place(&reading, profile, root);
		yaml_read_message(&reading, root, profile);
	}
	if (reading.full)
		return fail(why, ERR_LIMIT, "the profile is too large");
	shape_take(&reading, source, findings);
	if (shape.errors == 0) {
		provider_lint((Profile *)profile, source, findings);
		place_all(&reading, findings);
	}
	if ((r = profile_findings_why(findings, why)) == OK)
		*out = (Profile *)profile;
	return r;
}
