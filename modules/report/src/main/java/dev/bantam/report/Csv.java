package dev.bantam.report;

import dev.bantam.report.RunFolder.Cell;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import org.apache.commons.csv.CSVFormat;

/**
 * The two tables as CSV: RFC 4180 quoting, UTF-8, lines that end in a line feed alone (as in every
 * other file of a repository). Texts that a spreadsheet would take for a formula get an apostrophe
 * in front.
 */
final class Csv {
  private static final CSVFormat FORMAT =
      CSVFormat.RFC4180.builder().setRecordSeparator('\n').get();

  private Csv() {}

  /** One row per cell and metric; failed cells have none. Values in full precision. */
  static String results(List<Cell> cells) {
    return table(
        csv -> {
          csv.row(
              "experiment", "model", "task", "variant", "seed", "draw", "split", "metric", "value");
          for (Cell cell : cells) {
            if (cell.record().result().isPresent()) {
              final CellId id = cell.record().cell();
              for (Map.Entry<String, Double> metric :
                  cell.record().result().get().metrics().entrySet()) {
                csv.row(
                    text(id.experiment()),
                    text(id.model()),
                    text(id.task()),
                    text(id.variant()),
                    id.seed(),
                    id.draw(),
                    text(id.split()),
                    text(metric.getKey()),
                    Numbers.exact(metric.getValue()));
              }
            }
          }
        });
  }

  /** One row per variant. Metrics and shares with 4 decimals, ratios, bits and times with 3. */
  static String summary(List<SummaryRow> rows) {
    return table(
        csv -> {
          csv.row(
              "experiment",
              "model",
              "task",
              "variant",
              "metric",
              "n",
              "mean",
              "std",
              "recovery",
              "bytes",
              "ratio_fp32",
              "ratio_fp16",
              "bits_per_weight",
              "bits_per_weight_encoder",
              "seconds",
              "latency_ms_p50",
              "std_recovery",
              "sparsity",
              "bits",
              "failed",
              "min",
              "max",
              "difference",
              "difference_ci95",
              "std_draws");
          for (SummaryRow row : rows) {
            csv.row(
                text(row.experiment()),
                text(row.model()),
                text(row.task()),
                text(row.variant()),
                text(row.metric()),
                row.n(),
                fixed(row.mean(), 4),
                fixed(row.std(), 4),
                fixed(row.recovery(), 4),
                row.bytes().isPresent() ? Long.toString(row.bytes().getAsLong()) : "",
                fixed(row.ratioFp32(), 3),
                fixed(row.ratioFp16(), 3),
                fixed(row.bitsPerWeight(), 3),
                fixed(row.bitsPerWeightEncoder(), 3),
                fixed(row.seconds(), 3),
                fixed(row.latencyMsP50(), 3),
                fixed(row.stdRecovery(), 4),
                fixed(row.sparsity(), 4),
                row.bits().isPresent() ? Numbers.exact(row.bits().getAsDouble()) : "",
                row.failed(),
                fixed(row.min(), 4),
                fixed(row.max(), 4),
                fixed(row.difference(), 4),
                fixed(row.differenceInterval(), 4),
                fixed(row.stdOfDraws(), 4));
          }
        });
  }

  /**
   * Text that no spreadsheet runs: one that begins with {@code = + - @}, a tab or a carriage return
   * gets an apostrophe in front.
   */
  static String text(String value) {
    return !value.isEmpty() && "=+-@\t\r".indexOf(value.charAt(0)) >= 0 ? "'" + value : value;
  }

  private static String fixed(OptionalDouble value, int decimals) {
    return value.isPresent() ? Numbers.fixed(value.getAsDouble(), decimals) : "";
  }

  /** Receives the rows of one table. */
  private record Table(StringBuilder out) {
    // not through a CSVPrinter: its class file carries an annotation that javac cannot resolve
    void row(Object... values) {
      try {
        FORMAT.printRecord(out, values);
      } catch (IOException e) {
        throw new UncheckedIOException("A StringBuilder cannot fail", e);
      }
    }
  }

  private static String table(Consumer<Table> rows) {
    final Table table = new Table(new StringBuilder());
    rows.accept(table);
    return table.out.toString();
  }
}
