/* What a fetch reads: addresses, token answers, keys of STS; and how a form is written. */
#include "tests/unit/test.h"

#include <arpa/inet.h>

#include "common/base/clean.h"
#include "services/credentials/fetch/aws.h"
#include "services/credentials/fetch/oauth.h"

static const struct {
	const char *text;
	bool plain;
	enum err want;
	bool tls;
	const char *host;
	uint16_t port;
	const char *target;
} urls[] = {
    {"https://example.org/token?a=b", false, OK, true, "example.org", 443, "/token?a=b"},
    {"https://example.org", false, OK, true, "example.org", 443, ""},
    {"https://example.org:65535/", false, OK, true, "example.org", 65535, "/"},
    {"https://example.org?x", false, OK, true, "example.org", 443, "?x"},
    {"https://[2001:db8::1]:8443/t", false, OK, true, "2001:db8::1", 8443, "/t"},
    {"http://127.0.0.1:8080/t", false, OK, false, "127.0.0.1", 8080, "/t"},
    {"http://127.255.0.9/t", false, OK, false, "127.255.0.9", 80, "/t"},
    {"http://localhost/t", false, OK, false, "localhost", 80, "/t"},
    {"http://[::1]/t", false, OK, false, "::1", 80, "/t"},
    {"http://models.lan:8000/v1", true, OK, false, "models.lan", 8000, "/v1"},
    {"http://models.lan:8000/v1", false, ERR_INVALID, false, NULL, 0, NULL},
    {"http://128.0.0.1/", false, ERR_INVALID, false, NULL, 0, NULL},
    {"http://localhost.example.org/", false, ERR_INVALID, false, NULL, 0, NULL},
    {"http://127.0.0.1.example.org/", false, ERR_INVALID, false, NULL, 0, NULL},
    {"https://user@example.org/", false, ERR_INVALID, false, NULL, 0, NULL},
    {"https://example.org/#part", false, ERR_INVALID, false, NULL, 0, NULL},
    {"https://example.org/a b", false, ERR_INVALID, false, NULL, 0, NULL},
    {"https://example.org/a\r\nHost: b", false, ERR_INVALID, false, NULL, 0, NULL},
    {"https://example.org:0/", false, ERR_INVALID, false, NULL, 0, NULL},
    {"https://example.org:65536/", false, ERR_INVALID, false, NULL, 0, NULL},
    {"https:///token", false, ERR_INVALID, false, NULL, 0, NULL},
    {"HTTPS://example.org/", false, ERR_INVALID, false, NULL, 0, NULL},
    {"file:///etc/passwd", false, ERR_INVALID, false, NULL, 0, NULL},
    {"", false, ERR_INVALID, false, NULL, 0, NULL},
};

static void
addresses(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(urls); i++) {
		struct https_url url = {.port = 7};
		struct why why = {""};

		if (https_url_parse(span_of_text(urls[i].text), urls[i].plain, &url, &why) != urls[i].want)
			fail_msg("%s: %s", urls[i].text, why.text);
		if (urls[i].want != OK)
			assert_true(url.port == 7 && why.text[0] != '\0');
		else
			assert_true(url.tls == urls[i].tls && span_is(url.host, urls[i].host) &&
				    url.port == urls[i].port && span_is(url.target, urls[i].target));
	}
}

static const struct {
	const char *body;
	enum err want;
	const char *access, *refresh;
	bool has_lifetime;
	uint64_t lifetime_s;
} tokens[] = {
    {"{\"access_token\":\"a\"}", OK, "a", "", false, 0},
    {"{\"access_token\":\"a\",\"expires_in\":3599}", OK, "a", "", true, 3599},
    {"{\"access_token\":\"a\",\"expires_in\":\"60\"}", OK, "a", "", true, 60},
    {"{\"access_token\":\"a\",\"expires_in\":59.9}", OK, "a", "", true, 59},
    {"{\"access_token\":\"a\",\"expires_in\":0}", OK, "a", "", false, 0},
    {"{\"access_token\":\"a\",\"expires_in\":-5}", OK, "a", "", false, 0},
    {"{\"access_token\":\"a\",\"expires_in\":1e9}", OK, "a", "", false, 0},
    {"{\"access_token\":\"a\",\"expires_in\":null}", OK, "a", "", false, 0},
    {"{\"access_token\":\"a\\u002Fb\",\"refresh_token\":\"r\"}", OK, "a/b", "r", false, 0},
    {"{\"access_token\":\"a\",\"refresh_token\":null}", OK, "a", "", false, 0},
    {"{\"access_token\":\"\"}", ERR_PROTOCOL, NULL, NULL, false, 0},
    {"{\"access_token\":7}", ERR_PROTOCOL, NULL, NULL, false, 0},
    {"{\"access_token\":\"a\\n\"}", ERR_PROTOCOL, NULL, NULL, false, 0},
    {"{\"access_token\":\"\xc3\xa4\"}", ERR_PROTOCOL, NULL, NULL, false, 0},
    {"{\"access_token\":\"a\",\"refresh_token\":\"\"}", ERR_PROTOCOL, NULL, NULL, false, 0},
    {"{\"access_token\":\"a\",\"access_token\":\"b\"}", ERR_PROTOCOL, NULL, NULL, false, 0},
    {"[\"access_token\"]", ERR_PROTOCOL, NULL, NULL, false, 0},
    {"{}", ERR_PROTOCOL, NULL, NULL, false, 0},
    {"", ERR_PROTOCOL, NULL, NULL, false, 0},
};

