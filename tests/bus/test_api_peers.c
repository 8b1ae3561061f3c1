/* api: relay, state or itself goes away; and who may come in. */
#include "tests/unit/test.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "tests/bus/api_stage.h"

static void
relay_goes(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	struct got *got = exec_ask(&request, 2);
	struct actor before;

	(void)unused;
	exec_started();
	heard_free(actor_hear(&relay, STREAM_GRANT));
	before = relay;
	actor_done(&relay);
	got_ended(got, 14, "relay");
	got_free(got);
	got = exec_ask(&request, 2);
	got_ended(got, 14, "relay");
	got_free(got);
	relay = before;
	actor_restart(&relay, ROLE_RELAY, "relay");
}

static void
state_goes(void **unused)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	Openshell__V1__GetSandboxRequest get = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	Openshell__V1__HealthRequest health = OPENSHELL__V1__HEALTH_REQUEST__INIT;
	const struct msg answer = row(2);
	struct actor before;
	struct got *watching, *asking, *got;
	uint64_t number;

	(void)unused;
	get.name = (char *)"demo";
	watching = watch(&request, NULL, &number, 2);
	UNTIL(loop, watching->n == 1);
	asking = call(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor);
	heard_free(actor_hear(&state, SANDBOX_GET));
	before = state;
	actor_done(&state);
	got_ended(watching, 14, "state");
	got_ended(asking, 14, NULL);
	got_free(watching);
	got_free(asking);
	call_fails(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor, 14,
	    "state process is away");
	got = call(OPENSHELL "Health", &health.base, &openshell__v1__health_response__descriptor);
	got_ended(got, 0, NULL);
	assert_int_equal(((Openshell__V1__HealthResponse *)got->messages[0])->status, 2);
	got_free(got);
	state = before;
	actor_restart(&state, ROLE_STATE, "state");
	until_healthy();
	got = call(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor);
	actor_answer(&state, SANDBOX_GET, &answer);
	got_ended(got, 0, NULL);
	assert_string_equal(sandbox_of(got, 0)->metadata->name, "demo");
	got_free(got);
}

/* The process ends: a watch is told so. */
static void
watch_ends_with_us(void **unused)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	struct got *got;
	uint64_t number;

	(void)unused;
	got = watch(&request, NULL, &number, 2);
	UNTIL(loop, got->n == 1);
	child_kill(&daemon_.child, SIGTERM);
	got_ended(got, 14, "the gateway is stopping");
	got_free(got);
}

/* Without a certificate or leave, only Health answers. */
static int
setup_closed(void **unused)
{
	(void)unused;
	house_open("tls: false\n");
	return 0;
}

static void
nobody_comes_in(void **unused)
{
	Openshell__V1__GetSandboxRequest get = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	Openshell__V1__ListProvidersRequest providers = OPENSHELL__V1__LIST_PROVIDERS_REQUEST__INIT;
	Openshell__V1__HealthRequest health = OPENSHELL__V1__HEALTH_REQUEST__INIT;

	(void)unused;
	get.name = (char *)"demo";
	call_fails(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor, 16,
	    "missing authorization header");
	call_fails(OPENSHELL "ListProviders", &providers.base, &openshell__v1__list_providers_response__descriptor, 16,
	    "missing authorization header");
	call_fails(OPENSHELL "Health", &health.base, &openshell__v1__health_response__descriptor, 0, NULL);
	assert_null(actor_heard(&state, SANDBOX_GET));
}

static void
file_write(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* TLS with client certificates: the files are read before the jail, from anywhere. */
static int
setup_tls(void **unused)
{
	char settings[512];

	(void)unused;
	pki_make(&pki);
	directory_make(directory);
	file_write("tls.crt", pki.server);
	file_write("tls.key", pki.server_key);
	file_write("ca.crt", pki.ca);
	snprintf(settings, sizeof(settings), "tls_cert: %s/tls.crt\ntls_key: %s/tls.key\ntls_client_ca: %s/ca.crt\n",
	    directory, directory, directory);
	house_open(settings);
	return 0;
}

static int
teardown_tls(void **unused)
{
	house_close();
	pki_free(&pki);
	(void)unused;
	return 0;
}

/* The certificate says who it is, and that it may do nothing here. */
static void
certificate_is_the_caller(void **unused)
{
	Openshell__V1__GetCurrentUserRequest user = OPENSHELL__V1__GET_CURRENT_USER_REQUEST__INIT;
	Openshell__V1__GetSandboxRequest get = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	struct got *got =
	    call(OPENSHELL "GetCurrentUser", &user.base, &openshell__v1__get_current_user_response__descriptor);
	const Openshell__V1__GetCurrentUserResponse *who;

	(void)unused;
	got_ended(got, 0, NULL);
	who = (const Openshell__V1__GetCurrentUserResponse *)got->messages[0];
	assert_string_equal(who->subject, "tester");
	assert_string_equal(who->identity_provider, "mtls");
	assert_int_equal(who->n_roles, 2);
	got_free(got);
	get.name = (char *)"demo";
	call_fails(OPENSHELL "GetSandbox", &get.base, &openshell__v1__sandbox_response__descriptor, 7,
	    "role 'openshell-user' required");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest open[] = {
	    cmocka_unit_test(relay_goes), cmocka_unit_test(state_goes), cmocka_unit_test(watch_ends_with_us), /* last */
	};
	const struct CMUnitTest closed[] = {
	    cmocka_unit_test(nobody_comes_in),
	};
	const struct CMUnitTest tls[] = {
	    cmocka_unit_test(certificate_is_the_caller),
	};
	int failed;

	assert(argc == 2);
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests_name("open", open, setup, teardown);
	failed += cmocka_run_group_tests_name("closed", closed, setup_closed, teardown);
	return failed + cmocka_run_group_tests_name("tls", tls, setup_tls, teardown_tls);
}
