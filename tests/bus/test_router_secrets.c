/* router: what it takes as secrets, and what a hostile link or relay may try; each time the last good set stays. */
#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>

#include "common/provider/places.h"
#include "tests/bus/router_stage.h"

static struct span tokens[] = {SPAN("v1_A"), SPAN("v1_B")};
static struct msg_binding bindings[] = {{SPAN("up.test"), 443, SPAN_NONE}};

static struct msg_secret_entry
entry(size_t token)
{
	return (struct msg_secret_entry){.slot = SPAN("A"),
	    .tokens = &tokens[token],
	    .tokens_n = 1,
	    .places = SECRET_ANYWHERE,
	    .value = SPAN(CANARY),
	    .bindings = bindings,
	    .bindings_n = 1};
}

static void
good(uint64_t revision)
{
	struct msg_secret_entry a = entry(0);
	struct push push;

	push_make(&push, revision, 0, 1, &a, 1);
	push_send(&push);
	assert_int_equal(slots_hear(revision), 1);
	expect_applied(revision, true, NULL);
}

/* What is in use is what the proxy hears when it comes anew. */
static void
still(uint64_t revision)
{
	proxy_give();
	assert_int_equal(slots_hear(revision), 1);
}

static void
a_revision_is_in_use_when_the_proxy_knows_it(void **unused)
{
	struct msg_secret_entry a = entry(0);
	struct push push;
	struct heard *slots;

	(void)unused;
	push_make(&push, 5, 0, 1, &a, 1);
	push_send(&push);
	slots = actor_hear(&proxy, SLOTS);
	assert_true(slots->msg.slots.first && slots->msg.slots.last);
	assert_true(span_is(slots->msg.slots.tokens[0], "v1_A"));
	assert_null(actor_heard(&supervisor, SECRETS_APPLIED));
	reply_send(&slots->reply, &(struct msg){.id = DONE});
	heard_free(slots);
	expect_applied(5, true, NULL);
}

static void
chunks_make_one_revision(void **unused)
{
	struct msg_secret_entry a = entry(0), b = entry(1);
	struct push push;

	(void)unused;
	push_make(&push, 5, 0, 2, &a, 1);
	push_send(&push);
	push_make(&push, 5, 1, 2, &b, 1);
	push_send(&push);
	assert_int_equal(slots_hear(5), 2);
	expect_applied(5, true, NULL);
}

/* More than one message holds: the proxy hears of all, in two. */
static void
thousands_of_secrets_are_told_in_parts(void **unused)
{
	enum { CHUNKS = 70, EACH = 64 };
	static char names[EACH][16];
	static struct span keys[EACH];
	struct msg_secret_entry entries[EACH];
	struct push push;

	(void)unused;
	for (uint16_t chunk = 0; chunk < CHUNKS; chunk++) {
		for (size_t i = 0; i < EACH; i++) {
			snprintf(names[i], sizeof(names[i]), "v1_K%zu", (size_t)chunk * EACH + i);
			keys[i] = span_of_text(names[i]);
			entries[i] = entry(0);
			entries[i].tokens = &keys[i];
		}
		push_make(&push, 5, chunk, CHUNKS, entries, EACH);
		push_send(&push);
	}
	assert_int_equal(slots_hear(5), CHUNKS * EACH);
	expect_applied(5, true, NULL);
}

static void
another_key_than_credentials_is_refused(void **unused)
{
	struct msg_secret_entry a = entry(0);
	struct push push;

	(void)unused;
	good(5);
	push_forge(&push, 6, &a, 1);
	push_send(&push);
	expect_applied(6, false, "not from credentials");
	still(5);
}

static void
a_changed_byte_is_refused(void **unused)
{
	struct msg_secret_entry a = entry(0);
	struct push push;

	(void)unused;
	good(5);
	push_make(&push, 6, 0, 1, &a, 1);
	push.box[push.msg.secrets_push.box.length - 1] ^= 1;
	push_send(&push);
	expect_applied(6, false, "not from credentials");
	still(5);
}

