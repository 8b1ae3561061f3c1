/* The stage of credentials' children: the daemon with stand-ins for token servers, in clear and with TLS. */
#include "tests/unit/test.h"

#include "tests/bus/fetch_stage.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/stand_in.h"
#include "tests/unit/run.h"

#define LIMIT_MS 4000 /* a loaded machine answers within that */

const struct id provider = {{7}};
char log_path[128];
unsigned port, tls_port;

static const char *server_script;
static char settings[512];
static struct stand_in servers[2];

void
shell(const char *words)
{
	char command[1024];

	snprintf(command, sizeof(command), "cd %s && %s", stage.directory, words);
	assert_int_equal(shell_run(command), 0);
}

static int
fetch_setup(void **unused)
{
	char cert[128], key[128];

	stage_setup(unused);
	snprintf(log_path, sizeof(log_path), "%s/log", stage.directory);
	shell(
	    "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=ours -days 2 2>/dev/null && "
	    "openssl req -newkey rsa:2048 -nodes -keyout s.key -out s.csr -subj /CN=x 2>/dev/null && "
	    "printf 'subjectAltName=DNS:localhost' > ext && "
	    "openssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out s.crt 2>/dev/null && "
	    "openssl rsa -in s.key -pubout -out log.pub 2>/dev/null && : > log");
	snprintf(cert, sizeof(cert), "%s/s.crt", stage.directory);
	snprintf(key, sizeof(key), "%s/s.key", stage.directory);
	servers[0] = stand_in_start(server_script, log_path, NULL, NULL);
	servers[1] = stand_in_start(server_script, log_path, cert, key);
	port = servers[0].port;
	tls_port = servers[1].port;
	snprintf(settings, sizeof(settings), "%sca_file: %s/ca.crt\nfetch_limit_ms: %d\n", stage.more, stage.directory,
	    LIMIT_MS);
	stage.more = settings;
	stage_stop();
	stage_start_well();
	return 0;
}

static int
fetch_teardown(void **unused)
{
	for (size_t i = 0; i < COUNT(servers); i++)
		stand_in_end(&servers[i]);
	return stage_teardown(unused);
}

int
fetch_main(int argc, char **argv, const struct CMUnitTest *tests, size_t n)
{
	static char program[512];

	assert_int_equal(argc, 4);
	assert_true(sodium_init() >= 0);
	stage.program = argv[1];
	snprintf(program, sizeof(program), "fetch_program: %s\n", argv[2]);
	stage.more = program;
	server_script = argv[3];
	return _cmocka_run_group_tests("fetch", tests, n, fetch_setup, fetch_teardown);
}

bool
log_has(const char *words)
{
	return log_count(log_path, words) > 0;
}

/* ---- refreshes ---- */

static uint8_t record_bytes[8][STORED_BYTES(8192)];

struct msg_secret_record
record(size_t place, const char *key, const char *value)
{
	const struct stored_owner owner = {provider, span_of_text(key)};
	struct why why;

	assert_int_equal(
	    stored_make(&stage.keys.ring.keys[0], &owner, STORED_VALUE, span_of_text(value), record_bytes[place], &why),
	    OK);
	return (struct msg_secret_record){
	    span_of_text(key), span_of_bytes(record_bytes[place], STORED_BYTES(strlen(value)))};
}

void
expect_record(const struct msg_secret_record *have, const char *key, const char *value)
{
	const struct stored_owner owner = {provider, have->key};
	static uint8_t room[STORED_BYTES_MAX];
	enum stored_kind kind;
	struct span span;
	struct why why = {""};

	assert_true(span_is(have->key, key));
	assert_int_equal(stored_open(&stage.keys.ring.keys[0], &owner, have->record, room, &kind, &span, &why), OK);
	assert_true(span_is(span, value));
}

struct msg
refresh(char url[128], const char *path, struct msg_secret_record *secrets)
{
	static struct span material[] = {{"client_id=me & you", 18}}, scopes[] = {{"a", 1}, {"b/c", 3}};

	snprintf(url, 128, "http://127.0.0.1:%u%s", port, path);
	secrets[0] = record(0, "API_TOKEN/refresh_token", "rt-1");
	secrets[1] = record(1, "API_TOKEN/client_secret", "cs=+&");
	return (struct msg){.id = REFRESH_RUN,
	    .refresh_run = {.provider_id = provider,
		.key = SPAN("API_TOKEN"),
		.strategy = 3,
		.token_url = span_of_text(url),
		.scopes = scopes,
		.scopes_n = 2,
		.material = material,
		.material_n = 1,
		.secrets = secrets,
		.secrets_n = 2,
		.lifetime_ms = 3600000}};
}
