// voice-core: speech in, speech out, in your own process.
//
// Texts are UTF-8 and NUL-terminated. Functions that can fail return vc_status and fill `error` if it is not NULL; such an error
// is the caller's to free. Results are written only on success and are NULL otherwise. Each function names its threads; the
// library's own threads are those on which it calls the host.
//
// Handles are never followed as addresses: one that is NULL, freed or of another type is a VC_VALIDATION_ERROR, and freeing twice is
// fine. What cannot be detected: texts and buffers that are not what they are said to be, and texts or samples that are
// read after the handle to which they belong was freed.
//
// Generated from bindings-c/src; do not edit.

#ifndef VOICE_CORE_H
#define VOICE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The version of the binary interface that this header describes. It grows when a struct or a signature changes.
#define VC_ABI_VERSION 1

// How a call ended. The numbers never change; the names are the codes that every language uses.
typedef enum {
  // It worked.
  VC_OK = 0,
  // An argument or the audio cannot be accepted; also: a handle that is NULL or freed.
  VC_VALIDATION_ERROR = 1,
  // There is no valid login.
  VC_UNAUTHORIZED = 2,
  // The API key of a user of the host is not valid.
  VC_INVALID_API_KEY = 3,
  // A provider refused its key.
  VC_INVALID_PROVIDER_KEY = 4,
  // There is no such session.
  VC_SESSION_NOT_FOUND = 5,
  // Too many calls; `vc_error_retry_after_ms` may say how long to wait.
  VC_RATE_LIMIT_EXCEEDED = 6,
  // The call makes no sense now: the config is wrong, the agent is closed, a model is missing, a file cannot be read.
  VC_INVALID_REQUEST = 7,
  // Conversations could not be read or written.
  VC_STORAGE_ERROR = 8,
  // A provider failed.
  VC_PROVIDER_ERROR = 9,
  // It took too long.
  VC_TIMEOUT = 10,
  // It was cancelled.
  VC_CANCELLED = 11,
  // A defect, or a blocking call on a thread of the library.
  VC_INTERNAL_ERROR = 12,
} vc_status;

// What kind of event it is, and so which accessors have something to say.
typedef enum {
  // A kind that this header does not know, or no event.
  VC_EVENT_OTHER = 0,
  // The turn was admitted: `vc_event_json` has `session_id` and `turn_id`. Live: the session is ready for sound; `session_id` and
  // `sample_rate`.
  VC_EVENT_STARTED = 1,
  // What the user said so far: `vc_event_text`, `vc_event_is_final`.
  VC_EVENT_TRANSCRIPT = 2,
  // The next piece of the answer: `vc_event_text`.
  VC_EVENT_TEXT = 3,
  // The next piece of sound: `vc_event_samples`.
  VC_EVENT_AUDIO = 4,
  // A provider call ended: `vc_event_json`.
  VC_EVENT_METRICS = 5,
  // Speech failed, the turn goes on: `vc_event_error`.
  VC_EVENT_AUDIO_FAILED = 6,
  // The turn is complete and stored: `vc_event_reply`.
  VC_EVENT_DONE = 7,
  // Live: what the user is doing changed: `vc_event_text` is `listening`, `speaking` or `away`.
  VC_EVENT_USER_STATE = 8,
  // Live: what the agent is doing changed: `vc_event_text` is `listening`, `thinking` or `speaking`.
  VC_EVENT_AGENT_STATE = 9,
  // Live: a turn of the agent's begins: `vc_event_json` has `turn_id` and `kind` (`answer`, `greeting`, `said`, `reminder`, `farewell`, `tool_result`).
  VC_EVENT_TURN_STARTED = 10,
  // What the sound that follows says: `vc_event_text`.
  VC_EVENT_SPEAKING = 11,
  // Live: throw away the sound that was given out and is not played yet. What is still to be heard of it comes again.
  VC_EVENT_CLEAR = 12,
  // Live: the user interrupted the agent: `vc_event_text` is what was heard.
  VC_EVENT_INTERRUPTED = 13,
  // Live: the agent fell silent because the user seemed to interrupt, and now goes on.
  VC_EVENT_FALSE_INTERRUPTION = 14,
  // Live: the user said something that did not ask for an answer: `vc_event_text`.
  VC_EVENT_BACKCHANNEL = 15,
  // Live: keys of the telephone, once they are complete: `vc_event_text`.
  VC_EVENT_DTMF = 16,
  // Live: an exchange is over and stored: `vc_event_json` has it as `turn`, with `kind`, `transcript`, `text`, `interrupted`, …
  VC_EVENT_TURN_DONE = 17,
  // Live: something failed, the session goes on: `vc_event_error`.
  VC_EVENT_ERROR = 18,
  // Live: the session is over: `vc_event_json` has its `summary`. The last event.
  VC_EVENT_ENDED = 19,
  // The model calls a tool: `vc_event_text` is its name, `vc_event_json` has `id`, `name` and `arguments`.
  VC_EVENT_TOOL_CALL = 20,
  // A tool is done, or failed and the model is told why: `vc_event_text` is its result, `vc_event_json` has `id`, `name`, `arguments`,
  // `result`, `failed` and `elapsed_ms`.
  VC_EVENT_TOOL_RESULT = 21,
  // What the sound that follows says to fill the time that a tool takes, no part of the answer: `vc_event_text`.
  VC_EVENT_FILLER = 22,
  // Live: the recording of the whole session is kept: `vc_event_text` is where it lies, `KEY#bytes=LENGTH&sha256=HEX`. Told just
  // before the end.
  VC_EVENT_RECORDED = 23,
  // Something that was said has to be acted on: `vc_event_text` is its type, `vc_event_json` has it as `action`, with `type`,
  // `details`, `confidence`, `message_id`, … Live: told some time after its exchange.
  VC_EVENT_ACTION_DETECTED = 24,
  // The passages of documents that the model is given to answer from: `vc_event_json` has them as `sources`, the best first, each with
  // `document_id`, `title`, `heading`, `passage`, `text` and `score`.
  VC_EVENT_SOURCES = 25,
  // The documents could not be searched, the turn goes on without them: `vc_event_error`.
  VC_EVENT_KNOWLEDGE_FAILED = 26,
} vc_event_kind;

