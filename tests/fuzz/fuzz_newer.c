/* Fuzz the reshaping of newer requests: any bytes give an error or bytes that are no more than came. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "services/api/newer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rpc_method methods[] = {
	    {.path = "/openshell.v1.OpenShell/CreateSandbox"},
	    {.path = "/openshell.v1.OpenShell/GetSandbox"},
	    {.path = "/openshell.v1.OpenShell/ListSandboxes"},
	    {.path = "/openshell.v1.OpenShell/ExecSandbox"},
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		auto_arena struct arena arena = {.max_bytes = 1 << 20};
		struct span out = SPAN_NONE;
		struct why why = {0};

		if (newer_request(&methods[i], span_of_bytes(data, size), &arena, &out, &why) != OK) {
			if (why.text[0] == '\0')
				abort();
		} else if (out.length > size) {
			abort();
		}
	}
	return 0;
}
