// What turns do, from C: blocking, pulled, with a callback, cancelled, failing; misuse of every kind.
#include <pthread.h>

#include "hosts.h"

void vc_testing_panic_next(void);
bool vc_testing_armed(void);
vc_status vc_testing_panic_in_work(vc_error **error);
vc_status vc_testing_fail_with(const char *code, vc_error **error);

static int16_t second[16000];

static void a_typed_turn_is_answered(void) {
    vc_agent *agent = plain_agent();
    vc_reply *reply = NULL;
    OK(ask(agent, "Hello \xe2\x9c\x93", &reply, error));
    CHECK(strcmp(vc_reply_transcript(reply), "Hello \xe2\x9c\x93") == 0);
    CHECK(strcmp(vc_reply_text(reply), "A t\xc3\xa9st. Nothing more.") == 0);
    CHECK(strlen(vc_reply_session_id(reply)) == 36 && strlen(vc_reply_turn_id(reply)) == 36);
    CHECK(strstr(vc_reply_json(reply), "\"timings_ms\"") != NULL);
    size_t count = 0;
    uint32_t rate = 0;
    CHECK(vc_reply_samples(reply, &count, &rate) != NULL && count >= 240 && rate == 24000);
    CHECK(vc_reply_audio_error(reply) == NULL);
    vc_bytes *wav = NULL;
    OK(vc_reply_encode_audio(reply, "wav", &wav, error));
    CHECK(vc_bytes_length(wav) >= 44 + 2 * count && memcmp(vc_bytes_data(wav), "RIFF", 4) == 0);
    vc_bytes_free(wav);
    FAILS(VC_VALIDATION_ERROR, vc_reply_encode_audio(reply, "nonsense", &wav, error));
    vc_reply_free(reply);
    vc_agent_free(agent);
}

static void sound_is_answered_and_the_session_goes_on(void) {
    vc_agent *agent = plain_agent();
    vc_reply *first = NULL, *next = NULL;
    vc_input said = {.samples = second, .length = 16000, .sample_rate = 16000};
    OK(vc_converse(agent, &said, NULL, &first, error));
    CHECK(strcmp(vc_reply_transcript(first), "What is this?") == 0);
    CHECK(strcmp(vc_reply_language(first), "en") == 0);
    vc_input input = {.text = "And then?"};
    vc_turn_options options = {.session = vc_reply_session_id(first), .silent = true, .deadline_ms = 20000};
    OK(vc_converse(agent, &input, &options, &next, error));
    CHECK(strcmp(vc_reply_session_id(first), vc_reply_session_id(next)) == 0);
    CHECK(vc_reply_samples(next, NULL, NULL) == NULL);
    char arguments[80];
    snprintf(arguments, sizeof arguments, "{\"id\": \"%s\"}", vc_reply_session_id(first));
    vc_bytes *history = NULL;
    OK(vc_agent_call(agent, "sessions", "history", arguments, &history, NULL, error));
    CHECK(strstr(vc_bytes_data(history), "And then?") != NULL);
    vc_bytes_free(history);
    FAILS(VC_VALIDATION_ERROR, vc_agent_call(agent, "sessions", "nonsense", NULL, &history, NULL, error));
    FAILS(VC_SESSION_NOT_FOUND, vc_agent_call(agent, "sessions", "get", "{\"id\": \"none\"}", &history, NULL, error));
    vc_reply_free(first);
    vc_reply_free(next);
    vc_agent_free(agent);
}

