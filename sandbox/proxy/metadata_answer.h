/*
 * Google's metadata server, as far as tools ask it for a token (providers-inference-clients 11): one request, one answer.
 * Pure. The token that it gives is a placeholder, which the router fills like any other.
 */
#ifndef SANDBOX_PROXY_METADATA_ANSWER_H
#define SANDBOX_PROXY_METADATA_ANSWER_H

#include "common/base/text.h"
#include "common/wire/http_head.h"

#define METADATA_ANSWER_BYTES 4096

/* What it knows; empty: not. */
struct metadata_facts {
	struct span token; /* a placeholder */
	struct span email, project;
	bool known; /* a credential of Google's is attached */
};

/* The whole answer, with its head; text has room for METADATA_ANSWER_BYTES. Returns its status. */
unsigned metadata_answer(const struct http_head *request, const struct metadata_facts *facts, struct text *text);

/* The same for what is no request. */
void metadata_refuse(unsigned status, const char *error, struct text *text);

#endif
