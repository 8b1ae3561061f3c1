/* The children of credentials alone with stand-ins for the world: kind servers and unkind ones. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/seal/sealed.h"
#include "services/credentials/probe.h"
#include "tests/bus/fetch_stage.h"

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
	};

	return fetch_main(argc, argv, tests, COUNT(tests));
}
