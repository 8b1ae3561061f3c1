/* What goes to standard output: tables and JSON. */
#include "clients/cli/output.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Columns on a terminal: bytes that do not continue a character. */
static size_t
width_of(const char *text)
{
	size_t n = 0;

	for (const char *p = text; *p != '\0'; p++)
		n += ((unsigned char)*p & 0xc0) != 0x80;
	return n;
}

void
table_row(struct table *table, const char *const *cells, size_t columns)
{
	if (table->rows == table->room) {
		size_t room = table->room == 0 ? 16 : table->room * 2;
		const char **more = arena_array(table->arena, room * columns, sizeof(*more));

		if (more == NULL)
			return;
		if (table->rows > 0)
			memcpy(more, table->cells, table->rows * columns * sizeof(*more));
		table->cells = more;
		table->room = room;
	}
	table->columns = columns;
	for (size_t i = 0; i < columns; i++)
		table->cells[table->rows * columns + i] = shown(table->arena, cells[i]);
	table->rows++;
}

static void
row_print(FILE *to, const struct table *table, const char *const *row, const size_t *widths)
{
	size_t last = table->columns;

	while (last > 1 && row[last - 1][0] == '\0')
		last--;
	for (size_t i = 0; i < last; i++)
		fprintf(to, "%s%*s", row[i], i + 1 == last ? 0 : (int)(widths[i] - width_of(row[i]) + 2), "");
}

void
table_print(FILE *to, const struct table *table, bool bold)
{
	size_t widths[COLUMNS_MAX] = {0};

	for (size_t r = 0; r < table->rows; r++)
		for (size_t i = 0; i < table->columns && i < COLUMNS_MAX; i++) {
			size_t width = width_of(table->cells[r * table->columns + i]);

			if (width > widths[i])
				widths[i] = width;
		}
	for (size_t r = 0; r < table->rows; r++) {
		fputs(bold && r == 0 ? "\x1b[1m" : "", to);
		row_print(to, table, &table->cells[r * table->columns], widths);
		fputs(bold && r == 0 ? "\x1b[0m\n" : "\n", to);
	}
}

void
json_print(FILE *to, json_t *value)
{
	/* ASCII alone, so that C1 controls cannot reach a terminal. */
	if (value != NULL && json_dumpf(value, to, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) == 0)
		fputc('\n', to);
	json_decref(value);
}

void
json_line(FILE *to, json_t *value)
{
	if (value != NULL && json_dumpf(value, to, JSON_COMPACT | JSON_ENSURE_ASCII) == 0)
		fputc('\n', to);
	json_decref(value);
}

json_t *
json_text(const char *text)
{
	json_t *value = json_string(text == NULL ? "" : text);
	struct text to;

	if (value != NULL)
		return value;
	to = (struct text){malloc(strlen(text) * 4 + 1), 0, strlen(text) * 4 + 1, false};
	if (to.at == NULL)
		abort();
	shown_add(&to, span_of_text(text));
	value = json_string(to.at);
	free(to.at);
	return value;
}

const char *
time_text(int64_t ms, char to[TIME_BYTES])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	to[0] = '\0';
	if (ms > 0 && gmtime_r(&seconds, &tm) != NULL)
		strftime(to, TIME_BYTES, "%Y-%m-%d %H:%M:%S", &tm);
	return to;
}
