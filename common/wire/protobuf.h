/* protobuf: strangers' bytes into a message, vetted before protobuf-c sees them; also packing into an arena. */
#ifndef COMMON_WIRE_PROTOBUF_H
#define COMMON_WIRE_PROTOBUF_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

#define PROTOBUF_DEPTH_MAX    64     /* messages inside one another, the outermost counted */
#define PROTOBUF_ELEMENTS_MAX 200000 /* fields, known or not, and items of packed lists, in all */

/*
 * Read a message of the type from its wire form (protobuf.dev, "Encoding"). protobuf-c 1.4 alone recurses without a
 * bound and merges a repeated singular message in quadratic time, so the bytes are walked first, without recursion.
 *
 * out     in the arena, as all it holds: never freed by itself, gone at arena_reset; untouched on failure
 * errors  ERR_SYNTAX with the field's path: truncated, a varint or tag too long, a group, the wrong wire type, a
 *         singular message twice, text that is not UTF-8 or holds NUL; ERR_LIMIT too deep, too many elements, or past
 *         the arena's ceiling
 */
enum err protobuf_read(const ProtobufCMessageDescriptor *type, struct span bytes, struct arena *arena,
    ProtobufCMessage **out, struct why *why) must_check;

/* The wire form of a message, in the arena; ERR_LIMIT past its ceiling. */
enum err protobuf_write(
    const ProtobufCMessage *message, struct arena *arena, struct span *out, struct why *why) must_check;

/* One field of a message's wire form. */
struct protobuf_field {
	uint32_t number;
	unsigned wire;	   /* protobuf_c_wire_type */
	uint64_t value;	   /* of a varint */
	struct span body;  /* of a length-delimited field, or the 4 or 8 bytes */
	struct span whole; /* tag and all */
};

/* The next field of rest, which is moved behind it; ERR_SYNTAX: rest does not begin with a whole field. */
enum err protobuf_field_take(struct span *rest, struct protobuf_field *out, struct why *why) must_check;

#endif
