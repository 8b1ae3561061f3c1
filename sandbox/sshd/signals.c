/* Signals: the table of their names. */
#include "sandbox/sshd/signals.h"

#include <signal.h>

#include "common/base/clean.h"

static const struct {
	const char *name;
	int number;
} signals[] = {
    {"ABRT", SIGABRT},
    {"ALRM", SIGALRM},
    {"FPE", SIGFPE},
    {"HUP", SIGHUP},
    {"ILL", SIGILL},
    {"INT", SIGINT},
    {"KILL", SIGKILL},
    {"PIPE", SIGPIPE},
    {"QUIT", SIGQUIT},
    {"SEGV", SIGSEGV},
    {"TERM", SIGTERM},
    {"USR1", SIGUSR1},
    {"USR2", SIGUSR2},
};

int
signal_number(struct span name)
{
	for (size_t i = 0; i < COUNT(signals); i++)
		if (span_is(name, signals[i].name))
			return signals[i].number;
	return 0;
}

const char *
signal_name(int number)
{
	for (size_t i = 0; i < COUNT(signals); i++)
		if (signals[i].number == number)
			return signals[i].name;
	return NULL;
}
