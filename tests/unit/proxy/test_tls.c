/* TLS towards both sides: who is believed, what a hello may name, and which sessions are taken up again. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "sandbox/proxy/ca.h"
#include "common/leg/leg.h"
#include "sandbox/proxy/tls.h"

static struct loop *loop;
static struct ca *world, *stranger; /* authorities: trusted, and not */
static struct tls *tls;
static SSL_CTX *server; /* of the world */
static struct why why;

static int
setup(void **unused)
{
	struct ca *own;
	char *pem;
	size_t length;
	int fd = memfd_create("anchors", MFD_CLOEXEC);

	(void)unused;
	assert_int_equal(loop_new(&loop, &why), OK);
	assert_int_equal(ca_new(&world, &why), OK);
	assert_int_equal(ca_new(&stranger, &why), OK);
	assert_int_equal(ca_new(&own, &why), OK);
	length = ca_pem(world, &pem);
	assert_int_equal(write(fd, pem, length), length);
	OPENSSL_free(pem);
	tls = tls_new(own, fd);
	server = SSL_CTX_new(TLS_server_method());
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	SSL_CTX_free(server);
	tls_free(tls);
	ca_free(world);
	ca_free(stranger);
	loop_free(loop);
	return 0;
}

struct end {
	struct leg *leg;
	bool done;
	enum err r;
	struct why why;
};

static void
shaken(void *self, enum err r, const struct why *said)
{
	struct end *end = self;

	end->done = true;
	end->r = r;
	end->why = *said;
}

static void
silent(void *self, uint32_t events)
{
	char bytes[100];
	size_t got;

	(void)events;
	if (leg_read(self, bytes, sizeof(bytes), &got, &why) == OK)
		leg_watch(self, 0, silent, self);
}

/* Both ends shake hands; then the client reads what the server still has to say (its tickets). */
static void
meet(SSL *client_ssl, SSL *server_ssl, struct end *client, struct end *other)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	*client = (struct end){.leg = leg_new(loop, pair[0])};
	*other = (struct end){.leg = leg_new(loop, pair[1])};
	leg_handshake(client->leg, client_ssl, 5000, shaken, client);
	leg_handshake(other->leg, server_ssl, 5000, shaken, other);
	while (!client->done || !other->done)
		assert_int_equal(loop_turn(loop, 1000, &why), OK);
	if (client->r != OK || other->r != OK)
		return;
	leg_watch(client->leg, EPOLLIN, silent, client->leg);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(loop, 1, &why), OK);
}

static SSL *
server_for(struct ca *ca, const char *name)
{
	X509 *leaf;
	SSL *ssl = SSL_new(server);

	assert_int_equal(ca_leaf(ca, name, &leaf, &why), OK);
	assert_int_equal(SSL_use_cert_and_key(ssl, leaf, ca_leaf_key(ca), NULL, 1), 1);
	SSL_set_accept_state(ssl);
	return ssl;
}

static void
close_both(struct end *a, struct end *b)
{
	leg_close(a->leg);
	leg_close(b->leg);
}

static const struct {
	const char *asked, *shown; /* host, and name of the certificate */
	bool trusted;
	enum err want;
} servers[] = {
    {"a.test", "a.test", true, OK},
    {"A.test", "a.test", true, OK},
    {"10.1.2.3", "10.1.2.3", true, OK},
    {"fd00::1", "fd00::1", true, OK},
    {"a.test", "b.test", true, ERR_INVALID},
    {"a.test", "a.test", false, ERR_INVALID},
    {"10.1.2.3", "10.1.2.4", true, ERR_INVALID},
    {"10.1.2.3", "a.test", true, ERR_INVALID},
    {"sub.a.test", "a.test", true, ERR_INVALID},
};

static void
a_server_is_believed_as_the_table_says(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(servers); i++) {
		struct end client, other;
		SSL *ssl;

		/* each at a port of its own: a session that is taken up again shows no certificate */
		assert_int_equal(tls_upstream(tls, servers[i].asked, (uint16_t)(1000 + i), "http/1.1", &ssl, &why), OK);
		meet(ssl, server_for(servers[i].trusted ? world : stranger, servers[i].shown), &client, &other);
		if (client.r != servers[i].want)
			fail_msg("case %zu: %s %s", i, err_name(client.r), client.why.text);
		close_both(&client, &other);
	}
}

/* Certificates of the world's that are changed, and signed anew. */

static void
is_expired(X509 *leaf)
{
	X509_gmtime_adj(X509_getm_notAfter(leaf), -1);
}

static void
is_to_come(X509 *leaf)
{
	X509_gmtime_adj(X509_getm_notBefore(leaf), 3600);
}

