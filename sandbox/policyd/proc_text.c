/* The texts of /proc that policyd reads. A process names itself, so the name in stat is skipped from its last end. */
#include "sandbox/policyd/proc_text.h"

#include "common/base/text.h"

#define FIELD_PARENT  4 /* counted from 1, as in proc_pid_stat(5); 3 is the state */
#define FIELD_THREADS 20

static bool
last_of(struct span text, char byte, size_t *at)
{
	for (size_t i = text.length; i > 0; i--)
		if (text.at[i - 1] == byte) {
			*at = i - 1;
			return true;
		}
	return false;
}

static enum err
number(struct span text, uint32_t *out, struct why *why)
{
	uint64_t value;
	enum err r = number_parse(text, 0, UINT32_MAX, &value, why);

	if (r != OK)
		return fail(why, ERR_SYNTAX, "a field of stat is no number");
	*out = (uint32_t)value;
	return OK;
}

enum err
proc_stat_parse(struct span text, struct proc_stat *out, struct why *why)
{
	struct proc_stat stat = {0};
	struct span rest, state;
	size_t open, close;
	enum err r;

	if (!span_find(text, '(', &open) || !last_of(text, ')', &close) || open < 1 || close < open)
		return fail(why, ERR_SYNTAX, "stat holds no name");
	if ((r = number(span_head(text, open - 1), &stat.pid, why)) != OK)
		return r;
	rest = span_tail(text, close + 1);
	if (rest.length < 2 || rest.at[0] != ' ')
		return fail(why, ERR_SYNTAX, "stat ends with the name");
	rest = span_tail(rest, 1);
	state = span_cut(&rest, ' ');
	if (state.length != 1)
		return fail(why, ERR_SYNTAX, "stat holds no state");
	stat.state = state.at[0];
	for (int field = FIELD_PARENT; field <= FIELD_THREADS; field++) {
		struct span word = span_cut(&rest, ' ');

		if (field == FIELD_PARENT && (r = number(word, &stat.parent, why)) != OK)
			return r;
		if (field == FIELD_THREADS && (r = number(word, &stat.threads, why)) != OK)
			return r;
	}
	*out = stat;
	return OK;
}

static struct span
trim(struct span text)
{
	while (text.length > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
		text = span_tail(text, 1);
	return text;
}

/* "key:\tvalue" on a line of its own; the first one counts. */
static bool
line_number(struct span text, struct span key, uint64_t *out)
{
	struct why why;

	while (text.length > 0) {
		struct span line = span_cut(&text, '\n');

		if (span_starts(line, key))
			return number_parse(trim(span_tail(line, key.length)), 0, UINT64_MAX, out, &why) == OK;
	}
	return false;
}

enum err
proc_fdinfo_parse(struct span text, struct proc_fdinfo *out, struct why *why)
{
	struct proc_fdinfo info;

	if (!line_number(text, SPAN("mnt_id:"), &info.mount) || !line_number(text, SPAN("ino:"), &info.inode))
		return fail(why, ERR_SYNTAX, "fdinfo does not say which file it is");
	*out = info;
	return OK;
}

/* The name of the process stands on a line of its own before it, with line feeds written as \n. */
enum err
proc_inner_pid_parse(struct span text, uint32_t *out, struct why *why)
{
	uint64_t value = 0;

	while (text.length > 0) {
		struct span line = span_cut(&text, '\n'), rest;

		if (!span_starts(line, SPAN("NSpid:")))
			continue;
		for (rest = span_tail(line, strlen("NSpid:")); rest.length > 0;) {
			struct span word = span_cut(&rest, '\t');

			if (word.length > 0 && number_parse(word, 1, UINT32_MAX, &value, why) != OK)
				return fail(why, ERR_SYNTAX, "NSpid is no list of numbers");
		}
		break;
	}
	if (value == 0)
		return fail(why, ERR_SYNTAX, "status holds no NSpid");
	*out = (uint32_t)value;
	return OK;
}
