/* Routes: which message goes where in the SSH server, and in which state. */
#include "sandbox/sshd/routes.h"

#include "sandbox/sshd/attach.h"
#include "sandbox/sshd/command.h"
#include "sandbox/sshd/setup.h"

/*
 * A command, or the main process, ended.
 *
 * in      exec_exited, from the supervisor (a command) or from link (the main process)
 */
static enum err
exec_exited(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)answer;
	(void)why;
	return m->from->role == ROLE_LINK ? attach_exited(self, &m->exec_exited)
					  : command_exited(self, &m->exec_exited);
}

const struct route sshd_routes[] = {
    {SSH_SETUP, ssh_setup, SSHD_WAITING, 0},
    {EXEC_EXITED, exec_exited, SSHD_RUNNING, 0},
    {STREAM_DATA, attach_data, SSHD_RUNNING, 0},
    {STREAM_GRANT, attach_grant, SSHD_RUNNING, 0},
    {STREAM_END, attach_end, SSHD_RUNNING, 0},
    {DOOR_CLOSED, attach_closed, SSHD_RUNNING, 0},
    {0},
};
