/* The Workload API: one call over its socket, whose answer is a stranger's. */
#include "sandbox/grant/grant.h"

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/rpc/client.h"
#include "spiffe/workload.pb-c.h"

#define SVID_MAX  16384
#define WORDS_MAX 200

bool
svid_is_jwt(struct span text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t parts = 1, length = 0;

	for (size_t i = 0; i < text.length; i++)
		if (text.at[i] == '.') {
			if (length == 0)
				return false;
			parts++;
			length = 0;
		} else if (span_only(span_head(span_tail(text, i), 1), letters))
			length++;
		else
			return false;
	return parts == 3 && length > 0;
}

/* Of a stranger's words those letters that harm no log. */
static void
words_of(const char *from, struct text *to)
{
	for (size_t i = 0; i < WORDS_MAX && from[i] != '\0'; i++)
		text_add(to, "%c", from[i] >= ' ' && from[i] <= '~' ? from[i] : '?');
}

static enum err
refused(const struct rpc_status *status, struct why *why)
{
	char room[WORDS_MAX + 1];
	struct text words = TEXT_OF(room);

	words_of(status->message, &words);
	return fail(why, status->code == 7 || status->code == 16 ? ERR_DENIED : ERR_UNAVAILABLE,
	    "the Workload API: %s" SPAN_FORMAT, status->code == 7 ? "no identity for this sandbox: " : "",
	    SPAN_ARGS(text_span(&words)));
}

enum err
svid_take(const Spiffe__JWTSVIDResponse *answer, struct arena *arena, struct span *out, struct why *why)
{
	struct span svid;

	if (answer->n_svids == 0 || answer->svids[0]->svid == NULL)
		return fail(why, ERR_PROTOCOL, "the Workload API answered without an SVID");
	svid = span_of_text(answer->svids[0]->svid);
	if (svid.length > SVID_MAX || !svid_is_jwt(svid))
		return fail(why, ERR_PROTOCOL, "the Workload API answered with what is no JWT");
	return arena_span(arena, svid, out) == OK ? OK : fail(why, ERR_LIMIT, "no room for an SVID");
}

static uint32_t
left_ms(const struct grant *grant)
{
	uint64_t now_ms = clock_ms();

	return grant->until_ms > now_ms ? (uint32_t)(grant->until_ms - now_ms) : 1;
}

enum err
svid_fetch(struct grant *grant, struct span *out, struct why *why)
{
	struct rpc_client_config config = {.loop = grant->loop,
	    .endpoint = grant->endpoint,
	    .connect_timeout_ms = left_ms(grant),
	    .field = "workload.spiffe.io",
	    .field_value = "true"};
	char *audience = arena_text(&grant->memory, grant->job.svid_audience);
	Spiffe__JWTSVIDRequest request = SPIFFE__JWTSVIDREQUEST__INIT;
	struct rpc_client *client = NULL;
	ProtobufCMessage *answer = NULL;
	struct rpc_status status = {0};
	enum err r;

	if (audience == NULL)
		return fail(why, ERR_LIMIT, "no room for an audience");
	request.audience = &audience;
	request.n_audience = 1;
	if ((r = rpc_client_new(&client, &config, why)) != OK)
		return because(why, ERR_UNAVAILABLE, "the Workload API");
	if (rpc_unary(client, "/SpiffeWorkloadAPI/FetchJWTSVID", &request.base, &spiffe__jwtsvidresponse__descriptor,
		left_ms(grant), &answer, &status) != OK)
		r = refused(&status, why);
	else
		r = svid_take((const Spiffe__JWTSVIDResponse *)answer, &grant->memory, out, why);
	if (answer != NULL)
		protobuf_c_message_free_unpacked(answer, NULL);
	rpc_client_free(client);
	return r;
}
