/* Editing and counting on any bytes: what is edited is JSON with the edit in it; a count does not depend on the cuts. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/wire/json_edit.h"
#include "common/wire/usage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
edit(struct span text)
{
	static const struct json_edit edits[] = {{"model", SPAN("\"m\"")}, {"stream", {NULL, 0}}};
	struct json object, again;
	struct span out;
	struct why why;
	char *to;

	if (json_read(text, &object, &why) != OK)
		return;
	if ((to = malloc(json_edit_room(object, edits, 2))) == NULL)
		abort();
	if (json_edit(object, edits, 2, to, &out, &why) == OK) {
		assert(json_read(out, &again, &why) == OK);
		assert(json_is(json_get(again, "model"), "m") && json_get(again, "stream").kind == JSON_KIND_NONE);
	}
	free(to);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of_bytes(data, size);
	struct usage whole = {0}, cut = {0};

	if (size > 4096)
		return 0;
	edit(text);
	usage_feed(&whole, text);
	for (size_t i = 0; i < size; i++)
		usage_feed(&cut, span_head(span_tail(text, i), 1));
	assert(whole.found == cut.found && whole.input == cut.input && whole.output == cut.output);
	return 0;
}
