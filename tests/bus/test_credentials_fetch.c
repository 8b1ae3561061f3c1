/* The children of credentials alone with stand-ins for the world: kind servers, unkind ones, and deaths in the middle. */
#include "tests/unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/seal/sealed.h"
#include "services/credentials/probe.h"
#include "services/credentials/retained.h"
#include "tests/bus/credentials_stage.h"
#include "tests/unit/run.h"

#define LIMIT_MS 4000 /* a loaded machine answers within that */
#define TOKEN	 "at-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct id provider = {{7}};
static const char *server_script;
static char log_path[128], settings[512];
static unsigned port, tls_port;
static pid_t servers[2];

/* ---- the world ---- */

static pid_t
server_start(const char *cert, const char *key, unsigned *out)
{
	char text[16] = "";
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	if ((pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], 1);
		execlp("python3", "python3", server_script, log_path, cert, key, NULL);
		_exit(127);
	}
	close(ends[1]);
	for (size_t used = 0; strchr(text, '\n') == NULL; used++)
		assert_true(used < sizeof(text) - 1 && read(ends[0], text + used, 1) == 1);
	close(ends[0]);
	*out = (unsigned)strtoul(text, NULL, 10);
	return pid;
}

static void
shell(const char *format)
{
	char command[1024];

	snprintf(command, sizeof(command), "cd %s && %s", stage.directory, format);
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
	servers[0] = server_start(NULL, NULL, &port);
	servers[1] = server_start(cert, key, &tls_port);
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
	for (size_t i = 0; i < COUNT(servers); i++) {
		kill(servers[i], SIGKILL);
		waitpid(servers[i], NULL, 0);
	}
	return stage_teardown(unused);
}

static unsigned
log_count(const char *words)
{
	static char bytes[1 << 20];
	int fd = open(log_path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, bytes, sizeof(bytes) - 1);
	unsigned count = 0;

	close(fd);
	assert_true(n >= 0);
	bytes[n] = '\0';
	for (const char *at = bytes; (at = strstr(at, words)) != NULL; at++)
		count++;
	return count;
}

static bool
log_has(const char *words)
{
	return log_count(words) > 0;
}

/* What comes as no event of the loop: a line of the log, a file's length. */
static void
watch(uint64_t until_ms, const char *what)
{
	struct why why;

	if (clock_ms() >= until_ms)
		fail_msg("waited in vain: %s", what);
	assert_int_equal(loop_turn(stage.loop, 10, &why), OK);
}

#define WATCH(condition)                                                                                               \
	for (uint64_t until_ = clock_ms() + PATIENCE_MS; !(condition);)                                                \
	watch(until_, #condition)

/* ---- refreshes ---- */

static uint8_t record_bytes[8][STORED_BYTES(8192)];

static struct msg_secret_record
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

static void
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

/* A refresh by token at that path of the stand-in. */
static struct msg
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

static void
expect_expiry(uint64_t have, uint64_t from_ms, uint64_t lifetime_ms)
{
	assert_true(have >= from_ms + lifetime_ms && have <= (uint64_t)clock_wall_ms() + lifetime_ms);
}

static void
a_token_is_minted(void **unused)
{
	static const struct {
		const char *path;
		uint64_t lifetime_ms;
		size_t material;
	} cases[] = {
	    {"/token", 120000, 0}, {"/chunked", 120000, 0}, {"/forever", 3600000, 0}, {"/rotating", 3600000, 1}};
	struct msg_secret_record secrets[2];
	char url[128];

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct msg m = refresh(url, cases[i].path, secrets);
		uint64_t now_ms = (uint64_t)clock_wall_ms();
		struct outcome outcome;

		ask(&outcome, stage.state.peer, &m);
		outcome_wait(&outcome);
		if (outcome.r != OK)
			fail_msg("%s: %s", cases[i].path, outcome.why.text);
		assert_int_equal(outcome.msg.refreshed.records_n, 1);
		expect_record(&outcome.msg.refreshed.records[0], "API_TOKEN", TOKEN);
		expect_expiry(outcome.msg.refreshed.expires_ms, now_ms, cases[i].lifetime_ms);
		assert_int_equal(outcome.msg.refreshed.material_n, cases[i].material);
		if (cases[i].material > 0)
			expect_record(&outcome.msg.refreshed.material[0], "API_TOKEN/refresh_token", "rt-2");
		outcome_done(&outcome);
	}
	assert_true(log_has("POST /token grant_type=refresh_token&refresh_token=rt-1&client_id=me%20%26%20you&"
			    "client_secret=cs%3D%2B%26&scope=a%20b%2Fc\n"));
}

