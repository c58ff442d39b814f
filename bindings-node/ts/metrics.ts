import type { CallReport, SessionReport, ToolReport, TurnReport } from './reports.js'

/** One thing that was measured, when it is over: ids, times, amounts and codes of errors, never words. */
export type Report = CallReport | ToolReport | TurnReport | SessionReport

/** The last argument of every method of a sink. */
export interface MetricsContext {
  /** Aborted when nobody waits for it any more. */
  signal: AbortSignal
}

/**
 * What is told what calls, turns and live sessions took, used and cost.
 *
 * It is called in the background, one call at a time, and no turn waits for it: at most 2,048 reports do. What comes on top of that is
 * dropped, as is what a call was given that throws or takes longer than 30 seconds; `droppedReports` of the agent counts it. Closing the
 * agent delivers what waits, within 5 seconds.
 */
export interface MetricsSink {
  /** Takes what was measured since it was last called, in the order in which it ended: 1 to 256 reports; now or later. */
  record(reports: Report[], context: MetricsContext): void | Promise<void>
  /** Lets go of what it still holds: the agent closes. */
  flush?(context: MetricsContext): void | Promise<void>
}
