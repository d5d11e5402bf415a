package dev.bantam.runner.run;

import dev.bantam.report.SummaryRow;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/** The summary of a run for the terminal. */
final class SummaryTable {
  private SummaryTable() {}

  static void print(List<SummaryRow> rows, PrintStream out) {
    String heading = "";
    for (SummaryRow row : rows) {
      final String of = row.model() + " on " + row.task();
      if (!of.equals(heading)) {
        heading = of;
        out.printf(
            Locale.ROOT,
            "%n%s%n%-28s %3s %18s %9s %9s %9s%n",
            of,
            "variant",
            "n",
            row.metric(),
            "of dense",
            "MB",
            "smaller");
      }
      out.printf(
          Locale.ROOT,
          "%-28s %3d %18s %9s %9s %9s%s%n",
          row.variant(),
          row.n(),
          score(row),
          text("%.1f %%", scaled(row.recovery(), 100)),
          row.bytes().isPresent()
              ? String.format(Locale.ROOT, "%.1f", row.bytes().getAsLong() / 1e6)
              : "-",
          text("%.2f x", row.ratioFp32()),
          row.failed() > 0 ? "  " + row.failed() + " failed" : "");
    }
    out.println();
  }

  private static String score(SummaryRow row) {
    final String mean = text("%.4f", row.mean());
    return row.std().isEmpty() ? mean : mean + " +- " + text("%.4f", row.std());
  }

  private static OptionalDouble scaled(OptionalDouble value, double factor) {
    return value.isEmpty() ? value : OptionalDouble.of(factor * value.getAsDouble());
  }

  private static String text(String format, OptionalDouble value) {
    return value.isEmpty() ? "-" : String.format(Locale.ROOT, format, value.getAsDouble());
  }
}