static void
unkind_servers(void **unused)
{
	static const struct {
		const char *path;
		enum err want;
		const char *words;
	} cases[] = {
	    {"/denied", ERR_DENIED, "answered 400 invalid_grant"},
	    {"/away", ERR_UNAVAILABLE, "answered 503"},
	    {"/redirect", ERR_DENIED, "answered 302"},
	    {"/huge", ERR_LIMIT, "more than 65536 bytes"},
	    {"/large", ERR_LIMIT, "more than 65536 bytes"},
	    {"/long", ERR_RANGE, "access_token has more than 16384 bytes"},
	    {"/broken", ERR_PROTOCOL, "no JSON"},
	    {"/empty", ERR_PROTOCOL, "no access_token"},
	    {"/control", ERR_PROTOCOL, "a byte that no token may hold"},
	    {"/early", ERR_UNAVAILABLE, "ended early"},
	    {"/rubbish", ERR_PROTOCOL, "no HTTP"},
	    {"/drip", ERR_TIMEOUT, "in time"},
	    {"/slow", ERR_TIMEOUT, "in time"},
	};
	struct msg_secret_record secrets[2];
	char url[128];

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct msg m = refresh(url, cases[i].path, secrets);
		struct outcome outcome;

		ask(&outcome, stage.state.peer, &m);
		outcome_wait(&outcome);
		if (outcome.r != cases[i].want || strstr(outcome.why.text, cases[i].words) == NULL)
			fail_msg("%s: %s %s", cases[i].path, err_name(outcome.r), outcome.why.text);
		assert_null(strstr(outcome.why.text, "rt-1")); /* an echo of the secret is not told on */
		outcome_done(&outcome);
	}
}

static void
wrong_material(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/token", secrets);

	(void)unused;
	m.refresh_run.token_url = SPAN("http://example.org/token");
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_INVALID); /* in clear to loopback alone */
	m.refresh_run.token_url = SPAN("ftp://localhost/");
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_INVALID);
	m.refresh_run.token_url = SPAN_NONE;
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_INVALID);
	m = refresh(url, "/token", secrets);
	m.refresh_run.secrets_n = 0;
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_INVALID); /* no refresh token */
	m.refresh_run.secrets_n = 2;
	m.refresh_run.provider_id.bytes[0] ^= 1;
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED); /* another provider's records */
	m = refresh(url, "/token", secrets);
	m.refresh_run.strategy = 6;
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_INVALID);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/token", (unsigned)free_port());
	m = refresh(url, "/token", secrets);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/token", (unsigned)free_port());
	m.refresh_run.token_url = span_of_text(url);
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_UNAVAILABLE);
}

static void
certificates_are_verified(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/token", secrets);
	struct outcome outcome;

	(void)unused;
	snprintf(url, sizeof(url), "https://localhost:%u/token", tls_port);
	m.refresh_run.token_url = span_of_text(url);
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("%s", outcome.why.text);
	outcome_done(&outcome);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u/token", tls_port); /* the certificate is localhost's */
	m.refresh_run.token_url = span_of_text(url);
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	assert_non_null(strstr(outcome.why.text, "its certificate"));
	outcome_done(&outcome);
	snprintf(url, sizeof(url), "https://localhost:%u/token", port); /* no TLS there */
	m.refresh_run.token_url = span_of_text(url);
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_UNAVAILABLE);
}

