/* Command lines: login shells, and the programs that the bundle has for the agent. */
#include "sandbox/sshd/command_line.h"

#define AGENT_DIR "/opt/openshell/agent" /* what the agent itself may run of the bundle, with its own loader */

struct command_line
command_shell(bool bash)
{
	return (struct command_line){{bash ? SPAN("/bin/bash") : SPAN("/bin/sh"), SPAN("-l")}, 2};
}

struct command_line
command_exec(bool bash, struct span line)
{
	return (struct command_line){{bash ? SPAN("/bin/bash") : SPAN("/bin/sh"), SPAN("-lc"), line}, 3};
}

struct command_line
command_sftp(void)
{
	return (struct command_line){
	    {SPAN(AGENT_DIR "/loader"), SPAN("--library-path"), SPAN(AGENT_DIR "/lib"), SPAN(AGENT_DIR "/sftp-server")},
	    4};
}
