/* YAML documents: what is taken, what is refused and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/wire/yaml.h"

#include <cmocka.h>

static const struct {
	const char *text;
	enum err want;
	const char *says; /* the tree as show() writes it, or how the reason begins */
} cases[] = {
    {"a: 1\n", OK, "{a:1}"},
    {"", OK, "''"},
    {"# nothing\n", OK, "''"},
    {"a:\n  - x\n  - \"y z\"\n  - {k: v, l: 1}\n", OK, "{a:[x,\"y z\",{k:v,l:1}]}"},
    {"---\na: ~\n...\n", OK, "{a:~}"},
    {"a: |\n  two\n  lines\n", OK, "{a:\"two\nlines\n\"}"},
    {"plain", OK, "plain"},
    {"{\"a\": true, \"b\": [null]}", OK, "{a:true,b:[null]}"},
    {"a: 1\na: 2\n", ERR_SYNTAX, "line 2, column 1: \"a\" is there twice, first in line 1"},
    {"b: 1\na: 1\nc: {x: 1, y: 2, \"x\": 3}\n", ERR_SYNTAX, "line 3, column 17: \"x\" is there twice"},
    {"a: &x 1\n", ERR_SYNTAX, "line 1, column 4: anchors"},
    {"a: 1\nb: *x\n", ERR_SYNTAX, "line 2, column 4: aliases"},
    {"a: !!str 1\n", ERR_SYNTAX, "line 1, column 4: tags"},
    {"&k a: 1\n", ERR_SYNTAX, "line 1, column 1: anchors"},
    {"%YAML 1.1\n---\na: 1\n", ERR_SYNTAX, "line 1, column 1: directives"},
    {"a: 1\n---\nb: 2\n", ERR_SYNTAX, "line 2, column 1: a second document"},
    {"[a]: 1\n", ERR_SYNTAX, "line 1, column 1: a key must be"},
    {"a:\n  b: 1\n\tc: 1\n", ERR_SYNTAX, "line 3, column 1: the line begins with a tab"},
    {"a:\n \tb: 1\n", ERR_SYNTAX, "line 2, column 2: the line begins with a tab"},
    {"a: @\n", ERR_SYNTAX, "line 1, column 4: found character that cannot start any token"},
    {"a: [1, 2\n", ERR_SYNTAX, "line 2, column 1: "},
    {"a: 1\n\tb: 2\n", ERR_SYNTAX, "line 2, column 1: "},
    {"a: 'open\n", ERR_SYNTAX, "line 2, column 1: "},
    {"a: b: c\n", ERR_SYNTAX, "line 1, column 5: "},
    {"a: \"\\0\"\n", ERR_SYNTAX, "line 1, column 4: a zero byte"},
    {"a: 1\nb: \x01\n", ERR_SYNTAX, "line 2, column 4: control"},
    {"a: \xff\n", ERR_SYNTAX, "line 1, column 4: "},
    {"[[[1]]]", OK, "[[[1]]]"}, /* the limits in the test: 3 deep, 8 nodes, 64 bytes */
    {"[[[[1]]]]", ERR_LIMIT, "line 1, column 4: lists and maps are nested too deeply"},
    {"[1,2,3,4,5,6,7]", OK, "[1,2,3,4,5,6,7]"},
    {"[1,2,3,4,5,6,7,8]", ERR_LIMIT, "line 1, column 16: too many values"},
    {"a: 12345678901234567890123456789012345678901234567890123456789012", ERR_LIMIT, "line 1, column 1: the document"},
};

static void
show(const struct yaml_node *node, struct text *out)
{
	if (node->kind == YAML_SCALAR) {
		text_add(out,
		    node->plain && node->text.length > 0 ? "%s"
		    : node->plain			 ? "'%s'"
							 : "\"%s\"",
		    node->text.at);
		return;
	}
	text_add(out, node->kind == YAML_MAP ? "{" : "[");
	for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
		if (node->kind == YAML_MAP)
			text_add(out, SPAN_FORMAT ":", SPAN_ARGS(item->key));
		show(item, out);
		text_add(out, item->next == NULL ? "" : ",");
	}
	text_add(out, node->kind == YAML_MAP ? "}" : "]");
}

static void
test_documents(void **state)
{
	static const struct yaml_limits limits = {.bytes = 64, .depth = 3, .nodes = 8};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena struct arena arena = {0};
		struct yaml_node *root = NULL;
		struct why why = {""};
		char shown[256];
		struct text text = TEXT_OF(shown);
		enum err r = yaml_parse(span_of_text(cases[i].text), &limits, &arena, &root, &why);

		shown[0] = '\0';
		if (r == OK)
			show(root, &text);
		else
			text_add(&text, "%s", why.text);
		if (r != cases[i].want || strncmp(shown, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("%s\n%s: %s", cases[i].text, err_name(r), shown);
		assert_true((r == OK) == (root != NULL));
	}
}

/* Every way to cut a document short is an error or a document, never a crash. */
static void
test_truncated(void **state)
{
	static const char whole[] = "a: [1, {b: 'c', d: \"\\x41\"}]\ne: |\n  f\ng: >-\n  h\n";

	(void)state;
	for (size_t n = 0; n < sizeof(whole); n++) {
		auto_arena struct arena arena = {0};
		struct yaml_node *root = NULL;
		struct why why;

		if (yaml_parse(span_of_bytes(whole, n), NULL, &arena, &root, &why) == OK)
			assert_non_null(root);
	}
}

static void
test_places(void **state)
{
	auto_arena struct arena arena = {0};
	const struct yaml_node *node;
	struct yaml_node *root = NULL;
	struct why why;
	bool flag = false;

	(void)state;
	assert_int_equal(yaml_parse(SPAN("one: yes\ntwo:   [a,\n  true, 'true', ]\n"), NULL, &arena, &root, &why), OK);
	assert_non_null(node = yaml_get(root, "two"));
	assert_int_equal(node->key_line, 2);
	assert_int_equal(node->key_column, 1);
	assert_int_equal(node->column, 8);
	assert_int_equal(node->count, 3);
	assert_int_equal(node->first->next->line, 3);
	assert_int_equal(node->first->next->column, 3);
	assert_int_equal(yaml_flag(node->first->next, &flag, &why), OK);
	assert_true(flag);
	assert_int_equal(yaml_flag(node->first->next->next, &flag, &why), ERR_INVALID); /* quoted */
	assert_int_equal(yaml_flag(yaml_get(root, "one"), &flag, &why), ERR_INVALID);	/* yes is a word */
	assert_null(yaml_get(root, "three"));
	assert_null(yaml_get(node, "two"));
	yaml_wipe(root);
	assert_int_equal(node->first->text.at[0], '\0');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_documents),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
