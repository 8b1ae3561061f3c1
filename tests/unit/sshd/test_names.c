/* Names that clients write: signals, and hosts that are loopback. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>

#include "common/base/clean.h"
#include "sandbox/sshd/loopback.h"
#include "sandbox/sshd/signals.h"

static void
signals_have_names_and_numbers(void **unused)
{
	static const struct {
		const char *name;
		int number;
	} cases[] = {
	    {"HUP", SIGHUP},
	    {"INT", SIGINT},
	    {"TERM", SIGTERM},
	    {"KILL", SIGKILL},
	    {"USR2", SIGUSR2},
	    {"", 0},
	    {"SIGTERM", 0},
	    {"term", 0},
	    {"TERM ", 0},
	    {"STOP", 0},
	    {"9", 0},
	    {"INT@openssh.com", 0},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(signal_number(span_of_text(cases[i].name)), cases[i].number);
		if (cases[i].number != 0)
			assert_string_equal(signal_name(cases[i].number), cases[i].name);
	}
	assert_null(signal_name(0));
	assert_null(signal_name(SIGSTOP));
	assert_null(signal_name(64));
}

static void
loopback_is_few_names(void **unused)
{
	static const struct {
		const char *host;
		bool ok, six;
	} cases[] = {
	    {"127.0.0.1", true, false},
	    {"localhost", true, false},
	    {"::1", true, true},
	    {"[::1]", true, true},
	    {"", false, false},
	    {"127.0.0.2", false, false},
	    {"127.1", false, false},
	    {"0.0.0.0", false, false},
	    {"::", false, false},
	    {"localhost.", false, false},
	    {"LOCALHOST", false, false},
	    {"localhost.example.org", false, false},
	    {"::ffff:127.0.0.1", false, false},
	    {"2130706433", false, false},
	    {"0x7f.1", false, false},
	    {"10.200.0.1", false, false},
	};
	bool six;

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		six = !cases[i].six;
		assert_int_equal(loopback_name(span_of_text(cases[i].host), &six), cases[i].ok);
		assert_int_equal(six, cases[i].ok ? cases[i].six : !cases[i].six); /* untouched otherwise */
	}
}

static void
addresses_are_loopback(void **unused)
{
	struct sockaddr_storage address;
	const struct sockaddr_in *four_address = (struct sockaddr_in *)&address;
	const struct sockaddr_in6 *six_address = (struct sockaddr_in6 *)&address;

	(void)unused;
	assert_int_equal(loopback_address(false, 65535, &address), sizeof(*four_address));
	assert_int_equal(four_address->sin_family, AF_INET);
	assert_int_equal(ntohl(four_address->sin_addr.s_addr), 0x7f000001);
	assert_int_equal(ntohs(four_address->sin_port), 65535);
	assert_int_equal(loopback_address(true, 1, &address), sizeof(*six_address));
	assert_int_equal(six_address->sin6_family, AF_INET6);
	assert_true(IN6_IS_ADDR_LOOPBACK(&six_address->sin6_addr));
	assert_int_equal(ntohs(six_address->sin6_port), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(signals_have_names_and_numbers),
	    cmocka_unit_test(loopback_is_few_names),
	    cmocka_unit_test(addresses_are_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