// An agent: any number of turns at a time, from any threads. The caller frees it with `vc_agent_free`.
typedef struct vc_agent vc_agent;

// Bytes or a text that the library hands over. The caller frees it with `vc_bytes_free`.
typedef struct vc_bytes vc_bytes;

// Why a call failed. The caller frees it with `vc_error_free`; it holds no secret, no audio and nothing anybody said.
typedef struct vc_error vc_error;

// Something that happened in a turn or in a live session. The caller frees one from `vc_turn_next` and `vc_live_next` with
// `vc_event_free`; the one that a callback gets is the library's.
typedef struct vc_event vc_event;

// A live conversation. The caller frees it with `vc_live_free`.
typedef struct vc_live vc_live;

// What a turn gave. The caller frees it with `vc_reply_free`.
typedef struct vc_reply vc_reply;

// Where a host's answer goes. It ends with exactly one of `vc_responder_finish`, `vc_responder_fail` and `vc_responder_free`,
// after which the handle is none. Any thread, also long after the host's function returned.
typedef struct vc_responder vc_responder;

// A turn that runs by itself. The caller frees it with `vc_turn_free`.
typedef struct vc_turn vc_turn;

// A live session as frames: text frames are JSON, binary frames are sound; `docs/schema/live-wire.schema.json` says what they hold.
// The caller frees it with `vc_wire_free`.
typedef struct vc_wire vc_wire;

// A recogniser of the host. Its function is called on a thread of the library that it may keep busy, several calls at a time;
// it must not throw, and must not make calls that block on this library.
typedef struct {
  // How errors and metrics name it.
  const char *name;
  // Handed to every function as it is.
  void *user_data;
  // Transcribes `count` mono samples of 16 kHz, which last for the call. `language` is BCP 47 or NULL. Answers now or later, on
  // any thread: `vc_responder_send_transcript` any number of times, the last one final, then `vc_responder_finish`.
  void (*transcribe)(void *user_data,
                     const int16_t *samples,
                     size_t count,
                     const char *language,
                     vc_responder *answer);
  // Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
  void (*drop)(void *user_data);
  // Recognises one utterance of a live session while it is spoken; NULL: it transcribes whole utterances only. `language` as above.
  // Answers now or later, on any thread: takes the sound by `vc_responder_read_sound` and sends interim transcripts by
  // `vc_responder_send_transcript`, each with everything said so far, then, once the sound is over, a final one, then
  // `vc_responder_finish`. Whatever fails costs no words: the utterance is then given to `transcribe`.
  void (*listen)(void *user_data, const char *language, vc_responder *answer);
  // Gets ready before the first question (opens a connection, loads a model), when `vc_agent_warm_up` asks for it; NULL: it has nothing to get
  // ready. Answers now or later, on any thread: `vc_responder_finish` once it is, or `vc_responder_fail`.
  void (*warm_up)(void *user_data, vc_responder *answer);
} vc_stt_vtable;

// A language model of the host. Threads as for `vc_stt_vtable`.
typedef struct {
  // How errors and metrics name it.
  const char *name;
  // Handed to every function as it is.
  void *user_data;
  // Writes the answer to `{"messages": [{"role", "content"}], "max_tokens", "temperature"}`, a text that lasts for the call. Answers now or later, on any
  // thread: `vc_responder_send_text` piece by piece, what it used by `vc_responder_send_usage`, then `vc_responder_finish`. With `calls_tools` there is more: see README.md.
  void (*generate)(void *user_data, const char *request_json, vc_responder *answer);
  // Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
  void (*drop)(void *user_data);
  // Whether it can call tools, by `vc_responder_send_tool_call`; only then it is told of any.
  bool calls_tools;
  // As `warm_up` of `vc_stt_vtable`, for prompts that will begin with `system_prompt`, which lasts for the call.
  void (*warm_up)(void *user_data, const char *system_prompt, vc_responder *answer);
} vc_llm_vtable;

// A voice of the host. Threads as for `vc_stt_vtable`.
typedef struct {
  // How errors and metrics name it.
  const char *name;
  // Handed to every function as it is.
  void *user_data;
  // Speaks a text, which lasts for the call like `language` (BCP 47 or NULL). Answers now or later, on any thread:
  // `vc_responder_send_audio` chunk by chunk, then `vc_responder_finish`.
  void (*synthesize)(void *user_data, const char *text, const char *language, vc_responder *answer);
  // Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
  void (*drop)(void *user_data);
  // As `warm_up` of `vc_stt_vtable`.
  void (*warm_up)(void *user_data, vc_responder *answer);
  // Lists its voices for `list` of the room `voices`; NULL: it does not say which it has. Those that do not speak `language` (BCP 47 or NULL,
  // which lasts for the call) may be left out. Answers now or later, on any thread: a JSON array of objects with an `id` and whatever
  // is known of `name`, `languages`, `gender`, `description`, `preview_url` and `labels` by `vc_responder_send_text`, then `vc_responder_finish`.
  void (*voices)(void *user_data, const char *language, vc_responder *answer);
  // Speaks as `synthesize` does, as one of its voices: `voice_json` is `{"id", "settings"}`, without an id its own; all texts last for the
  // call. NULL: it has one voice.
  void (*synthesize_as)(void *user_data,
                        const char *text,
                        const char *language,
                        const char *voice_json,
                        vc_responder *answer);
} vc_tts_vtable;

