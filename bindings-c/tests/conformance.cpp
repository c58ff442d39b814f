// Plays the scenarios of tests/conformance through the C interface. Arguments: the folder, then parts of names.
#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <thread>

#include <voice_core.h>

#include "scripted.hpp"

extern "C" vc_status vc_testing_fail_with(const char *code, vc_error **error);

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
    value.set("knowledge_error", error_value(vc_reply_knowledge_error(reply)));
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
    Json order{Json::List}, states{Json::List}, shown{Json::List}, finals{Json::List}, keys{Json::List}, turns{Json::List}, errors{Json::List}, recordings{Json::List};
    Tools tools;
    std::set<string> kinds;
    string latest, text, spoken, seen;
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
            case VC_EVENT_TRANSCRIPT:
                if (seen != vc_event_text(event)) shown.add(vc_event_text(event));
                seen = vc_event_text(event);
                if (vc_event_is_final(event)) finals.add(seen);
                break;
            case VC_EVENT_TEXT: text += vc_event_text(event); break;
            case VC_EVENT_SPEAKING: spoken += vc_event_text(event); break;
            case VC_EVENT_RECORDED: recordings.add(vc_event_text(event)); break;
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
        all.set("shown", shown);
        all.set("finals", finals);
        all.set("text", text);
        all.set("spoken", spoken);
        all.set("audio_seconds", seconds);
        all.set("keys", keys);
        all.set("turns", turns);
        all.set("errors", errors);
        all.set("recordings", recordings);
        tools.add_to(all);
        return all;
    }
};

// What a live session told its client.
struct Frames {
    Json order{Json::List}, call;
    std::map<string, Json> messages;
    std::set<string> kinds{"user-state", "agent-state"};
    string latest;
    uint64_t position = 0;
    size_t samples = 0;
    bool gapless = true;

    // Takes the next frame; false at the end.
    bool next(vc_wire *wire, vc_error **error) {
        vc_bytes *frame = nullptr;
        bool binary = false;
        vc_status status;
        while ((status = vc_wire_next(wire, 50, &frame, &binary, nullptr)) == VC_TIMEOUT) {}
        if (status != VC_OK) status = vc_wire_next(wire, -1, &frame, &binary, error);
        if (status != VC_OK || !frame) return false;
        const char *data = vc_bytes_data(frame);
        if (binary) {
            uint64_t begins = 0;
            for (int i = 7; i >= 0; i--) begins = begins << 8 | static_cast<uint8_t>(data[i]);
            size_t count = (vc_bytes_length(frame) - 8) / 2;
            gapless = gapless && begins == position;
            position = begins + count;
            samples += count;
            latest = "audio";
        } else {
            Json message = Json::parse(data);
            latest = message[message["type"] ? "type" : "event"].text;
            messages.emplace(latest, Json(Json::List)).first->second.add(message);
        }
        if (kinds.insert(latest).second) order.add(latest);
        vc_bytes_free(frame);
        return true;
    }

    Json value() const {
        Json all(Json::Object), by_type(Json::Object);
        for (const auto &entry : messages) by_type.set(entry.first, entry.second);
        all.set("order", order);
        all.set("messages", by_type);
        all.set("samples", static_cast<double>(samples));
        all.set("gapless", gapless);
        all.set("call", call);
        return all;
    }
};

// Numbers and times of frames as they are pushed; the README says what shuffled ones are.
static std::vector<size_t> timed(size_t count, bool shuffled) {
    std::vector<size_t> order;
    for (size_t n = 0; n < count; n++) order.push_back(n);
    for (size_t n = 1; shuffled && n + 1 < count; n += 2) std::swap(order[n], order[n + 1]);
    return order;
}

// The field at a path, items.0.id; of an empty path the value itself.
static const Json &inner(const Json &value, const string &path) {
    if (path.empty()) return value;
    const size_t dot = path.find('.');
    const string name = path.substr(0, dot), rest = dot == string::npos ? "" : path.substr(dot + 1);
    return inner(value.kind == Json::List ? value.members[std::stoul(name)].second : value[name], rest);
}

