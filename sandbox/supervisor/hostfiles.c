/* Reading resolv.conf and hosts: bounded, addresses by number only. */
#include "sandbox/supervisor/hostfiles.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/file.h"

#define FILE_MAX_BYTES	  (1u << 20)
#define ANCHORS_MAX_BYTES (4u << 20)
#define NAME_MAX_BYTES	  253
#define NAME_BYTES	  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

const char *const hostfiles_anchor_paths[] = {
    "etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
    "etc/pki/tls/certs/ca-bundle.crt",	 /* Fedora */
    "etc/ssl/ca-bundle.pem",		 /* SUSE */
    "etc/ssl/cert.pem",
    NULL,
};

/* ---- text ---- */

static bool
blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

/* The next word of a line; empty at its end, or where a remark begins. */
static struct span
word(struct span *line)
{
	struct span found;
	size_t n = 0;

	while (line->length > 0 && blank(line->at[0]))
		*line = span_tail(*line, 1);
	while (n < line->length && !blank(line->at[n]) && line->at[n] != '#')
		n++;
	found = span_head(*line, n);
	*line = span_tail(*line, n);
	return found;
}

static bool
is_address(struct span text)
{
	unsigned char unused[16];
	char copy[INET6_ADDRSTRLEN];

	return span_copy(text, copy, sizeof(copy)) &&
	       (inet_pton(AF_INET, copy, unused) == 1 || inet_pton(AF_INET6, copy, unused) == 1);
}

enum err
resolvers_parse(struct span text, struct arena *arena, struct hostfiles *out, struct why *why)
{
	out->resolvers_n = 0;
	while (text.length > 0 && out->resolvers_n < RESOLVERS_MAX) {
		struct span line = span_cut(&text, '\n'), keyword = word(&line), address = word(&line);

		if (!span_is(keyword, "nameserver") || !is_address(address))
			continue;
		if (arena_span(arena, address, &out->resolvers[out->resolvers_n]) != OK)
			return fail(why, ERR_LIMIT, "too many name servers");
		out->resolvers_n++;
	}
	if (out->resolvers_n == 0)
		out->resolvers[out->resolvers_n++] = SPAN("127.0.0.1");
	return OK;
}

static enum err
add_host(struct hostfiles *out, struct span address, struct span name, struct arena *arena, struct why *why)
{
	char *text = arena_format(arena, SPAN_FORMAT " " SPAN_FORMAT, SPAN_ARGS(address), SPAN_ARGS(name));

	if (text == NULL)
		return fail(why, ERR_LIMIT, "too many hosts");
	for (char *p = text; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	out->hosts[out->hosts_n++] = span_of_text(text);
	return OK;
}

static enum err
add_line(struct hostfiles *out, struct span line, struct arena *arena, struct why *why)
{
	struct span address = word(&line), name;
	enum err r = OK;

	if (!is_address(address))
		return OK;
	while (r == OK && (name = word(&line)).length > 0) {
		if (name.length > NAME_MAX_BYTES || !span_only(name, NAME_BYTES))
			continue;
		if (out->hosts_n == HOSTS_MAX) {
			out->hosts_cut = true;
			return OK;
		}
		r = add_host(out, address, name, arena, why);
	}
	return r;
}

enum err
hosts_parse(struct span text, struct arena *arena, struct hostfiles *out, struct why *why)
{
	size_t lines = 1, names;
	enum err r = OK;

	for (size_t i = 0; i < text.length; i++)
		lines += text.at[i] == '\n' || blank(text.at[i]);
	names = lines < HOSTS_MAX ? lines : HOSTS_MAX; /* each is led by a blank */
	out->hosts_n = 0;
	out->hosts_cut = false;
	if ((out->hosts = arena_array(arena, names, sizeof(*out->hosts))) == NULL)
		return fail(why, ERR_LIMIT, "too many hosts");
	while (r == OK && text.length > 0 && !out->hosts_cut)
		r = add_line(out, span_cut(&text, '\n'), arena, why);
	return r;
}

/* ---- files ---- */

/* A plain file below the root, wherever its links lead within it. */
static int
open_plain(int root_fd, const char *path)
{
	struct open_how how = {
	    .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	auto_fd int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fd_take(&fd) : -1;
}

static struct span
read_plain(int root_fd, const char *path, char *to)
{
	auto_fd int fd = open_plain(root_fd, path);
	size_t length = 0;
	ssize_t n;

	while (fd >= 0 && length < FILE_MAX_BYTES && (n = read(fd, to + length, FILE_MAX_BYTES - length)) > 0)
		length += (size_t)n;
	return length == FILE_MAX_BYTES ? SPAN_NONE : span_of_bytes(to, length);
}

enum err
hostfiles_read(int root_fd, struct arena *arena, struct hostfiles *out, struct why *why)
{
	auto_free char *buffer = malloc(FILE_MAX_BYTES);
	enum err r;

	*out = (struct hostfiles){0};
	if (buffer == NULL)
		abort();
	if ((r = resolvers_parse(read_plain(root_fd, "etc/resolv.conf", buffer), arena, out, why)) != OK)
		return r;
	return hosts_parse(read_plain(root_fd, "etc/hosts", buffer), arena, out, why);
}

int
hostfiles_anchors(int root_fd)
{
	int fd = -1;

	for (size_t i = 0; fd < 0 && hostfiles_anchor_paths[i] != NULL; i++)
		fd = open_plain(root_fd, hostfiles_anchor_paths[i]);
	return fd;
}

enum err
hostfiles_anchors_copy(int root_fd, int *out, struct why *why)
{
	auto_fd int fd = hostfiles_anchors(root_fd);
	auto_free char *bytes = malloc(ANCHORS_MAX_BYTES);
	size_t length = 0;
	ssize_t n;

	if (bytes == NULL)
		abort();
	while (fd >= 0 && length < ANCHORS_MAX_BYTES && (n = read(fd, bytes + length, ANCHORS_MAX_BYTES - length)) > 0)
		length += (size_t)n;
	return memfd_sealed("anchors", span_of_bytes(bytes, length), out, why);
}
