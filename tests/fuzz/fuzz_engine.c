/*
 * Fuzzes decisions: a policy, as YAML or else in its wire form, up to a line "...", then a line each of host,
 * executable, method, path, query, and of words that stand for a body. What is decided must be one of the answers, and
 * the same when it is asked again.
 */
#include <assert.h>
#include <stdint.h>

#include "common/policy/engine.h"
#include "common/policy/yaml.h"
#include "common/wire/protobuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span
policy_cut(struct span *rest)
{
	for (size_t i = 0; i + 5 <= rest->length; i++)
		if (memcmp(rest->at + i, "\n...\n", 5) == 0) {
			struct span policy = span_head(*rest, i + 1);

			*rest = span_tail(*rest, i + 5);
			return policy;
		}
	return SPAN_NONE;
}

static enum err
policy_of(struct span text, struct arena *arena, Openshell__Sandbox__V1__SandboxPolicy **out)
{
	ProtobufCMessage *message;
	enum err r;

	if (text.length == 0 || span_starts(text, SPAN("version")))
		return policy_from_yaml(text, "fuzz", arena, out, NULL);
	if ((r = protobuf_read(&openshell__sandbox__v1__sandbox_policy__descriptor, span_head(text, text.length - 1),
		 arena, &message, NULL)) == OK)
		*out = (Openshell__Sandbox__V1__SandboxPolicy *)(void *)message;
	return r;
}

static void
request_ask(
    const struct engine *engine, const struct engine_admission *admission, struct span rest, struct arena *arena)
{
	struct engine_request request = {
	    .method = span_cut(&rest, '\n'), .path = span_cut(&rest, '\n'), .query = span_cut(&rest, '\n')};
	struct span words[4] = {span_cut(&rest, '\n'), span_cut(&rest, '\n'), span_cut(&rest, '\n'), rest};
	struct engine_operation operation = {.type = (uint8_t)(words[0].length % 4),
	    .name = words[0],
	    .fields = words,
	    .fields_n = 3,
	    .hash = words[1],
	    .persisted_id = words[2]};
	struct engine_call call = {
	    .method = words[0], .tool = words[1], .has_tool = words[1].length > 0, .response = words[0].length == 0};

	request.overrides = words + 2;
	request.overrides_n = words[2].length > 0;
	request.operations = &operation;
	request.operations_n = 1;
	request.calls = &call;
	request.calls_n = 1;
	for (unsigned i = 0; i < 18; i++) {
		struct engine_verdict one, two;
		struct why why;

		request.kind = (enum engine_kind)(1 + i % 3);
		request.body = (enum engine_body)(i / 3 % 3);
		request.upgrade = request.event_stream = i >= 9;
		if (engine_request(engine, admission, &request, arena, &one, &why) != OK ||
		    engine_request(engine, admission, &request, arena, &two, &why) != OK)
			continue;
		assert(one.what >= ENGINE_ALLOW && one.what <= ENGINE_READ_BODY && one.what == two.what);
		assert((one.what == ENGINE_AUDIT || one.what == ENGINE_REFUSE) == (one.reason.length > 0));
		assert(one.reason.length <= 512 && one.rule.length <= 512);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = {.max_bytes = 16u << 20};
	struct span rest = span_of_bytes(data, size), yaml = policy_cut(&rest), host, exe;
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	struct engine_admission admission;
	struct engine *engine;
	struct why why;

	if (policy_of(yaml, &arena, &policy) != OK || engine_new(policy, NULL, NULL, &engine, &why) != OK)
		return 0;
	host = span_cut(&rest, '\n');
	exe = span_cut(&rest, '\n');
	(void)engine_name(engine, host);
	if (engine_connect(engine, host, 443, &(struct engine_process){.exe = exe}, &arena, &admission, &why) == OK) {
		assert(admission.allowed == (admission.reason.length == 0) && admission.reason.length <= 512);
		request_ask(engine, &admission, rest, &arena);
	}
	engine_free(engine);
	return 0;
}
