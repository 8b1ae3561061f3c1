/* Who descends from whom, by /proc/PID/stat (proc_pid_stat(5)). */
#include "sandbox/supervisor/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"

#define TREE_MAX    4096 /* more processes than a sandbox may have */
#define TREE_ROUNDS 16	 /* looks, while it still grows */

struct tree {
	pid_t pids[TREE_MAX];
	size_t n;
};

/* Parent, group and session of a process; the name before them may hold anything, but the last ')' ends it. */
static bool
read_stat(const char *pid, int *parent, int *group, int *session)
{
	char path[32], text[1024], *end;
	auto_fd int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%.10s/stat", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 || (n = read(fd, text, sizeof(text) - 1)) <= 0)
		return false;
	text[n] = '\0';
	return (end = strrchr(text, ')')) != NULL && sscanf(end + 1, " %*c %d %d %d", parent, group, session) == 3;
}

static bool
in_tree(const struct tree *tree, pid_t pid)
{
	for (size_t i = 0; i < tree->n; i++)
		if (tree->pids[i] == pid)
			return true;
	return false;
}

/* One look; true when it found more. */
static bool
grow_once(struct tree *tree, pid_t leader)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t before = tree->n;

	while (dir != NULL && (entry = readdir(dir)) != NULL && tree->n < TREE_MAX) {
		int parent, group, session;
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid < 2 || in_tree(tree, pid) || !read_stat(entry->d_name, &parent, &group, &session))
			continue;
		if (pid == leader || session == leader || group == leader || (parent > 1 && in_tree(tree, parent)))
			tree->pids[tree->n++] = pid;
	}
	if (dir != NULL)
		closedir(dir);
	return tree->n > before;
}

static void
grow(struct tree *tree, pid_t leader)
{
	for (int i = 0; i < TREE_ROUNDS && grow_once(tree, leader); i++)
		continue;
}

struct tree *
tree_new(pid_t leader)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	if (tree == NULL)
		abort();
	grow(tree, leader);
	return tree;
}

void
tree_free(struct tree *tree)
{
	free(tree);
}

void
tree_signal(const struct tree *tree, int number)
{
	for (size_t i = 0; i < tree->n; i++)
		kill(tree->pids[i], number);
}

void
tree_kill(struct tree *tree, pid_t leader)
{
	size_t before;

	for (int i = 0; i < TREE_ROUNDS; i++) {
		before = tree->n;
		tree_signal(tree, SIGSTOP);
		grow(tree, leader);
		if (tree->n == before)
			break;
	}
	tree_signal(tree, SIGKILL);
}
