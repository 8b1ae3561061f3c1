/* Services: command line and common settings of every daemon, and the word to its parent. */
#include "common/service/service.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/wire/yaml.h"

static const struct {
	const char *name;
	enum role role;
} roles[] = {
    {"api", ROLE_API},
    {"state", ROLE_STATE},
    {"credentials", ROLE_CREDENTIALS},
    {"relay", ROLE_RELAY},
    {"driver", ROLE_DRIVER},
};

static enum err
peer_role(const struct yaml_node *node, struct service_peer *peer, struct why *why)
{
	for (size_t i = 0; i < COUNT(roles); i++)
		if (span_is(node->text, roles[i].name)) {
			peer->role = roles[i].role;
			return OK;
		}
	return fail(why, ERR_INVALID, "no such role; api, state, credentials, relay and driver are");
}

static enum err
peer_name(const struct yaml_node *node, struct service_peer *peer, struct why *why)
{
	if (node->text.length == 0 || !span_copy(node->text, peer->name, sizeof(peer->name)))
		return fail(why, ERR_INVALID, "a name of 1 to %zu bytes is wanted", sizeof(peer->name) - 1);
	return OK;
}

static enum err
peer_key(const struct yaml_node *node, struct service_peer *peer, struct why *why)
{
	if (!hex_read(node->text, peer->key, sizeof(peer->key)))
		return fail(why, ERR_INVALID, "64 hex digits are wanted");
	return OK;
}

static enum err
peer_endpoint(const struct yaml_node *node, struct service_peer *peer, struct why *why)
{
	if (!span_copy(node->text, peer->endpoint, sizeof(peer->endpoint)) ||
	    (!span_starts(node->text, SPAN("ipc://")) && !span_starts(node->text, SPAN("tcp://"))))
		return fail(why, ERR_INVALID, "an address beginning ipc:// or tcp:// is wanted");
	return OK;
}

static const struct {
	const char *key;
	bool optional;
	enum err (*read)(const struct yaml_node *node, struct service_peer *peer, struct why *why);
} peer_fields[] = {
    {"role", false, peer_role},
    {"name", false, peer_name},
    {"key", false, peer_key},
    {"endpoint", true, peer_endpoint},
};

static bool
peer_field_known(struct span key)
{
	for (size_t i = 0; i < COUNT(peer_fields); i++)
		if (span_is(key, peer_fields[i].key))
			return true;
	return false;
}

static enum err
peer_read(const struct yaml_node *map, struct service_peer *peer, struct why *why)
{
	enum err r;

	if (map->kind != YAML_MAP)
		return fail(why, ERR_INVALID, "each entry is a map of role, name, key and endpoint");
	for (const struct yaml_node *node = map->first; node != NULL; node = node->next)
		if (!peer_field_known(node->key))
			return fail(why, ERR_INVALID, "there is no \"%s\" here; role, name, key and endpoint are",
			    log_quote(span_head(node->key, 60)));
	for (size_t i = 0; i < COUNT(peer_fields); i++) {
		const struct yaml_node *node = yaml_get(map, peer_fields[i].key);

		if (node == NULL && peer_fields[i].optional)
			continue;
		if (node == NULL || node->kind != YAML_SCALAR)
			return fail(why, ERR_INVALID, "%s: a text is wanted", peer_fields[i].key);
		if ((r = peer_fields[i].read(node, peer, why)) != OK)
			return because(why, r, "%s", peer_fields[i].key);
	}
	return OK;
}

static enum err
roster_read(const struct yaml_node *list, void *field, struct why *why)
{
	struct service_roster *roster = field;
	enum err r;

	if (list->kind != YAML_LIST)
		return fail(why, ERR_INVALID, "a list of peers is wanted");
	if (list->count > SERVICE_ROSTER_MAX)
		return fail(why, ERR_INVALID, "%zu peers, at most %d", list->count, SERVICE_ROSTER_MAX);
	roster->count = 0;
	for (const struct yaml_node *node = list->first; node != NULL; node = node->next) {
		roster->at[roster->count] = (struct service_peer){0};
		if ((r = peer_read(node, &roster->at[roster->count++], why)) != OK)
			return because(why, r, "peer in line %zu", node->line);
	}
	return OK;
}

const struct setting service_settings[] = {
    TEXT_SETTING(service_config, process, 1, 63, NULL, "own name, in logs and to peers"),
    TEXT_SETTING(
	service_config, run_dir, 1, 1023, NULL, "directory that becomes its root; socket paths are counted from it"),
    NUMBER_SETTING(service_config, uid, 0, 4294967294, "0", "user to become; 0 stays"),
    NUMBER_SETTING(service_config, gid, 0, 4294967294, "0", "group to become; 0 stays"),
    WORD_SETTING(service_config, log_level, setting_log_levels, "info", "least severe events that are logged"),
    NUMBER_SETTING(service_config, ready_fd, 0, 15, "0", "descriptor to say \"ready\" on; 0: nobody waits"),
    KEY_SETTING(service_config, bus_secret, "own CURVE secret key"),
    OTHER_SETTING(service_config, roster, roster_read,
	"the other processes: role, name, key, and the endpoint to dial where it does not dial us"),
    {0},
};

/* What the command line says. */
struct line {
	const char *file;
	uint64_t fd;
};

