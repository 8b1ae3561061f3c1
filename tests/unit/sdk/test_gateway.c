/* The configuration directory: what is written is what other clients read, and the choice of a gateway. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clients/sdk/gateway.h"
#include "clients/sdk/metadata.h"
#include "common/base/clean.h"
#include "common/os/remove.h"

#include <cmocka.h> /* after ours: it has a macro called fail */

static char directory[64];
static struct places places;

static int
setup(void **state)
{
	char path[128];

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/openshell-sdk-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	setenv("XDG_CONFIG_HOME", directory, 1);
	setenv("XDG_STATE_HOME", directory, 1);
	snprintf(path, sizeof(path), "%s/system/", directory);
	setenv("OPENSHELL_SYSTEM_GATEWAY_DIR", path, 1);
	unsetenv("OPENSHELL_LOCAL_TLS_DIR");
	return places_find(&places, NULL) == OK ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	return tree_remove_whole(AT_FDCWD, directory, NULL) == OK ? 0 : -1;
}

static void
put(const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(file_write(path, 0600, span_of_text(text), NULL), OK);
}

static mode_t
mode_of(const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
test_places(void **state)
{
	struct places found;
	struct why why = {0};
	char want[PATH_MAX];

	(void)state;
	snprintf(want, sizeof(want), "%s/openshell", directory);
	assert_string_equal(places.user, want);
	snprintf(want, sizeof(want), "%s/system", directory);
	assert_string_equal(places.system, want);
	snprintf(want, sizeof(want), "%s/openshell/tls", directory);
	assert_string_equal(places.tls, want);
	setenv("XDG_CONFIG_HOME", "relative", 1); /* the XDG rules: as if unset */
	setenv("HOME", "/home/x", 1);
	unsetenv("OPENSHELL_SYSTEM_GATEWAY_DIR");
	assert_int_equal(places_find(&found, &why), OK);
	assert_string_equal(found.user, "/home/x/.config/openshell");
	assert_string_equal(found.system, "/etc/openshell");
	unsetenv("HOME");
	assert_int_equal(places_find(&found, &why), ERR_NOT_FOUND);
	setenv("HOME", "/home/x", 1);
	setenv("OPENSHELL_SYSTEM_GATEWAY_DIR", "x", 1);
	assert_int_equal(places_find(&found, &why), ERR_INVALID);
}

static const struct {
	const char *endpoint;
	enum err want;
	const char *host;
	bool loopback;
} endpoints[] = {
    {"https://example.org:17670", OK, "example.org", false},
    {"http://127.0.0.1:1", OK, "127.0.0.1", true},
    {"http://127.8.9.1:65535", OK, "127.8.9.1", true},
    {"https://localhost", OK, "localhost", true},
    {"https://[::1]:17670", OK, "::1", true},
    {"https://[fe80::1]", OK, "fe80::1", false},
    {"https://example.org/", OK, "example.org", false},
    {"https://127.0.0.1.example.org", OK, "127.0.0.1.example.org", false},
    {"ftp://x", ERR_INVALID, "", false},
    {"example.org", ERR_INVALID, "", false},
    {"https://", ERR_INVALID, "", false},
    {"https://:80", ERR_INVALID, "", false},
    {"https://h:", ERR_INVALID, "", false},
    {"https://h:0", ERR_INVALID, "h", false},
    {"https://h:65536", ERR_INVALID, "h", false},
    {"https://h/path", ERR_INVALID, "h/path", false},
    {"https://user@h", ERR_INVALID, "user@h", false},
    {"https://[::1", ERR_INVALID, "", false},
    {"https://[::1]x", ERR_INVALID, "", false},
    {"https://h\n", ERR_INVALID, "h\n", false},
};

static void
test_endpoints(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(endpoints); i++) {
		struct why why = {0};

		if (gateway_endpoint_check(span_of_text(endpoints[i].endpoint), &why) != endpoints[i].want)
			fail_msg("%s: %s", endpoints[i].endpoint, why.text);
		assert_true(span_is(gateway_host(endpoints[i].endpoint), endpoints[i].host) || endpoints[i].want != OK);
		assert_int_equal(gateway_host_loopback(gateway_host(endpoints[i].endpoint)), endpoints[i].loopback);
	}
}

