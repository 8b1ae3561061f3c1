/*
 * The public interface as C sees it: field numbers and types, the method table, and what the wire may bring.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "openshell/inference.pb-c.h"
#include "openshell/openshell.pb-c.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define OPTION_AUTHORIZATION 50000
#define OPTION_SECRET	     50001

static const char *protoset_path; /* an encoded FileDescriptorSet of our .proto files */

/* ---- fields ---- */

static const struct {
	const ProtobufCMessageDescriptor *message;
	const char *fields[32];
} messages[] = {
#define FIELDS(prefix, ...) {&prefix##__descriptor, {__VA_ARGS__}},
#include "openshell_fields.def"
};

static const char *
type_name(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
		return "int32";
	case PROTOBUF_C_TYPE_INT64:
		return "int64";
	case PROTOBUF_C_TYPE_UINT32:
		return "uint32";
	case PROTOBUF_C_TYPE_UINT64:
		return "uint64";
	case PROTOBUF_C_TYPE_FLOAT:
		return "float";
	case PROTOBUF_C_TYPE_DOUBLE:
		return "double";
	case PROTOBUF_C_TYPE_BOOL:
		return "bool";
	case PROTOBUF_C_TYPE_STRING:
		return "string";
	case PROTOBUF_C_TYPE_BYTES:
		return "bytes";
	case PROTOBUF_C_TYPE_ENUM:
		return ((const ProtobufCEnumDescriptor *)f->descriptor)->name;
	case PROTOBUF_C_TYPE_MESSAGE:
		return ((const ProtobufCMessageDescriptor *)f->descriptor)->name;
	default:
		return "a type we do not use";
	}
}

/* A map is a repeated message of ours whose name ends in Entry and which holds just key and value. */
static const ProtobufCMessageDescriptor *
map_entry(const ProtobufCFieldDescriptor *f)
{
	if (f->label != PROTOBUF_C_LABEL_REPEATED || f->type != PROTOBUF_C_TYPE_MESSAGE)
		return NULL;
	const ProtobufCMessageDescriptor *entry = f->descriptor;
	size_t length = strlen(entry->name);
	if (length < 5 || strcmp(entry->name + length - 5, "Entry") != 0 || entry->n_fields != 2 ||
	    strcmp(entry->fields[0].name, "key") != 0 || strcmp(entry->fields[1].name, "value") != 0)
		return NULL;
	return entry;
}

/* Write a field the way openshell_fields.def does. */
static void
field_text(const ProtobufCFieldDescriptor *f, char *out, size_t size)
{
	const ProtobufCMessageDescriptor *entry = map_entry(f);

	if (entry != NULL) {
		snprintf(out, size, "map<%s, %s> %s = %u", type_name(&entry->fields[0]), type_name(&entry->fields[1]),
		    f->name, f->id);
		return;
	}
	snprintf(out, size, "%s%s%s %s = %u", f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF ? "oneof " : "",
	    f->label == PROTOBUF_C_LABEL_REPEATED ? "repeated " : "", type_name(f), f->name, f->id);
}

static void
fields_are_those_of_the_interface(void **state)
{
	char text[256];

	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		const ProtobufCMessageDescriptor *m = messages[i].message;
		size_t n = 0;

		for (; n < m->n_fields; n++) {
			assert_true(n < COUNT(messages[i].fields));
			if (messages[i].fields[n] == NULL)
				fail_msg("openshell_fields.def has no %s of %s", m->fields[n].name, m->name);
			field_text(&m->fields[n], text, sizeof(text));
			assert_string_equal(text, messages[i].fields[n]);
		}
		if (n < COUNT(messages[i].fields))
			assert_null(messages[i].fields[n]);
	}
}

/* Absent and zero are different things in C: nothing is required, and each number alone has its has_. */
static void
nothing_is_required(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		for (unsigned n = 0; n < messages[i].message->n_fields; n++) {
			const ProtobufCFieldDescriptor *f = &messages[i].message->fields[n];

			assert_int_not_equal(f->label, PROTOBUF_C_LABEL_REQUIRED);
			if (f->label == PROTOBUF_C_LABEL_OPTIONAL && f->type != PROTOBUF_C_TYPE_STRING &&
			    f->type != PROTOBUF_C_TYPE_MESSAGE)
				assert_int_not_equal(f->quantifier_offset, 0);
			if (f->label == PROTOBUF_C_LABEL_REPEATED && f->type != PROTOBUF_C_TYPE_STRING &&
			    f->type != PROTOBUF_C_TYPE_MESSAGE)
				assert_true(f->flags & PROTOBUF_C_FIELD_FLAG_PACKED);
		}
	}
}

