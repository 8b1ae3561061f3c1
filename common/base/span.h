/* Spans: borrowed bytes with a length; how all outside bytes travel until a system call wants a NUL. */
#ifndef COMMON_BASE_SPAN_H
#define COMMON_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *at; /* not NUL-terminated; may be NULL when length is 0 */
	size_t length;
};

#define SPAN_NONE	((struct span){NULL, 0})
#define SPAN(literal)	((struct span){(literal), sizeof(literal) - 1})
#define SPAN_FORMAT	"%.*s"
#define SPAN_ARGS(span) (int)(span).length, (span).at

static inline struct span
span_of_bytes(const void *at, size_t length)
{
	return (struct span){at, length};
}

/* Of a C string; NULL gives the empty span. */
static inline struct span
span_of_text(const char *text)
{
	return (struct span){text, text == NULL ? 0 : strlen(text)};
}

static inline bool
span_equal(struct span a, struct span b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

static inline bool
span_is(struct span a, const char *text)
{
	return span_equal(a, span_of_text(text));
}

/* The first n bytes, or all of them where there are fewer. */
static inline struct span
span_head(struct span a, size_t n)
{
	return (struct span){a.at, n < a.length ? n : a.length};
}

/* What is left after the first n bytes. */
static inline struct span
span_tail(struct span a, size_t n)
{
	return n >= a.length ? SPAN_NONE : (struct span){a.at + n, a.length - n};
}

static inline bool
span_starts(struct span a, struct span prefix)
{
	return a.length >= prefix.length && span_equal(span_head(a, prefix.length), prefix);
}

/* Index of the first such byte into *at; false and *at untouched when there is none. */
bool span_find(struct span a, char byte, size_t *at);

/* Is every byte one of the bytes in set? (An empty span is.) */
bool span_only(struct span a, const char *set);

/* Cut at the first byte: returns what is before it, and leaves what is behind it in *rest (empty when not found). */
struct span span_cut(struct span *rest, char byte);

/* Is it well-formed UTF-8 without NUL (RFC 3629, section 4)? */
bool span_utf8(struct span a);

/* A NUL-terminated copy on the heap; a NUL byte inside gives NULL. The caller frees. */
char *span_dup(struct span a);

/* Copy into a fixed buffer with a NUL; false (and an empty buffer) when it does not fit or holds a NUL byte. */
bool span_copy(struct span a, char *to, size_t size);

#endif
