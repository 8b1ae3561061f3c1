/* Prints docs/bus.md from the tables of proto/bus.def; a test holds the committed page to it. */
#include <stdio.h>

#include "common/bus/message.h"

static void
print_roles(uint32_t roles)
{
	bool first = true;

	if (roles == ROLE_ANY) {
		printf("any");
		return;
	}
	for (uint32_t bit = 1; bit < ROLE_ANY; bit <<= 1)
		if (roles & bit) {
			printf("%s%s", first ? "" : ", ", role_name((enum role)bit));
			first = false;
		}
}

static void
print_bounds(const struct field *field)
{
	switch (field->kind) {
	case FIELD_NUMBER:
		printf("%llu to %llu", (unsigned long long)field->low, (unsigned long long)field->high);
		break;
	case FIELD_TEXT:
	case FIELD_BYTES:
		printf("%llu to %llu bytes", (unsigned long long)field->low, (unsigned long long)field->high);
		break;
	case FIELD_TEXTS:
		printf("at most %zu, each at most %llu bytes", field->count_max, (unsigned long long)field->high);
		break;
	case FIELD_MANY:
		printf("at most %zu", field->count_max);
		break;
	default:
		break;
	}
}

static const char *
since_words(unsigned release)
{
	static char words[32];

	snprintf(words, sizeof(words), " (Since release %u)", release);
	return words;
}

int
main(void)
{
	size_t n;
	const struct msg_info *const *table = msg_table(&n);

	printf(
	    "# Bus messages\n\nMade from `proto/bus.def` by `proto/bus_doc`; do not edit. Release %u of the table.\n",
	    BUS_RELEASE);
	for (size_t i = 0; i < n; i++) {
		unsigned since = msg_since(table[i]);

		printf("\n## 0x%04x %s\n\n%s. From ", (unsigned)table[i]->id, table[i]->name, table[i]->words);
		print_roles(table[i]->from);
		printf("; to ");
		print_roles(table[i]->to);
		printf(".%s\n", since > 1 ? since_words(since) : "");
		if (table[i]->rows > (msg_since(table[i]) > 1))
			printf("\n| field | type | allowed | what |\n|---|---|---|---|\n");
		for (size_t f = 0; f < table[i]->rows; f++) {
			if (table[i]->fields[f].kind == FIELD_SINCE) {
				since = (unsigned)table[i]->fields[f].low;
				continue;
			}
			printf("| %s | %s | ", table[i]->fields[f].name, table[i]->fields[f].type);
			print_bounds(&table[i]->fields[f]);
			printf(" | %s%s |\n", table[i]->fields[f].words,
			    since > msg_since(table[i]) ? since_words(since) : "");
		}
	}
	return 0;
}
