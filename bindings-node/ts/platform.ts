/** @internal The platform as the native packages name it, for example `linux-x64-gnu`. */
export function platform(): string {
  const { platform, arch } = process
  switch (platform) {
    case 'linux': {
      const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
      return `linux-${arch}-${header.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`
    }
    case 'win32':
      return `win32-${arch}-msvc`
    default:
      return `${platform}-${arch}`
  }
}