// The tools of an agent, or of one turn or live session.
struct Toolset {
    std::deque<Tool> tools;
    std::vector<vc_tool_vtable> tables;

    // Those that are written there, which from now on are among the hosts.
    Toolset(const Json &scripts, std::map<string, HostRef> &hosts) {
        for (const auto &script : scripts.members) {
            auto host = std::make_shared<Host>();
            host->script = script.second;
            hosts["tool:" + script.first] = host;
            tables.push_back(tools.emplace_back(script.first, host).table);
        }
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
        const Toolset tools(step["tools"], hosts);
        options.tools = tools.tables.data();
        options.tool_count = tools.tables.size();
        if (!step["cancel"]) {
            vc_converse(agent, &input.input, &options, &reply, &error);
        } else {
            const string &when = step["cancel"].text;
            int before = when == "start" ? 0 : hosts.at(when)->calls.load();
            vc_turn *turn = nullptr;
            if (vc_turn_start(agent, &input.input, &options, nullptr, nullptr, &turn, &error) == VC_OK) {
                while (when != "start" && hosts.at(when)->calls == before) rest(1);
                vc_turn_cancel(turn);
                vc_turn_wait(turn, &reply, &error);
                vc_turn_free(turn);
            }
        }
        outcome.error = error_value(error);
        outcome.value = reply_value(reply);
        return outcome;
    }

    Outcome stream(const Json &step) {
        Outcome outcome;
        vc_error *error = nullptr;
        vc_turn *turn = nullptr;
        Input input(step["input"]);
        vc_turn_options options = options_of(step["options"]);
        const Toolset tools(step["tools"], hosts);
        options.tools = tools.tables.data();
        options.tool_count = tools.tables.size();
        Json order(Json::List), transcripts(Json::List), metrics(Json::List), used(Json::Object), audio_failed;
        Tools told_of_tools;
        std::set<string> kinds, stages;
        string text;
        double seconds = 0;
        bool over = vc_turn_start(agent, &input.input, &options, nullptr, nullptr, &turn, &error) != VC_OK;
        while (!over) {
            vc_event *event = nullptr;
            if (vc_turn_next(turn, &event, &error) != VC_OK || !event) break;
            Json told = Json::parse(vc_event_json(event));
            const string kind = told["type"].text;
            if (kind != "metrics" && kinds.insert(kind).second) order.add(kind);
            told_of_tools.take(event, told);
            if (kind == "transcript") transcripts.add(told);
            if (kind == "text") text += vc_event_text(event);
            if (kind == "metrics") {
                stages.insert(told["stage"].text);
                for (const char *tokens : {"input_tokens", "cached_tokens", "output_tokens"})
                    used.set(tokens, used[tokens].number + told["usage"][tokens].number);
            }
            if (kind == "audio_failed") audio_failed = error_value(vc_event_error(event));
            if (kind == "done") outcome.value = reply_value(vc_event_reply(event));
            size_t count = 0;
            uint32_t rate = 0;
            if (vc_event_samples(event, &count, &rate)) seconds += static_cast<double>(count) / rate;
            vc_event_free(event);
            if (step["cancel"].text == "event:" + kind) vc_turn_cancel(turn);
            over = step["abandon"].text == "event:" + kind;
        }
        vc_turn_free(turn);
        for (const string &stage : stages) metrics.add(stage);
        outcome.events.set("order", order);
        outcome.events.set("transcripts", transcripts);
        outcome.events.set("text", text);
        outcome.events.set("audio_seconds", seconds);
        outcome.events.set("metrics", metrics);
        outcome.events.set("used", used);
        outcome.events.set("audio_failed", audio_failed);
        told_of_tools.add_to(outcome.events);
        outcome.error = error_value(error);
        return outcome;
    }

    // A live session, and who takes what it tells.
    struct Talk {
        std::unique_ptr<vc_live, void (*)(vc_live *)> live{nullptr, vc_live_free};
        std::unique_ptr<vc_wire, void (*)(vc_wire *)> wire{nullptr, vc_wire_free};
        Told told;
        Frames frames;