/* ---- methods ---- */

enum kind { UNARY, SERVER_STREAM, CLIENT_STREAM, BIDI };
enum auth { AUTH_NONE, AUTH_BEARER, AUTH_SANDBOX, AUTH_DUAL };
enum role { ROLE_NONE, ROLE_WORKSPACE_USER, ROLE_WORKSPACE_ADMIN, ROLE_PLATFORM_ADMIN };

static const char *const auth_texts[] = {"unauthenticated", "bearer", "sandbox", "dual"};

static const struct {
	const char *service, *name;
	enum kind kind;
	const char *request_type, *response_type; /* the C names as written in the row */
	size_t request_size, response_size;
	const ProtobufCMessageDescriptor *request, *response;
	enum auth auth;
	const char *scope;
	enum role role;
} methods[] = {
#define METHOD(service, name, kind, request, response, request_prefix, response_prefix, auth, scope, role)             \
	{service, #name, kind, #request, #response, sizeof(request), sizeof(response), &request_prefix##__descriptor,  \
	    &response_prefix##__descriptor, auth, scope, role},
#include "openshell/methods.def"
};

static void
methods_name_their_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(methods); i++) {
		assert_string_equal(methods[i].request->c_name, methods[i].request_type);
		assert_string_equal(methods[i].response->c_name, methods[i].response_type);
		assert_int_equal(methods[i].request->sizeof_message, methods[i].request_size);
		assert_int_equal(methods[i].response->sizeof_message, methods[i].response_size);
	}
}

static void
methods_are_those_of_the_services(void **state)
{
	static const ProtobufCServiceDescriptor *const services[] = {
	    &openshell__v1__open_shell__descriptor,
	    &openshell__inference__v1__inference__descriptor,
	};
	size_t row = 0;

	(void)state;
	for (size_t s = 0; s < COUNT(services); s++) {
		for (unsigned n = 0; n < services[s]->n_methods; n++, row++) {
			assert_true(row < COUNT(methods));
			assert_string_equal(services[s]->name, methods[row].service);
			assert_string_equal(services[s]->methods[n].name, methods[row].name);
			assert_ptr_equal(services[s]->methods[n].input, methods[row].request);
			assert_ptr_equal(services[s]->methods[n].output, methods[row].response);
		}
	}
	assert_int_equal(row, COUNT(methods));
	assert_int_equal(row, 67 + 4);
}

/* ---- options, which protobuf-c keeps as unknown fields ---- */

static Google__Protobuf__FileDescriptorSet *
protoset_read(void)
{
	static uint8_t bytes[1 << 20];
	FILE *file = fopen(protoset_path, "rb");

	assert_non_null(file);
	size_t length = fread(bytes, 1, sizeof(bytes), file);
	assert_true(length > 0 && length < sizeof(bytes));
	fclose(file);

	Google__Protobuf__FileDescriptorSet *set = google__protobuf__file_descriptor_set__unpack(NULL, length, bytes);
	assert_non_null(set);
	return set;
}

static const ProtobufCMessageUnknownField *
option_find(const ProtobufCMessage *options, uint32_t number)
{
	for (unsigned i = 0; options != NULL && i < options->n_unknown_fields; i++)
		if (options->unknown_fields[i].tag == number)
			return &options->unknown_fields[i];
	return NULL;
}

static void
assert_text(const char *have, const char *want)
{
	assert_string_equal(have == NULL ? "" : have, want);
}

static void
assert_method_options(const Google__Protobuf__MethodDescriptorProto *m, size_t row)
{
	const ProtobufCMessageUnknownField *option =
	    option_find(m->options == NULL ? NULL : &m->options->base, OPTION_AUTHORIZATION);
	Openshell__Options__V1__AuthorizationRule *rule;
	enum role role = methods[row].role;

	assert_string_equal(m->name, methods[row].name);
	assert_int_equal(m->client_streaming, methods[row].kind == CLIENT_STREAM || methods[row].kind == BIDI);
	assert_int_equal(m->server_streaming, methods[row].kind == SERVER_STREAM || methods[row].kind == BIDI);

	assert_non_null(option);
	assert_true(option->len >= 1 && option->data[0] == option->len - 1); /* its length, in one byte */
	rule = openshell__options__v1__authorization_rule__unpack(NULL, option->len - 1, option->data + 1);
	assert_non_null(rule);
	assert_text(rule->auth_mode, auth_texts[methods[row].auth]);
	assert_text(rule->scope, methods[row].scope);
	assert_text(rule->workspace_role, role == ROLE_WORKSPACE_USER	 ? "user"
					  : role == ROLE_WORKSPACE_ADMIN ? "admin"
									 : "");
	assert_text(rule->global_role, role == ROLE_PLATFORM_ADMIN ? "platform_admin" : "");
	openshell__options__v1__authorization_rule__free_unpacked(rule, NULL);
}

