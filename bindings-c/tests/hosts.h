// Providers for the tests: they answer at once, later, wrongly or never.
#ifndef HOSTS_H
#define HOSTS_H

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <voice_core.h>

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);          \
            exit(1);                                                                         \
        }                                                                                    \
    } while (0)

#define OK(call)                                                                             \
    do {                                                                                     \
        vc_error *failed = NULL;                                                             \
        vc_error **error = &failed;                                                          \
        if ((call) != VC_OK) {                                                               \
            fprintf(stderr, "%s:%d: %s: %s: %s\n", __FILE__, __LINE__, #call,                \
                    vc_error_code(failed), vc_error_message(failed));                        \
            exit(1);                                                                         \
        }                                                                                    \
    } while (0)

#define FAILS(expected, call)                                                                \
    do {                                                                                     \
        vc_error *failed = NULL;                                                             \
        vc_error **error = &failed;                                                          \
        vc_status got = (call);                                                              \
        if (got != (expected)) {                                                             \
            fprintf(stderr, "%s:%d: %s gave %d (%s: %s)\n", __FILE__, __LINE__, #call, (int)got, \
                    vc_error_code(failed), vc_error_message(failed));                        \
            exit(1);                                                                         \
        }                                                                                    \
        CHECK(vc_error_status(failed) == (expected) && vc_error_message(failed)[0] != '\0'); \
        vc_error_free(failed);                                                               \
    } while (0)

// Counts how often the library gave an object back.
static inline void count_drop(void *user_data) { __atomic_fetch_add((int *)user_data, 1, __ATOMIC_SEQ_CST); }

// Threads of the library may still be on their way out of what no call waits for any more.
#define SOON(condition)                                                                      \
    do {                                                                                     \
        for (long tries = 0; !(condition); tries++) {                                        \
            if (tries > 100000000) CHECK(condition);                                         \
            sched_yield();                                                                   \
        }                                                                                    \
    } while (0)

static inline void given_back_times(int *drops, int times) {
    SOON(__atomic_load_n(drops, __ATOMIC_SEQ_CST) >= times);
    CHECK(*drops == times);
}

static inline void everything_was_freed(void) { SOON(vc_live_handles() == 0); }

static inline void hear(void *user_data, const int16_t *samples, size_t count, const char *language, vc_responder *answer) {
    (void)user_data; (void)samples; (void)language;
    CHECK(count > 0);
    CHECK(vc_responder_send_transcript(answer, "What is", false, NULL) != VC_VALIDATION_ERROR);
    CHECK(vc_responder_send_transcript(answer, "What is this?", true, "en") != VC_VALIDATION_ERROR);
    CHECK(vc_responder_send_text(answer, "another kind") == VC_VALIDATION_ERROR);
    CHECK(vc_responder_finish(answer) == VC_OK);
    CHECK(vc_responder_finish(answer) == VC_VALIDATION_ERROR);
}

static inline void think(void *user_data, const char *request_json, vc_responder *answer) {
    (void)user_data;
    CHECK(strstr(request_json, "\"messages\"") != NULL);
    vc_responder_send_text(answer, "A t\xc3\xa9st. ");
    vc_responder_send_text(answer, "Nothing more.");
    vc_responder_finish(answer);
}

static inline void speak(void *user_data, const char *text, const char *language, vc_responder *answer) {
    static const int16_t tone[240] = {1, 2, 3};
    (void)user_data; (void)text; (void)language;
    vc_responder_send_audio(answer, tone, 240, 24000);
    vc_responder_finish(answer);
}

// Fails with the code that user_data names.
static inline void fail(void *user_data, const char *request_json, vc_responder *answer) {
    vc_failure failure;
    (void)request_json;
    memset(&failure, 0, sizeof failure);
    failure.code = (const char *)user_data;
    failure.message = "the host's model is broken";
    failure.retryable = -1;
    CHECK(vc_responder_fail(answer, &failure) == VC_OK);
}

static inline void give_up(void *user_data, const char *request_json, vc_responder *answer) {
    (void)user_data; (void)request_json;
    vc_responder_free(answer);
}

// Keeps the answer for later, for a turn that is to be cancelled.
static inline void keep(void *user_data, const char *request_json, vc_responder *answer) {
    (void)request_json;
    __atomic_store_n((vc_responder **)user_data, answer, __ATOMIC_SEQ_CST);
}

static inline vc_agent *agent_of(vc_llm_vtable llm) {
    vc_stt_vtable stt = {"c/ears", NULL, hear, NULL, NULL, NULL};
    vc_tts_vtable tts = {"c/mouth", NULL, speak, NULL, NULL, NULL, NULL};
    vc_hosts hosts = {&stt, 1, &llm, 1, &tts, 1, NULL, 0, NULL, NULL, NULL};
    vc_agent *agent = NULL;
    OK(vc_agent_new("{\"storage\": \"memory\"}", &hosts, &agent, error));
    return agent;
}

// A typed turn with every default.
static inline vc_status ask(const vc_agent *agent, const char *text, vc_reply **reply, vc_error **error) {
    vc_input input;
    memset(&input, 0, sizeof input);
    input.text = text;
    return vc_converse(agent, &input, NULL, reply, error);
}

static inline vc_agent *plain_agent(void) {
    vc_llm_vtable llm = {"c/mind", NULL, think, NULL, false, NULL};
    return agent_of(llm);
}

#endif
