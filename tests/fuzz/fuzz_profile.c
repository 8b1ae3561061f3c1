/* Fuzzes profiles: first byte even, as YAML text; odd, as the protobuf form; and what they come to; 'u', an address. */
#include <stdint.h>
#include <stdlib.h>

#include "common/provider/lint.h"
#include "common/provider/plan.h"
#include "common/provider/profile_read.h"
#include "common/provider/url.h"
#include "common/wire/protobuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A record of it, with a policy that is no more than its version. */
static void
plan(const Openshell__V1__ProviderProfile *profile, struct arena *arena)
{
	static const struct provider_key keys[] = {{"A", 0, true, false, NULL}, {"B", 1, true, true, "e"}};
	const struct provider_attached attached[] = {
	    {.name = "a", .id = "1", .type = "t", .profile = profile, .keys = keys, .keys_count = 2},
	    {.name = "b", .id = "2", .type = "t", .profile = profile}};
	const struct provider_question question = {
	    .sandbox = "s", .attached = attached, .attached_count = 2, .now_ms = 1};
	struct provider_plan made;
	const char **lines;
	size_t n;

	if (provider_plan(&question, arena, &made, NULL) == OK &&
	    provider_environment(&made, 1, arena, &lines, &n, NULL) == OK && n > made.secrets_count)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = {.max_bytes = 32u << 20};
	struct profile_findings findings = {.arena = &arena};
	struct span rest = size == 0 ? SPAN_NONE : span_of_bytes(data + 1, size - 1);
	Openshell__V1__ProviderProfile *profile;
	struct provider_url url;
	ProtobufCMessage *message;
	struct why why;

	if (size > 0 && data[0] == 'u') {
		if (provider_url_read(rest, &arena, &url, &why) == OK && (url.port == 0 || url.host[0] == '\0'))
			abort();
	} else if (size > 0 && data[0] % 2 == 0) {
		if (provider_profile_read(rest, "f", &findings, &profile, &why) == OK)
			plan(profile, &arena);
	} else if (protobuf_read(&openshell__v1__provider_profile__descriptor, rest, &arena, &message, &why) == OK) {
		provider_lint((Openshell__V1__ProviderProfile *)message, "f", &findings);
		plan((Openshell__V1__ProviderProfile *)message, &arena);
	}
	return 0;
}
