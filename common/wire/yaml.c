/* YAML documents: libyaml's events, judged one by one and hung into a tree. */
#include "common/wire/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/base/clean.h"
#include "common/base/text.h"

static const struct yaml_limits usual = {.bytes = 262144, .depth = 32, .nodes = 16384};

/* One document on its way in. */
struct reader {
	yaml_parser_t parser;
	struct span text;
	struct yaml_limits limits;
	struct arena *arena;
	size_t nodes;
};

static enum err node_read(
    struct reader *reader, yaml_event_t *event, size_t depth, struct yaml_node **out, struct why *why);

/* The event may hold a secret. */
static void
event_free(yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT)
		explicit_bzero(event->data.scalar.value, event->data.scalar.length);
	yaml_event_delete(event);
	event->type = YAML_NO_EVENT;
}

static void
reader_done(struct reader *reader)
{
	yaml_parser_t *parser = &reader->parser;

	if (parser->raw_buffer.start != NULL)
		explicit_bzero(parser->raw_buffer.start, (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
	if (parser->buffer.start != NULL)
		explicit_bzero(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
	yaml_parser_delete(parser);
}

#define auto_event  __attribute__((cleanup(event_free)))
#define auto_reader __attribute__((cleanup(reader_done)))

static enum err
fail_at(const yaml_mark_t *mark, enum err code, struct why *why, const char *words)
{
	return fail(why, code, "line %zu, column %zu: %s", mark->line + 1, mark->column + 1, words);
}

/* libyaml tells of bytes that it cannot read by their offset alone. */
static enum err
fail_at_offset(const struct reader *reader, struct why *why)
{
	yaml_mark_t mark = {0};

	for (size_t i = 0; i < reader->parser.problem_offset && i < reader->text.length; i++) {
		bool line_ends = reader->text.at[i] == '\n';

		mark.line += line_ends;
		mark.column = line_ends ? 0 : mark.column + 1;
	}
	return fail_at(&mark, ERR_SYNTAX, why, reader->parser.problem);
}

/* libyaml has several words for a tab at the beginning of a line, some of them without the tab. */
static bool
tab_indents(struct span text, size_t line)
{
	struct span at = SPAN_NONE;

	for (size_t i = 0; i <= line; i++)
		at = span_cut(&text, '\n');
	for (size_t i = 0; i < at.length && (at.at[i] == ' ' || at.at[i] == '\t'); i++)
		if (at.at[i] == '\t')
			return true;
	return false;
}

static enum err
next_event(struct reader *reader, yaml_event_t *event, struct why *why)
{
	const yaml_parser_t *parser = &reader->parser;

	if (yaml_parser_parse(&reader->parser, event))
		return OK;
	memset(event, 0, sizeof(*event));
	if (parser->error == YAML_MEMORY_ERROR)
		abort();
	if (parser->error == YAML_READER_ERROR)
		return fail_at_offset(reader, why);
	if (parser->problem != NULL &&
	    (strstr(parser->problem, "start any token") != NULL || strstr(parser->problem, "tab ") != NULL) &&
	    tab_indents(reader->text, parser->problem_mark.line))
		return fail_at(
		    &parser->problem_mark, ERR_SYNTAX, why, "the line begins with a tab: YAML is indented by spaces");
	return fail_at(&parser->problem_mark, ERR_SYNTAX, why, parser->problem == NULL ? "not YAML" : parser->problem);
}

/* Anchors, aliases and tags make one text mean another thing than it says: none is taken. */
static enum err
event_judge(const yaml_event_t *event, struct why *why)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return fail_at(&event->start_mark, ERR_SYNTAX, why, "aliases (*name) are not taken");
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	default:
		break;
	}
	if (anchor != NULL)
		return fail_at(&event->start_mark, ERR_SYNTAX, why, "anchors (&name) are not taken");
	if (tag != NULL)
		return fail_at(&event->start_mark, ERR_SYNTAX, why, "tags (!name) are not taken");
	return OK;
}

static enum err
scalar_copy(struct reader *reader, const yaml_event_t *event, struct span *out, struct why *why)
{
	struct span text = {(const char *)event->data.scalar.value, event->data.scalar.length};

	if (memchr(text.at, '\0', text.length) != NULL)
		return fail_at(&event->start_mark, ERR_SYNTAX, why, "a zero byte in a text");
	if (arena_span(reader->arena, text, out) != OK)
		return fail_at(&event->start_mark, ERR_LIMIT, why, "the document needs too much memory");
	return OK;
}

static enum err
key_read(struct reader *reader, const yaml_event_t *event, struct span *key, struct why *why)
{
	enum err r = event_judge(event, why);

	if (r != OK)
		return r;
	if (event->type != YAML_SCALAR_EVENT)
		return fail_at(&event->start_mark, ERR_SYNTAX, why, "a key must be a plain word");
	return scalar_copy(reader, event, key, why);
}

static int
key_compare(const void *a, const void *b)
{
	const struct yaml_node *x = *(struct yaml_node *const *)a, *y = *(struct yaml_node *const *)b;
	size_t shorter = x->key.length < y->key.length ? x->key.length : y->key.length;
	int order = memcmp(x->key.at, y->key.at, shorter);

	if (order == 0)
		order = (x->key.length > y->key.length) - (x->key.length < y->key.length);
	if (order == 0)
		order = (x->key_line > y->key_line) - (x->key_line < y->key_line);
	return order;
}

/* By sorting, so that a map of thousands of keys is no burden. */
static enum err
keys_differ(struct reader *reader, const struct yaml_node *map, struct why *why)
{
	struct yaml_node **sorted;
	char shown[80];
	struct text name = TEXT_OF(shown);
	size_t n = 0;

	if (map->count < 2)
		return OK;
	if ((sorted = arena_array(reader->arena, map->count, sizeof(struct yaml_node *))) == NULL)
		return fail(
		    why, ERR_LIMIT, "line %zu, column %zu: the document needs too much memory", map->line, map->column);
	for (struct yaml_node *node = map->first; node != NULL; node = node->next)
		sorted[n++] = node;
	qsort(sorted, n, sizeof(struct yaml_node *), key_compare);
	for (size_t i = 1; i < n; i++) {
		if (!span_equal(sorted[i - 1]->key, sorted[i]->key))
			continue;
		text_add_escaped(&name, span_head(sorted[i]->key, 60));
		return fail(why, ERR_SYNTAX, "line %zu, column %zu: \"%s\" is there twice, first in line %zu",
		    sorted[i]->key_line, sorted[i]->key_column, shown, sorted[i - 1]->key_line);
	}
	return OK;
}

/* One item of a list, or key and value of a map; *out is NULL at the end. */
static enum err
item_read(struct reader *reader, const struct yaml_node *owner, size_t depth, struct yaml_node **out, struct why *why)
{
	auto_event yaml_event_t key_event = {0};
	auto_event yaml_event_t event = {0};
	struct span key = SPAN_NONE;
	enum err r;

	*out = NULL;
	if ((r = next_event(reader, &event, why)) != OK)
		return r;
	if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
		return OK;
	if (owner->kind == YAML_MAP) {
		if ((r = key_read(reader, &event, &key, why)) != OK)
			return r;
		key_event = event;
		memset(&event, 0, sizeof(event));
		if ((r = next_event(reader, &event, why)) != OK)
			return r;
	}
	if ((r = node_read(reader, &event, depth, out, why)) != OK)
		return r;
	(*out)->key = key;
	(*out)->key_line = key_event.start_mark.line + 1;
	(*out)->key_column = key_event.start_mark.column + 1;
	return OK;
}

static enum err
items_read(struct reader *reader, struct yaml_node *owner, size_t depth, struct why *why)
{
	struct yaml_node **end = &owner->first, *item;
	enum err r;

	while ((r = item_read(reader, owner, depth, &item, why)) == OK && item != NULL) {
		*end = item;
		end = &item->next;
		owner->count++;
	}
	if (r != OK || owner->kind != YAML_MAP)
		return r;
	return keys_differ(reader, owner, why);
}

/* The node that begins with this event; depth is bounded, so is the recursion. */
static enum err
node_read(struct reader *reader, yaml_event_t *event, size_t depth, struct yaml_node **out, struct why *why)
{
	struct yaml_node *node;
	enum err r;

	if ((r = event_judge(event, why)) != OK)
		return r;
	if (++reader->nodes > reader->limits.nodes)
		return fail_at(&event->start_mark, ERR_LIMIT, why, "too many values in one document");
	if ((node = arena_alloc(reader->arena, sizeof(*node))) == NULL)
		return fail_at(&event->start_mark, ERR_LIMIT, why, "the document needs too much memory");
	node->line = event->start_mark.line + 1;
	node->column = event->start_mark.column + 1;
	*out = node;
	if (event->type == YAML_SCALAR_EVENT) {
		node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		return scalar_copy(reader, event, &node->text, why);
	}
	if (depth == reader->limits.depth)
		return fail_at(&event->start_mark, ERR_LIMIT, why, "lists and maps are nested too deeply");
	node->kind = event->type == YAML_MAPPING_START_EVENT ? YAML_MAP : YAML_LIST;
	return items_read(reader, node, depth + 1, why);
}

static enum err
document_judge(const yaml_event_t *event, struct why *why)
{
	if (event->data.document_start.version_directive != NULL ||
	    event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end)
		return fail_at(&event->start_mark, ERR_SYNTAX, why, "directives (%NAME) are not taken");
	return OK;
}

/* The value of the one document; *out is NULL when the stream holds none. */
static enum err
document_read(struct reader *reader, struct yaml_node **out, struct why *why)
{
	auto_event yaml_event_t start = {0};
	auto_event yaml_event_t value = {0};
	auto_event yaml_event_t end = {0};
	enum err r;

	*out = NULL;
	if ((r = next_event(reader, &start, why)) != OK || start.type == YAML_STREAM_END_EVENT)
		return r;
	if ((r = document_judge(&start, why)) != OK || (r = next_event(reader, &value, why)) != OK ||
	    (r = node_read(reader, &value, 0, out, why)) != OK)
		return r;
	return next_event(reader, &end, why);
}

static enum err
stream_read(struct reader *reader, struct yaml_node **out, struct why *why)
{
	auto_event yaml_event_t start = {0};
	auto_event yaml_event_t end = {0};
	enum err r;

	if ((r = next_event(reader, &start, why)) != OK || (r = document_read(reader, out, why)) != OK)
		return r;
	if (*out == NULL) {
		if ((*out = arena_alloc(reader->arena, sizeof(**out))) == NULL)
			return fail(why, ERR_LIMIT, "line 1, column 1: the document needs too much memory");
		**out = (struct yaml_node){.line = 1, .column = 1, .plain = true, .text = SPAN("")};
		return OK;
	}
	if ((r = next_event(reader, &end, why)) != OK)
		return r;
	if (end.type != YAML_STREAM_END_EVENT)
		return fail_at(&end.start_mark, ERR_SYNTAX, why, "a second document (---) is not taken");
	return OK;
}

enum err
yaml_parse(
    struct span text, const struct yaml_limits *limits, struct arena *arena, struct yaml_node **out, struct why *why)
{
	auto_reader struct reader reader = {.text = text, .arena = arena};
	struct yaml_node *root = NULL;
	enum err r;

	if (!yaml_parser_initialize(&reader.parser))
		abort();
	reader.limits.bytes = limits == NULL || limits->bytes == 0 ? usual.bytes : limits->bytes;
	reader.limits.depth = limits == NULL || limits->depth == 0 ? usual.depth : limits->depth;
	reader.limits.nodes = limits == NULL || limits->nodes == 0 ? usual.nodes : limits->nodes;
	if (text.length > reader.limits.bytes)
		return fail(why, ERR_LIMIT, "line 1, column 1: the document has %zu bytes, at most %zu", text.length,
		    reader.limits.bytes);
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &reader.parser, (const unsigned char *)(text.at == NULL ? "" : text.at), text.length);
	if ((r = stream_read(&reader, &root, why)) == OK)
		*out = root;
	return r;
}

const struct yaml_node *
yaml_get(const struct yaml_node *map, const char *key)
{
	if (map == NULL || map->kind != YAML_MAP)
		return NULL;
	for (const struct yaml_node *node = map->first; node != NULL; node = node->next)
		if (span_is(node->key, key))
			return node;
	return NULL;
}

bool
yaml_null(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && node->plain &&
	       (node->text.length == 0 || span_is(node->text, "~") || span_is(node->text, "null"));
}

enum err
yaml_flag(const struct yaml_node *node, bool *out, struct why *why)
{
	bool plain = node->kind == YAML_SCALAR && node->plain;

	if (!plain || (!span_is(node->text, "true") && !span_is(node->text, "false")))
		return fail(why, ERR_INVALID, "true or false is wanted");
	*out = span_is(node->text, "true");
	return OK;
}

const char *
yaml_kind_name(enum yaml_kind kind)
{
	static const char *const names[] = {"a text", "a list", "a map"};

	return names[kind];
}

void
yaml_wipe(struct yaml_node *root)
{
	for (struct yaml_node *node = root->first; node != NULL; node = node->next)
		yaml_wipe(node);
	if (root->text.length > 0)
		explicit_bzero((char *)(uintptr_t)root->text.at, root->text.length);
}
