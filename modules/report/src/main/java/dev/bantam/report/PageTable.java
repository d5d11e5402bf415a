package dev.bantam.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** The summary of a section for readers: shorter heads than the file, words for what is unknown. */
final class PageTable {
  private static final String UNKNOWN = "unknown";
  private static final String NOT_MEASURED = "not measured";

  private final Section section;
  private final boolean sparse;
  private final boolean bits;
  private final boolean failed;
  private final boolean drawn;

  PageTable(Section section) {
    this.section = section;
    this.sparse = section.groups().stream().anyMatch(g -> g.hasStep(StepRecord.PRUNE));
    this.bits = section.rows().stream().anyMatch(row -> row.bits().isPresent());
    this.drawn = section.rows().stream().anyMatch(row -> row.stdOfDraws().isPresent());
    this.failed = section.rows().stream().anyMatch(row -> row.failed() > 0);
  }

  /** A head and what it means. */
  List<Map<String, Object>> columns() {
    final List<Map<String, Object>> columns = new ArrayList<>();
    add(columns, "variant", "what was done to the model");
    add(columns, "n", "replicates: seeds times draws");
    if (failed) {
      add(columns, "failed", "replicates that failed");
    }
    final String metric = section.metric().isEmpty() ? "metric" : section.metric();
    add(columns, metric, "mean over the replicates");
    add(columns, "std", "standard deviation over the replicates, with n - 1");
    add(columns, "recovery", "mean over the replicates of value / dense value of the same seed");
    add(
        columns,
        "to dense",
        "mean difference to the dense model of the same seed, and half of its 95 % confidence"
            + " interval (Student's t over seeds)");
    if (drawn) {
      add(columns, "std of draws", "standard deviation over the draws within a seed");
    }
    add(columns, "MB", "packed file in 10^6 bytes");
    add(columns, "ratio fp32", "times smaller than float32: 4 x dense parameters / bytes");
    add(columns, "ratio fp16", "times smaller than float16: 2 x dense parameters / bytes");
    add(columns, "bits per weight", "8 x bytes / dense parameters");
    add(columns, "bits per encoder weight", "8 x bytes of the encoder matrices / their elements");
    if (sparse) {
      add(columns, "sparsity", "share of zeros in the encoder matrices");
    }
    if (bits) {
      add(columns, "bits asked", "bits per stored encoder weight as asked by the recipe");
    }
    add(columns, "seconds", "seconds of compressing with its training");
    add(columns, "latency ms", "median milliseconds of one forward pass");
    return columns;
  }

  private static void add(List<Map<String, Object>> columns, String name, String meaning) {
    final Map<String, Object> column = new LinkedHashMap<>();
    column.put("name", name);
    column.put("meaning", meaning);
    columns.add(column);
  }

  /** One list of cells per row; the first cell names the variant. */
  List<List<Map<String, Object>>> rows() {
    return section.rows().stream().map(this::row).toList();
  }

  private List<Map<String, Object>> row(SummaryRow row) {
    final List<Map<String, Object>> cells = new ArrayList<>();
    cells.add(cell(section.name(row), ""));
    cells.add(cell(row.n() == 1 ? "1 (single)" : Integer.toString(row.n()), row.n() + ""));
    if (failed) {
      cells.add(cell(Integer.toString(row.failed()), row.failed() + ""));
    }
    cells.add(number(row.mean(), 4, UNKNOWN));
    cells.add(number(row.std(), 4, row.n() == 1 ? "n = 1" : UNKNOWN));
    cells.add(number(row.recovery(), 4, UNKNOWN));
    cells.add(difference(row));
    if (drawn) {
      cells.add(number(row.stdOfDraws(), 4, "-"));
    }
    cells.add(
        row.bytes().isPresent()
            ? cell(
                Numbers.megabytes(row.bytes().getAsLong()), Long.toString(row.bytes().getAsLong()))
            : cell(UNKNOWN, ""));
    cells.add(number(row.ratioFp32(), 2, UNKNOWN));
    cells.add(number(row.ratioFp16(), 2, UNKNOWN));
    cells.add(number(row.bitsPerWeight(), 2, UNKNOWN));
    cells.add(number(row.bitsPerWeightEncoder(), 2, UNKNOWN));
    if (sparse) {
      cells.add(number(row.sparsity(), 4, UNKNOWN));
    }
    if (bits) {
      cells.add(
          row.bits().isPresent()
              ? cell(
                  Numbers.exact(row.bits().getAsDouble()), Numbers.exact(row.bits().getAsDouble()))
              : cell("-", ""));
    }
    cells.add(number(row.seconds(), 2, section.isUncompressed(row) ? "-" : NOT_MEASURED));
    cells.add(number(row.latencyMsP50(), 2, NOT_MEASURED));
    return cells;
  }

  private static Map<String, Object> difference(SummaryRow row) {
    if (row.difference().isEmpty()) {
      return cell(row.isDense() ? "-" : UNKNOWN, "");
    }
    final double value = row.difference().getAsDouble();
    final String interval =
        row.differenceInterval().isPresent()
            ? " \u00b1 " + Numbers.fixed(row.differenceInterval().getAsDouble(), 4)
            : "";
    return cell((value > 0 ? "+" : "") + Numbers.fixed(value, 4) + interval, Numbers.exact(value));
  }

  private static Map<String, Object> number(OptionalDouble value, int decimals, String otherwise) {
    return value.isPresent()
        ? cell(Numbers.fixed(value.getAsDouble(), decimals), Numbers.exact(value.getAsDouble()))
        : cell(otherwise, "");
  }

  /**
   * @param key what to sort by if it is a number; else empty
   */
  private static Map<String, Object> cell(String text, String key) {
    final Map<String, Object> cell = new LinkedHashMap<>();
    cell.put("text", text);
    cell.put("key", key);
    return cell;
  }
}
