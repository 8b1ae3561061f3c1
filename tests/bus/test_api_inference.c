/* api's inference calls: what state is asked, what the caller is told of it, and what is refused before anybody is asked. */
#include "tests/unit/test.h"

#include "common/base/clean.h"
#include "openshell/inference.pb-c.h"
#include "tests/bus/api_stage.h"

#define INFERENCE "/openshell.inference.v1.Inference/"
#define SET	  &openshell__inference__v1__set_inference_route_response__descriptor
#define GET	  &openshell__inference__v1__get_inference_route_response__descriptor
#define REMOVE	  &openshell__inference__v1__delete_inference_route_response__descriptor

static struct span providers[] = {{"first", 5}, {"second", 6}}, models[] = {{"large", 5}, {"small", 5}};

static struct msg
route(bool verified)
{
	static struct msg_inference_place place;

	place = (struct msg_inference_place){.url = SPAN("https://api.first.test/v1"), .protocol = SPAN("openai")};
	return (struct msg){.id = INFERENCE_ROUTE,
	    .inference_route = {.id = {{1}},
		.workspace = SPAN("default"),
		.route = SPAN("inference.local"),
		.providers = providers,
		.providers_n = 2,
		.models = models,
		.models_n = 2,
		.timeout_s = 60,
		.version = 4,
		.verified = verified,
		.places = &place,
		.places_n = verified ? 1 : 0}};
}

static Openshell__Inference__V1__SetInferenceRouteRequest
request_of(const char *provider_names, const char *model_names)
{
	Openshell__Inference__V1__SetInferenceRouteRequest request =
	    OPENSHELL__INFERENCE__V1__SET_INFERENCE_ROUTE_REQUEST__INIT;

	request.provider_name = (char *)(uintptr_t)provider_names;
	request.model_id = (char *)(uintptr_t)model_names;
	return request;
}

/* Verified unless the caller wants it not to be; several backends stand with commas, in their order. */
static void
a_route_is_set(void **unused)
{
	(void)unused;
	for (int verify = 0; verify < 2; verify++) {
		Openshell__Inference__V1__SetInferenceRouteRequest request = request_of("first,second", "large,small");
		const struct msg answer = route(verify);
		const Openshell__Inference__V1__SetInferenceRouteResponse *out;
		struct heard *heard;
		struct got *got;

		request.has_no_verify = true;
		request.no_verify = !verify;
		got = call(INFERENCE "SetInferenceRoute", &request.base, SET);
		heard = actor_hear(&state, INFERENCE_PUT);
		assert_true(span_is(heard->msg.inference_put.workspace, "default"));
		assert_true(span_is(heard->msg.inference_put.route, "inference.local"));
		assert_int_equal(heard->msg.inference_put.providers_n, 2);
		assert_true(span_is(heard->msg.inference_put.providers[1], "second"));
		assert_true(span_is(heard->msg.inference_put.models[0], "large"));
		assert_int_equal(heard->msg.inference_put.verify, verify);
		reply_send(&heard->reply, &answer);
		heard_free(heard);
		got_ended(got, 0, NULL);
		out = (const Openshell__Inference__V1__SetInferenceRouteResponse *)got->messages[0];
		assert_string_equal(out->provider_name, "first,second");
		assert_string_equal(out->model_id, "large,small");
		assert_int_equal(out->version, 4);
		assert_int_equal(out->validation_performed, verify);
		assert_int_equal(out->n_validated_endpoints, verify);
		if (verify)
			assert_string_equal(out->validated_endpoints[0]->url, "https://api.first.test/v1");
		got_free(got);
	}
}

/* A model that does not answer: why is told in state's words. */
static void
a_verification_that_fails(void **unused)
{
	Openshell__Inference__V1__SetInferenceRouteRequest request = request_of("first", "large");
	struct got *got;

	(void)unused;
	got = call(INFERENCE "SetInferenceRoute", &request.base, SET);
	actor_refuse(&state, INFERENCE_PUT, ERR_STATE, "the model large answered 404");
	got_ended(got, 9, "the model large answered 404");
	got_free(got);
}

