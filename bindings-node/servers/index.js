// The addon of a platform, for voice-core, which asks for it by the platform's name.
module.exports = (platform) => require(`voice-core-servers-${platform}`)
