/* The stage of credentials' children: the daemon with stand-ins for token servers, in clear and with TLS. */
#ifndef TESTS_BUS_FETCH_STAGE_H
#define TESTS_BUS_FETCH_STAGE_H

#include "common/seal/stored.h"
#include "tests/bus/credentials_stage.h"

#define TOKEN "at-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

extern const struct id provider;
extern char log_path[128];	/* what the stand-ins were asked */
extern unsigned port, tls_port; /* of them */

/* A shell line in the stage's directory, which has to succeed. */
void shell(const char *words);
bool log_has(const char *words);

/* A stored record of the provider's, in memory that place has. */
struct msg_secret_record record(size_t place, const char *key, const char *value);
void expect_record(const struct msg_secret_record *have, const char *key, const char *value);

/* A refresh by token at that path of the stand-in. */
struct msg refresh(char url[128], const char *path, struct msg_secret_record *secrets);

/* All of main. argv: credentials, credentials-fetch, the stand-in's script */
int fetch_main(int argc, char **argv, const struct CMUnitTest *tests, size_t n);

#endif
