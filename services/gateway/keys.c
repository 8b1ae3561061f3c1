/* Keys: files of 32 bytes, the ring of storage keys, and X25519 pairs. */
#include "services/gateway/keys.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/file.h"
#include "common/seal/key_file.h"
#include "common/seal/master.h"
#include "common/seal/ring_file.h"
#include "services/gateway/file.h"
#include "services/gateway/progress.h"
#include "services/gateway/ssl.h"

static void
pair_public(struct key_pair *pair)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, pair->secret.bytes, 32);
	size_t length = sizeof(pair->key);

	if (key == NULL || EVP_PKEY_get_raw_public_key(key, pair->key, &length) != 1 || length != 32)
		abort();
	EVP_PKEY_free(key);
}

static void
pair_fresh(struct key_pair *pair)
{
	random_bytes(pair->secret.bytes, sizeof(pair->secret.bytes));
	pair_public(pair);
}

/* keys/NAME below the data directory, built into a buffer of the caller's expression. */
#define key_path(config, name) key_path_into((config), (name), (char[PATH_BYTES]){0})
static const char *
key_path_into(const struct config *config, const char *name, char to[PATH_BYTES])
{
	char relative[64];

	snprintf(relative, sizeof(relative), "keys/%s", name);
	return data_path_into(config, relative, to);
}

const char *
keys_master_path(const struct config *config, char to[PATH_BYTES])
{
	if (config->master_key_file[0] == '\0')
		return key_path_into(config, "credentials.master", to);
	snprintf(to, PATH_BYTES, "%s", config->master_key_file);
	return to;
}

/* Is the master key the configuration's, which is never written by us? */
static bool
master_given(const struct config *config)
{
	return config->master_key_file[0] != '\0';
}

const char *
keys_next_path(const struct config *config, char to[PATH_BYTES])
{
	if (!master_given(config))
		return key_path_into(config, "credentials.master.next", to);
	snprintf(to, PATH_BYTES, "%s", config->master_key_next_file);
	return to;
}

const char *
keys_ring_path(const struct config *config, char to[PATH_BYTES])
{
	return key_path_into(config, "credentials.ring", to);
}

static enum err
key_load(const char *path, struct secret *out, struct why *why)
{
	enum err r = key_file_secret(path, out, why);

	if (r != ERR_NOT_FOUND)
		return r;
	random_bytes(out->bytes, sizeof(out->bytes));
	return file_replace(path, 0600, span_of_bytes(out->bytes, sizeof(out->bytes)), true, why);
}

/* Made at the first start alone: the ring and the database come after it. */
static enum err
master_load(const struct config *config, struct secret *out, struct why *why)
{
	const char *path = key_path(config, "credentials.master");
	enum err r;

	if (config->master_key_file[0] != '\0') {
		if ((r = key_file_secret(config->master_key_file, out, why)) != OK) /* a given one is never made */
			return because(why, r, "master_key_file");
		return OK;
	}
	if (!file_exists(path) &&
	    (file_exists(key_path(config, "credentials.ring")) || file_exists(data_path(config, "postgres"))))
		return fail(why, ERR_STATE,
		    "the master key %s is not there, and what is stored cannot be opened without it: restore it from a backup",
		    path);
	return key_load(path, out, why);
}

enum err
keys_ring_save(const struct config *config, const struct secret *master, const struct ring *ring, struct why *why)
{
	uint8_t bytes[RING_BYTES_MAX];
	char path[PATH_BYTES];

	ring_write(ring, master, bytes);
	return file_replace(keys_ring_path(config, path), 0400,
	    span_of_bytes(bytes, RING_BYTES(ring->count + ring->retired_n)), true, why);
}

enum err
keys_ring_load(const struct config *config, struct secret *master, struct ring *ring, struct why *why)
{
	char paths[3][PATH_BYTES];
	const struct ring_files files = {
	    keys_master_path(config, paths[0]), keys_next_path(config, paths[1]), keys_ring_path(config, paths[2])};
	bool is_next;
	enum err r;

	if (sodium_init() < 0)
		return fail(why, ERR_SYSTEM, "libsodium cannot start");
	if ((r = master_load(config, master, why)) != OK ||
	    (r = ring_file_read(&files, master, &is_next, ring, why)) != OK)
		return r;
	return is_next ? keys_next_settle(config, master, why) : OK;
}

