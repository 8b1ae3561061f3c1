/* Settings: YAML values and plain texts into the fields that a table names. */
#include "common/service/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/wire/yaml.h"

#define FILE_MAX_BYTES 262144

const char *const setting_log_levels[] = {"error", "warning", "info", "debug", NULL};

static char *
field_of(const struct setting *row, void *config)
{
	return (char *)config + row->offset;
}

/* An unsigned field of any size. */
static void
number_store(void *field, size_t size, uint64_t value)
{
	uint8_t as8 = (uint8_t)value;
	uint16_t as16 = (uint16_t)value;
	uint32_t as32 = (uint32_t)value;
	const void *from = size == 1 ? (void *)&as8 : size == 2 ? (void *)&as16 : size == 4 ? (void *)&as32 : &value;

	memcpy(field, from, size);
}

static enum err
text_set(const struct setting *row, void *field, struct span text, struct why *why)
{
	size_t high = row->high < row->size - 1 ? row->high : row->size - 1;

	if (text.length < row->low || text.length > high)
		return fail(why, ERR_INVALID, "the text has %zu bytes, %llu to %zu are allowed", text.length,
		    (unsigned long long)row->low, high);
	if (!span_utf8(text))
		return fail(why, ERR_INVALID, "not text in UTF-8");
	memcpy(field, text.at, text.length);
	((char *)field)[text.length] = '\0';
	return OK;
}

static enum err
number_set(const struct setting *row, void *field, struct span text, struct why *why)
{
	uint64_t value;
	enum err r = number_parse(text, row->low, row->high, &value, why);

	if (r == ERR_SYNTAX)
		return fail(why, ERR_INVALID, "\"%s\" is not a number from %llu to %llu",
		    log_quote(span_head(text, 40)), (unsigned long long)row->low, (unsigned long long)row->high);
	if (r == OK)
		number_store(field, row->size, value);
	return r;
}

static enum err
flag_set(const struct setting *row, void *field, struct span text, struct why *why)
{
	bool value = span_is(text, "true");

	(void)row;
	if (!value && !span_is(text, "false"))
		return fail(why, ERR_INVALID, "\"%s\" is neither true nor false", log_quote(span_head(text, 40)));
	memcpy(field, &value, sizeof(value));
	return OK;
}

static enum err
word_set(const struct setting *row, void *field, struct span text, struct why *why)
{
	char allowed[128];

	for (uint64_t i = 0; row->words[i] != NULL; i++)
		if (span_is(text, row->words[i])) {
			number_store(field, row->size, i);
			return OK;
		}
	return fail(why, ERR_INVALID, "\"%s\" is not %s", log_quote(span_head(text, 40)),
	    setting_allowed(row, allowed, sizeof(allowed)));
}

static enum err
key_set(const struct setting *row, void *field, struct span text, struct why *why)
{
	if (!hex_read(text, field, row->size))
		return fail(why, ERR_INVALID, "not %zu hex digits", 2 * row->size);
	return OK;
}

static enum err
texts_add(const struct setting *row, struct setting_texts *texts, struct span text, struct why *why)
{
	size_t high = row->high < SETTING_TEXTS_MAX ? row->high : SETTING_TEXTS_MAX;

	if (texts->count >= high)
		return fail(why, ERR_INVALID, "more than %zu texts", high);
	if (text.length == 0 || !span_utf8(text) || !span_copy(text, texts->at[texts->count], SETTING_TEXT_BYTES))
		return fail(why, ERR_INVALID, "each text must have 1 to %d bytes", SETTING_TEXT_BYTES - 1);
	texts->count++;
	return OK;
}

static enum err
texts_enough(const struct setting *row, const struct setting_texts *texts, struct why *why)
{
	if (texts->count < row->low)
		return fail(why, ERR_INVALID, "%zu texts, at least %llu are wanted", texts->count,
		    (unsigned long long)row->low);
	return OK;
}

/* From a flag: "a,b,c". */
static enum err
texts_set(const struct setting *row, void *field, struct span text, struct why *why)
{
	struct setting_texts *texts = field;
	enum err r = OK;

	texts->count = 0;
	while (text.length > 0 && r == OK)
		r = texts_add(row, texts, span_cut(&text, ','), why);
	return r != OK ? r : texts_enough(row, texts, why);
}

