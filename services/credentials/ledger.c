/* The ledger: appended, read from where it was read to, and written anew when most of it is over. */
#include "services/credentials/ledger.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"

enum err
ledger_open(struct credentials *credentials, struct why *why)
{
	const char *path = credentials->config->ledger_file;

	if (path[0] == '\0')
		return OK;
	if ((credentials->ledger_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0 ||
	    (credentials->append_fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return fail_errno(why, ERR_SYSTEM, "ledger_file %s", path);
	return OK;
}

size_t
ledger_size(const struct credentials *credentials)
{
	struct stat st;

	if (credentials->ledger_fd < 0 || fstat(credentials->ledger_fd, &st) < 0 || st.st_size < 0)
		return 0;
	return (size_t)st.st_size < LEDGER_BYTES_MAX ? (size_t)st.st_size : LEDGER_BYTES_MAX;
}

void
ledger_read(struct credentials *credentials, ledger_taker *take)
{
	size_t size = ledger_size(credentials), from = credentials->ledger_read, at = 0;
	auto_free char *bytes = NULL;
	struct ledger_entry entry;
	ssize_t n;

	if (size <= from)
		return;
	if ((bytes = malloc(size - from)) == NULL)
		abort();
	if ((n = pread(credentials->ledger_fd, bytes, size - from, (off_t)from)) < 0) {
		log_warning("refresh.ledger", "error=read");
		return;
	}
	while (ledger_entry_next(span_of_bytes(bytes, (size_t)n), &at, &entry))
		take(credentials, &entry);
	credentials->ledger_read = from + at;
}

enum err
ledger_add(struct credentials *credentials, const struct ledger_entry *entry, bool durable, struct why *why)
{
	size_t length;
	auto_free char *bytes = ledger_entry_write(entry, &length);

	if (credentials->append_fd < 0)
		return OK;
	if (length > LEDGER_BYTES_MAX - ledger_size(credentials))
		return fail(why, ERR_SYSTEM, "the ledger of refreshes is full");
	if (write(credentials->append_fd, bytes, length) != (ssize_t)length ||
	    (durable && fdatasync(credentials->append_fd) < 0))
		return fail_errno(why, ERR_SYSTEM, "the ledger of refreshes cannot be written");
	return OK;
}

/* Behind all of it first, then in front: whatever is torn, the other is whole, and what was torn is passed over. */
void
ledger_replace(struct credentials *credentials, const char *entries, size_t length)
{
	int fd = credentials->ledger_fd;
	size_t size = ledger_size(credentials);

	if (size == 0 || length > size / 2)
		return;
	if ((length > 0 && (pwrite(fd, entries, length, (off_t)size) != (ssize_t)length || fdatasync(fd) < 0 ||
			       pwrite(fd, entries, length, 0) != (ssize_t)length || fdatasync(fd) < 0)) ||
	    ftruncate(fd, (off_t)length) < 0) {
		log_warning("refresh.ledger", "error=write bytes=%zu", length);
		return;
	}
	credentials->ledger_read = length;
}

void
ledger_close(struct credentials *credentials)
{
	clean_fd(&credentials->ledger_fd);
	clean_fd(&credentials->append_fd);
}