enum err
keys_next_master(const struct config *config, const struct secret *master, struct secret *out, struct why *why)
{
	char path[PATH_BYTES];
	enum err r;

	keys_next_path(config, path);
	if (!master_given(config)) { /* one that is there already was never used: it would have opened the ring */
		random_bytes(out->bytes, sizeof(out->bytes));
		return file_replace(path, 0600, span_of_bytes(out->bytes, sizeof(out->bytes)), true, why);
	}
	if (path[0] == '\0')
		return fail(why, ERR_NOT_FOUND, "no master_key_next_file is configured");
	if ((r = key_file_secret(path, out, why)) != OK)
		return r == ERR_NOT_FOUND ? because(why, ERR_INVALID, "master_key_next_file")
					  : because(why, r, "master_key_next_file");
	return sodium_memcmp(out->bytes, master->bytes, sizeof(out->bytes)) == 0
		   ? fail(why, ERR_NOT_FOUND, "the next master key is in place")
		   : OK;
}

enum err
keys_next_settle(const struct config *config, const struct secret *master, struct why *why)
{
	char path[PATH_BYTES];
	enum err r;

	if (master_given(config))
		return OK;
	if ((r = file_replace(keys_master_path(config, path), 0600, span_of_bytes(master->bytes, sizeof(master->bytes)),
		 true, why)) != OK)
		return r;
	if (unlink(keys_next_path(config, path)) < 0 && errno != ENOENT)
		return fail_errno(why, ERR_SYSTEM, "unlink %s", path);
	return OK;
}

/* How many sandboxes that run have a claim of a master key before this one; as far as credentials has said it of this ring. */
static bool
claims_known(const struct config *config, const struct ring *ring, uint64_t *claims)
{
	struct rotation now;

	if (rotation_look(config, &now, NULL) != OK || memcmp(now.newest, ring->keys[0].name, sizeof(now.newest)) != 0)
		return false;
	*claims = now.claims;
	return true;
}

/* Nobody's claim is of an older one, and nobody else has learnt the keys of this start yet: they are forgotten. */
static enum err
retired_release(const struct config *config, const struct secret *master, struct ring *ring, struct why *why)
{
	uint64_t claims;

	if (ring->retired_n == 0 || !claims_known(config, ring, &claims) || claims > 0)
		return OK;
	ring_release(ring);
	return keys_ring_save(config, master, ring, why);
}

/* Where there is no room, those that no sandbox needs make it: no claim is made of them any more. */
enum err
keys_retire(const struct config *config, const struct secret *master, struct ring *ring, struct why *why)
{
	uint64_t claims = 0;
	bool known = claims_known(config, ring, &claims);

	if (ring->retired_n == RING_RETIRED_MAX && known && claims == 0)
		ring_release(ring);
	if (ring->retired_n == RING_RETIRED_MAX && !known)
		return fail(why, ERR_BUSY,
		    "credentials has not said yet who needs older master keys: run rotate-key again in a moment");
	if (ring->retired_n == RING_RETIRED_MAX)
		return fail(why, ERR_LIMIT,
		    "%llu sandboxes that run were started before the last rotation, and at most %d master keys are kept for such: stop "
		    "and start these (openshell sandbox stop NAME, start NAME; their files stay), then run rotate-key again",
		    (unsigned long long)claims, RING_RETIRED_MAX);
	return ring_retire(ring, master, why);
}

/* The first storage key is made with the master key; and the pair that secrets are sealed for is derived from that. */
static enum err
master_prepare(struct keys *keys, const struct config *config, struct why *why)
{
	auto_ring struct ring ring = {0};
	auto_secret struct secret box;
	enum err r = keys_ring_load(config, &keys->master, &ring, why);

	if (r == OK)
		r = retired_release(config, &keys->master, &ring, why);
	if (r == ERR_NOT_FOUND && !file_exists(key_path(config, "credentials.ring")) &&
	    (r = master_load(config, &keys->master, why)) == OK && (r = ring_add(&ring, why)) == OK)
		r = keys_ring_save(config, &keys->master, &ring, why);
	if (r == OK)
		master_box(&keys->master, &box, keys->credentials_box);
	return r;
}

enum err
keys_load(struct keys *keys, const struct config *config, struct why *why)
{
	struct {
		const char *name;
		struct secret *to;
	} kept[] = {{"audit.key", &keys->audit}, {"relay.bus", &keys->relay.secret},
	    {"driver-local.bus", &keys->driver.secret}, {"driver-local.box", &keys->driver_box.secret}};
	enum err r;

	if ((r = dir_make(data_path(config, "keys"), 0700, why)) != OK || (r = master_prepare(keys, config, why)) != OK)
		return r;
	for (size_t i = 0; i < COUNT(kept); i++)
		if ((r = key_load(key_path(config, kept[i].name), kept[i].to, why)) != OK)
			return r;
	pair_public(&keys->relay);
	pair_public(&keys->driver);
	pair_public(&keys->driver_box);
	pair_fresh(&keys->state);
	pair_fresh(&keys->credentials);
	pair_fresh(&keys->api);
	return OK;
}

void
keys_wipe(struct keys *keys)
{
	explicit_bzero(keys, sizeof(*keys));
}