static void
an_older_revision_is_refused(void **unused)
{
	struct msg_secret_entry a = entry(0);
	struct push push;

	(void)unused;
	good(5);
	push_make(&push, 4, 0, 1, &a, 1);
	push_send(&push);
	expect_applied(4, false, "older");
	push_make(&push, 4, 0, 1, &a, 1);
	push.msg.secrets_push.revision = 9; /* what is outside says so; what is inside does not */
	push_send(&push);
	expect_applied(9, false, "another revision");
	still(5);
}

static void
another_sandbox_or_start_is_refused(void **unused)
{
	struct msg_secret_entry a = entry(0);
	struct push push;

	(void)unused;
	good(5);
	push_make(&push, 6, 0, 1, &a, 1);
	push.msg.secrets_push.sandbox = (struct id){{8}};
	push_send(&push);
	expect_applied(6, false, "another sandbox");
	push_make(&push, 6, 0, 1, &a, 1);
	push.msg.secrets_push.epoch++;
	push_send(&push);
	expect_applied(6, false, "another sandbox");
	still(5);
}

static void
chunks_that_are_swapped_missing_or_mixed_are_refused(void **unused)
{
	struct msg_secret_entry a = entry(0), b = entry(1);
	struct push first, second, third;

	(void)unused;
	good(5);
	push_make(&first, 6, 0, 3, &a, 1);
	push_make(&second, 6, 1, 3, &b, 1);
	push_make(&third, 6, 2, 3, NULL, 0);
	push_send(&first);
	push_send(&third); /* the second is missing */
	expect_applied(6, false, "not the one that follows");
	push_send(&second); /* nothing is there that it follows */
	expect_applied(6, false, "without those before it");
	push_send(&first);
	second.msg.secrets_push.chunk = 1;
	third.msg.secrets_push.chunk = 1; /* swapped, and numbered as if not */
	push_send(&third);
	expect_applied(6, false, "another's place");
	push_make(&second, 7, 1, 3, &b, 1);
	second.msg.secrets_push.revision = 6;
	push_send(&first);
	push_send(&second); /* of another revision */
	expect_applied(6, false, "another revision");
	still(5);
}

static void
a_token_for_two_secrets_is_refused(void **unused)
{
	struct msg_secret_entry twice[] = {entry(0), entry(0)};
	struct push push;

	(void)unused;
	good(5);
	push_make(&push, 6, 0, 1, twice, 2);
	push_send(&push);
	expect_applied(6, false, "two secrets");
	still(5);
}

static void
a_router_that_was_killed_takes_the_same_boxes_again(void **unused)
{
	struct msg_secret_entry a = entry(0);
	struct push push;

	(void)unused;
	push_make(&push, 5, 0, 1, &a, 1);
	push_send(&push);
	assert_int_equal(slots_hear(5), 1);
	expect_applied(5, true, NULL);
	child_kill(&child, SIGKILL);
	actor_wait_down(&supervisor, 1);
	actor_wait_down(&proxy, 1);
	router_again();
	push_send(&push);
	expect_applied(5, true, NULL); /* there is no proxy yet that would have to know */
	proxy_give();
	assert_int_equal(slots_hear(5), 1);
}

static void
only_the_supervisor_brings_secrets(void **unused)
{
	struct msg_secret_entry a = entry(0);
	struct push push;

	(void)unused;
	good(5);
	push_make(&push, 6, 0, 1, &a, 1);
	tell(proxy.peer, &push.msg); /* its role may not: the channel is cut */
	actor_wait_down(&proxy, 1);
	still(5);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_revision_is_in_use_when_the_proxy_knows_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(chunks_make_one_revision, setup, teardown),
	    cmocka_unit_test_setup_teardown(thousands_of_secrets_are_told_in_parts, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_key_than_credentials_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_changed_byte_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_older_revision_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_sandbox_or_start_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(chunks_that_are_swapped_missing_or_mixed_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_token_for_two_secrets_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_router_that_was_killed_takes_the_same_boxes_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(only_the_supervisor_brings_secrets, setup, teardown),
	};

	return stage_begin(argc, argv) ? cmocka_run_group_tests(tests, NULL, NULL) : 2;
}
