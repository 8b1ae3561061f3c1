/* Logs: one line an event, whatever a stranger put into it; nothing below the level. */
#include "tests/unit/test.h"

#include <string.h>
#include <unistd.h>

#include "common/base/log.h"

static char output[4096];

static void
capture(void (*write_logs)(void))
{
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	write_logs();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[1]);
	n = read(fds[0], output, sizeof(output) - 1);
	output[n < 0 ? 0 : n] = '\0';
	close(fds[0]);
}

static void
hostile(void)
{
	log_open("relay", LOG_LEVEL_INFO);
	log_info("session.open", "name=%s", log_quote(SPAN("a\nfake line\x1b[2J")));
	log_info("session.raw", "name=%s", "b\nc");
	log_debug("session.noise", NULL);
}

static void
lines_stay_lines(void **state)
{
	size_t lines = 0;

	(void)state;
	capture(hostile);
	for (const char *p = output; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, 2);
	assert_null(strchr(output, '\x1b'));
	assert_non_null(strstr(output, " info relay session.open name=a\\x0afake line\\x1b[2J\n"));
	assert_null(strstr(output, "session.noise"));
}

static void
levels(void **state)
{
	enum log_level level = LOG_LEVEL_DEBUG;

	(void)state;
	assert_int_equal(log_level_parse(SPAN("warning"), &level, NULL), OK);
	assert_int_equal(level, LOG_LEVEL_WARNING);
	assert_int_equal(log_level_parse(SPAN("loud"), &level, NULL), ERR_INVALID);
	assert_int_equal(level, LOG_LEVEL_WARNING);
}

static void
ranks(void **unused)
{
	static const struct {
		const char *level;
		unsigned want;
	} cases[] = {
	    {"ERROR", 0},
	    {"WARN", 1},
	    {"INFO", 2},
	    {"OCSF", 2},
	    {"DEBUG", 3},
	    {"TRACE", 4},
	    {"", 5},
	    {"error", 5},
	    {"ERROR ", 5},
	    {"WARNING", 5},
	    {"INF", 5},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(log_rank(span_of_text(cases[i].level)), cases[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_stay_lines), cmocka_unit_test(levels), cmocka_unit_test(ranks)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
