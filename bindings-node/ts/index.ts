/**
 * Speech in, speech out, in your own process: offline by default.
 *
 * @packageDocumentation
 */

export type { Accounts, KeyOptions, TokenKey, TokenKeys } from './accounts.js'
export { type AgentConfig, VoiceAgent, version } from './agent.js'
export type { Assistants } from './assistants.js'
export type { Audit, AuditOptions } from './audit.js'
export type * from './config.js'
export { type ErrorCode, type Stage, VoiceError, type VoiceErrorDetails } from './error.js'
export type * from './event.js'
export type {
  AnswerReport,
  AssistantVersion,
  CompletenessRequest,
  ConversationStore,
  FinishReason,
  GenerateRequest,
  Given,
  LanguageModel,
  ListedVoice,
  ListenRequest,
  Page,
  PromptMessage,
  Session,
  SoundChunk,
  SpeechToText,
  SpokenWord,
  StoreContext,
  StoredMessage,
  SynthesizeRequest,
  TextToSpeech,
  TokenUsage,
  ToolSpec,
  TranscribeRequest,
  Transcript,
  TurnDetector,
  VoicesRequest,
  WarmUpRequest,
} from './host.js'
export type { DocumentFormat, DocumentOptions, Knowledge, KnowledgeSearchOptions } from './knowledge.js'
export type { AudioInput, ByteStream, Samples, TurnInput } from './input.js'
export type {
  AgentStateEvent,
  BackchannelEvent,
  ClearEvent,
  DtmfEvent,
  EndedEvent,
  FalseInterruptionEvent,
  InterruptedEvent,
  LiveErrorEvent,
  LiveEvent,
  LiveOptions,
  LiveSession,
  LiveStartedEvent,
  LiveSummary,
  LiveTurn,
  RecordedEvent,
  SpeechKind,
  TurnDoneEvent,
  TurnStartedEvent,
  UserStateEvent,
} from './live.js'
export type { LiveWire } from './wire.js'
export { type Logger, type LogLevel, type LogRecord, setLogger } from './logger.js'
export type { MetricsContext, MetricsSink, Report } from './metrics.js'
export { type Fetched, type FetchOptions, type FetchStep, type FileCheck, type FolderOptions, type ModelStatus, models } from './models.js'
export type { ClientSecretOptions, Realtime, RealtimeOptions } from './realtime.js'
export type {
  Action,
  ApiKey,
  Assistant,
  AuditEntry,
  CallAnswer,
  CleanedUp,
  ConversationSummary,
  ClientSecret,
  Credential,
  DeliveryAttempt,
  Erased,
  KeyLimit,
  KnowledgeDocument,
  Login,
  NewApiKey,
  Organization,
  PhoneCall,
  Principal,
  Registered,
  SignedWebhook,
  Source,
  StoredAssistant,
  User,
  Voice,
  Webhook,
  WebhookDelivery,
} from './people.js'
export type { CallOptions, Cost, Reply, ReplyAudio, SoundFormat, Timings, Usage } from './reply.js'
export type { CallReport, SessionReport, ToolReport, TurnReport } from './reports.js'
export type { PageOptions } from './room.js'
export type { ExportFormat, Greeting, Sessions } from './sessions.js'
export type { FormFields, PhoneProtocol, Telephony } from './telephony.js'
export { type Tool, type ToolContext, type ToolParameters, tool } from './tool.js'
export type { Turn, TurnOptions } from './turn.js'
export type { PreviewOptions, VoiceOptions, VoicePreview, Voices } from './voices.js'
export type { DeliveryOptions, ReceivedWebhook, WebhookOptions, Webhooks } from './webhooks.js'
export type { JsonObject } from './words.js'
