// Plays the scenarios of tests/conformance through the C interface. Arguments: the folder, then parts of names.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <thread>

#include <voice_core.h>

#include "json.hpp"

extern "C" vc_status vc_testing_fail_with(const char *code, vc_error **error);

using std::string;

static void rest(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

static string replaced(string text, const string &what, const string &with) {
    for (size_t at = 0; (at = text.find(what, at)) != string::npos; at += with.size()) text.replace(at, what.size(), with);
    return text;
}

// --- hosts ---------------------------------------------------------------------------------------------------------------

// A host's script, and what it was asked.
struct Host {
    Json script;
    string name;
    std::atomic<int> calls{0}, cancelled{0};
};
using HostRef = std::shared_ptr<Host>;
using Send = std::function<vc_status(const Json &action, vc_responder *answer)>;

static HostRef host_of(void *user_data) { return *static_cast<HostRef *>(user_data); }
static void drop_host(void *user_data) { delete static_cast<HostRef *>(user_data); }

static void play(const HostRef &host, const Json &script, vc_responder *answer, const Send &send) {
    bool told = false;
    for (const auto &entry : script.members) {
        const Json &action = entry.second;
        const Json &failed = action.has("throw") ? action["throw"] : action["fail"]["message"];
        if (action["wait_ms"]) {
            rest(static_cast<int>(action["wait_ms"].number));
        } else if (failed) {
            const Json &code = action["fail"]["code"], &retryable = action["fail"]["retryable"];
            vc_failure failure = {};
            failure.code = code ? code.text.c_str() : nullptr;
            failure.message = failed.text.c_str();
            failure.retryable = static_cast<int8_t>(!retryable ? 0 : retryable.truth ? 1 : -1);
            failure.retry_after_ms = static_cast<uint64_t>(action["fail"]["retry_after_ms"].number);
            vc_responder_fail(answer, &failure);
            return;
        } else if (action["no_answer"]) {
            vc_responder_free(answer);
            return;
        } else if (action["hang"]) {
            while (!vc_responder_is_cancelled(answer)) rest(1);
            told = true;
        } else {
            told = send(action, answer) == VC_CANCELLED;
        }
        if (told) break;
    }
    if (told) host->cancelled++;
    vc_responder_finish(answer);
}

// Plays the script of this call on a thread of its own: the library's is not kept.
static void answer_later(void *user_data, const char *method, vc_responder *answer, Send send) {
    HostRef host = host_of(user_data);
    size_t call = static_cast<size_t>(host->calls++);
    const auto &scripts = host->script["calls"].members;
    Json script = method ? host->script["methods"][method] : scripts[std::min(call, scripts.size() - 1)].second;
    std::thread(play, host, script, answer, send).detach();
}

static void transcribe(void *user_data, const int16_t *, size_t count, const char *language, vc_responder *answer) {
    string asked = language ? language : "none";
    answer_later(user_data, nullptr, answer, [=](const Json &action, vc_responder *to) {
        string text = replaced(replaced(action["transcript"].text, "{samples}", std::to_string(count)), "{language}", asked);
        const Json &heard = action["language"];
        return vc_responder_send_transcript(to, text.c_str(), action["final"].truth, heard ? heard.text.c_str() : nullptr);
    });
}

static void generate(void *user_data, const char *request_json, vc_responder *answer) {
    Json request = Json::parse(request_json);
    const auto &messages = request["messages"].members;
    string first = messages.front().second["content"].text, last = messages.back().second["content"].text;
    string count = std::to_string(messages.size()), tools;
    for (const auto &tool : request["tools"].members) tools += (tools.empty() ? "" : ",") + tool.second["name"].text;
    answer_later(user_data, nullptr, answer, [=](const Json &action, vc_responder *to) {
        const Json &call = action["tool_call"];
        if (call) {
            string arguments = call["arguments"].kind == Json::Text ? call["arguments"].text : call["arguments"].dump();
            return vc_responder_send_tool_call(to, call["id"].text.c_str(), call["name"].text.c_str(), arguments.c_str());
        }
        string text = replaced(replaced(replaced(action["text"].text, "{count}", count), "{system}", first), "{last}", last);
        return vc_responder_send_text(to, replaced(text, "{tools}", tools).c_str());
    });
}

static void synthesize(void *user_data, const char *, const char *, vc_responder *answer) {
    answer_later(user_data, nullptr, answer, [](const Json &action, vc_responder *to) {
        double rate = action["sample_rate"].number;
        std::vector<int16_t> samples(static_cast<size_t>(action["audio_ms"].number * rate / 1000), 1000);
        return vc_responder_send_audio(to, samples.data(), samples.size(), static_cast<uint32_t>(rate));
    });
}

static void store_call(void *user_data, const char *method, const char *, vc_responder *answer) {
    answer_later(user_data, method, answer, [](const Json &action, vc_responder *to) {
        return vc_responder_send_text(to, action["json"].dump().c_str());
    });
}

static void tool_call(void *user_data, const char *arguments_json, const char *context_json, vc_responder *answer) {
    Json arguments = Json::parse(arguments_json), user = Json::parse(context_json)["user"];
    answer_later(user_data, nullptr, answer, [=](const Json &action, vc_responder *to) {
        if (!action["result"]) return vc_responder_send_text(to, action["json"].dump().c_str());
        string result = replaced(action["result"].text, "{user}", user ? user.text : "none");
        for (const auto &argument : arguments.members) {
            const Json &value = argument.second;
            result = replaced(result, "{" + argument.first + "}", value.kind == Json::Text ? value.text : value.dump());
        }
        return vc_responder_send_text(to, result.c_str());
    });
}

// A tool as its script says it is, with the texts that it points to.
struct Tool {
    string name, description, parameters;
    vc_tool_vtable table = {};

    Tool(const string &of, const HostRef &host) : name(of) {
        const Json &script = host->script;
        description = script["description"].text;
        parameters = script["parameters"].dump();
        table.name = name.c_str();
        table.description = description.c_str();
        table.parameters_json = script["parameters"] ? parameters.c_str() : nullptr;
        table.user_data = new HostRef(host);
        table.call = tool_call;
        table.drop = drop_host;
        table.timeout_ms = static_cast<uint32_t>(script["timeout_ms"].number);
        table.runs_on = script["on_interruption"].text == "run_on";
        table.runs_alone = script["parallel"] && !script["parallel"].truth;
        table.in_background = script["background"].truth;
    }
};

// What was told of tools.
struct Tools {
    Json calls{Json::List}, results{Json::List}, fillers{Json::List};

    void take(const vc_event *event, const Json &told) {
        switch (vc_event_get_kind(event)) {
            case VC_EVENT_TOOL_CALL: calls.add(vc_event_text(event)); break;
            case VC_EVENT_TOOL_RESULT: results.add(told); break;
            case VC_EVENT_FILLER: fillers.add(vc_event_text(event)); break;
            default: break;
        }
    }

    void add_to(Json &events) const {
        events.set("calls", calls);
        events.set("results", results);
        events.set("fillers", fillers);
    }
};

// --- matching ------------------------------------------------------------------------------------------------------------

static size_t characters(const string &text) {
    return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

static bool holds(const string &rule, const Json &value, const Json &found) {
    if (rule == "$contains") return found.kind == Json::Text && found.text.find(value.text) != string::npos;
    if (rule == "$length") {
        size_t length = found.kind == Json::List ? found.members.size() : characters(found.text);
        return (found.kind == Json::List || found.kind == Json::Text) && static_cast<double>(length) == value.number;
    }
    if (found.kind != Json::Number) return false;
    return rule == "$min" ? found.number >= value.number : rule == "$max" && found.number <= value.number;
}

// The first difference, with its path; empty when it matches.
static string difference(const Json &expected, const Json &found) {
    string no = "expected " + expected.dump() + ", found " + found.dump();
    if (expected.kind == Json::Object && !expected.members.empty() && expected.members[0].first[0] == '$') {
        for (const auto &rule : expected.members)
            if (!holds(rule.first, rule.second, found)) return no;
        return "";
    }
    if (expected.kind == Json::Object) {
        for (const auto &member : expected.members) {
            string why = difference(member.second, found[member.first]);
            if (!why.empty()) return member.first + ": " + why;
        }
        return expected.members.empty() && found.kind != Json::Object ? no : "";
    }
    if (expected.kind == Json::List) {
        if (found.kind != Json::List || found.members.size() != expected.members.size()) return no;
        for (size_t i = 0; i < expected.members.size(); i++) {
            string why = difference(expected.members[i].second, found.members[i].second);
            if (!why.empty()) return "[" + std::to_string(i) + "]: " + why;
        }
        return "";
    }
    return expected.dump() == found.dump() ? "" : no;
}

static void match(const Json &expected, const Json &found, const string &what) {
    string why = difference(expected, found);
    if (!why.empty()) throw std::runtime_error(what + ": " + why);
}

// --- steps ---------------------------------------------------------------------------------------------------------------

static Json reply_value(vc_reply *reply);

static Json error_value(vc_error *error) {
    if (!error) return Json();
    Json value(Json::Object);
    value.set("code", vc_error_code(error));
    value.set("kind", vc_error_kind(error));
    value.set("stage", vc_error_stage(error));
    value.set("message", vc_error_message(error));
    value.set("provider", vc_error_provider(error));
    value.set("retryable", vc_error_retryable(error));
    int64_t after = vc_error_retry_after_ms(error);
    value.set("retry_after_ms", after < 0 ? Json() : Json(static_cast<double>(after)));
    value.set("http_status", static_cast<double>(vc_error_http_status(error)));
    value.set("reply", reply_value(vc_error_reply(error)));
    vc_error_free(error);
    return value;
}

static Json reply_value(vc_reply *reply) {
    if (!reply) return Json();
    Json value = Json::parse(vc_reply_json(reply));
    value.set("audio_error", error_value(vc_reply_audio_error(reply)));
    vc_reply_free(reply);
    return value;
}

// What a turn is about, with the memory that it points to.
struct Input {
    vc_input input = {};
    Json what;
    std::vector<int16_t> samples;
    std::vector<float> floats;
    std::vector<uint8_t> bytes;

    explicit Input(const Json &description) : what(description) {
        if (what["text"]) { input.text = what["text"].text.c_str(); return; }
        if (what["path"]) { input.path = what["path"].text.c_str(); return; }
        if (what["hex"]) {
            const string &hex = what["hex"].text;
            for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
            give(bytes, &input.bytes);
            return;
        }
        const Json &tone = what["tone"];
        uint32_t rate = static_cast<uint32_t>(tone["sample_rate"].number), channels = static_cast<uint32_t>(tone["channels"].number);
        size_t frames = static_cast<size_t>(tone["seconds"].number) * rate;
        for (size_t n = 0; n < frames; n++)
            samples.insert(samples.end(), channels, static_cast<int16_t>(n / 40 % 2 == 0 ? tone["amplitude"].number : -tone["amplitude"].number));
        if (what["as"].text == "wav") { wav(rate, channels); return; }
        input.sample_rate = rate;
        input.channels = channels;
        if (what["as"].text == "pcm") { give(samples, &input.samples); return; }
        for (int16_t sample : samples) floats.push_back(static_cast<float>(sample) / 32768.0F);
        give(floats, &input.samples_f32);
    }

private:
    template <typename T> void give(const std::vector<T> &from, const T **to) {
        // No elements is not the same as no pointer.
        static const T nothing = 0;
        *to = from.empty() ? &nothing : from.data();
        input.length = from.size();
    }
    void put(uint32_t value, int size) {
        for (int i = 0; i < size; i++) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
    }
    void wav(uint32_t rate, uint32_t channels) {
        uint32_t length = static_cast<uint32_t>(samples.size() * 2);
        for (char c : string("RIFF")) bytes.push_back(static_cast<uint8_t>(c));
        put(36 + length, 4);
        for (char c : string("WAVEfmt ")) bytes.push_back(static_cast<uint8_t>(c));
        put(16, 4); put(1, 2); put(channels, 2); put(rate, 4); put(rate * channels * 2, 4); put(channels * 2, 2); put(16, 2);
        for (char c : string("data")) bytes.push_back(static_cast<uint8_t>(c));
        put(length, 4);
        for (int16_t sample : samples) put(static_cast<uint16_t>(sample), 2);
        give(bytes, &input.bytes);
    }
};

static vc_turn_options options_of(const Json &value) {
    vc_turn_options options = {};
    auto text = [&](const char *name) { return value[name] ? value[name].text.c_str() : nullptr; };
    options.session = text("session");
    options.user = text("user");
    options.language = text("language");
    options.deadline_ms = static_cast<uint64_t>(value["deadline_ms"].number);
    options.silent = value["speak"] && !value["speak"].truth;
    return options;
}

// How a step ended.
struct Outcome {
    Json value, error, events{Json::Object};
};

// What a live session told.
struct Told {
    Json order{Json::List}, states{Json::List}, finals{Json::List}, keys{Json::List}, turns{Json::List}, errors{Json::List};
    Tools tools;
    std::set<string> kinds;
    string latest, text, spoken;
    double seconds = 0;

    // Takes the next event; false at the end.
    bool next(vc_live *live, vc_error **error) {
        vc_event *event = nullptr;
        vc_status status;
        while ((status = vc_live_next(live, 50, &event, nullptr)) == VC_TIMEOUT) {}
        if (status != VC_OK) status = vc_live_next(live, -1, &event, error);
        if (status != VC_OK || !event) return false;
        Json told = Json::parse(vc_event_json(event));
        latest = told["type"].text;
        const bool state = latest == "user_state" || latest == "agent_state";
        if (latest != "metrics" && !state && kinds.insert(latest).second) order.add(latest);
        tools.take(event, told);
        switch (vc_event_get_kind(event)) {
            case VC_EVENT_AGENT_STATE: states.add(vc_event_text(event)); break;
            case VC_EVENT_TRANSCRIPT: if (vc_event_is_final(event)) finals.add(vc_event_text(event)); break;
            case VC_EVENT_TEXT: text += vc_event_text(event); break;
            case VC_EVENT_SPEAKING: spoken += vc_event_text(event); break;
            case VC_EVENT_DTMF: keys.add(vc_event_text(event)); break;
            case VC_EVENT_TURN_DONE: turns.add(told["turn"]); break;
            case VC_EVENT_ERROR: errors.add(error_value(vc_event_error(event))); break;
            default: break;
        }
        size_t count = 0;
        uint32_t rate = 0;
        if (vc_event_samples(event, &count, &rate)) seconds += static_cast<double>(count) / rate;
        vc_event_free(event);
        return true;
    }

    Json value() const {
        Json all(Json::Object);
        all.set("order", order);
        all.set("states", states);
        all.set("finals", finals);
        all.set("text", text);
        all.set("spoken", spoken);
        all.set("audio_seconds", seconds);
        all.set("keys", keys);
        all.set("turns", turns);
        all.set("errors", errors);
        tools.add_to(all);
        return all;
    }
};

struct Run {
    vc_agent *agent = nullptr;
    std::map<string, HostRef> hosts;
    std::map<string, string> saved;

    Outcome turn(const Json &step) {
        Outcome outcome;
        vc_error *error = nullptr;
        vc_reply *reply = nullptr;
        Input input(step["input"]);
        vc_turn_options options = options_of(step["options"]);
        if (!step["cancel"]) {
            vc_turn_run(agent, &input.input, &options, &reply, &error);
        } else {
            const string &when = step["cancel"].text;
            int before = when == "start" ? 0 : hosts.at(when)->calls.load();
            vc_call *call = nullptr;
            if (vc_turn_start(agent, &input.input, &options, nullptr, nullptr, &call, &error) == VC_OK) {
                while (when != "start" && hosts.at(when)->calls == before) rest(1);
                vc_call_cancel(call);
                vc_call_wait(call, &reply, &error);
                vc_call_free(call);
            }
        }
        outcome.error = error_value(error);
        outcome.value = reply_value(reply);
        return outcome;
    }

    Outcome stream(const Json &step) {
        Outcome outcome;
        vc_error *error = nullptr;
        vc_stream *stream = nullptr;
        Input input(step["input"]);
        vc_turn_options options = options_of(step["options"]);
        Json order(Json::List), transcripts(Json::List), metrics(Json::List), audio_failed;
        Tools tools;
        std::set<string> kinds, stages;
        string text;
        double seconds = 0;
        bool over = vc_turn_stream(agent, &input.input, &options, &stream, &error) != VC_OK;
        while (!over) {
            vc_event *event = nullptr;
            if (vc_stream_next(stream, &event, &error) != VC_OK || !event) break;
            Json told = Json::parse(vc_event_json(event));
            const string kind = told["type"].text;
            if (kind != "metrics" && kinds.insert(kind).second) order.add(kind);
            tools.take(event, told);
            if (kind == "transcript") transcripts.add(told);
            if (kind == "text") text += vc_event_text(event);
            if (kind == "metrics") stages.insert(told["stage"].text);
            if (kind == "audio_failed") audio_failed = error_value(vc_event_error(event));
            if (kind == "done") outcome.value = reply_value(vc_event_reply(event));
            size_t count = 0;
            uint32_t rate = 0;
            if (vc_event_samples(event, &count, &rate)) seconds += static_cast<double>(count) / rate;
            vc_event_free(event);
            if (step["cancel"].text == "event:" + kind) vc_stream_cancel(stream);
            over = step["abandon"].text == "event:" + kind;
        }
        vc_stream_free(stream);
        for (const string &stage : stages) metrics.add(stage);
        outcome.events.set("order", order);
        outcome.events.set("transcripts", transcripts);
        outcome.events.set("text", text);
        outcome.events.set("audio_seconds", seconds);
        outcome.events.set("metrics", metrics);
        outcome.events.set("audio_failed", audio_failed);
        tools.add_to(outcome.events);
        outcome.error = error_value(error);
        return outcome;
    }

    // One action of a live session's script; gives the error that it ended with.
    static Json act(vc_live *live, const Json &action, Told &told) {
        vc_error *error = nullptr;
        if (action["until"]) {
            while (told.next(live, &error) && told.latest != action["until"].text) {}
        } else if (action["push"]) {
            Input input(action["push"]);
            const vc_input &sound = input.input;
            size_t frame = sound.sample_rate / 50 * sound.channels;
            for (size_t from = 0; from < sound.length && !error; from += frame) {
                size_t length = std::min(frame, sound.length - from);
                if (sound.samples) vc_live_push_audio(live, sound.samples + from, length, &error);
                else vc_live_push_audio_f32(live, sound.samples_f32 + from, length, &error);
            }
        } else if (action["text"]) vc_live_push_text(live, action["text"].text.c_str(), &error);
        else if (action["dtmf"]) vc_live_push_dtmf(live, action["dtmf"].text.c_str(), &error);
        else if (action.has("say")) vc_live_say(live, action["say"].text.c_str(), !action.has("interruptible") || action["interruptible"].truth, &error);
        else if (action["language"]) vc_live_set_language(live, action["language"].text.c_str(), &error);
        else if (action.has("played")) vc_live_set_playback_position(live, action["played"].number, &error);
        else if (action["do"].text == "commit") vc_live_commit(live, &error);
        else if (action["do"].text == "interrupt") vc_live_interrupt(live, &error);
        else if (action["do"].text == "pause") vc_live_pause(live, &error);
        else if (action["do"].text == "resume") vc_live_resume(live, &error);
        else vc_live_end(live, nullptr, &error);
        return error_value(error);
    }

    Outcome live(const Json &step) {
        Outcome outcome;
        vc_error *error = nullptr;
        vc_live *started = nullptr;
        vc_live_start(agent, step["options"] ? step["options"].dump().c_str() : nullptr, nullptr, nullptr, &started, &error);
        std::unique_ptr<vc_live, void (*)(vc_live *)> live(started, vc_live_free);
        Told told;
        if (live) {
            for (const auto &action : step["script"].members) {
                Json failed = act(live.get(), action.second, told);
                if (failed && !action.second["error"]) throw std::runtime_error("an action failed: " + failed.dump());
                match(action.second["error"], failed, action.second.dump());
            }
            vc_bytes *summary = nullptr;
            if (vc_live_end(live.get(), &summary, &error) == VC_OK) outcome.value = Json::parse(vc_bytes_data(summary));
            vc_bytes_free(summary);
            while (told.next(live.get(), nullptr)) {}
        }
        outcome.events = told.value();
        outcome.error = error_value(error);
        return outcome;
    }

    Outcome made(const Json &step) {
        const string &what = step["do"].text;
        if (what == "live") return live(step);
        if (what == "turn") return turn(step);
        if (what == "stream") return stream(step);
        Outcome outcome;
        vc_error *error = nullptr;
        if (what == "sessions") {
            vc_bytes *result = nullptr;
            if (vc_agent_call(agent, "sessions", step["method"].text.c_str(), step["arguments"].dump().c_str(), &result, NULL, &error) == VC_OK)
                outcome.value = Json::parse(vc_bytes_data(result));
            vc_bytes_free(result);
        } else if (what == "close") vc_agent_close(agent, &error);
        else if (what == "warm_up") vc_agent_warm_up(agent, &error);
        else if (what == "fail_with") vc_testing_fail_with(step["code"].text.c_str(), &error);
        else throw std::runtime_error("there is no step " + what);
        outcome.error = error_value(error);
        return outcome;
    }

    // Makes one copy of a step; gives what it saves.
    std::map<string, string> step(const Json &template_, int copy) {
        string text = replaced(template_.dump(), "{n}", std::to_string(copy));
        for (const auto &save : saved) text = replaced(text, "{" + save.first + "}", save.second);
        Json step = Json::parse(text);
        Outcome outcome = made(step);
        const Json &expect = step["expect"];
        if (step["abandon"]) return {};
        if (outcome.error && !expect["error"]) throw std::runtime_error("it failed: " + outcome.error.dump());
        if (!outcome.error && expect["error"]) throw std::runtime_error("it did not fail but gave " + outcome.value.dump());
        for (const char *part : {"error", "reply", "value", "summary", "events"}) {
            const Json &found = string(part) == "error" ? outcome.error : string(part) == "events" ? outcome.events : outcome.value;
            if (expect.has(part)) match(expect[part], found, part);
        }
        std::map<string, string> kept;
        for (const auto &save : step["save"].members) kept[save.first] = outcome.value[save.second.text].text;
        return kept;
    }

    void steps(const Json &template_) {
        int copies = template_["copies"] ? static_cast<int>(template_["copies"].number) : 1;
        std::vector<std::map<string, string>> kept(static_cast<size_t>(copies));
        std::vector<string> failed(static_cast<size_t>(copies));
        std::vector<std::thread> threads;
        for (int copy = 0; copy < copies; copy++)
            threads.emplace_back([&, copy] {
                try { kept[static_cast<size_t>(copy)] = step(template_, copy); }
                catch (const std::exception &e) { failed[static_cast<size_t>(copy)] = e.what(); }
            });
        for (auto &thread : threads) thread.join();
        for (const string &why : failed)
            if (!why.empty()) throw std::runtime_error(why);
        for (const auto &map : kept)
            for (const auto &save : map) saved[save.first] = save.second;
    }

    void after(const Json &expected) {
        for (int left = 500; expected; left--) {
            Json counts(Json::Object);
            for (const auto &host : hosts) {
                Json count(Json::Object);
                count.set("calls", static_cast<double>(host.second->calls));
                count.set("cancelled", static_cast<double>(host.second->cancelled));
                counts.set(host.first, count);
            }
            if (left == 0) match(expected, counts, "what the hosts saw");
            if (difference(expected, counts).empty()) return;
            rest(10);
        }
    }
};

static void play_scenario(const Json &defaults, const Json &scenario) {
    auto over = [&](const char *part) {
        Json merged = defaults[part];
        for (const auto &member : scenario[part].members) merged.set(member.first, member.second);
        return merged;
    };
    Run run;
    vc_stt_vtable stt = {};
    vc_llm_vtable llm = {};
    vc_tts_vtable tts = {};
    vc_store_vtable store = {};
    vc_hosts hosts = {};
    std::deque<Tool> tools;
    std::vector<vc_tool_vtable> tables;
    for (const auto &member : over("hosts").members) {
        if (!member.second) continue;
        if (member.first == "tools") {
            for (const auto &tool : member.second.members) {
                auto host = std::make_shared<Host>();
                host->script = tool.second;
                run.hosts["tool:" + tool.first] = host;
                tables.push_back(tools.emplace_back(tool.first, host).table);
            }
            hosts.tools = tables.data();
            hosts.tool_count = tables.size();
            continue;
        }
        auto host = std::make_shared<Host>();
        host->script = member.second;
        host->name = "host/" + member.first;
        run.hosts[member.first] = host;
        const char *name = host->name.c_str();
        void *user_data = new HostRef(host);
        if (member.first == "stt") { stt = {name, user_data, transcribe, drop_host}; hosts.stt = &stt; hosts.stt_count = 1; }
        else if (member.first == "llm") { llm = {name, user_data, generate, drop_host, member.second["tools"].truth}; hosts.llm = &llm; hosts.llm_count = 1; }
        else if (member.first == "tts") { tts = {name, user_data, synthesize, drop_host}; hosts.tts = &tts; hosts.tts_count = 1; }
        else { store = {name, user_data, store_call, drop_host}; hosts.store = &store; }
    }
    vc_error *error = nullptr;
    vc_agent_new(over("config").dump().c_str(), &hosts, &run.agent, &error);
    Json failed = error_value(error);
    if (scenario["build"]) {
        vc_agent_free(run.agent);
        match(scenario["build"]["error"], failed, "the error of building");
        return;
    }
    if (failed) throw std::runtime_error("the agent was not built: " + failed.dump());
    struct Free {
        vc_agent *agent;
        ~Free() { vc_agent_close(agent, nullptr); vc_agent_free(agent); }
    } free_at_end{run.agent};
    for (const auto &step : scenario["steps"].members) run.steps(step.second);
    run.after(scenario["after"]);
}

int main(int count, char **arguments) {
    if (count < 2) { std::cerr << "usage: conformance FOLDER [PART OF A NAME...]\n"; return 2; }
    Json defaults, scenarios(Json::List);
    std::vector<std::filesystem::path> files;
    for (const auto &entry : std::filesystem::directory_iterator(arguments[1]))
        if (entry.path().extension() == ".json") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto &path : files) {
        std::stringstream text;
        text << std::ifstream(path).rdbuf();
        Json file = Json::parse(text.str());
        if (path.filename() == "defaults.json") defaults = file;
        for (const auto &scenario : file["scenarios"].members) scenarios.add(scenario.second);
    }
    int passed = 0, failed = 0;
    for (const auto &entry : scenarios.members) {
        const Json &scenario = entry.second;
        const string &name = scenario["name"].text;
        auto wanted = [&](const char *part) { return name.find(part) != string::npos; };
        if (count > 2 && std::none_of(arguments + 2, arguments + count, wanted)) continue;
        bool possible = true;
        for (const auto &need : scenario["needs"].members) possible = possible && need.second.text != "panic";
        if (!possible) { std::cout << "n/a - " << name << ": C has no panic" << std::endl; continue; }
        try {
            play_scenario(defaults, scenario);
            passed++;
            std::cout << "ok - " << name << std::endl;
        } catch (const std::exception &why) {
            failed++;
            std::cout << "FAIL - " << name << ": " << why.what() << std::endl;
        }
    }
    std::cout << "c: " << passed << " passed, " << failed << " failed" << std::endl;
    return failed == 0 && passed > 0 ? 0 : 1;
}
