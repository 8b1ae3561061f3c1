/* DNS messages: the header's bits, one question without compression, and the three kinds of answers that we give. */
#include "common/wire/dns.h"

#include "common/base/clean.h"
#include "common/wire/bytes.h"

#define HEADER_BYTES  12
#define CLASS_IN      1
#define TYPE_OPT      41
#define OPT_UDP_BYTES 1232 /* what fits every path (dnsflagday.net, 2020) */

/* The header's second word (RFC 1035, 4.1.1; AD and CD: RFC 4035, 3). */
#define BIT_QR	    0x8000u
#define BITS_OPCODE 0x7800u
#define BIT_TC	    0x0200u
#define BIT_RD	    0x0100u
#define BIT_RA	    0x0080u

struct header {
	uint32_t id, bits, questions, answers, authorities, additionals;
};

static bool
header_take(struct span *rest, struct header *out)
{
	return bytes_number(rest, 2, &out->id) && bytes_number(rest, 2, &out->bits) &&
	       bytes_number(rest, 2, &out->questions) && bytes_number(rest, 2, &out->answers) &&
	       bytes_number(rest, 2, &out->authorities) && bytes_number(rest, 2, &out->additionals);
}

static enum err
header_read(struct span *rest, struct header *out, struct why *why)
{
	if (rest->length > DNS_MESSAGE_BYTES)
		return fail(why, ERR_INVALID, "a message of %zu bytes", rest->length);
	if (!header_take(rest, out))
		return fail(why, ERR_INVALID, "no whole header");
	if ((out->bits & BIT_QR) != 0)
		return fail(why, ERR_INVALID, "an answer, not a query");
	if ((out->bits & BITS_OPCODE) != 0)
		return fail(why, ERR_UNIMPLEMENTED, "opcode %u", (out->bits & BITS_OPCODE) >> 11);
	if ((out->bits & BIT_TC) != 0 || (out->bits & 0x000f) != 0)
		return fail(why, ERR_SYNTAX, "a query that is cut off or holds a code");
	if (out->questions != 1 || out->answers != 0 || out->authorities != 0 || out->additionals > 1)
		return fail(why, ERR_SYNTAX, "not one question and at most one record");
	return OK;
}

/* Labels into text with dots; whether the letters may stand in a name is host_name's to say. */
static enum err
name_read(struct span *rest, char *name, size_t *length, struct why *why)
{
	struct span label;
	uint32_t n;

	*length = 0;
	for (;;) {
		if (!bytes_number(rest, 1, &n))
			return fail(why, ERR_SYNTAX, "a name that has no end");
		if (n == 0)
			return OK;
		if (n > 63)
			return fail(why, ERR_SYNTAX, "a compressed name in a question");
		if (!bytes_take(rest, n, &label) || *length + (*length > 0) + n >= HOST_NAME_BYTES)
			return fail(why, ERR_SYNTAX, "a name that is too long");
		if (memchr(label.at, '.', n) != NULL)
			return fail(why, ERR_DENIED, "a dot within a label");
		if (*length > 0)
			name[(*length)++] = '.';
		memcpy(name + *length, label.at, n);
		*length += n;
	}
}

static enum err
question_read(struct span *rest, struct dns_query *query, struct why *why)
{
	const char *from = rest->at;
	char name[HOST_NAME_BYTES];
	uint32_t type, class;
	size_t length;
	enum err r = name_read(rest, name, &length, why);

	if (r != OK)
		return r;
	if (!bytes_number(rest, 2, &type) || !bytes_number(rest, 2, &class))
		return fail(why, ERR_SYNTAX, "a question that is cut off");
	if (class != CLASS_IN)
		return fail(why, ERR_UNIMPLEMENTED, "class %u", class);
	if (!host_name(span_of_bytes(name, length), query->name))
		return fail(why, ERR_DENIED, "a name that is no host's");
	query->type = (uint16_t)type;
	query->question_bytes = length + 2 + 4;
	memcpy(query->question, from, query->question_bytes);
	return OK;
}

