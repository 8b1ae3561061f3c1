/* The JSON-RPC reader on any bytes, in each dialect: calls within their bounds, and what is strict is taken loosely
 * too. */
#include <assert.h>
#include <stdint.h>

#include "common/wire/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = {.max_bytes = 1 << 20};
	struct rpc_body body;
	struct why why;
	enum err stricter = ERR_SYNTAX;

	for (int dialect = RPC_MCP_TOOLS; dialect >= RPC_PLAIN; dialect--) {
		enum err r = rpc_read(span_of_bytes(data, size), (enum rpc_dialect)dialect, &arena, &body, &why);

		assert(stricter != OK || r == OK);
		stricter = r;
		for (size_t i = 0; r == OK && i < body.calls_n; i++) {
			const struct rpc_call *call = &body.calls[i];

			assert(call->method.length <= RPC_NAME_BYTES && call->tool.length <= RPC_NAME_BYTES);
			assert(call->response == (call->method.length == 0));
			assert(call->has_tool == (call->tool.length > 0));
		}
	}
	return 0;
}
