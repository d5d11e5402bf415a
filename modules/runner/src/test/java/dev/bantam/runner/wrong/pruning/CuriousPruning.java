package dev.bantam.runner.wrong.pruning;

import dev.bantam.runner.wrong.report.CuriousReport;

/** A method that knows the report, on purpose. */
public final class CuriousPruning {
  /** Returns what the report makes of it. */
  public String render(CuriousReport report) {
    return report.toString();
  }
}
