"""The config document as types. Written by `cargo xtask gen` from the library's own schema: do not edit."""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Optional, TypedDict, Union


class _ProviderRequired(TypedDict):
    provider: str
    """Whose: ``local``, ``openai``, ``anthropic``, ``google``, ``deepgram``, ``elevenlabs``, ``cartesia``,
    ``bhashini``, ``groq``, …"""


class Provider(_ProviderRequired, total=False):
    """One provider: ``"provider/model"``, or an object that says more."""

    model: Optional[str]
    """Which of its models; left out: its default. For ``local``, a name in the model folder or a path."""
    voice: Optional[str]
    """Which voice, by the provider's own name or id."""
    api_key: Optional[str]
    """The key. Default: the provider's environment variable."""
    base_url: Optional[str]
    """Where the server is, if not where the provider's own is. Beside a name that is not known: a server that speaks
    OpenAI's wire format."""
    settings: Dict[str, Any]
    """What only this provider knows, such as ``speed``, ``instructions`` or ``live_model``: ``docs/providers.md``
    lists all."""


class Assistant(TypedDict, total=False):
    """Who the agent is and how it answers."""

    system_prompt: str
    """The instructions of the language model."""
    first_message: Optional[str]
    """What is spoken when a live session starts."""
    language: str
    """The language of the conversation (BCP 47), or ``auto``. Default ``auto``."""
    background_denoising: bool
    """Whether noise is taken out of what is heard, in turns and in live sessions. Default false."""
    temperature: float
    """The sampling temperature, 0–2. Default 0.7."""
    max_tokens: int
    """The most tokens of one answer. Default 500."""
    context_messages: int
    """How many messages of history the language model is shown (0–100). Default 10."""
    max_tool_rounds: int
    """How often in one turn the language model may call tools before it has to answer (1–100). Default 5."""
    filler: str
    """What is said, once in a turn, while a tool takes its time; empty: nothing. Default "One moment.\""""
    filler_after_ms: int
    """After how long of a tool's work that is said, in milliseconds. Default 2,000."""
    interpreter: Optional[Interpreter]
    """The agent interprets between two languages instead of answering. Default: it answers."""


class Interpreter(TypedDict, total=False):
    """The agent is an interpreter between two languages: whatever is said in the one is said again in the other, and
    nothing is answered. The system prompt is then the interpreter's own, the temperature is 0, and no tools are
    offered. Both wordings are kept in the history, each with its language."""

    languages: List[str]
    """The two languages (BCP 47). Default ``en`` and ``es``."""
    voices: Dict[str, InterpreterVoice]
    """Who speaks which language, by its tag. Default: the agent's own voice, which is told the language."""
    context_utterances: int
    """How many of the latest utterances the language model is shown with their interpretations, so that it knows
    what pronouns refer to (0–50). Default 6."""
    other_languages: bool
    """What is said in another language: true, it is interpreted into the first of the two; false, it is kept and not
    spoken. Default false."""
    repeat_phrases: Dict[str, List[str]]
    """What asks for the last interpretation again when nothing else is said, by language tag; more than the built-in
    ones."""
    instructions: Optional[str]
    """What the language model is told besides: the setting, names, how terms are to be said."""


class InterpreterVoice(TypedDict, total=False):
    """Who speaks one of an interpreter's languages."""

    provider: Optional[str]
    """Whose text to speech. Default: the first that the agent or its assistant names."""
    model: Optional[str]
    """Which of its models."""
    voice: Optional[str]
    """Which voice, by the provider's own name or id."""
    settings: Dict[str, Any]
    """What only this provider knows, such as ``speed``."""


