/* Values to and from Postgres in its binary format: so nothing is ever quoted, and nothing has to be unquoted. */
#include <endian.h>
#include <string.h>

#include "services/state/db.h"

/* Type numbers of pg_type.dat, the same in every server. */
#define OID_BOOL	 16
#define OID_BYTEA	 17
#define OID_INT8	 20
#define OID_TEXT	 25
#define OID_TEXT_ARRAY	 1009
#define OID_INT8_ARRAY	 1016
#define OID_UUID	 2950
#define ARRAY_HEAD_BYTES 20 /* array_send: dimensions, has nulls, element type; length and lower bound of the one */

/* A value that is borrowed; NULL is SQL's null. */
static void
add(struct args *args, Oid type, const char *value, size_t length)
{
	if (args->n == DB_ARGS_MAX) {
		args->full = true;
		return;
	}
	args->types[args->n] = type;
	args->values[args->n] = value;
	args->lengths[args->n++] = (int)length;
}

/* A value of at most 16 bytes, kept in args itself. */
static void
add_small(struct args *args, Oid type, const void *bytes, size_t length)
{
	char *copy = args->small[args->n < DB_ARGS_MAX ? args->n : 0];

	memcpy(copy, bytes, length);
	add(args, type, copy, length);
}

void
args_id(struct args *args, struct id id)
{
	if (id_none(id))
		add(args, OID_UUID, NULL, 0);
	else
		add_small(args, OID_UUID, id.bytes, sizeof(id.bytes));
}

/* What does not fit a bigint becomes its largest value. */
void
args_number(struct args *args, uint64_t number)
{
	uint64_t big = htobe64(number > INT64_MAX ? INT64_MAX : number);

	add_small(args, OID_INT8, &big, sizeof(big));
}

void
args_flag(struct args *args, bool flag)
{
	char byte = flag ? 1 : 0;

	add_small(args, OID_BOOL, &byte, 1);
}

void
args_text(struct args *args, struct span text)
{
	add(args, OID_TEXT, text.length == 0 ? "" : text.at, text.length);
}

void
args_null_text(struct args *args)
{
	add(args, OID_TEXT, NULL, 0);
}

void
args_bytes(struct args *args, struct span bytes)
{
	add(args, OID_BYTEA, bytes.length == 0 ? "" : bytes.at, bytes.length);
}

static char *
put32(char *at, uint64_t value)
{
	uint32_t big = htobe32((uint32_t)value);

	memcpy(at, &big, sizeof(big));
	return at + sizeof(big);
}

static char *
array_head(char *at, Oid element, size_t n)
{
	at = put32(at, n == 0 ? 0 : 1);
	at = put32(at, 0);
	at = put32(at, element);
	if (n == 0)
		return at;
	return put32(put32(at, n), 1);
}

void
args_texts(struct args *args, const struct span *texts, size_t n)
{
	size_t length = ARRAY_HEAD_BYTES;
	char *bytes, *at;

	for (size_t i = 0; i < n; i++)
		length += 4 + texts[i].length;
	if ((bytes = arena_alloc(args->arena, length)) == NULL) {
		args->full = true;
		return;
	}
	at = array_head(bytes, OID_TEXT, n);
	for (size_t i = 0; i < n; i++) {
		at = put32(at, texts[i].length);
		if (texts[i].length > 0)
			memcpy(at, texts[i].at, texts[i].length);
		at += texts[i].length;
	}
	add(args, OID_TEXT_ARRAY, bytes, (size_t)(at - bytes));
}

void
args_numbers(struct args *args, const uint64_t *numbers, size_t n)
{
	char *bytes = arena_alloc(args->arena, ARRAY_HEAD_BYTES + n * 12), *at;

	if (bytes == NULL) {
		args->full = true;
		return;
	}
	at = array_head(bytes, OID_INT8, n);
	for (size_t i = 0; i < n; i++) {
		uint64_t big = htobe64(numbers[i] > INT64_MAX ? INT64_MAX : numbers[i]);

		at = put32(at, sizeof(big));
		memcpy(at, &big, sizeof(big));
		at += sizeof(big);
	}
	add(args, OID_INT8_ARRAY, bytes, (size_t)(at - bytes));
}

bool
rows_null(const struct rows *rows, int row, int column)
{
	return PQgetisnull(rows->result, row, column) != 0;
}

struct span
rows_span(const struct rows *rows, int row, int column)
{
	return span_of_bytes(PQgetvalue(rows->result, row, column), (size_t)PQgetlength(rows->result, row, column));
}

struct id
rows_id(const struct rows *rows, int row, int column)
{
	struct span bytes = rows_span(rows, row, column);
	struct id id = {{0}};

	if (bytes.length == sizeof(id.bytes))
		memcpy(id.bytes, bytes.at, sizeof(id.bytes));
	return id;
}

/* smallint, integer and bigint; none that we store is negative. */
uint64_t
rows_number(const struct rows *rows, int row, int column)
{
	struct span bytes = rows_span(rows, row, column);
	uint64_t number = 0;

	for (size_t i = 0; i < bytes.length && i < 8; i++)
		number = number << 8 | (uint8_t)bytes.at[i];
	return number;
}

bool
rows_flag(const struct rows *rows, int row, int column)
{
	struct span bytes = rows_span(rows, row, column);

	return bytes.length == 1 && bytes.at[0] != 0;
}

static uint32_t
take32(struct span *left)
{
	uint32_t big = 0;

	if (left->length >= sizeof(big))
		memcpy(&big, left->at, sizeof(big));
	*left = span_tail(*left, sizeof(big));
	return be32toh(big);
}

struct span *
rows_texts(const struct rows *rows, int row, int column, struct arena *arena, size_t *n)
{
	struct span left = rows_span(rows, row, column);
	uint32_t dimensions = take32(&left), count;
	struct span *texts;

	*n = 0;
	take32(&left);
	take32(&left);
	count = dimensions == 1 ? take32(&left) : 0;
	take32(&left);
	if (dimensions > 1 || count > left.length / 4 ||
	    (texts = arena_array(arena, count + 1, sizeof(*texts))) == NULL)
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t length = take32(&left);

		if (length > left.length || arena_span(arena, span_head(left, length), &texts[i]) != OK)
			return NULL;
		left = span_tail(left, length);
	}
	*n = count;
	return texts;
}