static void a_pulled_turn_tells_everything_and_ends(void) {
    vc_agent *agent = plain_agent();
    vc_input input = {.samples = second, .length = 16000, .sample_rate = 16000};
    vc_turn *turn = NULL;
    OK(vc_turn_start(agent, &input, NULL, NULL, NULL, &turn, error));
    int seen[VC_EVENT_FILLER + 1] = {0};
    for (;;) {
        vc_event *event = NULL;
        OK(vc_turn_next(turn, &event, error));
        if (event == NULL) break;
        vc_event_kind kind = vc_event_get_kind(event);
        seen[kind]++;
        CHECK(strstr(vc_event_json(event), "\"type\"") != NULL);
        if (kind == VC_EVENT_AUDIO) {
            size_t count = 0;
            CHECK(vc_event_samples(event, &count, NULL) != NULL && count == 240);
        } else if (kind == VC_EVENT_DONE) {
            vc_reply *reply = vc_event_reply(event);
            CHECK(strcmp(vc_reply_transcript(reply), "What is this?") == 0);
            vc_reply_free(reply);
        } else {
            CHECK(vc_event_reply(event) == NULL && vc_event_error(event) == NULL);
        }
        vc_event_free(event);
    }
    CHECK(seen[VC_EVENT_STARTED] == 1 && seen[VC_EVENT_TRANSCRIPT] >= 1 && seen[VC_EVENT_TEXT] >= 1);
    CHECK(seen[VC_EVENT_AUDIO] >= 1 && seen[VC_EVENT_DONE] == 1);
    // What was pulled is no less the reply, and nothing comes after it.
    for (int i = 0; i < 2; i++) {
        vc_reply *reply = NULL;
        vc_event *event = NULL;
        OK(vc_turn_wait(turn, &reply, error));
        CHECK(strcmp(vc_reply_transcript(reply), "What is this?") == 0);
        vc_reply_free(reply);
        OK(vc_turn_next(turn, &event, error));
        CHECK(event == NULL);
    }
    vc_turn_free(turn);
    vc_turn_free(turn);
    vc_agent_free(agent);
}

struct heard {
    vc_agent *agent;
    int events, ends;
    vc_status end;
};

static void on_event(void *user_data, const vc_event *event, const vc_error *failed) {
    struct heard *heard = user_data;
    CHECK((event == NULL) != (failed == NULL));
    heard->events++;
    if (failed != NULL || vc_event_get_kind(event) == VC_EVENT_DONE) {
        heard->ends++;
        heard->end = vc_error_status(failed);
        vc_reply *reply = NULL;
        // It would wait for ever if every thread of the library did this.
        FAILS(VC_INTERNAL_ERROR, ask(heard->agent, "from inside", &reply, error));
        // What is refused leaves nothing of an older answer.
        vc_bytes *answer = (vc_bytes *)heard, *sound = (vc_bytes *)heard;
        FAILS(VC_INTERNAL_ERROR, vc_agent_call(heard->agent, "sessions", "list", NULL, &answer, &sound, error));
        CHECK(answer == NULL && sound == NULL);
    }
}

static void a_callback_gets_the_events_and_one_end(void) {
    vc_agent *agent = plain_agent();
    struct heard heard = {.agent = agent, .end = VC_INTERNAL_ERROR};
    vc_input input = {.text = "Hello"};
    vc_turn *turn = NULL;
    vc_reply *reply = NULL;
    OK(vc_turn_start(agent, &input, NULL, on_event, &heard, &turn, error));
    OK(vc_turn_wait(turn, &reply, error));
    CHECK(heard.ends == 1 && heard.end == VC_OK && heard.events > 3);
    OK(vc_turn_wait(turn, NULL, error));
    vc_reply_free(reply);
    vc_turn_free(turn);
    vc_turn_free(turn);
    vc_agent_free(agent);
}

struct started {
    vc_turn *turn;
    vc_live *live;
    int calls, ends;
};

// Uses the handle at the first call: stops a turn, has a session say something.
static void on_the_first(void *user_data, const vc_event *event, const vc_error *failed) {
    struct started *started = user_data;
    if (__atomic_load_n(&started->calls, __ATOMIC_SEQ_CST) == 0) {
        CHECK((started->turn == NULL) != (started->live == NULL));
        vc_turn_cancel(started->turn);
        if (started->live != NULL) OK(vc_live_say(started->live, "Good day.", true, error));
    }
    __atomic_add_fetch(&started->calls, 1, __ATOMIC_SEQ_CST);
    if (failed != NULL || vc_event_get_kind(event) == VC_EVENT_DONE || vc_event_get_kind(event) == VC_EVENT_ENDED)
        __atomic_add_fetch(&started->ends, 1, __ATOMIC_SEQ_CST);
}

// Answers nothing for as long as somebody waits for it.
static void wait_for_nobody(void *user_data, const char *request_json, vc_responder *answer) {
    (void)user_data; (void)request_json;
    while (!vc_responder_is_cancelled(answer)) sched_yield();
    vc_responder_free(answer);
}