class Actions(TypedDict, total=False):
    """Things said that have to be acted on are found by the language model after each exchange, beside the
    conversation, and kept."""

    types: List[str]
    """What is looked for: ``follow_up_visit``, ``lab_order``, ``refill``, ``referral``, ``imaging_order``, and the
    names that ``definitions`` says. Default: all of these and those."""
    definitions: Dict[str, ActionDefinition]
    """Types of the host's own, or other words for the built-in ones, by name."""
    confidence: float
    """How sure the language model must be, 0–1. Default 0.6."""
    context_messages: int
    """How many of the latest messages the language model is shown (2–50). Default 8."""
    on_replies: bool
    """Whether a one-shot turn waits for what is found in it, so that its reply says it. Its text and its sound do
    not wait. Default false: it is found when the reply is there already."""


class ActionDefinition(TypedDict, total=False):
    """A type of actions of the host's own."""

    description: str
    """What it is, for the language model: when there is one, and when there is none."""
    details: Dict[str, Any]
    """The JSON schema of its details, an object. Default: any."""


class McpServer(TypedDict, total=False):
    """A server of the Model Context Protocol. Its tools stand beside the host's own: assistants choose among them by
    name. Needs the feature ``mcp``, which the packages of other languages have. Reached at a ``url`` (Streamable
    HTTP), or a ``command`` of this machine that is started and spoken with over its standard input and output."""

    url: Optional[str]
    """Where the server is, for example ``https://mcp.example.org/mcp``."""
    headers: Dict[str, str]
    """Headers of every request, for example ``Authorization``. Their values are never shown."""
    command: Optional[str]
    """The program of a server on this machine, for example ``npx``."""
    args: List[str]
    """What it is given."""
    env: Dict[str, str]
    """Variables of its environment. Of this process's own it gets only those that every program needs (``PATH``,
    ``HOME``, …), so that no key reaches it by accident. Their values are never shown."""
    tools: Optional[List[str]]
    """Which of its tools may be called, by the server's names. Default: all."""
    prefix: str
    """What is put before the names of its tools, so that no two servers' are alike. Default: nothing."""
    timeout_seconds: float
    """How long the server may take to begin, and over one call of a tool, in seconds. Default 20."""
    required: bool
    """Whether the agent cannot be made without it. If not, and it cannot be reached then, the agent is made without
    its tools, and the log says so. Default true."""


class Knowledge(TypedDict, total=False):
    """Which documents answers are drawn from, and how much of them the language model is told. They are kept by
    ``VoiceAgent::knowledge``."""

    documents: List[str]
    """The host's own documents that are searched for each answer, by their ids; ``*`` stands for all that belong to
    no organization. An assistant that names documents has those instead. Default: none."""
    as_tool: bool
    """Whether the language model is given a tool, ``search_knowledge``, in place of passages with every question.
    One that cannot call tools is given passages all the same; a model that hears and speaks by itself always has the
    tool. Default false."""
    top_k: int
    """How many passages the model is given at most (1–20). Default 3."""
    min_score: float
    """How much of what was asked a passage must have to be given, 0–1. Default 0.2."""
    max_characters: int
    """How many characters they have at most, all together (1,000–100,000). Default 2,000."""
    timeout_ms: int
    """How long an answer waits for the documents to be searched, in milliseconds; it does without them then. Default
    500."""
    memory_mb: float
    """How many MiB of text are kept ready to be searched. Documents that have more than that, all those together
    that one answer is drawn from, are not searched. Default 64."""


class Accounts(TypedDict, total=False):
    """Organizations, users and their keys."""

    rate_limit: Optional[RateLimit]
    """How often an API key may be used that has no limit of its own. Default: as often as it likes."""
    credentials_key: Optional[str]
    """The key under which the credentials of providers and the secrets of webhooks are encrypted: 32 bytes as 64
    hexadecimal digits or in base64. Without one, none can be kept. Default: the environment variable
    ``VOICE_CORE_CREDENTIALS_KEY``."""


class _RateLimitRequired(TypedDict):
    per_minute: int
    """Calls a minute, on average."""


class RateLimit(_RateLimitRequired, total=False):
    """How many calls a provider is sent at most. Calls above it wait their turn, or fail when their deadline is
    nearer; where another provider of the list is ready, none waits for more than a second."""

    burst: int
    """How many may go at once after a quiet time. Default 1."""