static void __attribute__((noreturn)) print_help(const char *name, const struct setting *rows)
{
	printf("%s: one process of the OpenShell gateway; openshell-gateway starts it\n\n"
	       "usage: %s [--config FILE | --settings-fd N] [--foreground] [--help] [--version]\n\n"
	       "  --config FILE        settings as YAML, to run it by hand\n"
	       "  --settings-fd N      settings on an open descriptor (3 when the gateway starts it)\n"
	       "  --foreground         accepted; it always stays in the foreground\n\nsettings of every service:\n",
	    name, name);
	settings_help(stdout, service_settings);
	printf("\nits own settings:\n");
	settings_help(stdout, rows);
	exit(EXIT_SUCCESS);
}

static enum err
flag_value(int argc, char **argv, int *i, const char **value, struct why *why)
{
	if (*i + 1 >= argc)
		return fail(why, ERR_INVALID, "%s needs a value", argv[*i]);
	*value = argv[++*i];
	return OK;
}

static enum err
line_read(struct line *line, const struct setting *rows, int argc, char **argv, struct why *why)
{
	const char *value = "";
	enum err r = OK;

	for (int i = 1; i < argc && r == OK; i++) {
		if (strcmp(argv[i], "--help") == 0)
			print_help(argv[0], rows);
		if (strcmp(argv[i], "--version") == 0) {
			printf("%s " OPENSHELL_VERSION "\n", argv[0]);
			exit(EXIT_SUCCESS);
		}
		if (strcmp(argv[i], "--foreground") == 0)
			continue;
		if (strcmp(argv[i], "--config") == 0)
			r = flag_value(argc, argv, &i, &line->file, why);
		else if (strcmp(argv[i], "--settings-fd") != 0)
			r = fail(
			    why, ERR_INVALID, "unknown argument \"%s\"; see --help", log_quote(span_of_text(argv[i])));
		else if ((r = flag_value(argc, argv, &i, &value, why)) == OK &&
			 (r = number_parse(span_of_text(value), 3, 1023, &line->fd, why)) != OK)
			r = because(why, r, "--settings-fd");
	}
	return r;
}

/* Where the settings are: a file that was named, a descriptor that was named, or the parent's memfd. */
static enum err
text_load(const struct line *line, const char **name, char **text, size_t *length, struct why *why)
{
	enum err r;

	*name = line->file != NULL ? line->file : "settings";
	if (line->file != NULL)
		return settings_file(line->file, text, length, why);
	if (line->fd != 0)
		return settings_fd((int)line->fd, "settings", text, length, why);
	if (fcntl(SERVICE_FD_SETTINGS, F_GET_SEALS) < 0)
		return fail(why, ERR_INVALID, "no settings: give --config FILE, or start openshell-gateway");
	r = settings_fd(SERVICE_FD_SETTINGS, "settings", text, length, why);
	close(SERVICE_FD_SETTINGS); /* it holds secrets, and nobody reads it again */
	return r;
}

enum err
service_load(
    struct service_config *service, const struct setting *rows, void *config, int argc, char **argv, struct why *why)
{
	const struct settings tables[] = {{service_settings, service}, {rows, config}};
	struct line line = {0};
	const char *name;
	char *text = NULL;
	size_t length = 0;
	enum err r;

	settings_initial(tables, COUNT(tables));
	log_open(argc > 0 ? argv[0] : "service", LOG_LEVEL_INFO);
	if ((r = line_read(&line, rows, argc, argv, why)) != OK ||
	    (r = text_load(&line, &name, &text, &length, why)) != OK)
		return r;
	r = settings_read(name, span_of_bytes(text, length), tables, COUNT(tables), why);
	explicit_bzero(text, length);
	free(text);
	if (r == OK && (r = settings_complete(tables, COUNT(tables), why)) != OK)
		r = because(why, r, "%s", name);
	if (service->process[0] != '\0')
		log_open(service->process, service->log_level);
	return r;
}

static bool
tell_parent(struct service_config *service, const char *words)
{
	bool told = true;

	if (service->ready_fd == 0)
		return true;
	told = write((int)service->ready_fd, words, strlen(words)) > 0;
	close((int)service->ready_fd);
	service->ready_fd = 0;
	return told;
}

/* What it holds becomes one line. */
static void
line_end(struct text *text)
{
	for (char *p = text->at; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
	text_add(text, "\n");
}

/* The parent asked for our death with its own, but the kernel forgets that when a process changes its user. */
void
service_ready_but(struct service_config *service, const char *words)
{
	char line[WHY_BYTES + 16];
	struct text text = TEXT_OF(line);

	text_add(&text, "ready");
	if (words != NULL)
		text_add(&text, ": %s", words);
	line_end(&text);
	if (service->ready_fd != 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		log_warning("parent.unbound", "ready_fd=%u", service->ready_fd);
	if (tell_parent(service, line))
		return;
	log_error("parent.gone", NULL);
	_exit(EXIT_FAILURE);
}

void
service_ready(struct service_config *service)
{
	service_ready_but(service, NULL);
}

void
service_failed(struct service_config *service, const struct why *why)
{
	char words[WHY_BYTES + 16];
	struct text text = TEXT_OF(words);

	text_add(&text, "failed: %s", why->text[0] == '\0' ? "it did not say why" : why->text);
	line_end(&text);
	if (!tell_parent(service, words))
		log_warning("parent.gone", NULL);
}

enum err
service_jail(const struct jail *jail, const struct service_config *service, struct why *why)
{
	struct jail own = *jail;

	own.root = service->run_dir;
	own.uid = service->uid;
	own.gid = service->gid;
	return jail_enter(&own, why);
}