static void a_callback_finds_the_handle_at_its_first_call(void) {
    vc_llm_vtable llm = {"c/late", NULL, wait_for_nobody, NULL, false, NULL};
    vc_agent *agent = agent_of(llm);
    vc_input input = {.text = "Hello"};
    for (int i = 0; i < 50; i++) {
        struct started started = {NULL, NULL, 0, 0};
        OK(vc_turn_start(agent, &input, NULL, on_the_first, &started, &started.turn, error));
        FAILS(VC_CANCELLED, vc_turn_wait(started.turn, NULL, error));
        CHECK(started.ends == 1);
        vc_turn_free(started.turn);
    }
    struct started started = {NULL, NULL, 0, 0};
    OK(vc_live_start(agent, NULL, NULL, 0, on_the_first, &started, &started.live, error));
    SOON(__atomic_load_n(&started.calls, __ATOMIC_SEQ_CST) > 0);
    OK(vc_live_end(started.live, NULL, error));
    SOON(__atomic_load_n(&started.ends, __ATOMIC_SEQ_CST) == 1);
    vc_live_free(started.live);
    vc_agent_free(agent);
}

struct call {
    int answers, ends;
};

static void on_live(void *user_data, const vc_event *event, const vc_error *failed) {
    struct call *call = user_data;
    CHECK(event != NULL && failed == NULL);
    CHECK(__atomic_load_n(&call->ends, __ATOMIC_SEQ_CST) == 0);
    if (vc_event_get_kind(event) == VC_EVENT_TURN_DONE) __atomic_add_fetch(&call->answers, 1, __ATOMIC_SEQ_CST);
    if (vc_event_get_kind(event) == VC_EVENT_ENDED) __atomic_add_fetch(&call->ends, 1, __ATOMIC_SEQ_CST);
}

static void a_live_session_calls_back_until_its_one_end(void) {
    vc_agent *agent = plain_agent();
    struct call call = {0, 0};
    vc_live *live = NULL;
    OK(vc_live_start(agent, "{\"config\": {\"turn_detection\": \"manual\"}}", NULL, 0, on_live, &call, &live, error));
    for (int at = 0; at < 16000; at += 320) OK(vc_live_push_audio(live, second + at, 320, error));
    OK(vc_live_commit(live, error));
    while (__atomic_load_n(&call.answers, __ATOMIC_SEQ_CST) == 0) sched_yield();
    // Letting go of it ends it, and the host still hears of the end.
    vc_live_free(live);
    while (__atomic_load_n(&call.ends, __ATOMIC_SEQ_CST) == 0) sched_yield();
    vc_live_free(live);
    vc_agent_free(agent);
}

static void a_live_session_is_pulled_with_patience(void) {
    vc_agent *agent = plain_agent();
    vc_live *live = NULL;
    vc_event *event = NULL;
    vc_bytes *summary = NULL;
    FAILS(VC_VALIDATION_ERROR, vc_live_start(agent, "{\"rate\": 1}", NULL, 0, NULL, NULL, &live, error));
    OK(vc_live_start(agent, NULL, NULL, 0, NULL, NULL, &live, error));
    OK(vc_live_next(live, -1, &event, error));
    CHECK(vc_event_get_kind(event) == VC_EVENT_STARTED && strstr(vc_event_json(event), "24000") != NULL);
    vc_event_free(event);
    FAILS(VC_TIMEOUT, vc_live_next(live, 5, &event, error));
    CHECK(event == NULL);
    FAILS(VC_VALIDATION_ERROR, vc_live_push_audio(live, NULL, 320, error));
    FAILS(VC_VALIDATION_ERROR, vc_live_push_dtmf(live, "x", error));
    OK(vc_live_end(live, &summary, error));
    CHECK(strstr(vc_bytes_data(summary), "\"reason\":\"host\"") != NULL);
    vc_bytes_free(summary);
    OK(vc_live_next(live, -1, &event, error));
    CHECK(vc_event_get_kind(event) == VC_EVENT_ENDED);
    vc_event_free(event);
    OK(vc_live_next(live, -1, &event, error));
    CHECK(event == NULL);
    OK(vc_live_end(live, NULL, error));
    FAILS(VC_INVALID_REQUEST, vc_live_commit(live, error));
    vc_live_free(live);
    FAILS(VC_VALIDATION_ERROR, vc_live_commit(live, error));
    vc_agent_free(agent);
}

