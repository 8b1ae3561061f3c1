/* Command lines against the tables: what is taken, what is refused, and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/help.h"
#include "clients/cli/nearest.h"
#include "clients/cli/parse.h"
#include "common/base/clean.h"

#include <cmocka.h> /* after ours: it has a macro called fail */

#define WORDS_MAX 16

static const char *const *environment; /* NAME, value, NAME, value, NULL */

static char *
variable(const char *name)
{
	for (const char *const *at = environment; at != NULL && at[0] != NULL; at += 2)
		if (strcmp(at[0], name) == 0)
			return (char *)(uintptr_t)at[1];
	return NULL;
}

static enum err
parse(const char *line, struct arena *arena, struct args *args, struct why *why)
{
	char *copy = arena_text(arena, span_of_text(line)), **words = arena_array(arena, WORDS_MAX, sizeof(*words));
	int n = 0;

	words[n++] = (char *)(uintptr_t) "openshell";
	for (char *word = strtok_r(copy, " ", &copy); word != NULL; word = strtok_r(NULL, " ", &copy))
		words[n++] = word;
	return args_parse(&command_root, n, words, variable, arena, args, why);
}

/* Each: line, and of what is taken one flag with its value (or list, joined by commas), and the operands. */
static const struct {
	const char *line, *command;
	enum flag_id flag;
	const char *value, *operands;
} good[] = {
    {"sandbox list", "list", FLAG_LIMIT, "100", ""},
    {"sb list", "list", FLAG_WORKSPACE, "default", ""},
    {"-g one sandbox list", "list", FLAG_GATEWAY, "one", ""},
    {"sandbox -g one list", "list", FLAG_GATEWAY, "one", ""},
    {"sandbox list -g one", "list", FLAG_GATEWAY, "one", ""},
    {"sandbox list -gone", "list", FLAG_GATEWAY, "one", ""},
    {"sandbox list -g=one", "list", FLAG_GATEWAY, "one", ""},
    {"sandbox list --gateway=one", "list", FLAG_GATEWAY, "one", ""},
    {"sandbox list --selector=a=b", "list", FLAG_SELECTOR, "a=b", ""},
    {"sandbox list --selector=", "list", FLAG_SELECTOR, "", ""},
    {"sandbox list -ojson", "list", FLAG_OUTPUT, "json", ""},
    {"sandbox list -vo yaml", "list", FLAG_OUTPUT, "yaml", ""},
    {"-vvv sandbox list", "list", FLAG_VERBOSE, "3", ""},
    {"sandbox list -v --verbose", "list", FLAG_VERBOSE, "2", ""},
    {"sandbox list --ids", "list", FLAG_IDS, "on", ""},
    {"sandbox create --no-tty --tty", "create", FLAG_TTY, "on", ""},
    {"sandbox create --tty --no-tty", "create", FLAG_TTY, "off", ""},
    {"sandbox create --env A=1 --env B=2", "create", FLAG_ENV, "A=1,B=2", ""},
    {"sandbox create --name x -- ls -la --name", "create", FLAG_NAME, "x", "ls,-la,--name"},
    {"sandbox create --keep --detach", "create", FLAG_KEEP, "on", ""},
    {"sandbox exec ls -n x", "exec", FLAG_NAME, NULL, "ls,-n,x"},
    {"sandbox exec -n x ls -n y -- z", "exec", FLAG_NAME, "x", "ls,-n,y,--,z"},
    {"sandbox exec -- -n x", "exec", FLAG_NAME, NULL, "-n,x"},
    {"sandbox exec -", "exec", FLAG_NAME, NULL, "-"},
    {"sandbox delete a b", "delete", FLAG_ALL, NULL, "a,b"},
    {"sandbox delete a -- -b", "delete", FLAG_ALL, NULL, "a,-b"},
    {"logs --source all --source gateway x", "logs", FLAG_SOURCE, "all,gateway", "x"},
    {"completions zsh", "completions", FLAG_GATEWAY, NULL, "zsh"},
    {"sandbox", "sandbox", FLAG_GATEWAY, NULL, ""},
    {"", "openshell", FLAG_GATEWAY, NULL, ""},
};

static const char *
value_text(const struct value *value, struct arena *arena)
{
	const char *text = NULL;

	if (value->list != NULL) {
		for (size_t i = 0; i < value->count; i++)
			text =
			    arena_format(arena, "%s%s%s", text == NULL ? "" : text, i > 0 ? "," : "", value->list[i]);
		return text;
	}
	if (value->text != NULL)
		return value->text;
	if (!value->set)
		return NULL;
	return value->number > 1 ? arena_format(arena, "%llu", (unsigned long long)value->number)
	       : value->on	 ? "on"
				 : "off";
}

