/* Settings of state, each with its bounds and what it is for; and the database's address taken apart. */
#include "services/state/config.h"

#include <libpq-fe.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"

const struct setting state_settings[] = {
	TEXT_SETTING(config, listen, 7, ENDPOINT_BYTES - 1, "ipc:///state/bus", "where the other processes dial state"),
	TEXT_SETTING(config, database_url, 1, DATABASE_URL_BYTES - 1, NULL,
	    "the Postgres database, as libpq takes it: key=value words or postgresql://; sockets are below run_dir"),
	KEY_SETTING(config, audit_key, "key of the hash that chains the audit rows; keep it out of the database"),
	TEXT_SETTING(config, workspace, 1, 19, "default", "workspace that is there from the start"),
	NUMBER_SETTING(config, log_rows_max, 100, 100000, "2000", "log lines kept for each sandbox"),
	NUMBER_SETTING(config, log_days, 1, 3650, "7", "days that log lines are kept"),
	{0},
};

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

/* The address of each of "host,host" in the same places; a socket directory keeps its place empty. */
static enum err
addresses(const char *hosts, struct text *out, struct why *why)
{
	struct span rest = span_of_text(hosts);
	char name[256], numeric[NI_MAXHOST];
	bool first = true;

	while (rest.length > 0) {
		struct span host = span_cut(&rest, ',');
		struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
		int r;

		text_add(out, "%s", first ? "" : ",");
		first = false;
		if (host.length == 0 || host.at[0] == '/' || host.at[0] == '@')
			continue;
		if (!span_copy(host, name, sizeof(name)))
			return fail(why, ERR_INVALID, "database_url: a host name is too long");
		if ((r = getaddrinfo(name, NULL, &hints, &found)) != 0)
			return fail(why, ERR_NOT_FOUND, "database_url: host %s: %s", name, gai_strerror(r));
		r = getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof(numeric), NULL, 0, NI_NUMERICHOST);
		freeaddrinfo(found);
		if (r != 0)
			return fail(why, ERR_NOT_FOUND, "database_url: host %s: %s", name, gai_strerror(r));
		text_add(out, "%s", numeric);
	}
	if (out->cut)
		return fail(why, ERR_INVALID, "database_url: too many hosts");
	return OK;
}

static enum err
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
	return OK;
}

enum err
conninfo_read(struct conninfo *out, const char *database_url, struct why *why)
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
		r = addresses(option(options, "host"), &text, why);
	if (r == OK)
		r = conninfo_fill(out, options, hostaddr);
	PQconninfoFree(options);
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
