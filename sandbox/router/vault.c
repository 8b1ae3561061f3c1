/* The vault: boxes opened straight into locked memory, and a table of what they held. */
#include "sandbox/router/vault.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/seal/bundle_box.h"

#define LISTS_BYTES (64u << 20) /* of the lists, at most */

struct vault *
vault_new(uint64_t revision, uint16_t chunks)
{
	struct vault *vault = calloc(1, sizeof(*vault));

	if (vault == NULL)
		abort();
	vault->revision = revision;
	vault->chunks = chunks;
	vault->memory.max_bytes = LISTS_BYTES;
	return vault;
}

void
vault_free(struct vault *vault)
{
	if (vault == NULL)
		return;
	for (size_t i = 0; i < vault->entries_n; i++)
		reach_done(&vault->entries[i].reach);
	for (size_t i = 0; i < vault->got; i++)
		sodium_free(vault->room[i]); /* wipes */
	arena_reset(&vault->memory);
	free(vault);
}

static enum err
check_box(
    const struct vault *vault, const struct msg_secrets_push *push, const struct msg_bundle *bundle, struct why *why)
{
	if (!id_equal(bundle->sandbox, push->sandbox) || bundle->epoch != push->epoch)
		return fail(why, ERR_DENIED, "a box of secrets for another sandbox or start");
	if (bundle->revision != vault->revision || bundle->chunk != vault->got || bundle->chunks != vault->chunks)
		return fail(why, ERR_DENIED,
		    "a box of secrets is chunk %u of %u of another revision or in another's place", bundle->chunk,
		    bundle->chunks);
	return OK;
}

enum err
vault_add(struct vault *vault, const struct msg_secrets_push *push, const uint8_t credentials_key[32],
    const struct secret *box_key, struct why *why)
{
	struct msg_bundle *bundle = &vault->bundle[vault->got];
	uint8_t *room;
	enum err r;

	if (push->revision != vault->revision || push->chunks != vault->chunks || push->chunk != vault->got ||
	    vault->got == vault->chunks)
		return fail(why, ERR_PROTOCOL, "chunk %u of %u of secrets is not the one that follows", push->chunk,
		    push->chunks);
	if (push->box.length > VAULT_BYTES_MAX - vault->bytes)
		return fail(why, ERR_LIMIT, "over %u bytes of secrets", VAULT_BYTES_MAX);
	if ((room = sodium_malloc(push->box.length)) == NULL)
		return fail(why, ERR_LIMIT, "no memory can be locked for %zu bytes of secrets", push->box.length);
	if ((r = bundle_box_open(push->box, credentials_key, box_key, room, &vault->memory, bundle, why)) == OK)
		r = check_box(vault, push, bundle, why);
	if (r != OK) {
		sodium_free(room);
		return r;
	}
	sodium_mprotect_readonly(room);
	vault->room[vault->got++] = room;
	vault->bytes += push->box.length;
	return OK;
}

/* ---- where they may go ---- */

static enum err
bindings_compile(const struct msg_secret_entry *secret, struct reach *out, struct why *why)
{
	struct reach_place places[REACH_MAX];

	if (secret->bindings_n > REACH_MAX)
		return fail(why, ERR_LIMIT, "too many bindings");
	for (size_t i = 0; i < secret->bindings_n; i++)
		places[i] =
		    (struct reach_place){secret->bindings[i].host, secret->bindings[i].port, secret->bindings[i].path};
	return reach_make(out, places, secret->bindings_n, why);
}

bool
vault_covers(struct vault_entry *entry, struct span host, uint16_t port, struct span path)
{
	struct why why = {0};

	if (!entry->compiled) {
		entry->compiled = true;
		if (bindings_compile(entry->secret, &entry->reach, &why) != OK)
			log_warning("binding.unreadable", "why=%s", log_quote(span_of_text(why.text)));
	}
	return reach_covers(&entry->reach, host, port, path, NULL);
}

/* ---- the table ---- */

static struct vault_key *
place_of(const struct vault *vault, struct span key)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < key.length; i++)
		hash = (hash ^ (unsigned char)key.at[i]) * 16777619u;
	for (size_t at = hash;; at++) {
		struct vault_key *place = &vault->places[at & (vault->places_n - 1)];

		if (place->entry == NULL || span_equal(place->key, key))
			return place;
	}
}

static enum err
put(struct vault *vault, struct span key, struct vault_entry *entry, struct why *why)
{
	struct vault_key *place = place_of(vault, key);

	if (place->entry != NULL)
		return fail(why, ERR_INVALID, "%.*s stands for two secrets", SPAN_ARGS(key));
	*place = (struct vault_key){key, entry};
	return OK;
}

