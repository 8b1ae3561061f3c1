/* The bundle as it was when this process began: what is started later must be of the same release, as both ends of a channel are. */
#include "sandbox/supervisor/bundle.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* FNV-1a; the sum of all entries is the same in whatever order they are read. */
static uint64_t
mix(uint64_t hash, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * 0x100000001b3ull;
	return hash;
}

static uint64_t
entry_stamp(int directory, const char *name)
{
	struct stat st;
	uint64_t what[5] = {0};

	if (fstatat(directory, name, &st, 0) == 0) {
		what[0] = st.st_dev;
		what[1] = st.st_ino;
		what[2] = (uint64_t)st.st_size;
		what[3] = (uint64_t)st.st_mtim.tv_sec;
		what[4] = (uint64_t)st.st_mtim.tv_nsec;
	}
	return mix(mix(0xcbf29ce484222325ull, name, strlen(name)), what, sizeof(what));
}

static uint64_t
directory_stamp(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	uint64_t stamp = 0;

	if (directory == NULL)
		return 0;
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			stamp += entry_stamp(dirfd(directory), entry->d_name);
	closedir(directory);
	return stamp;
}

uint64_t
bundle_stamp(void)
{
	return directory_stamp(BUNDLE_PROGRAMS) + directory_stamp(BUNDLE_LIBRARIES);
}
