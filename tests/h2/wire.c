/* HTTP/2 by hand: see wire.h. Blocks of fields are written as literals without indexing, so nothing is hidden in a table. */
#include "tests/unit/test.h"

#include "tests/h2/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define FRAME_HEAD 9
#define MAGIC	   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static const char *const types[] = {"DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING",
    "GOAWAY", "WINDOW_UPDATE", "CONTINUATION"};
static const char *const codes[] = {"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
    "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"};

/* ---- writing ---- */

static void
put(struct bytes *to, uint64_t number, int bytes)
{
	while (bytes-- > 0)
		bytes_add(to, span_of_bytes((char[]){(char)(number >> (8 * bytes))}, 1));
}

/* A length with a prefix of seven bits (RFC 7541, 5.1). */
static void
put_string(struct bytes *to, struct span text)
{
	size_t left = text.length;

	if (left < 127)
		put(to, left, 1);
	else {
		put(to, 127, 1);
		for (left -= 127; left >= 128; left /= 128)
			put(to, 128 | (left % 128), 1);
		put(to, left, 1);
	}
	bytes_add(to, text);
}

static void
put_fields(struct bytes *to, struct span lines)
{
	while (lines.length > 0) {
		struct span line = span_cut(&lines, '\n');
		const char *colon = memmem(line.at + 1, line.length - 1, ": ", 2);

		assert_non_null(colon);
		put(to, 0, 1);
		put_string(to, span_head(line, (size_t)(colon - line.at)));
		put_string(to, span_tail(line, (size_t)(colon - line.at) + 2));
	}
}

void
wire_step(struct wire *wire, const struct step *step)
{
	struct bytes frame = {0}, payload = {0};

	if (step->kind == STEP_BYTES)
		bytes_add(&frame, span_of_bytes(step->at, step->n));
	else {
		if (step->kind == STEP_FIELDS)
			put_fields(&payload, span_of_bytes(step->at, step->n));
		else if (step->at != NULL)
			bytes_add(&payload, span_of_bytes(step->at, step->n));
		else if (step->n > 0) {
			memset(bytes_room(&payload, step->n), 'x', step->n);
			payload.end += step->n;
		}
		put(&frame, step->says > 0 ? step->says : bytes_length(&payload), 3);
		put(&frame, step->type, 1);
		put(&frame, step->flags, 1);
		put(&frame, step->stream, 4);
		bytes_add(&frame, bytes_span(&payload));
	}
	end_send_span(wire->end, bytes_span(&frame));
	bytes_free(&frame);
	bytes_free(&payload);
}

/* ---- reading ---- */

static uint32_t
get(const char *at, int bytes)
{
	uint32_t number = 0;

	for (int i = 0; i < bytes; i++)
		number = number << 8 | (uint8_t)at[i];
	return number;
}

static const char *
code_of(uint32_t code)
{
	return code < COUNT(codes) ? codes[code] : "unknown";
}

/* "name=value", or "name!=value" for one that no table may ever hold (RFC 7541, 6.2.3). */
static void
say_fields(struct wire *wire)
{
	const uint8_t *at = (const uint8_t *)wire->block.at + wire->block.begin;
	size_t left = bytes_length(&wire->block);
	nghttp2_nv nv;
	int flags;

	if (left > 0 && (at[0] & 0xe0) == 0x20)
		text_add(&wire->log, " UPDATE");
	for (;;) {
		ssize_t n = nghttp2_hd_inflate_hd2(wire->inflater, &nv, &flags, at, left, 1);

		if (n < 0)
			fail_msg("fields that cannot be read came: %zd\n%s", n, wire->words);
		at += n;
		left -= (size_t)n;
		if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
			text_add(&wire->log, " %.*s%s=%.*s", (int)nv.namelen, nv.name,
			    (nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0 ? "!" : "", (int)nv.valuelen, nv.value);
		if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0)
			break;
	}
	nghttp2_hd_inflate_end_headers(wire->inflater);
	bytes_free(&wire->block);
}