// A tool of the host, which the language model may call. Start from zeros. Threads as for `vc_stt_vtable`.
typedef struct {
  // Its name, one of a kind: 1–64 of `A–Z`, `a–z`, `0–9`, `_`, `-`.
  const char *name;
  // What it does and when to call it: all that the model knows of it.
  const char *description;
  // The JSON schema of its arguments, which are an object; NULL: it takes none.
  const char *parameters_json;
  // Handed to every function as it is.
  void *user_data;
  // Runs one call. `arguments_json` is an object that fits the schema, `context_json` is `{"session_id", "turn_id", "user", "timeout_ms"}`: whose
  // call it is, and how long it may take; both last for the call. Answers now or later, on any thread: what the model is told by
  // `vc_responder_send_text` (nothing: "done"), then `vc_responder_finish`. A failure is told to the model with its code and message,
  // and the turn goes on. A tool that takes long asks `vc_responder_is_cancelled`, or has `vc_responder_on_cancel` tell it.
  void (*call)(void *user_data, const char *arguments_json, const char *context_json, vc_responder *answer);
  // Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
  void (*drop)(void *user_data);
  // How long a call may take, in milliseconds; 0: 20,000.
  uint32_t timeout_ms;
  // Whether a call runs to its end when its turn is cancelled or interrupted, for what must not be left half done.
  bool runs_on;
  // Whether no other call may run beside it.
  bool runs_alone;
  // Whether its work outlasts the turn of a live session: the agent goes on without it and tells the result later, when nobody speaks or
  // with its next answer. Turns outside live sessions wait for it.
  bool in_background;
} vc_tool_vtable;

// A conversation store of the host: one function, JSON in and out. Threads as for `vc_stt_vtable`.
typedef struct {
  // How errors name it.
  const char *name;
  // Handed to every function as it is.
  void *user_data;
  // Runs one method (README.md lists them); both texts last for the call. Answers now or later, on any thread: one JSON value by
  // `vc_responder_send_text`, then `vc_responder_finish`.
  void (*call)(void *user_data, const char *method, const char *arguments_json, vc_responder *answer);
  // Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
  void (*drop)(void *user_data);
} vc_store_vtable;

// What hears the end of turns, in the host. Threads as for `vc_stt_vtable`.
typedef struct {
  // How logs name it.
  const char *name;
  // Handed to every function as it is.
  void *user_data;
  // Says how likely the speaker is done, given `count` mono samples of 16 kHz, which last for the call: the latest eight seconds at
  // most of the turn, which end with a short silence. Called at every pause. Answers now or later, on any thread:
  // `vc_responder_send_completeness`, then `vc_responder_finish`. When it fails or is late, the words alone tell.
  void (*completeness)(void *user_data, const int16_t *samples, size_t count, vc_responder *answer);
  // Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
  void (*drop)(void *user_data);
  // As `warm_up` of `vc_stt_vtable`.
  void (*warm_up)(void *user_data, vc_responder *answer);
} vc_turn_detector_vtable;

// What is told, in the host, what calls, turns and live sessions took, used and cost. Threads as for `vc_stt_vtable`, but one call at a time.
//
// No turn waits for it: at most 2,048 reports do. What comes on top of that is dropped, as is what a call was given that fails or takes
// longer than 30 seconds; `vc_agent_dropped_reports` counts it. `vc_agent_close` delivers what waits, within 5 seconds.
typedef struct {
  // Handed to every function as it is.
  void *user_data;
  // Takes what was measured since it was last called, in the order in which it ended: `reports_json`, which lasts for the call, is an array of
  // 1 to 256 objects with a `type` (README.md tells of their keys): ids, times, amounts and codes of errors, never words. Ends by
  // `vc_responder_finish` or `vc_responder_fail`, now or later, on any thread.
  void (*record)(void *user_data, const char *reports_json, vc_responder *answer);
  // Lets go of what it still holds, and ends like `record`: the agent closes. May be NULL.
  void (*flush)(void *user_data, vc_responder *answer);
  // Called exactly once, on any thread, when nothing uses `user_data` any more; may be NULL.
  void (*drop)(void *user_data);
} vc_metrics_vtable;

// The host's own objects. Start from zeros, and set the address of the first of each kind and how many there are; none: as the config says.
//
// The config may name providers among others, by their numbers, to be tried in that order: `"llm": ["host/0", "openai/gpt-6-luna"]`;
// those of a role that it does not name stand in place of what it says.
typedef struct {
  // Speech to text.
  const vc_stt_vtable *stt;
  // How many.
  size_t stt_count;
  // Language models.
  const vc_llm_vtable *llm;
  // How many.
  size_t llm_count;
  // Text to speech.
  const vc_tts_vtable *tts;
  // How many.
  size_t tts_count;
  // What the language model may call.
  const vc_tool_vtable *tools;
  // How many.
  size_t tool_count;
  // Where conversations are kept; one or NULL.
  const vc_store_vtable *store;
  // What hears the end of turns in live sessions with `"turn_detection": "model"`; one, or NULL: the local one.
  const vc_turn_detector_vtable *turn_detector;
  // What is told what was measured; one or NULL.
  const vc_metrics_vtable *metrics;
} vc_hosts;

// What a host's object says went wrong. Start from zeros.
typedef struct {
  // A code of the library, or NULL for `PROVIDER_ERROR`. The library acts on it: `TIMEOUT` and `RATE_LIMIT_EXCEEDED` are tried again.
  const char *code;
  // What happened, for people and logs: nothing that was said. NULL: "failed".
  const char *message;
  // 1: trying again may help; -1: it cannot; 0: as the code says.
  int8_t retryable;
  // How long to wait before that, in milliseconds; 0: nobody said.
  uint64_t retry_after_ms;
} vc_failure;