static void
test_good(void **state)
{
	(void)state;
	environment = NULL;
	for (size_t i = 0; i < COUNT(good); i++) {
		auto_arena struct arena arena = {0};
		struct args args;
		struct why why = {0};
		const char *value, *operands = "";

		if (parse(good[i].line, &arena, &args, &why) != OK)
			fail_msg("%s: %s", good[i].line, why.text);
		assert_string_equal(args.command->name, good[i].command);
		value = value_text(&args.values[good[i].flag], &arena);
		if ((value == NULL) != (good[i].value == NULL) || (value != NULL && strcmp(value, good[i].value) != 0))
			if (good[i].flag != FLAG_TTY || args.values[FLAG_TTY].on != (strcmp(good[i].value, "on") == 0))
				fail_msg("%s: %s, not %s", good[i].line, value, good[i].value);
		for (size_t n = 0; n < args.operands_count; n++)
			operands = arena_format(&arena, "%s%s%s", operands, n > 0 ? "," : "", args.operands[n]);
		assert_string_equal(operands, good[i].operands);
	}
}

static const struct {
	const char *line, *words;
} bad[] = {
    {"sandbx", "openshell has no command \"sandbx\": did you mean sandbox?"},
    {"exec -n x -- id", "openshell has no command \"exec\": did you mean sandbox exec?"},
    {"list", "openshell has no command \"list\": did you mean sandbox list?"},
    {"select x", "openshell has no command \"select\": did you mean gateway select?"},
    {"sandbox creat", "openshell sandbox has no command \"creat\": did you mean create?"},
    {"sandbox xyzzy", "openshell sandbox has no command \"xyzzy\": `openshell sandbox --help` lists them"},
    {"sandbox list --limt 3", "openshell sandbox list has no flag --limt: did you mean --limit?"},
    {"sandbox list --zzzzzz",
	"openshell sandbox list has no flag --zzzzzz: `openshell sandbox list --help` lists them"},
    {"sandbox list -z", "openshell sandbox list has no flag -z: `openshell sandbox list --help` lists them"},
    {"sandbox list --limit", "--limit wants a value: --limit N"},
    {"sandbox list --limit --", "--limit wants a value: --limit N"},
    {"sandbox list --limit x", "--limit \"x\": \"x\" is not a number"},
    {"sandbox list --limit -1", "--limit \"-1\": \"-1\" is not a number"},
    {"sandbox list --limit 4294967296", "--limit \"4294967296\": 4294967296 is not within 0 to 4294967295"},
    {"logs -n 0", "--lines \"0\": 0 is not within 1 to 2000"},
    {"logs -n 2001", "--lines \"2001\": 2001 is not within 1 to 2000"},
    {"sandbox list --limit 1 --limit 2", "--limit is given twice"},
    {"sandbox list --ids=true", "--ids takes no value"},
    {"sandbox list -o xml", "--output \"xml\": it is one of table, yaml, json"},
    {"sandbox list --ids --names", "--ids and --names cannot be used together"},
    {"sandbox list --names -o json", "--names and --output cannot be used together"},
    {"sandbox list more", "openshell sandbox list takes no argument \"more\""},
    {"sandbox get a b", "openshell sandbox get takes no further argument \"b\""},
    {"sandbox create ls", "openshell sandbox create takes no argument \"ls\": a command goes after --"},
    {"sandbox create -o json -- ls", "--output cannot be used together with [-- CMD...]"},
    {"sandbox create --no-keep --detach", "--detach and --no-keep cannot be used together"},
    {"sandbox create --approval-mode x", "--approval-mode is not in this release"},
    {"sandbox create --gpu=2", "--gpu is not in this release"},
    {"sandbox create --env OPENSHELL_A=1", "--env \"OPENSHELL_A=1\": names that begin with OPENSHELL_ are reserved"},
    {"sandbox create --cpu 0m", "--cpu \"0m\": there must be more than 0 processors"},
    {"sandbox exec", "openshell sandbox exec wants CMD...: `openshell sandbox exec --help` shows how"},
    {"sandbox delete --all x", "--all cannot be used together with NAME..."},
    {"workspace", "`openshell workspace` is not in this release"},
    {"fwd go 80", "openshell forward has no command \"go\": `openshell forward --help` lists them"},
    {"policy set --global demo", "--global cannot be used together with [NAME]"},
    {"policy set --global --wait", "--wait and --global cannot be used together"},
    {"policy get --full --base", "--full and --base cannot be used together"},
    {"policy update x --add-allow a:1:GET",
	"--add-allow \"a:1:GET\": write HOST:PORT:METHOD:PATH, as api.example.com:443:GET:/v1/**"},
    {"policy update x --add-endpoint a", "--add-endpoint \"a\": write HOST:PORT"},
    {"policy update x --dry-run --wait", "--dry-run and --wait cannot be used together"},
    {"policy lint", "openshell policy lint wants FILE: `openshell policy lint --help` shows how"},
    {"term", "`openshell term` is not in this release"},
    {"completions tcsh", "SHELL \"tcsh\": it is one of bash, fish, zsh"},
    {"gateway add", "openshell gateway add wants ENDPOINT: `openshell gateway add --help` shows how"},
    {"-g ../x status", "--gateway \"../x\": a gateway's name holds no slash and no control byte"},
    {"--gateway-endpoint tcp://x status",
	"--gateway-endpoint \"tcp://x\": an endpoint begins with https:// or http://"},
    {"\x1b[2J", "openshell has no command \"\\x1b[2J\": `openshell --help` lists them"},
};

