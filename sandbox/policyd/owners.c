/* Owners of a socket: each is identified by itself, and one that is not like the others spoils it for all. */
#include "sandbox/policyd/owners.h"

#include <stdlib.h>

static enum err
denied(struct owners *owners, const char *code, struct why *why, const char *words)
{
	owners->code = code;
	return fail(why, ERR_DENIED, "%s", words);
}

/* A process that holds the socket, and who it is. */
static enum err
identify(struct observer *observer, pid_t pid, struct process **process, struct identity **identity, struct why *why)
{
	enum err r = process_get(&observer->processes, pid, process, why);

	if (r == OK)
		r = identity_of(observer->identities, (*process)->dir, identity, why);
	else
		*identity = identity_fault(observer->identities, r, why);
	return r;
}

/* Room grows by powers of two. */
static void
put(struct owners *owners, struct process *process)
{
	size_t room = owners->n == 0 ? 1 : owners->n * 2;

	if ((owners->n & (owners->n - 1)) == 0 &&
	    (owners->items = reallocarray(owners->items, room, sizeof(struct process *))) == NULL)
		abort();
	owners->items[owners->n++] = process;
}

static enum err
add(struct observer *observer, pid_t pid, struct owners *owners, struct why *why)
{
	struct identity *identity = NULL;
	struct process *process = NULL;
	enum err r = identify(observer, pid, &process, &identity, why);

	if (r == OK && (owners->identity == NULL || owners->identity == identity)) {
		identity_unref(observer->identities, owners->identity);
		owners->identity = identity;
		put(owners, process);
		return OK;
	}
	process_unref(&observer->processes, process);
	if (r == ERR_MORE)
		return r;
	if (r == OK) {
		identity_unref(observer->identities, identity);
		return denied(owners, "shared_socket", why, "ambiguous shared socket ownership");
	}
	identity_unref(observer->identities, owners->identity);
	owners->identity = identity;
	owners->code = r == ERR_CONFLICT ? "integrity" : "identity";
	return ERR_DENIED;
}

/* The look must have seen everything: who cannot be looked into may hold anything. */
static enum err
holders(struct observer *observer, uint64_t inode, struct owners *owners, const struct holding **out, size_t *n,
    struct why *why)
{
	*out = look_holders(&observer->look, inode, n);
	if (observer->look.opaque != 0)
		return denied(owners, "identity", why, "a process of the sandbox cannot be looked into");
	if (*n == 0)
		return denied(owners, "identity", why, "no process holds the socket any more");
	if (*n > OWNERS_MAX)
		return denied(owners, "shared_socket", why, "too many processes hold the socket");
	return OK;
}

enum err
owners_find(struct observer *observer, uint64_t inode, struct owners *out, struct why *why)
{
	const struct holding *held;
	size_t n;
	enum err r;

	out->identity = NULL;
	out->n = 0;
	out->code = "";
	r = holders(observer, inode, out, &held, &n, why);
	for (size_t i = 0; r == OK && i < n; i++)
		r = add(observer, held[i].pid, out, why);
	if (r == ERR_MORE)
		owners_drop(observer, out);
	return r;
}

static bool
has(const struct owners *owners, pid_t pid)
{
	for (size_t i = 0; i < owners->n; i++)
		if (owners->items[i]->pid == pid)
			return true;
	return false;
}

static bool
holds(const struct holding *held, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (held[i].pid == pid)
			return true;
	return false;
}

static void
forget_leavers(struct observer *observer, struct owners *owners, const struct holding *held, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < owners->n; i++)
		if (holds(held, n, owners->items[i]->pid))
			owners->items[kept++] = owners->items[i];
		else
			process_unref(&observer->processes, owners->items[i]);
	owners->n = kept;
}

/* One that was not there before: it must be what the connection was admitted for. */
static enum err
join(struct observer *observer, pid_t pid, struct identity *identity, struct owners *owners, struct why *why)
{
	struct owners one = {.identity = identity_ref(identity)};
	enum err r;

	if (owners->n == OWNERS_MAX)
		return denied(owners, "shared_socket", why, "too many processes hold the socket");
	if ((r = add(observer, pid, &one, why)) == OK)
		put(owners, process_ref(one.items[0]));
	owners->code = one.code;
	owners_drop(observer, &one);
	return r;
}

enum err
owners_again(
    struct observer *observer, uint64_t inode, struct identity *identity, struct owners *owners, struct why *why)
{
	const struct holding *held;
	size_t n;
	enum err r = holders(observer, inode, owners, &held, &n, why);

	if (r != OK)
		return r;
	forget_leavers(observer, owners, held, n);
	for (size_t i = 0; r == OK && i < n; i++)
		if (!has(owners, held[i].pid))
			r = join(observer, held[i].pid, identity, owners, why);
	if (r == OK && !owners_same(observer, owners))
		r = denied(owners, "owner", why, "the process behind the connection is another now");
	return r;
}

bool
owners_same(struct observer *observer, const struct owners *owners)
{
	for (size_t i = 0; i < owners->n; i++)
		if (!process_same(&observer->processes, owners->items[i]))
			return false;
	return owners->n > 0;
}

void
owners_drop(struct observer *observer, struct owners *owners)
{
	for (size_t i = 0; i < owners->n; i++)
		process_unref(&observer->processes, owners->items[i]);
	free(owners->items);
	owners->items = NULL;
	owners->n = 0;
	identity_unref(observer->identities, owners->identity);
	owners->identity = NULL;
}
