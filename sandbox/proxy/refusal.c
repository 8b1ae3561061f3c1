/* Refusals: JSON written member by member. */
#include "sandbox/proxy/refusal.h"

const char *
refusal_words(unsigned status)
{
	static const struct {
		unsigned status;
		const char *words;
	} rows[] = {
	    {200, "OK"},
	    {400, "Bad Request"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {413, "Content Too Large"},
	    {426, "Upgrade Required"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].words;
	return "Status";
}

/* A JSON string: what is not UTF-8 as a whole is written byte by byte as if it were Latin-1. */
static void
add_string(struct text *text, struct span value)
{
	bool whole = span_utf8(value);

	text_add(text, "\"");
	for (size_t i = 0; i < value.length; i++) {
		unsigned char byte = (unsigned char)value.at[i];

		if (byte == '"' || byte == '\\')
			text_add(text, "\\%c", byte);
		else if (byte < ' ' || byte == 0x7f || (byte > 0x7f && !whole))
			text_add(text, "\\u%04x", byte);
		else
			text_add_span(text, span_of_bytes(value.at + i, 1));
	}
	text_add(text, "\"");
}

/* ,"name":"value", where there is one. */
static void
add_member(struct text *text, const char *name, struct span value)
{
	if (value.length == 0)
		return;
	text_add(text, "%s\"%s\":", text->at[text->length - 1] == '{' ? "" : ",", name);
	add_string(text, value);
}

static void
add_place(struct text *text, const struct refusal *refusal)
{
	add_member(text, "method", refusal->method);
	add_member(text, "path", refusal->path);
	add_member(text, "host", refusal->host);
	text_add(text, ",\"port\":%u", refusal->port);
	add_member(text, "binary", refusal->binary);
}

static void
add_rules(struct text *text, const struct refusal *refusal)
{
	char rule[256];
	struct text words = TEXT_OF(rule);

	text_add(&words, SPAN_FORMAT " " SPAN_FORMAT, SPAN_ARGS(span_head(refusal->method, 64)),
	    SPAN_ARGS(span_head(refusal->path, 180)));
	add_member(text, "policy", refusal->policy);
	add_member(text, "rule", text_span(&words));
	add_member(text, "detail", refusal->detail);
	add_member(text, "layer", SPAN("l7"));
	add_member(text, "protocol", refusal->protocol.length == 0 ? SPAN("rest") : refusal->protocol);
	add_place(text, refusal);
	text_add(text, ",\"rule_missing\":{\"type\":\"rest_allow\",\"layer\":\"l7\"");
	add_place(text, refusal);
	text_add(text, "},\"next_steps\":[]");
}

void
refusal_body(const struct refusal *refusal, struct text *text)
{
	size_t begin = text->length;

	if (refusal->error[0] == '\0')
		return;
	text_add(text, "{\"error\":\"%s\"", refusal->error);
	if (refusal->rules) {
		add_rules(text, refusal);
	} else {
		add_member(text, refusal->detail_name != NULL ? refusal->detail_name : "detail", refusal->detail);
		add_member(text, "reason", refusal->reason);
	}
	text_add(text, "}");
	if (text->cut) { /* half of it would be no JSON */
		text->length = begin;
		text->cut = false;
		text_add(text, "{\"error\":\"%s\"}", refusal->error);
	}
}
