// Written by `cargo xtask gen` from the library's own schema. Do not edit.

/** The configuration of an agent. See the module for where it comes from. */
export interface Config {
  /** Speech to text: one provider, or several tried in order. Default: the local one. */
  stt?: ProviderList | null
  /** The language model: one provider, or several tried in order. Default: the local one. */
  llm?: ProviderList | null
  /** Text to speech: one provider, or several tried in order. Default: the local one. */
  tts?: ProviderList | null
  /**
   * A model that hears and speaks by itself: it holds live sessions in place of the three. What of them is not named
   * then is left out; one-shot turns need them. Default: none.
   */
  realtime?: ProviderList | null
  /**
   * Where conversations are kept: `sqlite:PATH`, `postgres://…`, `mongodb://…`, `memory`. Default: `DATABASE_URL`,
   * else an SQLite file in the user's data folder.
   */
  storage?: string | null
  /** Who the agent is. */
  assistant?: AssistantConfig
  /** What is found in conversations that has to be acted on. Default: nothing is looked for. */
  actions?: ActionsConfig | null
  /**
   * Servers of the Model Context Protocol whose tools the language model may call, by names of your own. Default:
   * none.
   */
  mcp_servers?: Record<string, McpServerConfig>
  /** Which documents answers are drawn from. Default: none. */
  knowledge?: KnowledgeConfig
  /** Organizations, users and their keys. */
  accounts?: AccountsConfig
  /** How long things are kept. */
  retention?: RetentionConfig
  /** How live sessions take turns and behave. */
  live?: LiveConfig
  /** Whether the sound of turns is kept, and where. Default: it is not. */
  recordings?: RecordingsConfig | null
  /** What is accepted, and for how long. */
  limits?: LimitsConfig
  /** When a failed attempt at a provider is made again. */
  retry?: RetryOptions
  /** How long an attempt at a provider may take. */
  timeouts?: TimeoutOptions
  /** When a failing provider is left alone. */
  circuit_breaker?: CircuitBreakerOptions
  /** How many calls each provider is sent at most. */
  rate_limit?: RateLimitOptions | null
  /** What providers charge, so that turns know what they cost. Default: no prices, and no costs. */
  prices?: PricesConfig
  /** Whether what is measured is sent to an OpenTelemetry collector. Default: it is not. */
  telemetry?: TelemetryConfig
  /** How webhooks are delivered. */
  webhooks?: WebhooksConfig
  /** Local models. */
  local?: LocalConfig
  /** Whether every provider is made ready (models loaded, connections opened) before the agent is. Default false. */
  warm_up?: boolean
  /**
   * Which log records the host should show: `error`, `warn`, `info`, `debug`, `trace`. The library never prints by
   * itself.
   */
  log_level?: string | null
}

export type ProviderList = string | ProviderConfig | Array<string | ProviderConfig>

/** One provider: `"provider/model"`, or an object that says more. */
export interface ProviderConfig {
  /** Whose: `local`, `openai`, `anthropic`, `google`, `deepgram`, `elevenlabs`, `cartesia`, `bhashini`, `groq`, … */
  provider: string
  /** Which of its models; left out: its default. For `local`, a name in the model folder or a path. */
  model?: string | null
  /** Which voice, by the provider's own name or id. */
  voice?: string | null
  /** The key. Default: the provider's environment variable. */
  api_key?: string | null
  /**
   * Where the server is, if not where the provider's own is. Beside a name that is not known: a server that speaks
   * OpenAI's wire format.
   */
  base_url?: string | null
  /** What only this provider knows, such as `speed`, `instructions` or `live_model`: `docs/providers.md` lists all. */
  settings?: Record<string, unknown>
}

