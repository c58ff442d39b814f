// Hosts that play the scripts of scenarios.
#ifndef SCRIPTED_HPP
#define SCRIPTED_HPP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <thread>

#include <voice_core.h>

#include "json.hpp"

using std::string;

static void rest(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

static string replaced(string text, const string &what, const string &with) {
    for (size_t at = 0; (at = text.find(what, at)) != string::npos; at += with.size()) text.replace(at, what.size(), with);
    return text;
}

// A host's script, and what it was asked.
struct Host {
    Json script;
    string name;
    std::atomic<int> calls{0}, listens{0}, warm_ups{0}, cancelled{0}, flushes{0};
    // What a sink was told. One call at a time; looked at when no other will come.
    Json told{Json::List};
};
using HostRef = std::shared_ptr<Host>;
using Send = std::function<vc_status(const Json &action, vc_responder *answer)>;

static HostRef host_of(void *user_data) { return *static_cast<HostRef *>(user_data); }
static void drop_host(void *user_data) { delete static_cast<HostRef *>(user_data); }

// Takes sound until so many samples have come, or it is over.
static void hear(vc_responder *answer, std::atomic<size_t> &heard, double wanted) {
    int16_t room[1600];
    size_t count = 1;
    while (count > 0 && static_cast<double>(heard) < wanted) {
        if (vc_responder_read_sound(answer, room, 1600, &count) != VC_OK) return;
        heard += count;
    }
}

static void play(const HostRef &host, const Json &script, vc_responder *answer, const Send &send, std::atomic<size_t> *heard) {
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
        } else if (heard && action["hear"]) {
            const bool all = action["hear"].kind == Json::Text;
            hear(answer, *heard, all ? std::numeric_limits<double>::infinity() : action["hear"].number * 16000);
            told = vc_responder_is_cancelled(answer);
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
    std::thread(play, host, script, answer, send, nullptr).detach();
}

// Sends what an action says was recognised in so many samples.
static vc_status recognised(const Json &action, vc_responder *to, size_t samples, const string &asked) {
    string text = replaced(replaced(action["transcript"].text, "{samples}", std::to_string(samples)), "{language}", asked);
    const Json &heard = action["language"];
    return vc_responder_send_transcript(to, text.c_str(), action["final"].truth, heard ? heard.text.c_str() : nullptr);
}

static void transcribe(void *user_data, const int16_t *, size_t count, const char *language, vc_responder *answer) {
    string asked = language ? language : "none";
    answer_later(user_data, nullptr, answer, [=](const Json &action, vc_responder *to) { return recognised(action, to, count, asked); });
}

// Keeps the library's thread busy while somebody speaks, as it may.
static void listen(void *user_data, const char *language, vc_responder *answer) {
    HostRef host = host_of(user_data);
    string asked = language ? language : "none";
    size_t call = static_cast<size_t>(host->listens++);
    const auto &scripts = host->script["listens"].members;
    std::atomic<size_t> heard{0};
    auto send = [&](const Json &action, vc_responder *to) { return recognised(action, to, heard, asked); };
    play(host, scripts[std::min(call, scripts.size() - 1)].second, answer, send, &heard);
}

// Gets ready as the script says.
static void get_ready(void *user_data, const string &told, vc_responder *answer) {
    HostRef host = host_of(user_data);
    size_t call = static_cast<size_t>(host->warm_ups++);
    const auto &scripts = host->script["warm_up"].members;
    Json script = scripts[std::min(call, scripts.size() - 1)].second;
    for (const auto &action : script.members) {
        const Json &expected = action.second["told"];
        if (!expected || expected.text == told) continue;
        vc_failure failure = {};
        failure.message = "told another system prompt";
        vc_responder_fail(answer, &failure);
        return;
    }
    auto nothing = [](const Json &, vc_responder *) { return VC_OK; };
    std::thread(play, host, script, answer, nothing, nullptr).detach();
}

static void warm_up(void *user_data, vc_responder *answer) { get_ready(user_data, "", answer); }

static void warm_up_for(void *user_data, const char *system_prompt, vc_responder *answer) {
    get_ready(user_data, system_prompt, answer);
}

static void completeness(void *user_data, const int16_t *, size_t, vc_responder *answer) {
    answer_later(user_data, nullptr, answer, [](const Json &action, vc_responder *to) {
        return vc_responder_send_completeness(to, static_cast<float>(action["completeness"].number));
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
        if (action["usage"]) {
            auto tokens = [&](const char *name) { return static_cast<uint64_t>(action["usage"][name].number); };
            return vc_responder_send_usage(to, tokens("input_tokens"), tokens("cached_tokens"), tokens("output_tokens"));
        }
        if (action["finish_reason"]) return vc_responder_send_finish_reason(to, action["finish_reason"].text.c_str());
        string text = replaced(replaced(replaced(action["text"].text, "{count}", count), "{system}", first), "{last}", last);
        return vc_responder_send_text(to, replaced(text, "{tools}", tools).c_str());
    });
}

// Speaks as a voice, or as its own.
static void speak_as(void *user_data, const Json &voice, vc_responder *answer) {
    HostRef host = host_of(user_data);
    const auto &scripts = host->script["calls"].members;
    for (const auto &entry : scripts[std::min(static_cast<size_t>(host->calls), scripts.size() - 1)].second.members) {
        const Json &action = entry.second;
        if (!action.has("speaks_as") || action["speaks_as"].dump() == voice.dump()) continue;
        host->calls++;
        vc_failure failure = {};
        failure.message = "asked for another voice";
        vc_responder_fail(answer, &failure);
        return;
    }
    answer_later(user_data, nullptr, answer, [](const Json &action, vc_responder *to) {
        if (action.has("speaks_as")) return VC_OK;
        double rate = action["sample_rate"].number;
        for (const auto &word : action["words"].members) {
            const auto &parts = word.second.members;
            vc_responder_send_word(to, parts[0].second.text.c_str(), parts[1].second.number, parts[2].second.number);
        }
        std::vector<int16_t> samples(static_cast<size_t>(action["audio_ms"].number * rate / 1000), 1000);
        return vc_responder_send_audio(to, samples.data(), samples.size(), static_cast<uint32_t>(rate));
    });
}

static void synthesize(void *user_data, const char *, const char *, vc_responder *answer) { speak_as(user_data, Json(), answer); }

static void synthesize_as(void *user_data, const char *, const char *, const char *voice_json, vc_responder *answer) {
    speak_as(user_data, Json::parse(voice_json), answer);
}

// Lists the voices that the script has.
static void voices(void *user_data, const char *, vc_responder *answer) {
    HostRef host = host_of(user_data);
    auto send = [](const Json &action, vc_responder *to) { return vc_responder_send_text(to, action["json"].dump().c_str()); };
    std::thread(play, host, host->script["voices"], answer, send, nullptr).detach();
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

static void record(void *user_data, const char *reports_json, vc_responder *answer) {
    for (const auto &report : Json::parse(reports_json).members) host_of(user_data)->told.add(report.second);
    answer_later(user_data, nullptr, answer, [](const Json &, vc_responder *) { return VC_OK; });
}

static void flush(void *user_data, vc_responder *answer) {
    host_of(user_data)->flushes++;
    vc_responder_finish(answer);
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

#endif
