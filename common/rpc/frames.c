/* What server and client both need of nghttp2. */
#include "common/rpc/frames.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_BYTES  4096ul
#define LARGE_BYTES 16384

/* The pages that lie wholly in a large piece cost nothing before they are written to: nghttp2 wants 16 KiB for each session and uses a few bytes. */
static void
pages_drop(char *at, size_t size)
{
	uintptr_t page = PAGE_BYTES - 1, first = ((uintptr_t)at + page) & ~page, end = ((uintptr_t)at + size) & ~page;

	if (end > first)
		(void)madvise(at + (first - (uintptr_t)at), end - first, MADV_DONTNEED);
}

static void *
memory_allocate(size_t size, void *self)
{
	void *at = malloc(size);

	(void)self;
	if (at == NULL && size > 0)
		abort();
	if (size >= LARGE_BYTES)
		pages_drop(at, size);
	return at;
}

static void *
memory_allocate_zeroed(size_t count, size_t size, void *self)
{
	void *at = calloc(count, size);

	(void)self;
	if (at == NULL && count > 0 && size > 0)
		abort();
	return at;
}

/* A bearer token passes through nghttp2's header buffers. */
static void
memory_free(void *at, void *self)
{
	(void)self;
	wiped_free(at);
}

static void *
memory_resize(void *at, size_t size, void *self)
{
	size_t had = at == NULL ? 0 : malloc_usable_size(at);
	void *moved = memory_allocate(size, self);

	if (had > 0)
		memcpy(moved, at, had < size ? had : size);
	wiped_free(at);
	return moved;
}

nghttp2_session_callbacks *
frames_callbacks(void)
{
	nghttp2_session_callbacks *callbacks;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		abort();
	return callbacks;
}

int
frames_session(nghttp2_session **out, bool server, nghttp2_session_callbacks *callbacks, void *self)
{
	nghttp2_mem memory = {NULL, memory_allocate, memory_free, memory_allocate_zeroed, memory_resize};
	nghttp2_option *option;
	int r;

	if (nghttp2_option_new(&option) != 0)
		abort();
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1);
	if (server)
		r = nghttp2_session_server_new3(out, callbacks, self, option, &memory);
	else
		r = nghttp2_session_client_new3(out, callbacks, self, option, &memory);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return r;
}

bool
frames_send(nghttp2_session *session, struct pump *pump)
{
	const uint8_t *at;
	ssize_t n = 0;

	while (pump->state == PUMP_OPEN) {
		while (pump->out.length < pump_record(pump) && (n = nghttp2_session_mem_send(session, &at)) > 0)
			buffer_add(&pump->out, span_of_bytes(at, (size_t)n));
		if (n < 0 || pump->out.length == 0)
			return n == 0;
		pump_flush(pump);
		if (pump->out.length > 0)
			return true; /* the rest when the socket takes more */
	}
	return true;
}

static nghttp2_nv
field(const char *name, struct span value, uint8_t flags)
{
	return (nghttp2_nv){
	    .name = (uint8_t *)(uintptr_t)name,
	    .namelen = strlen(name),
	    .value = (uint8_t *)(uintptr_t)(value.at == NULL ? "" : value.at),
	    .valuelen = value.length,
	    .flags = flags,
	};
}

nghttp2_nv
frames_field(const char *name, struct span value)
{
	return field(name, value, NGHTTP2_NV_FLAG_NONE);
}

nghttp2_nv
frames_secret_field(const char *name, struct span value)
{
	return field(name, value, NGHTTP2_NV_FLAG_NO_INDEX);
}
