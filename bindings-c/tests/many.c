// Many turns: memory stays flat, and what one costs.
#include <time.h>
#include <unistd.h>

#include "hosts.h"

static long resident_kib(void) {
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%ld %ld", &size, &resident) == 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static void turns(vc_agent *agent, int count) {
    vc_input input = {.text = "Hello"};
    vc_turn_options options = {.silent = true};
    for (int i = 0; i < count; i++) {
        vc_reply *reply = NULL, *gone = NULL;
        vc_bytes *none = NULL;
        OK(vc_converse(agent, &input, &options, &reply, error));
        // The store keeps every conversation, so each is deleted: what is left over would be the library's.
        char arguments[80];
        snprintf(arguments, sizeof arguments, "{\"id\": \"%s\"}", vc_reply_session_id(reply));
        OK(vc_agent_call(agent, "sessions", "delete", arguments, &none, NULL, error));
        vc_bytes_free(none);
        vc_reply_free(reply);
        vc_reply_free(gone);
    }
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 10000;
    vc_agent *agent = plain_agent();
    turns(agent, count / 10);
    long before = resident_kib();
    double start = now();
    turns(agent, count);
    double each = (now() - start) / count;
    long after = resident_kib();
    printf("%d turns, each stored and deleted: %.0f us a turn; %ld KiB before, %ld KiB after\n", count, each, before, after);
    CHECK(after - before < 4096);
    vc_agent_free(agent);
    everything_was_freed();
    return 0;
}
