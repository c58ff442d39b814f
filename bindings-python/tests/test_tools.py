"""Tools: what is made of a function, and what becomes of its calls."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import enum
import json
import threading
import time
from typing import Annotated, Any, Dict, List, Literal, Optional, TypedDict, Union

import pytest

import voice_core
from voice_core import AsyncVoiceAgent, Tool, ToolCall, ToolContext, ValidationError, VoiceAgent, tool


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


@dataclasses.dataclass
class Address:
    street: str
    number: int = 1


@dataclasses.dataclass
class Amount:
    euros: int

    def __post_init__(self) -> None:
        if self.euros < 0:
            raise ValueError("an amount is not below 0")


REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("REQUEST", default="nobody's")


class Gift(TypedDict, total=False):
    to: str


class Model:
    """Calls the tools that it was made with, then says what came of them."""

    calls_tools = True

    def __init__(self, *calls: ToolCall) -> None:
        self.calls = calls
        self.requests: List[voice_core.GenerateRequest] = []

    async def generate(self, request: voice_core.GenerateRequest) -> Any:
        self.requests.append(request)
        results = [message.content for message in request.messages if message.role == "tool"]
        if results:
            yield "It says: " + "; ".join(results) + "."
            return
        for call in self.calls:
            yield call


def agent_of(model: Model, *tools: Any) -> VoiceAgent:
    return VoiceAgent(llm=model, tools=tools, storage="memory", tts=Mouth(), stt=Mouth())


class Mouth:
    def synthesize(self, request: voice_core.SynthesisRequest) -> bytes:
        return bytes(480)

    def transcribe(self, request: voice_core.TranscribeRequest) -> str:
        return "Hello"


def called(one: Any, **arguments: Any) -> voice_core.ToolResult:
    """What comes of one call."""
    name = one.name if isinstance(one, Tool) else one.__name__
    with agent_of(Model(ToolCall("a", name, arguments)), one) as agent:
        (result,) = agent.converse(text="Go", speak=False).tool_calls
        return result


def test_a_schema_is_made_of_hints_and_docstring() -> None:
    @tool
    def order(
        order_id: int,
        size: Size,
        kind: Literal["a", "b"] = "a",
        notes: Optional[List[str]] = None,
        address: Optional[Address] = None,
        gift: Optional[Gift] = None,
        price: Annotated[float, "In euros."] = 1.5,
        extra: Union[int, str] = 0,
        table: Dict[str, int] = {},
    ) -> str:
        """Orders something.

        It may take a while.

        Parameters
        ----------
        order_id
            The number on
            the receipt.
        size : Size
            How large.

        Returns
        -------
        str
            Nothing of interest.
        """
        return ""

    assert order.name == "order" and order.description == "Orders something. It may take a while."
    properties = order.parameters["properties"]
    assert properties["order_id"] == {"type": "integer", "description": "The number on the receipt."}
    assert properties["size"] == {"enum": ["small", "large"], "description": "How large."}
    assert properties["kind"] == {"enum": ["a", "b"], "default": "a"}
    assert properties["notes"] == {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}
    street = {"type": "object", "properties": {"street": {"type": "string"}, "number": {"type": "integer"}}}
    assert properties["address"]["anyOf"][0] == {**street, "additionalProperties": False, "required": ["street"]}
    assert properties["gift"]["anyOf"][0]["properties"] == {"to": {"type": "string"}}
    assert properties["price"] == {"type": "number", "description": "In euros.", "default": 1.5}
    assert properties["extra"] == {"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 0}
    assert properties["table"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert order.parameters["required"] == ["order_id", "size"] and order.parameters["additionalProperties"] is False


def test_other_ways_to_write_a_docstring_are_understood() -> None:
    def google(city: str, days: int = 1) -> None:
        """The weather.

        Args:
            city: Where it is
                wanted.
            days (int, optional): For how long.

        Returns:
            Nothing.
        """

    def sphinx(city: str) -> None:
        """The weather.

        :param city: Where it is wanted.
        :returns: nothing
        """

    assert Tool(google).parameters["properties"]["city"]["description"] == "Where it is wanted."
    assert Tool(google).parameters["properties"]["days"]["description"] == "For how long."
    assert Tool(sphinx).parameters["properties"]["city"]["description"] == "Where it is wanted."
    assert {Tool(google).description, Tool(sphinx).description} == {"The weather."}


def test_what_no_schema_can_be_made_of_is_named_at_once() -> None:
    def untyped(order_id) -> None:  # type: ignore[no-untyped-def]
        pass

    def strange(when: threading.Lock) -> None:
        pass

    def many(*orders: int) -> None:
        pass

    def keyed(table: Dict[int, str]) -> None:
        pass

    def yields(city: str) -> Any:
        yield city

    for function, part in (
        (untyped, "untyped: the parameter order_id has no type"),
        (strange, "strange: the parameter when has the type"),
        (many, "many: the parameter orders cannot be given by its name"),
        (keyed, "keyed: the parameter table: the keys of a JSON object are str, not int"),
        (yields, "yields: a tool returns its result"),
    ):
        with pytest.raises(ValidationError, match=part):
            tool(function)
    with pytest.raises(ValidationError, match="timeout"):
        tool(timeout=0)(lambda: None)
    with pytest.raises(ValidationError, match=r"tools\[0\]: int is not accepted"):
        VoiceAgent(tools=[3])  # type: ignore[list-item]
    with pytest.raises(ValidationError, match="tools: str is not accepted"):
        VoiceAgent(tools="weather")  # type: ignore[arg-type]


def test_a_tool_is_still_the_function_that_it_is() -> None:
    @tool(name="doubled", timeout=2)
    def twice(n: int) -> int:
        """Twice."""
        return 2 * n

    assert twice(4) == 8 and twice.function(4) == 8 and twice.name == "doubled"


def test_arguments_come_as_the_types_that_the_function_asks_for() -> None:
    def order(size: Size, address: Address, notes: List[Size], price: float = 0) -> List[str]:
        return [size.name, address.street, str(address.number), *[one.name for one in notes], repr(price)]

    given = {"size": "small", "address": {"street": "Main"}, "notes": ["large"], "price": 2}
    assert json.loads(called(order, **given).result) == ["SMALL", "Main", "1", "LARGE", "2.0"]


def test_results_are_told_as_text_or_json() -> None:
    def text() -> str:
        return "on its way"

    def structured() -> Address:
        return Address("Main")

    def nothing() -> None:
        pass

    async def late() -> Dict[str, int]:
        await asyncio.sleep(0)
        return {"n": 1}

    assert called(text).result == "on its way"
    assert json.loads(called(structured).result) == {"street": "Main", "number": 1}
    assert called(nothing).result == "done"
    assert json.loads(called(late).result) == {"n": 1}


def test_a_result_that_is_no_json_is_told_to_the_model() -> None:
    def strange() -> object:
        return object()

    result = called(strange)
    assert result.failed and "strange gave object" in result.result


def test_what_a_tool_raises_is_told_to_the_model() -> None:
    def broken() -> str:
        raise KeyError("no such order")

    def picky() -> str:
        raise ValidationError("there is no order 9")

    assert called(broken).failed and "no such order" in called(broken).result
    assert json.loads(called(picky).result)["error"] == {"code": "VALIDATION_ERROR", "message": "there is no order 9"}


def test_what_making_an_argument_raises_is_told_to_the_model() -> None:
    def pay(amount: Amount) -> str:
        return "paid"

    async def pay_later(amount: Amount) -> str:
        return "paid"

    for one in (pay, pay_later):
        assert called(one, amount={"euros": 1}).result == "paid"
        result = called(one, amount={"euros": -1})
        assert result.failed and "an amount is not below 0" in result.result


def test_a_tool_learns_whose_call_it_is() -> None:
    def whose(context: ToolContext) -> str:
        return f"{context.user} {len(context.session_id)} {0 < context.timeout <= 20} {context.cancelled}"

    with agent_of(Model(ToolCall("a", "whose", {})), whose) as agent:
        reply = agent.converse(text="Go", user="ada", speak=False)
    assert reply.tool_calls[0].result == "ada 36 True False" and reply.text == "It says: ada 36 True False."


def test_a_model_is_told_of_tools_and_results() -> None:
    model = Model(ToolCall("a", "weather", {"city": "Bonn"}))

    def weather(city: str) -> str:
        """The weather."""
        return "sunny"

    with agent_of(model, weather) as agent:
        agent.converse(text="Go", speak=False)
    first, second = model.requests
    assert [(one.name, one.description) for one in first.tools] == [("weather", "The weather.")]
    assert first.tools[0].parameters["required"] == ["city"] and first.tool_choice == "auto"
    call, result = second.messages[-2:]
    assert (call.role, call.tool_calls[0].name, call.tool_calls[0].arguments) == ("assistant", "weather", {"city": "Bonn"})
    assert (result.role, result.content, result.name, result.failed) == ("tool", "sunny", "weather", False)
    assert result.tool_call_id == call.tool_calls[0].id


def test_cancelling_the_turn_cancels_the_task_of_the_tool() -> None:
    async def main() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def slow() -> None:
            begun.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.set()
                raise

        async with AsyncVoiceAgent(llm=Model(ToolCall("a", "slow", {})), tools=[slow], tts=Mouth(), stt=Mouth(), storage="memory") as agent:
            turn = asyncio.ensure_future(agent.converse(text="Go"))
            await asyncio.wait_for(begun.wait(), 20)
            turn.cancel()
            with pytest.raises(asyncio.CancelledError):
                await turn
            await asyncio.wait_for(ended.wait(), 20)

    asyncio.run(main())


def test_a_plain_tool_that_blocks_can_see_that_its_time_is_over() -> None:
    seen = threading.Event()

    @tool(timeout=0.1)
    def stubborn(context: ToolContext) -> None:
        for _ in range(20_000):
            if context.cancelled:
                seen.set()
                return
            time.sleep(0.001)

    result = called(stubborn)
    assert result.failed and "TIMEOUT" in result.result and seen.wait(20)


def test_events_tell_of_calls_results_and_history() -> None:
    def weather(city: str) -> str:
        return f"sunny in {city}"

    with agent_of(Model(ToolCall("a", "weather", {"city": "Bonn"})), weather) as agent:
        events = list(agent.turn(text="Go", speak=False))
        (call,) = [event for event in events if isinstance(event, ToolCall)]
        (result,) = [event for event in events if isinstance(event, voice_core.ToolResult)]
        done = events[-1]
        assert (call.name, call.arguments) == ("weather", {"city": "Bonn"}) and result.result == "sunny in Bonn"
        assert isinstance(done, voice_core.Done) and done.reply.tool_calls == (result,)
        history = agent.sessions.history(done.reply.session_id)
        assert [message.role for message in history.items] == ["user", "tool", "assistant"]


def test_a_turn_and_a_live_session_have_tools_of_their_own() -> None:
    loops: List[object] = []

    async def weather(city: str) -> str:
        loops.append(asyncio.get_running_loop())
        return f"rain in {city}"

    def spoken(model: Model) -> List[List[str]]:
        return [[spec.name for spec in request.tools] for request in model.requests]

    async def run() -> None:
        model = Model(ToolCall("a", "weather", {"city": "Bern"}))
        async with AsyncVoiceAgent(llm=model, storage="memory", tts=Mouth(), stt=Mouth()) as agent:
            reply = await agent.converse(text="Rain?", tools=[weather])
            assert reply.text == "It says: rain in Bern."
            events = [event async for event in agent.turn(text="Rain?", tools=[weather])]
            assert sum(isinstance(event, voice_core.ToolResult) for event in events) == 1
            async with agent.live(tools=[tool(weather)]) as live:
                live.push_text("Rain?")
                async for event in live:
                    if isinstance(event, voice_core.TurnDone):
                        assert [call.result for call in event.tool_calls] == ["rain in Bern"]
                        break
            assert loops == [asyncio.get_running_loop()] * 3
            assert spoken(model) == [["weather"]] * 6

    asyncio.run(run())


def whose() -> str:
    return REQUEST.get()


async def whose_later() -> str:
    await asyncio.sleep(0)
    return REQUEST.get()


def test_the_tools_of_a_turn_and_of_a_live_session_see_the_context_of_who_began_it() -> None:
    model = Model(ToolCall("a", "whose", {}), ToolCall("b", "whose_later", {}))

    async def run() -> None:
        async with AsyncVoiceAgent(llm=model, storage="memory", tts=Mouth(), stt=Mouth()) as agent:

            async def asked(who: str) -> List[str]:
                REQUEST.set(who)
                reply = await agent.converse(text="Go", tools=[whose, whose_later], speak=False)
                return [call.result for call in reply.tool_calls]

            assert await asyncio.gather(asked("ann's"), asked("bob's")) == [["ann's"] * 2, ["bob's"] * 2]
            REQUEST.set("the session's")
            async with agent.live(tools=[whose, whose_later]) as live:
                REQUEST.set("later")
                live.push_text("Go")
                async for event in live:
                    if isinstance(event, voice_core.TurnDone):
                        assert [call.result for call in event.tool_calls] == ["the session's"] * 2
                        break

    def block() -> None:
        REQUEST.set("the thread's")
        with VoiceAgent(llm=model, storage="memory", tts=Mouth(), stt=Mouth()) as agent:
            reply = agent.converse(text="Go", tools=[whose, whose_later], speak=False)
            assert [call.result for call in reply.tool_calls] == ["the thread's"] * 2

    asyncio.run(run())
    contextvars.copy_context().run(block)


def test_the_blocking_agent_has_tools_for_a_turn_too() -> None:
    with VoiceAgent(llm=Model(ToolCall("a", "look", {})), storage="memory", tts=Mouth(), stt=Mouth()) as agent:
        assert agent.converse(text="Look", tools=[tool(name="look")(lambda: "a cat")]).text == "It says: a cat."
        with pytest.raises(ValidationError, match=r"tools\[0\]: int is not accepted"):
            agent.turn(text="Look", tools=[3])  # type: ignore[list-item]
        with pytest.raises(ValidationError, match="tools: str is not accepted"):
            agent.live(tools="look")
