/* Writing WebSocket frames: heads, masks and whole close frames. */
#include "common/wire/websocket.h"

static uint8_t *
put(uint8_t *to, uint64_t number, size_t bytes)
{
	for (size_t i = bytes; i-- > 0; number >>= 8)
		to[i] = (uint8_t)number;
	return to + bytes;
}

size_t
websocket_head_write(enum websocket_opcode opcode, bool fin, bool compressed, uint64_t length, const uint8_t mask[4],
    uint8_t to[WEBSOCKET_HEAD_BYTES])
{
	size_t wide = length > UINT16_MAX ? 8 : length > 125 ? 2 : 0;
	uint8_t *at = to;

	at = put(at, (fin ? 0x80u : 0) | (compressed ? 0x40u : 0) | opcode, 1);
	at = put(at, (mask != NULL ? 0x80u : 0) | (wide == 8 ? 127 : wide == 2 ? 126 : length), 1);
	at = put(at, length, wide);
	if (mask != NULL) {
		memcpy(at, mask, 4);
		at += 4;
	}
	return (size_t)(at - to);
}

void
websocket_mask(char *bytes, size_t length, const uint8_t mask[4], uint64_t offset)
{
	uint8_t key[8];
	uint64_t wide_key, word;

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = mask[(offset + i) % 4];
	memcpy(&wide_key, key, sizeof(key));
	for (; length >= sizeof(word); length -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		word ^= wide_key;
		memcpy(bytes, &word, sizeof(word));
	}
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(bytes[i] ^ key[i]);
}

/* Cut to so many bytes, but not within a letter. */
static struct span
cut(struct span text, size_t max)
{
	if (text.length <= max)
		return text;
	while (max > 0 && ((uint8_t)text.at[max] & 0xc0) == 0x80)
		max--;
	return span_head(text, max);
}

size_t
websocket_close_write(
    enum websocket_code code, struct span reason, const uint8_t mask[4], uint8_t to[WEBSOCKET_CLOSE_BYTES])
{
	struct span said = cut(reason, WEBSOCKET_CONTROL_BYTES - 2);
	size_t head = websocket_head_write(WEBSOCKET_CLOSE, true, false, 2 + said.length, mask, to);

	put(to + head, code, 2);
	if (said.length > 0)
		memcpy(to + head + 2, said.at, said.length);
	if (mask != NULL)
		websocket_mask((char *)to + head, 2 + said.length, mask, 0);
	return head + 2 + said.length;
}
