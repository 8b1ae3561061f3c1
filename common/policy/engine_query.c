/* Query strings: read, and matched against what rules ask for. */
#include "common/policy/engine_query.h"

#include "common/base/text.h"

struct querying {
	const struct engine *engine;
	struct arena *arena;
	struct engine_values *values;
	bool loose; /* the second reading, in which ';' parts as well: it only adds to what denies */
};

/* Plus and percent escapes undone. */
static enum err
text_decode(struct span text, struct arena *arena, struct span *out)
{
	char *to = arena_alloc(arena, text.length + 1);
	size_t n = 0;

	if (to == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < text.length; i++) {
		to[n++] = text.at[i] == '+' ? ' ' : text.at[i];
		if (text.at[i] != '%')
			continue;
		if (!hex_read((struct span){text.at + i + 1, text.length - i > 2 ? 2 : 0}, &to[n - 1], 1))
			return ERR_SYNTAX;
		i += 2;
	}
	*out = (struct span){to, n};
	return span_utf8(*out) ? OK : ERR_SYNTAX;
}

static enum err
value_count(struct querying *q, uint32_t key, struct span value)
{
	const struct matcher *matcher = &q->engine->key[key].values;
	struct engine_values *values = &q->values[key];
	uint64_t *bits = matcher_bits(matcher, value, q->arena);

	if (bits == NULL)
		return ERR_LIMIT;
	if (values->any == NULL && (values->any = arena_array(q->arena, matcher->words, sizeof(*bits))) == NULL)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < matcher->words; i++) {
		values->any[i] |= bits[i];
		if (values->all != NULL && !q->loose)
			values->all[i] &= bits[i];
	}
	if (values->all == NULL && !q->loose)
		values->all = bits;
	return OK;
}

static enum err
parameter_read(struct querying *q, struct span parameter)
{
	struct span rest = parameter, name = span_cut(&rest, '='), key, value;
	uint32_t number;
	enum err r;

	if (parameter.length == 0)
		return OK;
	if ((r = text_decode(name, q->arena, &key)) != OK || (r = text_decode(rest, q->arena, &value)) != OK)
		return r;
	number = names_find(&q->engine->keys, key);
	return number == NAMES_NONE ? OK : value_count(q, number, value);
}

static enum err
reading(struct querying *q, struct span query)
{
	enum err r = OK;

	for (struct span rest = query; r == OK && rest.length > 0;) {
		struct span piece = span_cut(&rest, '&');

		while (r == OK && q->loose && piece.length > 0)
			r = parameter_read(q, span_cut(&piece, ';'));
		if (r == OK)
			r = parameter_read(q, piece);
	}
	return r;
}

enum err
engine_query_read(const struct engine *engine, struct span query, struct arena *arena, struct engine_values **out)
{
	struct querying q = {.engine = engine, .arena = arena};
	size_t semicolon;
	enum err r;

	if ((q.values = arena_array(arena, engine->keys.n + 1u, sizeof(*q.values))) == NULL)
		return ERR_LIMIT;
	if ((r = reading(&q, query)) != OK)
		return r;
	if (engine->keys.n > 0 && span_find(query, ';', &semicolon)) {
		q.loose = true;
		r = reading(&q, query);
	}
	*out = q.values;
	return r;
}
