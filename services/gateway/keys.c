/* Keys: files of 32 bytes, the ring of storage keys, and X25519 pairs. */
#include "services/gateway/keys.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/os/file.h"
#include "common/seal/key_file.h"
#include "common/seal/master.h"
#include "services/gateway/file.h"
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
	return file_replace(
	    keys_ring_path(config, path), 0400, span_of_bytes(bytes, RING_BYTES(ring->count)), true, why);
}

enum err
keys_ring_load(const struct config *config, struct secret *master, struct ring *ring, struct why *why)
{
	uint8_t bytes[RING_BYTES_MAX];
	char path[PATH_BYTES];
	size_t length;
	enum err r;

	if (sodium_init() < 0)
		return fail(why, ERR_SYSTEM, "libsodium cannot start");
	if ((r = master_load(config, master, why)) != OK ||
	    (r = key_file_read(keys_ring_path(config, path), 1, sizeof(bytes), bytes, &length, why)) != OK)
		return r;
	if ((r = ring_read(span_of_bytes(bytes, length), master, ring, why)) != OK)
		return because(why, r, "the storage keys %s", path);
	return OK;
}

/* The first storage key is made with the master key; and the pair that secrets are sealed for is derived from that. */
static enum err
master_prepare(struct keys *keys, const struct config *config, struct why *why)
{
	auto_ring struct ring ring = {0};
	auto_secret struct secret box;
	enum err r = keys_ring_load(config, &keys->master, &ring, why);

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