/** Who the agent is and how it answers. */
export interface AssistantConfig {
  /** The instructions of the language model. */
  system_prompt?: string
  /** What is spoken when a live session starts. */
  first_message?: string | null
  /** The language of the conversation (BCP 47), or `auto`. Default `auto`. */
  language?: string
  /** Whether noise is taken out of what is heard, in turns and in live sessions. Default false. */
  background_denoising?: boolean
  /** The sampling temperature, 0–2. Default 0.7. */
  temperature?: number
  /** The most tokens of one answer. Default 500. */
  max_tokens?: number
  /** How many messages of history the language model is shown (0–100). Default 10. */
  context_messages?: number
  /** How often in one turn the language model may call tools before it has to answer (1–100). Default 5. */
  max_tool_rounds?: number
  /** What is said, once in a turn, while a tool takes its time; empty: nothing. Default "One moment." */
  filler?: string
  /** After how long of a tool's work that is said, in milliseconds. Default 2,000. */
  filler_after_ms?: number
  /** The agent interprets between two languages instead of answering. Default: it answers. */
  interpreter?: InterpreterConfig | null
}

/**
 * The agent is an interpreter between two languages: whatever is said in the one is said again in the other, and
 * nothing is answered. The system prompt is then the interpreter's own, the temperature is 0, and no tools are
 * offered. Both wordings are kept in the history, each with its language.
 */
export interface InterpreterConfig {
  /** The two languages (BCP 47). Default `en` and `es`. */
  languages?: string[]
  /** Who speaks which language, by its tag. Default: the agent's own voice, which is told the language. */
  voices?: Record<string, InterpreterVoice>
  /**
   * How many of the latest utterances the language model is shown with their interpretations, so that it knows what
   * pronouns refer to (0–50). Default 6.
   */
  context_utterances?: number
  /**
   * What is said in another language: true, it is interpreted into the first of the two; false, it is kept and not
   * spoken. Default false.
   */
  other_languages?: boolean
  /**
   * What asks for the last interpretation again when nothing else is said, by language tag; more than the built-in
   * ones.
   */
  repeat_phrases?: Record<string, string[]>
  /** What the language model is told besides: the setting, names, how terms are to be said. */
  instructions?: string | null
}

/** Who speaks one of an interpreter's languages. */
export interface InterpreterVoice {
  /** Whose text to speech. Default: the first that the agent or its assistant names. */
  provider?: string | null
  /** Which of its models. */
  model?: string | null
  /** Which voice, by the provider's own name or id. */
  voice?: string | null
  /** What only this provider knows, such as `speed`. */
  settings?: Record<string, unknown>
}

/**
 * Things said that have to be acted on are found by the language model after each exchange, beside the conversation,
 * and kept.
 */
export interface ActionsConfig {
  /**
   * What is looked for: `follow_up_visit`, `lab_order`, `refill`, `referral`, `imaging_order`, and the names that
   * `definitions` says. Default: all of these and those.
   */
  types?: string[]
  /** Types of the host's own, or other words for the built-in ones, by name. */
  definitions?: Record<string, ActionDefinition>
  /** How sure the language model must be, 0–1. Default 0.6. */
  confidence?: number
  /** How many of the latest messages the language model is shown (2–50). Default 8. */
  context_messages?: number
  /**
   * Whether a one-shot turn waits for what is found in it, so that its reply says it. Its text and its sound do not
   * wait. Default false: it is found when the reply is there already.
   */
  on_replies?: boolean
}

/** A type of actions of the host's own. */
export interface ActionDefinition {
  /** What it is, for the language model: when there is one, and when there is none. */
  description?: string
  /** The JSON schema of its details, an object. Default: any. */
  details?: Record<string, unknown>
}

/**
 * A server of the Model Context Protocol. Its tools stand beside the host's own: assistants choose among them by
 * name. Needs the feature `mcp`, which the packages of other languages have. Reached at a `url` (Streamable HTTP),
 * or a `command` of this machine that is started and spoken with over its standard input and output.
 */
