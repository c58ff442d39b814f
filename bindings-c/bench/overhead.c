// What a turn costs through C when its providers answer at once, and what ten thousand turns leave in memory. Prints one line of JSON;
// `cargo xtask bench overhead` compiles and runs it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <voice_core.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "not so: %s\n", #condition); \
            exit(1); \
        } \
    } while (0)

static void hear(void *data, const int16_t *samples, size_t count, const char *language, vc_responder *answer) {
    (void)data, (void)samples, (void)count, (void)language;
    vc_responder_send_transcript(answer, "hi", true, NULL);
    vc_responder_finish(answer);
}

static void think(void *data, const char *request, vc_responder *answer) {
    (void)data, (void)request;
    vc_responder_send_text(answer, "Yes.");
    vc_responder_finish(answer);
}

static void say(void *data, const char *text, const char *language, vc_responder *answer) {
    (void)data, (void)text, (void)language;
    static int16_t sound[160];
    for (int i = 0; i < 160; i++) sound[i] = 1000;
    vc_responder_send_audio(answer, sound, 160, 16000);
    vc_responder_finish(answer);
}

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static int less(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(vc_agent *agent, vc_input input, bool silent) {
    enum { WARM = 500, RUNS = 2000 };
    static double all[RUNS];
    vc_turn_options options = {.silent = silent};
    for (int i = -WARM; i < RUNS; i++) {
        vc_reply *reply = NULL;
        double start = now();
        CHECK(vc_converse(agent, &input, &options, &reply, NULL) == VC_OK);
        if (i >= 0) all[i] = now() - start;
        vc_reply_free(reply);
    }
    qsort(all, RUNS, sizeof *all, less);
    return all[RUNS / 2];
}

static long turns(vc_agent *agent, int count) {
    vc_input input = {.text = "hi"};
    for (int i = 0; i < count; i++) {
        vc_reply *reply = NULL;
        vc_bytes *none = NULL;
        CHECK(vc_converse(agent, &input, NULL, &reply, NULL) == VC_OK);
        char arguments[80];
        snprintf(arguments, sizeof arguments, "{\"id\": \"%s\"}", vc_reply_session_id(reply));
        CHECK(vc_agent_call(agent, "sessions", "delete", arguments, &none, NULL, NULL) == VC_OK);
        vc_bytes_free(none);
        vc_reply_free(reply);
    }
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%ld %ld", &size, &resident) == 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(void) {
    vc_stt_vtable stt = {.transcribe = hear};
    vc_llm_vtable llm = {.generate = think};
    vc_tts_vtable tts = {.synthesize = say};
    vc_hosts hosts = {.stt = &stt, .stt_count = 1, .llm = &llm, .llm_count = 1, .tts = &tts, .tts_count = 1};
    vc_agent *agent = NULL;
    CHECK(vc_agent_new("{\"storage\": \"memory\"}", &hosts, &agent, NULL) == VC_OK);
    static int16_t speech[1600];
    for (int i = 0; i < 1600; i++) speech[i] = i / 40 % 2 ? -8000 : 8000;
    vc_input typed = {.text = "hi"}, said = {.samples = speech, .length = 1600, .sample_rate = 16000};
    double silent = median(agent, typed, true), spoken = median(agent, typed, false), heard = median(agent, said, false);
    long before = turns(agent, 10000), after = turns(agent, 10000);
    printf("{\"typed_us\": %.1f, \"spoken_us\": %.1f, \"heard_us\": %.1f, \"before_kib\": %ld, \"after_kib\": %ld}\n", silent,
           spoken, heard, before, after);
    vc_agent_free(agent);
}
