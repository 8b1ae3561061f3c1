/* The command line and the environment, read by the tables. */
#include "clients/cli/parse.h"

#include <stdlib.h>
#include <string.h>

#include "clients/cli/nearest.h"
#include "clients/sdk/shown.h"
#include "common/base/clean.h"

struct parser {
	struct args *args;
	struct arena *arena;
	char **argv;
	int argc, at;
	bool flags_over; /* after --, or inside a command line that is an operand */
	bool dashes;	 /* -- was seen */
};

static const struct flag *
flag_find(const struct flag *flags, struct span name, char letter)
{
	for (const struct flag *f = flags; f != NULL && f->id != FLAG_NONE; f++)
		if (letter != 0 ? f->letter == letter : span_is(name, f->name))
			return f;
	return NULL;
}

const struct flag *
flag_by_name(const struct command *command, struct span name)
{
	const struct flag *found = flag_find(command->flags, name, 0);

	return found != NULL ? found : flag_find(flags_global, name, 0);
}

const struct flag *
flag_by_letter(const struct command *command, char letter)
{
	const struct flag *found = letter == 0 ? NULL : flag_find(command->flags, SPAN_NONE, letter);

	return found != NULL || letter == 0 ? found : flag_find(flags_global, SPAN_NONE, letter);
}

const struct command *
command_by_name(const struct command *group, struct span name)
{
	for (const struct command *c = group->commands; c != NULL && c->name != NULL; c++)
		if (span_is(name, c->name) || (c->alias != NULL && span_is(name, c->alias)))
			return c;
	return NULL;
}

bool
flag_takes_value(const struct flag *flag)
{
	return flag->kind != KIND_SWITCH && flag->kind != KIND_COUNT && flag->kind != KIND_LATER;
}

const char *
args_path(const struct args *args, struct arena *arena)
{
	const char *path = args->path[0]->name;

	for (size_t i = 1; i < args->depth && path != NULL; i++)
		path = arena_format(arena, "%s %s", path, args->path[i]->name);
	return path == NULL ? "" : path;
}

/* ": one of a, b, c" into a fixed buffer. */
static void
choices_text(const char *const *choices, struct text *text)
{
	text_add(text, "it is one of");
	for (size_t i = 0; choices[i] != NULL; i++)
		text_add(text, "%s %s", i == 0 ? "" : ",", choices[i]);
}

static enum err
choice_check(const char *const *choices, struct span value, struct why *why)
{
	char buffer[256];
	struct text text = TEXT_OF(buffer);

	for (size_t i = 0; choices[i] != NULL; i++)
		if (span_is(value, choices[i]))
			return OK;
	choices_text(choices, &text);
	return fail(why, ERR_SYNTAX, "%s", buffer);
}

/* A list has room for as many items as there are arguments. */
static enum err
list_add(const struct parser *parser, struct value *value, const char *text, struct why *why)
{
	if (value->list == NULL)
		value->list = arena_array(parser->arena, (size_t)parser->argc + 1, sizeof(*value->list));
	if (value->list == NULL)
		return fail(why, ERR_SYNTAX, "the command line is too long");
	value->list[value->count++] = text;
	return OK;
}

/* Check text by the row and put it into value; why is the bare reason. */
static enum err
value_take(const struct parser *parser, const struct flag *flag, struct value *value, const char *text, struct why *why)
{
	struct span span = span_of_text(text);
	enum err r;

	if (flag->choices != NULL && (r = choice_check(flag->choices, span, why)) != OK)
		return r;
	if (flag->check != NULL && (r = flag->check(span, why)) != OK)
		return r;
	if (flag->kind == KIND_NUMBER && (r = number_parse(span, flag->low, flag->high, &value->number, why)) != OK)
		return r;
	value->text = text;
	return flag->kind == KIND_LIST ? list_add(parser, value, text, why) : OK;
}

/* Put "--name VALUE: " in front of a reason. */
static enum err
value_refused(const struct parser *parser, const char *from, const char *text, struct why *why)
{
	return because(why, ERR_SYNTAX, "%s \"%.60s\"", from, shown(parser->arena, text));
}

/* One flag of the command line; text is NULL where it takes no value. */
static enum err
flag_give(struct parser *parser, const struct flag *flag, const char *text, struct why *why)
{
	struct value *value = &parser->args->values[flag->id];
	const char *name = arena_format(parser->arena, "--%s", flag->name);
	bool again = flag->kind == KIND_LIST || flag->kind == KIND_COUNT || flag->kind == KIND_SWITCH;

	if (flag->kind == KIND_LATER)
		return fail(why, ERR_SYNTAX, "%s is not in this release", name);
	if (value->set && !again)
		return fail(why, ERR_SYNTAX, "%s is given twice", name);
	value->set = true;
	value->on = !flag->negative;
	value->number++;
	if (flag->id == FLAG_HELP)
		parser->args->help = true;
	if (flag->id == FLAG_VERSION)
		parser->args->version = true;
	if (!flag_takes_value(flag))
		return OK;
	value->number = 0;
	return value_take(parser, flag, value, text, why) == OK ? OK : value_refused(parser, name, text, why);
}