static const struct {
	const char *text;
	enum err want;
} files[] = {
    {"{\"name\":\"a\",\"gateway_endpoint\":\"https://h:1\",\"is_remote\":true,\"gateway_port\":0}", OK},
    {"{\"gateway_endpoint\":\"https://h:1\",\"gateway_port\":65535,\"auth_mode\":null,\"new\":[1]}", OK},
    {"{\"gateway_endpoint\":\"https://h:1\"}", ERR_SYNTAX}, /* gateway_port must be there */
    {"{\"gateway_endpoint\":\"https://h:1\",\"gateway_port\":65536}", ERR_SYNTAX},
    {"{\"gateway_endpoint\":7,\"gateway_port\":0}", ERR_SYNTAX},
    {"{\"gateway_port\":0}", ERR_SYNTAX},
    {"{\"gateway_endpoint\":\"file:///etc\",\"gateway_port\":0}", ERR_INVALID},
    {"[]", ERR_SYNTAX},
    {"{", ERR_SYNTAX},
    {"", ERR_SYNTAX},
};

static void
test_metadata(void **state)
{
	auto_arena struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct gateway gateway = {0};
		struct why why = {0};

		if (metadata_read(span_of_text(files[i].text), &arena, &gateway, &why) != files[i].want)
			fail_msg("case %zu: %s", i, why.text);
	}
}

static void
test_store(void **state)
{
	const struct gateway gateway = {
	    .name = "dev", .endpoint = "https://h:1", .auth_mode = "mtls", .is_remote = true, .remote_host = "me@h"};
	auto_arena struct arena arena = {0};
	struct gateway back;
	struct span text;
	const char *path;

	(void)state;
	assert_int_equal(gateway_store(&places, &gateway, NULL), OK);
	path = gateway_file(&places, "dev", "metadata.json", &arena);
	assert_int_equal(file_read(path, &arena, &text, NULL), OK);
	assert_true(span_is(text, "{\n  \"name\": \"dev\",\n  \"gateway_endpoint\": \"https://h:1\",\n"
				  "  \"remote_host\": \"me@h\",\n  \"auth_mode\": \"mtls\",\n"
				  "  \"is_remote\": true,\n  \"gateway_port\": 0\n}"));
	assert_int_equal(gateway_load(&places, "dev", &arena, &back, NULL), OK);
	assert_string_equal(back.endpoint, "https://h:1");
	assert_string_equal(back.remote_host, "me@h");
	assert_null(back.resolved_host);
	assert_true(back.is_remote && back.stored && !back.system);
	assert_int_equal(mode_of("openshell/gateways/dev"), 0700);
	assert_int_equal(gateway_load(&places, "../dev", &arena, &back, NULL), ERR_INVALID);
	assert_int_equal(gateway_load(&places, "..", &arena, &back, NULL), ERR_INVALID);
	assert_int_equal(gateway_load(&places, "", &arena, &back, NULL), ERR_INVALID);
	assert_int_equal(gateway_load(&places, "none", &arena, &back, NULL), ERR_NOT_FOUND);
}

#define META(endpoint) "{\"gateway_endpoint\":\"" endpoint "\",\"gateway_port\":0}"

/* Flag, name, user's active, system's active: in this order; the user's files hide the system's. */
static void
test_resolve(void **state)
{
	auto_arena struct arena arena = {0};
	struct gateway out;
	struct why why = {0};

	(void)state;
	assert_int_equal(gateway_resolve(&places, &(struct gateway_choice){0}, &arena, &out, &why), ERR_NOT_FOUND);
	assert_non_null(strstr(why.text, "gateway select"));
	assert_null(out.name);
	put("system/active_gateway", " sys \n");
	put("system/gateways/sys/metadata.json", META("https://sys:1"));
	put("system/gateways/both/metadata.json", META("https://sys:2"));
	put("openshell/gateways/both/metadata.json", META("https://user:2"));
	put("openshell/gateways/mine/metadata.json", META("https://user:3"));
	assert_int_equal(gateway_resolve(&places, &(struct gateway_choice){0}, &arena, &out, &why), OK);
	assert_string_equal(out.name, "sys");
	assert_true(out.system);
	assert_int_equal(gateway_select(&places, "both", NULL), OK);
	assert_int_equal(gateway_resolve(&places, &(struct gateway_choice){0}, &arena, &out, &why), OK);
	assert_string_equal(out.endpoint, "https://user:2");
	assert_int_equal(gateway_resolve(&places, &(struct gateway_choice){.name = "mine"}, &arena, &out, &why), OK);
	assert_string_equal(out.endpoint, "https://user:3");
	assert_int_equal(
	    gateway_resolve(&places, &(struct gateway_choice){.name = "nope"}, &arena, &out, &why), ERR_NOT_FOUND);
	assert_string_equal(out.name, "nope");
	assert_null(out.endpoint);
	assert_int_equal(
	    gateway_resolve(&places, &(struct gateway_choice){.endpoint = "https://user:3"}, &arena, &out, &why), OK);
	assert_string_equal(out.name, "mine");
	assert_int_equal(
	    gateway_resolve(&places, &(struct gateway_choice){.endpoint = "https://other:3"}, &arena, &out, &why), OK);
	assert_string_equal(out.name, "https://other:3");
	assert_false(out.stored);
	assert_int_equal(
	    gateway_resolve(
		&places, &(struct gateway_choice){.endpoint = "https://other:3", .name = "both"}, &arena, &out, &why),
	    OK);
	assert_string_equal(out.name, "both");
	assert_string_equal(out.endpoint, "https://other:3");
}