static void
other_strategies(void **unused)
{
	static struct span google[] = {{"client_email=robot@example.org", 30}, {"subject=boss@example.org", 24}},
			   aws[] = {{"role_arn=arn:aws:iam::1:role/r", 30}, {"aws_region=eu-west-1", 20},
			       {"aws_access_key_id=AKIASOURCE", 28}},
			   outputs[] = {{"secret_access_key=AWS_SECRET_ACCESS_KEY", 39},
			       {"session_token=AWS_SESSION_TOKEN", 31}};
	struct msg_secret_record secrets[2];
	static char pem[8192];
	char url[128], path[128];
	struct msg m = refresh(url, "/token", secrets);
	struct outcome outcome;
	int fd;

	(void)unused;
	m.refresh_run.strategy = 4;
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	assert_true(log_has("POST /token grant_type=client_credentials&client_id="));

	snprintf(path, sizeof(path), "%s/s.key", stage.directory);
	assert_true((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0 && read(fd, pem, sizeof(pem) - 1) > 0);
	close(fd);
	m.refresh_run.strategy = 5;
	m.refresh_run.material = google;
	m.refresh_run.material_n = 2;
	secrets[0] = record(0, "private_key", pem);
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	assert_true(log_has("claims {\"iss\":\"robot@example.org\",\"scope\":\"a b/c\",\"aud\":\"http://127.0.0.1:"));
	assert_true(log_has("\"sub\":\"boss@example.org\",\"iat\":"));

	m = refresh(url, "/", secrets);
	m.refresh_run.strategy = 6;
	m.refresh_run.key = SPAN("AWS_ACCESS_KEY_ID");
	m.refresh_run.material = aws;
	m.refresh_run.material_n = 3;
	m.refresh_run.outputs = outputs;
	m.refresh_run.outputs_n = 2;
	secrets[0] = record(0, "aws_secret_access_key", "source/secret+key");
	secrets[1] = record(1, "aws_session_token", "source-session");
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
	m.refresh_run.token_url = span_of_text(url);
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("%s", outcome.why.text);
	assert_int_equal(outcome.msg.refreshed.records_n, 3);
	expect_record(&outcome.msg.refreshed.records[0], "AWS_ACCESS_KEY_ID", "ASIAEXAMPLE");
	expect_record(&outcome.msg.refreshed.records[1], "AWS_SECRET_ACCESS_KEY", "minted/secret+key");
	expect_record(&outcome.msg.refreshed.records[2], "AWS_SESSION_TOKEN", "session==");
	outcome_done(&outcome);
	secrets[0] = record(0, "aws_secret_access_key", "another key");
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_DENIED);
	assert_non_null(strstr(outcome.why.text, "403 SignatureDoesNotMatch"));
	outcome_done(&outcome);
}

static void
a_model_is_asked(void **unused)
{
	static struct span fields[] = {{"X-More: yes", 11}};
	struct msg_secret_record secret = record(0, "KEY", "value-KEY");
	struct msg m = {.id = MODEL_PROBE,
	    .model_probe = {provider, &secret, 1, false, SPAN("127.0.0.1"), (uint16_t)port, SPAN("/model"), 1, fields,
		1, SPAN("{}")}};
	struct outcome outcome;

	(void)unused;
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_true(outcome.msg.model_probed.status == 200);
	outcome_done(&outcome);
	m.model_probe.auth = 0;
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	assert_true(outcome.r == OK && outcome.msg.model_probed.status == 401);
	outcome_done(&outcome);
}

/* Servers that do not answer take a part of the children and no more: what is to be renewed is. */
static void
models_that_do_not_answer(void **unused)
{
	struct msg m = {.id = MODEL_PROBE,
	    .model_probe = {.provider_id = provider,
		.host = SPAN("127.0.0.1"),
		.port = (uint16_t)port,
		.path = SPAN("/slow/model")}};
	struct outcome outcomes[PROBES_MAX], outcome;
	struct msg_secret_record secrets[2];
	struct msg other;
	char url[128];

	(void)unused;
	for (size_t i = 0; i < PROBES_MAX; i++)
		ask(&outcomes[i], stage.state.peer, &m);
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_LIMIT);
	other = refresh(url, "/token", secrets);
	assert_int_equal(ask_now(stage.state.peer, &other), OK);
	for (size_t i = 0; i < PROBES_MAX; i++) {
		outcome_wait(&outcomes[i]);
		assert_int_equal(outcomes[i].r, ERR_TIMEOUT);
		outcome_done(&outcomes[i]);
	}
	m.model_probe.path = SPAN("/model");
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK); /* there is room again */
	outcome_done(&outcome);
}

/* ---- deaths ---- */