export interface McpServerConfig {
  /** Where the server is, for example `https://mcp.example.org/mcp`. */
  url?: string | null
  /** Headers of every request, for example `Authorization`. Their values are never shown. */
  headers?: Record<string, string>
  /** The program of a server on this machine, for example `npx`. */
  command?: string | null
  /** What it is given. */
  args?: string[]
  /**
   * Variables of its environment. Of this process's own it gets only those that every program needs (`PATH`, `HOME`,
   * …), so that no key reaches it by accident. Their values are never shown.
   */
  env?: Record<string, string>
  /** Which of its tools may be called, by the server's names. Default: all. */
  tools?: string[] | null
  /** What is put before the names of its tools, so that no two servers' are alike. Default: nothing. */
  prefix?: string
  /** How long the server may take to begin, and over one call of a tool, in seconds. Default 20. */
  timeout_seconds?: number
  /**
   * Whether the agent cannot be made without it. If not, and it cannot be reached then, the agent is made without
   * its tools, and the log says so. Default true.
   */
  required?: boolean
}

/**
 * Which documents answers are drawn from, and how much of them the language model is told. They are kept by
 * `VoiceAgent::knowledge`.
 */
export interface KnowledgeConfig {
  /**
   * The host's own documents that are searched for each answer, by their ids; `*` stands for all that belong to no
   * organization. An assistant that names documents has those instead. Default: none.
   */
  documents?: string[]
  /**
   * Whether the language model is given a tool, `search_knowledge`, in place of passages with every question. One
   * that cannot call tools is given passages all the same; a model that hears and speaks by itself always has the
   * tool. Default false.
   */
  as_tool?: boolean
  /** How many passages the model is given at most (1–20). Default 3. */
  top_k?: number
  /** How much of what was asked a passage must have to be given, 0–1. Default 0.2. */
  min_score?: number
  /** How many characters they have at most, all together (1,000–100,000). Default 2,000. */
  max_characters?: number
  /**
   * How long an answer waits for the documents to be searched, in milliseconds; it does without them then. Default
   * 500.
   */
  timeout_ms?: number
  /**
   * How many MiB of text are kept ready to be searched. Documents that have more than that, all those together that
   * one answer is drawn from, are not searched. Default 64.
   */
  memory_mb?: number
}

/** Organizations, users and their keys. */
export interface AccountsConfig {
  /** How often an API key may be used that has no limit of its own. Default: as often as it likes. */
  rate_limit?: RateLimitOptions | null
  /**
   * The key under which the credentials of providers and the secrets of webhooks are encrypted: 32 bytes as 64
   * hexadecimal digits or in base64. Without one, none can be kept. Default: the environment variable
   * `VOICE_CORE_CREDENTIALS_KEY`.
   */
  credentials_key?: string | null
}

/**
 * How many calls a provider is sent at most. Calls above it wait their turn, or fail when their deadline is nearer;
 * where another provider of the list is ready, none waits for more than a second.
 */
export interface RateLimitOptions {
  /** Calls a minute, on average. */
  per_minute: number
  /** How many may go at once after a quiet time. Default 1. */
  burst?: number
}

/** How long things are kept. What is left out is kept until somebody deletes it. */
export interface RetentionConfig {
  /**
   * How often idle sessions are ended and old things deleted in the background, in minutes. Default: never; the host
   * does it by calls.
   */
  every_minutes?: number | null
  /** After how many days a session that is over is deleted, with everything said in it. */
  sessions_days?: number | null
  /** After how many days messages, actions and summaries are deleted, whatever becomes of their session. */
  messages_days?: number | null
  /** After how many days an entry of the audit log is deleted. */
  audit_days?: number | null
}

/** How a live session takes turns and behaves. */
export interface LiveConfig {
  /** When the user's words are recognised. One of `streaming`, `utterances`. */
  recognition?: 'streaming' | 'utterances'
  /** Who says that the user's turn is over. One of `automatic`, `model`, `manual`. */
  turn_detection?: 'automatic' | 'model' | 'manual'
  /** When the user's turn is over. */
  endpointing?: EndpointingOptions
  /** When the user may stop the agent. */
  interruption?: InterruptionOptions
  /** When sound counts as speech. */
  vad?: VadOptions
  /** What is done to the user's sound before it is listened to. */
  input?: InputOptions
  /** How sound is given out. */
  output?: OutputOptions
  /** How the conversation is kept going and ended. */
  conversation?: ConversationOptions
}