/* The value of a flag: what is attached to it, or the next argument. */
static enum err
flag_value(struct parser *parser, const struct flag *flag, const char *attached, const char **out, struct why *why)
{
	*out = attached;
	if (!flag_takes_value(flag)) {
		*out = NULL;
		return attached == NULL || flag->kind == KIND_LATER
			   ? OK
			   : fail(why, ERR_SYNTAX, "--%s takes no value", flag->name);
	}
	if (attached != NULL)
		return OK;
	if (parser->at == parser->argc || strcmp(parser->argv[parser->at], "--") == 0)
		return fail(why, ERR_SYNTAX, "--%s wants a value: --%s %s", flag->name, flag->name, flag->value);
	*out = parser->argv[parser->at++];
	return OK;
}

static enum err
unknown_flag(const struct parser *parser, const char *word, const char *near, struct why *why)
{
	const char *path = args_path(parser->args, parser->arena), *name = shown(parser->arena, word);

	if (near != NULL)
		return fail(why, ERR_SYNTAX, "%s has no flag %.60s: did you mean --%s?", path, name, near);
	return fail(why, ERR_SYNTAX, "%s has no flag %.60s: `%s --help` lists them", path, name, path);
}

/* --name, --name=value, --name value */
static enum err
long_flag(struct parser *parser, const char *word, struct why *why)
{
	struct span value = span_of_text(word + 2), name = span_cut(&value, '=');
	const char *attached = name.at[name.length] == '=' ? name.at + name.length + 1 : NULL, *text;
	const struct flag *flag = flag_by_name(parser->args->command, name);
	enum err r;

	if (flag == NULL)
		return unknown_flag(parser, word, nearest_flag(parser->args->command, name), why);
	if ((r = flag_value(parser, flag, attached, &text, why)) != OK)
		return r;
	return flag_give(parser, flag, text, why);
}

/* -a, -abc, -n value, -nvalue, -n=value */
static enum err
short_flags(struct parser *parser, const char *word, struct why *why)
{
	enum err r;

	for (const char *p = word + 1; *p != '\0'; p++) {
		const struct flag *flag = flag_by_letter(parser->args->command, *p);
		const char *attached = p[1] == '\0' ? NULL : p[1] == '=' ? p + 2 : p + 1, *text;

		if (flag == NULL)
			return unknown_flag(parser, word, NULL, why);
		if (!flag_takes_value(flag))
			attached = p[1] == '=' ? p + 2 : NULL;
		if ((r = flag_value(parser, flag, attached, &text, why)) != OK ||
		    (r = flag_give(parser, flag, text, why)) != OK)
			return r;
		if (text != NULL)
			return OK;
	}
	return OK;
}

static enum err
unknown_command(const struct parser *parser, const char *word, struct why *why)
{
	const char *near = nearest_command(parser->args->command, span_of_text(word));
	const char *path = args_path(parser->args, parser->arena), *name = shown(parser->arena, word);
	const struct command *group = nearest_group(parser->args->command, span_of_text(word));

	if (group != NULL)
		return fail(
		    why, ERR_SYNTAX, "%s has no command \"%.60s\": did you mean %s %s?", path, name, group->name, name);
	if (near != NULL)
		return fail(why, ERR_SYNTAX, "%s has no command \"%.60s\": did you mean %s?", path, name, near);
	return fail(why, ERR_SYNTAX, "%s has no command \"%.60s\": `%s --help` lists them", path, name, path);
}

static enum err
operand_add(struct parser *parser, const char *word, struct why *why)
{
	struct args *args = parser->args;
	const struct operand *operand = &args->command->operand;
	const char *path = args_path(args, parser->arena), *name = shown(parser->arena, word);

	if (operand->name == NULL)
		return fail(why, ERR_SYNTAX, "%s takes no argument \"%.60s\"", path, name);
	if (operand->kind == OPERAND_AFTER_DASHES && !parser->dashes)
		return fail(why, ERR_SYNTAX, "%s takes no argument \"%.60s\": a command goes after --", path, name);
	if (args->operands_count == operand->most)
		return fail(why, ERR_SYNTAX, "%s takes no further argument \"%.60s\"", path, name);
	if (operand->choices != NULL && choice_check(operand->choices, span_of_text(word), why) != OK)
		return value_refused(parser, operand->name, word, why);
	if (operand->kind == OPERAND_COMMAND)
		parser->flags_over = true;
	if (args->operands == NULL)
		args->operands = arena_array(parser->arena, (size_t)parser->argc, sizeof(*args->operands));
	if (args->operands == NULL)
		return fail(why, ERR_SYNTAX, "the command line is too long");
	args->operands[args->operands_count++] = word;
	return OK;
}