class Retention(TypedDict, total=False):
    """How long things are kept. What is left out is kept until somebody deletes it."""

    every_minutes: Optional[float]
    """How often idle sessions are ended and old things deleted in the background, in minutes. Default: never; the
    host does it by calls."""
    sessions_days: Optional[float]
    """After how many days a session that is over is deleted, with everything said in it."""
    messages_days: Optional[float]
    """After how many days messages, actions and summaries are deleted, whatever becomes of their session."""
    audit_days: Optional[float]
    """After how many days an entry of the audit log is deleted."""


class Live(TypedDict, total=False):
    """How a live session takes turns and behaves."""

    recognition: Literal["streaming", "utterances"]
    """When the user's words are recognised. One of ``streaming``, ``utterances``."""
    turn_detection: Literal["automatic", "model", "manual"]
    """Who says that the user's turn is over. One of ``automatic``, ``model``, ``manual``."""
    endpointing: Endpointing
    """When the user's turn is over."""
    interruption: Interruption
    """When the user may stop the agent."""
    vad: Vad
    """When sound counts as speech."""
    input: Input
    """What is done to the user's sound before it is listened to."""
    output: Output
    """How sound is given out."""
    conversation: Conversation
    """How the conversation is kept going and ended."""


class Endpointing(TypedDict, total=False):
    """When the user's turn is over: at least ``min_delay_ms`` after the last voice when the words sound complete, at
    most ``max_delay_ms`` when they do not."""

    min_delay_ms: int
    """The least silence, in milliseconds. Default 500."""
    max_delay_ms: int
    """The most silence that is waited for, in milliseconds. Default 3,000."""
    preemptive_generation: bool
    """The answer is begun as soon as the turn is likely over, and thrown away if the user goes on. Default true."""
    max_utterance_seconds: float
    """The longest utterance, in seconds; it is answered then, even if the user still speaks. Default 60."""


class Interruption(TypedDict, total=False):
    """When the user may stop the agent."""

    enabled: bool
    """Whether the user can interrupt at all. What is said meanwhile is answered when the agent has finished. Default
    true."""
    min_duration_ms: int
    """For how long the user must speak before the agent falls silent, in milliseconds. Default 500."""
    min_words: int
    """How many words the user must say to interrupt. Default 0: any word that is not a backchannel."""
    false_interruption_timeout_ms: int
    """How long after the user's voice the agent goes on speaking if there were no words, in milliseconds. Default
    2,000."""
    resume_false_interruption: bool
    """Whether the agent goes on speaking where it stopped if the interruption was none. Default true."""
    backchannels: List[str]
    """What listeners say without wanting the turn, in lower case; more than the built-in ones."""


class Vad(TypedDict, total=False):
    """When sound counts as speech."""

    threshold: float
    """How sure the detector must be, 0–1. Default 0.5."""
    min_speech_ms: int
    """For how long there must be voice, in milliseconds. Default 48."""
    min_silence_ms: int
    """For how long there must be none before an utterance is recognised, in milliseconds. Default 200."""
    prefix_padding_ms: int
    """How much of the sound before the voice belongs to it, in milliseconds. Default 300."""
    background_below_db: float
    """Voices that go on this many decibels fainter than the user's are others', behind the user: they keep no turn
    open and begin none. 0: every voice is the user's. Default 12."""


class Input(TypedDict, total=False):
    """What is done to the user's sound before it is listened to. Each costs some processor time; together they make
    it at most 30 ms late."""

    denoising: bool
    """Whether noise is taken out (RNNoise). Default false: recognisers that know noise do better without."""
    echo_cancellation: bool
    """Whether the echo of what the agent says is taken out (WebRTC's AEC3): for loudspeakers near the microphone
    where the device does not do it itself. What is played is known from what was given out. Default false."""
    automatic_gain: bool
    """Whether quiet voices are made louder and loud ones kept from clipping (WebRTC's AGC2). Default false."""


