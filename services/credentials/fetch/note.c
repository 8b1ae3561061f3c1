/* Noting in the ledger of credentials: it is appended to, sealed with a key that opens nothing. */
#include "services/credentials/fetch/note.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/codec.h"
#include "common/seal/answer_box.h"

/* Whole in one call, so that entries of several children stand one behind the other. */
static void
entry_append(int ledger, const struct ledger_entry *entry)
{
	size_t length;
	auto_free char *bytes = ledger_entry_write(entry, &length);
	ssize_t n = write(ledger, bytes, length);

	if (n != (ssize_t)length || (entry->what == LEDGER_ANSWER && fdatasync(ledger) < 0))
		log_warning("fetch.ledger", "error=%d wrote=%zd bytes=%zu", n < 0 ? errno : 0, n, length);
}

static enum err
answer_seal(
    struct fetch *fetch, const struct ledger_whose *whose, const struct msg *done, struct span *out, struct why *why)
{
	const uint8_t *broker_key = (const uint8_t *)fetch->job->ledger.at;
	char *bytes = NULL; /* given back never: the process ends */
	size_t room = 0, length;
	uint8_t *box;
	enum err r;

	if ((r = msg_encode(done, &bytes, &room, &length, why)) != OK)
		return r;
	if (ANSWER_BOX_BYTES(length) > LEDGER_BOX_MAX ||
	    (box = arena_alloc(fetch->arena, ANSWER_BOX_BYTES(length))) == NULL)
		return fail(why, ERR_LIMIT, "an answer of %zu bytes", length);
	if ((r = answer_box_make(broker_key, whose, span_of_bytes(bytes, length), box, why)) == OK)
		*out = span_of_bytes(box, ANSWER_BOX_BYTES(length));
	return r;
}

enum err
note_answer(struct fetch *fetch, enum err r, struct msg *done, struct why *why)
{
	const struct span told = fetch->job->ledger;
	struct ledger_entry entry = {
	    .what = LEDGER_ENDED, .whose.key = fetch->job->key, .until_ms = (uint64_t)fetch->now_ms + LEDGER_KEPT_MS};

	if (told.length != LEDGER_JOB_BYTES)
		return r;
	memcpy(entry.whose.provider.bytes, told.at + 32, 16);
	memcpy(entry.whose.print, told.at + 48, 16);
	if (r == OK && done->fetch_done.material_n > 0 &&
	    (r = answer_seal(fetch, &entry.whose, done, &entry.box, why)) == OK) {
		entry.what = LEDGER_ANSWER;
		done->fetch_done = (struct msg_fetch_done){.box = entry.box};
	}
	if (fetch->ledger >= 0)
		entry_append(fetch->ledger, &entry);
	return r;
}
