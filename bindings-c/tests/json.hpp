// As much JSON as the conformance runner needs.
#ifndef JSON_HPP
#define JSON_HPP

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

struct Json {
    enum Kind { Null, Bool, Number, Text, List, Object } kind = Null;
    bool truth = false;
    double number = 0;
    std::string text;
    std::vector<std::pair<std::string, Json>> members;  // of a list without names

    Json() = default;
    Json(bool value) : kind(Bool), truth(value) {}
    Json(double value) : kind(Number), number(value) {}
    Json(std::string value) : kind(Text), text(std::move(value)) {}
    // NULL is null.
    Json(const char *value) : kind(value ? Text : Null), text(value ? value : "") {}
    Json(Kind of) : kind(of) {}

    explicit operator bool() const { return kind != Null; }

    // The member of that name; null when there is none.
    const Json &operator[](const std::string &name) const {
        static const Json none;
        for (const auto &member : members)
            if (kind == Object && member.first == name) return member.second;
        return none;
    }

    bool has(const std::string &name) const {
        for (const auto &member : members)
            if (member.first == name) return true;
        return false;
    }

    void set(const std::string &name, Json value) {
        for (auto &member : members)
            if (member.first == name) { member.second = std::move(value); return; }
        members.emplace_back(name, std::move(value));
    }

    void add(Json value) { members.emplace_back("", std::move(value)); }

    std::string dump() const {
        std::string out;
        write(out);
        return out;
    }

    static Json parse(const std::string &source) {
        Reader reader{source, 0};
        Json value = reader.value();
        reader.space();
        if (reader.at != source.size()) throw std::runtime_error("something follows the JSON value");
        return value;
    }

private:
    static void write_text(std::string &out, const std::string &value) {
        out += '"';
        for (char c : value) {
            if (c == '"' || c == '\\') { out += '\\'; out += c; }
            else if (static_cast<unsigned char>(c) < 0x20) {
                char escape[8];
                std::snprintf(escape, sizeof escape, "\\u%04x", c);
                out += escape;
            } else out += c;
        }
        out += '"';
    }

    void write(std::string &out) const {
        char digits[32];
        bool first = true;
        switch (kind) {
        case Null: out += "null"; return;
        case Bool: out += truth ? "true" : "false"; return;
        case Number: std::snprintf(digits, sizeof digits, "%.17g", number); out += digits; return;
        case Text: write_text(out, text); return;
        case List: case Object: break;
        }
        out += kind == List ? '[' : '{';
        for (const auto &member : members) {
            if (!first) out += ',';
            first = false;
            if (kind == Object) { write_text(out, member.first); out += ':'; }
            member.second.write(out);
        }
        out += kind == List ? ']' : '}';
    }

    struct Reader {
        const std::string &source;
        size_t at;

        void space() {
            while (at < source.size() && (source[at] == ' ' || source[at] == '\n' || source[at] == '\r' || source[at] == '\t')) at++;
        }
        bool take(const std::string &word) {
            space();
            if (source.compare(at, word.size(), word) != 0) return false;
            at += word.size();
            return true;
        }
        void need(const std::string &word) {
            if (!take(word)) throw std::runtime_error("expected " + word + " at byte " + std::to_string(at) + " of the JSON text");
        }
        unsigned hex() {
            unsigned value = static_cast<unsigned>(std::stoul(source.substr(at, 4), nullptr, 16));
            at += 4;
            return value;
        }
        static void utf8(std::string &out, unsigned c) {
            if (c < 0x80) out += static_cast<char>(c);
            else if (c < 0x800) { out += static_cast<char>(0xC0 | (c >> 6)); out += static_cast<char>(0x80 | (c & 63)); }
            else if (c < 0x10000) {
                out += static_cast<char>(0xE0 | (c >> 12)); out += static_cast<char>(0x80 | ((c >> 6) & 63)); out += static_cast<char>(0x80 | (c & 63));
            } else {
                out += static_cast<char>(0xF0 | (c >> 18)); out += static_cast<char>(0x80 | ((c >> 12) & 63));
                out += static_cast<char>(0x80 | ((c >> 6) & 63)); out += static_cast<char>(0x80 | (c & 63));
            }
        }
        std::string string() {
            std::string out;
            need("\"");
            for (;;) {
                char c = source.at(at++);
                if (c == '"') return out;
                if (c != '\\') { out += c; continue; }
                c = source.at(at++);
                switch (c) {
                case 'n': out += '\n'; break;
                case 't': out += '\t'; break;
                case 'r': out += '\r'; break;
                case 'b': out += '\b'; break;
                case 'f': out += '\f'; break;
                case 'u': {
                    unsigned unit = hex();
                    if (unit >= 0xD800 && unit < 0xDC00) { at += 2; unit = 0x10000 + ((unit - 0xD800) << 10) + (hex() - 0xDC00); }
                    utf8(out, unit);
                    break;
                }
                default: out += c;
                }
            }
        }
        Json value() {
            if (take("null")) return Json();
            if (take("true")) return Json(true);
            if (take("false")) return Json(false);
            space();
            if (source.compare(at, 1, "\"") == 0) return Json(string());
            if (take("[")) {
                Json list(List);
                if (take("]")) return list;
                do list.add(value()); while (take(","));
                need("]");
                return list;
            }
            if (take("{")) {
                Json object(Object);
                if (take("}")) return object;
                do {
                    space();
                    std::string name = string();
                    need(":");
                    object.members.emplace_back(name, value());
                } while (take(","));
                need("}");
                return object;
            }
            size_t end = source.find_first_not_of("+-.eE0123456789", at);
            std::string digits = source.substr(at, end - at);
            if (digits.empty()) throw std::runtime_error("no JSON value at byte " + std::to_string(at));
            at += digits.size();
            return Json(std::strtod(digits.c_str(), nullptr));
        }
    };
};

#endif