static vc_responder *asked(vc_responder **slot) {
    vc_responder *answer;
    while ((answer = __atomic_load_n(slot, __ATOMIC_SEQ_CST)) == NULL) sched_yield();
    return answer;
}

static void a_cancelled_turn_ends_and_its_provider_knows(void) {
    vc_responder *kept = NULL;
    vc_llm_vtable llm = {"c/late", &kept, keep, NULL, false, NULL};
    vc_agent *agent = agent_of(llm);
    struct heard heard = {.agent = agent};
    vc_input input = {.text = "Hello"};
    vc_turn *turn = NULL;
    OK(vc_turn_start(agent, &input, NULL, on_event, &heard, &turn, error));
    vc_responder *answer = asked(&kept);
    CHECK(!vc_responder_is_cancelled(answer));
    vc_turn_cancel(turn);
    vc_turn_cancel(turn);
    FAILS(VC_CANCELLED, vc_turn_wait(turn, NULL, error));
    CHECK(heard.ends == 1 && heard.end == VC_CANCELLED);
    while (!vc_responder_is_cancelled(answer)) sched_yield();
    CHECK(vc_responder_send_text(answer, "too late") == VC_CANCELLED);
    vc_responder_free(answer);
    vc_turn_free(turn);

    kept = NULL;
    vc_event *event = NULL;
    OK(vc_turn_start(agent, &input, NULL, NULL, NULL, &turn, error));
    OK(vc_turn_next(turn, &event, error));
    vc_event_free(event);
    answer = asked(&kept);
    vc_turn_cancel(turn);
    vc_status end = VC_OK;
    do {
        end = vc_turn_next(turn, &event, NULL);
        vc_event_free(event);
    } while (end == VC_OK && event != NULL);
    CHECK(end == VC_CANCELLED);
    FAILS(VC_CANCELLED, vc_turn_wait(turn, NULL, error));
    vc_turn_free(turn);
    vc_responder_free(answer);

    kept = NULL;
    // Long enough that the model is asked on a busy machine, too.
    vc_turn_options hurried = {.deadline_ms = 1000};
    vc_reply *reply = NULL;
    FAILS(VC_TIMEOUT, vc_converse(agent, &input, &hurried, &reply, error));
    vc_responder_free(asked(&kept));
    vc_agent_free(agent);
}

