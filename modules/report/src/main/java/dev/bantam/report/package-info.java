/**
 * From the records of evaluated cells to tables, charts and pages.
 *
 * <p>Start at {@link dev.bantam.report.RunFolder}, which reads a run, and {@link
 * dev.bantam.report.Reports}, which writes its report. {@link dev.bantam.report.CellRecord} is what
 * a run leaves behind for each cell. All classes are immutable unless they say otherwise. Metric
 * values are fractions, sizes are bytes, MB is 10^6 bytes. What was not measured is empty and never
 * 0.
 */
package dev.bantam.report;
