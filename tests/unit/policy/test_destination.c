/* Destination rules: addresses and hosts at the edges of their ranges and forms, and each mode of dialling. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/policy/destination.h"

#define LABEL_63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123"
#define HOST_253                                                                                                       \
	LABEL_63 "." LABEL_63 "." LABEL_63 "."                                                                         \
		 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1"

static struct address
address_of(const char *text)
{
	struct address address;

	if (!address_parse(span_of_text(text), &address))
		fail_msg("%s is no address", text);
	return address;
}

static void
addresses_are_read_strictly(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} cases[] = {
	    {"1.2.3.4", true},
	    {"255.255.255.255", true},
	    {"::", true},
	    {"2001:db8::7", true},
	    {"::ffff:1.2.3.4", true},
	    {"1.2.3", false},
	    {"1.2.3.4.5", false},
	    {"1.2.3.256", false},
	    {"01.2.3.4", false},
	    {"0x1.2.3.4", false},
	    {"1.2.3.4 ", false},
	    {"", false},
	    {"127.1", false},
	    {"[::1]", false},
	    {"fe80::1%lo", false},
	    {"1::2::3", false},
	    {"12345::", false},
	    {"2130706433", false},
	    {"::1.2.3", false},
	    {"1.2.3.-4", false},
	};
	struct address address;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (address_parse(span_of_text(cases[i].text), &address) != cases[i].want)
			fail_msg("%s", cases[i].text);
	assert_false(address_parse(SPAN("1.2.3.4\0"), &address));
}

/* Each range at both its ends and just outside. */
static void
classes_end_where_they_should(void **state)
{
	static const struct {
		const char *text;
		bool blocked, internal;
	} cases[] = {
	    {"0.0.0.0", true, true},
	    {"0.255.255.255", true, true},
	    {"1.0.0.0", false, false},
	    {"9.255.255.255", false, false},
	    {"10.0.0.0", false, true},
	    {"10.255.255.255", false, true},
	    {"11.0.0.0", false, false},
	    {"100.63.255.255", false, false},
	    {"100.64.0.0", false, true},
	    {"100.127.255.255", false, true},
	    {"100.128.0.0", false, false},
	    {"100.100.100.199", false, true},
	    {"100.100.100.200", true, true},
	    {"126.255.255.255", false, false},
	    {"127.0.0.0", true, true},
	    {"127.255.255.255", true, true},
	    {"128.0.0.0", false, false},
	    {"168.63.129.15", false, false},
	    {"168.63.129.16", true, true},
	    {"168.63.129.17", false, false},
	    {"169.253.255.255", false, false},
	    {"169.254.0.0", true, true},
	    {"169.254.255.255", true, true},
	    {"169.255.0.0", false, false},
	    {"172.15.255.255", false, false},
	    {"172.16.0.0", false, true},
	    {"172.31.255.255", false, true},
	    {"172.32.0.0", false, false},
	    {"192.0.0.255", false, true},
	    {"192.0.1.0", false, false},
	    {"192.0.2.0", false, true},
	    {"192.0.3.0", false, false},
	    {"192.167.255.255", false, false},
	    {"192.168.0.0", false, true},
	    {"192.169.0.0", false, false},
	    {"198.17.255.255", false, false},
	    {"198.18.0.0", false, true},
	    {"198.19.255.255", false, true},
	    {"198.20.0.0", false, false},
	    {"198.51.100.255", false, true},
	    {"203.0.113.0", false, true},
	    {"203.0.114.0", false, false},
	    {"223.255.255.255", false, false},
	    {"224.0.0.0", true, true},
	    {"239.255.255.255", true, true},
	    {"240.0.0.0", true, true},
	    {"255.255.255.255", true, true},
	    {"::", true, true},
	    {"::1", true, true},
	    {"::2", true, true},
	    {"::127.0.0.1", true, true},
	    {"::8.8.8.8", false, false},
	    {"::ffff:127.0.0.1", true, true},
	    {"::ffff:10.0.0.1", false, true},
	    {"::ffff:8.8.8.8", false, false},
	    {"64:ff9b::a9fe:a9fe", true, true},
	    {"64:ff9b::808:808", false, false},
	    {"64:ff9b:1::a9fe:a9fe", true, true},
	    {"64:ff9b:1:a9fe:a9:fe00::", true, true},
	    {"2002:7f00:1::", true, true},
	    {"2002:a00:1::", false, true},
	    {"2002:808:808::", false, false},
	    {"2001:0:7f00:1::", true, true},
	    {"2001:0:808:808:0:0:80ff:fffe", true, true},
	    {"2001:0:808:808:0:0:f7f7:f7f7", false, false},
	    {"100::", true, true},
	    {"100::ffff:ffff:ffff:ffff", true, true},
	    {"100:0:0:1::", false, false},
	    {"fbff::", false, false},
	    {"fc00::", false, true},
	    {"fdff::", false, true},
	    {"fd00:ec2::254", true, true},
	    {"fd00:ec2::255", false, true},
	    {"fe7f::", false, false},
	    {"fe80::", true, true},
	    {"febf::", true, true},
	    {"fec0::", true, true},
	    {"feff::", true, true},
	    {"ff02::1", true, true},
	    {"2606:4700::1", false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address address = address_of(cases[i].text);

		if (address_always_blocked(&address) != cases[i].blocked ||
		    address_internal(&address) != cases[i].internal)
			fail_msg("%s: blocked %d, internal %d", cases[i].text, address_always_blocked(&address),
			    address_internal(&address));
	}
}

static void
hosts_have_a_form(void **state)
{
	static const struct {
		const char *text;
		bool formed, numeric;
	} cases[] = {
	    {"a", true, false},
	    {"a.b", true, false},
	    {"a-b_c.d9", true, false},
	    {"A.B", true, false},
	    {"", false, false},
	    {".", false, false},
	    {"a.", false, false},
	    {".a", false, false},
	    {"a..b", false, false},
	    {"a b", false, false},
	    {"a/b", false, false},
	    {"a:1", false, false},
	    {"a@b", false, false},
	    {"a%2eb", false, false},
	    {"\xc3\xa9.x", false, false},
	    {LABEL_63 ".x", true, false},
	    {LABEL_63 "a.x", false, false},
	    {HOST_253, true, false},
	    {HOST_253 "a", false, false},
	    {"127.1", true, true},
	    {"2130706433", true, true},
	    {"0x7f.1", true, true},
	    {"0x7f000001", true, true},
	    {"0177.0.0.01", true, true},
	    {"0x", true, true},
	    {"a.0x7F", true, true},
	    {"1.2.3.4.5", true, true},
	    {"a.1", true, true},
	    {"10.20.0.05", true, true},
	    {"1.2.3.256", true, true},
	    {"1.2.3.4", true, false},
	    {"1.a", true, false},
	    {"0x7g", true, false},
	    {"x0x7f", true, false},
	    {"127.1.", false, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (host_well_formed(span_of_text(cases[i].text)) != cases[i].formed ||
		    host_looks_numeric(span_of_text(cases[i].text)) != cases[i].numeric)
			fail_msg("%s", cases[i].text);
	assert_false(host_well_formed(SPAN("a\0b")));
	assert_true(
	    host_is_metadata(SPAN("METADATA.google.internal")) && !host_is_metadata(SPAN("metadata.acme.test")));
	assert_true(
	    destination_names_gateway(SPAN("host.docker.internal")) && !destination_names_gateway(SPAN("host.docker")));
}

static void
entries_of_allowed_ips(void **state)
{
	static const struct {
		const char *text;
		enum err want;
	} cases[] = {
	    {"10.0.0.0/8", OK},
	    {"10.1.2.3", OK},
	    {"10.1.2.3/32", OK},
	    {"fd00::/8", OK},
	    {"100.64.0.0/10", OK},
	    {"2001:db8::/128", OK},
	    {"10.0.0.0/33", ERR_INVALID},
	    {"10.0.0.0/", ERR_INVALID},
	    {"10.0.0.0/08", ERR_INVALID},
	    {"10.0.0/8", ERR_INVALID},
	    {"", ERR_INVALID},
	    {"example.org", ERR_INVALID},
	    {"fd00::/129", ERR_INVALID},
	    {"10.0.0.0/8/8", ERR_INVALID},
	    {"10.0.0.0/-1", ERR_INVALID},
	    {"0.0.0.0/0", ERR_INVALID},
	    {"::/0", ERR_INVALID},
	    {"127.0.0.1", ERR_INVALID},
	    {"126.0.0.0/7", ERR_INVALID},
	    {"169.0.0.0/8", ERR_INVALID},
	    {"0.0.0.0/1", ERR_INVALID},
	    {"fe00::/8", ERR_INVALID},
	    {"::ffff:127.0.0.0/104", ERR_INVALID},
	    {"::ffff:126.0.0.0/103", ERR_INVALID},
	    {"::ffff:0:0/95", ERR_INVALID},
	    {"::ffff:10.0.0.0/104", OK},
	    {"100.100.100.200", ERR_INVALID},
	    {"192.0.0.0/2", ERR_INVALID},
	};
	struct why why;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (allowed_ip_check(span_of_text(cases[i].text), &why) != cases[i].want)
			fail_msg("%s", cases[i].text);
}

static void
modes(void **state)
{
	static const struct span fence[] = {{"10.20.0.0/16", 12}, {"fd00::/16", 9}}, bad[] = {{"127.0.0.0/8", 11}};
	static const struct {
		struct destination_rule rule;
		const char *address[3];
		uint16_t port;
		const char *gateway;
		enum err want;
		const char *detail;
	} cases[] = {
	    {{DESTINATION_NONE}, {"8.8.8.8"}, 443, NULL, ERR_DENIED, "not permitted"},
	    {{DESTINATION_PUBLIC}, {"8.8.8.8"}, 443, NULL, OK, ""},
	    {{DESTINATION_PUBLIC}, {NULL}, 443, NULL, ERR_DENIED, "internal address"}, /* no address at all */
	    {{DESTINATION_PUBLIC}, {"8.8.8.8", "10.0.0.1"}, 443, NULL, ERR_DENIED, "internal address"},
	    {{DESTINATION_PUBLIC}, {"8.8.8.8"}, 2379, NULL, ERR_DENIED, "internal address"},
	    {{DESTINATION_PUBLIC}, {"8.8.8.8"}, 2381, NULL, OK, ""},
	    {{DESTINATION_PUBLIC}, {"8.8.8.8"}, 10255, NULL, ERR_DENIED, "internal address"},
	    {{DESTINATION_DECLARED}, {"10.0.0.1"}, 443, NULL, OK, ""},
	    {{DESTINATION_DECLARED}, {"10.0.0.1", "127.0.0.1"}, 443, NULL, ERR_DENIED,
		"declared endpoint check failed"},
	    {{DESTINATION_LITERAL}, {"10.0.0.1"}, 443, NULL, OK, ""},
	    {{DESTINATION_LITERAL}, {"169.254.169.254"}, 80, NULL, ERR_DENIED, "allowed_ips check failed"},
	    {{DESTINATION_ALLOWED_IPS, fence, 2}, {"10.20.1.1", "fd00::1"}, 443, NULL, OK, ""},
	    {{DESTINATION_ALLOWED_IPS, fence, 2}, {"10.20.1.1", "10.21.0.0"}, 443, NULL, ERR_DENIED,
		"allowed_ips check failed"},
	    {{DESTINATION_ALLOWED_IPS, fence, 2}, {"::ffff:10.20.1.1"}, 443, NULL, ERR_DENIED,
		"allowed_ips check failed"},
	    {{DESTINATION_ALLOWED_IPS, fence, 2}, {"fd00:ec2::254"}, 443, NULL, ERR_DENIED, "allowed_ips check failed"},
	    {{DESTINATION_ALLOWED_IPS, fence, 0}, {"10.20.1.1"}, 443, NULL, ERR_DENIED, "allowed_ips check failed"},
	    {{DESTINATION_ALLOWED_IPS, bad, 1}, {"8.8.8.8"}, 443, NULL, ERR_INVALID, "invalid allowed_ips in policy"},
	    {{DESTINATION_HOST_GATEWAY}, {"169.254.1.2"}, 8000, "169.254.1.2", OK, ""},
	    {{DESTINATION_HOST_GATEWAY}, {"169.254.1.2"}, 8000, NULL, ERR_DENIED, "trusted-gateway check failed"},
	    {{DESTINATION_HOST_GATEWAY}, {"169.254.1.3"}, 8000, "169.254.1.2", ERR_DENIED,
		"trusted-gateway check failed"},
	    {{DESTINATION_HOST_GATEWAY}, {"169.254.169.254"}, 80, "169.254.169.254", ERR_DENIED,
		"trusted-gateway check failed"},
	    {{DESTINATION_HOST_GATEWAY}, {"10.0.0.1"}, 80, "10.0.0.1", ERR_DENIED, "trusted-gateway check failed"},
	    {{(enum destination_mode)77}, {"8.8.8.8"}, 443, NULL, ERR_DENIED, "not permitted"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address addresses[3], gateway;
		struct why why = {0};
		size_t n = 0;

		for (; n < 3 && cases[i].address[n] != NULL; n++)
			addresses[n] = address_of(cases[i].address[n]);
		if (cases[i].gateway != NULL)
			gateway = address_of(cases[i].gateway);
		if (destination_check(&cases[i].rule, cases[i].gateway == NULL ? NULL : &gateway, addresses, n,
			cases[i].port, &why) != cases[i].want ||
		    strcmp(why.text, cases[i].detail) != 0)
			fail_msg("case %zu: %s", i, why.text);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_read_strictly),
	    cmocka_unit_test(classes_end_where_they_should),
	    cmocka_unit_test(hosts_have_a_form),
	    cmocka_unit_test(entries_of_allowed_ips),
	    cmocka_unit_test(modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
