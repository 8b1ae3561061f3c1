/* Attachments: clients that take part in the sandbox's main process, whose streams link keeps (subsystem
 * openshell-main). */
#ifndef SSHD_ATTACH_H
#define SSHD_ATTACH_H

#include "sandbox/sshd/lane.h"

/* Take part. How it fails is told to the client as a command's errors are. */
void attach_start(struct lane *lane);

/* Link is gone, and with it the main process's streams: clients hear it. */
void attachments_lost(struct sshd *sshd);

/* The connection is over: nobody is told. */
void attachments_end(struct sshd *sshd);

/* The main process ended. For the handler of exec_exited. */
enum err attach_exited(struct sshd *sshd, const struct msg_exec_exited *m);

handler attach_data, attach_grant, attach_end, attach_closed;

#endif
