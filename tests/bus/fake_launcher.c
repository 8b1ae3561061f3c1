/* In place of the bundle's launcher: says on standard error what a box looks like from inside, then waits for SIGTERM. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void
list(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			dprintf(2, "entry %s/%s\n", strcmp(path, "/") == 0 ? "" : path, entry->d_name);
	if (dir != NULL)
		closedir(dir);
}

static void
try_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	dprintf(2, "write %s %s\n", path, fd < 0 ? strerrorname_np(errno) : "ok");
	if (fd >= 0)
		close(fd);
}

static void
copy_file(const char *path)
{
	char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	dprintf(2, "%s %.*s\n", path, n < 0 ? 0 : (int)n, text);
	if (fd >= 0)
		close(fd);
}

/* A file of each odd kind, for the removal to meet. */
static void
litter(void)
{
	char name[64];

	mkdir("/workspace/deep", 0700);
	for (int i = 0; i < 60 && chdir(i == 0 ? "/workspace/deep" : "d") == 0; i++)
		mkdir("d", 0700);
	if (chdir("/workspace") != 0)
		return;
	mkdir("shut", 0700);
	close(open("shut/file", O_WRONLY | O_CREAT, 0));
	chmod("shut", 0);
	mkfifo("fifo", 0);
	dprintf(2, "symlink %s\n", symlink("/host/etc", "link") == 0 ? "ok" : "no");
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		close(open(name, O_WRONLY | O_CREAT, 0600));
	}
}

static void
say(const char *host)
{
	struct stat st;
	int open_fds = 0;

	for (int fd = 0; fd < 256; fd++)
		open_fds += fcntl(fd, F_GETFD) >= 0;
	dprintf(2, "pid %d\nids %u %u\nhost %s\nenvironment %d\ndescriptors %d\n", getpid(), getuid(), getgid(), host,
	    environ[0] != NULL, open_fds);
	dprintf(2, "bootstrap %lld\n", fstat(3, &st) == 0 ? (long long)st.st_size : -1);
	list("/");
	list("/run/openshell/relay");
	try_write("/opt/openshell/made");
	try_write("/host/made");
	try_write("/run/openshell/relay/made");
	try_write("/workspace/made");
	copy_file("/proc/self/uid_map");
	copy_file("/proc/self/status");
	copy_file("/proc/self/cgroup");
}

int
main(void)
{
	char host[65] = "";
	sigset_t set;
	int number = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	gethostname(host, sizeof(host) - 1);
	if (strcmp(host, "dies") == 0)
		return 3;
	if (strcmp(host, "stubborn") != 0)
		sigprocmask(SIG_BLOCK, &set, NULL);
	say(host);
	if (strcmp(host, "litters") == 0)
		litter();
	if (fork() == 0)
		for (;;)
			pause(); /* dies with its namespace */
	dprintf(2, "said\n");
	if (strcmp(host, "stubborn") == 0)
		for (;;)
			pause();
	while (number != SIGTERM)
		sigwait(&set, &number);
	return 0;
}
