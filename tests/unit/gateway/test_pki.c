/* Keys and certificates: made once, kept, refused when damaged; what the client finds. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/os/file.h"
#include "common/os/remove.h"
#include "services/gateway/file.h"
#include "services/gateway/keys.h"
#include "services/gateway/pki.h"
#include "services/gateway/ssl.h"

#include <cmocka.h>

static char directory[64];

static void
setting(struct config *config)
{
	const struct settings table = {config_settings, config};

	settings_initial(&table, 1);
	snprintf(config->data_dir, sizeof(config->data_dir), "%s/data", directory);
	snprintf(config->tls_dir, sizeof(config->tls_dir), "%s/tls", directory);
	snprintf(config->client_dir, sizeof(config->client_dir), "%s/client", directory);
}

static const char *
at(const char *name)
{
	static char path[4][128];
	static unsigned n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", directory, name);
	return path[n];
}

static unsigned
mode(const char *name)
{
	struct stat st;

	return stat(at(name), &st) == 0 ? st.st_mode & 07777 : 0;
}

static X509 *
cert(const char *name)
{
	FILE *from = fopen(at(name), "re");
	X509 *read;

	assert_non_null(from);
	assert_non_null(read = PEM_read_X509(from, NULL, NULL, NULL));
	fclose(from);
	return read;
}

static void
bytes(const char *name, char to[8192])
{
	struct why why;

	assert_int_equal(file_read(at(name), to, 8192, NULL, &why), OK);
}

static void
test_certificates(void **state)
{
	struct config config;
	struct why why = {""};
	X509 *ca, *server, *client;
	EVP_PKEY *key;
	char subject[256], before[8192], after[8192];

	(void)state;
	setting(&config);
	assert_int_equal(pki_prepare(&config, &why), OK);
	assert_int_equal(mode("tls"), 0700);
	assert_int_equal(mode("tls/server/tls.key"), 0600);
	assert_int_equal(mode("tls/ca.key"), 0600);
	ca = cert("tls/ca.crt");
	server = cert("tls/server/tls.crt");
	client = cert("tls/client/tls.crt");
	key = X509_get_pubkey(ca);
	assert_int_equal(X509_verify(server, key), 1);
	assert_int_equal(X509_verify(client, key), 1);
	assert_int_equal(X509_check_host(server, "a.openshell.localhost", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(server, "example.org", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ip_asc(server, "::1", 0), 1);
	X509_NAME_oneline(X509_get_subject_name(client), subject, sizeof(subject));
	assert_string_equal(subject, "/O=openshell/OU=openshell-user/OU=openshell-admin/CN=openshell-client");
	assert_true(X509_check_purpose(client, X509_PURPOSE_SSL_CLIENT, 0) == 1);
	assert_true(X509_check_purpose(client, X509_PURPOSE_SSL_SERVER, 0) == 0);
	assert_true(X509_check_purpose(server, X509_PURPOSE_SSL_SERVER, 0) == 1);
	EVP_PKEY_free(key);
	X509_free(ca);
	X509_free(server);
	X509_free(client);
	bytes("tls/server/tls.crt", before);
	assert_int_equal(pki_prepare(&config, &why), OK); /* again: nothing new */
	bytes("tls/server/tls.crt", after);
	assert_string_equal(before, after);
	snprintf(config.server_sans.at[config.server_sans.count++], SETTING_TEXT_BYTES, "gw.example");
	assert_int_equal(pki_prepare(&config, &why), OK); /* a further name: the server's anew */
	server = cert("tls/server/tls.crt");
	assert_int_equal(X509_check_host(server, "gw.example", 0, 0, NULL), 1);
	X509_free(server);
	snprintf(config.server_sans.at[config.server_sans.count++], SETTING_TEXT_BYTES, "a,IP:6.6.6.6");
	assert_int_equal(pki_prepare(&config, &why), ERR_INVALID);
}

