interface Report {
  header: { glibcVersionRuntime?: string }
}

/** @internal The platform as the native packages name it, for example `linux-x64-gnu`. */
export function platform(): string {
  const { platform, arch } = process
  switch (platform) {
    case 'linux': {
      // Electron, which is built for glibc alone, may come without reports.
      const report: NodeJS.ProcessReport | undefined = process.report
      const { header } = (report?.getReport() ?? { header: { glibcVersionRuntime: 'unknown' } }) as Report
      return `linux-${arch}-${header.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`
    }
    case 'win32':
      return `win32-${arch}-msvc`
    default:
      return `${platform}-${arch}`
  }
}