static void
test_list_remove(void **state)
{
	auto_arena struct arena arena = {0};
	struct gateway *list;
	const char *active;
	size_t count;

	(void)state;
	put("openshell/gateways/broken/metadata.json", "{");
	put("openshell/gateways/both/mtls/deep/x", "y");
	assert_int_equal(gateway_list(&places, &arena, &list, &count, NULL), OK);
	assert_int_equal(count, 4); /* both dev mine sys, without the broken one */
	assert_string_equal(list[0].name, "both");
	assert_string_equal(list[3].name, "sys");
	assert_int_equal(gateway_remove(&places, "sys", NULL), ERR_DENIED);
	assert_int_equal(gateway_remove(&places, "none", NULL), ERR_NOT_FOUND);
	assert_int_equal(gateway_remove(&places, "both", NULL), OK);
	assert_int_equal(gateway_active(&places, &arena, &active, NULL), OK);
	assert_string_equal(active, "sys"); /* the user's choice went with it */
	assert_int_equal(gateway_list(&places, &arena, &list, &count, NULL), OK);
	assert_true(list[0].system); /* the system's "both" is seen again */
}

static void
test_last(void **state)
{
	auto_arena struct arena arena = {0};
	const char *name;
	struct span text;

	(void)state;
	assert_int_equal(last_sandbox_load(&places, "dev", "default", &arena, &name, NULL), ERR_NOT_FOUND);
	assert_int_equal(last_sandbox_store(&places, "dev", "default", "demo", NULL), OK);
	assert_int_equal(file_read(gateway_file(&places, "dev", "last_sandbox", &arena), &arena, &text, NULL), OK);
	assert_true(span_is(text, "default\ndemo"));
	assert_int_equal(last_sandbox_load(&places, "dev", "default", &arena, &name, NULL), OK);
	assert_string_equal(name, "demo");
	assert_int_equal(last_sandbox_load(&places, "dev", "other", &arena, &name, NULL), ERR_NOT_FOUND);
	last_sandbox_forget(&places, "dev", "default", "another");
	assert_int_equal(last_sandbox_load(&places, "dev", "default", &arena, &name, NULL), OK);
	last_sandbox_forget(&places, "dev", "default", "demo");
	assert_int_equal(last_sandbox_load(&places, "dev", "default", &arena, &name, NULL), ERR_NOT_FOUND);
	assert_int_equal(last_sandbox_store(&places, "https://x:1", "default", "demo", NULL), OK);
	assert_int_equal(last_sandbox_load(&places, "https://x:1", "default", &arena, &name, NULL), ERR_NOT_FOUND);
}

static void
test_adopt(void **state)
{
	(void)state;
	assert_int_equal(gateway_mtls_adopt(&places, "a:b", NULL), ERR_NOT_FOUND);
	put("openshell/tls/ca.crt", "ca");
	put("openshell/tls/client/tls.crt", "crt");
	assert_int_equal(gateway_mtls_adopt(&places, "a:b", NULL), ERR_NOT_FOUND);
	put("openshell/tls/client/tls.key", "key");
	assert_int_equal(gateway_mtls_adopt(&places, "a:b", NULL), OK);
	assert_int_equal(mode_of("openshell/gateways/a_b/mtls"), 0700);
	assert_int_equal(mode_of("openshell/gateways/a_b/mtls/tls.key"), 0600);
	assert_int_equal(gateway_mtls_adopt(&places, "a:b", NULL), OK); /* stored already: left alone */
}

static void
test_read(void **state)
{
	auto_arena struct arena arena = {0};
	char path[PATH_MAX];
	struct span out = SPAN("untouched");
	struct why why = {0};

	(void)state;
	assert_int_equal(file_read(directory, &arena, &out, &why), ERR_SYSTEM); /* a directory */
	assert_int_equal(file_read("/dev/zero", &arena, &out, &why), ERR_SYSTEM);
	snprintf(path, sizeof(path), "%s/fifo", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read(path, &arena, &out, &why), ERR_SYSTEM); /* and does not wait for a writer */
	assert_true(span_is(out, "untouched"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_endpoints),
	    cmocka_unit_test(test_metadata),
	    cmocka_unit_test(test_store),
	    cmocka_unit_test(test_resolve),
	    cmocka_unit_test(test_list_remove),
	    cmocka_unit_test(test_last),
	    cmocka_unit_test(test_adopt),
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
