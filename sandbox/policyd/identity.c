/* Identity, read from /proc: the executable, then parent by parent up to the spawner. Equal ones are kept once. */
#include "sandbox/policyd/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"

#define DELETED	   " (deleted)"
#define TEXT_BYTES (64u << 10) /* of all paths of one identity */

/* One being put together. */
struct draft {
	enum err fault;
	struct why why;
	char text[TEXT_BYTES];
	size_t used;
	struct {
		size_t at, length;
		uint8_t hash[HASH_BYTES];
	} steps[ANCESTORS_MAX + 1]; /* itself first */
	size_t steps_n;
};

/* Its text is not cleared: it is large, and written before it is read. */
static struct draft *
draft_new(void)
{
	struct draft *draft = malloc(sizeof(*draft));

	if (draft == NULL)
		abort();
	draft->fault = OK;
	draft->why.text[0] = '\0';
	draft->used = draft->steps_n = 0;
	return draft;
}

/* ---- kept once ---- */

static void
digest_add(crypto_generichash_state *state, const void *bytes, size_t length)
{
	uint64_t n = length;

	crypto_generichash_update(state, (const unsigned char *)&n, sizeof(n));
	crypto_generichash_update(state, bytes, length);
}

static void
digest_of(const struct draft *draft, uint8_t out[HASH_BYTES])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
	digest_add(&state, &draft->fault, sizeof(draft->fault));
	if (draft->fault != OK)
		digest_add(&state, draft->why.text, strlen(draft->why.text));
	for (size_t i = 0; i < draft->steps_n; i++) {
		digest_add(&state, draft->text + draft->steps[i].at, draft->steps[i].length);
		digest_add(&state, draft->steps[i].hash, HASH_BYTES);
	}
	crypto_generichash_final(&state, out, HASH_BYTES);
}

/* All in one block: the struct, the list of ancestors, the text, the words. */
static struct identity *
keep(const struct draft *draft, const uint8_t digest[HASH_BYTES])
{
	size_t n = draft->steps_n > 0 ? draft->steps_n - 1 : 0, words = strlen(draft->why.text) + 1;
	struct identity *identity = calloc(1, sizeof(*identity) + n * sizeof(struct span) + draft->used + words);
	char *text;

	if (identity == NULL)
		abort();
	identity->ancestors = (struct span *)(identity + 1);
	identity->ancestors_n = n;
	text = (char *)(identity->ancestors + n);
	memcpy(text, draft->text, draft->used);
	memcpy(text + draft->used, draft->why.text, words);
	identity->words = span_of_bytes(text + draft->used, words - 1);
	identity->fault = draft->fault;
	if (draft->steps_n > 0)
		identity->exe = span_of_bytes(text + draft->steps[0].at, draft->steps[0].length);
	for (size_t i = 0; i < n; i++)
		identity->ancestors[i] = span_of_bytes(text + draft->steps[i + 1].at, draft->steps[i + 1].length);
	memcpy(identity->digest, digest, HASH_BYTES);
	return identity;
}

static struct identity *
intern(struct identities *identities, const struct draft *draft)
{
	uint8_t digest[HASH_BYTES];
	struct identity *identity;
	struct list *bucket;

	digest_of(draft, digest);
	bucket = &identities->buckets[digest[0] % IDENTITY_BUCKETS];
	list_each(identity, bucket, struct identity, link)
		if (memcmp(identity->digest, digest, HASH_BYTES) == 0)
			return identity_ref(identity);
	identity = keep(draft, digest);
	list_append(bucket, &identity->link);
	identities->n++;
	return identity_ref(identity);
}

struct identity *
identity_ref(struct identity *identity)
{
	identity->references++;
	return identity;
}

void
identity_unref(struct identities *identities, struct identity *identity)
{
	if (identity == NULL || --identity->references > 0)
		return;
	list_remove(&identity->link);
	identities->n--;
	free(identity);
}

/* ---- read ---- */

/*
 * The kernel writes " (deleted)" behind the path of a file that is unlinked; a file may also be called so. The path is
 * canonical, so that there is no link in it to be followed out of the agent's root.
 */