static void
methods_have_the_options_of_the_services(void **state)
{
	Google__Protobuf__FileDescriptorSet *set = protoset_read();
	size_t checked = 0;

	(void)state;
	for (size_t i = 0; i < set->n_file; i++) {
		for (size_t s = 0; s < set->file[i]->n_service; s++) {
			const Google__Protobuf__ServiceDescriptorProto *service = set->file[i]->service[s];
			size_t row = strcmp(service->name, "Inference") == 0 ? 67 : 0;

			for (size_t n = 0; n < service->n_method; n++, checked++)
				assert_method_options(service->method[n], row + n);
		}
	}
	assert_int_equal(checked, COUNT(methods));
	google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
}

/* clang-format off */
static const char *const secrets[] = {
	"openshell.v1.IssueSandboxTokenResponse.token",
	"openshell.v1.RefreshSandboxTokenResponse.token",
	"openshell.v1.CreateSshSessionResponse.token",
	"openshell.v1.RevokeSshSessionRequest.token",
	"openshell.v1.TcpForwardInit.authorization_token",
	"openshell.v1.SshSession.token",
	"openshell.v1.StoredProviderCredentialRefreshState.material",
	"openshell.v1.ConfigureProviderRefreshRequest.material",
	"openshell.v1.GetSandboxProviderEnvironmentResponse.environment",
	"openshell.v1.ExtensionServiceCredential.token",
	"openshell.datamodel.v1.Provider.credentials",
	"openshell.inference.v1.ResolvedRoute.api_key",
};
/* clang-format on */

static size_t
secrets_in(const char *package, const Google__Protobuf__DescriptorProto *message)
{
	size_t found = 0;
	char name[256];

	for (size_t i = 0; i < message->n_field; i++) {
		const Google__Protobuf__FieldDescriptorProto *f = message->field[i];
		const ProtobufCMessageUnknownField *option =
		    option_find(f->options == NULL ? NULL : &f->options->base, OPTION_SECRET);
		size_t n = 0;

		if (option == NULL)
			continue;
		assert_true(option->len == 1 && option->data[0] == 1);
		snprintf(name, sizeof(name), "%s.%s.%s", package, message->name, f->name);
		while (n < COUNT(secrets) && strcmp(name, secrets[n]) != 0)
			n++;
		if (n == COUNT(secrets))
			fail_msg("%s is marked secret", name);
		found++;
	}
	return found;
}

static void
secrets_are_marked(void **state)
{
	Google__Protobuf__FileDescriptorSet *set = protoset_read();
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < set->n_file; i++)
		for (size_t m = 0; m < set->file[i]->n_message_type; m++)
			found += secrets_in(set->file[i]->package, set->file[i]->message_type[m]);
	assert_int_equal(found, COUNT(secrets));
	google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
}

/* ---- the wire ---- */

static void
bytes_are_as_other_programs_write_them(void **state)
{
	static const uint8_t want[] = {
	    0x12, 0x02, 'a', 'b',			  /* name = "ab" */
	    0x1a, 0x06, 0x0a, 0x01, 'k', 0x12, 0x01, 'v', /* labels = { k: v } */
	    0x2a, 0x01, 'w',				  /* workspace = "w" */
	};
	Openshell__V1__CreateSandboxRequest__LabelsEntry label =
	    OPENSHELL__V1__CREATE_SANDBOX_REQUEST__LABELS_ENTRY__INIT;
	Openshell__V1__CreateSandboxRequest__LabelsEntry *labels[] = {&label};
	Openshell__V1__CreateSandboxRequest request = OPENSHELL__V1__CREATE_SANDBOX_REQUEST__INIT;
	uint8_t have[64];

	(void)state;
	label.key = (char[]){"k"};
	label.value = (char[]){"v"};
	request.name = (char[]){"ab"};
	request.n_labels = 1;
	request.labels = labels;
	request.workspace = (char[]){"w"};
	assert_int_equal(openshell__v1__create_sandbox_request__get_packed_size(&request), sizeof(want));
	assert_int_equal(openshell__v1__create_sandbox_request__pack(&request, have), sizeof(want));
	assert_memory_equal(have, want, sizeof(want));
}

