/* sock_diag: one exact question and its answer. What the kernel finds is compared with what was asked. */
#include "sandbox/policyd/diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clean.h"

#define ANSWER_BYTES 4096

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* An IPv4 address may come as ::ffff:a.b.c.d: then its last four bytes. */
static struct span
unmapped(struct span address)
{
	if (address.length == 16 && memcmp(address.at, mapped_prefix, sizeof(mapped_prefix)) == 0)
		return span_tail(address, 12);
	return address;
}

/* Not yet and no longer connected sockets, and listeners (whose look-up is tried last), are no ends of a connection. */
static bool
connected(uint8_t state)
{
	return state != TCP_LISTEN && state != TCP_SYN_SENT && state != TCP_SYN_RECV && state != TCP_TIME_WAIT &&
	       state != TCP_CLOSE;
}

/* The kernel takes the ends of UDP as a packet to that socket has them: the other way round. */
static void
ask_datagrams(struct inet_diag_req_v2 *request)
{
	struct inet_diag_sockid turned = request->id;

	turned.idiag_sport = request->id.idiag_dport;
	turned.idiag_dport = request->id.idiag_sport;
	memcpy(turned.idiag_src, request->id.idiag_dst, sizeof(turned.idiag_src));
	memcpy(turned.idiag_dst, request->id.idiag_src, sizeof(turned.idiag_dst));
	request->id = turned;
	request->sdiag_protocol = IPPROTO_UDP;
}

enum err
diag_request(
    const struct diag_ends *ends, uint32_t sequence, char to[DIAG_REQUEST_BYTES], size_t *length, struct why *why)
{
	struct span local = unmapped(ends->local), remote = unmapped(ends->remote);
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} m = {.header = {.nlmsg_len = sizeof(m),
		   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		   .nlmsg_flags = NLM_F_REQUEST,
		   .nlmsg_seq = sequence},
	    .request = {.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = ~0u,
		.id = {.idiag_sport = htons(ends->local_port),
		    .idiag_dport = htons(ends->remote_port),
		    .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}}};

	_Static_assert(sizeof(m) <= DIAG_REQUEST_BYTES, "room");
	if (local.length != remote.length || (local.length != 4 && local.length != 16))
		return fail(why, ERR_INVALID, "addresses of %zu and %zu bytes", local.length, remote.length);
	m.request.sdiag_family = local.length == 4 ? AF_INET : AF_INET6;
	memcpy(m.request.id.idiag_src, local.at, local.length);
	memcpy(m.request.id.idiag_dst, remote.at, remote.length);
	if (ends->datagrams)
		ask_datagrams(&m.request);
	memcpy(to, &m, sizeof(m));
	*length = sizeof(m);
	return OK;
}

static bool
is_address(const __be32 got[4], int family, struct span want)
{
	struct span address = span_of_bytes(got, family == AF_INET ? 4 : 16);

	return span_equal(unmapped(address), unmapped(want));
}

static enum err
closed(struct why *why)
{
	return fail(why, ERR_NOT_FOUND, "the agent's socket is closed already");
}

static enum err
take_inode(const struct inet_diag_msg *m, uint64_t *out, struct why *why)
{
	if (m->idiag_inode == 0)
		return closed(why);
	*out = m->idiag_inode;
	return OK;
}

static enum err
take(const struct inet_diag_msg *m, const struct diag_ends *ends, uint64_t *out, struct why *why)
{
	if ((m->idiag_family != AF_INET && m->idiag_family != AF_INET6) || ntohs(m->id.idiag_sport) != ends->local_port)
		return fail(why, ERR_NOT_FOUND, "no socket of the agent has this port");
	if (ends->datagrams) /* one that is not connected has neither address */
		return take_inode(m, out, why);
	if (ntohs(m->id.idiag_dport) != ends->remote_port ||
	    !is_address(m->id.idiag_src, m->idiag_family, ends->local) ||
	    !is_address(m->id.idiag_dst, m->idiag_family, ends->remote))
		return fail(why, ERR_NOT_FOUND, "no socket of the agent has these two ends");
	return connected(m->idiag_state) ? take_inode(m, out, why) : closed(why);
}

enum err
diag_answer(struct span bytes, const struct diag_ends *ends, uint32_t sequence, uint64_t *out, struct why *why)
{
	struct inet_diag_msg m;
	struct nlmsgerr error;
	struct nlmsghdr header;

	if (bytes.length < sizeof(header))
		return fail(why, ERR_PROTOCOL, "sock_diag answered %zu bytes", bytes.length);
	memcpy(&header, bytes.at, sizeof(header));
	if (header.nlmsg_seq != sequence)
		return ERR_MORE;
	if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > bytes.length)
		return fail(why, ERR_PROTOCOL, "sock_diag answered %u bytes of %zu", header.nlmsg_len, bytes.length);
	bytes = span_tail(span_head(bytes, header.nlmsg_len), sizeof(header));
	if (header.nlmsg_type == NLMSG_ERROR && bytes.length >= sizeof(error.error)) {
		memcpy(&error.error, bytes.at, sizeof(error.error));
		errno = -error.error;
		return fail_errno(
		    why, errno == ENOENT ? ERR_NOT_FOUND : ERR_PROTOCOL, "no socket of the agent has these two ends");
	}
	if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || bytes.length < sizeof(m))
		return fail(why, ERR_PROTOCOL, "sock_diag answered a message of type %u", header.nlmsg_type);
	memcpy(&m, bytes.at, sizeof(m));
	return take(&m, ends, out, why);
}

enum err
diag_find(int fd, uint32_t *sequence, const struct diag_ends *ends, uint64_t *out, struct why *why)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	char request[DIAG_REQUEST_BYTES], answer[ANSWER_BYTES];
	size_t length;
	ssize_t n;
	enum err r = diag_request(ends, ++*sequence, request, &length, why);

	if (r != OK)
		return r;
	if (sendto(fd, request, length, MSG_DONTWAIT, (struct sockaddr *)&kernel, sizeof(kernel)) != (ssize_t)length)
		return fail_errno(why, ERR_SYSTEM, "ask sock_diag");
	while ((n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) > 0)
		if ((r = diag_answer(span_of_bytes(answer, (size_t)n), ends, *sequence, out, why)) != ERR_MORE)
			return r;
	return fail_errno(why, ERR_SYSTEM, "sock_diag does not answer");
}