/* Not stage_stop: whatever is under way, or killed. */
static void
daemon_end(int number)
{
	int downs = stage.state.downs;

	child_kill(&stage.daemon.child, number);
	child_wait(&stage.daemon.child);
	child_done(&stage.daemon.child);
	actor_wait_down(&stage.state, downs + 1);
}

/* The second field behind the name in /proc/PID/stat; 0: it is gone, or only its name is left. */
static pid_t
parent_of(const char *pid)
{
	char path[300], line[512] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return 0;
	if (read(fd, line, sizeof(line) - 1) < 0)
		line[0] = '\0';
	close(fd);
	if ((end = strrchr(line, ')')) == NULL || end[2] == 'Z')
		return 0;
	return (pid_t)strtol(end + 4, NULL, 10);
}

/* A child of that process; 0: it has none. */
static pid_t
child_of(pid_t parent)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (found == 0 && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == parent)
			found = (pid_t)strtol(entry->d_name, NULL, 10);
	closedir(dir);
	return found;
}

static pid_t
keeper(void)
{
	return child_of(stage.daemon.child.pid);
}

static bool
gone(pid_t pid)
{
	char text[16];
	struct why why;

	assert_int_equal(loop_turn(stage.loop, 10, &why), OK);
	snprintf(text, sizeof(text), "%d", (int)pid);
	return parent_of(text) == 0;
}

static bool
asked_slowly(void)
{
	struct why why;

	assert_int_equal(loop_turn(stage.loop, 10, &why), OK);
	return log_has("POST /slow/here ");
}

static void
a_child_is_killed(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/slow/here", secrets);
	struct outcome outcome;
	pid_t pid;

	(void)unused;
	ask(&outcome, stage.state.peer, &m);
	while (!asked_slowly())
		assert_false(outcome.done);
	assert_true((pid = child_of(keeper())) > 0);
	kill(pid, SIGKILL);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	assert_non_null(strstr(outcome.why.text, "ended without an answer"));
	outcome_done(&outcome);
	m = refresh(url, "/token", secrets);
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
}

static size_t
ledger_bytes(void)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/ledger", stage.directory);
	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

static void
tell_kept(struct span key)
{
	const struct msg m = {.id = REFRESH_KEPT, .refresh_kept = {provider, key}};
	struct why why;

	assert_int_equal(peer_tell(stage.state.peer, &m, &why), OK);
}

/* State has it: nothing of it is left. */
static void
kept(void)
{
	assert_true(ledger_bytes() > 0);
	tell_kept(SPAN("API_TOKEN"));
	WATCH(ledger_bytes() == 0);
}

/* A child that is killed between its entry in the ledger and its answer to us: what it brought is used, and not lost. */
static void
a_child_is_killed_behind_its_entry(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/rotating", secrets);
	unsigned asked = log_count("POST /slow/here ");
	struct outcome outcome;
	pid_t pid;

	(void)unused;
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	shell("cp ledger entries"); /* as such a child leaves them */
	kept();
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/slow/here", port);
	m.refresh_run.token_url = span_of_text(url);
	ask(&outcome, stage.state.peer, &m);
	WATCH(log_count("POST /slow/here ") > asked);
	assert_true((pid = child_of(keeper())) > 0);
	shell("cat entries >>ledger");
	kill(pid, SIGKILL);
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("%s", outcome.why.text);
	expect_record(&outcome.msg.refreshed.material[0], "API_TOKEN/refresh_token", "rt-2");
	outcome_done(&outcome);
	daemon_end(SIGKILL);
	stage_start_well();
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/denied", port); /* were it asked, this server would refuse */
	m.refresh_run.token_url = span_of_text(url);
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	kept();
}

/* A child that can lose nothing ends with it, and the next one refreshes. */
static void
credentials_is_killed(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = {.id = MODEL_PROBE,
	    .model_probe = {.provider_id = provider,
		.host = SPAN("127.0.0.1"),
		.port = (uint16_t)port,
		.path = SPAN("/slow/model")}};
	struct outcome outcome;
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	pid_t keep = keeper(), child;

	(void)unused;
	ask(&outcome, stage.state.peer, &m);
	while ((child = child_of(keep)) == 0)
		assert_false(gone(keep) || clock_ms() >= until_ms);
	daemon_end(SIGKILL);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	outcome_done(&outcome);
	while (!gone(child) || !gone(keep))
		assert_true(clock_ms() < until_ms);
	stage_start_well();
	m = refresh(url, "/token", secrets);
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
}

