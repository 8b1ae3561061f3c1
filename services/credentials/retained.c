/* Retained answers: in memory as they are in the ledger. */
#include "services/credentials/retained.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/seal/answer_box.h"
#include "common/seal/stored.h"
#include "services/credentials/ledger.h"

#define TIDY_BYTES (1u << 20) /* below that it may be as old as it likes, unless nothing is retained */

struct retained {
	struct list link;	   /* in credentials.retained, oldest first */
	struct ledger_whose whose; /* its key is our own */
	char *key;
	uint8_t *bytes; /* of the box */
	struct span box;
	uint64_t until_ms;
};

static void
retained_free(struct credentials *credentials, struct retained *retained)
{
	list_remove(&retained->link);
	credentials->retained_n--;
	credentials->retained_bytes -= retained->box.length;
	free(retained->key);
	free(retained->bytes);
	free(retained);
}

static struct retained *
oldest(struct credentials *credentials)
{
	struct retained *retained;

	list_each(retained, &credentials->retained, struct retained, link)
		return retained;
	return NULL;
}

/* Those whose time is over, and more where there are too many. */
static void
overdue_free(struct credentials *credentials)
{
	struct retained *first;

	while ((first = oldest(credentials)) != NULL &&
	       (first->until_ms < clock_ms() || credentials->retained_n > RETAINED_MAX ||
		   credentials->retained_bytes > RETAINED_BYTES_MAX))
		retained_free(credentials, first);
}

struct ledger_whose
whose_of(const struct msg_refresh_run *in)
{
	struct ledger_whose whose = {.provider = in->provider_id, .key = in->key};
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof(whose.print));
	for (size_t i = 0; i < in->secrets_n; i++) {
		struct span lasting = stored_lasting(in->secrets[i].record);

		crypto_generichash_update(&state, (const uint8_t *)lasting.at, lasting.length);
	}
	crypto_generichash_final(&state, whose.print, sizeof(whose.print));
	return whose;
}

bool
whose_same(const struct ledger_whose *a, const struct ledger_whose *b)
{
	return id_equal(a->provider, b->provider) && span_equal(a->key, b->key) &&
	       memcmp(a->print, b->print, sizeof(a->print)) == 0;
}

static struct retained *
of_credential(struct credentials *credentials, struct id provider, struct span key)
{
	struct retained *retained;

	list_each(retained, &credentials->retained, struct retained, link)
		if (id_equal(retained->whose.provider, provider) && span_equal(retained->whose.key, key))
			return retained;
	return NULL;
}

void
retained_keep(struct credentials *credentials, const struct ledger_whose *whose, struct span box, uint64_t left_ms)
{
	struct retained *retained = calloc(1, sizeof(*retained)),
			*before = of_credential(credentials, whose->provider, whose->key);

	if (retained == NULL || (retained->key = span_dup(whose->key)) == NULL ||
	    (retained->bytes = malloc(box.length)) == NULL)
		abort();
	memcpy(retained->bytes, box.at, box.length);
	retained->box = span_of_bytes(retained->bytes, box.length);
	if (before != NULL)
		retained_free(credentials, before);
	retained->whose = *whose;
	retained->whose.key = span_of_text(retained->key);
	retained->until_ms = clock_ms() + (left_ms < LEDGER_KEPT_MS ? left_ms : LEDGER_KEPT_MS);
	list_append(&credentials->retained, &retained->link);
	credentials->retained_n++;
	credentials->retained_bytes += retained->box.length;
	overdue_free(credentials);
}

/* ---- opening ---- */

/* With whichever master key; out: which one. */
static enum err
box_open(const struct keys *keys, const struct retained *retained, struct room *room, size_t *root, struct span *out,
    struct why *why)
{
	enum err r = ERR_DENIED;

	room_open(room, retained->box.length);
	for (*root = 0; *root < keys->roots_n; ++*root)
		if ((r = answer_box_open(retained->box, &retained->whose, keys->roots[*root].box_public,
			 keys->roots[*root].box.bytes, room->at, out, why)) == OK)
			break;
	room->used = room->size;
	return r;
}

bool
retained_has(struct credentials *credentials, const struct ledger_whose *whose)
{
	const struct retained *retained = of_credential(credentials, whose->provider, whose->key);

	return retained != NULL && whose_same(&retained->whose, whose);
}

