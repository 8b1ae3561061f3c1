/* The progress line: a timer of the loop draws it. */
#include "clients/cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clients/sdk/shown.h"
#include "common/base/clock.h"

#define LINE_BYTES 512

static void
put(const struct progress *progress, const char *text)
{
	if (write(progress->fd, text, strlen(text)) < 0)
		return; /* the terminal is gone; the work goes on */
}

/* Columns that may be used: the last one stays empty, so that no line wraps. */
static size_t
columns(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
		return 79;
	return size.ws_col - 1u;
}

/* Cut text to so many characters, never inside one. */
static void
cut(char *text, size_t width)
{
	for (char *p = text; *p != '\0'; p++) {
		if (((unsigned char)*p & 0xc0) == 0x80)
			continue;
		if (width-- == 0) {
			*p = '\0';
			return;
		}
	}
}

static void
draw(void *self)
{
	static const char wheel[] = "|/-\\";
	struct progress *progress = self;
	uint64_t elapsed_ms = clock_ms() - progress->began_ms;
	char buffer[LINE_BYTES];
	struct text line = TEXT_OF(buffer);

	text_add(&line, "%c %s%s%s  %llu.%llu s", wheel[progress->turn++ % 4], progress->what,
	    progress->detail[0] != '\0' ? ": " : "", progress->detail, (unsigned long long)(elapsed_ms / 1000),
	    (unsigned long long)(elapsed_ms / 100 % 10));
	cut(buffer, columns(progress->fd));
	put(progress, "\r\x1b[2K");
	put(progress, buffer);
	progress->shown = true;
	loop_timer_set(progress->loop, &progress->timer, PROGRESS_EVERY_MS, draw, progress);
}

void
progress_start(struct progress *progress, struct loop *loop, int fd, const char *what)
{
	const char *term = getenv("TERM");
	struct text to;

	progress_stop(progress);
	if (!isatty(fd) || term == NULL || strcmp(term, "dumb") == 0)
		return;
	*progress = (struct progress){.loop = loop, .fd = fd, .began_ms = clock_ms(), .running = true};
	to = (struct text)TEXT_OF(progress->what);
	shown_add(&to, span_of_text(what));
	loop_timer_set(loop, &progress->timer, PROGRESS_AFTER_MS, draw, progress);
}

void
progress_detail(struct progress *progress, const char *detail)
{
	struct text to = TEXT_OF(progress->detail);

	progress->detail[0] = '\0';
	shown_add(&to, span_of_text(detail));
}

void
progress_stop(struct progress *progress)
{
	if (!progress->running)
		return;
	loop_timer_stop(progress->loop, &progress->timer);
	if (progress->shown)
		put(progress, "\r\x1b[2K");
	progress->running = progress->shown = false;
}
