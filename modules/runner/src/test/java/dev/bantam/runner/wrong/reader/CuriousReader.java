package dev.bantam.runner.wrong.reader;

import dev.bantam.runner.wrong.report.CuriousReport;

/** A reader that needs more than the JDK, on purpose. */
public final class CuriousReader {
  /** Returns what the report makes of it. */
  public String render(CuriousReport report) {
    return report.toString();
  }
}
