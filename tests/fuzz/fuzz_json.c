/* The JSON reader on any bytes: what it takes can be walked to its end, and each value of it is a text of its own. */
#include <assert.h>
#include <stdint.h>

#include "common/wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(struct json value, struct span whole, struct arena *arena)
{
	struct json_walk items = json_walk(value);
	struct json name, item, again;
	struct span text;

	assert(value.text.at >= whole.at && value.text.at + value.text.length <= whole.at + whole.length);
	assert(json_read(value.text, &again, NULL) == OK && again.kind == value.kind);
	assert(span_equal(again.text, value.text));
	assert(value.kind != JSON_KIND_STRING || json_unescape(value, arena, &text, NULL) != ERR_INVALID);
	while (json_next(&items, &name, &item)) {
		assert((name.kind == JSON_KIND_STRING) == (value.kind == JSON_KIND_OBJECT));
		walk(item, value.text, arena);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_arena struct arena arena = {.max_bytes = 1 << 20};
	struct span text = span_of_bytes(data, size);
	struct json out;
	struct why why;

	if (size <= 4096 && json_read(text, &out, &why) == OK)
		walk(out, text, &arena);
	return 0;
}
