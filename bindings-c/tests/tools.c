// Tools of the host, models that call them, and several hosts of one role.
#include "hosts.h"

// Calls `user_data`'s tool, then says what came of it.
static void call_then_tell(void *user_data, const char *request_json, vc_responder *answer) {
    if (strstr(request_json, "\"role\":\"tool\"") != NULL) {
        vc_responder_send_text(answer, "That is all.");
    } else {
        CHECK(strstr(request_json, "\"tools\":[") != NULL);
        CHECK(vc_responder_send_tool_call(answer, "a", user_data, "{\"order_id\": 7}") == VC_OK);
        CHECK(vc_responder_send_tool_call(answer, NULL, "x", "{}") == VC_VALIDATION_ERROR);
    }
    vc_responder_finish(answer);
}

static void order_status(void *user_data, const char *arguments_json, const char *context_json, vc_responder *answer) {
    (void)user_data;
    CHECK(strcmp(arguments_json, "{\"order_id\":7}") == 0);
    CHECK(strstr(context_json, "\"user\":\"ada\"") != NULL && strstr(context_json, "\"session_id\"") != NULL);
    CHECK(vc_responder_send_tool_call(answer, "a", "x", "{}") == VC_VALIDATION_ERROR);
    vc_responder_send_text(answer, "on its way");
    vc_responder_finish(answer);
}

static void broken(void *user_data, const char *arguments_json, const char *context_json, vc_responder *answer) {
    vc_failure failure = {NULL, "the archive is closed", 0, 0};
    (void)user_data; (void)arguments_json; (void)context_json;
    vc_responder_fail(answer, &failure);
}

// What a tool that takes its time keeps, and how often it was told to stop.
struct kept {
    vc_responder *answer;
    int stopped, drops;
};

static void told_to_stop(void *user_data) { __atomic_fetch_add(&((struct kept *)user_data)->stopped, 1, __ATOMIC_SEQ_CST); }
static void given_back(void *user_data) { count_drop(&((struct kept *)user_data)->drops); }

static void keep_call(void *user_data, const char *arguments_json, const char *context_json, vc_responder *answer) {
    struct kept *kept = user_data;
    (void)arguments_json; (void)context_json;
    CHECK(vc_responder_on_cancel(answer, NULL, kept) == VC_VALIDATION_ERROR);
    CHECK(vc_responder_on_cancel(answer, told_to_stop, kept) == VC_OK);
    __atomic_store_n(&kept->answer, answer, __ATOMIC_SEQ_CST);
}

static vc_agent *agent_with(const vc_tool_vtable *tool) {
    vc_stt_vtable stt = {"c/ears", NULL, hear, NULL, NULL, NULL};
    vc_llm_vtable llm = {"c/mind", (void *)tool->name, call_then_tell, NULL, true, NULL};
    vc_tts_vtable tts = {"c/mouth", NULL, speak, NULL, NULL, NULL, NULL};
    vc_hosts hosts = {&stt, 1, &llm, 1, &tts, 1, tool, 1, NULL, NULL, NULL};
    vc_agent *agent = NULL;
    OK(vc_agent_new("{\"storage\": \"memory\"}", &hosts, &agent, error));
    return agent;
}

static void a_model_calls_a_tool(void) {
    vc_tool_vtable tool = {.name = "order_status", .description = "Where an order is.", .call = order_status};
    tool.parameters_json = "{\"type\": \"object\", \"properties\": {\"order_id\": {\"type\": \"integer\"}}}";
    vc_agent *agent = agent_with(&tool);
    vc_input input = {.text = "Where is order 7?"};
    vc_turn_options options = {.user = "ada", .silent = true};
    vc_turn *turn = NULL;
    int calls = 0, results = 0;
    OK(vc_turn_start(agent, &input, &options, NULL, NULL, &turn, error));
    for (;;) {
        vc_event *event = NULL;
        OK(vc_turn_next(turn, &event, error));
        if (event == NULL) break;
        switch (vc_event_get_kind(event)) {
            case VC_EVENT_TOOL_CALL:
                CHECK(strcmp(vc_event_text(event), "order_status") == 0);
                CHECK(strstr(vc_event_json(event), "\"order_id\":7") != NULL);
                calls++;
                break;
            case VC_EVENT_TOOL_RESULT:
                CHECK(strcmp(vc_event_text(event), "on its way") == 0);
                CHECK(strstr(vc_event_json(event), "\"failed\":false") != NULL);
                results++;
                break;
            default: break;
        }
        vc_event_free(event);
    }
    CHECK(calls == 1 && results == 1);
    vc_turn_free(turn);
    vc_agent_free(agent);
}

static void a_tool_that_fails_does_not_fail_the_turn(void) {
    vc_tool_vtable tool = {.name = "broken", .call = broken};
    vc_agent *agent = agent_with(&tool);
    vc_reply *reply = NULL;
    // It takes no arguments, and the model gives one.
    OK(ask(agent, "Go", &reply, error));
    CHECK(strstr(vc_reply_json(reply), "order_id is not a parameter") != NULL);
    vc_reply_free(reply);
    vc_agent_free(agent);
    tool.parameters_json = "{\"type\": \"object\"}";
    agent = agent_with(&tool);
    OK(ask(agent, "Go", &reply, error));
    CHECK(strcmp(vc_reply_text(reply), "That is all.") == 0);
    CHECK(strstr(vc_reply_json(reply), "the archive is closed") != NULL && strstr(vc_reply_json(reply), "\"failed\":true") != NULL);
    vc_reply_free(reply);
    vc_agent_free(agent);
}

