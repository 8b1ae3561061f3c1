/* The detach keys: one bit between two looks is all that is remembered. */
#include "sandbox/sshd/detach.h"

#define CTRL_P 0x10
#define CTRL_Q 0x11

/* The index of a Ctrl-P with a Ctrl-Q behind it, or of one at the very end; the length when there is none. */
static size_t
find_keys(struct span bytes)
{
	for (size_t i = 0; i < bytes.length; i++)
		if (bytes.at[i] == CTRL_P && (i + 1 == bytes.length || bytes.at[i + 1] == CTRL_Q))
			return i;
	return bytes.length;
}

struct typed
detach_look(struct detach *detach, struct span bytes)
{
	struct typed typed = {.bytes = bytes};
	size_t at;

	if (bytes.length == 0)
		return typed;
	if (detach->after_p && bytes.at[0] == CTRL_Q) {
		detach->after_p = false;
		return (struct typed){.bytes = span_head(bytes, 0), .detached = true};
	}
	typed.late_p = detach->after_p;
	at = find_keys(bytes);
	typed.bytes = span_head(bytes, at);
	detach->after_p = at + 1 == bytes.length;
	typed.detached = at + 1 < bytes.length;
	return typed;
}