static void
token_answers(void **unused)
{
	auto_arena struct arena arena = {0};

	(void)unused;
	for (size_t i = 0; i < COUNT(tokens); i++) {
		struct oauth_token out = {.lifetime_s = 99};
		struct why why = {""};

		if (oauth_token_read(span_of_text(tokens[i].body), &arena, &out, &why) != tokens[i].want)
			fail_msg("%s: %s", tokens[i].body, why.text);
		if (tokens[i].want != OK)
			assert_true(out.lifetime_s == 99 && why.text[0] != '\0');
		else
			assert_true(span_is(out.access_token, tokens[i].access) &&
				    span_is(out.refresh_token, tokens[i].refresh) &&
				    out.has_lifetime == tokens[i].has_lifetime &&
				    (!out.has_lifetime || out.lifetime_s == tokens[i].lifetime_s));
	}
}

static void
errors(void **unused)
{
	static const struct {
		const char *body, *want;
	} cases[] = {{"{\"error\":\"invalid_grant\"}", "invalid_grant"},
	    {"{\"error\":\"x\",\"error_description\":\"y\"}", "x"}, {"{\"error\":\"in valid\"}", ""},
	    {"{\"error\":\"\"}", ""}, {"{\"error\":{}}", ""}, {"{\"error\":12345}", ""}, {"no", ""},
	    {"{\"error\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", ""}};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_true(span_is(oauth_error_read(span_of_text(cases[i].body)), cases[i].want));
}

#define KEYS(id, secret, token, expires)                                                                               \
	"<R><Credentials><AccessKeyId>" id "</AccessKeyId><SecretAccessKey>" secret                                    \
	"</SecretAccessKey><SessionToken>" token "</SessionToken><Expiration>" expires                                 \
	"</Expiration></Credentials></R>"

static void
keys_of_sts(void **unused)
{
	static const struct {
		const char *body;
		enum err want;
	} cases[] = {
	    {KEYS("ASIA1", "s/k+", "t==", "2026-01-02T03:04:05Z"), OK},
	    {KEYS("ASIA1", "s/k+", "t==", "2026-01-02T03:04:05.678Z"), OK},
	    {KEYS("ASIA1", "s/k+", "t==", "2026-01-02T03:04:05+01:00"), ERR_PROTOCOL},
	    {KEYS("ASIA1", "s/k+", "t==", "soon"), ERR_PROTOCOL},
	    {KEYS("ASIA1", "s/k+", "", "2026-01-02T03:04:05Z"), ERR_PROTOCOL},
	    {KEYS("ASIA1", "s&amp;k", "t==", "2026-01-02T03:04:05Z"), ERR_PROTOCOL},
	    {KEYS("AS\nIA1", "s/k+", "t==", "2026-01-02T03:04:05Z"), ERR_PROTOCOL},
	    {"<Credentials><AccessKeyId>A</AccessKeyId></Credentials>", ERR_PROTOCOL},
	    {"<Credentials>", ERR_PROTOCOL},
	    {"", ERR_PROTOCOL},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct aws_keys out = {.expires_s = 99};
		struct why why = {""};

		if (aws_keys_read(span_of_text(cases[i].body), &out, &why) != cases[i].want)
			fail_msg("%s: %s", cases[i].body, why.text);
		if (cases[i].want != OK)
			assert_true(out.expires_s == 99 && why.text[0] != '\0');
		else
			assert_true(span_is(out.access_key, "ASIA1") && span_is(out.secret_key, "s/k+") &&
				    span_is(out.session_token, "t==") && out.expires_s == 1767323045);
	}
}

static void
forms(void **unused)
{
	char bytes[64];
	struct text form = TEXT_OF(bytes);

	(void)unused;
	form_add(&form, "a", SPAN("x y&z=~"));
	form_add(&form, "b", SPAN("\xc3\xa4+"));
	assert_string_equal(bytes, "a=x%20y%26z%3D~&b=%C3%A4%2B");
}

static const struct {
	const char *address;
	bool may;
} reached[] = {
    {"93.184.216.34", true},
    {"10.1.2.3", true}, /* a model server or a Vault of one's own */
    {"192.168.0.1", true},
    {"127.0.0.1", true},
    {"127.255.255.254", true},
    {"0.0.0.0", false},
    {"169.253.255.255", true},
    {"169.254.0.0", false},
    {"169.254.169.254", false},
    {"169.254.255.255", false},
    {"169.255.0.0", true},
    {"100.100.100.200", false},
    {"168.63.129.16", false},
    {"224.0.0.1", false},
    {"255.255.255.255", false},
    {"2606:2800:220:1::1", true},
    {"fd12::1", true},
    {"::1", true},
    {"::", false},
    {"::2", false},
    {"fe80::1", false},
    {"fd00:ec2::254", false},
    {"::ffff:169.254.169.254", false},
    {"::ffff:93.184.216.34", true},
    {"ff02::1", false},
};

static void
where_a_child_connects(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(reached); i++) {
		struct sockaddr_in four = {.sin_family = AF_INET};
		struct sockaddr_in6 six = {.sin6_family = AF_INET6};
		bool is_four = inet_pton(AF_INET, reached[i].address, &four.sin_addr) == 1;

		assert_true(is_four || inet_pton(AF_INET6, reached[i].address, &six.sin6_addr) == 1);
		if (https_may_reach(is_four ? (struct sockaddr *)&four : (struct sockaddr *)&six) != reached[i].may)
			fail_msg("%s", reached[i].address);
	}
	assert_false(https_may_reach(&(struct sockaddr){.sa_family = AF_UNIX}));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(token_answers),
	    cmocka_unit_test(errors),
	    cmocka_unit_test(keys_of_sts),
	    cmocka_unit_test(forms),
	    cmocka_unit_test(where_a_child_connects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