/**
 * When the user's turn is over: at least `min_delay_ms` after the last voice when the words sound complete, at most
 * `max_delay_ms` when they do not.
 */
export interface EndpointingOptions {
  /** The least silence, in milliseconds. Default 500. */
  min_delay_ms?: number
  /** The most silence that is waited for, in milliseconds. Default 3,000. */
  max_delay_ms?: number
  /** The answer is begun as soon as the turn is likely over, and thrown away if the user goes on. Default true. */
  preemptive_generation?: boolean
  /** The longest utterance, in seconds; it is answered then, even if the user still speaks. Default 60. */
  max_utterance_seconds?: number
}

/** When the user may stop the agent. */
export interface InterruptionOptions {
  /**
   * Whether the user can interrupt at all. What is said meanwhile is answered when the agent has finished. Default
   * true.
   */
  enabled?: boolean
  /** For how long the user must speak before the agent falls silent, in milliseconds. Default 500. */
  min_duration_ms?: number
  /** How many words the user must say to interrupt. Default 0: any word that is not a backchannel. */
  min_words?: number
  /**
   * How long after the user's voice the agent goes on speaking if there were no words, in milliseconds. Default
   * 2,000.
   */
  false_interruption_timeout_ms?: number
  /** Whether the agent goes on speaking where it stopped if the interruption was none. Default true. */
  resume_false_interruption?: boolean
  /** What listeners say without wanting the turn, in lower case; more than the built-in ones. */
  backchannels?: string[]
}

/** When sound counts as speech. */
export interface VadOptions {
  /** How sure the detector must be, 0–1. Default 0.5. */
  threshold?: number
  /** For how long there must be voice, in milliseconds. Default 48. */
  min_speech_ms?: number
  /** For how long there must be none before an utterance is recognised, in milliseconds. Default 200. */
  min_silence_ms?: number
  /** How much of the sound before the voice belongs to it, in milliseconds. Default 300. */
  prefix_padding_ms?: number
  /**
   * Voices that go on this many decibels fainter than the user's are others', behind the user: they keep no turn
   * open and begin none. 0: every voice is the user's. Default 12.
   */
  background_below_db?: number
}

/**
 * What is done to the user's sound before it is listened to. Each costs some processor time; together they make it
 * at most 30 ms late.
 */
export interface InputOptions {
  /** Whether noise is taken out (RNNoise). Default false: recognisers that know noise do better without. */
  denoising?: boolean
  /**
   * Whether the echo of what the agent says is taken out (WebRTC's AEC3): for loudspeakers near the microphone where
   * the device does not do it itself. What is played is known from what was given out. Default false.
   */
  echo_cancellation?: boolean
  /** Whether quiet voices are made louder and loud ones kept from clipping (WebRTC's AGC2). Default false. */
  automatic_gain?: boolean
}

/** How sound is given out. */
export interface OutputOptions {
  /** At which pace. One of `real_time`, `immediate`. */
  pacing?: 'real_time' | 'immediate'
  /** With real-time pacing, how much sound is given out ahead of its time, in milliseconds. Default 200. */
  lead_ms?: number
  /** How long each piece of sound is, in milliseconds; 0: as the provider gives it. Default 20. */
  frame_ms?: number
}

/** How the conversation is kept going and ended. */
export interface ConversationOptions {
  /** Whether the greeting can be interrupted. Default false. */
  greeting_interruptible?: boolean
  /** After how many seconds of silence the user is reminded. Default: never. */
  reminder_seconds?: number | null
  /** How often at most, until the user speaks again. Default 2. */
  reminder_max_count?: number
  /** What is said then. */
  reminder_message?: string
  /** After how many seconds of silence from both sides the session ends. Default: never. */
  silence_timeout_seconds?: number | null
  /** After how many seconds the session ends, whatever happens. Default: never. */
  max_duration_seconds?: number | null
  /** When the agent's answer has one of these phrases, the session ends once it is spoken. */
  end_call_phrases?: string[]
  /** When the user says no more than one of these, the agent answers and the session ends. */
  goodbye_phrases?: string[]
  /** What is said before the session ends of itself. */
  end_call_message?: string | null
  /**
   * How long digits are collected before they count as typed, in milliseconds; `#` ends them at once. Default 2,000.
   */
  dtmf_timeout_ms?: number
}

