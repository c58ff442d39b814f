export type * from './index.js'
export { models, setLogger, VoiceAgent, VoiceError, version } from './index.js'