bool
retained_open(struct credentials *credentials, const struct ledger_whose *whose, struct room *room, struct span *out)
{
	struct retained *retained;
	struct why why;
	size_t root;

	overdue_free(credentials);
	retained = of_credential(credentials, whose->provider, whose->key);
	if (retained == NULL || !whose_same(&retained->whose, whose))
		return false;
	if (box_open(&credentials->keys, retained, room, &root, out, &why) == OK)
		return true;
	log_warning("refresh.retained", "provider=%s why=\"%s\"", id_text(whose->provider), why.text);
	retained_free(credentials, retained); /* the server is asked */
	return false;
}

static void
box_renew(struct credentials *credentials, struct retained *retained)
{
	struct ledger_entry entry = {.what = LEDGER_ANSWER, .whose = retained->whose};
	uint64_t now_ms = clock_ms();
	auto_room struct room room = {0};
	struct span answer;
	struct why why;
	size_t root;
	enum err r = box_open(&credentials->keys, retained, &room, &root, &answer, &why);

	if (r == OK && root == 0)
		return;
	if (r == OK && (r = answer_box_make(credentials->keys.roots[0].box_public, &retained->whose, answer,
			    retained->bytes, &why)) == OK) { /* as long as it was */
		entry.box = retained->box;
		entry.until_ms =
		    (uint64_t)clock_wall_ms() + (retained->until_ms > now_ms ? retained->until_ms - now_ms : 0);
		r = ledger_add(credentials, &entry, true, &why);
	}
	if (r != OK)
		log_warning("refresh.renew", "provider=%s why=\"%s\"", id_text(retained->whose.provider), why.text);
}

void
retained_renew(struct credentials *credentials)
{
	struct retained *retained;

	if (credentials->keys.roots_n > 1)
		list_each(retained, &credentials->retained, struct retained, link)
			box_renew(credentials, retained);
}

/* ---- forgetting ---- */

void
retained_forget(struct credentials *credentials, struct id provider, struct span key)
{
	struct retained *retained = of_credential(credentials, provider, key);
	struct why why;

	if (retained == NULL)
		return;
	if (ledger_add(
		credentials, &(struct ledger_entry){.what = LEDGER_ENDED, .whose = retained->whose}, false, &why) != OK)
		log_warning("refresh.ledger", "why=\"%s\"", why.text);
	retained_free(credentials, retained);
	retained_tidy(credentials);
}

void
retained_ended(struct credentials *credentials, const struct ledger_whose *whose)
{
	struct retained *retained = of_credential(credentials, whose->provider, whose->key);

	if (retained != NULL && whose_same(&retained->whose, whose))
		retained_free(credentials, retained);
}

/* Those that are retained, as entries one behind the other: the caller's to free. */
static char *
entries_write(struct credentials *credentials, size_t *length)
{
	uint64_t now_ms = clock_ms(), wall_ms = (uint64_t)clock_wall_ms();
	struct retained *retained;
	char *all = NULL;

	*length = 0;
	list_each(retained, &credentials->retained, struct retained, link) {
		const struct ledger_entry entry = {LEDGER_ANSWER, retained->whose,
		    wall_ms + (retained->until_ms > now_ms ? retained->until_ms - now_ms : 0), retained->box};
		size_t n;
		auto_free char *one = ledger_entry_write(&entry, &n);

		if ((all = realloc(all, *length + n)) == NULL)
			abort();
		memcpy(all + *length, one, n);
		*length += n;
	}
	return all;
}

void
retained_tidy(struct credentials *credentials)
{
	size_t size = ledger_size(credentials), length;

	overdue_free(credentials);
	if (size == 0 || credentials->underway_n > 0 ||
	    (credentials->retained_n > 0 && (size < TIDY_BYTES || size / 2 < credentials->retained_bytes)))
		return;
	auto_free char *entries = entries_write(credentials, &length);
	ledger_replace(credentials, entries, length);
}

void
retained_init(struct credentials *credentials)
{
	list_init(&credentials->retained);
}

void
retained_end(struct credentials *credentials)
{
	struct retained *retained;

	while ((retained = oldest(credentials)) != NULL)
		retained_free(credentials, retained);
}
