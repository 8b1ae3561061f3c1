/* The database's address taken apart before the jail, where names can be resolved and certificates can be read. */
#include <fcntl.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "services/state/config.h"

#define EXTRA_MAX 8
/* What we set where the person did not: [keyword, value]. */
static const char *const defaults[][2] = {
    {"connect_timeout", "5"},
    {"gssencmode", "disable"}, /* it would look for files that the jail has not */
    {"tcp_user_timeout", "6000"},
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"application_name", "openshell-state"},
};

static const char *
option(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword != NULL; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val;
	return NULL;
}

static char *
copy(const char *text)
{
	char *to = strdup(text);

	if (to == NULL)
		abort();
	return to;
}

/* A socket's directory is counted from our root: elsewhere nobody of us will ever reach it. */
static enum err
socket_there(struct span directory, const struct service_config *service, struct why *why)
{
	char path[SERVICE_PATH_BYTES + 256];

	snprintf(path, sizeof(path), "%s" SPAN_FORMAT, service->run_dir, SPAN_ARGS(directory));
	if (service->run_dir[0] == '\0' || access(path, F_OK) == 0)
		return OK;
	return fail(why, ERR_NOT_FOUND,
	    "database_url: a socket in " SPAN_FORMAT
	    " cannot be reached by state, which sees nothing but %s: give a TCP address",
	    SPAN_ARGS(directory), service->run_dir);
}

/* The address of each of "host,host" in the same places; a socket directory keeps its place empty. */
static enum err
addresses(const char *hosts, const struct service_config *service, struct text *out, struct why *why)
{
	struct span rest = span_of_text(hosts);
	char name[256], numeric[NI_MAXHOST];
	bool first = true;
	enum err r;
	int found_r;

	while (rest.length > 0) {
		struct span host = span_cut(&rest, ',');
		struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;

		text_add(out, "%s", first ? "" : ",");
		first = false;
		if (host.length > 0 && host.at[0] == '/' && (r = socket_there(host, service, why)) != OK)
			return r;
		if (host.length == 0 || host.at[0] == '/' || host.at[0] == '@')
			continue;
		if (!span_copy(host, name, sizeof(name)))
			return fail(why, ERR_INVALID, "database_url: a host name is too long");
		if ((found_r = getaddrinfo(name, NULL, &hints, &found)) != 0)
			return fail(why, ERR_NOT_FOUND, "database_url: host %s: %s", name, gai_strerror(found_r));
		found_r =
		    getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof(numeric), NULL, 0, NI_NUMERICHOST);
		freeaddrinfo(found);
		if (found_r != 0)
			return fail(why, ERR_NOT_FOUND, "database_url: host %s: %s", name, gai_strerror(found_r));
		text_add(out, "%s", numeric);
	}
	if (out->cut)
		return fail(why, ERR_INVALID, "database_url: too many hosts");
	return OK;
}

/* Parameters that name a file, which libpq opens anew for each connection. */
static const char *const file_keys[] = {"sslrootcert", "sslcert", "sslkey", "sslcrl"};

static enum err
file_write(const char *path, const char *bytes, size_t length, const struct service_config *service, struct why *why)
{
	auto_fd int fd = -1;

	(void)unlink(path);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0 ||
	    (service->uid != 0 && fchown(fd, service->uid, service->gid) < 0))
		return fail_errno(why, ERR_SYSTEM, "%s", path);
	if (write(fd, bytes, length) != (ssize_t)length)
		return fail_errno(why, ERR_SYSTEM, "%s", path);
	return OK;
}

/* A copy of it in our own directory below the new root: /state/KEY. */
static enum err
file_move_in(const char *key, const char *path, const struct service_config *service, struct why *why)
{
	char to[SERVICE_PATH_BYTES + 32], *bytes = NULL;
	size_t length = 0;
	enum err r;

	snprintf(to, sizeof(to), "%s/state/%s", service->run_dir, key);
	if ((r = settings_file(path, &bytes, &length, why)) != OK)
		return because(why, r, "database_url: %s", key);
	r = file_write(to, bytes, length, service, why);
	explicit_bzero(bytes, length);
	free(bytes);
	return r;
}

static enum err
files_move_in(struct conninfo *conninfo, const struct service_config *service, struct why *why)
{
	enum err r;

	for (size_t i = 0; conninfo->keys[i] != NULL; i++)
		for (size_t j = 0; j < COUNT(file_keys); j++) {
			char inside[32];

			if (strcmp(conninfo->keys[i], file_keys[j]) != 0)
				continue;
			if ((r = file_move_in(file_keys[j], conninfo->values[i], service, why)) != OK)
				return r;
			snprintf(inside, sizeof(inside), "/state/%s", file_keys[j]);
			free((char *)(uintptr_t)conninfo->values[i]);
			conninfo->values[i] = copy(inside);
		}
	return OK;
}

static void
conninfo_fill(struct conninfo *out, const PQconninfoOption *options, const char *hostaddr)
{
	size_t n = 0;

	for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
		n++;
	out->keys = calloc(n + EXTRA_MAX, sizeof(*out->keys));
	out->values = calloc(n + EXTRA_MAX, sizeof(*out->values));
	if (out->keys == NULL || out->values == NULL)
		abort();
	n = 0;
	for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
		if (o->val != NULL && o->val[0] != '\0') {
			out->keys[n] = copy(o->keyword);
			out->values[n++] = copy(o->val);
		}
	for (size_t i = 0; i < COUNT(defaults); i++)
		if (option(options, defaults[i][0]) == NULL) {
			out->keys[n] = copy(defaults[i][0]);
			out->values[n++] = copy(defaults[i][1]);
		}
	if (hostaddr[strspn(hostaddr, ",")] != '\0') {
		out->keys[n] = copy("hostaddr");
		out->values[n++] = copy(hostaddr);
	}
}

enum err
conninfo_read(struct conninfo *out, const char *database_url, const struct service_config *service, struct why *why)
{
	char *words = NULL, hostaddr[1024];
	struct text text = TEXT_OF(hostaddr);
	PQconninfoOption *options = PQconninfoParse(database_url, &words);
	enum err r = OK;

	hostaddr[0] = '\0';
	if (options == NULL) { /* libpq's words quote the URL, which may hold a password */
		PQfreemem(words);
		return fail(why, ERR_INVALID, "database_url is neither key=value words nor a postgresql:// address");
	}
	if (option(options, "host") != NULL && option(options, "hostaddr") == NULL)
		r = addresses(option(options, "host"), service, &text, why);
	if (r == OK)
		conninfo_fill(out, options, hostaddr);
	PQconninfoFree(options);
	if (r == OK && (r = files_move_in(out, service, why)) != OK)
		conninfo_free(out);
	return r;
}

void
conninfo_free(struct conninfo *conninfo)
{
	for (size_t i = 0; conninfo->keys != NULL && conninfo->keys[i] != NULL; i++) {
		char *value = (char *)(uintptr_t)conninfo->values[i];

		explicit_bzero(value, strlen(value));
		free(value);
		free((char *)(uintptr_t)conninfo->keys[i]);
	}
	free(conninfo->keys);
	free(conninfo->values);
	*conninfo = (struct conninfo){0};
}
