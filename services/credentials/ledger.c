/* The ledger: appended, read once at the start, and written anew when most of it is old. */
#include "services/credentials/ledger.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#define TIDY_BYTES (1u << 20) /* below that it may be as old as it likes */

enum err
ledger_open(struct credentials *credentials, struct why *why)
{
	const char *path = credentials->config->ledger_file;

	credentials->ledger_fd = -1;
	if (path[0] == '\0')
		return OK;
	credentials->ledger_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return credentials->ledger_fd >= 0 ? OK : fail_errno(why, ERR_SYSTEM, "ledger_file %s", path);
}

static size_t
entries_take(struct credentials *credentials, struct span bytes, ledger_taker *take)
{
	uint64_t now_ms = (uint64_t)clock_wall_ms();
	struct ledger_entry entry;
	size_t at = 0, used;
	struct why why;

	while (at < bytes.length && ledger_entry_read(span_tail(bytes, at), &entry, &used, &why) == OK) {
		if (entry.until_ms > now_ms)
			take(credentials, &entry.whose, entry.answer, entry.until_ms - now_ms);
		at += used;
	}
	return at;
}

void
ledger_load(struct credentials *credentials, ledger_taker *take)
{
	auto_free char *bytes = malloc(LEDGER_BYTES_MAX);
	ssize_t n;

	if (credentials->ledger_fd < 0)
		return;
	if (bytes == NULL)
		abort();
	n = pread(credentials->ledger_fd, bytes, LEDGER_BYTES_MAX, 0);
	credentials->ledger_bytes = n <= 0 ? 0 : entries_take(credentials, span_of_bytes(bytes, (size_t)n), take);
	if (n < 0 || ftruncate(credentials->ledger_fd, (off_t)credentials->ledger_bytes) < 0)
		log_warning("refresh.ledger", "error=read");
	if (credentials->retained_n > 0)
		log_info("refresh.ledger", "answers=%u", credentials->retained_n);
}

void
ledger_add(struct credentials *credentials, const struct ledger_entry *entry)
{
	size_t length;
	auto_free char *bytes = ledger_entry_write(entry, &length);

	if (credentials->ledger_fd < 0)
		return;
	if (length > LEDGER_BYTES_MAX - credentials->ledger_bytes ||
	    pwrite(credentials->ledger_fd, bytes, length, (off_t)credentials->ledger_bytes) != (ssize_t)length ||
	    fdatasync(credentials->ledger_fd) < 0) {
		log_warning("refresh.ledger", "error=write bytes=%zu", length);
		return;
	}
	credentials->ledger_bytes += length;
}

bool
ledger_is_old(const struct credentials *credentials)
{
	return credentials->ledger_fd >= 0 && credentials->ledger_bytes >= TIDY_BYTES &&
	       credentials->ledger_bytes / 2 >= credentials->retained_bytes;
}

void
ledger_clear(struct credentials *credentials)
{
	credentials->ledger_bytes = 0;
	if (ftruncate(credentials->ledger_fd, 0) < 0)
		log_warning("refresh.ledger", "error=truncate");
}

void
ledger_close(struct credentials *credentials)
{
	if (credentials->ledger_fd >= 0)
		close(credentials->ledger_fd);
	credentials->ledger_fd = -1;
}
