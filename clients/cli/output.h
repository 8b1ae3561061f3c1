/* What goes to standard output: tables, JSON, YAML; all foreign text made safe to show. */
#ifndef CLIENTS_CLI_OUTPUT_H
#define CLIENTS_CLI_OUTPUT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "clients/sdk/shown.h"

#define COLUMNS_MAX 8

/* A table: two spaces between columns, each as wide as its longest cell. All zero but the arena: empty. */
struct table {
	struct arena *arena;
	size_t columns, rows, room;
	const char **cells; /* rows * columns; row 0 is the header */
};

/* Add a row, the header first; the cells are made safe to show, NULL reads "". */
void table_row(struct table *table, const char *const *cells, size_t columns);
void table_print(FILE *to, const struct table *table, bool bold);

/* Print a value as it is or as YAML; takes it over. ERR_SYSTEM is left to the final flush. */
void json_print(FILE *to, json_t *value);
void json_line(FILE *to, json_t *value); /* on one line, all of it ASCII */
void yaml_print(FILE *to, json_t *value);
void yaml_print_indented(FILE *to, const json_t *value, size_t indent);

/* A text as JSON; what is not UTF-8 is escaped first, NULL is "". */
json_t *json_text(const char *text);

/* "2026-01-02 03:04:05", UTC; "" for 0. */
#define TIME_BYTES 40
const char *time_text(int64_t ms, char to[TIME_BYTES]);

#endif
