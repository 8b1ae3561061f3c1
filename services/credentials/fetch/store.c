/* What the jobs for secret stores share: the token's file, the request, the meaning of a status. */
#include <fcntl.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "services/credentials/fetch/jobs.h"

#define TOKEN_MAX 16384

enum err
job_file(struct fetch *fetch, const char *name, struct span *out, struct why *why)
{
	struct text room = job_room(fetch, TOKEN_MAX);
	auto_fd int fd = -1;
	struct span path, token;
	char text[1024];
	ssize_t n;
	enum err r;

	if ((r = job_need(fetch, name, &path, why)) != OK)
		return r;
	if (!span_copy(path, text, sizeof(text)) || (fd = open(text, O_RDONLY | O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "%s: open " SPAN_FORMAT, name, SPAN_ARGS(path));
	if ((n = read(fd, room.at, TOKEN_MAX - 1)) < 0)
		return fail_errno(why, ERR_SYSTEM, "%s: read", name);
	token = span_of_bytes(room.at, (size_t)n);
	while (token.length > 0 && strchr(" \t\r\n", token.at[token.length - 1]) != NULL)
		token.length--;
	for (size_t i = 0; i < token.length; i++)
		if (token.at[i] <= ' ' || token.at[i] > '~')
			return fail(why, ERR_INVALID, "%s holds a byte that no token may hold", name);
	if (token.length == 0)
		return fail(why, ERR_INVALID, "%s is empty", name);
	*out = token;
	return OK;
}

static const struct {
	unsigned status;
	enum err means;
} statuses[] = {{400, ERR_INVALID}, {401, ERR_UNAVAILABLE}, {403, ERR_UNAVAILABLE}, {404, ERR_NOT_FOUND},
    {409, ERR_EXISTS}, {422, ERR_INVALID}};

enum err
store_ask(struct fetch *fetch, const char *method, struct span target, struct span fields, struct span body,
    struct https_answer *out, struct why *why)
{
	struct https_request request = {.method = span_of_text(method),
	    .limit_ms = fetch->job->limit_ms,
	    .target = target,
	    .fields = fields,
	    .body = body};
	enum err means = ERR_UNAVAILABLE, r;
	struct span address;

	if ((r = job_need(fetch, "address", &address, why)) != OK ||
	    (r = https_url_parse(address, false, &request.url, why)) != OK)
		return because(why, r, "the secret store");
	if ((r = fetch_ask(fetch, &request, out, why)) != OK)
		return because(why, r, "the secret store");
	if (out->status >= 200 && out->status < 300)
		return OK;
	for (size_t i = 0; i < COUNT(statuses); i++)
		if (statuses[i].status == out->status)
			means = statuses[i].means;
	return fail(why, means, "the secret store answered %u", out->status);
}