static void
an_unknown_enum_number_is_kept(void **state)
{
	static const uint8_t bytes[] = {0x30, 0xff, 0x01}; /* phase = 255, a number no release has */
	Openshell__V1__SandboxStatus *status = openshell__v1__sandbox_status__unpack(NULL, sizeof(bytes), bytes);
	uint8_t again[8];

	(void)state;
	assert_non_null(status);
	assert_true(status->has_phase);
	assert_int_equal(status->phase, 255);
	assert_null(protobuf_c_enum_descriptor_get_value(&openshell__v1__sandbox_phase__descriptor, status->phase));
	assert_int_equal(openshell__v1__sandbox_status__pack(status, again), sizeof(bytes));
	assert_memory_equal(again, bytes, sizeof(bytes));
	openshell__v1__sandbox_status__free_unpacked(status, NULL);
}

static void
ports_may_come_packed_or_one_by_one(void **state)
{
	static const struct {
		size_t length;
		uint8_t bytes[8];
	} cases[] = {
	    {5, {0x4a, 0x03, 0x50, 0xbb, 0x03}}, /* packed */
	    {5, {0x48, 0x50, 0x48, 0xbb, 0x03}}, /* each with its tag */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		Openshell__Sandbox__V1__NetworkEndpoint *endpoint =
		    openshell__sandbox__v1__network_endpoint__unpack(NULL, cases[i].length, cases[i].bytes);

		assert_non_null(endpoint);
		assert_int_equal(endpoint->n_ports, 2);
		assert_int_equal(endpoint->ports[0], 80);
		assert_int_equal(endpoint->ports[1], 443);
		openshell__sandbox__v1__network_endpoint__free_unpacked(endpoint, NULL);
	}
}

static void
broken_bytes_are_refused(void **state)
{
	static const struct {
		size_t length;
		uint8_t bytes[4];
	} cases[] = {
	    {2, {0x12, 0x02}},		   /* a name of two bytes that are not there */
	    {3, {0x12, 0x02, 'a'}},	   /* one byte short */
	    {1, {0x12}},		   /* a tag and no more */
	    {2, {0x0a, 0x80}},		   /* a length that does not end */
	    {2, {0x00, 0x00}},		   /* number 0 does not exist */
	    {2, {0x13, 0x14}},		   /* groups are not taken */
	    {4, {0x0a, 0x02, 0x0a, 0x05}}, /* an inner message that is too long for the outer */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_null(openshell__v1__create_sandbox_request__unpack(NULL, cases[i].length, cases[i].bytes));
}

static void
a_oneof_holds_what_came_last(void **state)
{
	static const uint8_t bytes[] = {0x12, 0x01, 'x', 0x0a, 0x00}; /* data = "x", then init = {} */
	Openshell__V1__RelayFrame *frame = openshell__v1__relay_frame__unpack(NULL, sizeof(bytes), bytes);

	(void)state;
	assert_non_null(frame);
	assert_int_equal(frame->payload_case, OPENSHELL__V1__RELAY_FRAME__PAYLOAD_INIT);
	assert_null(frame->init->channel_id);
	openshell__v1__relay_frame__free_unpacked(frame, NULL);

	frame = openshell__v1__relay_frame__unpack(NULL, 0, bytes);
	assert_non_null(frame);
	assert_int_equal(frame->payload_case, OPENSHELL__V1__RELAY_FRAME__PAYLOAD__NOT_SET);
	openshell__v1__relay_frame__free_unpacked(frame, NULL);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_are_those_of_the_interface),
	    cmocka_unit_test(nothing_is_required),
	    cmocka_unit_test(methods_name_their_messages),
	    cmocka_unit_test(methods_are_those_of_the_services),
	    cmocka_unit_test(methods_have_the_options_of_the_services),
	    cmocka_unit_test(secrets_are_marked),
	    cmocka_unit_test(bytes_are_as_other_programs_write_them),
	    cmocka_unit_test(an_unknown_enum_number_is_kept),
	    cmocka_unit_test(ports_may_come_packed_or_one_by_one),
	    cmocka_unit_test(broken_bytes_are_refused),
	    cmocka_unit_test(a_oneof_holds_what_came_last),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s openshell.protoset\n", argv[0]);
		return EXIT_FAILURE;
	}
	protoset_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
