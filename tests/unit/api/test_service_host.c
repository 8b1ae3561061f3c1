/* Names of services: which hosts mean one, who may ask, which cookies pass. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "services/api/service_host.h"

#define L19 "abcdefghijklmnopqrs"

static const struct {
	const char *host;
	enum err want;
	const char *workspace, *sandbox, *service;
} hosts[] = {
    {"default--demo.openshell.localhost", OK, "default", "demo", ""},
    {"default--demo.openshell.localhost:17670", OK, "default", "demo", ""},
    {"default--demo--web.openshell.localhost", OK, "default", "demo", "web"},
    {"DEFAULT--Demo--Web.OpenShell.LocalHost.", OK, "default", "demo", "web"},
    {"default--demo.apps.example.org", OK, "default", "demo", ""},
    {"a-b--c-d--e-f.openshell.localhost", OK, "a-b", "c-d", "e-f"},
    {L19 "--" L19 "--" L19 ".openshell.localhost", OK, L19, L19, L19},
    {L19 "x--demo.openshell.localhost", ERR_SYNTAX, "", "", ""},
    {"default--demo--" L19 "x.openshell.localhost", ERR_SYNTAX, "", "", ""},
    {"default--demo--.openshell.localhost", ERR_SYNTAX, "", "", ""},
    {"--demo.openshell.localhost", ERR_SYNTAX, "", "", ""},
    {"default--.openshell.localhost", ERR_SYNTAX, "", "", ""},
    {"default---demo.openshell.localhost", ERR_SYNTAX, "", "", ""},
    {"default--demo--web--more.openshell.localhost", ERR_SYNTAX, "", "", ""},
    {"default--de_mo.openshell.localhost", ERR_SYNTAX, "", "", ""},
    {"openshell.localhost", ERR_NOT_FOUND, "", "", ""},
    {"default.openshell.localhost", ERR_NOT_FOUND, "", "", ""},
    {"default--demo.openshell.localhost.example", ERR_NOT_FOUND, "", "", ""},
    {"default--demo.xopenshell.localhost", ERR_NOT_FOUND, "", "", ""},
    {"x.default--demo.openshell.localhost", ERR_NOT_FOUND, "", "", ""},
    {"default--demo.example.org", ERR_NOT_FOUND, "", "", ""},
    {"127.0.0.1:17670", ERR_NOT_FOUND, "", "", ""},
    {"[::1]:17670", ERR_NOT_FOUND, "", "", ""},
    {"default--demo.openshell.localhost:0", ERR_NOT_FOUND, "", "", ""},
    {"", ERR_NOT_FOUND, "", "", ""},
};

static void
names(void **unused)
{
	const char *const sans[] = {"gateway.example.org", "*.apps.example.org", "*."};
	struct service_domains domains;

	(void)unused;
	service_domains_read(sans, COUNT(sans), &domains);
	assert_int_equal(domains.n, 2);
	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct service_name name = {.label = "untouched"};
		struct why why = {0};
		enum err r = service_host_parse(span_of_text(hosts[i].host), &domains, &name, &why);

		if (r != hosts[i].want || (r != OK && (strcmp(name.label, "untouched") != 0 || why.text[0] == '\0')))
			fail_msg("%s: %s %s", hosts[i].host, err_name(r), why.text);
		if (r == OK &&
		    (!span_is(name.workspace, hosts[i].workspace) || !span_is(name.sandbox, hosts[i].sandbox) ||
			!span_is(name.service, hosts[i].service)))
			fail_msg("%s: %s", hosts[i].host, name.label);
	}
}

static void
addresses(void **unused)
{
	const char *const sans[] = {"*.apps.example.org", "*.OpenShell.localhost"};
	struct service_domains ours, theirs;
	char url[SERVICE_URL_BYTES];

	(void)unused;
	service_domains_read(NULL, 0, &ours);
	service_domains_read(sans, COUNT(sans), &theirs);
	assert_int_equal(theirs.n, 2); /* ours is among them already */
	service_url(&ours, SPAN("default"), SPAN("demo"), SPAN_NONE, false, 17670, url);
	assert_string_equal(url, "http://default--demo.openshell.localhost:17670/");
	service_url(&ours, SPAN("default"), SPAN("demo"), SPAN("web"), false, 80, url);
	assert_string_equal(url, "http://default--demo--web.openshell.localhost/");
	service_url(&theirs, SPAN("default"), SPAN("demo"), SPAN("web"), true, 443, url);
	assert_string_equal(url, "https://default--demo--web.apps.example.org/");
	service_url(&theirs, SPAN("default"), SPAN("demo"), SPAN_NONE, true, 80, url);
	assert_string_equal(url, "https://default--demo.apps.example.org:80/");
}

