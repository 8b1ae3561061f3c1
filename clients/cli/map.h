/* KEY=VALUE flags as the entries of a protobuf map. */
#ifndef CLIENTS_CLI_MAP_H
#define CLIENTS_CLI_MAP_H

#include "common/base/arena.h"

/*
 * Fill a map field from texts KEY=VALUE (checked already); a later one with the same key wins.
 *
 * prefix   of the entry type's functions: openshell__v1__sandbox_spec__environment_entry
 * to, n    the field and its count
 */
#define MAP_FILL(arena, prefix, to, n, texts, count)                                                                   \
	do {                                                                                                           \
		(to) = arena_array((arena), (count) + 1, sizeof(*(to)));                                               \
		for (size_t map_i_ = 0; (to) != NULL && map_i_ < (count); map_i_++) {                                  \
			struct span map_value_ = span_of_text((texts)[map_i_]);                                        \
			struct span map_key_ = span_cut(&map_value_, '=');                                             \
			size_t map_at_ = 0;                                                                            \
                                                                                                                       \
			while (map_at_ < (n) && !span_is(map_key_, (to)[map_at_]->key))                                \
				map_at_++;                                                                             \
			if (map_at_ == (n)) {                                                                          \
				(to)[(n)] = arena_alloc((arena), sizeof(**(to)));                                      \
				if ((to)[(n)] == NULL)                                                                 \
					break;                                                                         \
				prefix##__init((to)[(n)]);                                                             \
				(to)[(n)++]->key = arena_text((arena), map_key_);                                      \
			}                                                                                              \
			(to)[map_at_]->value = arena_text((arena), map_value_);                                        \
		}                                                                                                      \
	} while (0)

#endif
