/* What tests of requests make of the fixture's vault. */
#ifndef TESTS_UNIT_ROUTER_MAKING_H
#define TESTS_UNIT_ROUTER_MAKING_H

#include "sandbox/router/request.h"

#define NOW	  1440938160000ull /* 2015-08-30 12:36 */
#define UNSAFE	  "credential_unsafe"
#define ELSEWHERE "credential_endpoint_mismatch"

/* Around all tests of a program: the fixture's vault. */
extern struct vault *vault;
int making_setup(void **unused);
int making_teardown(void **unused);

/* A GET over TLS, with one piece of a path. */
struct msg_route_open open_of(
    const char *host, uint16_t port, struct msg_piece *path, struct msg_route_field *fields, size_t fields_n);

/* Is it as it should be? code, NULL: it may go; which, in a table. */
void ended(size_t which, enum err r, const char *got, const char *code, const struct why *why);

/* Filled in, or not; to be given to request_done. */
void make(size_t which, const struct msg_route_open *in, const char *code, struct request *out);

/* The same, and no more is asked of it. */
void try(size_t which, const struct msg_route_open *in, const char *code);

#endif