// Takes what happens in a turn or in a live session: `event` or `error`, the other is NULL. The last call brings an event of kind
// `VC_EVENT_DONE` (live: `VC_EVENT_ENDED`) or an error; there is always exactly one last call. Both handles belong to the library and
// last for the call.
//
// Called on threads of the library, one call after the other: it may take its time, which slows only this turn or session. The handle of the
// turn or session is in its place before the first call. It may use accessors, `vc_turn_cancel`, and what of `vc_live_` does not block; a call
// that blocks fails there with `VC_INTERNAL_ERROR`. It must not throw.
typedef void (*vc_event_fn)(void *user_data, const vc_event *event, const vc_error *error);

// Takes a log record. Called on any thread, several at a time; must not call the library. The texts last for the call.
typedef void (*vc_log_fn)(void *user_data,
                          const char *level,
                          const char *target,
                          const char *message,
                          const char *fields_json);

// Takes the steps of a fetch, objects of JSON whose `type` is `planned` (`packages`, `bytes`, `files`), `downloading` (`package`,
// `done`, `total`), `making` (`file`) or `made` (`file`, `bytes`); the text lasts for the call. Gives whether to go on. Called on a
// thread of the library, one call after the other; it must not throw.
typedef bool (*vc_fetch_fn)(void *user_data, const char *step_json);

// What a turn is about. Start from zeros and set exactly one of `text`, `path`, `bytes`, `samples` and `samples_f32`. Everything is
// copied during the call.
typedef struct {
  // Something typed.
  const char *text;
  // An audio file: WAV, MP3, Ogg, FLAC, M4A, WebM, …
  const char *path;
  // The bytes of such a file, `length` of them.
  const uint8_t *bytes;
  // Interleaved 16-bit samples, `length` of them over all channels.
  const int16_t *samples;
  // Interleaved float samples, full scale ±1, `length` of them over all channels.
  const float *samples_f32;
  // How many bytes or samples.
  size_t length;
  // Samples a second; only for samples.
  uint32_t sample_rate;
  // Channels; only for samples; 0 is 1.
  uint32_t channels;
} vc_input;

// How a turn is to be run. All zeros is the default, and so is NULL. Everything is copied during the call.
typedef struct {
  // The session to continue, or NULL. An unknown one starts a fresh session.
  const char *session;
  // Whose turn it is, or NULL.
  const char *user;
  // The language that is spoken (BCP 47), or NULL.
  const char *language;
  // The deadline in milliseconds; 0: the config's.
  uint64_t deadline_ms;
  // Whether the answer is text only.
  bool silent;
  // Who answers in a fresh session: an assistant, by its id; or NULL.
  const char *assistant;
  // In which organization the turn is taken, by its id; or NULL.
  const char *organization;
  // What the language model may call in this turn besides the agent's tools: the first of them, or NULL. They are copied, and each `drop` is
  // called exactly once, when the last use is over, also when the turn fails.
  const vc_tool_vtable *tools;
  // How many.
  size_t tool_count;
} vc_turn_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the binary interface. A program built for another number must not go on: compare it with
// `VC_ABI_VERSION`. Any thread.
uint32_t vc_abi_version(void);

// The version of the library, for example `0.1.0`. Static text, never freed. Any thread.
const char *vc_version(void);

// How many handles exist that nobody has freed: 0 in a program that frees what it gets. Any thread.
size_t vc_live_handles(void);

// Stops the library's threads without waiting for work that is under way; the next call starts them again. Not needed before
// a program ends; of use before a shared library that links this one is unloaded. Any thread that is not the library's own.
void vc_shutdown(void);

// Makes an agent that runs offline with local models.
//
// `storage`: where conversations are kept, as in the config (`sqlite:voice.db`, `memory`); NULL: an SQLite file in the user's
// data folder. `*agent` is the caller's to free. Fails with `VC_INVALID_REQUEST` when models are missing: the message says
// how to fetch them. Blocks; not on a thread of the library.
vc_status vc_agent_new_local(const char *storage,
                             vc_agent **agent,
                             vc_error **error);

// Makes an agent from a config document and the host's own objects.
//
// `config_json`: the config; NULL is `{}`. `hosts`: tables of host functions, or NULL; they are copied, and each `drop` is
// called exactly once, when the last use is over, also when this call fails. `*agent` is the caller's to free. Blocks; not on a thread of
// the library.
vc_status vc_agent_new(const char *config_json,
                       const vc_hosts *hosts,
                       vc_agent **agent,
                       vc_error **error);

// How many reports neither the host's `vc_metrics_vtable` nor a collector took: they were too slow, failed, or were gone. 0 for a handle that
// is none. Any thread.
uint64_t vc_agent_dropped_reports(const vc_agent *agent);

// Makes every provider ready, so that the first turn is as fast as the others. Blocks; not on a thread of the library.
vc_status vc_agent_warm_up(const vc_agent *agent,
                           vc_error **error);

// Closes an agent: cancels what runs, finishes what is being saved. The handle stays, to be freed; turns fail from now on. A
// second time is fine. Blocks; not on a thread of the library.
vc_status vc_agent_close(const vc_agent *agent,
                         vc_error **error);

// Frees an agent's handle. Turns under way keep the agent until they end; call `vc_agent_close` first to end them. NULL and a second time are
// fine. Any thread.
void vc_agent_free(vc_agent *agent);

