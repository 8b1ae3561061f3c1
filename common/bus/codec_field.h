/* What both directions of the codec share: numbers of any width, and what a field is held to. */
#ifndef COMMON_BUS_CODEC_FIELD_H
#define COMMON_BUS_CODEC_FIELD_H

#include "common/bus/message.h"

#define ENVELOPE_FIELDS 4
#define ERROR_WORDS_MAX 4096 /* bytes */

/* A number of 1, 2, 4 or 8 bytes in a struct. */
uint64_t number_load(const void *at, size_t size);
void number_store(void *at, size_t size, uint64_t value);

/*
 * A number's value, or the length of text and bytes; text is UTF-8 besides; a list has so many items at most.
 *
 * code  what a breach is: ERR_RANGE in what we write, ERR_PROTOCOL in what we read
 */
enum err check_bounds(const struct field *field, uint64_t value, enum err code, struct why *why) must_check;
enum err check_text(const struct field *field, struct span text, enum err code, struct why *why) must_check;
enum err check_count(const struct field *field, size_t count, enum err code, struct why *why) must_check;

#endif
