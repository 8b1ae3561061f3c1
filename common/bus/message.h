/* Messages: the structs that proto/bus.def describes, and what is known of each at run time. */
#ifndef COMMON_BUS_MESSAGE_H
#define COMMON_BUS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/id.h"
#include "common/base/span.h"

#define BUS_RELEASE   2		 /* raised when the first SINCE of a new release is written; a peer may be one behind */
#define MSG_BYTES_MAX (2u << 20) /* one encoded message */
#define MSG_FDS_MAX   12

/* Who a process is. A peer's role comes from the roster, the enrolment or the channel, never from what it says. */
enum role {
	ROLE_NONE = 0,
	ROLE_API = 1 << 0,
	ROLE_STATE = 1 << 1,
	ROLE_CREDENTIALS = 1 << 2,
	ROLE_RELAY = 1 << 3,
	ROLE_DRIVER = 1 << 4,
	ROLE_STRANGER = 1 << 5, /* a CURVE key on the sandbox side that has not enrolled */
	ROLE_LINK = 1 << 6,	/* an enrolled one: its peer carries sandbox and epoch */
	ROLE_SUPERVISOR = 1 << 7,
	ROLE_SPAWNER = 1 << 8,
	ROLE_POLICYD = 1 << 9,
	ROLE_PROXY = 1 << 10,
	ROLE_ROUTER = 1 << 11,
	ROLE_SSHD = 1 << 12,  /* one SSH connection of a sandbox */
	ROLE_GRANT = 1 << 13, /* gets one token of a sandbox, and ends */
	ROLE_ANY = (1 << 14) - 1,
	ROLE_STREAM = ROLE_API | ROLE_RELAY | ROLE_LINK | ROLE_PROXY | ROLE_ROUTER | ROLE_SSHD,
};

const char *role_name(enum role role);

/* Numbers: HELLO = 0x0001, ... */
enum msg_id {
	MSG_NONE = 0,
#define PART(name, ...)
#define MESSAGE(ID, number, name, from, to, words, ...) ID = number,
#include "proto/bus.def"
#undef MESSAGE
#undef PART
};

/* The structs: struct msg_hello, ... A span or list is borrowed from the buffer or arena it was read into. */
/* clang-format off */
#define ID(name, words)			       struct id name;
#define FLAG(name, words)		       bool name;
#define NUMBER(name, type, low, high, words)   type name;
#define TEXT(name, min, max, words)	       struct span name;
#define BYTES(name, min, max, words)	       struct span name;
#define TEXTS(name, count_max, max, words)     struct span *name; size_t name##_n;
#define MANY(name, part, count_max, words)     struct msg_##part *name; size_t name##_n;
#define SINCE(release)
#define PART(name, ...)			       struct msg_##name { __VA_ARGS__ };
#define MESSAGE(ID_, number, name, from, to, words, ...) struct msg_##name { __VA_ARGS__ };
/* clang-format on */
#include "proto/bus.def"
#undef ID
#undef FLAG
#undef NUMBER
#undef TEXT
#undef BYTES
#undef TEXTS
#undef MANY
#undef SINCE
#undef PART
#undef MESSAGE

struct peer;

/* One message. What came in also says from whom; what goes out needs id and its struct alone. */
struct msg {
	enum msg_id id;
	struct peer *from; /* who sent it */
	uint64_t call;	   /* to be answered under this number; 0: an event, nobody waits */
	struct arena
	    *arena; /* where its lists are, and where a handler may build its answer; reset after the handler */
	int fds[MSG_FDS_MAX]; /* channels only. Received: closed after the handler, unless taken with fd_take */
	size_t fds_n;	      /* Sent: borrowed */
	union {
#define PART(name, ...)
#define MESSAGE(ID, number, name, from, to, words, ...) struct msg_##name name;
#include "proto/bus.def"
#undef MESSAGE
#undef PART
	};
};

/* FIELD_SINCE is no field: what follows it is known from the release .low on. */
enum field_kind {
	FIELD_END,
	FIELD_ID,
	FIELD_FLAG,
	FIELD_NUMBER,
	FIELD_TEXT,
	FIELD_BYTES,
	FIELD_TEXTS,
	FIELD_MANY,
	FIELD_SINCE
};

struct msg_info;

/* A field of a message: where it is in the struct and what it may hold. */
struct field {
	enum field_kind kind;
	const char *name, *words, *type;      /* type: of a number, as C; of MANY, the part's name */
	size_t offset, count_offset;	      /* of the value; of NAME_n */
	size_t size;			      /* of a number, in bytes; of one item of MANY */
	uint64_t low, high;		      /* value of a number; length of text, bytes and each of texts */
	size_t count_max;		      /* of texts and MANY */
	const struct msg_info *(*part)(void); /* of MANY: its row */
};

/* A row of proto/bus.def. */
struct msg_info {
	enum msg_id id; /* MSG_NONE for a part */
	const char *name, *words;
	uint32_t from, to;	    /* roles */
	const struct field *fields; /* ends with FIELD_END */
	size_t rows;		    /* before FIELD_END */
	size_t size;		    /* of the struct */
};

/* How many of its rows (FIELD_SINCE among them) a release knows; *fields gets how many of these are fields. */
size_t msg_rows(const struct msg_info *info, uint32_t release, size_t *fields);

/* The release that a message came with: its row begins with SINCE, or it was there from the first. */
uint32_t msg_since(const struct msg_info *info);

/* The row of a number; NULL when there is none. */
const struct msg_info *msg_info(uint32_t number);

/* All rows in the order of bus.def; *n gets how many. */
const struct msg_info *const *msg_table(size_t *n);

/* The value KEY of a list of "KEY=value"; false when the key is not there. */
bool texts_find(const struct span *texts, size_t n, const char *key, struct span *value);

#endif