/* EDNS (RFC 6891, 6.1.2): a record of the root, of version 0. Its options are passed over. */
static enum err
opt_read(struct span *rest, struct why *why)
{
	uint32_t root, type, udp_bytes, ttl;
	struct span options;

	if (!bytes_number(rest, 1, &root) || !bytes_number(rest, 2, &type) || !bytes_number(rest, 2, &udp_bytes) ||
	    !bytes_number(rest, 4, &ttl) || !bytes_vector(rest, 2, &options))
		return fail(why, ERR_SYNTAX, "a record that is cut off");
	if (root != 0 || type != TYPE_OPT || (ttl & 0x00ff0000) != 0)
		return fail(why, ERR_SYNTAX, "a record that is not OPT of version 0");
	return OK;
}

enum err
dns_query_read(struct span message, struct dns_query *out, struct why *why)
{
	struct dns_query query = {0};
	struct header header = {0};
	struct span rest = message;
	enum err r;

	if ((r = header_read(&rest, &header, why)) != OK || (r = question_read(&rest, &query, why)) != OK ||
	    (header.additionals == 1 && (r = opt_read(&rest, why)) != OK))
		return r;
	if (rest.length > 0)
		return fail(why, ERR_SYNTAX, "%zu bytes behind the query", rest.length);
	query.id = (uint16_t)header.id;
	query.recursion = (header.bits & BIT_RD) != 0;
	query.edns = header.additionals == 1;
	*out = query;
	return OK;
}

static uint8_t *
put(uint8_t *to, uint32_t number, size_t bytes)
{
	for (size_t i = bytes; i-- > 0; number >>= 8)
		to[i] = (uint8_t)number;
	return to + bytes;
}

static uint8_t *
header_put(uint8_t *to, uint32_t id, uint32_t bits, uint32_t questions, uint32_t answers, uint32_t additionals)
{
	const uint32_t words[] = {id, bits, questions, answers, 0, additionals};

	for (size_t i = 0; i < COUNT(words); i++)
		to = put(to, words[i], 2);
	return to;
}

size_t
dns_answer_write(const struct dns_query *query, enum dns_code code, const uint8_t *address, uint32_t ttl_s,
    uint8_t to[DNS_ANSWER_BYTES])
{
	uint32_t bits = BIT_QR | BIT_RA | (query->recursion ? BIT_RD : 0) | code;
	uint8_t *at = header_put(to, query->id, bits, 1, address != NULL, query->edns);

	memcpy(at, query->question, query->question_bytes);
	at += query->question_bytes;
	if (address != NULL) {
		at = put(at, 0xc000 | HEADER_BYTES, 2); /* the name: see the question */
		at = put(at, DNS_A, 2);
		at = put(at, CLASS_IN, 2);
		at = put(at, ttl_s, 4);
		at = put(at, 4, 2);
		memcpy(at, address, 4);
		at += 4;
	}
	if (query->edns) {
		at = put(at, 0, 1);
		at = put(at, TYPE_OPT, 2);
		at = put(at, OPT_UDP_BYTES, 2);
		at = put(at, 0, 4);
		at = put(at, 0, 2);
	}
	return (size_t)(at - to);
}

size_t
dns_refuse(struct span message, enum dns_code code, uint8_t to[DNS_ANSWER_BYTES])
{
	struct header header = {0};

	if (!header_take(&message, &header) || (header.bits & BIT_QR) != 0)
		return 0;
	header_put(to, header.id, BIT_QR | BIT_RA | (header.bits & (BITS_OPCODE | BIT_RD)) | code, 0, 0, 0);
	return HEADER_BYTES;
}

enum dns_code
dns_code_of(enum err failure)
{
	if (failure == ERR_UNIMPLEMENTED)
		return DNS_NOTIMP;
	return failure == ERR_DENIED ? DNS_REFUSED : DNS_FORMERR;
}
