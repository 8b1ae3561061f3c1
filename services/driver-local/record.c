/* Records of boxes, as one line of text. */
#include "services/driver-local/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"

#define FILE_NAME    "box"
#define FILE_WRITTEN "box.new"
#define STAT_STARTED 22 /* proc(5) */

enum err
record_write(int dir, const struct record *record, struct why *why)
{
	char line[WHY_BYTES + 128];
	struct text text = TEXT_OF(line);
	auto_fd int fd = openat(dir, FILE_WRITTEN, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (record->state == RECORD_STARTED)
		text_add(&text, "started %u %d %llu %s %u\n", record->epoch, record->pid,
		    (unsigned long long)record->started, record->boot, record->release);
	else
		text_add(&text, "failed %u %s\n", record->epoch, record->words);
	if (fd < 0 || write(fd, line, text.length) != (ssize_t)text.length ||
	    renameat(dir, FILE_WRITTEN, dir, FILE_NAME) < 0)
		return fail_errno(why, ERR_SYSTEM, "write record");
	return OK;
}

static enum err
started_parse(struct span rest, struct record *out, struct why *why)
{
	uint64_t epoch, pid, started, release = 0;
	struct span boot;
	enum err r;

	if ((r = number_parse(span_cut(&rest, ' '), 1, UINT32_MAX, &epoch, why)) != OK ||
	    (r = number_parse(span_cut(&rest, ' '), 1, INT32_MAX, &pid, why)) != OK ||
	    (r = number_parse(span_cut(&rest, ' '), 0, UINT64_MAX, &started, why)) != OK)
		return because(why, ERR_SYNTAX, "record");
	boot = span_cut(&rest, ' ');
	if (rest.at != NULL && rest.length > 0 && (r = number_parse(rest, 0, UINT32_MAX, &release, why)) != OK)
		return because(why, ERR_SYNTAX, "record");
	if (boot.length != sizeof(out->boot) - 1)
		return fail(why, ERR_SYNTAX, "record: not a boot id");
	*out = (struct record){.state = RECORD_STARTED,
	    .epoch = (uint32_t)epoch,
	    .pid = (pid_t)pid,
	    .started = started,
	    .release = (uint32_t)release};
	return span_copy(boot, out->boot, sizeof(out->boot)) ? OK : fail(why, ERR_SYNTAX, "record: not a boot id");
}

static enum err
failed_parse(struct span rest, struct record *out, struct why *why)
{
	uint64_t epoch;

	if (number_parse(span_cut(&rest, ' '), 1, UINT32_MAX, &epoch, why) != OK)
		return because(why, ERR_SYNTAX, "record");
	*out = (struct record){.state = RECORD_FAILED, .epoch = (uint32_t)epoch};
	return span_copy(rest, out->words, sizeof(out->words)) ? OK : fail(why, ERR_SYNTAX, "record: words too long");
}

enum err
record_parse(struct span text, struct record *out, struct why *why)
{
	struct span line = text, word;

	if (text.length == 0 || text.at[text.length - 1] != '\n')
		return fail(why, ERR_SYNTAX, "record: cut short");
	line.length--;
	word = span_cut(&line, ' ');
	if (span_is(word, "started"))
		return started_parse(line, out, why);
	if (span_is(word, "failed"))
		return failed_parse(line, out, why);
	return fail(why, ERR_SYNTAX, "record: neither started nor failed");
}

enum err
record_read(int dir, struct record *out, struct why *why)
{
	auto_fd int fd = openat(dir, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[WHY_BYTES + 128];
	ssize_t n;

	if (fd < 0)
		return fail_errno(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "record");
	if ((n = read(fd, text, sizeof(text))) < 0)
		return fail_errno(why, ERR_SYSTEM, "record");
	return record_parse(span_of_bytes(text, (size_t)n), out, why);
}

static bool
file_read(const char *path, char *to, size_t size)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);

	to[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

enum err
record_of(pid_t pid, struct record *out, struct why *why)
{
	char path[32], stat[1024], *name_end;
	struct span rest, field = SPAN_NONE;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (!file_read(path, stat, sizeof(stat)) || (name_end = strrchr(stat, ')')) == NULL)
		return fail(why, ERR_NOT_FOUND, "no process %d", pid);
	rest = span_of_text(name_end + 2);
	for (int i = 3; i <= STAT_STARTED; i++)
		field = span_cut(&rest, ' ');
	*out = (struct record){.state = RECORD_STARTED, .pid = pid};
	if (number_parse(field, 0, UINT64_MAX, &out->started, why) != OK)
		return because(why, ERR_SYSTEM, "%s", path);
	if (!file_read("/proc/sys/kernel/random/boot_id", out->boot, sizeof(out->boot)))
		return fail_errno(why, ERR_SYSTEM, "boot id");
	return OK;
}

int
record_open(const struct record *record)
{
	auto_fd int pidfd = (int)syscall(SYS_pidfd_open, record->pid, 0);
	struct record now;

	/* First the descriptor, then the look: the process that is looked at is the one that is held. */
	if (pidfd < 0 || record_of(record->pid, &now, NULL) != OK || now.started != record->started ||
	    strcmp(now.boot, record->boot) != 0)
		return -1;
	fcntl(pidfd, F_SETFD, FD_CLOEXEC);
	return fd_take(&pidfd);
}