// Runs a method of a room: what is kept, and who may reach it. JSON in and out.
//
// The rooms are `sessions`, `accounts`, `assistants`, `audit`, `knowledge`, `telephony`, `webhooks`, `realtime` and `voices`; README.md lists
// their methods. `arguments_json`: an object; NULL is `{}`. `*answer` is the caller's to free, and so is `*sound`, the bytes that a few methods give besides (`greet`: 16-bit samples;
// `recording`, `preview`: a file), otherwise NULL; a NULL `sound` does without. Blocks; not on a thread of the library.
vc_status vc_agent_call(const vc_agent *agent,
                        const char *room,
                        const char *method,
                        const char *arguments_json,
                        vc_bytes **answer,
                        vc_bytes **sound,
                        vc_error **error);

// The same agent as somebody with a credential reaches it: turns, live sessions and rooms hold nothing of anybody else.
//
// `principal_json`: what `authenticate` of the room `accounts` gave, or `{"organization": ID, "user": ID}` of a host that knows
// its callers by means of its own. `*scoped` is the caller's to free, before or after `agent`. Fails with `VC_UNAUTHORIZED` when `agent` acts
// for somebody already. Any thread.
vc_status vc_agent_with(const vc_agent *agent,
                        const char *principal_json,
                        vc_agent **scoped,
                        vc_error **error);

// Sends a piece of text (language model, tool), or the JSON answer (store). `VC_CANCELLED`: nobody wants it any more, stop.
// `VC_VALIDATION_ERROR`: no text, not UTF-8, or an ended or other answer. Any thread.
vc_status vc_responder_send_text(const vc_responder *answer,
                                 const char *piece);

// Sends a call of a tool (language model), its arguments as JSON. `id` tells the calls of an answer apart. Statuses as for
// `vc_responder_send_text`. Any thread.
vc_status vc_responder_send_tool_call(const vc_responder *answer,
                                      const char *id,
                                      const char *name,
                                      const char *arguments_json);

// Sends what was used (language model), in tokens: of the prompt, of those the ones that came from a cache, and of the answer. What is sent
// more than once adds up. Statuses as for `vc_responder_send_text`. Any thread.
vc_status vc_responder_send_usage(const vc_responder *answer,
                                  uint64_t input_tokens,
                                  uint64_t cached_tokens,
                                  uint64_t output_tokens);

// Sends why the model stopped (language model): `stop`, `tool_calls`, `length`, `content_filter` or `other`; a model that sends none was
// done, or called tools. When nothing was said, the error of the turn tells the reason. `VC_VALIDATION_ERROR` also for any other word;
// otherwise as for `vc_responder_send_text`. Any thread.
vc_status vc_responder_send_finish_reason(const vc_responder *answer,
                                          const char *reason);

// Sends a transcript (speech to text): everything recognised so far. `language` is BCP 47 or NULL. Statuses as for
// `vc_responder_send_text`. Any thread.
vc_status vc_responder_send_transcript(const vc_responder *answer,
                                       const char *transcript,
                                       bool is_final,
                                       const char *language);

// Sends when a word of the text is spoken (text to speech), in seconds from the beginning of its sound. It goes with the sound that is sent
// next; words come in their order, each once, as they stand in the text. Live sessions then know to the word what was heard of an
// interrupted answer. `VC_VALIDATION_ERROR` also for times below 0 and an end before the start; otherwise as for
// `vc_responder_send_text`. Any thread.
vc_status vc_responder_send_word(const vc_responder *answer,
                                 const char *word,
                                 double start,
                                 double end);

// Sends a chunk of sound (text to speech): `count` mono samples, `sample_rate` a second, copied. Statuses as for
// `vc_responder_send_text`. Any thread.
vc_status vc_responder_send_audio(const vc_responder *answer,
                                  const int16_t *samples,
                                  size_t count,
                                  uint32_t sample_rate);

// Sends how likely the speaker is done, 0–1 (detector of the end of turns). `VC_VALIDATION_ERROR` also for what is no such number;
// otherwise as for `vc_responder_send_text`. Any thread.
vc_status vc_responder_send_completeness(const vc_responder *answer,
                                         float completeness);

// Takes the next sound of an utterance that is being spoken (`listen`): waits for some, copies at most `capacity` mono samples of
// 16 kHz to `samples`, and sets `*count`. None: the sound is over, or nobody wants the words any more. What is not taken waits; taking
// none for the idle time-out is a failure. `VC_VALIDATION_ERROR`: the answer has ended or is none of `listen`, a NULL, or no
// room. Blocks; on any thread but that of a callback that must not wait.
vc_status vc_responder_read_sound(const vc_responder *answer,
                                  int16_t *samples,
                                  size_t capacity,
                                  size_t *count);

// Whether nobody wants the answer any more: the turn was cancelled, timed out, or answered otherwise. Also true for an answer
// that has ended. Any thread.
bool vc_responder_is_cancelled(const vc_responder *answer);

// Has `callback(user_data)` called when nobody wants the answer any more, or it has ended: exactly once, on a thread of the library.
// `VC_VALIDATION_ERROR`: there is no callback, or the answer had ended already, and it is not called. Any thread.
vc_status vc_responder_on_cancel(const vc_responder *answer,
                                 void (*callback)(void *user_data),
                                 void *user_data);

// The answer is complete; the handle is freed. `VC_VALIDATION_ERROR`: it had ended already. Any thread.
vc_status vc_responder_finish(vc_responder *answer);

// The answer failed; the handle is freed. `failure` may be NULL; it is copied. `VC_VALIDATION_ERROR`: it had ended already, or a
// text is not UTF-8 (the answer fails without it). Any thread.
vc_status vc_responder_fail(vc_responder *answer,
                            const vc_failure *failure);

// Gives no answer: a failure in itself. NULL and a second time are fine. Any thread.
void vc_responder_free(vc_responder *answer);