        bool next(vc_error **error) { return wire ? frames.next(wire.get(), error) : told.next(live.get(), error); }
        const string &latest() const { return wire ? frames.latest : told.latest; }

        void receive(const string &message, bool binary, vc_error **error) const {
            vc_wire_receive(wire.get(), reinterpret_cast<const uint8_t *>(message.data()), message.size(), binary, error);
        }

        void push(const Json &action, vc_error **error) const {
            Input input(action["push"]);
            const vc_input &sound = input.input;
            const size_t frame = sound.sample_rate / 50 * sound.channels;
            const bool shuffled = action["shuffled"].truth;
            for (size_t n : timed((sound.length + frame - 1) / frame, shuffled)) {
                if (*error) return;
                const size_t from = n * frame, length = std::min(frame, sound.length - from);
                if (wire) receive(string(reinterpret_cast<const char *>(sound.samples + from), length * 2), true, error);
                else if (sound.samples_f32) vc_live_push_audio_f32(live.get(), sound.samples_f32 + from, length, error);
                else if (!action.has("at")) vc_live_push_audio(live.get(), sound.samples + from, length, error);
                else for (int copy = 0; copy <= shuffled && !*error; copy++)
                    vc_live_push_audio_at(live.get(), action["at"].number + static_cast<double>(n) / 50, sound.samples + from, length, error);
            }
        }

        // One action of the script; gives the error that it ended with.
        Json act(const Json &action) {
            vc_error *error = nullptr;
            vc_live *at = live.get();
            if (action["until"]) while (next(&error) && latest() != action["until"].text) {}
            else if (action["push"]) push(action, &error);
            else if (action["send"]) receive(action["send"].kind == Json::Text ? action["send"].text : action["send"].dump(), false, &error);
            else if (action["press"]) vc_wire_press(wire.get(), action["press"].text.c_str(), &error);
            else if (action["text"]) vc_live_push_text(at, action["text"].text.c_str(), &error);
            else if (action["dtmf"]) vc_live_push_dtmf(at, action["dtmf"].text.c_str(), &error);
            else if (action.has("say")) vc_live_say(at, action["say"].text.c_str(), !action.has("interruptible") || action["interruptible"].truth, &error);
            else if (action["language"]) vc_live_set_language(at, action["language"].text.c_str(), &error);
            else if (action.has("played")) vc_live_set_playback_position(at, action["played"].number, &error);
            else if (action["do"].text == "commit") vc_live_commit(at, &error);
            else if (action["do"].text == "interrupt") vc_live_interrupt(at, &error);
            else if (action["do"].text == "pause") vc_live_pause(at, &error);
            else if (action["do"].text == "resume") vc_live_resume(at, &error);
            else vc_live_end(at, nullptr, &error);
            return error_value(error);
        }
    };

    Outcome live(const Json &step) {
        Outcome outcome;
        vc_error *error = nullptr;
        vc_live *live = nullptr;
        vc_wire *wire = nullptr;
        Talk talk;
        const Toolset tools(step["tools"], hosts);
        const string options = step["options"].dump();
        vc_live_start(agent, step["options"] ? options.c_str() : nullptr, tools.tables.data(), tools.tables.size(), nullptr, nullptr, &live, &error);
        talk.live.reset(live);
        if (live && step["wire"].truth) vc_live_wire(live, &wire, &error);
        if (live && step["phone"]) vc_live_phone(live, step["phone"].text.c_str(), &wire, &error);
        talk.wire.reset(wire);
        if (!error) {
            for (const auto &action : step["script"].members) {
                if (action.second["after"]) {
                    after(action.second["after"]);
                    continue;
                }
                Json failed = talk.act(action.second);
                if (failed && !action.second["error"]) throw std::runtime_error("an action failed: " + failed.dump());
                match(action.second["error"], failed, action.second.dump());
            }
            vc_bytes *summary = nullptr;
            if (vc_live_end(live, &summary, &error) == VC_OK) outcome.value = Json::parse(vc_bytes_data(summary));
            vc_bytes_free(summary);
            while (talk.next(nullptr)) {}
            vc_bytes *call = nullptr;
            if (wire && vc_wire_call(wire, &call, nullptr) == VC_OK && call) talk.frames.call = Json::parse(vc_bytes_data(call));
            vc_bytes_free(call);
        }
        outcome.events = wire ? talk.frames.value() : talk.told.value();
        outcome.error = error_value(error);
        return outcome;
    }