class Output(TypedDict, total=False):
    """How sound is given out."""

    pacing: Literal["real_time", "immediate"]
    """At which pace. One of ``real_time``, ``immediate``."""
    lead_ms: int
    """With real-time pacing, how much sound is given out ahead of its time, in milliseconds. Default 200."""
    frame_ms: int
    """How long each piece of sound is, in milliseconds; 0: as the provider gives it. Default 20."""


class Conversation(TypedDict, total=False):
    """How the conversation is kept going and ended."""

    greeting_interruptible: bool
    """Whether the greeting can be interrupted. Default false."""
    reminder_seconds: Optional[float]
    """After how many seconds of silence the user is reminded. Default: never."""
    reminder_max_count: int
    """How often at most, until the user speaks again. Default 2."""
    reminder_message: str
    """What is said then."""
    silence_timeout_seconds: Optional[float]
    """After how many seconds of silence from both sides the session ends. Default: never."""
    max_duration_seconds: Optional[float]
    """After how many seconds the session ends, whatever happens. Default: never."""
    end_call_phrases: List[str]
    """When the agent's answer has one of these phrases, the session ends once it is spoken."""
    goodbye_phrases: List[str]
    """When the user says no more than one of these, the agent answers and the session ends."""
    end_call_message: Optional[str]
    """What is said before the session ends of itself."""
    dtmf_timeout_ms: int
    """How long digits are collected before they count as typed, in milliseconds; ``#`` ends them at once. Default
    2,000."""


class _RecordingsRequired(TypedDict):
    store: str
    """Where: ``file:FOLDER``, ``s3://BUCKET/PREFIX`` (credentials come from the environment: ``AWS_ACCESS_KEY_ID``,
    …), or ``memory``."""


class Recordings(_RecordingsRequired, total=False):
    """Keeps the sound of turns beside their words: what the user said, what the agent answered, or both. The
    messages refer to it. It goes with the session, with its user and with retention; a turn whose sound cannot be
    kept is saved without it."""

    user: bool
    """Whether what the user says is kept. Default true."""
    assistant: bool
    """Whether what the agent says is kept. Default true."""
    live: bool
    """Whether the whole of each live session is kept as well, both sides in one file along the wall clock: the user
    on the left, the agent on the right, at 16,000 samples a second. Default false."""
    format: Literal["wav", "opus"]
    """The format of the files. Default ``wav``. One of ``wav``, ``opus``."""


class Limits(TypedDict, total=False):
    """What is accepted, and for how long."""

    max_audio_bytes: int
    """The most bytes of one recording. Default 26,214,400 (25 MiB)."""
    max_audio_seconds: float
    """The longest recording, in seconds. Default 300."""
    max_text_characters: int
    """The most characters of a typed message. Default 10,000."""
    session_idle_minutes: float
    """After how many minutes without a turn a session expires. Default 30."""
    turn_seconds: float
    """How long a turn may take, in seconds, when the call does not say. Default 120."""


class Retry(TypedDict, total=False):
    """When and how often a failed attempt is made again. Only errors that say they are retryable are. Where another
    provider of the list is ready, it is asked at once instead of trying again after a time-out or a connection that
    could not be made, and instead of waiting for more than a second."""

    attempts: int
    """Attempts in all, the first included (1–10). Default 3."""
    first_delay_ms: int
    """The longest wait before the second attempt, in milliseconds; it doubles with each one. Default 1,000."""
    max_delay_ms: int
    """The longest wait before any attempt, in milliseconds; a provider that asks for more is not waited for. Default
    20,000."""
    jitter: bool
    """Whether waits are drawn at random between nothing and their longest ("full jitter"), so that many callers do
    not come back at once. Default true."""


class Timeout(TypedDict, total=False):
    """How long each part of one attempt may take. The deadline of the turn stands above all of them."""

    connect_ms: int
    """To open a connection, in milliseconds. Default 5,000. Watched by the provider's own client."""
    first_byte_ms: int
    """From the call to its first result, in milliseconds. Default 30,000. Where another provider of the list is
    ready, it is asked when this is over."""
    idle_ms: int
    """Between two results, in milliseconds. Default 15,000."""


