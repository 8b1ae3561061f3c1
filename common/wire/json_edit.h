/* Editing a JSON object without a tree: members of its own are replaced, added or left out; all else stays as it lies. */
#ifndef COMMON_WIRE_JSON_EDIT_H
#define COMMON_WIRE_JSON_EDIT_H

#include "common/wire/json.h"

/* What becomes of one member of the object itself. */
struct json_edit {
	const char *name;  /* in ASCII, nothing to be escaped */
	struct span value; /* a JSON value, written as it stands; empty: the member goes */
};

/* Bytes that are enough for the edited object. */
size_t json_edit_room(struct json object, const struct json_edit *edits, size_t n);

/*
 * Write the object with its edits; members that were not there come first. Other members keep their order and bytes,
 * space between them is dropped.
 *
 * object  of a checked text (json_read): no name is there twice, however it is spelled
 * to      json_edit_room bytes
 * out     what was written, untouched unless OK
 * errors  ERR_INVALID it is no object; ERR_SYNTAX a member is called like an edit's when case is ignored: some readers
 *         would take it for the one that was replaced
 */
enum err json_edit(struct json object, const struct json_edit *edits, size_t n, char *to, struct span *out,
    struct why *why) must_check;

/* A JSON string of UTF-8 text, with its quotes; text is cut (text->cut) where it has no room. */
struct text;
void json_string_write(struct text *text, struct span value);

#endif
