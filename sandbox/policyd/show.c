/* Text for messages: cut between characters, escaped where it is none. */
#include "sandbox/policyd/show.h"

#include "common/base/text.h"

#define PATH_SHOWN 4096

struct span
show_fit(struct span text, size_t most)
{
	if (text.length <= most)
		return text;
	while (most > 0 && ((unsigned char)text.at[most] & 0xc0) == 0x80)
		most--;
	return span_head(text, most);
}

struct span
show_path(struct span path, struct arena *arena)
{
	char *room;
	struct text text;

	if (span_utf8(path))
		return show_fit(path, PATH_SHOWN);
	if ((room = arena_alloc(arena, PATH_SHOWN)) == NULL)
		return SPAN_NONE;
	text = (struct text){.at = room, .size = PATH_SHOWN};
	text_add_escaped(&text, path);
	return text_span(&text);
}
