/* sock_diag: what is asked, and that an answer about another socket is none. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "common/base/clean.h"
#include "sandbox/policyd/diag.h"

#define SEQUENCE 9

static const uint8_t one[4] = {10, 0, 0, 1}, two[4] = {192, 0, 2, 7};
static const uint8_t one_mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
static const uint8_t two_mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7};
static const uint8_t six[16] = {0xfd, 0x23, 0x6f, 0x70, 0x65, 0x6e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

static struct diag_ends
ends_of(const void *local, size_t local_length, const void *remote, size_t remote_length)
{
	return (struct diag_ends){.local = span_of_bytes(local, local_length),
	    .remote = span_of_bytes(remote, remote_length),
	    .local_port = 40000,
	    .remote_port = 443};
}

static void
test_request(void **unused)
{
	struct diag_ends plain = ends_of(one, 4, two, 4), mapped = ends_of(one_mapped, 16, two_mapped, 16);
	struct diag_ends wide = ends_of(six, 16, six, 16), wrong = ends_of(one, 4, six, 16),
			 none = ends_of(one, 0, two, 0);
	char a[DIAG_REQUEST_BYTES], b[DIAG_REQUEST_BYTES];
	struct inet_diag_req_v2 request;
	size_t n = 0, m = 0;
	struct why why;

	(void)unused;
	assert_int_equal(diag_request(&plain, SEQUENCE, a, &n, &why), OK);
	assert_int_equal(diag_request(&mapped, SEQUENCE, b, &m, &why), OK);
	assert_int_equal(n, m);
	assert_memory_equal(a, b, n); /* the kernel keeps such a socket among those of IPv4 */
	memcpy(&request, a + sizeof(struct nlmsghdr), sizeof(request));
	assert_int_equal(request.sdiag_family, AF_INET);
	assert_memory_equal(request.id.idiag_src, one, 4);
	assert_memory_equal(request.id.idiag_dst, two, 4);
	assert_int_equal(ntohs(request.id.idiag_sport), 40000);
	assert_int_equal(diag_request(&wide, SEQUENCE, a, &n, &why), OK);
	memcpy(&request, a + sizeof(struct nlmsghdr), sizeof(request));
	assert_int_equal(request.sdiag_family, AF_INET6);
	assert_int_equal(diag_request(&wrong, SEQUENCE, a, &n, &why), ERR_INVALID);
	assert_int_equal(diag_request(&none, SEQUENCE, a, &n, &why), ERR_INVALID);
}

struct answer {
	struct nlmsghdr header;
	struct inet_diag_msg body;
};

static struct answer
answer_of(const struct diag_ends *ends)
{
	struct answer answer = {
	    .header = {.nlmsg_len = sizeof(answer), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_seq = SEQUENCE},
	    .body = {.idiag_family = ends->local.length == 4 ? AF_INET : AF_INET6,
		.idiag_state = TCP_ESTABLISHED,
		.idiag_inode = 4711,
		.id = {.idiag_sport = htons(ends->local_port), .idiag_dport = htons(ends->remote_port)}}};

	memcpy(answer.body.id.idiag_src, ends->local.at, ends->local.length);
	memcpy(answer.body.id.idiag_dst, ends->remote.at, ends->remote.length);
	return answer;
}

static enum err
read_answer(const struct answer *answer, size_t length, const struct diag_ends *ends, uint64_t *inode)
{
	struct why why;

	return diag_answer(span_of_bytes(answer, length), ends, SEQUENCE, inode, &why);
}

static void
test_answer(void **unused)
{
	struct diag_ends plain = ends_of(one, 4, two, 4), mapped = ends_of(one_mapped, 16, two_mapped, 16);
	static const uint8_t not_connected[] = {TCP_LISTEN, TCP_SYN_SENT, TCP_SYN_RECV, TCP_TIME_WAIT, TCP_CLOSE};
	struct answer good = answer_of(&plain), answer = answer_of(&mapped);
	uint64_t inode = 0;

	(void)unused;
	assert_int_equal(read_answer(&good, sizeof(good), &plain, &inode), OK);
	assert_true(inode == 4711);
	assert_int_equal(
	    read_answer(&answer, sizeof(answer), &plain, &inode), OK); /* an IPv6 socket that speaks IPv4 */
	assert_int_equal(read_answer(&good, sizeof(good), &mapped, &inode), OK);

	inode = 1;
	for (size_t i = 0; i < COUNT(not_connected); i++) {
		answer = good;
		answer.body.idiag_state = not_connected[i];
		assert_int_equal(read_answer(&answer, sizeof(answer), &plain, &inode), ERR_NOT_FOUND);
	}
	answer = good;
	answer.body.idiag_inode = 0;
	assert_int_equal(read_answer(&answer, sizeof(answer), &plain, &inode), ERR_NOT_FOUND);
	answer = good;
	answer.body.id.idiag_sport = htons(40001);
	assert_int_equal(read_answer(&answer, sizeof(answer), &plain, &inode), ERR_NOT_FOUND);
	answer = good;
	answer.body.id.idiag_dport = htons(444);
	assert_int_equal(read_answer(&answer, sizeof(answer), &plain, &inode), ERR_NOT_FOUND);
	answer = good;
	((uint8_t *)answer.body.id.idiag_dst)[3]++;
	assert_int_equal(read_answer(&answer, sizeof(answer), &plain, &inode), ERR_NOT_FOUND);
	answer = good;
	answer.body.idiag_family = AF_UNIX;
	assert_int_equal(read_answer(&answer, sizeof(answer), &plain, &inode), ERR_NOT_FOUND);
	assert_true(inode == 1);
}

static void
test_malformed_answers(void **unused)
{
	struct diag_ends plain = ends_of(one, 4, two, 4);
	struct answer good = answer_of(&plain), answer = good;
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} error = {.header = {.nlmsg_len = sizeof(error), .nlmsg_type = NLMSG_ERROR, .nlmsg_seq = SEQUENCE},
	    .error = {.error = -ENOENT}};
	uint64_t inode = 1;
	struct why why;

	(void)unused;
	answer.header.nlmsg_seq++;
	assert_int_equal(read_answer(&answer, sizeof(answer), &plain, &inode), ERR_MORE); /* an older question's */
	for (size_t n = 0; n < sizeof(good); n++)
		assert_int_equal(read_answer(&good, n, &plain, &inode), ERR_PROTOCOL);
	answer = good;
	answer.header.nlmsg_len = sizeof(answer) - 1;
	assert_int_equal(read_answer(&answer, sizeof(answer), &plain, &inode), ERR_PROTOCOL);
	answer.header.nlmsg_len = 3;
	assert_int_equal(read_answer(&answer, sizeof(answer), &plain, &inode), ERR_PROTOCOL);
	answer = good;
	answer.header.nlmsg_type = NLMSG_DONE;
	assert_int_equal(read_answer(&answer, sizeof(answer), &plain, &inode), ERR_PROTOCOL);
	assert_int_equal(
	    diag_answer(span_of_bytes(&error, sizeof(error)), &plain, SEQUENCE, &inode, &why), ERR_NOT_FOUND);
	error.error.error = -EPERM;
	assert_int_equal(
	    diag_answer(span_of_bytes(&error, sizeof(error)), &plain, SEQUENCE, &inode, &why), ERR_PROTOCOL);
	assert_true(inode == 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_answer),
	    cmocka_unit_test(test_malformed_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