static enum err
other_set(const struct setting *row, void *field, struct span text, struct why *why)
{
	(void)field;
	(void)text;
	return fail(why, ERR_INVALID, "%s can be given in a file only", row->key);
}

static enum err (*const set_by_kind[])(const struct setting *, void *, struct span, struct why *) = {
    [SETTING_TEXT] = text_set,
    [SETTING_NUMBER] = number_set,
    [SETTING_FLAG] = flag_set,
    [SETTING_WORD] = word_set,
    [SETTING_KEY] = key_set,
    [SETTING_TEXTS] = texts_set,
    [SETTING_OTHER] = other_set,
};

enum err
setting_set(const struct setting *row, void *config, struct span text, struct why *why)
{
	return set_by_kind[row->kind](row, field_of(row, config), text, why);
}

const struct setting *
setting_find(const struct setting *rows, struct span key)
{
	for (; rows->key != NULL; rows++)
		if (span_is(key, rows->key))
			return rows;
	return NULL;
}

void
settings_initial(const struct settings *tables, size_t n)
{
	struct why why;

	for (size_t i = 0; i < n; i++)
		for (const struct setting *row = tables[i].rows; row->key != NULL; row++) {
			memset(field_of(row, tables[i].config), 0, row->size);
			if (row->initial == NULL || row->initial[0] == '\0')
				continue;
			if (setting_set(row, tables[i].config, span_of_text(row->initial), &why) != OK)
				abort(); /* a bug in the table */
		}
}

static enum err
texts_read(const struct setting *row, struct setting_texts *texts, const struct yaml_node *list, struct why *why)
{
	enum err r = OK;

	texts->count = 0;
	for (const struct yaml_node *item = list->first; item != NULL && r == OK; item = item->next)
		if (item->kind != YAML_SCALAR)
			r = fail(
			    why, ERR_INVALID, "a list of texts is wanted, not %s in it", yaml_kind_name(item->kind));
		else
			r = texts_add(row, texts, item->text, why);
	return r != OK ? r : texts_enough(row, texts, why);
}

static enum err
value_read(const struct setting *row, void *config, const struct yaml_node *node, struct why *why)
{
	char allowed[128];

	if (row->kind == SETTING_OTHER)
		return row->read(node, field_of(row, config), why);
	if (row->kind == SETTING_TEXTS && node->kind == YAML_LIST)
		return texts_read(row, (struct setting_texts *)(void *)field_of(row, config), node, why);
	if (node->kind != YAML_SCALAR || row->kind == SETTING_TEXTS)
		return fail(why, ERR_INVALID, "%s where %s is wanted", yaml_kind_name(node->kind),
		    setting_allowed(row, allowed, sizeof(allowed)));
	if (yaml_null(node) || (!node->plain && (row->kind == SETTING_NUMBER || row->kind == SETTING_FLAG)))
		return fail(why, ERR_INVALID, "%s where %s is wanted", yaml_null(node) ? "nothing" : "a quoted text",
		    setting_allowed(row, allowed, sizeof(allowed)));
	return setting_set(row, config, node->text, why);
}

static enum err
entry_read(const struct yaml_node *node, const struct settings *tables, size_t n, struct why *why)
{
	const struct setting *row = NULL;
	enum err r;

	for (size_t i = 0; i < n && row == NULL; i++) {
		if ((row = setting_find(tables[i].rows, node->key)) == NULL)
			continue;
		if ((r = value_read(row, tables[i].config, node, why)) != OK)
			return because(why, r, "line %zu, column %zu: %s", node->line, node->column, row->key);
	}
	if (row == NULL)
		return fail(why, ERR_INVALID, "line %zu, column %zu: there is no setting \"%s\"", node->key_line,
		    node->key_column, log_quote(span_head(node->key, 60)));
	return OK;
}

static enum err
root_read(const struct yaml_node *root, const struct settings *tables, size_t n, struct why *why)
{
	enum err r;

	if (yaml_null(root))
		return OK;
	if (root->kind != YAML_MAP)
		return fail(why, ERR_INVALID, "line %zu, column %zu: lines of \"key: value\" are wanted", root->line,
		    root->column);
	for (const struct yaml_node *node = root->first; node != NULL; node = node->next)
		if ((r = entry_read(node, tables, n, why)) != OK)
			return r;
	return OK;
}

