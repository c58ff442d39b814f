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
   * Where conversations are kept: `sqlite:PATH`, `memory`. Default: `DATABASE_URL`, else an SQLite file in the
   * user's data folder.
   */
  storage?: string | null
  /** Who the agent is. */
  assistant?: AssistantConfig
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
  /** Whose: `openai`, `local`, `groq`, … */
  provider: string
  /** Which of its models; left out: its default. For `local`, a name in the model folder or a path. */
  model?: string | null
  /** Which voice, by the provider's own name or id. */
  voice?: string | null
  /** The key. Default: the provider's environment variable. */
  api_key?: string | null
  /** Where the server is, for servers that speak OpenAI's wire format. */
  base_url?: string | null
  /** What only this provider knows, such as `speed` or `instructions`. */
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
  /** The sampling temperature, 0–2. Default 0.7. */
  temperature?: number
  /** The most tokens of one answer. Default 500. */
  max_tokens?: number
  /** How many messages of history the language model is shown (0–100). Default 10. */
  context_messages?: number
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

/** When and how often a failed attempt is made again. Only errors that say they are retryable are. */
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
  /** From the call to its first result, in milliseconds. Default 30,000. */
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

/** How many calls a provider is sent at most. Calls above it wait their turn, or fail when their deadline is nearer. */
export interface RateLimitOptions {
  /** Calls a minute, on average. */
  per_minute: number
  /** How many may go at once after a quiet time. Default 1. */
  burst?: number
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
