/* The host key: an Ed25519 key of one start of the sandbox, made from the seed that its supervisor keeps. */
#ifndef SSHD_HOST_KEY_H
#define SSHD_HOST_KEY_H

#include <libssh/libssh.h>

#include "common/base/err.h"
#include "common/base/secret.h"

/*
 * The private key of a seed.
 *
 * seed    RFC 8032, 5.1.5
 * out     the caller frees it with ssh_key_free
 * errors  ERR_SYSTEM libssh takes no such key
 */
enum err host_key_new(const struct secret *seed, ssh_key *out, struct why *why) must_check;

#endif