/* A word that is no flag: a command of the group, or an operand. */
static enum err
plain_word(struct parser *parser, const char *word, struct why *why)
{
	struct args *args = parser->args;
	const struct command *command;

	if (args->command->commands == NULL)
		return operand_add(parser, word, why);
	if ((command = command_by_name(args->command, span_of_text(word))) == NULL || args->depth == DEPTH_MAX)
		return unknown_command(parser, word, why);
	args->path[args->depth++] = command;
	args->command = command;
	if (command->later)
		return fail(why, ERR_SYNTAX, "`%s` is not in this release", args_path(args, parser->arena));
	return OK;
}

static enum err
next_word(struct parser *parser, struct why *why)
{
	const char *word = parser->argv[parser->at++];

	if (parser->flags_over || word[0] != '-' || word[1] == '\0')
		return plain_word(parser, word, why);
	if (strcmp(word, "--") == 0) {
		parser->flags_over = parser->dashes = true;
		return OK;
	}
	return word[1] == '-' ? long_flag(parser, word, why) : short_flags(parser, word, why);
}

/* Variables stand in for flags that were not given. */
static enum err
variable_take(struct parser *parser, const struct flag *flag, char *(*variable)(const char *), struct why *why)
{
	static const char *const booleans[] = {"true", "false", NULL};
	struct value *value = &parser->args->values[flag->id];
	const char *text = flag->variable == NULL ? NULL : variable(flag->variable);

	if (value->set || text == NULL || text[0] == '\0')
		return OK;
	if (flag->kind == KIND_SWITCH) {
		if (choice_check(booleans, span_of_text(text), why) != OK)
			return value_refused(parser, flag->variable, text, why);
		value->set = value->on = text[0] == 't';
		return OK;
	}
	value->set = true;
	return value_take(parser, flag, value, text, why) == OK ? OK : value_refused(parser, flag->variable, text, why);
}

static enum err
flags_complete(struct parser *parser, const struct flag *flags, char *(*variable)(const char *), struct why *why)
{
	enum err r;

	for (const struct flag *f = flags; f != NULL && f->id != FLAG_NONE; f++) {
		struct value *value = &parser->args->values[f->id];

		if ((r = variable_take(parser, f, variable, why)) != OK)
			return r;
		if (!value->set && f->fallback != NULL && f->kind != KIND_LIST &&
		    (r = value_take(parser, f, value, f->fallback, why)) != OK)
			return because(why, r, "--%s", f->name);
	}
	return OK;
}

/* Is this flag given by the command line in the form of this row? */
static bool
row_given(const struct args *args, const struct flag *flag)
{
	const struct value *value = &args->values[flag->id];

	return value->set && (flag->kind != KIND_SWITCH || value->on == !flag->negative);
}

static enum err
excludes_check(const struct args *args, struct why *why)
{
	for (const struct flag *f = args->command->flags; f != NULL && f->id != FLAG_NONE; f++)
		for (size_t i = 0; row_given(args, f) && i < EXCLUDES_MAX && f->excludes[i] != FLAG_NONE; i++) {
			if (f->excludes[i] == FLAG_OPERANDS && args->operands_count > 0)
				return fail(why, ERR_SYNTAX, "--%s cannot be used together with %s", f->name,
				    args->command->operand.name);
			for (const struct flag *o = args->command->flags; o->id != FLAG_NONE; o++)
				if (o->id == f->excludes[i] && o != f && !o->hidden && row_given(args, o))
					return fail(
					    why, ERR_SYNTAX, "--%s and --%s cannot be used together", f->name, o->name);
		}
	return OK;
}

static enum err
operands_check(const struct parser *parser, struct why *why)
{
	const struct operand *operand = &parser->args->command->operand;
	const char *path = args_path(parser->args, parser->arena);

	if (parser->args->operands_count >= operand->least)
		return OK;
	return fail(why, ERR_SYNTAX, "%s wants %s: `%s --help` shows how", path, operand->name, path);
}

enum err
args_parse(const struct command *root, int argc, char **argv, char *(*variable)(const char *), struct arena *arena,
    struct args *out, struct why *why)
{
	struct parser parser = {.args = out, .arena = arena, .argv = argv, .argc = argc, .at = 1};
	enum err r;

	*out = (struct args){.path = {root}, .depth = 1, .command = root};
	while (parser.at < argc && !out->help && !out->version)
		if ((r = next_word(&parser, why)) != OK)
			return r;
	if (out->help || out->version)
		return OK;
	if ((r = flags_complete(&parser, flags_global, variable, why)) != OK ||
	    (r = flags_complete(&parser, out->command->flags, variable, why)) != OK ||
	    (r = excludes_check(out, why)) != OK)
		return r;
	return out->command->run == NULL ? OK : operands_check(&parser, why);
}