static void a_host_that_fails_is_told_apart(void) {
    const struct { const char *code; vc_status status; } cases[] = {
        {NULL, VC_PROVIDER_ERROR},
        {"PROVIDER_ERROR", VC_PROVIDER_ERROR},
        {"RATE_LIMIT_EXCEEDED", VC_RATE_LIMIT_EXCEEDED},
        {"INVALID_PROVIDER_KEY", VC_INVALID_PROVIDER_KEY},
        {"TIMEOUT", VC_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vc_llm_vtable llm = {"c/broken", (void *)cases[i].code, fail, NULL, false, NULL};
        vc_agent *agent = agent_of(llm);
        vc_reply *reply = NULL;
        FAILS(cases[i].status, ask(agent, "Hello", &reply, error));
        vc_agent_free(agent);
    }
    vc_llm_vtable llm = {"c/silent", NULL, give_up, NULL, false, NULL};
    vc_agent *agent = agent_of(llm);
    vc_reply *reply = NULL;
    FAILS(VC_PROVIDER_ERROR, ask(agent, "Hello", &reply, error));
    vc_agent_free(agent);
}

struct shelf {
    bool broken;
    int saved, asked;
};

static void store(void *user_data, const char *method, const char *arguments_json, vc_responder *answer) {
    struct shelf *shelf = user_data;
    CHECK(arguments_json[0] == '{');
    __atomic_fetch_add(&shelf->asked, 1, __ATOMIC_SEQ_CST);
    if (shelf->broken) {
        vc_failure full = {.code = "STORAGE_ERROR", .message = "the shelf is full", .retryable = -1};
        vc_responder_fail(answer, &full);
        return;
    }
    const char *result = "null";
    if (strcmp(method, "save_turn") == 0) {
        CHECK(strstr(arguments_json, "\"messages\"") != NULL && strstr(arguments_json, "Keep this") != NULL);
        __atomic_fetch_add(&shelf->saved, 1, __ATOMIC_SEQ_CST);
        result = "true";
    } else if (strcmp(method, "messages") == 0 || strcmp(method, "list_sessions") == 0) {
        result = "{\"items\": [], \"has_more\": false}";
    }
    vc_responder_send_text(answer, result);
    vc_responder_finish(answer);
}

static void a_store_in_c_keeps_the_turn(void) {
    struct shelf shelf = {0};
    vc_stt_vtable stt = {"c/ears", NULL, hear, NULL, NULL, NULL};
    vc_llm_vtable llm = {"c/mind", NULL, think, NULL, false, NULL};
    vc_tts_vtable tts = {"c/mouth", NULL, speak, NULL, NULL, NULL, NULL};
    vc_store_vtable kept = {"c/shelf", &shelf, store, NULL};
    vc_hosts hosts = {&stt, 1, &llm, 1, &tts, 1, NULL, 0, &kept, NULL, NULL};
    vc_agent *agent = NULL;
    vc_reply *reply = NULL;
    vc_bytes *list = NULL;
    OK(vc_agent_new(NULL, &hosts, &agent, error));
    OK(ask(agent, "Keep this", &reply, error));
    vc_reply_free(reply);
    CHECK(shelf.saved == 1);
    OK(vc_agent_call(agent, "sessions", "list", NULL, &list, NULL, error));
    CHECK(strcmp(vc_bytes_data(list), "{\"items\":[],\"has_more\":false}") == 0);
    vc_bytes_free(list);
    shelf.broken = true;
    FAILS(VC_STORAGE_ERROR, ask(agent, "Keep this", &reply, error));
    FAILS(VC_STORAGE_ERROR, vc_agent_call(agent, "sessions", "list", NULL, &list, NULL, error));
    shelf.broken = false;
    OK(vc_agent_close(agent, error));
    vc_agent_free(agent);
}

static void host_objects_are_given_back_once(void) {
    int drops = 0;
    vc_llm_vtable llm = {"c/mind", &drops, think, count_drop, false, NULL};
    vc_agent *agent = agent_of(llm);
    vc_reply *reply = NULL;
    OK(ask(agent, "Hello", &reply, error));
    vc_reply_free(reply);
    OK(vc_agent_close(agent, error));
    vc_agent_free(agent);
    given_back_times(&drops, 1);

    drops = 0;
    vc_stt_vtable deaf = {"c/ears", &drops, NULL, count_drop, NULL, NULL};
    vc_hosts hosts = {&deaf, 1, &llm, 1, NULL, 0, NULL, 0, NULL, NULL, NULL};
    FAILS(VC_VALIDATION_ERROR, vc_agent_new("{}", &hosts, &agent, error));
    CHECK(agent == NULL);
    given_back_times(&drops, 2);
    drops = 0;
    hosts.stt_count = 0;
    FAILS(VC_INVALID_REQUEST, vc_agent_new("{\"sstt\": 1}", &hosts, &agent, error));
    given_back_times(&drops, 1);
}

static void misuse_is_a_clear_error(void) {
    vc_agent *agent = plain_agent(), *other = NULL;
    vc_reply *reply = NULL;
    vc_error *none = NULL;
    FAILS(VC_VALIDATION_ERROR, ask(NULL, "x", &reply, error));
    FAILS(VC_VALIDATION_ERROR, ask((vc_agent *)error, "x", &reply, error));
    FAILS(VC_VALIDATION_ERROR, ask(agent, NULL, &reply, error));
    FAILS(VC_VALIDATION_ERROR, ask(agent, "\xff", &reply, error));
    FAILS(VC_VALIDATION_ERROR, ask(agent, "x", NULL, error));
    const struct { vc_input input; vc_status status; } inputs[] = {
        {{.length = 3}, VC_VALIDATION_ERROR},
        {{.bytes = (const uint8_t *)"", .length = 0}, VC_VALIDATION_ERROR},
        {{.bytes = (const uint8_t *)"not audio", .length = 9}, VC_VALIDATION_ERROR},
        {{.samples = second, .length = 16000, .sample_rate = 0}, VC_VALIDATION_ERROR},
        {{.path = "no such file.wav"}, VC_INVALID_REQUEST},
        {{.text = "x", .path = "y"}, VC_VALIDATION_ERROR},
    };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        FAILS(inputs[i].status, vc_converse(agent, &inputs[i].input, NULL, &reply, error));
    FAILS(VC_VALIDATION_ERROR, vc_converse(agent, NULL, NULL, &reply, error));
    FAILS(VC_VALIDATION_ERROR, vc_converse_file(agent, NULL, &reply, error));
    FAILS(VC_INVALID_REQUEST, vc_converse_file(agent, "no such file.wav", &reply, error));
    FAILS(VC_INVALID_REQUEST, vc_agent_new("{", NULL, &other, error));
    CHECK(ask(agent, "\xff", &reply, NULL) == VC_VALIDATION_ERROR);
    OK(vc_agent_close(agent, error));
    OK(vc_agent_close(agent, error));
    CHECK(ask(agent, "x", &reply, &none) != VC_OK);
    CHECK(strcmp(vc_error_kind(none), "closed") == 0);
    vc_error_free(none);
    vc_error_free(none);
    vc_agent_free(agent);
    vc_agent_free(agent);
    FAILS(VC_VALIDATION_ERROR, ask(agent, "x", &reply, error));
    vc_agent_free(NULL); vc_reply_free(NULL); vc_error_free(NULL); vc_event_free(NULL);
    vc_turn_free(NULL); vc_bytes_free(NULL); vc_responder_free(NULL);
    CHECK(vc_reply_text(NULL)[0] == '\0' && vc_error_message(NULL)[0] == '\0' && vc_bytes_data(NULL) == NULL);
}

static int records;
static void on_log(void *user_data, const char *level, const char *target, const char *message, const char *fields) {
    (void)user_data;
    CHECK(level[0] && target[0] && message != NULL && fields[0] == '{' && strstr(fields, "secret words") == NULL);
    __atomic_fetch_add(&records, 1, __ATOMIC_SEQ_CST);
}

static void the_log_reaches_the_host_without_what_was_said(void) {
    int drops = 0;
    OK(vc_log_set("trace", on_log, &drops, count_drop, error));
    vc_agent *agent = plain_agent();
    vc_reply *reply = NULL;
    OK(ask(agent, "secret words", &reply, error));
    vc_reply_free(reply);
    vc_agent_free(agent);
    vc_log_clear();
    given_back_times(&drops, 1);
    FAILS(VC_VALIDATION_ERROR, vc_log_set("loud", on_log, NULL, NULL, error));
}

#define PANICS(call)                              \
    do {                                          \
        vc_testing_panic_next();                  \
        FAILS(VC_INTERNAL_ERROR, call);           \
    } while (0)
#define SURVIVES(call)                            \
    do {                                          \
        vc_testing_panic_next();                  \
        (void)(call);                             \
        CHECK(!vc_testing_armed());               \
    } while (0)

static void a_panic_in_any_function_is_an_error(void) {
    vc_agent *a = plain_agent();
    vc_agent *made = NULL; vc_reply *reply = NULL; vc_turn *turn = NULL; vc_bytes *bytes = NULL;
    vc_event *event = NULL; vc_live *live = NULL; vc_wire *wire = NULL;
    vc_input input = {.text = "x"};
    PANICS(vc_agent_new_local(NULL, &made, error));
    PANICS(vc_agent_new(NULL, NULL, &made, error));
    PANICS(vc_agent_warm_up(a, error));
    PANICS(vc_agent_close(a, error));
    PANICS(vc_agent_with(a, "{}", &made, error));
    PANICS(vc_agent_call(a, "sessions", "list", NULL, &bytes, NULL, error));
    PANICS(vc_converse(a, &input, NULL, &reply, error));
    PANICS(vc_converse_file(a, "x", &reply, error));
    PANICS(vc_turn_start(a, &input, NULL, NULL, NULL, &turn, error));
    PANICS(vc_turn_next(turn, &event, error));
    PANICS(vc_turn_wait(turn, &reply, error));
    PANICS(vc_reply_save_audio(reply, "x.wav", error));
    PANICS(vc_reply_encode_audio(reply, "wav", &bytes, error));
    PANICS(vc_log_set("info", on_log, NULL, NULL, error));
    PANICS(vc_live_start(a, NULL, NULL, 0, NULL, NULL, &live, error));
    PANICS(vc_live_next(live, 0, &event, error));
    PANICS(vc_live_push_audio(live, second, 320, error));
    PANICS(vc_live_push_audio_at(live, 0, second, 320, error));
    PANICS(vc_live_push_audio_f32(live, NULL, 0, error));
    PANICS(vc_live_push_text(live, "Hello", error));
    PANICS(vc_live_push_dtmf(live, "1", error));
    PANICS(vc_live_commit(live, error));
    PANICS(vc_live_say(live, "Hello", true, error));
    PANICS(vc_live_interrupt(live, error));
    PANICS(vc_live_pause(live, error));
    PANICS(vc_live_resume(live, error));
    PANICS(vc_live_set_playback_position(live, 0, error));
    PANICS(vc_live_set_language(live, NULL, error));
    PANICS(vc_live_wire(live, &wire, error));
    PANICS(vc_wire_receive(wire, NULL, 0, true, error));
    PANICS(vc_wire_next(wire, 0, &bytes, NULL, error));
    PANICS(vc_live_end(live, NULL, error));
    SURVIVES((vc_live_free(live), 0)); SURVIVES((vc_wire_free(wire), 0));
    SURVIVES((vc_turn_cancel(turn), 0)); SURVIVES((vc_turn_free(turn), 0));
    SURVIVES((vc_agent_free(NULL), 0)); SURVIVES((vc_reply_free(NULL), 0)); SURVIVES((vc_error_free(NULL), 0));
    SURVIVES((vc_event_free(NULL), 0)); SURVIVES((vc_bytes_free(NULL), 0)); SURVIVES((vc_responder_free(NULL), 0));
    SURVIVES((vc_log_clear(), 0)); SURVIVES((vc_shutdown(), 0));
    SURVIVES(vc_live_handles());
    SURVIVES(vc_error_code(NULL)); SURVIVES(vc_error_kind(NULL)); SURVIVES(vc_error_message(NULL));
    SURVIVES(vc_error_stage(NULL)); SURVIVES(vc_error_provider(NULL)); SURVIVES(vc_error_status(NULL));
    SURVIVES(vc_error_retryable(NULL)); SURVIVES(vc_error_retry_after_ms(NULL)); SURVIVES(vc_error_http_status(NULL));
    SURVIVES(vc_reply_transcript(NULL)); SURVIVES(vc_reply_text(NULL)); SURVIVES(vc_reply_session_id(NULL));
    SURVIVES(vc_reply_turn_id(NULL)); SURVIVES(vc_reply_language(NULL)); SURVIVES(vc_reply_json(NULL));
    SURVIVES(vc_reply_samples(NULL, NULL, NULL)); SURVIVES(vc_reply_audio_error(NULL));
    SURVIVES(vc_event_get_kind(NULL)); SURVIVES(vc_event_text(NULL)); SURVIVES(vc_event_is_final(NULL));
    SURVIVES(vc_event_json(NULL)); SURVIVES(vc_event_samples(NULL, NULL, NULL)); SURVIVES(vc_event_reply(NULL));
    SURVIVES(vc_event_error(NULL)); SURVIVES(vc_bytes_data(NULL)); SURVIVES(vc_bytes_length(NULL));
    SURVIVES(vc_responder_send_text(NULL, "")); SURVIVES(vc_responder_send_transcript(NULL, "", true, NULL));
    SURVIVES(vc_responder_send_word(NULL, "", 0, 0));
    SURVIVES(vc_responder_send_audio(NULL, NULL, 0, 0)); SURVIVES(vc_responder_is_cancelled(NULL));
    SURVIVES(vc_responder_finish(NULL)); SURVIVES(vc_responder_fail(NULL, NULL));
    SURVIVES(vc_responder_send_tool_call(NULL, "", "", "")); SURVIVES(vc_responder_on_cancel(NULL, NULL, NULL));
    SURVIVES(vc_responder_send_usage(NULL, 0, 0, 0)); SURVIVES(vc_responder_send_finish_reason(NULL, "stop"));
    vc_agent_free(a);
    FAILS(VC_INTERNAL_ERROR, vc_testing_panic_in_work(error));
}

static void every_code_has_its_status(void) {
    const char *codes[] = {"VALIDATION_ERROR", "UNAUTHORIZED", "INVALID_API_KEY", "INVALID_PROVIDER_KEY", "SESSION_NOT_FOUND",
                           "RATE_LIMIT_EXCEEDED", "INVALID_REQUEST", "STORAGE_ERROR", "PROVIDER_ERROR", "TIMEOUT", "CANCELLED",
                           "INTERNAL_ERROR"};
    for (int i = 0; i < 12; i++) {
        vc_error *error = NULL;
        CHECK(vc_testing_fail_with(codes[i], &error) == (vc_status)(i + 1));
        CHECK(strcmp(vc_error_code(error), codes[i]) == 0 && vc_error_retryable(error));
        CHECK(vc_error_retry_after_ms(error) == 1500 && vc_error_http_status(error) >= 400);
        CHECK(strcmp(vc_error_stage(error), "llm") == 0 && strcmp(vc_error_provider(error), "test/test") == 0);
        vc_error_free(error);
    }
}

static void *talk(void *agent) {
    for (int i = 0; i < 5; i++) {
        vc_reply *reply = NULL;
        OK(ask(agent, "Hello", &reply, error));
        vc_reply_free(reply);
    }
    return NULL;
}

static void threads_share_an_agent(void) {
    vc_agent *agent = plain_agent();
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) CHECK(pthread_create(&threads[i], NULL, talk, agent) == 0);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    vc_agent_free(agent);
}