    // A call of a room, by the host or for somebody.
    Outcome room(const Json &step) {
        Outcome outcome;
        vc_error *error = nullptr;
        vc_agent *acting = nullptr;
        vc_bytes *result = nullptr;
        if (step["as"]) vc_agent_with(agent, step["as"].dump().c_str(), &acting, &error);
        if (!error && vc_agent_call(acting ? acting : agent, step["do"].text.c_str(), step["method"].text.c_str(), step["arguments"].dump().c_str(), &result, nullptr, &error) == VC_OK)
            outcome.value = Json::parse(vc_bytes_data(result));
        vc_bytes_free(result);
        vc_agent_free(acting);
        outcome.error = error_value(error);
        return outcome;
    }

    // What the sink of metrics was told, and what nobody took.
    Json reports() {
        const Host &sink = *hosts.at("metrics");
        Json value(Json::Object);
        value.set("told", sink.told);
        value.set("flushes", static_cast<double>(sink.flushes));
        value.set("dropped", static_cast<double>(vc_agent_dropped_reports(agent)));
        return value;
    }

    Outcome made(const Json &step) {
        const string &what = step["do"].text;
        if (what == "live") return live(step);
        if (what == "turn") return turn(step);
        if (what == "stream") return stream(step);
        if (step["method"]) return room(step);
        Outcome outcome;
        vc_error *error = nullptr;
        if (what == "close") vc_agent_close(agent, &error);
        else if (what == "reports") outcome.value = reports();
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
        for (const auto &save : step["save"].members) kept[save.first] = inner(outcome.value, save.second.text).text;
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
                count.set("listens", static_cast<double>(host.second->listens));
                count.set("warm_ups", static_cast<double>(host.second->warm_ups));
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
    vc_turn_detector_vtable detector = {};
    vc_metrics_vtable metrics = {};
    vc_hosts hosts = {};
    const Toolset tools(over("hosts")["tools"], run.hosts);
    hosts.tools = tools.tables.data();
    hosts.tool_count = tools.tables.size();
    for (const auto &member : over("hosts").members) {
        if (!member.second || member.first == "tools") continue;
        auto host = std::make_shared<Host>();
        host->script = member.second;
        host->name = "host/" + member.first;
        run.hosts[member.first] = host;
        const char *name = host->name.c_str();
        void *user_data = new HostRef(host);
        const auto ready = member.second["warm_up"] ? warm_up : nullptr;
        const auto ready_for = member.second["warm_up"] ? warm_up_for : nullptr;
        if (member.first == "stt") { stt = {name, user_data, transcribe, drop_host, member.second["listens"] ? listen : nullptr, ready}; hosts.stt = &stt; hosts.stt_count = 1; }
        else if (member.first == "llm") { llm = {name, user_data, generate, drop_host, member.second["tools"].truth, ready_for}; hosts.llm = &llm; hosts.llm_count = 1; }
        else if (member.first == "tts") { tts = {name, user_data, synthesize, drop_host, ready, member.second["voices"] ? voices : nullptr, member.second["voices"] ? synthesize_as : nullptr}; hosts.tts = &tts; hosts.tts_count = 1; }
        else if (member.first == "turn_detector") { detector = {name, user_data, completeness, drop_host, ready}; hosts.turn_detector = &detector; }
        else if (member.first == "metrics") { metrics = {user_data, record, flush, drop_host}; hosts.metrics = &metrics; }
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
