package dev.bantam.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * One model on one task: a table and its charts.
 *
 * @param groups the replicates of each row
 * @param rows in the same order
 */
record Section(List<VariantGroup> groups, List<SummaryRow> rows) {
  private static final String ORDER_OF_MATRICES =
      ", first replicate of each; from the left: query, key, value, attention output, feed-forward up,"
          + " down";

  Section {
    groups = List.copyOf(groups);
    rows = List.copyOf(rows);
  }

  /** In order of model and task. */
  static List<Section> of(Summary summary) {
    final Map<List<String>, Section> sections = new LinkedHashMap<>();
    for (int i = 0; i < summary.rows().size(); i++) {
      final SummaryRow row = summary.rows().get(i);
      final Section old =
          sections.getOrDefault(
              List.of(row.model(), row.task()), new Section(List.of(), List.of()));
      final List<VariantGroup> groups = new ArrayList<>(old.groups);
      final List<SummaryRow> rows = new ArrayList<>(old.rows);
      groups.add(summary.groups().get(i));
      rows.add(row);
      sections.put(List.of(row.model(), row.task()), new Section(groups, rows));
    }
    return List.copyOf(sections.values());
  }

  String model() {
    return rows.get(0).model();
  }

  String task() {
    return rows.get(0).task();
  }

  String title() {
    return model() + " on " + task();
  }

  String split() {
    return groups.get(0).id().split();
  }

  /** The primary metric; empty text if every cell failed. */
  String metric() {
    return rows.stream().map(SummaryRow::metric).filter(m -> !m.isEmpty()).findFirst().orElse("");
  }

  /** The dense rows, one unless experiments with different ones were joined. */
  List<SummaryRow> dense() {
    return rows.stream().filter(row -> row.isDense() && row.n() > 0).toList();
  }

  /** Rows of models that steps or merges were applied to. */
  List<SummaryRow> compressed() {
    return rows.stream().filter(row -> !isUncompressed(row)).toList();
  }

  /** Whether a row is that of a fine-tuned model as it is. */
  boolean isUncompressed(SummaryRow row) {
    return row.isDense() || groups.get(rows.indexOf(row)).isUncompressed();
  }

  /** Name of a variant, with its experiment where another row has the same. */
  String name(SummaryRow row) {
    final long same = rows.stream().filter(r -> r.variant().equals(row.variant())).count();
    return same > 1 ? row.variant() + " (" + row.experiment() + ")" : row.variant();
  }

  int seeds() {
    final Set<Long> seeds = new TreeSet<>();
    groups.forEach(g -> g.cells().forEach(cell -> seeds.add(cell.record().cell().seed())));
    return seeds.size();
  }

  /** Different numbers of rows evaluated, ascending; usually one. */
  Set<Integer> examples() {
    final Set<Integer> examples = new TreeSet<>();
    groups.forEach(g -> g.results().forEach(r -> examples.add(r.examples())));
    return examples;
  }

  /** All charts that this section has data for. */
  List<ChartSpec> charts() {
    final List<ChartSpec> charts = new ArrayList<>();
    if (metric().isEmpty()) {
      return charts;
    }
    final String subtitle =
        String.format(
            Locale.ROOT,
            "%s on %s, %s, %d seed%s%s",
            model(),
            task(),
            split(),
            seeds(),
            seeds() == 1 ? "" : "s",
            rows.stream().anyMatch(row -> row.std().isPresent())
                ? "; bars: one standard deviation"
                : "");
    final Optional<ScorePoint> dense =
        dense().stream().findFirst().map(row -> point(row, row.bytes().getAsLong() / 1e6));
    final List<String> families = ScorePoint.families(points(ScoreChart.Axis.SIZE));
    for (ScoreChart.Axis axis : ScoreChart.Axis.values()) {
      final List<ScorePoint> points = points(axis);
      if (!points.isEmpty()) {
        charts.add(new ScoreChart(axis, metric(), subtitle, points, dense, families));
      }
    }
    charts.add(bytes());
    for (MatrixChart.Quantity quantity : MatrixChart.Quantity.values()) {
      matrices(quantity).ifPresent(charts::add);
    }
    charts.addAll(sensitivities());
    return charts;
  }

  private Optional<ChartSpec> matrices(MatrixChart.Quantity quantity) {
    final List<MatrixChart.Row> shown = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      MatrixChart.Row.of(quantity, name(rows.get(i)), groups.get(i)).ifPresent(shown::add);
    }
    if (shown.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new MatrixChart(quantity, shown, model() + " on " + task() + ORDER_OF_MATRICES));
  }

  /** One for each different measurement: variants may share theirs. */
  private List<ChartSpec> sensitivities() {
    final List<ChartSpec> charts = new ArrayList<>();
    final Set<List<Double>> seen = new LinkedHashSet<>();
    for (int i = 0; i < rows.size(); i++) {
      final List<SensitivityChart.Bar> bars = SensitivityChart.bars(groups.get(i));
      if (!bars.isEmpty() && seen.add(bars.stream().map(SensitivityChart.Bar::value).toList())) {
        charts.add(
            new SensitivityChart(
                charts.size() + 1,
                name(rows.get(i)),
                bars,
                model() + " on " + task() + ORDER_OF_MATRICES + "; whiskers: one standard error"));
      }
    }
    return charts;
  }

  private BytesChart bytes() {
    final List<BytesChart.Bar> bars = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      if (rows.get(i).n() > 0) {
        bars.add(BytesChart.Bar.of(name(rows.get(i)), groups.get(i)));
      }
    }
    return new BytesChart(bars, model() + " on " + task() + "; packed file by what is stored");
  }

  private List<ScorePoint> points(ScoreChart.Axis axis) {
    final List<ScorePoint> points = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      final SummaryRow row = rows.get(i);
      if (row.n() > 0) {
        switch (axis) {
          case SIZE -> points.add(point(row, row.bytes().getAsLong() / 1e6));
          case SPARSITY -> {
            if (groups.get(i).hasStep(StepRecord.PRUNE)) {
              points.add(point(row, row.sparsity().getAsDouble()));
            }
          }
          case BITS -> row.bits().ifPresent(bits -> points.add(point(row, bits)));
        }
      }
    }
    return points;
  }

  private ScorePoint point(SummaryRow row, double x) {
    return new ScorePoint(
        name(row),
        Family.of(row.variant()),
        row.isDense(),
        x,
        row.mean().getAsDouble(),
        row.std().orElse(0));
  }

  /**
   * What the names of a section's charts begin with, one per section: nothing if there is one
   * section, else model and task in lower-case letters, digits, dots and hyphens.
   */
  static List<String> prefixes(List<Section> sections) {
    if (sections.size() == 1) {
      return List.of("");
    }
    final Set<String> names = new LinkedHashSet<>();
    for (Section section : sections) {
      final String name = slug(section.model()) + "." + slug(section.task());
      String unique = name;
      for (int i = 2; !names.add(unique); i++) {
        unique = name + "-" + i;
      }
    }
    return names.stream().map(name -> name + ".").toList();
  }

  private static String slug(String text) {
    return text.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
  }
}
