/* Fuzzes policies: first byte even, as YAML text, through the whole check and back; m, a change with merge operations;
 * else odd, as the protobuf form. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/policy/check.h"
#include "common/policy/files.h"
#include "common/policy/hash.h"
#include "common/policy/merge.h"
#include "common/policy/yaml.h"
#include "common/wire/protobuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the check lets pass has one canonical form, which passes, too. */
static void
again(const Openshell__Sandbox__V1__SandboxPolicy *policy, struct arena *arena)
{
	struct findings findings = {.arena = arena};
	struct policy_form once, twice;
	struct why why;

	if (policy_form(policy, arena, &once, &why) != OK || policy_form(once.policy, arena, &twice, &why) != OK)
		return;
	if (memcmp(once.hash, twice.hash, sizeof(once.hash)) != 0)
		abort();
	if (policy_check(policy, 0, &findings, &why) == OK &&
	    policy_check(once.policy, 0, &findings, &why) == ERR_INVALID)
		abort();
}

/* An UpdateConfigRequest: its operations on its policy. What comes out has one form, and the policy is as it was. */
static void
merge(struct span bytes, struct arena *arena)
{
	static const Openshell__Sandbox__V1__SandboxPolicy none = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	const Openshell__Sandbox__V1__SandboxPolicy *policy = &none;
	Openshell__Sandbox__V1__SandboxPolicy *out;
	struct findings findings = {.arena = arena};
	const Openshell__V1__UpdateConfigRequest *request;
	struct policy_form before, after;
	ProtobufCMessage *message;
	struct why why;

	if (protobuf_read(&openshell__v1__update_config_request__descriptor, bytes, arena, &message, &why) != OK)
		return;
	request = (const Openshell__V1__UpdateConfigRequest *)message;
	if (request->policy != NULL)
		policy = request->policy;
	if (policy_form(policy, arena, &before, &why) != OK ||
	    policy_merge(policy, request->merge_operations, request->n_merge_operations, &findings, &out, &why) != OK)
		return;
	again(out, arena);
	if (policy_form(policy, arena, &after, &why) == OK && memcmp(before.hash, after.hash, sizeof(before.hash)) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = {.max_bytes = 16u << 20};
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	struct findings findings = {.arena = &arena};
	struct policy_files files;
	ProtobufCMessage *message;
	struct why why;
	struct span rest;

	if (size == 0)
		return 0;
	rest = span_of_bytes(data + 1, size - 1);
	if (data[0] == 'm') {
		merge(rest, &arena);
		return 0;
	}
	if (data[0] % 2 == 0) {
		if (policy_read(rest, POLICY_CHECK_USER, &findings, &policy, &why) == OK)
			again(policy, &arena);
		return 0;
	}
	(void)!policy_files_read(rest, &arena, &files, &why);
	if (protobuf_read(&openshell__sandbox__v1__sandbox_policy__descriptor, rest, &arena, &message, &why) != OK)
		return 0;
	policy = (Openshell__Sandbox__V1__SandboxPolicy *)message;
	if (policy_check(policy, 0, &findings, &why) == OK &&
	    policy_check_overlap(policy, &findings, &why) != ERR_LIMIT)
		again(policy, &arena);
	return 0;
}
