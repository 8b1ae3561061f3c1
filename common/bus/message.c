/* Messages: the tables that proto/bus.def becomes. */
#include "common/bus/message.h"

#include <string.h>

#define FIELD_OF(kind_, name_, words_, type_)                                                                          \
	.kind = kind_, .name = #name_, .words = words_, .type = type_, .offset = offsetof(THIS, name_)

#define ID(name_, words_)   {FIELD_OF(FIELD_ID, name_, words_, "id")},
#define FLAG(name_, words_) {FIELD_OF(FIELD_FLAG, name_, words_, "bool")},
#define NUMBER(name_, type_, low_, high_, words_)                                                                      \
	{FIELD_OF(FIELD_NUMBER, name_, words_, #type_), .size = sizeof(type_), .low = low_, .high = high_},
#define TEXT(name_, min_, max_, words_)	 {FIELD_OF(FIELD_TEXT, name_, words_, "text"), .low = min_, .high = max_},
#define BYTES(name_, min_, max_, words_) {FIELD_OF(FIELD_BYTES, name_, words_, "bytes"), .low = min_, .high = max_},
#define TEXTS(name_, count_, max_, words_)                                                                             \
	{FIELD_OF(FIELD_TEXTS, name_, words_, "texts"), .count_offset = offsetof(THIS, name_##_n), .high = max_,       \
	    .count_max = count_},
#define MANY(name_, part_, count_, words_)                                                                             \
	{FIELD_OF(FIELD_MANY, name_, words_, #part_), .count_offset = offsetof(THIS, name_##_n), .count_max = count_,  \
	    .size = sizeof(struct msg_##part_), .part = info_##part_},

#define SINCE(release_) {.kind = FIELD_SINCE, .name = "", .words = "", .type = "", .low = release_},

#define INFO(name_, ID_, number_, from_, to_, words_, ...)                                                             \
	static const struct msg_info *info_##name_(void)                                                               \
	{                                                                                                              \
		typedef struct msg_##name_ THIS;                                                                       \
		static const struct field fields[] = {__VA_ARGS__{.kind = FIELD_END}};                                 \
		static const struct msg_info info = {number_, #name_, words_, from_, to_, fields,                      \
		    sizeof(fields) / sizeof(fields[0]) - 1, sizeof(THIS)};                                             \
		(void)sizeof(THIS);                                                                                    \
		return &info;                                                                                          \
	}
#define PART(name, ...) INFO(name, name, MSG_NONE, 0, 0, "", __VA_ARGS__)
#define MESSAGE(ID_, number, name, from, to, words, ...)                                                               \
	INFO(name, ID_, (enum msg_id)(number), from, to, words, __VA_ARGS__)
#include "proto/bus.def"
#undef MESSAGE
#undef PART

static const struct msg_info *(*const rows[])(void) = {
#define PART(name, ...)
#define MESSAGE(ID_, number, name, from, to, words, ...) info_##name,
#include "proto/bus.def"
#undef MESSAGE
#undef PART
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

const struct msg_info *const *
msg_table(size_t *n)
{
	static const struct msg_info *table[ROWS];

	if (table[0] == NULL)
		for (size_t i = ROWS; i-- > 0;)
			table[i] = rows[i]();
	*n = ROWS;
	return table;
}

size_t
msg_rows(const struct msg_info *info, uint32_t release, size_t *fields)
{
	size_t row = 0;

	for (*fields = 0; row < info->rows; row++) {
		if (info->fields[row].kind == FIELD_SINCE && info->fields[row].low > release)
			break;
		*fields += info->fields[row].kind != FIELD_SINCE;
	}
	return row;
}

uint32_t
msg_since(const struct msg_info *info)
{
	return info->rows > 0 && info->fields[0].kind == FIELD_SINCE ? (uint32_t)info->fields[0].low : 1;
}

/* The rows of bus.def stand in the order of their numbers (a test holds them to it). */
const struct msg_info *
msg_info(uint32_t number)
{
	size_t low = 0, high = ROWS;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct msg_info *info = rows[middle]();

		if ((uint32_t)info->id == number)
			return info;
		if ((uint32_t)info->id < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const char *
role_name(enum role role)
{
	static const char *const names[] = {"api", "state", "credentials", "relay", "driver", "stranger", "link",
	    "supervisor", "spawner", "policyd", "proxy", "router", "sshd", "grant"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (role == (enum role)(1 << i))
			return names[i];
	return "nobody";
}

bool
texts_find(const struct span *texts, size_t n, const char *key, struct span *value)
{
	for (size_t i = 0; i < n; i++) {
		struct span rest = texts[i];

		if (!span_is(span_cut(&rest, '='), key))
			continue;
		*value = rest;
		return true;
	}
	return false;
}
