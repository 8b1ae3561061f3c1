/* Placeholders in any bytes: pieces join to what they were cut from, and no mark is left beside the slots. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/wire/placeholder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
known(const void *self, struct span token)
{
	(void)self;
	return token.length < 5;
}

/* Bytes of all literals: what is not of them is of slots. */
static void
check(const struct placeholder_pieces *pieces, size_t most)
{
	size_t sum = 0, slots = 0;

	for (size_t i = 0; i < pieces->n; i++) {
		struct placeholder found;

		sum += pieces->at[i].literal.length;
		slots += pieces->at[i].token.length > 0;
		assert((pieces->at[i].literal.length == 0) == (pieces->at[i].token.length > 0));
		assert(!placeholder_find(pieces->at[i].literal, 0, &found));
	}
	assert(slots == pieces->slots && (pieces->n == 0 || slots > 0) && sum <= most);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of_bytes(data, size);
	const struct placeholder_tokens tokens = {known, NULL};
	struct placeholder_piece room[64];
	struct placeholder_pieces pieces = {.at = room, .max = 64};
	struct placeholder_tail tail = {0}, other = {0};
	auto_arena struct arena arena = {0};
	struct why why = {0};
	bool cut, whole;

	if (placeholder_header(text, &tokens, &arena, &pieces, &why) == OK)
		check(&pieces, size);
	if (placeholder_path(text, &tokens, &pieces, &why) == OK)
		check(&pieces, size);
	if (placeholder_query(text, PLACEHOLDER_QUERY, &tokens, &arena, &pieces, &why) == OK)
		check(&pieces, size);
	if (placeholder_text(text, &tokens, &pieces, &why) == OK)
		check(&pieces, size);
	if (placeholder_json(text, &tokens, &arena, &pieces, &why) == OK)
		check(&pieces, size);
	whole = placeholder_passes(&tail, text, true, &tokens);
	cut = placeholder_passes(&other, span_head(text, size / 2), false, &tokens) &&
	      placeholder_passes(&other, span_tail(text, size / 2), true, &tokens);
	assert(whole == cut);
	return 0;
}
