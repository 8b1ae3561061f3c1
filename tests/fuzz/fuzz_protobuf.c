/* Fuzzes protobuf_read; the first byte chooses the type. What it takes must also survive being packed and read again. */
#include <stdint.h>
#include <stdlib.h>

#include "common/wire/protobuf.h"
#include "openshell/openshell.pb-c.h"

static const ProtobufCMessageDescriptor *const types[] = {
    &openshell__v1__create_sandbox_request__descriptor,
    &openshell__v1__exec_sandbox_request__descriptor,
    &openshell__v1__watch_sandbox_request__descriptor,
    &openshell__v1__sandbox_spec__descriptor,
    &openshell__sandbox__v1__sandbox_policy__descriptor,
    &google__protobuf__struct__descriptor,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = {.max_bytes = 64u << 20};
	const ProtobufCMessageDescriptor *type;
	ProtobufCMessage *message;
	struct why why = {0};
	struct span packed;

	if (size == 0)
		return 0;
	type = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	if (protobuf_read(type, span_of_bytes(data + 1, size - 1), &arena, &message, &why) != OK)
		return 0;
	if (protobuf_write(message, &arena, &packed, &why) != OK ||
	    protobuf_read(type, packed, &arena, &message, &why) != OK)
		abort();
	return 0;
}
