/* Certificates for tests, made anew in each run. */
#ifndef TESTS_UNIT_RPC_PKI_H
#define TESTS_UNIT_RPC_PKI_H

/* PEM texts. */
struct pki {
	char *ca, *other_ca;
	char *server, *server_key;     /* for localhost and 127.0.0.1, of ca */
	char *client, *client_key;     /* CN=tester, OU=admins, OU=users, of ca */
	char *stranger, *stranger_key; /* a client of other_ca */
};

void pki_make(struct pki *pki);
void pki_free(struct pki *pki);

#endif
