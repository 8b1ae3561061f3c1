/* HTTP/2 conformance on both legs: every row of must.def, played over the real codecs. */
#include "tests/unit/test.h"

#include "tests/h2/stage.h"

#define PADDING_16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define PADDING_64 PADDING_16 PADDING_16 PADDING_16 PADDING_16
#define PADDING_255                                                                                                    \
	"\xff" PADDING_64 PADDING_64 PADDING_64 PADDING_16 PADDING_16 PADDING_16 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

/* clang-format off */
#define ENDS {.kind = STEP_END}
/* clang-format on */

/* A message with one field more, in HPACK without its first byte; refused on its stream, or with 400 before it. */
#define BAD_FIELD(section, what, bytes)                                                                                \
	{section, AGENT, "malformed: " what,                                                                           \
	    .send = (const struct step[]){FRAME(HEADERS, EH | ES, 1, GET_BYTES "\x00" bytes), ENDS},                   \
	    WANT(EITHER(1, "PROTOCOL_ERROR|INTERNAL_ERROR"))},                                                         \
	    {section, UPSTREAM, "malformed: " what,                                                                    \
		.send = (const struct step[]){FRAME(HEADERS, EH | ES, 1, OK_BYTES "\x00" bytes), ENDS},                \
		WANT(EITHER(1, "PROTOCOL_ERROR|INTERNAL_ERROR"))},

#define BAD_REQUEST(section, what, lines)                                                                              \
	{section, AGENT, "malformed: " what, .send = (const struct step[]){HEAD(1, ES, lines), ENDS},                  \
	    WANT(RESET(1, "PROTOCOL_ERROR"))},

#define BAD_ANSWER(section, what, lines)                                                                               \
	{section, UPSTREAM, "malformed: " what, .send = (const struct step[]){HEAD(1, ES, lines), ENDS},               \
	    WANT(RESET(1, "PROTOCOL_ERROR"))},

#define BAD_BLOCK(section, what, bytes)                                                                                \
	{section, AGENT, "not to be decoded: " what,                                                                   \
	    .send = (const struct step[]){FRAME(HEADERS, EH | ES, 1, GET_BYTES bytes), ENDS},                          \
	    WANT(GOAWAY_OF("COMPRESSION_ERROR"))},                                                                     \
	    {section, UPSTREAM, "not to be decoded: " what,                                                            \
		.send = (const struct step[]){FRAME(HEADERS, EH | ES, 1, OK_BYTES bytes), ENDS},                       \
		WANT(GOAWAY_OF("COMPRESSION_ERROR"))},

static char large_answer[70100];
#define LARGE_ANSWER large_answer

#define ONE(id) HEAD(id, ES, GET(""))
#define TEN(id)                                                                                                        \
	ONE(id), ONE(id + 2), ONE(id + 4), ONE(id + 6), ONE(id + 8), ONE(id + 10), ONE(id + 12), ONE(id + 14),         \
	    ONE(id + 16), ONE(id + 18)
#define HUNDRED_MORE TEN(3), TEN(23), TEN(43), TEN(63), TEN(83), TEN(103), TEN(123), TEN(143), TEN(163), TEN(183)

static const struct row rows[] = {
#include "tests/h2/must.def"
};

int
main(void)
{
	struct text answer = TEXT_OF(large_answer);

	text_add(&answer, "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n");
	for (int i = 0; i < 70000; i++)
		text_add(&answer, "x");
	return stage_play("must", rows, COUNT(rows)) == 0 ? 0 : 1;
}
