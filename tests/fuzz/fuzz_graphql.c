/* GraphQL requests of each form (by the first byte) on any bytes: operations within their bounds, persisted or read. */
#include <assert.h>
#include <stdint.h>

#include "common/wire/graphql.h"
#include "common/wire/graphql_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct graphql_operation *operation)
{
	bool persisted = operation->type == GRAPHQL_PERSISTED;

	assert(operation->name.length <= GRAPHQL_NAME_BYTES && operation->fields_n <= GRAPHQL_FIELDS_MAX);
	assert(persisted == (operation->fields_n == 0));
	assert(persisted == (operation->hash.length + operation->persisted_id.length > 0));
	for (size_t i = 0; i < operation->fields_n; i++) {
		assert(operation->fields[i].length > 0 && operation->fields[i].length <= GRAPHQL_NAME_BYTES);
		for (size_t j = 0; j < i; j++)
			assert(!span_equal(operation->fields[i], operation->fields[j]));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = {.max_bytes = 1 << 20};
	struct span text = size == 0 ? SPAN_NONE : span_of_bytes(data + 1, size - 1);
	struct graphql_message message = {0};
	struct graphql_operation operation;
	struct why why;
	enum err r = ERR_SYNTAX;

	if (size > 0 && data[0] == '0')
		r = graphql_post(text, span_head(text, 20), &arena, &message.request, &why);
	else if (size > 0 && data[0] == '1')
		r = graphql_get(text, &arena, &message.request, &why);
	else if (size > 0 && data[0] == '2')
		r = graphql_message_read(text, &arena, &message, &why);
	else if (graphql_document_read(text, SPAN_NONE, &arena, &operation, &why) == OK)
		check(&operation);
	assert(r != OK || message.control == (message.request.operations_n == 0));
	for (size_t i = 0; r == OK && i < message.request.operations_n; i++)
		check(&message.request.operations[i]);
	return 0;
}
