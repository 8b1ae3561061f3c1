/* Agreeing with state: keys_have, and what keys_used says to it. */
#include "services/credentials/agree.h"

#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/seal/master.h"

#define ASK_AGAIN_MS 500  /* while the ring has older keys */
#define ASK_ROOTS_MS 2000 /* while it has older master keys alone */
#define LINE_BYTES   120  /* of the file for rotate-key: written over itself, so always as long */

static void agree_ask(void *self);

static void
refuse(struct credentials *credentials)
{
	credentials->failed = ERR_STATE;
	loop_stop(credentials->loop);
}

/* A key that records need is the ring's, or the wrong files are here. */
static bool
keys_agree(struct credentials *credentials, const struct msg_keys_used *used, struct why *why)
{
	uint8_t print[MASTER_PRINT_BYTES];
	char hex[2 * STORAGE_NAME_BYTES + 1];

	master_print(&credentials->keys.roots[0].master, print);
	if (used->fingerprint.length > 0 && !span_equal(used->fingerprint, span_of_bytes(print, sizeof(print)))) {
		fail(why, ERR_STATE,
		    "the database belongs to another master key than %s: put the right one there; nothing was touched",
		    credentials->config->master_key_file);
		return false;
	}
	for (size_t i = 0; i < used->keys_n; i++) {
		if (ring_find(&credentials->keys.ring, (const uint8_t *)used->keys[i].key.at) != NULL)
			continue;
		hex_write(used->keys[i].key.at, STORAGE_NAME_BYTES, hex);
		if (used->keys[i].records == 0) {
			fail(why, ERR_STATE,
			    "the gateways that use this database seal under the storage key %s, which %s does not have: copy that file from one of them; nothing was touched",
			    hex, credentials->config->ring_file);
			return false;
		}
		fail(why, ERR_STATE,
		    "%llu stored secrets are sealed under the storage key %s, which %s does not have: restore it from a backup; nothing was touched",
		    (unsigned long long)used->keys[i].records, hex, credentials->config->ring_file);
		return false;
	}
	return true;
}

static uint64_t
records_old(const struct credentials *credentials, const struct msg_keys_used *used)
{
	struct span newest = span_of_bytes(credentials->keys.ring.keys[0].name, STORAGE_NAME_BYTES);
	uint64_t records = 0;

	for (size_t i = 0; i < used->keys_n; i++)
		if (!span_equal(used->keys[i].key, newest))
			records += used->keys[i].records;
	return records;
}

/* "newest=HEX old=N quiet_ms=N claims=N": rotate-key and the next start read it (services/gateway/rotate.c). */
static void
progress_write(struct credentials *credentials, uint64_t old, uint64_t claims)
{
	char line[LINE_BYTES + 1], hex[2 * STORAGE_NAME_BYTES + 1];
	uint64_t now_ms = clock_ms();
	int n;

	if (old > 0)
		credentials->quiet_since_ms = 0;
	else if (credentials->quiet_since_ms == 0)
		credentials->quiet_since_ms = now_ms;
	if (credentials->progress_fd < 0)
		return;
	hex_write(credentials->keys.ring.keys[0].name, STORAGE_NAME_BYTES, hex);
	n = snprintf(line, sizeof(line), "newest=%s old=%llu quiet_ms=%llu claims=%llu", hex, (unsigned long long)old,
	    (unsigned long long)(old > 0 ? 0 : now_ms - credentials->quiet_since_ms), (unsigned long long)claims);
	memset(line + n, ' ', (size_t)(LINE_BYTES - n));
	line[LINE_BYTES - 1] = '\n';
	if (pwrite(credentials->progress_fd, line, LINE_BYTES, 0) != LINE_BYTES)
		log_warning("keys.progress", NULL);
}

static void
agreed(struct credentials *credentials, uint64_t old, uint64_t claims)
{
	bool older = credentials->keys.ring.count > 1;

	if (!credentials->serving)
		log_info("keys.agreed", "storage_keys=%zu old_records=%llu master_keys=%zu old_claims=%llu",
		    credentials->keys.ring.count, (unsigned long long)old, credentials->keys.roots_n,
		    (unsigned long long)claims);
	credentials->serving = true;
	progress_write(
	    credentials, old, claims + credentials->underway_n); /* their answers may be sealed for an older one */
	service_ready(&credentials->config->service);
	if (older || credentials->keys.roots_n > 1)
		loop_timer_set(credentials->loop, &credentials->ask_again, older ? ASK_AGAIN_MS : ASK_ROOTS_MS,
		    agree_ask, credentials);
}

static void
keys_told(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct credentials *credentials = self;

	if (r == OK && answer->id == KEYS_USED) {
		if (keys_agree(credentials, &answer->keys_used, &credentials->why))
			agreed(credentials, records_old(credentials, &answer->keys_used), answer->keys_used.claims);
		else
			refuse(credentials);
		return;
	}
	if (r != ERR_UNAVAILABLE) /* else it is gone, and asked when it is back, or its database is */
		log_warning("keys.unanswered", "error=%s why=\"%s\"", err_name(r), why == NULL ? "" : why->text);
	loop_timer_set(credentials->loop, &credentials->ask_again, ASK_AGAIN_MS, agree_ask, credentials);
}

/* What state knows each master key by. */
static size_t
roots_name(const struct keys *keys, uint8_t prints[ROOTS_MAX][MASTER_PRINT_BYTES], struct msg_root roots[ROOTS_MAX])
{
	for (size_t i = 0; i < keys->roots_n; i++) {
		master_print(&keys->roots[i].master, prints[i]);
		roots[i] = (struct msg_root){span_of_bytes(prints[i], MASTER_PRINT_BYTES),
		    span_of_bytes(keys->roots[i].box_public, sizeof(keys->roots[i].box_public))};
	}
	return keys->roots_n;
}

static void
agree_ask(void *self)
{
	struct credentials *credentials = self;
	const struct ring *ring = &credentials->keys.ring;
	struct peer *state = bus_peer(&credentials->bus, ROLE_STATE, NULL);
	uint8_t prints[ROOTS_MAX][MASTER_PRINT_BYTES];
	struct msg_root roots[ROOTS_MAX];
	struct msg_key_use others[RING_KEYS_MAX];
	struct msg m = {.id = KEYS_HAVE,
	    .keys_have = {.newest = span_of_bytes(ring->keys[0].name, STORAGE_NAME_BYTES),
		.others = others,
		.others_n = ring->count - 1,
		.roots = roots,
		.roots_n = roots_name(&credentials->keys, prints, roots)}};

	if (state == NULL || !state->up)
		return; /* asked again when it is up */
	m.keys_have.fingerprint = roots[0].fingerprint;
	for (size_t i = 1; i < ring->count; i++)
		others[i - 1] = (struct msg_key_use){.key = span_of_bytes(ring->keys[i].name, STORAGE_NAME_BYTES)};
	peer_call(state, &m, CALL_DEADLINE_MS, keys_told, credentials);
}

void
agree_peer_up(void *self, struct peer *peer)
{
	struct credentials *credentials = self;

	if (peer->role != ROLE_STATE)
		return;
	loop_timer_stop(credentials->loop, &credentials->ask_again);
	agree_ask(credentials);
}
