// The header and the library from C++.
#include <memory>
#include <string>

#include "hosts.h"

template <auto Free> struct Freed { template <class T> void operator()(T *handle) const { Free(handle); } };
using Agent = std::unique_ptr<vc_agent, Freed<vc_agent_free>>;
using Reply = std::unique_ptr<vc_reply, Freed<vc_reply_free>>;

int main() {
    {
        Agent agent(plain_agent());
        vc_reply *reply = nullptr;
        OK(ask(agent.get(), "Hello", &reply, error));
        Reply owned(reply);
        CHECK(std::string(vc_reply_transcript(owned.get())) == "Hello");
        vc_turn *turn = nullptr;
        vc_input input{};
        input.text = "And again";
        OK(vc_turn_start(agent.get(), &input, nullptr, nullptr, nullptr, &turn, error));
        vc_turn_free(turn);
    }
    everything_was_freed();
}