static void
test_bad(void **state)
{
	(void)state;
	environment = NULL;
	for (size_t i = 0; i < COUNT(bad); i++) {
		auto_arena struct arena arena = {0};
		struct args args;
		struct why why = {0};

		assert_int_equal(parse(bad[i].line, &arena, &args, &why), ERR_SYNTAX);
		assert_string_equal(why.text, bad[i].words);
	}
}

static void
test_environment(void **state)
{
	static const char *const set[] = {
	    "OPENSHELL_GATEWAY", "env", "OPENSHELL_WORKSPACE", "w", "OPENSHELL_GATEWAY_INSECURE", "true", NULL};
	static const char *const empty[] = {"OPENSHELL_GATEWAY", "", "OPENSHELL_GATEWAY_INSECURE", "false", NULL};
	static const char *const wrong[] = {"OPENSHELL_GATEWAY_INSECURE", "1", NULL};
	auto_arena struct arena arena = {0};
	struct args args;
	struct why why = {0};

	(void)state;
	environment = set;
	assert_int_equal(parse("status", &arena, &args, &why), OK);
	assert_string_equal(args.values[FLAG_GATEWAY].text, "env");
	assert_string_equal(args.values[FLAG_WORKSPACE].text, "w");
	assert_true(args.values[FLAG_INSECURE].on);
	assert_int_equal(parse("status -g flag", &arena, &args, &why), OK);
	assert_string_equal(args.values[FLAG_GATEWAY].text, "flag");
	environment = empty;
	assert_int_equal(parse("status", &arena, &args, &why), OK);
	assert_null(args.values[FLAG_GATEWAY].text);
	assert_false(args.values[FLAG_INSECURE].on);
	environment = wrong;
	assert_int_equal(parse("status", &arena, &args, &why), ERR_SYNTAX);
	assert_string_equal(why.text, "OPENSHELL_GATEWAY_INSECURE \"1\": it is one of true, false");
	assert_int_equal(parse("status --help", &arena, &args, &why), OK); /* help is always to be had */
	environment = NULL;
}

static void
test_nearest(void **state)
{
	(void)state;
	assert_int_equal(word_distance(SPAN("list"), SPAN("list")), 0);
	assert_int_equal(word_distance(SPAN("lsit"), SPAN("list")), 1);
	assert_int_equal(word_distance(SPAN(""), SPAN("abc")), 3);
	assert_int_equal(word_distance(SPAN("kitten"), SPAN("sitting")), 3);
	assert_true(word_distance(SPAN("a word that is longer than thirty-two"), SPAN("x")) == SIZE_MAX);
}

/* Check every row reached from a group, and its help. */
static void
rows_check(struct args *args)
{
	const struct command *command = args->command;
	char *text = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);

	help_print(to, args, false);
	fclose(to);
	for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1) {
		assert_true(strcspn(line, "\n") <= 110);
		assert_true(line[0] == '\n' || strchr(line, '\n')[-1] != ' ');
	}
	free(text);
	for (const struct flag *f = command->flags; f != NULL && f->id != FLAG_NONE; f++) {
		assert_true(f->id < FLAG_COUNT);
		assert_true(f->kind == KIND_LATER || f->help != NULL);
		assert_true(flag_takes_value(f) == (f->value != NULL));
		assert_ptr_equal(flag_by_name(command, span_of_text(f->name)), f);
	}
	assert_true((command->commands == NULL) != (command->run == NULL));
	for (const struct command *c = command->commands; c != NULL && c->name != NULL; c++) {
		struct args inner = *args;

		assert_ptr_equal(command_by_name(command, span_of_text(c->name)), c);
		if (c->later)
			continue;
		assert_non_null(c->summary);
		assert_true(c->hidden || c->examples != NULL);
		inner.path[inner.depth++] = c;
		inner.command = c;
		rows_check(&inner);
	}
}

static void
test_rows(void **state)
{
	struct args args = {.path = {&command_root}, .depth = 1, .command = &command_root};

	(void)state;
	rows_check(&args);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_environment), cmocka_unit_test(test_nearest), cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