// The stable code, for example `VALIDATION_ERROR`. Belongs to the error; empty for NULL. Any thread.
const char *vc_error_code(const vc_error *error);

// The finer kind, for example `no_speech`. Belongs to the error; empty for NULL. Any thread.
const char *vc_error_kind(const vc_error *error);

// What happened and what to do, for people. Belongs to the error; empty for NULL. Any thread.
const char *vc_error_message(const vc_error *error);

// The stage of the turn (`admit`, `audio`, `stt`, `llm`, `tts`, `store`), or NULL. Belongs to the error. Any thread.
const char *vc_error_stage(const vc_error *error);

// The provider that failed, or NULL. Belongs to the error. Any thread.
const char *vc_error_provider(const vc_error *error);

// The code as a status; `VC_OK` for NULL. Any thread.
vc_status vc_error_status(const vc_error *error);

// Whether the same call may succeed when made again. Any thread.
bool vc_error_retryable(const vc_error *error);

// How long to wait before that, in milliseconds; -1: nobody said. Any thread.
int64_t vc_error_retry_after_ms(const vc_error *error);

// What had been said before the failure, or NULL: there when saving the turn failed. The caller frees it with `vc_reply_free`. Any
// thread.
vc_reply *vc_error_reply(const vc_error *error);

// The HTTP status with which a web host should answer; 0 for NULL. Any thread.
uint16_t vc_error_http_status(const vc_error *error);

// Frees an error. NULL and a second time are fine. Any thread.
void vc_error_free(vc_error *error);

// The kind of event. Any thread.
vc_event_kind vc_event_get_kind(const vc_event *event);

// The transcript so far, the next piece of the answer, or what the kind says; empty for other kinds. Belongs to the event. Any thread.
const char *vc_event_text(const vc_event *event);

// Whether a transcript is the last word on it. Any thread.
bool vc_event_is_final(const vc_event *event);

// The event as JSON, sound left out (its length is there): `{"type": "transcript", …}`. Belongs to the event. Any thread.
const char *vc_event_json(const vc_event *event);

// A piece of sound: mono 16-bit samples; `*count` of them, `*sample_rate` a second. NULL and 0 for other kinds. Belongs to the
// event. Any thread.
const int16_t *vc_event_samples(const vc_event *event,
                                size_t *count,
                                uint32_t *sample_rate);

// The reply of a turn that is done, or NULL. The caller frees it with `vc_reply_free`. Any thread.
vc_reply *vc_event_reply(const vc_event *event);

// Why speech, a search of documents, or something in a live session failed; or NULL. The caller frees it with `vc_error_free`. Any thread.
vc_error *vc_event_error(const vc_event *event);

// Frees an event. NULL and a second time are fine. Any thread.
void vc_event_free(vc_event *event);

// Starts a live session: sound is pushed at any time, and events come at any time.
//
// `options_json`: an object, or NULL; every key may be left out.
//
// | key | meaning |
// |---|---|
// | `session`, `user`, `language`, `assistant`, `organization` | as for a turn |
// | `config` | how turns are taken, in place of `live` in the agent's config; `{"turn_detection": "manual"}` is push to talk |
// | `first_message` | what the agent says first |
// | `input_rate`, `input_channels` | the sound that will be pushed; 16000 and 1 |
// | `output_rate` | the rate of the sound that is given out; 24000 |
// | `speak` | whether the agent speaks |
//
// `tools` are what the language model may call in this session besides the agent's, `tool_count` of them, or NULL; they are copied, and each
// `drop` is called exactly once, when the last use is over, also when this call fails.
//
// With `on_event` the events come to it on threads of the library, one call after the other; the last call brings an event of kind
// `VC_EVENT_ENDED` or an error, and `user_data` must last until it has returned. `*live` is there before the first call; if starting fails
// after that, it is NULL again. Without it (NULL) they are pulled with `vc_live_next`. They must be taken: a session with hundreds of events
// that nobody took ends. `*live` is the caller's to free. Blocks for a moment; not on a thread of the library.
vc_status vc_live_start(const vc_agent *agent,
                        const char *options_json,
                        const vc_tool_vtable *tools,
                        size_t tool_count,
                        vc_event_fn on_event,
                        void *user_data,
                        vc_live **live,
                        vc_error **error);

// Waits for the next event, for at most `timeout_ms`; less than 0: for as long as it takes. `*event` is the caller's to free; `VC_OK` with
// `*event == NULL`: the session is over; `VC_TIMEOUT`: nothing happened. Blocks; not on a thread of the library; several threads
// take turns.
vc_status vc_live_next(const vc_live *live,
                       int64_t timeout_ms,
                       vc_event **event,
                       vc_error **error);

// Takes the next sound of the user: `length` interleaved samples over all channels, at most ten seconds. Never waits. Any thread.
//
// `VC_RATE_LIMIT_EXCEEDED`: sound comes faster than it can be heard; push it again in a moment.
vc_status vc_live_push_audio(const vc_live *live,
                             const int16_t *samples,
                             size_t length,
                             vc_error **error);

// The same for sound that comes over a network, with the time at which its sender took it: seconds from any moment, such as RTP's
// timestamp over its rate. Frames may come late, twice, out of order, in bursts or never: what is in order is heard at once, a gap
// is waited for 60 ms at most and then made up, copies are dropped. Never waits. Any thread.
vc_status vc_live_push_audio_at(const vc_live *live,
                                double seconds,
                                const int16_t *samples,
                                size_t length,
                                vc_error **error);

// As `vc_live_push_audio` for float samples, full scale ±1.
vc_status vc_live_push_audio_f32(const vc_live *live, const float *samples, size_t length, vc_error **error);

