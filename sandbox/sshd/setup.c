/* Set-up: copied out of the message, which is left without the key. */
#include "sandbox/sshd/setup.h"

#include <assert.h>
#include <string.h>

#include "common/base/clean.h"

/*
 * The connection to serve. Taken once; libssh begins when the jail has been entered.
 *
 * in      ssh_setup, from the supervisor, with two descriptors: the connection, the channel to link
 * out     done
 * errors  ERR_PROTOCOL without the two descriptors; ERR_RANGE
 */
enum err
ssh_setup(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct sshd *sshd = self;
	const struct msg_ssh_setup *in = &m->ssh_setup;

	if (m->fds_n != 2)
		return fail(why, ERR_PROTOCOL, "%zu descriptors where connection and link were wanted", m->fds_n);
	if (!span_copy(in->workspace, sshd->setup.workspace, sizeof(sshd->setup.workspace)))
		return fail(why, ERR_RANGE, "the workspace's path has over %d bytes", WORKSPACE_BYTES - 1);
	assert(in->host_key.length == sizeof(sshd->setup.host_key)); /* the codec saw to it */
	memcpy(sshd->setup.host_key.bytes, in->host_key.at, sizeof(sshd->setup.host_key));
	explicit_bzero((void *)(uintptr_t)in->host_key.at, in->host_key.length);
	sshd->setup.bash = in->bash;
	sshd->setup.connection = fd_take(&m->fds[0]);
	sshd->setup.link = fd_take(&m->fds[1]);
	sshd->bus.state = SSHD_RUNNING;
	sshd->ready = true;
	answer->id = DONE;
	return OK;
}
