/*
 * Placeholders: letters that an agent writes where a secret is to stand (policy-and-proxy 9.1, 9.2). Found here, and cut
 * into pieces: literal bytes and slots. Pure; knows no secret, and which tokens there are by the caller's word.
 *
 *   openshell:resolve:env:TOKEN          TOKEN: KEY, v12_KEY or s<64 hex>_KEY
 *   <prefix>OPENSHELL-RESOLVE-ENV-TOKEN  the alias form, for tools that insist on a shape: it stands for the secret as a
 *                                        whole, its prefix with it
 */
#ifndef COMMON_WIRE_PLACEHOLDER_H
#define COMMON_WIRE_PLACEHOLDER_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/base/text.h"

#define PLACEHOLDER_MARK	"openshell:resolve:env:"
#define PLACEHOLDER_ALIAS	"OPENSHELL-RESOLVE-ENV-"
#define PLACEHOLDER_MARK_BYTES	22 /* of each of them */
#define PLACEHOLDER_TOKEN_BYTES 340
#define PLACEHOLDER_SHOWN	"[CREDENTIAL]" /* what rules, logs and replies see instead */

/* How a secret is to be written where it stands; the numbers of piece.place in proto/bus.def. */
enum placeholder_place {
	PLACEHOLDER_LITERAL,
	PLACEHOLDER_HEADER,
	PLACEHOLDER_BASIC, /* within Basic, also of literals: neighbours are joined, then base64 */
	PLACEHOLDER_QUERY,
	PLACEHOLDER_PATH,
	PLACEHOLDER_JSON, /* inside of a string */
	PLACEHOLDER_FORM,
	PLACEHOLDER_TEXT,
};

struct placeholder_piece {
	struct span literal; /* borrowed from the text, or in the arena; empty where a token stands */
	struct span token;   /* what is behind the mark; empty: literal */
	enum placeholder_place place;
};

/* Room of the caller's, filled in their order. */
struct placeholder_pieces {
	struct placeholder_piece *at;
	size_t n, max;
	size_t slots; /* how many of them are tokens */
};

/* Which tokens there are: the caller's word. */
struct placeholder_tokens {
	bool (*known)(const void *self, struct span token);
	const void *self;
};

/* One that was found. */
struct placeholder {
	size_t at, length; /* all of it within the text: mark and token, of an alias its prefix too */
	struct span token; /* the longest run of letters that may be one; may be empty */
	bool alias;
	bool cut; /* an alias that goes on: part of a longer word */
};

/* Is it [A-Za-z_][A-Za-z0-9_]*, of at most PLACEHOLDER_TOKEN_BYTES? */
bool placeholder_key(struct span text);

/* The first one at or behind from, whether its token is known or not; false: none. */
bool placeholder_find(struct span text, size_t from, struct placeholder *out);

/* Is there a mark in it, as it stands or percent-decoded once? */
bool placeholder_marked(struct span text);

/*
 * Each of these cuts a text into pieces. pieces->n stays 0 where there is no mark: the text goes as it is. What was in
 * pieces is lost on errors.
 *
 * errors  ERR_NOT_FOUND a token that nobody knows; ERR_SYNTAX a mark where none counts, or a malformed one: left as it is
 *         it would reach the server, so the request is refused; ERR_LIMIT more pieces than there is room
 */

/* A field's value: all of it, "Scheme placeholder", or within decoded Basic. The arena holds what is decoded. */
enum err placeholder_header(struct span value, const struct placeholder_tokens *tokens, struct arena *arena,
    struct placeholder_pieces *pieces, struct why *why) must_check;

/* A canonical path: anywhere in a segment. */
enum err placeholder_path(struct span path, const struct placeholder_tokens *tokens, struct placeholder_pieces *pieces,
    struct why *why) must_check;

/* A query or a form (place says which): in values, never in names. */
enum err placeholder_query(struct span query, enum placeholder_place place, const struct placeholder_tokens *tokens,
    struct arena *arena, struct placeholder_pieces *pieces, struct why *why) must_check;

/* A text: anywhere. */
enum err placeholder_text(struct span body, const struct placeholder_tokens *tokens, struct placeholder_pieces *pieces,
    struct why *why) must_check;

/* A JSON text: in strings that are values. What is no JSON may hold no mark. The arena holds what is checked. */
enum err placeholder_json(struct span body, const struct placeholder_tokens *tokens, struct arena *arena,
    struct placeholder_pieces *pieces, struct why *why) must_check;

/* The pieces as rules and logs see them. */
void placeholder_show(const struct placeholder_pieces *pieces, struct text *to);

/* A stream of bytes that may hold no known token: what its end held, for the next bytes. All zero at its beginning. */
struct placeholder_tail {
	size_t n;
	char bytes[PLACEHOLDER_MARK_BYTES + PLACEHOLDER_TOKEN_BYTES + 1];
};

/* Does a known token end in these bytes, or (last) with them? Tokens that nobody knows are letters like others. */
bool placeholder_passes(
    struct placeholder_tail *tail, struct span bytes, bool last, const struct placeholder_tokens *tokens);

#endif
