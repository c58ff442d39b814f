// Compiled, never run: the same package from CommonJS.
import voiceCore = require('voice-core')

export async function first(): Promise<string> {
  const agent: voiceCore.VoiceAgent = await voiceCore.VoiceAgent.local({ storage: 'memory' }, {})
  try {
    return (await agent.converse(new URL('file:///question.wav'))).text
  } catch (error) {
    return error instanceof voiceCore.VoiceError ? error.code : 'other'
  } finally {
    await agent.close()
  }
}
