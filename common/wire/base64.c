/* Base64, three bytes a time. */
#include "common/wire/base64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
base64_write(struct span bytes, char *to)
{
	char *begin = to;

	for (size_t i = 0; i < bytes.length; i += 3, to += 4) {
		size_t n = bytes.length - i;
		unsigned a = (unsigned char)bytes.at[i], b = n > 1 ? (unsigned char)bytes.at[i + 1] : 0;
		unsigned c = n > 2 ? (unsigned char)bytes.at[i + 2] : 0;

		to[0] = letters[a >> 2];
		to[1] = letters[(a & 3) << 4 | b >> 4];
		to[2] = n > 1 ? letters[(b & 15) << 2 | c >> 6] : '=';
		to[3] = n > 2 ? letters[c & 63] : '=';
	}
	return (size_t)(to - begin);
}

/* 0 to 63; -1: no letter. */
static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Up to four letters without their padding into up to three bytes; the bits beyond them must be none. */
static bool
read_group(const char *at, size_t n, unsigned char *to)
{
	int v[4] = {0};

	for (size_t i = 0; i < n; i++)
		if ((v[i] = value_of(at[i])) < 0)
			return false;
	if (n < 2 || (n == 2 && (v[1] & 15) != 0) || (n == 3 && (v[2] & 3) != 0))
		return false;
	to[0] = (unsigned char)(v[0] << 2 | v[1] >> 4);
	if (n > 2)
		to[1] = (unsigned char)(v[1] << 4 | v[2] >> 2);
	if (n > 3)
		to[2] = (unsigned char)(v[2] << 6 | v[3]);
	return true;
}

enum err
base64_read(struct span text, char *to, struct span *out, struct why *why)
{
	size_t letters_n = text.length, used = 0;

	if (text.length % 4 != 0)
		return fail(why, ERR_SYNTAX, "base64 of %zu letters", text.length);
	for (int i = 0; i < 2 && letters_n > 0 && text.at[letters_n - 1] == '='; i++)
		letters_n--;
	for (size_t i = 0; i < letters_n; i += 4) {
		size_t n = letters_n - i < 4 ? letters_n - i : 4;

		if (!read_group(text.at + i, n, (unsigned char *)to + used))
			return fail(why, ERR_SYNTAX, "not base64 at letter %zu", i);
		used += n - 1;
	}
	*out = span_of_bytes(to, used);
	return OK;
}
