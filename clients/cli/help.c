/* Help text: usage, what it is, commands, flags, examples; at the root also environment, files and exit
 * codes. */
#include "clients/cli/help.h"

#include <string.h>

#define WIDTH	   100
#define COLUMN_MAX 30 /* a longer left side gets a line of its own */
#define LEFT_BYTES 160
#define GLUE	   "\x1f" /* a space where no line may break */

struct page {
	FILE *to;
	bool bold;
};

static void
heading(const struct page *page, const char *text)
{
	fprintf(page->to, page->bold ? "\n\x1b[1m%s:\x1b[0m\n" : "\n%s:\n", text);
}

/* Words of text, broken at WIDTH, further lines indented; the first line begins at column. */
static void
wrapped(const struct page *page, const char *text, size_t column, size_t indent)
{
	size_t at = column;

	for (const char *p = text; *p != '\0';) {
		size_t n = strcspn(p, " ");

		if (at > indent && at + n > WIDTH) {
			fprintf(page->to, "\n%*s", (int)indent, "");
			at = indent;
		}
		for (size_t i = 0; i < n; i++)
			fputc(p[i] == GLUE[0] ? ' ' : p[i], page->to);
		at += n;
		p += n;
		if (*p == ' ') {
			p++;
			if (at + 1 + strcspn(p, " ") <= WIDTH)
				fputc(' ', page->to), at++;
			else
				at = WIDTH + 1;
		}
	}
	fputc('\n', page->to);
}

/* One row in two columns. */
static void
row(const struct page *page, const char *left, const char *text)
{
	size_t length = strlen(left);

	fprintf(page->to, "  %s", left);
	if (length + 2 > COLUMN_MAX - 2)
		fprintf(page->to, "\n%*s", COLUMN_MAX, "");
	else
		fprintf(page->to, "%*s", (int)(COLUMN_MAX - length - 2), "");
	wrapped(page, text, COLUMN_MAX, COLUMN_MAX);
}

static void
flag_row(const struct page *page, const struct flag *flag)
{
	char left_buffer[LEFT_BYTES], help_buffer[512];
	struct text left = TEXT_OF(left_buffer), help = TEXT_OF(help_buffer);

	text_add(&left, flag->letter != 0 ? "-%c, " : "    ", flag->letter);
	text_add(&left, "--%s", flag->name);
	if (flag->value != NULL)
		text_add(&left, " %s", flag->value);
	text_add(&help, "%s", flag->help);
	if (flag->kind == KIND_NUMBER && flag->high < UINT32_MAX)
		text_add(&help, " [%llu" GLUE "to" GLUE "%llu]", (unsigned long long)flag->low,
		    (unsigned long long)flag->high);
	if (flag->fallback != NULL)
		text_add(&help, " [default:" GLUE "%s]", flag->fallback);
	if (flag->variable != NULL)
		text_add(&help, " [env:" GLUE "%s]", flag->variable);
	row(page, left_buffer, help_buffer);
}

static void
flag_rows(const struct page *page, const char *title, const struct flag *flags)
{
	bool any = false;

	for (const struct flag *f = flags; f != NULL && f->id != FLAG_NONE; f++) {
		if (f->hidden)
			continue;
		if (!any)
			heading(page, title);
		any = true;
		flag_row(page, f);
	}
}

static void
command_rows(const struct page *page, const struct command *group)
{
	char left_buffer[LEFT_BYTES];

	heading(page, "Commands");
	for (const struct command *c = group->commands; c->name != NULL; c++) {
		struct text left = TEXT_OF(left_buffer);

		if (c->hidden || c->later)
			continue;
		text_add(&left, "%s", c->name);
		if (c->alias != NULL)
			text_add(&left, ", %s", c->alias);
		row(page, left_buffer, c->summary);
	}
}

/* Lines of text, each after the same prefix. */
static void
lines(const struct page *page, const char *text, const char *prefix)
{
	for (const char *p = text; *p != '\0';) {
		size_t n = strcspn(p, "\n");

		if (n == 0)
			fputc('\n', page->to);
		else
			fprintf(page->to, "%s%.*s\n", prefix, (int)n, p);
		p += n + (p[n] == '\n');
	}
}

static void
root_rows(const struct page *page)
{
	heading(page, "Environment");
	for (const struct variable *v = variables; v->name != NULL; v++)
		row(page, v->name, v->help);
	heading(page, "Files");
	row(page, "~/.config/openshell", "gateways/NAME/metadata.json and its certificates, active_gateway");
	row(page, "/etc/openshell", "the same, for every user of this machine");
	heading(page, "Exit codes");
	row(page, "0", "it worked; `status` also when the gateway does not answer");
	row(page, "1", "it failed; the reason is on standard error");
	row(page, "2", "the command line is wrong, or asks for what is not in this release");
	row(page, "other",
	    "`sandbox exec`: the command's own, `connect`: the main process's; 124 after --timeout; 128 + N after signal N");
}

static void
usage(const struct page *page, const struct args *args)
{
	const struct command *command = args->command;

	fprintf(page->to, page->bold ? "\n\x1b[1mUsage:\x1b[0m" : "\nUsage:");
	for (size_t i = 0; i < args->depth; i++)
		fprintf(page->to, " %s", args->path[i]->name);
	fputs(" [FLAGS]", page->to);
	if (command->commands != NULL)
		fputs(" COMMAND", page->to);
	if (command->operand.name != NULL)
		fprintf(page->to, " %s", command->operand.name);
	fputc('\n', page->to);
	if (command->alias != NULL)
		fprintf(page->to, "Alias: %s\n", command->alias);
}

void
help_print(FILE *to, const struct args *args, bool bold)
{
	const struct page page = {to, bold};
	const struct command *command = args->command;

	fprintf(to, "%s\n", command->summary);
	usage(&page, args);
	if (command->about != NULL) {
		fputc('\n', to);
		lines(&page, command->about, "");
	}
	if (command->commands != NULL)
		command_rows(&page, command);
	if (command->operand.name != NULL) {
		heading(&page, "Arguments");
		row(&page, command->operand.name, command->operand.help);
	}
	flag_rows(&page, "Flags", command->flags);
	flag_rows(&page, "Flags of every command", flags_global);
	if (command->examples != NULL) {
		heading(&page, "Examples");
		lines(&page, command->examples, "  ");
	}
	if (args->depth == 1)
		root_rows(&page);
	if (command->commands == NULL)
		return;
	fputs("\n`openshell", to);
	for (size_t i = 1; i < args->depth; i++)
		fprintf(to, " %s", args->path[i]->name);
	fputs(" COMMAND --help` tells about one command.\n", to);
}