/* One's own may have expired: that is said, and is no reason not to start. */
static void
test_own_expired(void **state)
{
	struct config config;
	X509 *own = cert("tls/server/tls.crt");
	char note[300];
	FILE *to;

	(void)state;
	setting(&config);
	snprintf(config.tls_cert, sizeof(config.tls_cert), "%s", at("tls/server/tls.crt"));
	pki_own_note(&config, note, sizeof(note));
	assert_string_equal(note, "");
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(own), -1));
	assert_true(i2d_re_X509_tbs(own, NULL) > 0); /* else what was read is written again */
	assert_non_null(to = fopen(at("old.crt"), "we"));
	assert_int_equal(PEM_write_X509(to, own), 1);
	assert_int_equal(fclose(to), 0);
	X509_free(own);
	snprintf(config.tls_cert, sizeof(config.tls_cert), "%s", at("old.crt"));
	pki_own_note(&config, note, sizeof(note));
	assert_non_null(strstr(note, "old.crt has expired"));
	config.tls_cert[0] = '\0';
	pki_own_note(&config, note, sizeof(note));
	assert_string_equal(note, "");
}

static void
test_partial(void **state)
{
	struct config config;
	struct why why = {""};

	(void)state;
	setting(&config);
	assert_int_equal(rename(at("tls/client/tls.key"), at("aside")), 0);
	assert_int_equal(pki_prepare(&config, &why), ERR_STATE);
	assert_non_null(strstr(why.text, "but not client/tls.key"));
	assert_int_equal(rename(at("aside"), at("tls/client/tls.key")), 0);
}

static void
test_client_files(void **state)
{
	static const char foreign[] =
	    "{\"name\":\"openshell\",\"gateway_endpoint\":\"https://gw.example:1\",\"gateway_port\":1}";
	struct config config;
	struct why why = {""};
	char note[256], text[8192];

	(void)state;
	setting(&config);
	assert_int_equal(pki_client_dir(&config, &why), OK);
	assert_int_equal(access(at("client/gateways"), F_OK), -1); /* clients are led nowhere yet */
	assert_int_equal(pki_register(&config, note, sizeof(note), &why), OK);
	assert_string_equal(note, "");
	assert_int_equal(pki_register(&config, note, sizeof(note), &why), OK);
	assert_string_equal(note, ""); /* again: nothing new */
	assert_int_equal(mode("client/gateways/openshell/mtls"), 0700);
	assert_int_equal(mode("client/gateways/openshell/mtls/tls.key"), 0600);
	bytes("client/gateways/openshell/metadata.json", text);
	assert_non_null(strstr(text, "\"gateway_endpoint\": \"https://127.0.0.1:17670\""));
	assert_non_null(strstr(text, "\"gateway_port\": 17670"));
	assert_non_null(strstr(text, "\"auth_mode\": \"mtls\""));
	bytes("client/active_gateway", text);
	assert_string_equal(text, "openshell\n");
	assert_int_equal(file_replace(at("client/active_gateway"), 0644, SPAN("other\n"), true, &why), OK);
	config.port = 2;
	assert_int_equal(pki_register(&config, note, sizeof(note), &why), OK); /* ours: follows the port */
	assert_non_null(strstr(note, "--gateway-name"));
	bytes("client/gateways/openshell/metadata.json", text);
	assert_non_null(strstr(text, "127.0.0.1:2\""));
	bytes("client/active_gateway", text);
	assert_string_equal(text, "other\n"); /* the person's choice stays */
	assert_int_equal(
	    file_replace(at("client/gateways/openshell/metadata.json"), 0600, span_of_text(foreign), true, &why), OK);
	assert_int_equal(pki_register(&config, note, sizeof(note), &why), OK);
	assert_non_null(strstr(note, "belongs to another gateway"));
	bytes("client/gateways/openshell/metadata.json", text);
	assert_string_equal(text, foreign);
}

static void
test_keys(void **state)
{
	struct config config;
	struct keys first, second;
	struct why why = {""};

	(void)state;
	setting(&config);
	assert_int_equal(keys_load(&first, &config, &why), OK);
	assert_int_equal(keys_load(&second, &config, &why), OK);
	assert_memory_equal(&first.master, &second.master, 32);
	assert_memory_equal(&first.relay, &second.relay, sizeof(first.relay));
	assert_memory_not_equal(&first.state, &second.state, sizeof(first.state));
	assert_int_equal(mode("data/keys"), 0700);
	assert_int_equal(mode("data/keys/credentials.master"), 0600);
	assert_int_equal(truncate(at("data/keys/credentials.master"), 31), 0);
	assert_int_equal(keys_load(&second, &config, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "has 31 bytes instead of 32"));
	assert_int_equal(truncate(at("data/keys/credentials.master"), 32), 0);
	assert_int_equal(chmod(at("data/keys/credentials.master"), 0640), 0);
	assert_int_equal(keys_load(&second, &config, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "lets other users at it"));
	assert_int_equal(chmod(at("data/keys/credentials.master"), 0600), 0);
	assert_int_equal(keys_load(&second, &config, &why), ERR_DENIED); /* truncate made it another key */
	assert_non_null(strstr(why.text, "credentials.ring: the master key is not the one"));
	assert_int_equal(mode("data/keys/credentials.ring"), 0400);
}

