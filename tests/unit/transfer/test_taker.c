/* The taking end: what a hostile sender says makes nothing outside the target; and both ends with breaks between. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/remove.h"
#include "common/transfer/sender.h"
#include "common/transfer/taker.h"
#include "tests/unit/run.h"

static char top[64]; /* with from, to and outside in it */
static int top_fd;

static void
put(const char *name, const char *text)
{
	auto_fd int fd = openat(top_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static bool
there(const char *name)
{
	return faccessat(top_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
parts(void)
{
	char line[128];

	snprintf(line, sizeof(line), "! find %s -name '.openshell-part-*' | grep -q .", top);
	return shell_run(line);
}

static int
setup(void **unused)
{
	(void)unused;
	snprintf(top, sizeof(top), "/tmp/openshell-taker-XXXXXX");
	assert_non_null(mkdtemp(top));
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(top_fd, "from", 0700);
	mkdirat(top_fd, "to", 0700);
	mkdirat(top_fd, "outside", 0700);
	put("outside/kept", "kept");
	return 0;
}

static int
teardown(void **unused)
{
	struct why why;

	(void)unused;
	close(top_fd);
	assert_int_equal(tree_remove_whole(AT_FDCWD, top, &why), OK);
	return 0;
}

static enum err
target(void *self, bool single, int *root, const char **name, struct why *why)
{
	(void)why;
	*name = single ? self : NULL;
	*root = openat(top_fd, "to", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return OK;
}

/* ---- scripts ---- */

/* clang-format off */
#define HELLO {.type = PARCEL_HELLO, .version = PARCEL_VERSION}
#define TREE  {.type = PARCEL_TOTAL}
#define MANY  HELLO, TREE
#define DIRECTORY(path) {.type = PARCEL_ENTRY, .kind = PARCEL_DIRECTORY, .mode = 0755, .text = {path, sizeof(path) - 1}}
#define FILE_OF(path, bytes)                                                                                           \
	{.type = PARCEL_ENTRY, .kind = PARCEL_FILE, .mode = 0644, .size = bytes, .text = {path, sizeof(path) - 1}}
/* clang-format off */
#define LINK(path, to)                                                                                                 \
	{.type = PARCEL_ENTRY, .kind = PARCEL_LINK, .text = {path, sizeof(path) - 1}, .target = {to, sizeof(to) - 1}}
#define COMPLETE(path) {.type = PARCEL_ENTRY, .kind = PARCEL_COMPLETE, .mode = 0755, .text = {path, sizeof(path) - 1}}
#define DATA(at, n)    {.type = PARCEL_DATA, .offset = at, .length = n} /* followed by n bytes of x */
#define HOLES	       64 /* bytes of them that are allowed here */
/* clang-format on */
#define SUM(n)                                                                                                         \
	{                                                                                                              \
		.type = PARCEL_SUM, .size = n                                                                          \
	} /* of zeros: never right but by name */
/* clang-format on */

static const struct {
	const char *what;
	struct parcel script[9];
	enum err want;
	const char *words;
} hostile[] = {
    {"an absolute path", {MANY, FILE_OF("/tmp/x", 0)}, ERR_INVALID, "absolute"},
    {"up and out", {MANY, FILE_OF("../outside/x", 0)}, ERR_INVALID, "\"..\""},
    {"up inside", {MANY, DIRECTORY("a"), FILE_OF("a/../../outside/x", 0)}, ERR_INVALID, "\"..\""},
    {"through a link of its own", {MANY, LINK("a", "../outside"), FILE_OF("a/x", 0)}, ERR_STATE, "not followed"},
    {"a directory over a link", {MANY, LINK("a", "../outside"), DIRECTORY("a")}, ERR_PROTOCOL, "twice"},
    {"through a link that was here", {MANY, FILE_OF("out/x", 0)}, ERR_STATE, "not followed"},
    {"into a link that was here", {MANY, DIRECTORY("out")}, ERR_STATE, "in the way"},
    {"permissions of what a link leads to", {MANY, COMPLETE("out")}, ERR_STATE, "in the way"},
    {"twice", {MANY, DIRECTORY("a"), DIRECTORY("a")}, ERR_PROTOCOL, "twice"},
    {"backwards", {MANY, DIRECTORY("b"), DIRECTORY("a")}, ERR_PROTOCOL, "out of order"},
    {"where nothing is", {MANY, FILE_OF("no/x", 0)}, ERR_SYSTEM, "No such file"},
    {"the name of a part", {MANY, LINK(RELATIVE_PART "1", "x")}, ERR_INVALID, RELATIVE_PART},
    {"more bytes than it has", {MANY, FILE_OF("a", 3), DATA(0, 4)}, ERR_PROTOCOL, "not in it"},
    {"bytes twice", {MANY, FILE_OF("a", 9), DATA(0, 4), DATA(3, 1)}, ERR_PROTOCOL, "not in it"},
    {"an end that is not there yet", {MANY, FILE_OF("a", 9), DATA(0, 4), SUM(3)}, ERR_PROTOCOL, "last byte"},
    {"a wrong sum", {MANY, FILE_OF("a", 4), DATA(0, 4), SUM(4)}, ERR_STATE, "damaged"},
    {"as much of holes as may be", {MANY, FILE_OF("a", 99), DATA(HOLES, 1), SUM(HOLES + 1)}, ERR_STATE, "damaged"},
    {"too large a hole", {MANY, FILE_OF("a", 99), DATA(HOLES + 1, 1)}, ERR_LIMIT, "holes"},
    {"too large a hole at the end", {MANY, FILE_OF("a", 99), SUM(HOLES + 1)}, ERR_LIMIT, "holes"},
    {"holes too large in all", {MANY, FILE_OF("a", 99), DATA(30, 1), DATA(HOLES + 1, 1), SUM(HOLES + 3)}, ERR_LIMIT,
	"holes"},
    {"bytes of no file", {MANY, DATA(0, 4)}, ERR_PROTOCOL, "out of order"},
    {"no greeting", {TREE}, ERR_PROTOCOL, "out of order"},
    {"another version", {{.type = PARCEL_HELLO, .version = 2}}, ERR_PROTOCOL, "version 2"},
    {"what a taker says", {MANY, {.type = PARCEL_TAKEN}}, ERR_PROTOCOL, "out of order"},
    {"fewer than were sent", {MANY, DIRECTORY("a"), {.type = PARCEL_END, .entries = 2}}, ERR_PROTOCOL,
	"1 entries came"},
    {"more than one file", {HELLO, {.type = PARCEL_TOTAL, .single = 1}, LINK("a", "x"), LINK("b", "x")}, ERR_PROTOCOL,
	"one file"},
    {"a directory for a file", {HELLO, {.type = PARCEL_TOTAL, .single = 1}, DIRECTORY("a")}, ERR_PROTOCOL, "one file"},
    {"words with escapes in them", {MANY, {.type = PARCEL_FAILED, .text = SPAN("\x1b[31m")}}, ERR_CANCELLED,
	"\\x1b[31m"},
};

static enum err
play(struct taker *taker, const struct parcel *script, size_t n, struct why *why)
{
	char bytes[PARCEL_MAX_BYTES + 64];
	enum err r = OK;

	for (size_t i = 0; r == OK && i < n && script[i].type != 0; i++) {
		size_t length = parcel_write(&script[i], bytes);

		if (script[i].type == PARCEL_DATA) {
			memset(bytes + length, 'x', script[i].length);
			length += script[i].length;
		}
		for (size_t at = 0; r == OK && at < length; at++) /* one byte at a time */
			r = taker_feed(taker, span_of_bytes(bytes + at, 1), why);
	}
	return r;
}

static void
hostile_senders(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(hostile); i++) {
		const struct taker_config config = {
		    .target = target, .self = (char[]){"name"}, .mode = 0777, .holes_max = HOLES};
		struct taker *taker = taker_new(&config);
		struct why why = {0};
		enum err r;

		setup(NULL);
		assert_int_equal(symlinkat("../outside", top_fd, "to/out"), 0);
		r = play(taker, hostile[i].script, COUNT(hostile[i].script), &why);
		if (r != hostile[i].want || strstr(why.text, hostile[i].words) == NULL)
			fail_msg("%s: %s: %s", hostile[i].what, err_name(r), why.text);
		taker_free(taker, false);
		assert_true(there("outside/kept") && !there("outside/x") && !there("to/x") && !there("x"));
		assert_false(there("to/a") && strstr(hostile[i].words, "damaged") != NULL);
		assert_int_equal(parts(), 0);
		teardown(NULL);
	}
}

/* A hole is counted again by who sends it again after a break: so breaks do not make room for more. */
static void
holes_of_breaks(void **unused)
{
	static const struct parcel script[] = {MANY, FILE_OF("a", 99), DATA(HOLES, 1)};
	const struct taker_config config = {.target = target, .mode = 0777, .holes_max = HOLES};
	struct taker *taker = taker_new(&config);
	struct why why = {0};

	(void)unused;
	assert_int_equal(play(taker, script, COUNT(script), &why), OK);
	taker_again(taker);
	assert_int_equal(play(taker, script, COUNT(script), &why), ERR_LIMIT);
	taker_free(taker, false);
	assert_int_equal(parts(), 0);
}

/* ---- both ends ---- */

#define PIECE 40000

static unsigned slices; /* turns in which one of them summed, and said nothing */

static bool
sums(const struct sender *sender, const struct taker *taker)
{
	return sender_state(sender).sum_all > 0 || taker_state(taker).sum_all > 0;
}

/* Let them talk until it is over, or limit bytes went to the taker. */
static enum err
talk(struct sender *sender, struct taker *taker, uint64_t limit, uint64_t *sent, struct why *why)
{
	static char bytes[PIECE];
	size_t n, m = 1;
	enum err r = OK;

	*sent = 0;
	for (n = 1; r == OK && (n > 0 || m > 0) && *sent < limit;) {
		while ((r = taker_pull(taker, bytes, sizeof(bytes), &m, why)) == OK && m > 0)
			if ((r = sender_feed(sender, span_of_bytes(bytes, m), why)) != OK)
				return r;
		if (r == OK && (r = sender_pull(sender, bytes, sizeof(bytes), &n, why)) == OK && n > 0)
			r = taker_feed(taker, span_of_bytes(bytes, n), why);
		*sent += n;
		slices += sums(sender, taker);
		n += sums(sender, taker);
	}
	return r;
}

static struct sender *
begin(int from, struct span after, bool again)
{
	const struct sender_config config = {.walk = {.root = from, .after = after}, .again = again};

	return sender_new(&config);
}

static void
fill(void)
{
	auto_fd int big = openat(top_fd, "from/big", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	static char bytes[3 * SUM_PIECE_BYTES + 17];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 2654435761u >> 24);
	assert_int_equal(pwrite(big, bytes, sizeof(bytes), 33 * SUM_PIECE_BYTES + 1), sizeof(bytes));
	assert_int_equal(ftruncate(big, 40 * SUM_PIECE_BYTES), 0);
	mkdirat(top_fd, "from/a", 0700);
	mkdirat(top_fd, "from/a/b", 0700);
	for (int i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "from/a/%d", i);
		put(name, name);
	}
	put("from/zero", "");
	assert_int_equal(symlinkat("nowhere", top_fd, "from/a/link"), 0);
	assert_int_equal(fchmodat(top_fd, "from/a/b", 0500, 0), 0);
}

static void
same(void)
{
	char line[256];

	snprintf(line, sizeof(line),
	    "cd %s && diff -r --no-dereference from to && find to -name '.openshell*' | grep -q . && exit 1;"
	    "l() { (cd $1 && find . -mindepth 1 -printf '%%p %%m %%T@ %%y\\n' | sort); }; [ \"$(l from)\" = \"$(l to)\" ]",
	    top);
	assert_int_equal(shell_run(line), 0);
}

/* A new sender each time, as after a break; the taker stays (download) or is a new one, too (upload). */
static void
with_breaks(bool new_taker, uint64_t limit, uint64_t most)
{
	const struct taker_config config = {.target = target, .mode = 0777};
	auto_fd int from = openat(top_fd, "from", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct taker *taker = taker_new(&config);
	struct sender *sender = begin(from, SPAN_NONE, false);
	uint64_t sent = 0, all = 0;
	struct why why = {0};
	auto_free char *after = NULL;
	enum err r;

	for (int i = 0; (r = talk(sender, taker, limit, &sent, &why)) == OK && !sender_state(sender).over; i++) {
		assert_true(i < 1000);
		all += sent;
		free(after);
		after = new_taker ? span_dup(sender_done(sender)) : NULL;
		sender_free(sender);
		if (new_taker) {
			taker_free(taker, true);
			taker = taker_new(&config);
		} else {
			taker_again(taker);
		}
		sender = begin(from, span_of_text(after), new_taker);
	}
	if (r != OK)
		fail_msg("%s", why.text);
	assert_true(taker_state(taker).over && all + sent < most);
	sender_free(sender);
	taker_free(taker, false);
	same();
}

static void
without_a_break(void **unused)
{
	(void)unused;
	fill();
	with_breaks(false, UINT64_MAX, 4 * SUM_PIECE_BYTES);
	with_breaks(true, UINT64_MAX, 4 * SUM_PIECE_BYTES); /* over what is there */
}

/* A piece at least gets through each time, and is not sent again. */
static void
breaks_of_both(void **unused)
{
	(void)unused;
	fill();
	slices = 0;
	with_breaks(true, SUM_PIECE_BYTES + 3 * PIECE, 12 * SUM_PIECE_BYTES);
	assert_int_not_equal(slices, 0);
}

static void
breaks_of_the_sender(void **unused)
{
	(void)unused;
	fill();
	slices = 0;
	with_breaks(false, SUM_PIECE_BYTES + 3 * PIECE, 12 * SUM_PIECE_BYTES);
	assert_int_not_equal(slices, 0);
}

/* What is half there is of another file: it is found out, and sent whole. */
static void
another_half(void **unused)
{
	auto_fd int from = openat(top_fd, "from", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct taker_config config = {.target = target, .mode = 0777};
	struct taker *taker = taker_new(&config);
	struct sender *sender = begin(from, SPAN_NONE, false);
	auto_fd int big = -1;
	struct why why = {0};
	uint64_t sent;

	(void)unused;
	put("from/only", "");
	big = openat(top_fd, "from/only", O_WRONLY | O_CLOEXEC);
	for (uint64_t i = 0; i < 3 * SUM_PIECE_BYTES / 8; i++)
		assert_int_equal(write(big, &i, sizeof(i)), sizeof(i));
	assert_int_equal(talk(sender, taker, 2 * SUM_PIECE_BYTES, &sent, &why), OK);
	sender_free(sender);
	taker_again(taker);
	assert_int_equal(pwrite(big, "changed", 7, 100), 7);
	sender = begin(from, SPAN_NONE, false);
	assert_int_equal(talk(sender, taker, UINT64_MAX, &sent, &why), OK);
	assert_true(sender_state(sender).over && sent > 3 * SUM_PIECE_BYTES);
	sender_free(sender);
	taker_free(taker, false);
	same();
}

/* Two at a time at one file. */
static void
locked(void **unused)
{
	const struct parcel script[] = {MANY, FILE_OF("a", 9)};
	const struct taker_config config = {.target = target, .mode = 0777};
	struct taker *one = taker_new(&config), *two = taker_new(&config);
	struct why why = {0};

	(void)unused;
	assert_int_equal(play(one, script, COUNT(script), &why), OK);
	assert_int_equal(play(two, script, COUNT(script), &why), ERR_BUSY);
	taker_free(two, false);
	taker_free(one, true);
	assert_false(there("to/a"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hostile_senders),
	    cmocka_unit_test_setup_teardown(holes_of_breaks, setup, teardown),
	    cmocka_unit_test_setup_teardown(without_a_break, setup, teardown),
	    cmocka_unit_test_setup_teardown(breaks_of_both, setup, teardown),
	    cmocka_unit_test_setup_teardown(breaks_of_the_sender, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_half, setup, teardown),
	    cmocka_unit_test_setup_teardown(locked, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
