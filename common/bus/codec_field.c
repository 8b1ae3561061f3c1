/* What both directions of the codec share. */
#include "common/bus/codec_field.h"

uint64_t
number_load(const void *at, size_t size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

void
number_store(void *at, size_t size, uint64_t value)
{
	switch (size) {
	case 1:
		*(uint8_t *)at = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)at = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)at = (uint32_t)value;
		break;
	default:
		*(uint64_t *)at = value;
	}
}

enum err
check_bounds(const struct field *field, uint64_t value, enum err code, struct why *why)
{
	if (value >= field->low && value <= field->high)
		return OK;
	return fail(why, code, "%s%s is %llu, allowed is %llu to %llu", field->name,
	    field->kind == FIELD_NUMBER ? "" : ": length", (unsigned long long)value, (unsigned long long)field->low,
	    (unsigned long long)field->high);
}

enum err
check_text(const struct field *field, struct span text, enum err code, struct why *why)
{
	enum err r;

	if ((r = check_bounds(field, text.length, code, why)) != OK)
		return r;
	return span_utf8(text) ? OK : fail(why, code, "%s is not UTF-8", field->name);
}

enum err
check_count(const struct field *field, size_t count, enum err code, struct why *why)
{
	if (count <= field->count_max)
		return OK;
	return fail(why, code, "%s has %zu items, at most %zu", field->name, count, field->count_max);
}
