/* Account files: what a sandbox on a host sees in place of the host's passwd, group, hosts, resolv.conf and the like. */
#ifndef SANDBOX_SUPERVISOR_ACCOUNT_H
#define SANDBOX_SUPERVISOR_ACCOUNT_H

#include <stddef.h>

#include "common/bus/message.h"

#define ACCOUNT_BYTES 1024

/* A file; %U is the agent's user id, %G its group id, %N the host name. */
struct account_file {
	const char *path, *pattern;
};

extern const struct account_file account_files[];
extern const size_t account_files_n;

/* Fill the pattern in; the longest name fits. */
void account_write(const struct account_file *file, const struct msg_spawner_setup *setup, char to[ACCOUNT_BYTES]);

#endif
