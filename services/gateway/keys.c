/* Keys: files of 32 bytes, and X25519 pairs. */
#include "services/gateway/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/file.h"
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

static enum err
key_open(const char *path, int fd, struct secret *out, struct why *why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size != sizeof(out->bytes))
		return fail(why, ERR_INVALID, "the key %s has %lld bytes instead of %zu: restore it from a backup", path,
		    (long long)st.st_size, sizeof(out->bytes));
	if ((st.st_mode & 077) != 0)
		return fail(why, ERR_INVALID, "the key %s is open to other users: chmod 600 it", path);
	if (pread(fd, out->bytes, sizeof(out->bytes), 0) != sizeof(out->bytes))
		return fail_errno(why, ERR_SYSTEM, "read %s", path);
	return OK;
}

static enum err
key_load(const struct config *config, const char *name, struct secret *out, struct why *why)
{
	char relative[64];
	const char *path;
	auto_fd int fd = -1;

	snprintf(relative, sizeof(relative), "keys/%s", name);
	path = data_path(config, relative);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) >= 0)
		return key_open(path, fd, out, why);
	if (errno != ENOENT)
		return fail_errno(why, ERR_SYSTEM, "open the key %s", path);
	random_bytes(out->bytes, sizeof(out->bytes));
	return file_replace(path, 0600, span_of_bytes(out->bytes, sizeof(out->bytes)), true, why);
}

enum err
keys_load(struct keys *keys, const struct config *config, struct why *why)
{
	struct {
		const char *name;
		struct secret *to;
	} kept[] = {{"credentials.master", &keys->master}, {"audit.key", &keys->audit},
	    {"relay.bus", &keys->relay.secret}, {"driver-local.bus", &keys->driver.secret},
	    {"driver-local.box", &keys->driver_box.secret}};
	enum err r;

	if ((r = dir_make(data_path(config, "keys"), 0700, why)) != OK)
		return r;
	for (size_t i = 0; i < COUNT(kept); i++)
		if ((r = key_load(config, kept[i].name, kept[i].to, why)) != OK)
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