/* Without the keeper it can start nothing, so its parent starts it anew. */
static void
the_keeper_is_killed(void **unused)
{
	(void)unused;
	kill(keeper(), SIGKILL);
	stage_wait_failed();
	stage_start_well();
}

/* state goes away while a server makes a new refresh token: the next to ask gets what that brought, once. */
static void
state_goes_away(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/later", secrets);
	const struct msg_secret_record asked = secrets[0];
	struct outcome outcome;
	int ups = stage.state.ups;
	struct why why;

	(void)unused;
	ask(&outcome, stage.state.peer, &m);
	for (uint64_t until_ms = clock_ms() + PATIENCE_MS; !log_has("POST /later "); assert_true(clock_ms() < until_ms))
		assert_int_equal(loop_turn(stage.loop, 10, &why), OK);
	tell_raw(stage.state.peer, SPAN("\xc1")); /* it cuts the link, and connects anew */
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	outcome_done(&outcome);
	actor_wait_up(&stage.state, ups + 1);
	UNTIL(stage.loop, stage_keys_answered());
	shell("touch log.go"); /* only now the server answers */
	for (uint64_t until_ms = clock_ms() + PATIENCE_MS; !log_has("done /later"); assert_true(clock_ms() < until_ms))
		assert_int_equal(loop_turn(stage.loop, 10, &why), OK);
	UNTIL(stage.loop, child_of(keeper()) == 0 || (poll(NULL, 0, 10), false));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/denied", port); /* were it asked, this server would refuse */
	m.refresh_run.token_url = span_of_text(url);
	secrets[0] =
	    record(2, "API_TOKEN/refresh_token", "rt-2"); /* configured anew meanwhile: not what that was for */
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
	secrets[0] = asked;
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("%s", outcome.why.text);
	expect_record(&outcome.msg.refreshed.records[0], "API_TOKEN", TOKEN);
	expect_record(&outcome.msg.refreshed.material[0], "API_TOKEN/refresh_token", "rt-3");
	outcome_done(&outcome);
	assert_int_equal(ask_now(stage.state.peer, &m), OK); /* state may have died before it kept it */
}

/* kill -9 of credentials when the new refresh token was on its way to state, which has not kept it: the next one has it. */
static void
a_new_refresh_token_outlives_credentials(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/rotating", secrets);
	struct outcome outcome;
	int downs;

	(void)unused;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask_now(stage.state.peer, &m), OK); /* and what it brought is forgotten */
		downs = stage.state.downs;
		child_kill(&stage.daemon.child, SIGKILL);
		child_wait(&stage.daemon.child);
		child_done(&stage.daemon.child);
		actor_wait_down(&stage.state, downs + 1);
		if (i == 1) /* a torn entry behind it, as a death in the middle of writing leaves it */
			shell("printf 'osrefr\\000\\002\\000\\000\\001' >>ledger");
		stage_start_well();
		snprintf(url, 128, "http://127.0.0.1:%u/denied", port); /* were it asked, this server would refuse */
		m.refresh_run.token_url = span_of_text(url);
	}
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("%s", outcome.why.text);
	expect_record(&outcome.msg.refreshed.records[0], "API_TOKEN", TOKEN);
	expect_record(&outcome.msg.refreshed.material[0], "API_TOKEN/refresh_token", "rt-2");
	outcome_done(&outcome);
	secrets[0] = record(2, "API_TOKEN/refresh_token", "rt-2"); /* stored: from here on the server is asked again */
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
}

/* kill -9, or an orderly end, while the server makes a new refresh token: the child goes on, and the next credentials has what it brought.
 * Nobody shows the server the old one again meanwhile. */
