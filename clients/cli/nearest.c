/* The nearest match to a mistyped word: optimal string alignment, three rows. */
#include "clients/cli/nearest.h"

#include <string.h>

#define WORD_MAX 32

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t
word_distance(struct span a, struct span b)
{
	size_t before[WORD_MAX + 1] = {0}, last[WORD_MAX + 1], row[WORD_MAX + 1] = {0};

	if (a.length > WORD_MAX || b.length > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.length; j++)
		last[j] = j;
	for (size_t i = 1; i <= a.length; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b.length; j++) {
			row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (a.at[i - 1] != b.at[j - 1]));
			if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		memcpy(before, last, sizeof(last));
		memcpy(last, row, sizeof(row));
	}
	return last[b.length];
}

/* Keep candidate when it is nearer than what was best: one edit in three letters, or a beginning of it. */
static void
consider(struct span word, const char *candidate, size_t *best_distance, const char **best)
{
	struct span name = span_of_text(candidate);
	size_t distance = word_distance(word, name);

	if (word.length >= 3 && span_starts(name, word))
		distance = 1;
	if (distance <= (word.length < 3 ? 1 : (word.length + 2) / 3) && distance < *best_distance) {
		*best_distance = distance;
		*best = candidate;
	}
}

const char *
nearest_command(const struct command *group, struct span word)
{
	size_t distance = SIZE_MAX;
	const char *best = NULL;

	for (const struct command *c = group->commands; c != NULL && c->name != NULL; c++)
		if (!c->hidden && !c->later)
			consider(word, c->name, &distance, &best);
	return best;
}

/* Of several groups that of sandboxes, which are meant most often, else the last. */
const struct command *
nearest_group(const struct command *root, struct span word)
{
	const struct command *best = NULL;

	for (const struct command *group = root->commands; group != NULL && group->name != NULL; group++)
		for (const struct command *c = group->commands; c != NULL && c->name != NULL; c++)
			if (!c->hidden && !c->later && span_is(word, c->name) &&
			    (best == NULL || strcmp(best->name, "sandbox") != 0))
				best = group;
	return best;
}

const char *
nearest_flag(const struct command *command, struct span word)
{
	size_t distance = SIZE_MAX;
	const char *best = NULL;

	for (const struct flag *f = command->flags; f != NULL && f->id != FLAG_NONE; f++)
		if (!f->hidden && f->kind != KIND_LATER)
			consider(word, f->name, &distance, &best);
	for (const struct flag *f = flags_global; f->id != FLAG_NONE; f++)
		consider(word, f->name, &distance, &best);
	return best;
}
