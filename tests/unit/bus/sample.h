/* Samples: a message of any row of bus.def, filled to its lower or upper bounds, for tests and fuzz seeds. */
#ifndef TESTS_UNIT_BUS_SAMPLE_H
#define TESTS_UNIT_BUS_SAMPLE_H

#include <string.h>

#include "common/bus/codec.h"

/* How full a sample is. */
enum sample { SAMPLE_LOW, SAMPLE_SOME, SAMPLE_HIGH };

static inline size_t
sample_length(const struct field *field, enum sample how)
{
	if (how == SAMPLE_LOW)
		return (size_t)field->low;
	if (how == SAMPLE_SOME)
		return field->low > 3 ? (size_t)field->low : field->high < 3 ? (size_t)field->high : 3;
	return (size_t)field->high;
}

static inline struct span
sample_bytes(struct arena *arena, size_t length)
{
	char *at = arena_alloc(arena, length + 1);

	memset(at, 'x', length);
	return span_of_bytes(at, length);
}

static inline void
sample_number(char *at, const struct field *field, enum sample how)
{
	uint64_t value = how == SAMPLE_LOW    ? field->low
			 : how == SAMPLE_HIGH ? field->high
					      : field->low + (field->high - field->low) / 2;

	memcpy(at, &value, field->size); /* little endian */
}

static inline void
sample_fill(struct arena *arena, const struct msg_info *info, char *to, enum sample how)
{
	for (size_t f = 0; f < info->rows; f++) {
		const struct field *field = &info->fields[f];
		char *at = to + field->offset;
		size_t count = how == SAMPLE_LOW ? 0 : how == SAMPLE_SOME || field->count_max < 2 ? 1 : 2;
		struct span span;

		switch (field->kind) {
		case FIELD_ID:
			memset(at, how == SAMPLE_LOW ? 0 : 7, sizeof(struct id));
			break;
		case FIELD_FLAG:
			*(bool *)at = how != SAMPLE_LOW;
			break;
		case FIELD_NUMBER:
			sample_number(at, field, how);
			break;
		case FIELD_TEXT:
		case FIELD_BYTES:
			span = sample_bytes(arena, sample_length(field, how));
			memcpy(at, &span, sizeof(span));
			break;
		case FIELD_TEXTS: {
			struct span *texts = arena_array(arena, count + 1, sizeof(*texts));

			for (size_t i = 0; i < count; i++)
				texts[i] = sample_bytes(arena, how == SAMPLE_HIGH ? (size_t)field->high : 1);
			memcpy(at, &texts, sizeof(texts));
			memcpy(to + field->count_offset, &count, sizeof(count));
			break;
		}
		case FIELD_MANY: {
			char *items = arena_array(arena, count + 1, field->size);

			if (how == SAMPLE_HIGH)
				count = 1;
			for (size_t i = 0; i < count; i++)
				sample_fill(arena, field->part(), items + i * field->size, SAMPLE_SOME);
			memcpy(at, &items, sizeof(items));
			memcpy(to + field->count_offset, &count, sizeof(count));
			break;
		}
		default:
			break;
		}
	}
}

#endif
