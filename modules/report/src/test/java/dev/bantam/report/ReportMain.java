package dev.bantam.report;

import java.nio.file.Path;
import java.util.List;

/** Writes the report of a run folder in a Java process of its own: arguments are run and target. */
final class ReportMain {
  private ReportMain() {}

  public static void main(String[] args) {
    Reports.write(List.of(RunFolder.read(Path.of(args[0]))), Path.of(args[1]), Samples.context());
  }
}
