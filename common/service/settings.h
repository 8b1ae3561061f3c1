/* Settings: a program states them as a table of rows; one reader fills its struct from YAML and names what is wrong. */
#ifndef COMMON_SERVICE_SETTINGS_H
#define COMMON_SERVICE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/base/span.h"

struct yaml_node;

#define SETTING_TEXT_BYTES 256 /* of one text of a list, with its NUL */
#define SETTING_TEXTS_MAX  16

/* A list of texts: what SETTING_TEXTS fills. */
struct setting_texts {
	size_t count;
	char at[SETTING_TEXTS_MAX][SETTING_TEXT_BYTES];
};

enum setting_kind {
	SETTING_END,
	SETTING_TEXT,	/* char field[N]; low..high bytes */
	SETTING_NUMBER, /* an unsigned integer of any size; low..high */
	SETTING_FLAG,	/* bool: true or false */
	SETTING_WORD,	/* an enum or unsigned: the place of the word in words[] */
	SETTING_KEY,	/* struct secret, or uint8_t field[32]: 64 hex digits; never shown */
	SETTING_TEXTS,	/* struct setting_texts; low..high items */
	SETTING_OTHER,	/* whatever read() makes of it */
};

/* One setting. Tables end with {0}; make rows with the macros below. */
struct setting {
	const char *key;
	enum setting_kind kind;
	size_t offset, size; /* of the field in the program's struct */
	uint64_t low, high;
	const char *initial; /* value when it is not given, as one would write it ("" is empty); NULL: must be given */
	const char *help;    /* a sentence for docs and --help */
	const char *const *words; /* of SETTING_WORD; NULL-terminated */
	enum err (*read)(const struct yaml_node *node, void *field, struct why *why); /* of SETTING_OTHER */
	const char *flag, *environment; /* command line flag without "--", and variable; NULL: none */
};

#define SETTING_FIELD(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)

#define TEXT_SETTING(type, field, min, max, initial, help)                                                             \
	{                                                                                                              \
#field, SETTING_TEXT, SETTING_FIELD(type, field), min, max, initial, help, NULL, NULL, NULL, NULL      \
	}
#define NUMBER_SETTING(type, field, low, high, initial, help)                                                          \
	{                                                                                                              \
#field, SETTING_NUMBER, SETTING_FIELD(type, field), low, high, initial, help, NULL, NULL, NULL, NULL   \
	}
#define FLAG_SETTING(type, field, initial, help)                                                                       \
	{                                                                                                              \
#field, SETTING_FLAG, SETTING_FIELD(type, field), 0, 1, initial, help, NULL, NULL, NULL, NULL          \
	}
#define WORD_SETTING(type, field, words, initial, help)                                                                \
	{                                                                                                              \
#field, SETTING_WORD, SETTING_FIELD(type, field), 0, 0, initial, help, words, NULL, NULL, NULL         \
	}
#define KEY_SETTING(type, field, help)                                                                                 \
	{                                                                                                              \
#field, SETTING_KEY, SETTING_FIELD(type, field), 0, 0, NULL, help, NULL, NULL, NULL, NULL              \
	}
#define TEXTS_SETTING(type, field, min, max, help)                                                                     \
	{                                                                                                              \
#field, SETTING_TEXTS, SETTING_FIELD(type, field), min, max, "", help, NULL, NULL, NULL, NULL          \
	}
#define OTHER_SETTING(type, field, read, help)                                                                         \
	{                                                                                                              \
#field, SETTING_OTHER, SETTING_FIELD(type, field), 0, 0, "", help, NULL, read, NULL, NULL              \
	}

/* A table and the struct that its rows fill. */
struct settings {
	const struct setting *rows;
	void *config;
};

/* The words of a log level, in the order of enum log_level. */
extern const char *const setting_log_levels[];

/* Give every field of the table its initial value; where there is none the field is zeroed. */
void settings_initial(const struct settings *tables, size_t n);

/*
 * Read a YAML map into the structs of n tables; a key belongs to the first table that has it. Fields that the text
 * does not name keep their value. The secrets in the copy made for reading are wiped.
 *
 * name    of the file, for messages
 * errors  ERR_INVALID or ERR_SYNTAX "NAME: line 3, column 7: port: 70000 is not within 1 to 65535"; an unknown key is
 *         one. Fields read before the error have been set
 */
enum err settings_read(
    const char *name, struct span text, const struct settings *tables, size_t n, struct why *why) must_check;

/*
 * Set one row from a plain text, as a flag or variable brings it; lists are separated by commas. Not for
 * SETTING_OTHER.
 *
 * errors  as above, without a place
 */
enum err setting_set(const struct setting *row, void *config, struct span text, struct why *why) must_check;

/* The row of a key; NULL when there is none. */
const struct setting *setting_find(const struct setting *rows, struct span key);

/* ERR_INVALID naming the first setting that has no initial value and is still zero or empty. */
enum err settings_complete(const struct settings *tables, size_t n, struct why *why) must_check;

/* "1 to 65535", "true or false", "error, warning, info or debug": what a row allows. */
const char *setting_allowed(const struct setting *row, char *to, size_t size);

/* One line a row: key, what is allowed, default, help. */
void settings_help(FILE *to, const struct setting *rows);

/* Read a whole file of at most 256 KiB. text is NUL-terminated and the caller's to free (and to wipe). */
enum err settings_file(const char *path, char **text, size_t *length, struct why *why) must_check;

/* The same from a descriptor that can be read from its beginning. */
enum err settings_fd(int fd, const char *name, char **text, size_t *length, struct why *why) must_check;

#endif
