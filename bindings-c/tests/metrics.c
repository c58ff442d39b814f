// A sink of metrics: what it is told, and that it is given back whatever is wrong.
#include "hosts.h"

// One call at a time, and looked at when the agent is closed.
static char told[16384];
static int flushes, drops;

static void record(void *user_data, const char *reports_json, vc_responder *answer) {
    CHECK(user_data == &drops && reports_json[0] == '[');
    CHECK(strlen(told) + strlen(reports_json) < sizeof told);
    strcat(told, reports_json);
    CHECK(vc_responder_finish(answer) == VC_OK);
}

static void flush(void *user_data, vc_responder *answer) {
    CHECK(user_data == &drops);
    flushes++;
    vc_responder_finish(answer);
}

static void fail_to_record(void *user_data, const char *reports_json, vc_responder *answer) {
    vc_failure failure;
    (void)user_data; (void)reports_json;
    memset(&failure, 0, sizeof failure);
    failure.message = "the disk is full";
    CHECK(vc_responder_fail(answer, &failure) == VC_OK);
}

// Takes one typed turn with a sink; gives how many reports nobody took.
static uint64_t dropped_by(vc_metrics_vtable metrics) {
    vc_llm_vtable llm = {"c/mind", NULL, think, NULL, false, NULL};
    vc_tts_vtable tts = {"c/mouth", NULL, speak, NULL, NULL, NULL, NULL};
    vc_hosts hosts = {.llm = &llm, .llm_count = 1, .tts = &tts, .tts_count = 1, .metrics = &metrics};
    vc_agent *agent = NULL;
    vc_reply *reply = NULL;
    uint64_t dropped;
    OK(vc_agent_new("{\"storage\": \"memory\", \"stt\": \"none\"}", &hosts, &agent, error));
    OK(ask(agent, "planted question", &reply, error));
    OK(vc_agent_close(agent, error));
    dropped = vc_agent_dropped_reports(agent);
    vc_reply_free(reply);
    vc_agent_free(agent);
    CHECK(vc_agent_dropped_reports(agent) == 0);
    return dropped;
}

int main(void) {
    vc_metrics_vtable metrics = {&drops, record, flush, count_drop};
    vc_hosts hosts = {0};
    vc_agent *agent = NULL;

    CHECK(dropped_by(metrics) == 0 && flushes == 1);
    given_back_times(&drops, 1);
    CHECK(strstr(told, "\"type\":\"turn\"") && strstr(told, "\"provider\":\"c/mind\"") && strstr(told, "\"tts_characters\":"));
    CHECK(!strstr(told, "planted") && !strstr(told, "Nothing more"));

    metrics.record = fail_to_record;
    metrics.flush = NULL;
    CHECK(dropped_by(metrics) >= 3 && flushes == 1);
    given_back_times(&drops, 2);

    hosts.metrics = &metrics;
    FAILS(VC_INVALID_REQUEST, vc_agent_new("{\"no such key\": 1}", &hosts, &agent, error));
    metrics.record = NULL;
    FAILS(VC_VALIDATION_ERROR, vc_agent_new("{\"storage\": \"memory\"}", &hosts, &agent, error));
    CHECK(agent == NULL);
    given_back_times(&drops, 4);
    everything_was_freed();
    return 0;
}
