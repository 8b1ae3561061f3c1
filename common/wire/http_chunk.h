/* The chunked transfer coding (RFC 9112, 7.1), read and written piece by piece. */
#ifndef COMMON_WIRE_HTTP_CHUNK_H
#define COMMON_WIRE_HTTP_CHUNK_H

#include "common/wire/http_head.h"

#define HTTP_CHUNK_LINE_BYTES 256  /* of a size with its extensions and CR LF */
#define HTTP_CHUNK_HEAD_BYTES 20   /* that http_chunk_head writes at most */
#define HTTP_TRAILERS_BYTES   8192 /* with the empty line */
#define HTTP_TRAILERS_MAX     32

enum http_chunk_state { HTTP_CHUNK_SIZE, HTTP_CHUNK_DATA, HTTP_CHUNK_DATA_END, HTTP_CHUNK_TRAILERS, HTTP_CHUNK_END };

/* Where a reader is. All zero: at the beginning. */
struct http_chunk {
	enum http_chunk_state state;
	uint64_t left; /* of the chunk's data */
};

struct http_trailers {
	struct http_field fields[HTTP_TRAILERS_MAX]; /* borrowed */
	size_t fields_n;
};

/*
 * Read the next piece from the front of a stream.
 *
 * most      bytes of data that the caller takes now; 0: lines are read, data is not
 * used      bytes to drop from the front, whatever is returned but an error
 * data      data of the body within them, borrowed; may be empty
 * trailers  filled when state becomes HTTP_CHUNK_END; NULL: they are checked and dropped
 * errors    OK some bytes were used (state HTTP_CHUNK_END: that was all); ERR_MORE a line is not here whole, or there is
 *           data and most is 0; ERR_RANGE a line over HTTP_CHUNK_LINE_BYTES, a size over 2^62, trailers over their
 *           bounds; ERR_SYNTAX anything else: a size that is not hex digits alone, a bare LF, data longer than its size
 */
enum err http_chunk_next(struct http_chunk *chunk, struct span bytes, size_t most, size_t *used, struct span *data,
    struct http_trailers *trailers, struct why *why) must_check;

/* Write "SIZE CR LF" of a chunk of that many bytes; behind its data comes CR LF. Returns its length. */
size_t http_chunk_head(char room[HTTP_CHUNK_HEAD_BYTES], uint64_t size);

#endif