// Takes something that the user typed. It is answered at once; what the agent says is interrupted. Any thread.
vc_status vc_live_push_text(const vc_live *live,
                            const char *typed,
                            vc_error **error);

// Takes keys of the telephone: `0`–`9`, `*`, `#`, `A`–`D`. `#` or a pause completes them. Any thread.
vc_status vc_live_push_dtmf(const vc_live *live, const char *keys, vc_error **error);

// Ends the user's turn now: push to talk. Any thread.
vc_status vc_live_commit(const vc_live *live, vc_error **error);

// Has the agent say something, after what it is saying now. `interruptible`: whether the user can interrupt it. Any thread.
vc_status vc_live_say(const vc_live *live,
                      const char *words,
                      bool interruptible,
                      vc_error **error);

// Stops what the agent says or is about to say. What was heard of it is stored. Any thread.
vc_status vc_live_interrupt(const vc_live *live, vc_error **error);

// Holds the sound back until `vc_live_resume`; what is not played yet is to be thrown away (`VC_EVENT_CLEAR`) and comes again then. Any
// thread.
vc_status vc_live_pause(const vc_live *live,
                        vc_error **error);

// Goes on after `vc_live_pause`. Any thread.
vc_status vc_live_resume(const vc_live *live, vc_error **error);

// Says how many seconds of the session's sound were played so far. From then on only this tells what was heard; until then sound
// counts as played when its time has passed. Any thread.
vc_status vc_live_set_playback_position(const vc_live *live,
                                        double seconds,
                                        vc_error **error);

// Changes the language that is expected and spoken (BCP 47); NULL: it is detected. Any thread.
vc_status vc_live_set_language(const vc_live *live, const char *language, vc_error **error);

// Ends a session: what is being said is stopped, what was heard is stored. Its last events can be pulled afterwards. `summary` may be NULL;
// `*summary` is the caller's to free, JSON with `session_id`, `reason`, `duration_seconds`, `turns`, `interruptions` and `usage`. Ending it
// again gives the same. Blocks; not on a thread of the library.
vc_status vc_live_end(const vc_live *live,
                      vc_bytes **summary,
                      vc_error **error);

// Frees a session, and ends it if it is not over. NULL and a second time are fine. Any thread, also in `on_event`.
void vc_live_free(vc_live *live);

// Sends log records of `level` (`error`, `warn`, `info`, `debug`, `trace`) and above to `log`, in place of an earlier function.
// Records hold ids, stages, codes and times, never what was said.
//
// `drop` (may be NULL) is called with `user_data` when it is no longer used, also when this call fails. Any thread.
vc_status vc_log_set(const char *level,
                     vc_log_fn log,
                     void *user_data,
                     void (*drop)(void *user_data),
                     vc_error **error);

// Stops sending log records. Any thread.
void vc_log_clear(void);

// The bytes, with a NUL behind them that does not count: a text is a C string. Valid until the handle is freed; NULL for a
// handle that is none. Any thread.
const char *vc_bytes_data(const vc_bytes *bytes);

// How many bytes there are, without the NUL behind them. Any thread.
size_t vc_bytes_length(const vc_bytes *bytes);

// Frees bytes. NULL and a second time are fine. Any thread.
void vc_bytes_free(vc_bytes *bytes);

// Fetches models, checks and converts them; what is there already is left alone.
//
// `folder`: the model folder; NULL: the one that `VOICE_CORE_MODELS` names, else the one in the user's data folder.
// `options_json`: `{"models": [names], "mirror": folder, "force": bool, "keep_packages": bool}`; NULL: the default set.
// `progress` (may be NULL) is told what goes on and may stop it: then the call ends with `VC_CANCELLED`, and what is in place stays.
// `*result`: `{"folder", "files", "already_there", "downloaded"}`, the caller's to free; `result` may not be NULL. Blocks; not on a
// thread of the library.
vc_status vc_models_fetch(const char *folder,
                          const char *options_json,
                          vc_fetch_fn progress,
                          void *user_data,
                          vc_bytes **result,
                          vc_error **error);

// Lists the models: `*result` is `{"folder", "models": [{"name", "present", "bytes", "default", "licence", "purpose"}]}`. Otherwise
// like `vc_models_fetch`.
vc_status vc_models_list(const char *folder,
                         vc_bytes **result,
                         vc_error **error);

// Compares every fetched file with its checksum: `*result` is `{"folder", "files": [{"path", "state"}]}`, a state being `intact`,
// `missing` or `changed`. Otherwise like `vc_models_fetch`.
vc_status vc_models_verify(const char *folder,
                           vc_bytes **result,
                           vc_error **error);

// What the user said. Belongs to the reply. Any thread.
const char *vc_reply_transcript(const vc_reply *reply);

// What the agent answered. Belongs to the reply. Any thread.
const char *vc_reply_text(const vc_reply *reply);

// The session, new or continued: give it to the next turn. Belongs to the reply. Any thread.
const char *vc_reply_session_id(const vc_reply *reply);

// This turn. Belongs to the reply. Any thread.
const char *vc_reply_turn_id(const vc_reply *reply);

// The language of the user's words (BCP 47), or NULL when the recogniser did not tell. Belongs to the reply. Any thread.
const char *vc_reply_language(const vc_reply *reply);

// Everything but the sound, as JSON: texts, ids, sources, timings in milliseconds, usage. Belongs to the
// reply. Any thread.
const char *vc_reply_json(const vc_reply *reply);

// The answer's sound: mono 16-bit samples; `*count` of them, `*sample_rate` a second. NULL and 0 when there is none. Belongs to the
// reply. Any thread.
const int16_t *vc_reply_samples(const vc_reply *reply,
                                size_t *count,
                                uint32_t *sample_rate);