/**
 * Keeps the sound of turns beside their words: what the user said, what the agent answered, or both. The messages
 * refer to it. It goes with the session, with its user and with retention; a turn whose sound cannot be kept is
 * saved without it.
 */
export interface RecordingsConfig {
  /**
   * Where: `file:FOLDER`, `s3://BUCKET/PREFIX` (credentials come from the environment: `AWS_ACCESS_KEY_ID`, …), or
   * `memory`.
   */
  store: string
  /** Whether what the user says is kept. Default true. */
  user?: boolean
  /** Whether what the agent says is kept. Default true. */
  assistant?: boolean
  /**
   * Whether the whole of each live session is kept as well, both sides in one file along the wall clock: the user on
   * the left, the agent on the right, at 16,000 samples a second. Default false.
   */
  live?: boolean
  /** The format of the files. Default `wav`. One of `wav`, `opus`. */
  format?: 'wav' | 'opus'
}

/** What is accepted, and for how long. */
export interface LimitsConfig {
  /** The most bytes of one recording. Default 26,214,400 (25 MiB). */
  max_audio_bytes?: number
  /** The longest recording, in seconds. Default 300. */
  max_audio_seconds?: number
  /** The most characters of a typed message. Default 10,000. */
  max_text_characters?: number
  /** After how many minutes without a turn a session expires. Default 30. */
  session_idle_minutes?: number
  /** How long a turn may take, in seconds, when the call does not say. Default 120. */
  turn_seconds?: number
}

/**
 * When and how often a failed attempt is made again. Only errors that say they are retryable are. Where another
 * provider of the list is ready, it is asked at once instead of trying again after a time-out or a connection that
 * could not be made, and instead of waiting for more than a second.
 */
export interface RetryOptions {
  /** Attempts in all, the first included (1–10). Default 3. */
  attempts?: number
  /** The longest wait before the second attempt, in milliseconds; it doubles with each one. Default 1,000. */
  first_delay_ms?: number
  /**
   * The longest wait before any attempt, in milliseconds; a provider that asks for more is not waited for. Default
   * 20,000.
   */
  max_delay_ms?: number
  /**
   * Whether waits are drawn at random between nothing and their longest ("full jitter"), so that many callers do not
   * come back at once. Default true.
   */
  jitter?: boolean
}

/** How long each part of one attempt may take. The deadline of the turn stands above all of them. */
export interface TimeoutOptions {
  /** To open a connection, in milliseconds. Default 5,000. Watched by the provider's own client. */
  connect_ms?: number
  /**
   * From the call to its first result, in milliseconds. Default 30,000. Where another provider of the list is ready,
   * it is asked when this is over.
   */
  first_byte_ms?: number
  /** Between two results, in milliseconds. Default 15,000. */
  idle_ms?: number
}

/** When a failing provider is left alone, so that a turn goes to the next in the list at once. */
export interface CircuitBreakerOptions {
  /** Calls that must fail in a row. Default 5; 0 switches the breaker off. */
  failures?: number
  /**
   * How long the provider then rests, in milliseconds. One call is let through after that: if it succeeds the
   * provider is back, otherwise it rests again. Default 30,000.
   */
  rest_ms?: number
}

/** What providers charge. The library knows no prices by itself: they change, and depend on contracts. */
export interface PricesConfig {
  /** The currency of every price: three capital letters (ISO 4217). Default `USD`. */
  currency?: string
  /**
   * Prices by `provider/model`, or by its beginning and `*`; of several that fit, the longest counts. Without a
   * price there is no cost.
   */
  models?: Record<string, ModelPrice>
}

