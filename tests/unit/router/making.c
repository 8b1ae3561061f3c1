/* What tests of requests make of the fixture's vault. */
#include "tests/unit/test.h"

#include "tests/unit/router/making.h"

#include "tests/unit/router/fixture.h"

struct vault *vault;

int
making_setup(void **unused)
{
	(void)unused;
	vault = fixture_vault();
	return 0;
}

int
making_teardown(void **unused)
{
	(void)unused;
	vault_free(vault);
	return 0;
}

void
ended(size_t which, enum err r, const char *got, const char *code, const struct why *why)
{
	if ((r == OK) != (code == NULL) || (r != OK && strcmp(got, code) != 0))
		fail_msg("case %zu: %s %s", which, got, why->text);
}

void
make(size_t which, const struct msg_route_open *in, const char *code, struct request *out)
{
	const char *got = "";
	struct why why = {0};
	enum err r = request_make(vault, in, NOW, out, &got, &why);

	ended(which, r, got, code, &why);
}

void
try(size_t which, const struct msg_route_open *in, const char *code)
{
	struct request request;

	make(which, in, code, &request);
	request_done(&request);
}

static struct span loopback[] = {SPAN("127.0.0.1")};

struct msg_route_open
open_of(const char *host, uint16_t port, struct msg_piece *path, struct msg_route_field *fields, size_t fields_n)
{
	return (struct msg_route_open){.stream = 1,
	    .host = span_of_text(host),
	    .port = port,
	    .addresses = loopback,
	    .addresses_n = 1,
	    .method = SPAN("GET"),
	    .path = path,
	    .path_n = 1,
	    .fields = fields,
	    .fields_n = fields_n,
	    .tls = true};
}
