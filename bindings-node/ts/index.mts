export type * from './index.js'
export { models, setLogger, tool, VoiceAgent, VoiceError, version } from './index.js'
