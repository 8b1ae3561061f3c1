/* viewing: what the files that make public messages share. */
#ifndef API_VIEWING_H
#define API_VIEWING_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "openshell/openshell.pb-c.h"

/* A new message of a generated type; NULL past the ceiling. */
#define message_new(arena, type, prefix)                                                                               \
	({                                                                                                             \
		type *new_ = arena_alloc((arena), sizeof(type));                                                       \
		if (new_ != NULL)                                                                                      \
			prefix##__init(new_);                                                                          \
		new_;                                                                                                  \
	})

/* A map<string, string> of a generated entry type from "KEY=value" texts; NULL past the ceiling. */
void *map_new(struct arena *arena, const struct span *texts, size_t n, const ProtobufCMessageDescriptor *type);

/* A point in time for clients from 0.1 on; NULL past the ceiling. */
Google__Protobuf__Timestamp *view_time(struct arena *arena, uint64_t wall_ms);

/* ERR_LIMIT, in the words for it. */
enum err view_too_large(struct why *why) must_check;

#endif
