/* What a command line brought as a secret is nowhere in the program's memory once the command is over. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients/cli/cli.h"
#include "common/base/clean.h"
#include "tests/unit/cli/fake.h"
#include "tests/unit/cli/run.h"

#define MASK 0x55

/* "hush-4711-canary", each byte with MASK: this program's own image must not hold what it looks for. */
static const volatile unsigned char masked[] = {'h' ^ MASK, 'u' ^ MASK, 's' ^ MASK, 'h' ^ MASK, '-' ^ MASK, '4' ^ MASK,
    '7' ^ MASK, '1' ^ MASK, '1' ^ MASK, '-' ^ MASK, 'c' ^ MASK, 'a' ^ MASK, 'n' ^ MASK, 'a' ^ MASK, 'r' ^ MASK,
    'y' ^ MASK};

static struct fake fake;

static bool
matches(const unsigned char *at)
{
	for (size_t i = 0; i < sizeof(masked); i++)
		if ((at[i] ^ MASK) != masked[i])
			return false;
	return true;
}

static size_t
count_in(const unsigned char *at, const unsigned char *end)
{
	size_t n = 0;

	for (; (size_t)(end - at) >= sizeof(masked); at++)
		n += matches(at);
	return n;
}

/* All memory that can be written. */
static size_t
count_all(void)
{
	char line[512];
	unsigned long from, to;
	size_t n = 0;
	FILE *maps = fopen("/proc/self/maps", "re");

	if (maps == NULL)
		abort();
	while (fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%lx-%lx rw", &from, &to) == 2 && strstr(line, " rw") != NULL &&
		    strstr(line, "[v") == NULL)
			n += count_in((const unsigned char *)from, (const unsigned char *)to);
	fclose(maps);
	return n;
}

/* The command in a process of its own, which looks at itself; 100 + how often it was found, or 99: never seen at all. */
static int
run_and_count(const char *const *words, size_t n)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		char *argv[16] = {NULL};
		int sink = open("/dev/null", O_WRONLY | O_CLOEXEC);

		munmap(fake.log, sizeof(*fake.log)); /* what the gateway was told */
		for (size_t i = 0; i < n; i++) {
			argv[i] = malloc(strlen(words[i]) + sizeof(masked) + 1);
			memcpy(argv[i], words[i], strlen(words[i]) + 1);
			if (words[i][strlen(words[i]) - 1] == '=') {
				for (size_t j = 0; j < sizeof(masked); j++)
					argv[i][strlen(words[i]) + j] = (char)(masked[j] ^ MASK);
				argv[i][strlen(words[i]) + sizeof(masked)] = '\0';
			}
		}
		if (count_all() == 0)
			_exit(99);
		dup2(sink, 1);
		if (cli_main((int)n, argv) != 0)
			_exit(98);
		_exit(100 + (int)count_all());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
literals_are_gone(void **state)
{
	static const char *const create[] = {
	    "openshell", "provider", "create", "--name", "x", "--type", "github", "--credential", "A="};
	static const char *const update[] = {"openshell", "provider", "update", "forge", "--credential", "A="};
	static const char *const refresh[] = {"openshell", "provider", "refresh", "configure", "forge",
	    "--credential-key", "K", "--strategy", "oauth2-refresh-token", "--material", "client_secret="};

	(void)state;
	assert_int_equal(run_and_count(create, COUNT(create)), 100);
	assert_int_equal(run_and_count(update, COUNT(update)), 100);
	assert_int_equal(run_and_count(refresh, COUNT(refresh)), 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(literals_are_gone),
	};
	int failed;

	fake_start(&fake);
	run_setup("", fake.endpoint);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	run_teardown();
	fake_stop(&fake);
	return failed;
}
