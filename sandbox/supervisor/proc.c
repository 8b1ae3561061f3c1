/* Facts from /proc. */
#include "sandbox/supervisor/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"

bool
proc_read(const char *path, char *text, size_t size)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	while (fd >= 0 && used < size && (n = read(fd, text + used, size - used)) > 0)
		used += (size_t)n;
	if (fd < 0 || used == 0 || used == size)
		return false;
	text[used] = '\0';
	return true;
}

bool
proc_status(const char *name, char *value, size_t size)
{
	char text[8192];
	size_t n = strlen(name);

	snprintf(value, size, "?");
	if (!proc_read("/proc/self/status", text, sizeof(text)))
		return false;
	for (char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL)
		if (strncmp(line, name, n) == 0 && line[n] == ':') {
			char *from = line + n + 1 + strspn(line + n + 1, "\t ");

			snprintf(value, size, "%.*s", (int)strcspn(from, "\n"), from);
			return true;
		}
	return false;
}

bool
proc_map_single(const char *path)
{
	unsigned inside, outside, count;
	char text[4096], *end;

	return proc_read(path, text, sizeof(text)) && sscanf(text, "%u %u %u", &inside, &outside, &count) == 3 &&
	       count == 1 && (end = strchr(text, '\n')) != NULL && end[1] == '\0';
}

uint64_t
proc_namespace(pid_t pid, const char *name)
{
	char path[64];
	struct stat st;

	if (pid == 0)
		snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	else
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_ino;
}
