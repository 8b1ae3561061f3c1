/* The ring's file: tried with the master key, then with the next one. */
#include "common/seal/ring_file.h"

#include "common/seal/key_file.h"

#define TRIES 2 /* the files may be replaced between two looks */

static enum err
try_with(const struct ring_files *files, const char *path, const char *what, struct span bytes, struct secret *master,
    struct ring *ring, struct why *why)
{
	enum err r = key_file_secret(path, master, why);

	if (r != OK)
		return because(why, r, "%s", what);
	if ((r = ring_read(bytes, master, ring, why)) != OK)
		return because(why, r, "ring_file %s", files->ring);
	return OK;
}

static enum err
read_once(const struct ring_files *files, struct secret *master, bool *is_next, struct ring *ring, struct why *why)
{
	uint8_t bytes[RING_BYTES_MAX];
	struct why other = {0};
	struct span sealed;
	size_t length;
	enum err r, next;

	if ((r = key_file_read(files->ring, 1, sizeof(bytes), bytes, &length, why)) != OK)
		return because(why, r, "ring_file");
	sealed = span_of_bytes(bytes, length);
	*is_next = false;
	if ((r = try_with(files, files->master, "master_key_file", sealed, master, ring, why)) != ERR_DENIED ||
	    files->next[0] == '\0')
		return r;
	if ((next = try_with(files, files->next, "master_key_next_file", sealed, master, ring, &other)) == OK) {
		*is_next = true;
		return OK;
	}
	if (next == ERR_NOT_FOUND || next == ERR_DENIED)
		return r;
	*why = other;
	return next;
}

enum err
ring_file_read(const struct ring_files *files, struct secret *master, bool *is_next, struct ring *ring, struct why *why)
{
	enum err r = ERR_DENIED;

	for (int i = 0; i < TRIES && r == ERR_DENIED; i++)
		r = read_once(files, master, is_next, ring, why);
	if (r != OK)
		secret_wipe(master);
	return r;
}