static bool at_the_first_step(void *steps, const char *step) {
    CHECK(strstr(step, "\"type\":\"planned\"") != NULL);
    ++*(int *)steps;
    return false;
}

static void models_are_listed_and_a_fetch_is_stopped_by_its_host(void) {
    char folder[] = "/tmp/voice-core-models-" "XX" "XX" "XX";
    CHECK(mkdtemp(folder) != NULL);
    vc_bytes *result = NULL;
    OK(vc_models_list(folder, &result, error));
    CHECK(strstr(vc_bytes_data(result), "\"silero-vad\"") != NULL);
    vc_bytes_free(result);
    OK(vc_models_verify(folder, &result, error));
    CHECK(strstr(vc_bytes_data(result), "\"files\":[]") != NULL);
    vc_bytes_free(result);
    int steps = 0;
    FAILS(VC_CANCELLED, vc_models_fetch(folder, NULL, at_the_first_step, &steps, &result, error));
    CHECK(steps == 1);
    FAILS(VC_INVALID_REQUEST, vc_models_fetch(folder, "{\"models\": [\"none\"]}", NULL, NULL, &result, error));
    FAILS(VC_VALIDATION_ERROR, vc_models_fetch(folder, "{\"model\": []}", NULL, NULL, &result, error));
    FAILS(VC_VALIDATION_ERROR, vc_models_list(folder, NULL, error));
    OK(vc_models_verify(folder, &result, error));
    vc_bytes_free(result);
}