// Why sound is missing although there is text, or NULL. The caller frees it with `vc_error_free`. Any thread.
vc_error *vc_reply_audio_error(const vc_reply *reply);

// Why the documents could not be searched, if they could not; or NULL. The caller frees it with `vc_error_free`. Any thread.
vc_error *vc_reply_knowledge_error(const vc_reply *reply);

// Writes the sound to a file, in the format that its name says (`.wav`, `.ogg`, …). Blocks; any thread.
vc_status vc_reply_save_audio(const vc_reply *reply, const char *path, vc_error **error);

// The sound as a file's bytes; `format`: `wav`, `ogg_opus`, `mp3`, `mu_law`, `a_law`, `pcm`. `*result` is the caller's to free. Any thread.
vc_status vc_reply_encode_audio(const vc_reply *reply,
                                const char *format,
                                vc_bytes **result,
                                vc_error **error);

// Frees a reply, and with it every text and sample that belongs to it. NULL and a second time are fine. Any thread.
void vc_reply_free(vc_reply *reply);

// Runs one turn. `options` may be NULL. `*reply` is the caller's to free. Blocks; not on a thread of the library. To be able to cancel
// it, use `vc_turn_start`.
vc_status vc_converse(const vc_agent *agent,
                      const vc_input *input,
                      const vc_turn_options *options,
                      vc_reply **reply,
                      vc_error **error);

// Answers what is said in the audio file at `path`, in a fresh session. Otherwise like `vc_converse`.
vc_status vc_converse_file(const vc_agent *agent, const char *path, vc_reply **reply, vc_error **error);

// Starts one turn and returns at once. `options` may be NULL. `*turn` is the caller's to free. Reads the file, if there is one; any
// thread.
//
// With `on_event` its events come to that, on threads of the library, and `user_data` must last until the last call has returned;
// `vc_turn_wait` returns after that. `*turn` is there before the first call; if starting fails after that, it is NULL again. Without it (NULL)
// they are pulled with `vc_turn_next`, or left alone: a turn of which nobody takes the events waits for that once there are many.
vc_status vc_turn_start(const vc_agent *agent,
                        const vc_input *input,
                        const vc_turn_options *options,
                        vc_event_fn on_event,
                        void *user_data,
                        vc_turn **turn,
                        vc_error **error);

// Waits for the next event. `*event` is the caller's to free; `VC_OK` with `*event == NULL`: the turn is over. Events that are there come
// before the error that ends the turn. Blocks; not on a thread of the library; several threads take turns.
vc_status vc_turn_next(const vc_turn *turn,
                       vc_event **event,
                       vc_error **error);

// Waits for the end of a turn, past the events that nobody took. `reply` may be NULL; `*reply` is the caller's to free; every wait gives
// one. Blocks; not on a thread of the library.
vc_status vc_turn_wait(const vc_turn *turn,
                       vc_reply **reply,
                       vc_error **error);

// Cancels a turn: it ends with `VC_CANCELLED`, and nothing is stored. Any thread, also in `on_event`; any number of times.
void vc_turn_cancel(const vc_turn *turn);

// Frees a turn, and cancels it if it is not over; `on_event` then still gets its last call. NULL and a second time are fine. Any
// thread, also in `on_event`.
void vc_turn_free(vc_turn *turn);

// The session as frames for a connection of the caller's own, in place of `vc_live_next` and of events to a callback. The other calls of
// the session go on working beside it. `*wire` is the caller's to free. Any thread.
vc_status vc_live_wire(const vc_live *live,
                       vc_wire **wire,
                       vc_error **error);

// The session as the frames of a carrier of telephone calls: `protocol` is `twilio`, `plivo`, `vobiz`, `exotel`, `telnyx` or `vonage`, or
// `auto`: it is told from the first messages. The session is silent until the carrier says that its media stream begins, and ends when
// the carrier says so. Otherwise as `vc_live_wire`.
vc_status vc_live_phone(const vc_live *live,
                        const char *protocol,
                        vc_wire **wire,
                        vc_error **error);

// What the carrier of a telephone call said of it, as JSON; README.md lists the fields. `*call` is the caller's to free. `VC_OK` with
// `*call == NULL`: its media stream has not begun, or there is no carrier. Any thread.
vc_status vc_wire_call(const vc_wire *wire,
                       vc_bytes **call,
                       vc_error **error);

// Has the carrier of a telephone call press keys: `0`–`9`, `*`, `#`, `A`–`D`. They are sent with the next frames. Only Plivo takes them;
// otherwise `VC_INVALID_REQUEST`. Any thread.
vc_status vc_wire_press(const vc_wire *wire,
                        const char *keys,
                        vc_error **error);

// Takes a message of the client's, `length` bytes; `binary` says which kind of frame it came in. What is wrong with it is told to the
// client, and the session goes on. Never waits. Any thread.
vc_status vc_wire_receive(const vc_wire *wire,
                          const uint8_t *message,
                          size_t length,
                          bool binary,
                          vc_error **error);

// Waits for the next frame for the client, for at most `timeout_ms`; less than 0: for as long as it takes. `*frame` is the caller's to
// free, `*binary` the kind of frame that it is to be sent in. `VC_OK` with `*frame == NULL`: the session is over, and its last frame
// was taken; `VC_TIMEOUT`: there was none. Blocks; not on a thread of the library; several threads take turns.
vc_status vc_wire_next(const vc_wire *wire,
                       int64_t timeout_ms,
                       vc_bytes **frame,
                       bool *binary,
                       vc_error **error);

// Frees it; the session goes on. NULL and a second time are fine. Any thread.
void vc_wire_free(vc_wire *wire);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* VOICE_CORE_H */
