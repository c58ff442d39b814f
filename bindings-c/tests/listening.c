// Recognisers that listen while somebody speaks, detectors of the end of turns, and what is refused on the way.
#include "hosts.h"

#define SECOND 16000

static void transcribe(void *user_data, const int16_t *samples, size_t count, const char *language, vc_responder *answer) {
    size_t read = 7;
    int16_t room[4];
    (void)user_data; (void)samples; (void)language;
    CHECK(count == SECOND);
    CHECK(vc_responder_read_sound(answer, room, 4, &read) == VC_VALIDATION_ERROR && read == 0);
    CHECK(vc_responder_send_completeness(answer, 0.5f) == VC_VALIDATION_ERROR);
    vc_responder_send_transcript(answer, "transcribed", true, NULL);
    vc_responder_finish(answer);
}

// Reads in pieces that do not fit those that come.
static void listen(void *user_data, const char *language, vc_responder *answer) {
    int16_t room[333];
    size_t heard = 0, read = 0;
    char words[32];
    (void)user_data;
    CHECK(strcmp(language, "de") == 0);
    CHECK(vc_responder_read_sound(answer, NULL, 333, &read) == VC_VALIDATION_ERROR);
    CHECK(vc_responder_read_sound(answer, room, 0, &read) == VC_VALIDATION_ERROR);
    CHECK(vc_responder_read_sound(answer, room, 333, NULL) == VC_VALIDATION_ERROR);
    CHECK(vc_responder_read_sound(NULL, room, 333, &read) == VC_VALIDATION_ERROR);
    do {
        CHECK(vc_responder_read_sound(answer, room, 333, &read) == VC_OK && read <= 333);
        for (size_t at = 0; at < read; at++) CHECK(room[at] == (int16_t)(heard + at));
        heard += read;
    } while (read > 0);
    CHECK(vc_responder_read_sound(answer, room, 333, &read) == VC_OK && read == 0);
    snprintf(words, sizeof words, "%zu heard", heard);
    CHECK(vc_responder_send_transcript(answer, words, true, NULL) == VC_OK);
    CHECK(vc_responder_finish(answer) == VC_OK);
    CHECK(vc_responder_read_sound(answer, room, 333, &read) == VC_VALIDATION_ERROR);
}

static void listen_in_vain(void *user_data, const char *language, vc_responder *answer) {
    (void)user_data; (void)language;
    vc_responder_free(answer);
}

// What one second of speech is understood as.
static void understood(vc_stt_vtable stt, const char *expected) {
    vc_llm_vtable llm = {"c/mind", NULL, think, NULL, false, NULL};
    vc_tts_vtable tts = {"c/mouth", NULL, speak, NULL, NULL, NULL, NULL};
    vc_hosts hosts = {&stt, 1, &llm, 1, &tts, 1, NULL, 0, NULL, NULL, NULL};
    vc_agent *agent = NULL;
    vc_live *live = NULL;
    int16_t second[SECOND];
    bool told = false;
    for (int at = 0; at < SECOND; at++) second[at] = (int16_t)at;
    OK(vc_agent_new("{\"storage\": \"memory\"}", &hosts, &agent, error));
    OK(vc_live_start(agent, "{\"config\": {\"turn_detection\": \"manual\"}, \"language\": \"de\", \"speak\": false}", NULL, 0, NULL, NULL, &live, error));
    OK(vc_live_push_audio(live, second, SECOND, error));
    OK(vc_live_commit(live, error));
    while (!told) {
        vc_event *event = NULL;
        OK(vc_live_next(live, -1, &event, error));
        CHECK(event != NULL);
        if (vc_event_get_kind(event) == VC_EVENT_TURN_DONE) {
            CHECK(strstr(vc_event_json(event), expected) != NULL);
            told = true;
        }
        vc_event_free(event);
    }
    vc_live_free(live);
    OK(vc_agent_close(agent, error));
    vc_agent_free(agent);
}

static void likely(void *user_data, const int16_t *samples, size_t count, vc_responder *answer) {
    (void)user_data; (void)samples; (void)count;
    vc_responder_finish(answer);
}

static void given_back_whatever_is_wrong(void) {
    int drops = 0;
    vc_turn_detector_vtable detector = {"c/detector", &drops, NULL, count_drop, NULL};
    vc_hosts hosts = {0};
    vc_agent *agent = NULL;
    hosts.turn_detector = &detector;
    FAILS(VC_VALIDATION_ERROR, vc_agent_new("{\"storage\": \"memory\"}", &hosts, &agent, error));
    CHECK(agent == NULL);
    given_back_times(&drops, 1);
    detector.completeness = likely;
    FAILS(VC_INVALID_REQUEST, vc_agent_new("{\"no such key\": 1}", &hosts, &agent, error));
    CHECK(agent == NULL);
    given_back_times(&drops, 2);
}

int main(void) {
    vc_stt_vtable listens = {"c/ears", NULL, transcribe, NULL, listen, NULL};
    vc_stt_vtable deaf = {"c/ears", NULL, transcribe, NULL, listen_in_vain, NULL};
    vc_stt_vtable plain = {"c/ears", NULL, transcribe, NULL, NULL, NULL};
    understood(listens, "16000 heard");
    understood(deaf, "transcribed");
    understood(plain, "transcribed");
    given_back_whatever_is_wrong();
    everything_was_freed();
    return 0;
}
