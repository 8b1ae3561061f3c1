/* Sizes: the last one counts, and a terminal that has gone takes none. */
#include "sandbox/link/sizes.h"

#include <sys/ioctl.h>

#include "common/base/log.h"

#define CHANNEL	     3
#define WINDOW_BYTES 1024

enum err
sizes_open(struct sizes *sizes, struct peer *peer, uint64_t stream, struct why *why)
{
	*sizes = (struct sizes){0};
	return stream_in_open(&sizes->in, peer, stream, CHANNEL, WINDOW_BYTES, why);
}

void
size_set(int fd, uint16_t columns, uint16_t rows)
{
	const struct winsize size = {.ws_col = columns, .ws_row = rows};

	if (fd >= 0 && columns != 0 && rows != 0 && ioctl(fd, TIOCSWINSZ, &size) < 0)
		log_debug("terminal.size", "refused=%ux%u", columns, rows);
}

enum err
sizes_take(struct sizes *sizes, const struct msg_stream_data *m, int fd, struct why *why)
{
	const uint8_t *b = sizes->bytes;
	enum err r = stream_take(&sizes->in, m, why);

	for (size_t i = 0; r == OK && i < m->bytes.length; i++) {
		sizes->bytes[sizes->n++] = (uint8_t)m->bytes.at[i];
		if (sizes->n < sizeof(sizes->bytes))
			continue;
		sizes->n = 0;
		size_set(fd, (uint16_t)(b[0] << 8 | b[1]), (uint16_t)(b[2] << 8 | b[3]));
	}
	return r != OK ? r : stream_used(&sizes->in, m->bytes.length, why);
}
