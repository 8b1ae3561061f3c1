/* The socket of refused packets: one request to the kernel says which group, how much of a packet, and numbered. */
#include "sandbox/supervisor/refusals.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clean.h"

#define GROUP	      1	    /* of rules.h */
#define PACKET_BYTES  128   /* a head of IPv6 and of UDP, with room to spare */
#define MESSAGE_BYTES 512   /* the kernel's buffer for one */
#define BUFFER_BYTES  65536 /* some dozens of messages wait; more are lost, and counted by their numbers */
#define ANSWER_MS     1000

struct request {
	struct nlmsghdr header;
	struct nfgenmsg group;
	struct {
		struct nlattr head;
		struct nfulnl_msg_config_cmd value;
		uint8_t pad[3];
	} command;
	struct {
		struct nlattr head;
		struct nfulnl_msg_config_mode value;
		uint8_t pad[2];
	} mode;
	struct {
		struct nlattr head;
		uint32_t value;
	} threshold, room;
	struct {
		struct nlattr head;
		uint16_t value;
		uint8_t pad[2];
	} flags;
};

static struct request
request_of(uint16_t group)
{
	return (struct request){.header = {.nlmsg_len = sizeof(struct request),
				    .nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG,
				    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
	    .group = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(group)},
	    .command = {.head = {NLA_HDRLEN + 1, NFULA_CFG_CMD}, .value = {NFULNL_CFG_CMD_BIND}},
	    .mode = {.head = {NLA_HDRLEN + sizeof(struct nfulnl_msg_config_mode), NFULA_CFG_MODE},
		.value = {.copy_range = htonl(PACKET_BYTES), .copy_mode = NFULNL_COPY_PACKET}},
	    .threshold = {.head = {NLA_HDRLEN + 4, NFULA_CFG_QTHRESH}, .value = htonl(1)},
	    .room = {.head = {NLA_HDRLEN + 4, NFULA_CFG_NLBUFSIZ}, .value = htonl(MESSAGE_BYTES)},
	    .flags = {.head = {NLA_HDRLEN + 2, NFULA_CFG_FLAGS}, .value = htons(NFULNL_CFG_F_SEQ)}};
}

/* The kernel's answer: an error number, 0 for done. */
static enum err
answered(int fd, struct why *why)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} answer;
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	ssize_t n = poll(&wait, 1, ANSWER_MS) == 1 ? recv(fd, &answer, sizeof(answer), 0) : -1;

	if (n < (ssize_t)sizeof(answer) || answer.header.nlmsg_type != NLMSG_ERROR)
		return fail(why, ERR_STATE, "the kernel does not answer");
	errno = -answer.error.error;
	return errno == 0 ? OK : fail_errno(why, ERR_STATE, "packets cannot be logged");
}

enum err
refusals_open(int *out, struct why *why)
{
	struct request request = request_of(GROUP);
	auto_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	int room = BUFFER_BYTES, on = 1;
	enum err r = OK;

	_Static_assert(sizeof(struct request) == 20 + 8 + 12 + 8 + 8 + 8, "attributes are aligned to 4, with no gap");
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)) < 0)
		return fail_errno(why, ERR_SYSTEM, "nfnetlink");
	if (send(fd, &request, sizeof(request), 0) != (ssize_t)sizeof(request))
		r = fail_errno(why, ERR_STATE, "packets cannot be logged");
	else
		r = answered(fd, why);
	*out = fd_take(&fd);
	return r;
}

void
refusals_forget(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, MSG_DONTWAIT) > 0)
		continue;
}