/** What one model costs. What it is not asked for may be left out; with nothing at all, it is free of charge. */
export interface ModelPrice {
  /** The price of a million tokens of a prompt. */
  input_per_million?: number | null
  /** The price of a million tokens of a prompt that came from the provider's cache. Default: that of others. */
  cached_input_per_million?: number | null
  /** The price of a million tokens that were written. */
  output_per_million?: number | null
  /**
   * The price of a million tokens of sound that was heard, by a model that hears and speaks by itself.
   * `input_per_million` is then the price of text.
   */
  audio_input_per_million?: number | null
  /** The price of a million of these that came from the provider's cache. Default: that of others. */
  cached_audio_input_per_million?: number | null
  /** The price of a million tokens of sound that such a model spoke. */
  audio_output_per_million?: number | null
  /** The price of a minute of sound that was recognised. */
  heard_per_minute?: number | null
  /** The price of a million characters that were spoken. */
  spoken_per_million_characters?: number | null
}

/**
 * Sends what is measured to an OpenTelemetry collector, as OTLP in JSON over HTTP: a span for every live session,
 * turn, and call of a provider or a tool, and metrics. Never words, sound or keys. Needs the feature `otel`, which
 * the packages of other languages have. The environment variables of OpenTelemetry stand for what is left out:
 * `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_SERVICE_NAME`,
 * `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_METRIC_EXPORT_INTERVAL`. With
 * `OTEL_SDK_DISABLED=true` none of them is read.
 */
export interface TelemetryConfig {
  /**
   * Where the collector is, for example `http://localhost:4318`; `/v1/traces` and `/v1/metrics` are added. Default:
   * nothing is sent.
   */
  otlp_endpoint?: string | null
  /** Headers of every request, for example the key of a service. Their values are never shown. */
  headers?: Record<string, string>
  /** The attribute `service.name` of everything that is sent. Default `voice-core`. */
  service_name?: string
  /** More attributes of everything that is sent, for example `deployment.environment.name`. */
  attributes?: Record<string, string>
  /** How often spans are sent, in milliseconds; 512 are sent at once. Default 5,000. */
  spans_interval_ms?: number
  /** How often metrics are sent, in milliseconds. Default 60,000. */
  metrics_interval_ms?: number
  /** How long the collector may take over a request, in milliseconds. Default 10,000. */
  timeout_ms?: number
}

/**
 * How webhooks are delivered: how long an attempt may take, when it is made again, and where it may go. Needs the
 * feature `webhooks`, which the packages of other languages have. An attempt that fails is made again after
 * `first_delay_seconds`, then after `backoff` times as long each time, up to `longest_delay_seconds`, with up to a
 * quarter more by chance. By the defaults there are twelve attempts in about 32 hours.
 */
export interface WebhooksConfig {
  /** Whether this agent delivers. Of several agents on one database, any number may; one has to. Default true. */
  deliver?: boolean
  /** How long an attempt may take, in seconds, from the connection to the end of the answer. Default 30. */
  timeout_seconds?: number
  /** How many attempts are made before a delivery has failed (1–50). Default 12. */
  attempts?: number
  /** The wait before the second attempt, in seconds. Default 5. */
  first_delay_seconds?: number
  /** By how much each wait is longer than the one before (1–10). Default 4. */
  backoff?: number
  /** The longest wait, in seconds, also where the receiver asks for one. Default 21,600 (6 hours). */
  longest_delay_seconds?: number
  /** How often to look for what other processes left to be delivered, in seconds. Default 15. */
  poll_seconds?: number
  /** After how many days deliveries that are over are deleted from the log. Default 30. */
  keep_days?: number
  /** Whether webhooks may have addresses of plain HTTP. Default false: anybody on the way could read what is told. */
  allow_http?: boolean
  /**
   * Whether webhooks may lead to this machine and to private networks. Default false: who may create webhooks could
   * otherwise reach what only the host should reach.
   */
  allow_private?: boolean
}

/** Local models. */
export interface LocalConfig {
  /**
   * The folder of the model files. Default: `VOICE_CORE_MODELS`, else `voice-core/models` in the user's data folder.
   */
  models?: string | null
  /** How many threads models may use, all together. Default: one less than there are cores, but both of two. */
  threads?: number | null
}