static void
deleted_cut(const struct identities *identities, char *path, bool *unlinked)
{
	size_t length = strlen(path), tail = strlen(DELETED);
	auto_fd int root = -1;
	char name[32];
	struct stat st;

	*unlinked = false;
	if (length <= tail || strcmp(path + length - tail, DELETED) != 0)
		return;
	snprintf(name, sizeof(name), "/%d/root", (int)identities->spawner);
	root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || fstatat(root, path + 1, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return;
	path[length - tail] = '\0';
	*unlinked = true;
}

static enum err
step_add(struct draft *draft, const char *path, const uint8_t hash[HASH_BYTES], struct why *why)
{
	size_t length = strlen(path);

	if (TEXT_BYTES - draft->used <= length)
		return fail(why, ERR_LIMIT, "the paths of its ancestors have over %u bytes", TEXT_BYTES);
	memcpy(draft->text + draft->used, path, length + 1);
	draft->steps[draft->steps_n].at = draft->used;
	draft->steps[draft->steps_n].length = length;
	memcpy(draft->steps[draft->steps_n].hash, hash, HASH_BYTES);
	draft->steps_n++;
	draft->used += length + 1;
	return OK;
}

/* What one process executes. It is read between two looks that must agree. */
static enum err
step(struct identities *identities, int dir, struct draft *draft, struct why *why)
{
	uint8_t hash[HASH_BYTES] = {0};
	char path[PROC_PATH_BYTES];
	struct stat before, after;
	bool unlinked;
	enum err r;

	if ((r = proc_exe_stat(dir, &before, why)) != OK || (r = proc_exe_path(dir, path, why)) != OK)
		return r;
	deleted_cut(identities, path, &unlinked);
	unlinked = unlinked || before.st_nlink == 0;
	if ((r = hash_of(identities->hashes, dir, &before, hash, why)) == OK)
		r = pin_check(identities->pins, span_of_text(path), hash, unlinked, why);
	if (r == ERR_MORE)
		return r;
	if (r != OK && draft->steps_n == 0 && step_add(draft, path, hash, NULL) != OK)
		return fail(why, ERR_LIMIT, "path"); /* its path is known, if nothing more */
	if (r != OK)
		return r;
	if ((r = proc_exe_stat(dir, &after, why)) != OK)
		return r;
	if (before.st_dev != after.st_dev || before.st_ino != after.st_ino)
		return fail(why, ERR_NOT_FOUND, "it executes another file meanwhile");
	return step_add(draft, path, hash, why);
}

/* Up to the spawner, or as far as ANCESTORS_MAX reaches: fewer ancestors never allow more. */
static enum err
walk(struct identities *identities, int dir, struct draft *draft, struct why *why)
{
	struct proc_stat stat;
	enum err r;

	if ((r = step(identities, dir, draft, why)) != OK || (r = proc_stat(dir, &stat, why)) != OK)
		return r;
	while (stat.parent != (uint32_t)identities->spawner && stat.parent > 1 && draft->steps_n <= ANCESTORS_MAX) {
		auto_fd int parent = -1;

		if ((r = proc_open((pid_t)stat.parent, &parent, why)) != OK ||
		    (r = step(identities, parent, draft, why)) != OK || (r = proc_stat(parent, &stat, why)) != OK)
			return r == ERR_MORE ? r : because(why, r, "ancestor");
	}
	return OK;
}

enum err
identity_of(struct identities *identities, int dir, struct identity **out, struct why *why)
{
	auto_free struct draft *draft = draft_new();
	enum err r = walk(identities, dir, draft, &draft->why);

	if (r == ERR_MORE)
		return r;
	draft->fault = r;
	if (r == OK)
		draft->why.text[0] = '\0';
	else if (why != NULL)
		*why = draft->why;
	*out = intern(identities, draft);
	return r;
}

struct identity *
identity_fault(struct identities *identities, enum err fault, const struct why *why)
{
	auto_free struct draft *draft = draft_new();

	draft->fault = fault;
	draft->why = *why;
	return intern(identities, draft);
}

void
identities_init(struct identities *identities, struct hashes *hashes, struct pins *pins)
{
	*identities = (struct identities){.hashes = hashes, .pins = pins};
	for (size_t i = 0; i < IDENTITY_BUCKETS; i++)
		list_init(&identities->buckets[i]);
}
