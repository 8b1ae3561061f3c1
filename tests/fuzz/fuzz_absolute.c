/* Absolute targets and name servers on any bytes: what comes out lies inside, and an event's line stays one line. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "sandbox/proxy/absolute.h"
#include "sandbox/proxy/event_line.h"
#include "common/resolve/name_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct line *
made(const struct connection *about, const struct event *event, uint64_t now_ms)
{
	char text[LINE_MESSAGE_BYTES];

	return line_new(line_message(about, event, text), about, event, now_ms);
}

static void
line_of(struct span bytes)
{
	struct connection connection = {.host = "a.test", .port = 1, .how = HOW_CONNECT};
	struct event event = {.class = EVENT_HTTP,
	    .severity = EVENT_MED,
	    .action = EVENT_DENIED,
	    .activity = "A",
	    .head = "B",
	    .path = bytes,
	    .reason = bytes,
	    .method = bytes,
	    .rule = bytes};
	struct line *line = made(&connection, &event, 1);

	assert(span_utf8(span_of_text(line->message)));
	for (size_t i = 0; i < line->fields_n; i++)
		assert(span_utf8(line->fields[i]) && line->fields[i].length <= 1024);
	free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of_bytes(data, size);
	struct absolute out = {0};
	struct name_server server = {0};
	struct why why;

	if (absolute_parse(bytes, &out, &why) == OK) {
		assert(out.path.length <= size && out.authority.host.length <= 253);
		assert(out.path.length == 0 || out.path.at[0] == '/');
	}
	if (name_server_parse(bytes, &server, &why) == OK)
		assert(server.port != 0 && (server.address.length == 4 || server.address.length == 16));
	line_of(bytes);
	return 0;
}
