/* Reading a client's frames: head, then payload in what pieces it comes; each rule of RFC 6455 is a line of a check. */
#include "common/wire/websocket.h"

#include "common/wire/bytes.h"

#define BIT_FIN	  0x80
#define BIT_RSV1  0x40
#define BITS_RSV  0x70
#define BIT_MASK  0x80
#define CODE_NONE 1005 /* RFC 6455, 7.4.1: never sent */

/* A frame's head, read and not yet judged. */
struct head {
	uint8_t opcode;
	bool fin, masked, long_form;
	uint8_t rsv;
	uint64_t length;
	uint8_t mask[4];
	size_t bytes;
};

struct failure {
	uint16_t *code;
	struct why *why;
};

static enum err
broken(struct failure failure, const char *words)
{
	*failure.code = WEBSOCKET_PROTOCOL;
	return fail(failure.why, ERR_PROTOCOL, "%s", words);
}

static enum err
not_utf8(struct failure failure, const char *what)
{
	*failure.code = WEBSOCKET_NOT_UTF8;
	return fail(failure.why, ERR_PROTOCOL, "%s is not UTF-8", what);
}

static enum err
too_big(struct failure failure, const char *words)
{
	*failure.code = WEBSOCKET_TOO_BIG;
	return fail(failure.why, ERR_LIMIT, "%s", words);
}

static bool
is_control(uint8_t opcode)
{
	return (opcode & 8) != 0;
}

/* RFC 6455, 5.2. */
static enum err
head_read(struct span bytes, struct head *out)
{
	struct span rest = bytes, mask;
	uint32_t first, second, high = 0, low;
	size_t wide;

	if (!bytes_number(&rest, 1, &first) || !bytes_number(&rest, 1, &second))
		return ERR_MORE;
	low = second & 0x7f;
	wide = low == 127 ? 8 : low == 126 ? 2 : 0;
	if ((wide == 8 && !bytes_number(&rest, 4, &high)) ||
	    (wide > 0 && !bytes_number(&rest, wide == 8 ? 4 : 2, &low)))
		return ERR_MORE;
	*out = (struct head){.opcode = first & 0xf,
	    .fin = (first & BIT_FIN) != 0,
	    .rsv = first & BITS_RSV,
	    .masked = (second & BIT_MASK) != 0,
	    .length = (uint64_t)high << 32 | low};
	out->long_form = (wide == 2 && out->length < 126) || (wide == 8 && out->length <= UINT16_MAX);
	if (out->masked && !bytes_take(&rest, 4, &mask))
		return ERR_MORE;
	if (out->masked)
		memcpy(out->mask, mask.at, 4);
	out->bytes = bytes.length - rest.length;
	return OK;
}

/* What is wrong with the first two bytes of a frame alone; NULL nothing. */
static const char *
head_fault(const struct websocket_reader *reader, uint8_t first, uint8_t second)
{
	uint8_t opcode = first & 0xf;
	bool begins = opcode == WEBSOCKET_TEXT || opcode == WEBSOCKET_BINARY;

	if (!begins && opcode != WEBSOCKET_CONTINUATION && (opcode < WEBSOCKET_CLOSE || opcode > WEBSOCKET_PONG))
		return "an opcode that is not defined";
	if ((second & BIT_MASK) == 0)
		return "a client's frame without a mask";
	if ((first & BITS_RSV & ~BIT_RSV1) != 0 || ((first & BIT_RSV1) != 0 && !(reader->deflate && begins)))
		return "a reserved bit is set";
	if (is_control(opcode) && ((first & BIT_FIN) == 0 || (second & 0x7f) > WEBSOCKET_CONTROL_BYTES))
		return "a control frame that is in fragments or too long";
	if (begins && reader->message != 0)
		return "a message within another";
	return opcode == WEBSOCKET_CONTINUATION && reader->message == 0 ? "a continuation of nothing" : NULL;
}

/* A data frame begins: is there room for what it says it brings? */
static enum err
frame_begin(struct websocket_reader *reader, const struct head *head, struct failure failure)
{
	if (head->opcode != WEBSOCKET_CONTINUATION) {
		reader->message = head->opcode;
		reader->compressed = head->rsv != 0;
		reader->fragments = 0;
		reader->total = 0;
	}
	if (++reader->fragments > WEBSOCKET_FRAGMENTS_MAX)
		return too_big(failure, "a message of too many fragments");
	if (reader->message == WEBSOCKET_BINARY && head->length > WEBSOCKET_BINARY_BYTES)
		return too_big(failure, "a binary frame is too long");
	if (reader->message == WEBSOCKET_TEXT && head->length > WEBSOCKET_TEXT_BYTES - reader->total)
		return too_big(failure, "a text message is too long");
	if (reader->message == WEBSOCKET_TEXT)
		reader->total += head->length;
	reader->in_frame = true;
	reader->fin = head->fin;
	reader->left = head->length;
	reader->passed = 0;
	memcpy(reader->mask, head->mask, sizeof(reader->mask));
	return OK;
}