class CircuitBreaker(TypedDict, total=False):
    """When a failing provider is left alone, so that a turn goes to the next in the list at once."""

    failures: int
    """Calls that must fail in a row. Default 5; 0 switches the breaker off."""
    rest_ms: int
    """How long the provider then rests, in milliseconds. One call is let through after that: if it succeeds the
    provider is back, otherwise it rests again. Default 30,000."""


class Prices(TypedDict, total=False):
    """What providers charge. The library knows no prices by itself: they change, and depend on contracts."""

    currency: str
    """The currency of every price: three capital letters (ISO 4217). Default ``USD``."""
    models: Dict[str, ModelPrice]
    """Prices by ``provider/model``, or by its beginning and ``*``; of several that fit, the longest counts. Without
    a price there is no cost."""


class ModelPrice(TypedDict, total=False):
    """What one model costs. What it is not asked for may be left out; with nothing at all, it is free of charge."""

    input_per_million: Optional[float]
    """The price of a million tokens of a prompt."""
    cached_input_per_million: Optional[float]
    """The price of a million tokens of a prompt that came from the provider's cache. Default: that of others."""
    output_per_million: Optional[float]
    """The price of a million tokens that were written."""
    audio_input_per_million: Optional[float]
    """The price of a million tokens of sound that was heard, by a model that hears and speaks by itself.
    ``input_per_million`` is then the price of text."""
    cached_audio_input_per_million: Optional[float]
    """The price of a million of these that came from the provider's cache. Default: that of others."""
    audio_output_per_million: Optional[float]
    """The price of a million tokens of sound that such a model spoke."""
    heard_per_minute: Optional[float]
    """The price of a minute of sound that was recognised."""
    spoken_per_million_characters: Optional[float]
    """The price of a million characters that were spoken."""


class Telemetry(TypedDict, total=False):
    """Sends what is measured to an OpenTelemetry collector, as OTLP in JSON over HTTP: a span for every live
    session, turn, and call of a provider or a tool, and metrics. Never words, sound or keys. Needs the feature
    ``otel``, which the packages of other languages have. The environment variables of OpenTelemetry stand for what
    is left out: ``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_EXPORTER_OTLP_HEADERS``, ``OTEL_EXPORTER_OTLP_TIMEOUT``,
    ``OTEL_SERVICE_NAME``, ``OTEL_RESOURCE_ATTRIBUTES``, ``OTEL_BSP_SCHEDULE_DELAY``,
    ``OTEL_METRIC_EXPORT_INTERVAL``. With ``OTEL_SDK_DISABLED=true`` none of them is read."""

    otlp_endpoint: Optional[str]
    """Where the collector is, for example ``http://localhost:4318``; ``/v1/traces`` and ``/v1/metrics`` are added.
    Default: nothing is sent."""
    headers: Dict[str, str]
    """Headers of every request, for example the key of a service. Their values are never shown."""
    service_name: str
    """The attribute ``service.name`` of everything that is sent. Default ``voice-core``."""
    attributes: Dict[str, str]
    """More attributes of everything that is sent, for example ``deployment.environment.name``."""
    spans_interval_ms: int
    """How often spans are sent, in milliseconds; 512 are sent at once. Default 5,000."""
    metrics_interval_ms: int
    """How often metrics are sent, in milliseconds. Default 60,000."""
    timeout_ms: int
    """How long the collector may take over a request, in milliseconds. Default 10,000."""