static void
extension_change(X509 *leaf, int kind, const char *value)
{
	X509_EXTENSION *extension = X509_delete_ext(leaf, X509_get_ext_by_NID(leaf, kind, -1));

	assert_non_null(extension);
	X509_EXTENSION_free(extension);
	if (value == NULL)
		return;
	assert_non_null(extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value));
	assert_int_equal(X509_add_ext(leaf, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void
is_a_clients(X509 *leaf)
{
	extension_change(leaf, NID_ext_key_usage, "clientAuth");
}

/* Its name stands in the subject alone, which binds nobody (RFC 9525, 6.3 and 2). */
static void
is_named_in_its_subject(X509 *leaf)
{
	extension_change(leaf, NID_subject_alt_name, NULL);
}

static void
is_for_part_of_a_label(X509 *leaf)
{
	extension_change(leaf, NID_subject_alt_name, "DNS:*a.example.test");
}

static void
is_for_any_below(X509 *leaf)
{
	extension_change(leaf, NID_subject_alt_name, "DNS:*.example.test");
}

static const struct {
	void (*change)(X509 *leaf);
	enum err want;
} changes[] = {
    {is_for_any_below, OK},
    {is_expired, ERR_INVALID},
    {is_to_come, ERR_INVALID},
    {is_a_clients, ERR_INVALID},
    {is_named_in_its_subject, ERR_INVALID},
    {is_for_part_of_a_label, ERR_INVALID},
};

static SSL *
server_changed(void (*change)(X509 *leaf))
{
	unsigned char *der;
	size_t length = ca_key(world, &der);
	const unsigned char *at = der;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)length);
	SSL *ssl = SSL_new(server);
	X509 *leaf, *changed;

	assert_int_equal(ca_leaf(world, "aa.example.test", &leaf, &why), OK);
	assert_non_null(changed = X509_dup(leaf));
	change(changed);
	assert_int_not_equal(X509_sign(changed, key, EVP_sha256()), 0);
	assert_int_equal(SSL_use_cert_and_key(ssl, changed, ca_leaf_key(world), NULL, 1), 1);
	X509_free(changed);
	EVP_PKEY_free(key);
	OPENSSL_free(der);
	SSL_set_accept_state(ssl);
	return ssl;
}

static void
a_server_is_believed_by_all_of_its_certificate(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(changes); i++) {
		struct end client, other;
		SSL *ssl;

		assert_int_equal(
		    tls_upstream(tls, "aa.example.test", (uint16_t)(2000 + i), "http/1.1", &ssl, &why), OK);
		meet(ssl, server_changed(changes[i].change), &client, &other);
		if (client.r != changes[i].want)
			fail_msg("case %zu: %s %s", i, err_name(client.r), client.why.text);
		close_both(&client, &other);
	}
}

static bool
reused(const char *host, uint16_t port, const char *alpn)
{
	struct end client, other;
	bool again;
	SSL *ssl;

	assert_int_equal(tls_upstream(tls, host, port, alpn, &ssl, &why), OK);
	meet(ssl, server_for(world, "a.test"), &client, &other);
	assert_int_equal(client.r, OK);
	again = SSL_session_reused(leg_ssl(client.leg)) == 1;
	close_both(&client, &other);
	return again;
}

static void
a_session_is_taken_up_again_for_the_same_place_only(void **unused)
{
	(void)unused;
	assert_false(reused("a.test", 443, "http/1.1"));
	assert_true(reused("a.test", 443, "http/1.1"));
	assert_false(reused("a.test", 8443, "http/1.1"));
	assert_false(reused("a.test", 443, NULL));
	assert_true(reused("a.test", 443, "http/1.1"));
}

static SSL *
agent_hello(SSL_CTX *context, const char *name)
{
	SSL *ssl = SSL_new(context);

	if (name != NULL)
		SSL_set_tlsext_host_name(ssl, name);
	SSL_set_connect_state(ssl);
	return ssl;
}

static const struct {
	const char *host, *named; /* NULL: the hello names none */
	bool must;
	enum err want;
} hellos[] = {
    {"a.test", "a.test", true, OK}, {"a.test", "A.TEST", true, OK}, {"a.test", "a.test.", true, OK},
    {"a.test", NULL, true, OK}, {"a.test", "b.test", true, ERR_INVALID}, {"a.test", "a.test.b", true, ERR_INVALID},
    {"a.test", "a.tes", true, ERR_INVALID}, {"10.1.2.3", "a.test", true, ERR_INVALID},
    {"10.1.2.3", "a.test", false, OK}, /* a transparent connection to an address */
};

static void
a_hello_may_name_its_host_only(void **unused)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	(void)unused;
	for (size_t i = 0; i < COUNT(hellos); i++) {
		struct end client, other;
		SSL *ssl;

		assert_int_equal(tls_agent(tls, hellos[i].host, hellos[i].must, &ssl, &why), OK);
		meet(agent_hello(context, hellos[i].named), ssl, &client, &other);
		if (other.r != hellos[i].want)
			fail_msg("case %zu: %s %s", i, err_name(other.r), other.why.text);
		assert_string_equal(tls_agent_mismatch(leg_ssl(other.leg)), other.r == OK ? "" : hellos[i].named);
		close_both(&client, &other);
	}
	SSL_CTX_free(context);
}

static void
old_versions_are_refused(void **unused)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	struct end client, other;
	SSL *ssl;

	(void)unused;
	SSL_CTX_set_min_proto_version(context, TLS1_1_VERSION);
	SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
	assert_int_equal(tls_agent(tls, "a.test", true, &ssl, &why), OK);
	meet(agent_hello(context, "a.test"), ssl, &client, &other);
	assert_int_equal(other.r, ERR_INVALID);
	close_both(&client, &other);
	SSL_CTX_free(context);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_server_is_believed_as_the_table_says),
	    TEST(a_server_is_believed_by_all_of_its_certificate),
	    TEST(a_session_is_taken_up_again_for_the_same_place_only),
	    TEST(a_hello_may_name_its_host_only),
	    TEST(old_versions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