#define OWN "a--b.openshell.localhost:17670"

static const struct {
	const char *site, *origin, *referer;
	bool want;
} pages[] = {
    {"", "", "", true},
    {"none", "", "", true},
    {"same-origin", "http://" OWN, "http://" OWN "/page?x", true},
    {"", "HTTP://A--B.OPENSHELL.LOCALHOST:17670", "", true},
    {"", "", "http://" OWN, true},
    {"same-site", "", "", false},
    {"cross-site", "", "", false},
    {"Same-Origin", "", "", false},
    {"", "null", "", false},
    {"", "https://" OWN, "", false},
    {"", "http://a--b.openshell.localhost", "", false},
    {"", "http://a--c.openshell.localhost:17670", "", false},
    {"", "http://" OWN "/", "", false},
    {"", "", "http://a--b.openshell.localhost:17670.evil/", false},
    {"", "", "http://evil/" OWN, false},
    {"same-origin", "http://evil", "", false},
};

static void
origins(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(pages); i++) {
		const struct service_origin from = {
		    span_of_text(pages[i].site), span_of_text(pages[i].origin), span_of_text(pages[i].referer)};

		if (service_same_origin(&from, SPAN(OWN), false) != pages[i].want)
			fail_msg("%s | %s | %s", pages[i].site, pages[i].origin, pages[i].referer);
	}
	assert_true(service_same_origin(&(struct service_origin){.origin = SPAN("http://a--b.openshell.localhost")},
	    SPAN("a--b.openshell.localhost:80"), false));
}

/* Over TLS as in clear, but for the scheme and its port. */
static void
origins_tls(void **unused)
{
	static const struct {
		const char *site, *origin, *referer;
		bool want;
	} in[] = {{"", "", "", true}, {"same-origin", "https://" OWN, "https://" OWN "/page", true},
	    {"", "http://" OWN, "", false}, {"", "https://a--c.openshell.localhost:17670", "", false},
	    {"same-site", "", "", false}, {"", "", "https://evil/", false}, {"", "null", "", false}};

	(void)unused;
	for (size_t i = 0; i < COUNT(in); i++) {
		const struct service_origin from = {
		    span_of_text(in[i].site), span_of_text(in[i].origin), span_of_text(in[i].referer)};

		if (service_same_origin(&from, SPAN(OWN), true) != in[i].want)
			fail_msg("%s | %s | %s", in[i].site, in[i].origin, in[i].referer);
	}
	assert_true(service_same_origin(&(struct service_origin){.origin = SPAN("https://a--b.openshell.localhost")},
	    SPAN("a--b.openshell.localhost"), true));
	assert_false(
	    service_same_origin(&(struct service_origin){.origin = SPAN("https://a--b.openshell.localhost:80")},
		SPAN("a--b.openshell.localhost"), true));
}

static void
cookies(void **unused)
{
	static const struct {
		const char *in, *out;
	} in[] = {{"a=1; b=2", "a=1; b=2"}, {"CF_Authorization=x", ""}, {"a=1;CF_Authorization=x;b=2", "a=1; b=2"},
	    {" cf-authorization = x ; a=1", "a=1"}, {"XCF_Authorization=1", "XCF_Authorization=1"}, {";;a;", "a"},
	    {"a=CF_Authorization=x", "a=CF_Authorization=x"}, {"", ""}},
	  set[] = {{"s=1; Path=/; HttpOnly", "s=1; Path=/; HttpOnly"},
	      {"s=1; Domain=openshell.localhost; Path=/", "s=1; Path=/"}, {"s=1;dOmAiN=x;Secure", "s=1; Secure"},
	      {"s=1; Domain", "s=1"}};
	char room[128];

	(void)unused;
	for (size_t i = 0; i < COUNT(in); i++)
		assert_true(span_is(service_cookies(span_of_text(in[i].in), room), in[i].out));
	for (size_t i = 0; i < COUNT(set); i++)
		assert_true(span_is(service_set_cookie(span_of_text(set[i].in), room), set[i].out));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(origins),
	    cmocka_unit_test(origins_tls),
	    cmocka_unit_test(cookies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