/* What credentials has last said of this ring: so many sandboxes that run need an older master key. */
static void
needed(const struct ring *ring, unsigned claims)
{
	char line[80], hex[17];
	struct why why;

	hex_write(ring->keys[0].name, STORAGE_NAME_BYTES, hex);
	snprintf(line, sizeof(line), "newest=%s old=0 quiet_ms=5 claims=%u\n", hex, claims);
	assert_int_equal(file_replace(at("data/keys/rotation"), 0600, span_of_text(line), true, &why), OK);
}

/* Seven older master keys are kept while sandboxes need them; then what to do is said, and once that is done it goes on. */
static void
test_eighth_rotation(void **state)
{
	struct config config;
	auto_ring struct ring ring = {0};
	struct secret master = {{1}};
	struct why why = {""};

	(void)state;
	setting(&config);
	assert_int_equal(ring_add(&ring, &why), OK);
	for (int i = 0; i < RING_RETIRED_MAX; i++)
		assert_int_equal(keys_retire(&config, &master, &ring, &why), OK);
	(void)unlink(at("data/keys/rotation"));
	assert_int_equal(keys_retire(&config, &master, &ring, &why), ERR_BUSY); /* it is not known who needs them */
	needed(&ring, 2);
	assert_int_equal(keys_retire(&config, &master, &ring, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "2 sandboxes that run were started before the last rotation"));
	assert_non_null(strstr(why.text, "stop and start these (openshell sandbox stop NAME, start NAME"));
	assert_non_null(strstr(why.text, "then run rotate-key again"));
	assert_int_equal(ring.retired_n, RING_RETIRED_MAX);
	needed(&ring, 0);
	assert_int_equal(keys_retire(&config, &master, &ring, &why), OK);
	assert_int_equal(ring.retired_n, 1);
}

/* A key that the configuration gives is used, never made and never written. */
static void
test_master_given(void **state)
{
	struct config config;
	auto_ring struct ring ring = {0};
	struct secret master;
	struct keys keys;
	struct why why = {""};

	(void)state;
	setting(&config);
	assert_int_equal(tree_remove_whole(AT_FDCWD, at("data"), &why), OK);
	snprintf(config.master_key_file, sizeof(config.master_key_file), "%s", at("given.key"));
	assert_int_equal(keys_load(&keys, &config, &why), ERR_NOT_FOUND);
	assert_non_null(strstr(why.text, "master_key_file: open the key"));
	assert_int_equal(file_replace(at("given.key"), 0400, SPAN("0123456789abcdef0123456789abcdef"), true, &why), OK);
	assert_int_equal(keys_load(&keys, &config, &why), OK);
	assert_memory_equal(&keys.master, "0123456789abcdef0123456789abcdef", 32);
	assert_int_not_equal(access(at("data/keys/credentials.master"), F_OK), 0);
	assert_int_equal(keys_ring_load(&config, &master, &ring, &why), OK);
	assert_int_equal(ring.count, 1);
	assert_int_equal(ring_add(&ring, &why), OK);
	assert_int_equal(keys_ring_save(&config, &master, &ring, &why), OK);
	assert_int_equal(keys_load(&keys, &config, &why), OK);
	ring_wipe(&ring);
	assert_int_equal(keys_ring_load(&config, &master, &ring, &why), OK);
	assert_int_equal(ring.count, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_certificates),
	    cmocka_unit_test(test_own_expired),
	    cmocka_unit_test(test_partial),
	    cmocka_unit_test(test_client_files),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_eighth_rotation),
	    cmocka_unit_test(test_master_given),
	};
	struct why why;
	int r;

	snprintf(directory, sizeof(directory), "/tmp/test_pki.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return EXIT_FAILURE;
	log_open("test", LOG_LEVEL_ERROR);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	return tree_remove_whole(AT_FDCWD, directory, &why) == OK ? r : EXIT_FAILURE;
}
