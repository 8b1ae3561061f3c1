/* The gateways a client knows: their files in the configuration directory, and the choice of one. */
#ifndef CLIENTS_SDK_GATEWAY_H
#define CLIENTS_SDK_GATEWAY_H

#include "clients/sdk/entry.h"
#include "clients/sdk/files.h"

/* What the caller asked for; NULL: nothing. */
struct gateway_choice {
	const char *endpoint; /* --gateway-endpoint */
	const char *name;     /* --gateway or OPENSHELL_GATEWAY */
};

/* Read one by name, the user's before the system's; ERR_NOT_FOUND. */
enum err gateway_load(const struct places *places, const char *name, struct arena *arena, struct gateway *out,
    struct why *why) must_check;

/* All of them, sorted by name; the user's hide the system's. Files that cannot be read are left out. */
enum err gateway_list(
    const struct places *places, struct arena *arena, struct gateway **out, size_t *count, struct why *why) must_check;

/* Name of the active one, from the user's directory, then the system's; ERR_NOT_FOUND when neither names one.
 */
enum err gateway_active(const struct places *places, struct arena *arena, const char **out, struct why *why) must_check;

/*
 * Which gateway a command talks to: the endpoint, then the name, then the active one.
 *
 * errors  ERR_NOT_FOUND none is chosen, or it is not known: out->name is then set, out->endpoint NULL
 */
enum err gateway_resolve(const struct places *places, const struct gateway_choice *choice, struct arena *arena,
    struct gateway *out, struct why *why) must_check;

/* Write metadata.json in the user's directory. */
enum err gateway_store(const struct places *places, const struct gateway *gateway, struct why *why) must_check;

enum err gateway_select(const struct places *places, const char *name, struct why *why) must_check;

/* Remove the user's files of it; when it was active, none is. ERR_DENIED a system entry; ERR_NOT_FOUND. */
enum err gateway_remove(const struct places *places, const char *name, struct why *why) must_check;

/* Path of one of its files, in the user's directory; NULL past the arena's ceiling. */
const char *gateway_file(const struct places *places, const char *name, const char *file, struct arena *arena);

/*
 * Path of one of the certificate files ca.crt, tls.crt, tls.key: the user's where it exists, else the
 * system's for a system entry, else the user's.
 */
const char *gateway_mtls_file(
    const struct places *places, const struct gateway *gateway, const char *file, struct arena *arena);

/* Copy the local gateway's client certificate in, where none is stored; ERR_NOT_FOUND when there is none to
 * copy. */
enum err gateway_mtls_adopt(const struct places *places, const char *name, struct why *why) must_check;

/* The sandbox that was used last with this gateway and workspace; ERR_NOT_FOUND. */
enum err last_sandbox_load(const struct places *places, const char *gateway, const char *workspace, struct arena *arena,
    const char **out, struct why *why) must_check;
enum err last_sandbox_store(const struct places *places, const char *gateway, const char *workspace,
    const char *sandbox, struct why *why) must_check;

/* Forget it, if it is this one. */
void last_sandbox_forget(const struct places *places, const char *gateway, const char *workspace, const char *sandbox);

#endif
