/* Lines of events: what they say, and that strangers' bytes cannot say it in their place. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "sandbox/proxy/event_line.h"

static struct connection connection = {.host = "up.test", .port = 443, .how = HOW_CONNECT};

static const struct event refused = {.class = EVENT_HTTP,
    .severity = EVENT_MED,
    .action = EVENT_DENIED,
    .activity = "REQUEST",
    .head = "L7_REQUEST deny",
    .engine = "opa",
    .method = {"PUT", 3},
    .path = {"/repos/x", 8},
    .protocol = {"rest", 4},
    .code = {"no_rule", 7},
    .reason = {"no rule allows PUT", 18}};

static struct line *
made(const struct connection *about, const struct event *event, uint64_t now_ms)
{
	char text[LINE_MESSAGE_BYTES];

	return line_new(line_message(about, event, text), about, event, now_ms);
}

static bool
has_field(const struct msg_log_line *line, const char *text)
{
	for (size_t i = 0; i < line->fields_n; i++)
		if (span_is(line->fields[i], text))
			return true;
	return false;
}

static void
a_line_says_all(void **unused)
{
	auto_arena struct arena arena = {0};
	struct msg_log_line out;
	struct line *line;

	(void)unused;
	connection.judged.binary = SPAN("/usr/bin/git");
	connection.judged.pid = 7;
	connection.judged.policy = SPAN("github");
	line = made(&connection, &refused, 1234);
	assert_true(line_write(line, &arena, &out));
	assert_string_equal(line->message,
	    "HTTP:REQUEST [MED] DENIED L7_REQUEST deny PUT up.test:443/repos/x /usr/bin/git(7) "
	    "[policy:github engine:opa] [reason:no rule allows PUT]");
	assert_int_equal(out.time_ms, 1234);
	assert_true(span_is(out.level, "OCSF"));
	assert_true(has_field(&out, "class_uid=4002"));
	assert_true(has_field(&out, "disposition=Blocked"));
	assert_true(has_field(&out, "code=no_rule"));
	assert_true(has_field(&out, "path=/repos/x"));
	assert_true(has_field(&out, "port=443"));
	assert_false(has_field(&out, "count=1"));
	line->count = 3;
	assert_true(line_write(line, &arena, &out));
	assert_true(has_field(&out, "count=3"));
	assert_memory_equal(out.message.at + out.message.length - 5, " (x3)", 5);
	free(line);
}

static void
strangers_bytes_are_escaped_and_cut(void **unused)
{
	auto_arena struct arena arena = {0};
	static char path[9000];
	struct event event = refused;
	struct msg_log_line out;
	struct line *line;

	(void)unused;
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = "\xc3\xa4\n\x1b\"\xff"[i % 6];
	for (size_t n = 0; n < sizeof(path); n += 97) {
		event.path = event.reason = event.method = event.rule = span_of_bytes(path, n);
		line = made(&connection, &event, 1);
		assert_true(line_write(line, &arena, &out));
		assert_in_range(out.message.length, 1, 8192);
		assert_true(span_utf8(out.message));
		assert_null(memchr(out.message.at, '\n', out.message.length));
		for (size_t i = 0; i < out.fields_n; i++) {
			assert_in_range(out.fields[i].length, 1, 1024);
			assert_true(span_utf8(out.fields[i]));
		}
		free(line);
		arena_reset(&arena);
	}
}

static void
an_event_about_no_connection_has_no_place(void **unused)
{
	struct line *line = made(NULL, &refused, 1);

	(void)unused;
	assert_string_equal(line->message,
	    "HTTP:REQUEST [MED] DENIED L7_REQUEST deny [policy:- engine:opa] [reason:no rule allows PUT]");
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_says_all),
	    cmocka_unit_test(strangers_bytes_are_escaped_and_cut),
	    cmocka_unit_test(an_event_about_no_connection_has_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
