/* Sessions: found by their sandbox, ended by cutting their connection. */
#include "services/relay/session.h"

#include "common/base/log.h"

uint64_t
session_hash(struct id sandbox)
{
	uint64_t half[2];

	memcpy(half, sandbox.bytes, sizeof(half));
	return table_mix(half[0] ^ table_mix(half[1]));
}

struct session *
session_find(const struct relay *relay, struct id sandbox)
{
	struct table_entry *entry = table_first(&relay->by_sandbox, session_hash(sandbox));

	for (; entry != NULL; entry = table_next(entry)) {
		struct session *session = table_item(entry, struct session, by_sandbox);

		if (id_equal(session->sandbox, sandbox))
			return session;
	}
	return NULL;
}

void
session_cut(struct session *session, const char *event, const char *words)
{
	log_warning(event, "sandbox=%s epoch=%u why=\"%s\"", id_text(session->sandbox), session->epoch, words);
	session->peer->transport->cut(session->peer);
}
