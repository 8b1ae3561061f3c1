/* Events as JSON lines: what stands under OCSF's names, what strangers wrote stays text, and the setting decides at once. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "sandbox/link/ocsf.h"

#define TAIL                                                                                                           \
	",\"container\":{\"uid\":\"00000000-0000-0000-0000-000000000000\"},\"metadata\":{\"version\":\"1.8.0\",\"log_name\":\"proxy\",\"product\":{\"name\":\"OpenShell\"}}}"

static const struct {
	const char *message;
	const char *fields[16];
	const char *want; /* between time and TAIL */
} cases[] = {
    {"plain", {NULL}, ",\"message\":\"plain\""},
    {"CONNECT allowed",
	{"class_uid=4001", "activity=OPEN", "severity=INFO", "action=ALLOWED", "disposition=Allowed",
	    "binary=/usr/bin/curl", "pid=7", "parent=/bin/sh", "host=up.test", "port=443", "policy=world",
	    "engine=opa"},
	",\"class_uid\":4001,\"class_name\":\"Network Activity\",\"category_uid\":4,\"category_name\":\"Network Activity\","
	"\"activity_id\":1,\"activity_name\":\"Open\",\"type_uid\":400101,\"severity_id\":1,\"severity\":\"Informational\","
	"\"action_id\":1,\"action\":\"Allowed\",\"disposition_id\":1,\"disposition\":\"Allowed\",\"message\":\"CONNECT allowed\","
	"\"actor\":{\"process\":{\"name\":\"/usr/bin/curl\",\"pid\":7,\"parent_process\":{\"name\":\"/bin/sh\"}}},"
	"\"dst_endpoint\":{\"domain\":\"up.test\",\"port\":443},\"firewall_rule\":{\"name\":\"world\",\"type\":\"opa\"}"},
    {"no",
	{"class_uid=4002", "activity=REQUEST", "severity=MED", "action=DENIED", "disposition=Blocked", "host=10.0.0.5",
	    "port=80", "method=PATCH", "path=/a", "rule=1", "code=no_rule", "reason=no rule allows it"},
	",\"class_uid\":4002,\"class_name\":\"HTTP Activity\",\"category_uid\":4,\"category_name\":\"Network Activity\","
	"\"activity_id\":9,\"activity_name\":\"Patch\",\"type_uid\":400209,\"severity_id\":3,\"severity\":\"Medium\","
	"\"action_id\":2,\"action\":\"Denied\",\"disposition_id\":2,\"disposition\":\"Blocked\",\"message\":\"no\","
	"\"status_detail\":\"no rule allows it\",\"dst_endpoint\":{\"ip\":\"10.0.0.5\",\"port\":80},"
	"\"http_request\":{\"http_method\":\"PATCH\",\"url\":{\"hostname\":\"10.0.0.5\",\"path\":\"/a\",\"port\":80}},"
	"\"unmapped\":{\"rule\":\"1\",\"code\":\"no_rule\"}"},
    /* what we have no number for, and numbers that are none */
    {"x", {"class_uid=5019", "activity=update", "action=ENDED", "pid=x", "host=h", "port=0", "binary=b"},
	",\"class_uid\":5019,\"class_name\":\"Device Config State Change\",\"category_uid\":5,\"category_name\":\"Discovery\","
	"\"activity_id\":99,\"activity_name\":\"update\",\"type_uid\":501999,\"action_id\":99,\"action\":\"ENDED\",\"message\":\"x\","
	"\"actor\":{\"process\":{\"name\":\"b\"}},\"dst_endpoint\":{\"domain\":\"h\"}"},
    {"x", {"class_uid=4001x", "none", "=", "a=b=c"}, ",\"message\":\"x\",\"unmapped\":{\"none\":\"\",\"a\":\"b=c\"}"},
    /* bytes that would end a text or a line */
    {"a\"b\\c\nd", {"k\"=\"},\n"}, ",\"message\":\"a\\\"b\\\\c\\u000ad\",\"unmapped\":{\"k\\\"\":\"\\\"},\\u000a\"}"},
};

static struct msg_log_line
line_of(size_t i, struct span fields[16])
{
	struct msg_log_line line = {.time_ms = 5,
	    .level = SPAN("OCSF"),
	    .target = SPAN("proxy"),
	    .message = span_of_text(cases[i].message),
	    .fields = fields};

	while (line.fields_n < 16 && cases[i].fields[line.fields_n] != NULL) {
		fields[line.fields_n] = span_of_text(cases[i].fields[line.fields_n]);
		line.fields_n++;
	}
	return line;
}

static void
each_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		static char bytes[OCSF_LINE_BYTES], want[OCSF_LINE_BYTES];
		struct text text = TEXT_OF(bytes);
		struct span fields[16];
		struct msg_log_line line = line_of(i, fields);

		ocsf_write(&line, (struct id){0}, &text);
		snprintf(want, sizeof(want), "{\"time\":5%s" TAIL, cases[i].want);
		assert_string_equal(bytes, want);
	}
}

/* What no room is left for is marked, so that half a line is never written. */
static void
what_does_not_fit(void **state)
{
	char bytes[64];
	struct text text = TEXT_OF(bytes);
	struct span fields[16];
	struct msg_log_line line = line_of(1, fields);

	(void)state;
	ocsf_write(&line, (struct id){0}, &text);
	assert_true(text.cut);
}

/* Standard error while a function runs, without what the log itself says. */
static void
heard(struct link *link, const char *setting, const char *level, char *to, size_t size)
{
	const struct span settings[] = {SPAN("proposal_approval_mode=auto"), span_of_text(setting)};
	struct span fields[16];
	struct msg_log_line line = line_of(1, fields);
	auto_fd int old = dup(STDERR_FILENO);
	int ends[2];
	ssize_t n;

	line.level = span_of_text(level);
	ocsf_settings(link, settings, COUNT(settings));
	assert_int_equal(pipe(ends), 0);
	assert_true(old >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	ocsf_take(link, &line, 1);
	assert_true(dup2(old, STDERR_FILENO) >= 0);
	n = read(ends[0], to, size - 1);
	to[n < 0 ? 0 : n] = '\0';
	close(ends[0]);
}

static void
the_setting_decides(void **state)
{
	static struct link link;
	char bytes[4096];

	(void)state;
	heard(&link, "ocsf_json_enabled=false", "OCSF", bytes, sizeof(bytes));
	assert_string_equal(bytes, "");
	heard(&link, "ocsf_json_enabled=true", "OCSF", bytes, sizeof(bytes));
	assert_memory_equal(bytes, "{\"time\":5,\"class_uid\":4001,", 26);
	assert_string_equal(bytes + strlen(bytes) - 3, "}}\n");
	heard(&link, "ocsf_json_enabled=true", "INFO", bytes, sizeof(bytes)); /* no event */
	assert_string_equal(bytes, "");
	link.ocsf.bytes = OCSF_BYTES_MAX - 10;
	heard(&link, "ocsf_json_enabled=true", "OCSF", bytes, sizeof(bytes));
	assert_non_null(strstr(bytes, "logs.ocsf.lost")); /* said once, and nothing of the line */
	assert_null(strstr(bytes, "class_uid"));
	assert_int_equal(link.ocsf.lost, 1);
	heard(&link, "ocsf_json_enabled=false", "OCSF", bytes, sizeof(bytes));
	assert_string_equal(bytes, "");
	assert_int_equal(link.ocsf.lost, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_case), cmocka_unit_test(what_does_not_fit), cmocka_unit_test(the_setting_decides)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