static void
an_answer_on_its_way_outlives_credentials(void **unused)
{
	static const int signals[] = {SIGKILL, SIGTERM};
	struct msg_secret_record secrets[2];
	char url[128];
	struct outcome outcome;

	(void)unused;
	for (size_t i = 0; i < COUNT(signals); i++) {
		struct msg m = refresh(url, "/later", secrets);
		unsigned asked = log_count("POST /later ");

		shell("rm -f log.go");
		ask(&outcome, stage.state.peer, &m);
		WATCH(log_count("POST /later ") > asked);
		daemon_end(signals[i]);
		outcome_wait(&outcome);
		assert_int_equal(outcome.r, ERR_UNAVAILABLE);
		outcome_done(&outcome);
		stage_start_well();
		snprintf(url, 128, "http://127.0.0.1:%u/denied", port); /* were it asked, this server would refuse */
		m.refresh_run.token_url = span_of_text(url);
		ask(&outcome, stage.state.peer, &m);
		assert_int_equal(ask_now(stage.state.peer,
				     &(struct msg){.id = SECRETS_DROP, .secrets_drop = {provider, NULL, 0, {{9}}}}),
		    OK);
		assert_false(outcome.done); /* it waits: what was asked behind it has been answered */
		shell("touch log.go");
		outcome_wait(&outcome);
		if (outcome.r != OK)
			fail_msg("%s", outcome.why.text);
		expect_record(&outcome.msg.refreshed.material[0], "API_TOKEN/refresh_token", "rt-3");
		outcome_done(&outcome);
		assert_int_equal(log_count("POST /later "), asked + 1);
		daemon_end(SIGKILL); /* and once more, before state has it */
		stage_start_well();
		assert_int_equal(ask_now(stage.state.peer, &m), OK);
		kept();
	}
}

/* Asked twice for the same, as by a state that has lost its link: the server is asked once. */
static void
the_same_waits(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/later", secrets);
	unsigned asked = log_count("POST /later ");
	struct outcome outcomes[3];

	(void)unused;
	shell("rm -f log.go");
	for (size_t i = 0; i < COUNT(outcomes); i++)
		ask(&outcomes[i], stage.state.peer, &m);
	WATCH(log_count("POST /later ") > asked);
	shell("touch log.go");
	for (size_t i = 0; i < COUNT(outcomes); i++) {
		outcome_wait(&outcomes[i]);
		if (outcomes[i].r != OK)
			fail_msg("%s", outcomes[i].why.text);
		expect_record(&outcomes[i].msg.refreshed.material[0], "API_TOKEN/refresh_token", "rt-3");
		outcome_done(&outcomes[i]);
	}
	assert_int_equal(log_count("POST /later "), asked + 1);
	kept();
}

/* A child that was killed with its credentials: whoever asks waits until it would have ended, and then the server is asked. */
static void
both_were_killed(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/token", secrets);
	const struct ledger_entry begun = {
	    .what = LEDGER_BEGUN, .whose = whose_of(&m.refresh_run), .until_ms = (uint64_t)clock_wall_ms() + 1000};
	size_t length;
	auto_free char *bytes = ledger_entry_write(&begun, &length);

	(void)unused;
	daemon_end(SIGKILL);
	stage_file("ledger", bytes, length, 0600);
	stage_start_well();
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	assert_true((uint64_t)clock_wall_ms() >= begun.until_ms);
	WATCH(ledger_bytes() == 0);
}

/* Several children append at once, over what a death has torn, and credentials dies: each answer is there. */
static void
many_at_once(void **unused)
{
	enum { MANY = 24 };
	static const char torn[] = "osrefr\0\2\0\0\1";
	struct msg_secret_record secrets[2];
	struct outcome outcomes[MANY];
	char url[128], keys[MANY][16];
	struct msg m = refresh(url, "/rotating", secrets);

	(void)unused;
	daemon_end(SIGKILL);
	stage_file("ledger", torn, sizeof(torn) - 1, 0600);
	stage_start_well();
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < MANY; i++) {
			snprintf(keys[i], sizeof(keys[i]), "KEY_%zu", i);
			m.refresh_run.key = span_of_text(keys[i]);
			ask(&outcomes[i], stage.state.peer, &m);
		}
		for (size_t i = 0; i < MANY; i++) {
			outcome_wait(&outcomes[i]);
			if (outcomes[i].r != OK)
				fail_msg("%d %s: %s", round, keys[i], outcomes[i].why.text);
			assert_int_equal(outcomes[i].msg.refreshed.material_n, 1);
			outcome_done(&outcomes[i]);
		}
		if (round == 1)
			break;
		daemon_end(SIGKILL);
		stage_start_well();
		snprintf(url, 128, "http://127.0.0.1:%u/denied", port);
		m.refresh_run.token_url = span_of_text(url);
	}
	for (size_t i = 0; i < MANY; i++)
		tell_kept(span_of_text(keys[i]));
	WATCH(ledger_bytes() == 0);
}