enum err
settings_read(const char *name, struct span text, const struct settings *tables, size_t n, struct why *why)
{
	auto_arena struct arena arena = {0};
	struct yaml_node *root;
	enum err r;

	if ((r = yaml_parse(text, NULL, &arena, &root, why)) != OK)
		return because(why, r, "%s", name);
	r = root_read(root, tables, n, why);
	yaml_wipe(root);
	return r == OK ? OK : because(why, r, "%s", name);
}

static bool
field_is_zero(const struct setting *row, const char *field)
{
	for (size_t i = 0; i < row->size; i++)
		if (field[i] != 0)
			return false;
	return true;
}

/* A number may well be 0 on purpose, so only those fields count in which nothing but zeros cannot be meant. */
enum err
settings_complete(const struct settings *tables, size_t n, struct why *why)
{
	for (size_t i = 0; i < n; i++)
		for (const struct setting *row = tables[i].rows; row->key != NULL; row++) {
			if (row->initial != NULL || row->kind == SETTING_WORD || row->kind == SETTING_FLAG ||
			    (row->kind == SETTING_NUMBER && row->low == 0) ||
			    (row->kind == SETTING_TEXT && row->low == 0))
				continue;
			if (field_is_zero(row, field_of(row, tables[i].config)))
				return fail(why, ERR_INVALID, "the setting %s is missing: %s", row->key, row->help);
		}
	return OK;
}

static void
allowed_words(const struct setting *row, struct text *text)
{
	for (size_t i = 0; row->words[i] != NULL; i++)
		text_add(text, "%s%s", i == 0 ? "" : row->words[i + 1] == NULL ? " or " : ", ", row->words[i]);
}

const char *
setting_allowed(const struct setting *row, char *to, size_t size)
{
	struct text text = {to, 0, size, false};
	uint64_t high = row->kind == SETTING_TEXT && row->high > row->size - 1 ? row->size - 1 : row->high;

	to[0] = '\0';
	if (row->kind == SETTING_TEXT)
		text_add(&text, "a text of %llu to %llu bytes", (unsigned long long)row->low, (unsigned long long)high);
	else if (row->kind == SETTING_NUMBER)
		text_add(&text, "a number from %llu to %llu", (unsigned long long)row->low, (unsigned long long)high);
	else if (row->kind == SETTING_FLAG)
		text_add(&text, "true or false");
	else if (row->kind == SETTING_WORD)
		allowed_words(row, &text);
	else if (row->kind == SETTING_KEY)
		text_add(&text, "%zu hex digits", 2 * row->size);
	else if (row->kind == SETTING_TEXTS)
		text_add(&text, "a list of %llu to %llu texts", (unsigned long long)row->low, (unsigned long long)high);
	else
		text_add(&text, "a list of maps");
	return to;
}

void
settings_help(FILE *to, const struct setting *rows)
{
	char allowed[128];

	for (; rows->key != NULL; rows++) {
		fprintf(to, "  %-20s %s (%s", rows->key, rows->help, setting_allowed(rows, allowed, sizeof(allowed)));
		if (rows->initial == NULL)
			fprintf(to, "; must be given)\n");
		else
			fprintf(to, "; default: %s)\n", rows->initial[0] == '\0' ? "none" : rows->initial);
	}
}

enum err
settings_fd(int fd, const char *name, char **text, size_t *length, struct why *why)
{
	char *bytes = malloc(FILE_MAX_BYTES + 1);
	size_t used = 0;
	ssize_t n;

	if (bytes == NULL)
		abort();
	while (used <= FILE_MAX_BYTES && (n = pread(fd, bytes + used, FILE_MAX_BYTES + 1 - used, (off_t)used)) > 0)
		used += (size_t)n;
	if (used <= FILE_MAX_BYTES && n == 0) {
		bytes[used] = '\0';
		*text = bytes;
		*length = used;
		return OK;
	}
	explicit_bzero(bytes, FILE_MAX_BYTES + 1);
	free(bytes);
	if (used > FILE_MAX_BYTES)
		return fail(why, ERR_LIMIT, "%s has more than %d bytes", name, FILE_MAX_BYTES);
	return fail_errno(why, ERR_SYSTEM, "read %s", name);
}

enum err
settings_file(const char *path, char **text, size_t *length, struct why *why)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return fail_errno(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "open %s", path);
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		return fail(why, ERR_INVALID, "%s is not a regular file", path);
	return settings_fd(fd, path, text, length, why);
}
