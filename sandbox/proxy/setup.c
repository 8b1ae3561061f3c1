/* Set-up: authority, trust anchors, resolvers; then listeners, names of an earlier proxy, and channels. */
#include "sandbox/proxy/setup.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/channel.h"
#include "sandbox/proxy/accept.h"
#include "sandbox/proxy/ca.h"
#include "sandbox/proxy/dns.h"
#include "sandbox/proxy/events.h"
#include "sandbox/proxy/metadata.h"
#include "sandbox/proxy/names.h"
#include "sandbox/proxy/onward.h"
#include "sandbox/proxy/proxy.h"
#include "common/resolve/resolve.h"
#include "sandbox/proxy/tls.h"

static enum err
authority_make(const struct msg_proxy_setup *in, struct ca **out, struct why *why)
{
	enum err r;

	if (in->ca_key.length == 0)
		return ca_new(out, why);
	r = ca_load(in->ca_key, in->ca_certificate, out, why);
	explicit_bzero((void *)(uintptr_t)in->ca_key.at, in->ca_key.length);
	return r;
}

static enum err
answer_ready(const struct ca *ca, struct msg *m, struct msg *answer, struct why *why)
{
	unsigned char *key;
	char *pem;
	size_t key_length = ca_key(ca, &key), pem_length = ca_pem(ca, &pem);
	enum err r;

	answer->id = PROXY_READY;
	if ((r = arena_span(m->arena, span_of_bytes(key, key_length), &answer->proxy_ready.ca_key)) == OK)
		r = arena_span(m->arena, span_of_bytes(pem, pem_length), &answer->proxy_ready.ca_certificate);
	OPENSSL_clear_free(key, key_length);
	OPENSSL_free(pem);
	return r == OK ? OK : fail(why, r, "the answer is too long");
}

/*
 * Be the proxy of this sandbox. Taken once; the jail is entered behind it.
 *
 * in      proxy_setup with the trust anchors on a descriptor, from the supervisor
 * out     proxy_ready: the authority, for the next proxy
 * errors  ERR_INVALID an authority or resolver that is none
 */
enum err
proxy_setup(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct proxy *proxy = self;
	const struct msg_proxy_setup *in = &m->proxy_setup;
	struct ca *ca = NULL;
	enum err r;

	if ((r = authority_make(in, &ca, why)) != OK)
		return r;
	if ((r = onward_new(in, &proxy->onward, why)) != OK ||
	    (r = resolver_new(
		 proxy->loop, in->resolvers, in->resolvers_n, in->hosts, in->hosts_n, &proxy->resolver, why)) != OK ||
	    (r = answer_ready(ca, m, answer, why)) != OK) {
		ca_free(ca);
		return r;
	}
	proxy->tls = tls_new(ca, m->fds_n > 0 ? fd_take(&m->fds[0]) : -1);
	proxy->sandbox = in->sandbox;
	proxy->bus.state = PROXY_RUNNING;
	proxy->ready = true;
	return OK;
}

/*
 * The agent's network stands: accept.
 *
 * in      proxy_listen with five descriptors, or six with the metadata emulator's, from the supervisor
 * out     done
 * errors  ERR_PROTOCOL another number of descriptors; ERR_EXISTS it listens already
 */
enum err
proxy_listen(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct proxy *proxy = self;
	enum err r;

	if (m->fds_n != LISTENERS + 2 && m->fds_n != LISTENERS + 3)
		return fail(why, ERR_PROTOCOL, "proxy_listen came with %zu descriptors", m->fds_n);
	if (proxy->accept != NULL)
		return fail(why, ERR_EXISTS, "it listens already");
	if ((r = accept_new(proxy, m->fds, &proxy->accept, why)) != OK ||
	    (r = dns_new(proxy, fd_take(&m->fds[LISTENERS]), fd_take(&m->fds[LISTENERS + 1]), &proxy->dns, why)) !=
		OK ||
	    (m->fds_n > LISTENERS + 2 &&
		(r = metadata_new(proxy, fd_take(&m->fds[LISTENERS + 2]), &proxy->metadata, why)) != OK))
		return r;
	answer->id = DONE;
	return OK;
}

/*
 * Synthetic addresses that an earlier proxy gave out.
 *
 * in      proxy_names, from the supervisor; what cannot be read or is taken is left out
 */
enum err
proxy_names(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct proxy *proxy = self;

	(void)why;
	for (size_t i = 0; i < m->proxy_names.names_n; i++) {
		struct span name = m->proxy_names.names[i], text = span_cut(&name, ' ');
		struct address address;
		char copy[254];

		if (address_parse(text, &address) && host_well_formed(name) && span_copy(name, copy, sizeof(copy)))
			names_restore(proxy->names, &address, copy, clock_ms());
	}
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}

/* Whom a channel is to: where it is kept, and what is to be done with a new one. */
static struct peer **
place_of(struct proxy *proxy, uint32_t role)
{
	return role == ROLE_POLICYD  ? &proxy->policyd
	       : role == ROLE_LINK   ? &proxy->link
	       : role == ROLE_ROUTER ? &proxy->router
				     : NULL;
}

/*
 * A channel to policyd, the link or the router; the one before it is cut.
 *
 * in      channel_give with one descriptor, from the supervisor
 * out     done, where an answer is wanted
 * errors  ERR_PROTOCOL no descriptor; ERR_INVALID another role
 */
enum err
channel_give(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct proxy *proxy = self;
	struct peer **place = place_of(proxy, m->channel_give.role), *peer;
	enum err r;

	if (m->fds_n != 1)
		return fail(why, ERR_PROTOCOL, "channel_give came with %zu descriptors", m->fds_n);
	if (place == NULL)
		return fail(why, ERR_INVALID, "a channel to a role that is not spoken with");
	if (*place != NULL)
		(*place)->transport->cut(*place); /* peer_down empties the place */
	r = channel_open(&proxy->bus, (enum role)m->channel_give.role, role_name((enum role)m->channel_give.role),
	    fd_take(&m->fds[0]), &peer, why);
	if (r != OK)
		return r;
	*place = peer_ref(peer);
	if (place == &proxy->policyd) {
		proxy->generation = 0; /* a new one counts anew, and knows no connection */
		proxy->policyd_life++;
	} else if (place == &proxy->link)
		events_send(proxy);
	if (m->call != 0)
		answer->id = DONE;
	return OK;
}