static void
take_block(struct wire *wire, uint8_t type, uint8_t flags, uint32_t stream, struct span payload)
{
	if (type == HEADERS) {
		assert_int_equal(flags & PADDED, 0);
		wire->block_stream = stream;
		wire->block_flags = flags;
		if ((flags & WITH_PRIORITY) != 0)
			payload = span_tail(payload, 5);
	}
	bytes_add(&wire->block, payload);
	if ((flags & EH) == 0)
		return;
	text_add(&wire->log, "HEADERS %u%s", wire->block_stream, (wire->block_flags & ES) != 0 ? " ES" : "");
	say_fields(wire);
	text_add(&wire->log, "\n");
}

static void
say_settings(struct wire *wire, uint8_t flags, struct span payload)
{
	text_add(&wire->log, "SETTINGS%s", (flags & ACK) != 0 ? " ack" : "");
	for (; payload.length >= 6; payload = span_tail(payload, 6))
		text_add(&wire->log, " %u=%u", get(payload.at, 2), get(payload.at + 2, 4));
	text_add(&wire->log, "\n");
}

static void
say(struct wire *wire, uint8_t type, uint8_t flags, uint32_t stream, struct span payload)
{
	const char *name = type < COUNT(types) ? types[type] : "UNKNOWN";

	if (type == HEADERS || type == CONTINUATION)
		take_block(wire, type, flags, stream, payload);
	else if (type == DATA) {
		wire->data += payload.length;
		text_add(&wire->log, "DATA %u%s %.*s\n", stream, (flags & ES) != 0 ? " ES" : "",
		    payload.length > 64 ? 0 : (int)payload.length, payload.at);
	} else if (type == SETTINGS)
		say_settings(wire, flags, payload);
	else if (type == PING)
		text_add(
		    &wire->log, "PING%s %.*s\n", (flags & ACK) != 0 ? " ack" : "", (int)payload.length, payload.at);
	else if (type == GOAWAY && payload.length >= 8)
		text_add(&wire->log, "GOAWAY %u %s\n", get(payload.at, 4), code_of(get(payload.at + 4, 4)));
	else if (type == RST_STREAM && payload.length == 4)
		text_add(&wire->log, "RST_STREAM %u %s\n", stream, code_of(get(payload.at, 4)));
	else
		text_add(&wire->log, "%s %u %u\n", name, stream, payload.length >= 4 ? get(payload.at, 4) : 0);
}

void
wire_read(struct wire *wire)
{
	struct bytes *in = &wire->end->in;

	if (wire->preface && bytes_length(in) >= sizeof(MAGIC) - 1) {
		assert_memory_equal(bytes_span(in).at, MAGIC, sizeof(MAGIC) - 1);
		bytes_take(in, sizeof(MAGIC) - 1);
		wire->preface = false;
		text_add(&wire->log, "PREFACE\n");
	}
	while (!wire->preface && bytes_length(in) >= FRAME_HEAD) {
		struct span frame = bytes_span(in);
		size_t length = get(frame.at, 3);

		if (frame.length < FRAME_HEAD + length)
			return;
		if (length > wire->longest)
			wire->longest = length;
		say(wire, (uint8_t)frame.at[3], (uint8_t)frame.at[4], get(frame.at + 5, 4),
		    span_head(span_tail(frame, FRAME_HEAD), length));
		bytes_take(in, FRAME_HEAD + length);
	}
}

uint32_t
wire_last(const struct wire *wire)
{
	return wire->block_stream;
}

void
wire_open(struct wire *wire, struct peer_end *end, bool server)
{
	*wire = (struct wire){.end = end, .server = server, .preface = server};
	wire->log = TEXT_OF(wire->words);
	assert_int_equal(nghttp2_hd_inflate_new(&wire->inflater), 0);
	if (!server)
		wire_step(wire, &(struct step)BYTES(MAGIC));
}

void
wire_close(struct wire *wire)
{
	nghttp2_hd_inflate_del(wire->inflater);
	bytes_free(&wire->block);
	wire->inflater = NULL;
}