class Webhooks(TypedDict, total=False):
    """How webhooks are delivered: how long an attempt may take, when it is made again, and where it may go. Needs
    the feature ``webhooks``, which the packages of other languages have. An attempt that fails is made again after
    ``first_delay_seconds``, then after ``backoff`` times as long each time, up to ``longest_delay_seconds``, with up
    to a quarter more by chance. By the defaults there are twelve attempts in about 32 hours."""

    deliver: bool
    """Whether this agent delivers. Of several agents on one database, any number may; one has to. Default true."""
    timeout_seconds: float
    """How long an attempt may take, in seconds, from the connection to the end of the answer. Default 30."""
    attempts: int
    """How many attempts are made before a delivery has failed (1–50). Default 12."""
    first_delay_seconds: float
    """The wait before the second attempt, in seconds. Default 5."""
    backoff: float
    """By how much each wait is longer than the one before (1–10). Default 4."""
    longest_delay_seconds: float
    """The longest wait, in seconds, also where the receiver asks for one. Default 21,600 (6 hours)."""
    poll_seconds: float
    """How often to look for what other processes left to be delivered, in seconds. Default 15."""
    keep_days: float
    """After how many days deliveries that are over are deleted from the log. Default 30."""
    allow_http: bool
    """Whether webhooks may have addresses of plain HTTP. Default false: anybody on the way could read what is
    told."""
    allow_private: bool
    """Whether webhooks may lead to this machine and to private networks. Default false: who may create webhooks
    could otherwise reach what only the host should reach."""


class Local(TypedDict, total=False):
    """Local models."""

    models: Optional[str]
    """The folder of the model files. Default: ``VOICE_CORE_MODELS``, else ``voice-core/models`` in the user's data
    folder."""
    threads: Optional[int]
    """How many threads models may use, all together. Default: one less than there are cores, but both of two."""


ProviderList = Union[str, Provider, List[Union[str, Provider]]]
"""One provider, or several in the order in which they are tried."""


class Config(TypedDict, total=False):
    """The configuration of an agent. See the module for where it comes from."""

    stt: Optional[ProviderList]
    """Speech to text: one provider, or several tried in order. Default: the local one."""
    llm: Optional[ProviderList]
    """The language model: one provider, or several tried in order. Default: the local one."""
    tts: Optional[ProviderList]
    """Text to speech: one provider, or several tried in order. Default: the local one."""
    realtime: Optional[ProviderList]
    """A model that hears and speaks by itself: it holds live sessions in place of the three. What of them is not
    named then is left out; one-shot turns need them. Default: none."""
    storage: Optional[str]
    """Where conversations are kept: ``sqlite:PATH``, ``postgres://…``, ``mongodb://…``, ``memory``. Default:
    ``DATABASE_URL``, else an SQLite file in the user's data folder."""
    assistant: Assistant
    """Who the agent is."""
    actions: Optional[Actions]
    """What is found in conversations that has to be acted on. Default: nothing is looked for."""
    mcp_servers: Dict[str, McpServer]
    """Servers of the Model Context Protocol whose tools the language model may call, by names of your own. Default:
    none."""
    knowledge: Knowledge
    """Which documents answers are drawn from. Default: none."""
    accounts: Accounts
    """Organizations, users and their keys."""
    retention: Retention
    """How long things are kept."""
    live: Live
    """How live sessions take turns and behave."""
    recordings: Optional[Recordings]
    """Whether the sound of turns is kept, and where. Default: it is not."""
    limits: Limits
    """What is accepted, and for how long."""
    retry: Retry
    """When a failed attempt at a provider is made again."""
    timeouts: Timeout
    """How long an attempt at a provider may take."""
    circuit_breaker: CircuitBreaker
    """When a failing provider is left alone."""
    rate_limit: Optional[RateLimit]
    """How many calls each provider is sent at most."""
    prices: Prices
    """What providers charge, so that turns know what they cost. Default: no prices, and no costs."""
    telemetry: Telemetry
    """Whether what is measured is sent to an OpenTelemetry collector. Default: it is not."""
    webhooks: Webhooks
    """How webhooks are delivered."""
    local: Local
    """Local models."""
    warm_up: bool
    """Whether every provider is made ready (models loaded, connections opened) before the agent is. Default
    false."""
    log_level: Optional[str]
    """Which log records the host should show: ``error``, ``warn``, ``info``, ``debug``, ``trace``. The library never
    prints by itself."""