static void a_cancelled_turn_tells_its_tool_once(void) {
    struct kept kept = {NULL, 0, 0};
    vc_tool_vtable tool = {.name = "slow", .parameters_json = "{\"type\": \"object\"}", .user_data = &kept, .call = keep_call, .drop = given_back};
    vc_agent *agent = agent_with(&tool);
    vc_input input = {.text = "Go"};
    vc_turn *turn = NULL;
    vc_reply *reply = NULL;
    OK(vc_turn_start(agent, &input, NULL, NULL, NULL, &turn, error));
    while (__atomic_load_n(&kept.answer, __ATOMIC_SEQ_CST) == NULL) sched_yield();
    CHECK(!vc_responder_is_cancelled(kept.answer) && kept.stopped == 0);
    vc_turn_cancel(turn);
    FAILS(VC_CANCELLED, vc_turn_wait(turn, &reply, error));
    vc_turn_free(turn);
    while (__atomic_load_n(&kept.stopped, __ATOMIC_SEQ_CST) == 0) sched_yield();
    CHECK(vc_responder_is_cancelled(kept.answer));
    CHECK(vc_responder_send_text(kept.answer, "late") == VC_CANCELLED);
    CHECK(vc_responder_finish(kept.answer) == VC_OK);
    CHECK(vc_responder_on_cancel(kept.answer, told_to_stop, &kept) == VC_VALIDATION_ERROR);
    vc_agent_free(agent);
    given_back_times(&kept.drops, 1);
    CHECK(kept.stopped == 1);
}

static void what_is_wrong_with_a_tool_is_named(void) {
    int drops = 0;
    vc_tool_vtable tools[2] = {
        {.name = "good", .user_data = &drops, .call = broken, .drop = count_drop},
        {.name = "bad", .user_data = &drops, .call = broken, .drop = count_drop, .parameters_json = "{"},
    };
    vc_hosts hosts = {.tools = tools, .tool_count = 2};
    vc_agent *agent = NULL;
    vc_error *fault = NULL;
    CHECK(vc_agent_new("{}", &hosts, &agent, &fault) == VC_VALIDATION_ERROR);
    CHECK(strstr(vc_error_message(fault), "tools.bad.parameters_json") != NULL && drops == 2);
    vc_error_free(fault);
    tools[1].parameters_json = NULL;
    tools[1].call = NULL;
    FAILS(VC_VALIDATION_ERROR, vc_agent_new("{}", &hosts, &agent, error));
    hosts.tools = NULL;
    FAILS(VC_VALIDATION_ERROR, vc_agent_new("{}", &hosts, &agent, error));
}

static void tools_of_one_turn_are_given_back_whatever_becomes_of_it(void) {
    int drops = 0;
    vc_tool_vtable tool = {.name = "here", .user_data = &drops, .call = broken, .drop = count_drop, .parameters_json = "{\"type\": \"object\"}"};
    vc_agent *agent = agent_with(&(vc_tool_vtable){.name = "here", .call = broken});
    vc_input input = {.text = "Go"};
    vc_turn_options options = {.silent = true, .tools = &tool, .tool_count = 1};
    vc_reply *reply = NULL;
    vc_turn *turn = NULL;
    vc_live *live = NULL;
    // The agent has one of that name.
    FAILS(VC_INVALID_REQUEST, vc_converse(agent, &input, &options, &reply, error));
    FAILS(VC_VALIDATION_ERROR, vc_converse(agent, &input, &options, NULL, error));
    FAILS(VC_VALIDATION_ERROR, vc_converse(NULL, &input, &options, &reply, error));
    FAILS(VC_VALIDATION_ERROR, vc_turn_start(NULL, &input, &options, NULL, NULL, &turn, error));
    FAILS(VC_VALIDATION_ERROR, vc_live_start(agent, "[]", &tool, 1, NULL, NULL, &live, error));
    vc_error *fault = NULL;
    tool.call = NULL;
    CHECK(vc_converse(agent, &input, &options, &reply, &fault) == VC_VALIDATION_ERROR);
    CHECK(strstr(vc_error_message(fault), "options.tools: ") != NULL);
    vc_error_free(fault);
    given_back_times(&drops, 6);
    vc_agent_free(agent);
}

static void hosts_of_one_role_are_tried_in_their_order(void) {
    vc_llm_vtable llm[2] = {{"c/broken", "PROVIDER_ERROR", fail, NULL, false, NULL}, {"c/mind", NULL, think, NULL, false, NULL}};
    vc_stt_vtable stt = {"c/ears", NULL, hear, NULL, NULL, NULL};
    vc_tts_vtable tts = {"c/mouth", NULL, speak, NULL, NULL, NULL, NULL};
    vc_hosts hosts = {.stt = &stt, .stt_count = 1, .llm = llm, .llm_count = 2, .tts = &tts, .tts_count = 1};
    vc_agent *agent = NULL;
    vc_reply *reply = NULL;
    OK(vc_agent_new("{\"storage\": \"memory\"}", &hosts, &agent, error));
    OK(ask(agent, "Hello", &reply, error));
    CHECK(strstr(vc_reply_text(reply), "Nothing more.") != NULL);
    vc_reply_free(reply);
    vc_agent_free(agent);
    // By its number, one alone.
    OK(vc_agent_new("{\"storage\": \"memory\", \"llm\": \"host/1\"}", &hosts, &agent, error));
    OK(ask(agent, "Hello", &reply, error));
    vc_reply_free(reply);
    vc_agent_free(agent);
}

int main(void) {
    a_model_calls_a_tool();
    a_tool_that_fails_does_not_fail_the_turn();
    a_cancelled_turn_tells_its_tool_once();
    tools_of_one_turn_are_given_back_whatever_becomes_of_it();
    what_is_wrong_with_a_tool_is_named();
    hosts_of_one_role_are_tried_in_their_order();
    puts("ok");
    return 0;
}