int main(void) {
    // Something to hear: the library turns silence down.
    for (int i = 0; i < 16000; i++) second[i] = (int16_t)((i % 80 - 40) * 200);
    CHECK(vc_abi_version() == VC_ABI_VERSION && strchr(vc_version(), '.') != NULL);
#define RUN(test) (test(), everything_was_freed(), printf("ok %s\n", #test))
    RUN(a_typed_turn_is_answered);
    RUN(sound_is_answered_and_the_session_goes_on);
    RUN(a_pulled_turn_tells_everything_and_ends);
    RUN(a_callback_gets_the_events_and_one_end);
    RUN(a_callback_finds_the_handle_at_its_first_call);
    RUN(a_live_session_calls_back_until_its_one_end);
    RUN(a_live_session_is_pulled_with_patience);
    RUN(a_cancelled_turn_ends_and_its_provider_knows);
    RUN(a_host_that_fails_is_told_apart);
    RUN(a_store_in_c_keeps_the_turn);
    RUN(host_objects_are_given_back_once);
    RUN(misuse_is_a_clear_error);
    RUN(the_log_reaches_the_host_without_what_was_said);
    RUN(every_code_has_its_status);
    RUN(threads_share_an_agent);
    RUN(models_are_listed_and_a_fetch_is_stopped_by_its_host);
    RUN(a_panic_in_any_function_is_an_error);
    vc_shutdown();
    return 0;
}
