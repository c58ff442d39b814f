// Accounts, assistants and the audit log, and an agent that acts for somebody.
#include "hosts.h"

// The text of a field of a flat JSON object; the caller frees it.
static char *field(const char *json, const char *name) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *from = strstr(json, key);
    CHECK(from != NULL);
    from += strlen(key);
    size_t length = strcspn(from, "\"");
    char *text = malloc(length + 1);
    CHECK(text != NULL);
    memcpy(text, from, length);
    text[length] = '\0';
    return text;
}

// What a method gives, as JSON of the caller's to free.
static char *called(const vc_agent *agent, const char *room, const char *method, const char *arguments) {
    vc_bytes *answer = NULL;
    OK(vc_agent_call(agent, room, method, arguments, &answer, NULL, error));
    char *json = malloc(vc_bytes_length(answer) + 1);
    CHECK(json != NULL);
    strcpy(json, vc_bytes_data(answer));
    vc_bytes_free(answer);
    return json;
}

static char *arguments_of(const char *format, const char *first, const char *second) {
    char *text = malloc(1024);
    CHECK(text != NULL);
    snprintf(text, 1024, format, first, second);
    return text;
}

int main(void) {
    vc_agent *agent = plain_agent();
    char *made = called(agent, "accounts", "create_organization", "{\"name\": \"Acme\"}");
    char *organization = field(made, "id");
    char *who = arguments_of("{\"organization\": \"%s\", \"email\": \"%s\"}", organization, "ada@example.org");
    char *registered = called(agent, "accounts", "register", who);
    char *secret = field(registered, "secret");
    CHECK(strncmp(secret, "sk_", 3) == 0 && strlen(secret) == 67);

    char *key = arguments_of("{\"key\": \"%s\"}%s", secret, "");
    char *principal = called(agent, "accounts", "authenticate", key);
    vc_bytes *answer = NULL;
    FAILS(VC_INVALID_API_KEY, vc_agent_call(agent, "accounts", "authenticate", "{\"key\": \"sk_wrong\"}", &answer, NULL, error));
    FAILS(VC_VALIDATION_ERROR, vc_agent_call(agent, "attic", "list", NULL, &answer, NULL, error));
    FAILS(VC_VALIDATION_ERROR, vc_agent_call(agent, NULL, "list", NULL, &answer, NULL, error));
    CHECK(answer == NULL);

    // What she says nobody else reaches.
    vc_agent *scoped = NULL, *again = NULL;
    OK(vc_agent_with(agent, principal, &scoped, error));
    FAILS(VC_UNAUTHORIZED, vc_agent_with(scoped, principal, &again, error));
    FAILS(VC_VALIDATION_ERROR, vc_agent_with(agent, "{}", &again, error));
    FAILS(VC_UNAUTHORIZED, vc_agent_close(scoped, error));
    vc_reply *reply = NULL;
    OK(ask(scoped, "Hello", &reply, error));
    char *session = arguments_of("{\"id\": \"%s\"}%s", vc_reply_session_id(reply), "");
    vc_reply_free(reply);
    char *kept = called(scoped, "sessions", "get", session);
    char *hers = field(kept, "organization");
    CHECK(strcmp(hers, organization) == 0);
    FAILS(VC_SESSION_NOT_FOUND, vc_agent_call(agent, "sessions", "get", "{\"id\": \"none\"}", &answer, NULL, error));

    // An assistant that is kept, and a session that begins with it.
    char *stored = called(agent, "assistants", "create", "{\"assistant\": {\"name\": \"Receptionist\", \"first_message\": \"Good day.\"}}");
    char *assistant = field(stored, "id");
    char *begin = arguments_of("{\"assistant\": \"%s\"}%s", assistant, "");
    char *begun = called(agent, "sessions", "create", begin);
    char *begun_id = field(begun, "id");
    char *greet = arguments_of("{\"id\": \"%s\"}%s", begun_id, "");
    vc_bytes *sound = NULL;
    OK(vc_agent_call(agent, "sessions", "greet", greet, &answer, &sound, error));
    CHECK(strstr(vc_bytes_data(answer), "Good day.") != NULL && vc_bytes_length(sound) > 0);
    vc_bytes_free(answer);
    vc_bytes_free(sound);
    vc_input input = {.text = "Hello"};
    vc_turn_options options = {.assistant = assistant, .silent = true};
    OK(vc_converse(agent, &input, &options, &reply, error));
    vc_reply_free(reply);
    options.assistant = "nobody";
    CHECK(vc_converse(agent, &input, &options, &reply, NULL) == VC_VALIDATION_ERROR);

    char *log = called(agent, "audit", "entries", NULL);
    CHECK(strstr(log, "\"action\"") != NULL && strstr(log, secret) == NULL);

    vc_agent_free(scoped);
    vc_agent_free(agent);
    char *texts[] = {made, organization, who, registered, secret, key, principal, session, kept, hers,
                     stored, assistant, begin, begun, begun_id, greet, log};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
    puts("ok");
    return 0;
}
