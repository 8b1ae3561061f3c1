/* Fuzzes policy files: first byte even, as YAML text; odd, as the protobuf form that the supervisor reads. */
#include <stdint.h>

#include "common/policy/files.h"
#include "common/policy/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = {.max_bytes = 16u << 20};
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	struct policy_files files;
	struct why why;
	struct span rest;

	if (size == 0)
		return 0;
	rest = span_of_bytes(data + 1, size - 1);
	if (data[0] % 2 == 0)
		(void)!policy_from_yaml(rest, "fuzz", &arena, &policy, &why);
	else
		(void)!policy_files_read(rest, &arena, &files, &why);
	return 0;
}