/* RFC 3629, section 4, a byte at a time. */
static bool
letter_step(struct websocket_letter *letter, uint8_t byte)
{
	if (letter->left > 0) {
		if (byte < letter->low || byte > letter->high)
			return false;
		*letter = (struct websocket_letter){(uint8_t)(letter->left - 1), 0x80, 0xbf};
		return true;
	}
	if (byte < 0x80)
		return true;
	if (byte < 0xc2 || byte > 0xf4)
		return false;
	letter->left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
	letter->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
	letter->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
	return true;
}

static bool
letters_step(struct websocket_letter *letter, struct span text)
{
	for (size_t i = 0; i < text.length; i++)
		if (!letter_step(letter, (uint8_t)text.at[i]))
			return false;
	return true;
}

bool
websocket_utf8(struct span text)
{
	struct websocket_letter letter = {0};

	return letters_step(&letter, text) && letter.left == 0;
}

/* The payload of the frame that has begun, as far as it is here. */
static enum err
data_read(struct websocket_reader *reader, bool first, char *bytes, size_t length, struct websocket_piece *out,
    struct failure failure)
{
	size_t n = length < reader->left ? length : (size_t)reader->left;

	websocket_mask(bytes, n, reader->mask, reader->passed);
	reader->passed += n;
	reader->left -= n;
	*out = (struct websocket_piece){.opcode = (enum websocket_opcode)reader->message,
	    .first = first,
	    .compressed = reader->compressed,
	    .last = reader->fin && reader->left == 0,
	    .bytes = {bytes, n}};
	if (reader->message == WEBSOCKET_TEXT && !reader->compressed) {
		if (!letters_step(&reader->letter, out->bytes) || (out->last && reader->letter.left > 0))
			return not_utf8(failure, "a text message");
	}
	reader->in_frame = reader->left > 0;
	if (out->last)
		reader->message = 0;
	return OK;
}

/* May a peer send it? RFC 6455, 7.4, and the registry as of 2025. */
static bool
is_code(uint16_t code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static enum err
close_read(struct websocket_piece *piece, struct failure failure)
{
	struct span rest = piece->bytes;
	uint32_t code = CODE_NONE;

	if (rest.length > 0 && (!bytes_number(&rest, 2, &code) || !is_code((uint16_t)code)))
		return broken(failure, "a close frame without a code that may be sent");
	if (!websocket_utf8(rest))
		return not_utf8(failure, "the reason of a close frame");
	piece->code = (uint16_t)code;
	return OK;
}

/* A control frame, all of which is here. */
static enum err
control_read(struct websocket_reader *reader, const struct head *head, char *bytes, struct websocket_piece *out,
    struct failure failure)
{
	websocket_mask(bytes, (size_t)head->length, head->mask, 0);
	*out = (struct websocket_piece){.opcode = (enum websocket_opcode)head->opcode,
	    .first = true,
	    .last = true,
	    .bytes = {bytes, (size_t)head->length}};
	reader->closed = head->opcode == WEBSOCKET_CLOSE;
	return reader->closed ? close_read(out, failure) : OK;
}

/* A frame begins: nothing is taken before its first byte of payload is here too, of a control frame all of it. */
static enum err
frame_read(struct websocket_reader *reader, char *bytes, size_t length, size_t *used, struct websocket_piece *out,
    struct failure failure)
{
	struct head head = {0};
	const char *fault = length < 2 ? NULL : head_fault(reader, (uint8_t)bytes[0], (uint8_t)bytes[1]);
	enum err r;

	if (fault != NULL)
		return broken(failure, fault);
	if ((r = head_read(span_of_bytes(bytes, length), &head)) != OK)
		return r;
	if (head.long_form || head.length > INT64_MAX)
		return broken(failure, "a length that is not in its shortest form");
	if (is_control(head.opcode)) {
		if (length - head.bytes < head.length)
			return ERR_MORE;
		*used = head.bytes + (size_t)head.length;
		return control_read(reader, &head, bytes + head.bytes, out, failure);
	}
	if (head.length <= WEBSOCKET_BINARY_BYTES && head.length > 0 && length == head.bytes)
		return ERR_MORE;
	if ((r = frame_begin(reader, &head, failure)) != OK)
		return r;
	r = data_read(
	    reader, head.opcode != WEBSOCKET_CONTINUATION, bytes + head.bytes, length - head.bytes, out, failure);
	*used = head.bytes + out->bytes.length;
	return r;
}

enum err
websocket_read(struct websocket_reader *reader, char *bytes, size_t length, size_t *used, struct websocket_piece *out,
    uint16_t *code, struct why *why)
{
	struct failure failure = {code, why};
	struct websocket_piece piece = {0};
	size_t n = 0;
	enum err r;

	*used = 0;
	if (reader->failed)
		return broken(failure, "the stream was broken before");
	if (length == 0)
		return ERR_MORE;
	if (reader->closed) {
		r = broken(failure, "something behind the close frame");
	} else if (reader->in_frame) {
		r = data_read(reader, false, bytes, length, &piece, failure);
		n = piece.bytes.length;
	} else {
		r = frame_read(reader, bytes, length, &n, &piece, failure);
	}
	if (r == OK) {
		*used = n;
		*out = piece;
	}
	reader->failed = r != OK && r != ERR_MORE;
	return r;
}
