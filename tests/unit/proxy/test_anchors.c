/* Anchors and the authority: a chain finds its root in a file of many, and nothing but its root. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/leg/anchors.h"
#include "sandbox/proxy/ca.h"

#define MANY 20

static struct ca *authorities[MANY];

static int
setup(void **unused)
{
	struct why why;

	(void)unused;
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(ca_new(&authorities[i], &why), OK);
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < MANY; i++)
		ca_free(authorities[i]);
	return 0;
}

/* A PEM file of the authorities from first on, with words between them. All have one subject: the worst case. */
static int
file_of(size_t first)
{
	int fd = memfd_create("anchors", MFD_CLOEXEC);

	for (size_t i = first; i < MANY; i++) {
		char *pem;
		size_t length = ca_pem(authorities[i], &pem);

		assert_int_equal(write(fd, "# words\n", 8), 8);
		assert_int_equal(write(fd, pem, length), length);
		OPENSSL_free(pem);
	}
	return fd;
}

static int
verify(X509_STORE *store, X509 *leaf, const char *host)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	int error;

	assert_int_equal(X509_STORE_CTX_init(context, store, leaf, NULL), 1);
	X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(context), host, 0);
	X509_verify_cert(context);
	error = X509_STORE_CTX_get_error(context);
	X509_STORE_CTX_free(context);
	return error;
}

static void
a_chain_finds_its_root(void **unused)
{
	struct anchors *anchors = anchors_new(file_of(1));
	X509_STORE *store = anchors_store(anchors);
	struct why why;
	X509 *leaf;

	(void)unused;
	for (size_t i = 1; i < MANY; i += MANY / 3) {
		assert_int_equal(ca_leaf(authorities[i], "a.test", &leaf, &why), OK);
		assert_int_equal(verify(store, leaf, "a.test"), X509_V_OK);
		assert_int_equal(verify(store, leaf, "b.test"), X509_V_ERR_HOSTNAME_MISMATCH);
	}
	assert_int_equal(ca_leaf(authorities[0], "a.test", &leaf, &why), OK); /* not in the file */
	assert_int_not_equal(verify(store, leaf, "a.test"), X509_V_OK);
	X509_STORE_free(store);
	anchors_free(anchors);
}

static void
without_a_file_nobody_is_trusted(void **unused)
{
	struct anchors *anchors = anchors_new(-1);
	X509_STORE *store = anchors_store(anchors);
	struct why why;
	X509 *leaf;

	(void)unused;
	assert_int_equal(ca_leaf(authorities[0], "a.test", &leaf, &why), OK);
	assert_int_not_equal(verify(store, leaf, "a.test"), X509_V_OK);
	X509_STORE_free(store);
	anchors_free(anchors);
}

static void
broken_files_break_nothing(void **unused)
{
	static const char *const files[] = {"", "-----BEGIN CERTIFICATE-----",
	    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	    "-----END CERTIFICATE----------BEGIN CERTIFICATE-----",
	    "-----BEGIN CERTIFICATE-----\nMAMwAQU=\n-----END CERTIFICATE-----"};
	struct why why;
	X509 *leaf;

	(void)unused;
	assert_int_equal(ca_leaf(authorities[0], "a.test", &leaf, &why), OK);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = memfd_create("anchors", MFD_CLOEXEC);
		struct anchors *anchors = anchors_new(fd);
		X509_STORE *store = anchors_store(anchors);

		assert_int_equal(write(fd, files[i], strlen(files[i])), strlen(files[i]));
		assert_int_not_equal(verify(store, leaf, "a.test"), X509_V_OK);
		X509_STORE_free(store);
		anchors_free(anchors);
	}
}

static void
an_authority_is_the_same_after_a_restart(void **unused)
{
	struct anchors *anchors = anchors_new(file_of(MANY - 1));
	X509_STORE *store = anchors_store(anchors);
	struct ca *again = NULL, *other = NULL;
	unsigned char *key;
	char *pem;
	size_t key_length = ca_key(authorities[MANY - 1], &key), pem_length = ca_pem(authorities[MANY - 1], &pem);
	struct why why;
	X509 *leaf;

	(void)unused;
	assert_int_equal(ca_load(span_of_bytes(key, key_length), span_of_bytes(pem, pem_length), &again, &why), OK);
	assert_int_equal(ca_leaf(again, "10.1.2.3", &leaf, &why), OK);
	assert_int_equal(verify(store, leaf, NULL), X509_V_OK);
	assert_int_equal(X509_check_ip_asc(leaf, "10.1.2.3", 0), 1);
	OPENSSL_free(pem);
	pem_length = ca_pem(authorities[0], &pem); /* another's certificate */
	assert_int_equal(
	    ca_load(span_of_bytes(key, key_length), span_of_bytes(pem, pem_length), &other, &why), ERR_INVALID);
	assert_int_equal(
	    ca_load(span_of_bytes(key, key_length - 1), span_of_bytes(pem, pem_length), &other, &why), ERR_INVALID);
	assert_null(other);
	OPENSSL_free(pem);
	OPENSSL_free(key);
	ca_free(again);
	X509_STORE_free(store);
	anchors_free(anchors);
}

static void
leaves_are_kept_and_the_cache_is_bounded(void **unused)
{
	struct why why;
	X509 *first, *same, *leaf;
	char host[32];

	(void)unused;
	assert_int_equal(ca_leaf(authorities[0], "Kept.test", &first, &why), OK);
	X509_up_ref(first);
	for (int i = 0; i < 300; i++) {
		snprintf(host, sizeof(host), "h%d.test", i);
		assert_int_equal(ca_leaf(authorities[0], host, &leaf, &why), OK);
		assert_int_equal(ca_leaf(authorities[0], "kept.test", &same, &why), OK);
		assert_ptr_equal(first, same); /* in use: never the oldest */
	}
	X509_free(first);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_chain_finds_its_root),
	    cmocka_unit_test(without_a_file_nobody_is_trusted),
	    cmocka_unit_test(broken_files_break_nothing),
	    cmocka_unit_test(an_authority_is_the_same_after_a_restart),
	    cmocka_unit_test(leaves_are_kept_and_the_cache_is_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
