/* The audit: who did what to what, each row chained to the one before by a keyed hash whose key the database never sees. */
#include <endian.h>
#include <sodium.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/state.h"

#define SUBJECT_MAX 253
#define OBJECT_MAX  256

/* A row to be added. */
struct entry {
	struct state *state;
	uint64_t id, time_ms;
	struct span subject, action, object, outcome;
};

/* Length first, so that no two different rows hash the same bytes. */
static void
hash_span(crypto_generichash_state *hash, struct span bytes)
{
	uint64_t length = htobe64(bytes.length);

	crypto_generichash_update(hash, (const uint8_t *)&length, sizeof(length));
	if (bytes.length > 0)
		crypto_generichash_update(hash, (const uint8_t *)bytes.at, bytes.length);
}

/* BLAKE2b-256 (RFC 7693) under the key: the mac before, number, time, and the four texts. */
static void
chain(const struct secret *key, struct span before, const struct entry *entry, uint8_t mac[32])
{
	crypto_generichash_state hash;
	uint64_t numbers[2] = {htobe64(entry->id), htobe64(entry->time_ms)};

	crypto_generichash_init(&hash, key->bytes, sizeof(key->bytes), 32);
	hash_span(&hash, before);
	hash_span(&hash, span_of_bytes(numbers, sizeof(numbers)));
	hash_span(&hash, entry->subject);
	hash_span(&hash, entry->action);
	hash_span(&hash, entry->object);
	hash_span(&hash, entry->outcome);
	crypto_generichash_final(&hash, mac, 32);
	explicit_bzero(&hash, sizeof(hash));
}

static enum err
add(void *arg, struct why *why)
{
	struct entry *entry = arg;
	struct db *db = &entry->state->db;
	struct args args = {0};
	auto_rows rows = {0};
	uint8_t mac[32];
	enum err r;

	if ((r = db_run(db, SQL_AUDIT_HEAD, NULL, &rows, why)) != OK)
		return r;
	if (rows.n != 1)
		return fail(why, ERR_INTERNAL, "the audit has lost its head");
	entry->id = rows_number(&rows, 0, 0) + 1;
	chain(&entry->state->config.audit_key, rows_span(&rows, 0, 1), entry, mac);
	args_number(&args, entry->id);
	args_number(&args, entry->time_ms);
	args_text(&args, entry->subject);
	args_text(&args, entry->action);
	args_text(&args, entry->object);
	args_text(&args, entry->outcome);
	args_bytes(&args, span_of_bytes(mac, sizeof(mac)));
	return db_run(db, SQL_AUDIT_ADD, &args, NULL, why);
}

static struct entry
entry_of(struct state *state, struct span subject, const char *action, const char *object, const char *outcome)
{
	return (struct entry){
	    .state = state,
	    .time_ms = (uint64_t)clock_wall_ms(),
	    .subject = span_head(subject, SUBJECT_MAX),
	    .action = span_of_text(action),
	    .object = span_head(span_of_text(object), OBJECT_MAX),
	    .outcome = span_of_text(outcome),
	};
}

enum err
audit_add(struct state *state, struct span subject, const char *action, const char *object, const char *outcome,
    struct why *why)
{
	struct entry entry = entry_of(state, subject, action, object, outcome);

	return add(&entry, why);
}

void
audit_refusal(struct state *state, struct span subject, const char *action, const char *object, enum err outcome)
{
	struct entry entry = entry_of(state, subject, action, object, err_name(outcome));
	struct why why = {0};
	enum err r = db_transaction(&state->db, LAZY, add, &entry, &why);

	if (r != OK)
		log_warning("audit.missing", "action=%s error=%s why=%s", action, err_name(r), why.text);
}

/* One page of the chain; last_mac is the mac of the row before it, and then of its last. */
static enum err
verify_page(struct state *state, struct entry *last, uint8_t last_mac[32], bool *more, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_number(&args, last->id);
	if ((r = db_run(&state->db, SQL_AUDIT_PAGE, &args, &rows, why)) != OK)
		return r;
	for (int i = 0; i < rows.n; i++) {
		struct entry entry = {.id = rows_number(&rows, i, 0),
		    .time_ms = rows_number(&rows, i, 1),
		    .subject = rows_span(&rows, i, 2),
		    .action = rows_span(&rows, i, 3),
		    .object = rows_span(&rows, i, 4),
		    .outcome = rows_span(&rows, i, 5)};
		uint8_t mac[32];

		chain(&state->config.audit_key, span_of_bytes(last_mac, 32), &entry, mac);
		if (entry.id != last->id + 1)
			return fail(why, ERR_INVALID, "audit row %lu is missing", (unsigned long)last->id + 1);
		if (!span_equal(rows_span(&rows, i, 6), span_of_bytes(mac, sizeof(mac))))
			return fail(why, ERR_INVALID, "audit row %lu was changed", (unsigned long)entry.id);
		memcpy(last_mac, mac, sizeof(mac));
		last->id = entry.id;
	}
	*more = rows.n > 0;
	return OK;
}

enum err
audit_verify(struct state *state, uint64_t *count, struct why *why)
{
	struct entry last = {0};
	uint8_t last_mac[32] = {0};
	auto_rows head = {0};
	bool more = true;
	enum err r = OK;

	while (r == OK && more)
		r = verify_page(state, &last, last_mac, &more, why);
	if (r != OK || (r = db_run(&state->db, SQL_AUDIT_HEAD, NULL, &head, why)) != OK)
		return r;
	if (head.n != 1 || rows_number(&head, 0, 0) != last.id ||
	    !span_equal(rows_span(&head, 0, 1), span_of_bytes(last_mac, sizeof(last_mac))))
		return fail(why, ERR_INVALID, "the audit ends at row %lu, before its head", (unsigned long)last.id);
	*count = last.id;
	return OK;
}