/* While an answer waits, the storage key is replaced, then the master key, and what was before is forgotten. */
static void
keys_are_replaced_meanwhile(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/rotating", secrets);
	struct storage_key before = stage.keys.ring.keys[0];
	const struct stored_owner owner = {provider, SPAN("API_TOKEN/refresh_token")};
	struct secret old = stage.keys.roots[0].master;
	struct why why;

	(void)unused;
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	stage_stop();
	assert_int_equal(ring_add(&stage.keys.ring, &why), OK);
	assert_int_equal(ring_retire(&stage.keys.ring, &old, &why), OK);
	randombytes_buf(stage.keys.roots[0].master.bytes, sizeof(stage.keys.roots[0].master.bytes));
	root_derive(&stage.keys.roots[0]);
	stage_file("master.key", stage.keys.roots[0].master.bytes, 32, 0600);
	stage_ring_save();
	stage_start_well();
	stage_stop();
	ring_trim(&stage.keys.ring);
	ring_release(&stage.keys.ring);
	stage_ring_save();
	stage_start_well();
	assert_int_equal(
	    stored_rewrap(&before, &stage.keys.ring.keys[0], &owner, secrets[0].record, record_bytes[4], &why), OK);
	secrets[0].record = span_of_bytes(record_bytes[4], secrets[0].record.length);
	assert_int_equal(
	    stored_rewrap(&before, &stage.keys.ring.keys[0], &(struct stored_owner){provider, secrets[1].key},
		secrets[1].record, record_bytes[5], &why),
	    OK);
	secrets[1].record = span_of_bytes(record_bytes[5], secrets[1].record.length);
	snprintf(url, 128, "http://127.0.0.1:%u/denied", port);
	m.refresh_run.token_url = span_of_text(url);
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	kept();
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
}

/* In its jail: it enters it while credentials goes on. */
static bool
jailed(pid_t pid)
{
	char path[64], line[4096] = "";
	struct why why;
	int fd;

	assert_int_equal(loop_turn(stage.loop, 10, &why), OK);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	assert_true((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0 && read(fd, line, sizeof(line) - 1) > 0);
	close(fd);
	return strstr(line, "CapEff:\t0000000000000000") != NULL && strstr(line, "NoNewPrivs:\t1") != NULL &&
	       strstr(line, "Seccomp:\t2") != NULL;
}

static void
its_children_hold_nothing(void **unused)
{
	uint64_t until_ms = clock_ms() + PATIENCE_MS;

	(void)unused;
	while (!jailed(keeper()))
		assert_true(clock_ms() < until_ms);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_token_is_minted),
	    cmocka_unit_test(unkind_servers),
	    cmocka_unit_test(wrong_material),
	    cmocka_unit_test(certificates_are_verified),
	    cmocka_unit_test(other_strategies),
	    cmocka_unit_test(a_model_is_asked),
	    cmocka_unit_test(models_that_do_not_answer),
	    cmocka_unit_test(state_goes_away),
	    cmocka_unit_test(a_new_refresh_token_outlives_credentials),
	    cmocka_unit_test(an_answer_on_its_way_outlives_credentials),
	    cmocka_unit_test(the_same_waits),
	    cmocka_unit_test(both_were_killed),
	    cmocka_unit_test(many_at_once),
	    cmocka_unit_test(keys_are_replaced_meanwhile),
	    cmocka_unit_test(a_child_is_killed),
	    cmocka_unit_test(a_child_is_killed_behind_its_entry),
	    cmocka_unit_test(credentials_is_killed),
	    cmocka_unit_test(the_keeper_is_killed),
	    cmocka_unit_test(its_children_hold_nothing),
	};
	static char program[512];

	assert_int_equal(argc, 4);
	assert_true(sodium_init() >= 0);
	stage.program = argv[1];
	snprintf(program, sizeof(program), "fetch_program: %s\n", argv[2]);
	stage.more = program;
	server_script = argv[3];
	return cmocka_run_group_tests(tests, fetch_setup, fetch_teardown);
}