static void
set_refuses(void **unused)
{
	static char long_model[258], many[2 * 17];
	static const struct {
		const char *providers, *models, *route, *workspace;
		uint64_t timeout_s;
		const char *words;
	} cases[] = {
	    {"", "large", "", "", 0, "provider_name is required"},
	    {"first", "", "", "", 0, "model_id is required"},
	    {"first,", "a,b", "", "", 0, "provider_name: entry 2 has 0 bytes"},
	    {"first,second", "a", "", "", 0, "1 models for 2 providers"},
	    {"first", long_model, "", "", 0, "entry 1 has 257 bytes"},
	    {many, many, "", "", 0, "over 16 entries"},
	    {"first", "large", "other.local", "", 0, "is no route"},
	    {"first", "large", "", "No Workspace", 0, "workspace"},
	    {"first", "large", "", "", 3601, "timeout_secs: 3601 is over 3600"},
	};

	(void)unused;
	memset(long_model, 'm', sizeof(long_model) - 1);
	for (size_t i = 0; i < sizeof(many) - 1; i++)
		many[i] = i % 2 == 0 ? 'a' : ',';
	for (size_t i = 0; i < COUNT(cases); i++) {
		Openshell__Inference__V1__SetInferenceRouteRequest request =
		    request_of(cases[i].providers, cases[i].models);

		request.route_name = (char *)(uintptr_t)cases[i].route;
		request.workspace = (char *)(uintptr_t)cases[i].workspace;
		request.has_timeout_secs = true;
		request.timeout_secs = cases[i].timeout_s;
		call_fails(INFERENCE "SetInferenceRoute", &request.base, SET, 3, cases[i].words);
	}
	assert_null(actor_heard(&state, INFERENCE_PUT));
}

static void
a_route_is_shown_and_removed(void **unused)
{
	Openshell__Inference__V1__GetInferenceRouteRequest get =
	    OPENSHELL__INFERENCE__V1__GET_INFERENCE_ROUTE_REQUEST__INIT;
	Openshell__Inference__V1__DeleteInferenceRouteRequest end =
	    OPENSHELL__INFERENCE__V1__DELETE_INFERENCE_ROUTE_REQUEST__INIT;
	const struct msg answer = route(false), gone = {.id = INFERENCE_DELETED, .inference_deleted = {true}};
	struct got *got = call(INFERENCE "GetInferenceRoute", &get.base, GET);

	(void)unused;
	actor_answer(&state, INFERENCE_GET, &answer);
	got_ended(got, 0, NULL);
	assert_string_equal(
	    ((const Openshell__Inference__V1__GetInferenceRouteResponse *)got->messages[0])->model_id, "large,small");
	got_free(got);
	got = call(INFERENCE "GetInferenceRoute", &get.base, GET);
	actor_refuse(&state, INFERENCE_GET, ERR_NOT_FOUND, "no route");
	got_ended(got, 5, "no route");
	got_free(got);
	got = call(INFERENCE "DeleteInferenceRoute", &end.base, REMOVE);
	actor_answer(&state, INFERENCE_DELETE, &gone);
	got_ended(got, 0, NULL);
	assert_true(((const Openshell__Inference__V1__DeleteInferenceRouteResponse *)got->messages[0])->deleted);
	got_free(got);
	get.route_name = end.route_name = (char *)(uintptr_t) "elsewhere";
	call_fails(INFERENCE "GetInferenceRoute", &get.base, GET, 3, "is no route");
	call_fails(INFERENCE "DeleteInferenceRoute", &end.base, REMOVE, 3, "is no route");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_route_is_set),
	    cmocka_unit_test(a_verification_that_fails),
	    cmocka_unit_test(set_refuses),
	    cmocka_unit_test(a_route_is_shown_and_removed),
	};

	program = argc > 1 ? argv[1] : "";
	return cmocka_run_group_tests(tests, setup, teardown);
}
