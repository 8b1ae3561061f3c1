/* Text: building a string in a buffer of fixed size, cut and marked when it does not fit; numbers out of text. */
#ifndef COMMON_BASE_TEXT_H
#define COMMON_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

/* A bounded string being built; at[] is always NUL-terminated. */
struct text {
	char *at;
	size_t length, size; /* bytes used without the NUL; bytes of the buffer with it */
	bool cut;	     /* something did not fit */
};

/* An empty text over a char array, which is terminated before anything is added. */
#define TEXT_OF(array) ((struct text){(array), 0, sizeof(array), ((array)[0] = '\0', false)})

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_span(struct text *text, struct span bytes);
void text_add_number(
    struct text *text, uint64_t number); /* in decimal: what "%u" says, where it is said for each request */

/* Strangers' bytes for a log or a terminal: control bytes, quotes, backslash and what is not UTF-8 become \xNN. */
void text_add_escaped(struct text *text, struct span bytes);

struct span text_span(const struct text *text);

/*
 * Read a decimal number: digits only, no sign, no space, no leading zero but "0" itself.
 *
 * errors  ERR_SYNTAX not such a number; ERR_RANGE not within low to high
 */
enum err number_parse(struct span text, uint64_t low, uint64_t high, uint64_t *out, struct why *why) must_check;

/* 0 to 15; -1 for what is no hex digit of either case. */
int hex_digit(char c);

/* Lower-case hex of the bytes into to, which holds 2 * length + 1. */
void hex_write(const void *bytes, size_t length, char *to);

/* Exactly length bytes from 2 * length hex digits; false and out untouched otherwise. */
bool hex_read(struct span text, void *out, size_t length);

#endif
