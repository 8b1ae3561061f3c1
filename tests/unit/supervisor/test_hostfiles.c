/* What the proxy is told of name servers and hosts: addresses by number, and nothing that is not one. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "sandbox/supervisor/hostfiles.h"

static void
joined(const struct span *list, size_t n, char *to, size_t size)
{
	size_t at = 0;

	to[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(to + at, size - at, "%s%.*s", i == 0 ? "" : "|", SPAN_ARGS(list[i]));
}

static const struct {
	const char *text, *want; /* joined by | */
} resolvers[] = {
    {"nameserver 10.0.0.1\n", "10.0.0.1"}, {"nameserver 10.0.0.1", "10.0.0.1"}, /* no end of line */
    {"# one\nsearch corp.example\nnameserver\t 2001:db8::1 \r\n", "2001:db8::1"},
    {" nameserver 1.1.1.1#two\nnameserver 8.8.8.8", "1.1.1.1|8.8.8.8"},
    {"nameserver 1\nnameserver 2\nnameserver 127.0.0.53", "127.0.0.53"}, /* not dotted quads */
    {"nameserver fe80::1%eth0\n", "127.0.0.1"},				 /* with a scope */
    {"nameserver ns.example\n", "127.0.0.1"}, {"nameserver\n", "127.0.0.1"}, {"nameservers 1.1.1.1\n", "127.0.0.1"},
    {"#nameserver 1.1.1.1\n", "127.0.0.1"}, {"nameserver 1.1.1.256\n", "127.0.0.1"}, {"", "127.0.0.1"},
    {"nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4\nnameserver 1.1.1.5\n"
     "nameserver 1.1.1.6\nnameserver 1.1.1.7\nnameserver 1.1.1.8\nnameserver 1.1.1.9\n",
	"1.1.1.1|1.1.1.2|1.1.1.3|1.1.1.4|1.1.1.5|1.1.1.6|1.1.1.7|1.1.1.8"}, /* eight */
};

static void
test_resolvers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(resolvers); i++) {
		auto_arena struct arena arena = {0};
		struct hostfiles out = {0};
		struct why why = {0};
		char got[512];

		assert_int_equal(resolvers_parse(span_of_text(resolvers[i].text), &arena, &out, &why), OK);
		joined(out.resolvers, out.resolvers_n, got, sizeof(got));
		assert_string_equal(got, resolvers[i].want);
	}
}

#define NAME_50	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
#define NAME_253 NAME_50 NAME_50 NAME_50 NAME_50 NAME_50 "bcd"

static const struct {
	const char *text, *want;
} hosts[] = {
    {"127.0.0.1 localhost\n::1 localhost ip6-loopback\n", "127.0.0.1 localhost|::1 localhost|::1 ip6-loopback"},
    {"10.0.0.1\tDB.Corp.Example\tdb # the database\n", "10.0.0.1 db.corp.example|10.0.0.1 db"},
    {"10.0.0.1 a#b c\n", "10.0.0.1 a"},
    {"10.0.0.1 " NAME_253, "10.0.0.1 " NAME_253},
    {"10.0.0.1 " NAME_253 "e ok", "10.0.0.1 ok"}, /* one byte too long */
    {"10.0.0.1 bad/name ok_1-2", "10.0.0.1 ok_1-2"},
    {"10.0.0.1\n", ""},
    {"10.0.0 short\n0x7f.1 hex\nhost 10.0.0.1\n", ""},
    {"fe80::1%lo0 localhost\n", ""},
    {"# 10.0.0.1 remark\n", ""},
    {"\n\n \n", ""},
    {"", ""},
};

static void
test_hosts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		auto_arena struct arena arena = {0};
		struct hostfiles out = {0};
		struct why why = {0};
		char got[1024];

		assert_int_equal(hosts_parse(span_of_text(hosts[i].text), &arena, &out, &why), OK);
		joined(out.hosts, out.hosts_n, got, sizeof(got));
		assert_string_equal(got, hosts[i].want);
		assert_false(out.hosts_cut);
	}
}

/* A list of what is to be blocked has a hundred thousand lines: the first are kept, and it is said. */
static void
test_hosts_bounded(void **state)
{
	size_t size = (HOSTS_MAX + 1) * 16, at = 0;
	auto_free char *text = malloc(size);
	auto_arena struct arena arena = {0};
	struct hostfiles out = {0};
	struct why why = {0};

	(void)state;
	for (size_t i = 0; i < HOSTS_MAX; i++)
		at += (size_t)snprintf(text + at, size - at, "0.0.0.0 h%zu\n", i);
	assert_int_equal(hosts_parse(span_of_bytes(text, at), &arena, &out, &why), OK);
	assert_int_equal(out.hosts_n, HOSTS_MAX);
	assert_false(out.hosts_cut);
	at += (size_t)snprintf(text + at, size - at, "0.0.0.0 more\n");
	assert_int_equal(hosts_parse(span_of_bytes(text, at), &arena, &out, &why), OK);
	assert_int_equal(out.hosts_n, HOSTS_MAX);
	assert_true(out.hosts_cut);
}

/* The arena's ceiling is an answer, not an end. */
static void
test_limit(void **state)
{
	auto_arena struct arena arena = {.max_bytes = 16};
	struct hostfiles out = {0};
	struct why why = {0};

	(void)state;
	assert_int_equal(hosts_parse(SPAN("10.0.0.1 one two three four five six\n"), &arena, &out, &why), ERR_LIMIT);
	assert_true(why.text[0] != '\0');
}

static void
anchors_put(int root_fd, const char *text)
{
	auto_fd int fd = -1;

	assert_int_equal(mkdirat(root_fd, "etc", 0700), 0);
	assert_int_equal(mkdirat(root_fd, "etc/ssl", 0700), 0);
	assert_true((fd = openat(root_fd, "etc/ssl/cert.pem", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void
anchors_remove(int root_fd, const char *root)
{
	assert_int_equal(unlinkat(root_fd, "etc/ssl/cert.pem", 0), 0);
	assert_int_equal(unlinkat(root_fd, "etc/ssl", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(root_fd, "etc", AT_REMOVEDIR), 0);
	assert_int_equal(rmdir(root), 0);
}

/* The proxy and the router share the descriptor: neither may change what the other trusts. */
static void
test_anchors_cannot_be_changed(void **state)
{
	char root[] = "/tmp/hostfilesXXXXXX", got[32] = "";
	auto_fd int root_fd = -1, copy = -1, none = -1;
	struct why why = {0};

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_true((root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0);
	assert_int_equal(hostfiles_anchors_copy(root_fd, &none, &why), OK);
	assert_int_equal(pread(none, got, sizeof(got), 0), 0);
	anchors_put(root_fd, "anchors of the image");
	assert_int_equal(hostfiles_anchors_copy(root_fd, &copy, &why), OK);
	assert_int_equal(pwrite(copy, "another", 7, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(copy, 0), -1);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, copy, 0), MAP_FAILED);
	assert_int_equal(pread(copy, got, sizeof(got), 0), 20);
	assert_string_equal(got, "anchors of the image");
	anchors_remove(root_fd, root);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_resolvers),
	    cmocka_unit_test(test_hosts),
	    cmocka_unit_test(test_hosts_bounded),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_anchors_cannot_be_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