/* An agent's secret is found by its tokens alone, a backend's by its name: neither can be asked for as the other. */
static enum err
put_all(struct vault *vault, struct vault_entry *entry, struct why *why)
{
	const struct msg_secret_entry *secret = entry->secret;
	enum err r = OK;

	if (secret->grant_n > 0)
		return OK; /* found by where requests go */
	if (secret->tokens_n == 0)
		return put(vault, secret->slot, entry, why);
	for (size_t i = 0; r == OK && i < secret->tokens_n; i++)
		r = put(vault, secret->tokens[i], entry, why);
	return r;
}

static enum err
tables_make(struct vault *vault, struct why *why)
{
	size_t keys = 0, places = 16;

	for (size_t i = 0; i < vault->got; i++) {
		vault->entries_n += vault->bundle[i].entries_n;
		for (size_t k = 0; k < vault->bundle[i].entries_n; k++)
			keys += vault->bundle[i].entries[k].tokens_n + 1;
	}
	while (places < keys * 2)
		places *= 2;
	vault->entries = arena_array(&vault->memory, vault->entries_n + 1, sizeof(*vault->entries));
	vault->places = arena_array(&vault->memory, places, sizeof(*vault->places));
	vault->places_n = places;
	if (vault->entries == NULL || vault->places == NULL) {
		vault->entries_n = 0;
		return fail(why, ERR_LIMIT, "too many secrets");
	}
	return OK;
}

static void
note_signer(struct vault *vault, struct vault_entry *entry)
{
	static const char *const names[VAULT_SIGNERS] = {
	    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};

	for (size_t i = 0; i < VAULT_SIGNERS; i++)
		if (entry->secret->tokens_n > 0 && span_is(entry->secret->slot, names[i]))
			vault->signers[i] = entry;
}

/* ---- token grants ---- */

/* One whose bindings cannot be read grants nothing. */
static enum err
granting_add(struct vault *vault, struct vault_entry *entry, struct why *why)
{
	const struct msg_secret_entry *secret = entry->secret;

	(void)vault_covers(entry, SPAN_NONE, 0, SPAN_NONE); /* compiled */
	if (entry->reach.n == 0)
		return OK;
	if (secret->bindings_n > REACH_MAX - vault->granted_n)
		return fail(why, ERR_LIMIT, "token grants for over %d places", REACH_MAX);
	for (size_t i = 0; i < secret->bindings_n; i++)
		vault->granted[vault->granted_n++] = secret->bindings[i];
	vault->granting[vault->granting_n++] = entry;
	return OK;
}

static enum err
granting_note(struct vault *vault, struct why *why)
{
	enum err r = OK;

	vault->granting = arena_array(&vault->memory, vault->entries_n + 1, sizeof(struct vault_entry *));
	vault->granted = arena_array(&vault->memory, REACH_MAX, sizeof(*vault->granted));
	if (vault->granting == NULL || vault->granted == NULL)
		return fail(why, ERR_LIMIT, "too many token grants");
	for (size_t i = 0; i < vault->entries_n && r == OK; i++)
		if (vault->entries[i].secret->grant_n > 0)
			r = granting_add(vault, &vault->entries[i], why);
	return r;
}

struct vault_entry *
vault_granting(const struct vault *vault, struct span host, uint16_t port, struct span path)
{
	struct vault_entry *best = NULL;
	uint64_t score, most = 0;
	size_t which;

	for (size_t i = 0; i < vault->granting_n; i++) {
		struct vault_entry *entry = vault->granting[i];

		if (!reach_covers(&entry->reach, host, port, path, &which))
			continue;
		score = reach_score_of(&entry->reach, which);
		if (best == NULL || score > most) {
			best = entry;
			most = score;
		}
	}
	return best;
}

enum err
vault_close(struct vault *vault, struct why *why)
{
	struct vault_entry *entry;
	enum err r;

	if ((r = tables_make(vault, why)) != OK)
		return r;
	entry = vault->entries;
	for (size_t i = 0; i < vault->got; i++)
		for (size_t k = 0; k < vault->bundle[i].entries_n; k++, entry++) {
			entry->secret = &vault->bundle[i].entries[k];
			vault->tokens_n += entry->secret->tokens_n;
			if ((r = put_all(vault, entry, why)) != OK)
				return r;
			note_signer(vault, entry);
		}
	return granting_note(vault, why);
}

static struct vault_entry *
find(const struct vault *vault, struct span key, bool tokens)
{
	struct vault_entry *entry = place_of(vault, key)->entry;

	return entry != NULL && (entry->secret->tokens_n > 0) == tokens ? entry : NULL;
}

struct vault_entry *
vault_token(const struct vault *vault, struct span token)
{
	return find(vault, token, true);
}

struct vault_entry *
vault_backend(const struct vault *vault, struct span slot)
{
	return find(vault, slot, false);
}
