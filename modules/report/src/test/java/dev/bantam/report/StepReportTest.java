package dev.bantam.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a report says of steps: predicted losses, zeros of each matrix. */
class StepReportTest {
  private static final String QUERY = "encoder.layer.0.attention.self.query.weight";

  @TempDir Path folder;

  private static EventRecord event(int number, double predicted, double before, double after) {
    return new EventRecord(
        number,
        0.1 * number,
        OptionalDouble.of(predicted),
        OptionalDouble.of(before),
        OptionalDouble.of(after));
  }

  private static TensorRecord tensor(String name, double sparsity) {
    return new TensorRecord(name, "zeros", sparsity, 10, 0.1, OptionalInt.empty());
  }

  private static StepRecord step(
      String step, String method, List<TensorRecord> tensors, EventRecord... events) {
    return new StepRecord(step, method, Json.object(), tensors, List.of(events));
  }

  private static CellRecord cell(String variant, long seed, StepRecord... steps) {
    final CellId id = Samples.id(variant, seed);
    final CellResult plain = Samples.result("accuracy", 0.5, 1000);
    return CellRecord.ok(
        id,
        Samples.hash(id.describe()),
        new CellResult(
            plain.primary(),
            plain.metrics(),
            plain.examples(),
            plain.size(),
            plain.sparsity(),
            OptionalDouble.empty(),
            List.of(steps),
            List.of()));
  }

  private Section section(CellRecord... cells) throws Exception {
    final List<CellRecord> all = new ArrayList<>();
    for (long seed = 1; seed <= 2; seed++) {
      all.add(Samples.ok("dense", seed, 0.8));
    }
    all.addAll(List.of(cells));
    final Path run = Samples.write(folder.resolve("run"), all);
    return Section.of(Summary.of(RunFolder.read(run).cells())).get(0);
  }

  /**
   * Seed 1: predicted 1, 2, 3, 4 against measured 2, 1, 6, 8; ranks differ by 1, 1, 0, 0, so the
   * correlation is 1 - 6 * 2 / (4 * 15) = 0.8, and the factors 2, 0.5, 2, 2 have the mean 1.625.
   * Seed 2: predicted 5, 6 against measured 1, 0.6. All: measured ranks of 1, 2, 3, 4, 5, 6 are 4,
   * 2.5, 5, 6, 2.5, 1; their covariance with the predicted ones is -7 in units in which the
   * variances are 17.5 and 17, and the mean factor is (6.5 + 0.2 + 0.1) / 6.
   */
  @Test
  void rankAndFactorOfPredictedLossesByHand() throws Exception {
    final List<PredictionFit> fits =
        PredictionFit.of(
            section(
                cell("obert-0.5", 1, step("prune", "obert", List.of(), event(1, 1, 0.5, 2.5))),
                cell(
                    "obert-gradual-0.9",
                    1,
                    step(
                        "prune",
                        "obert",
                        List.of(),
                        event(1, 2, 0, 1),
                        event(2, 3, 1, 7),
                        event(3, 4, 0, 8))),
                cell("obert-0.5", 2, step("prune", "obert", List.of(), event(1, 5, 1, 2))),
                cell("obert-0.7", 2, step("prune", "obert", List.of(), event(1, 6, 0.4, 1))),
                cell("summed-0.7", 1, step("prune", "summed", List.of(), event(1, 0, 0, 1)))));
    assertEquals(
        List.of("obert seed 1 4", "obert seed 2 2", "obert all 6", "summed seed 1 1"),
        fits.stream().map(f -> f.method() + " " + f.replicates() + " " + f.n()).toList());
    assertEquals(0.8, fits.get(0).rank().getAsDouble(), 1e-12);
    assertEquals(1.625, fits.get(0).factor().getAsDouble(), 1e-12);
    assertEquals(-1, fits.get(1).rank().getAsDouble(), 1e-12);
    assertEquals(-7 / Math.sqrt(17.5 * 17), fits.get(2).rank().getAsDouble(), 1e-12);
    assertEquals(6.8 / 6, fits.get(2).factor().getAsDouble(), 1e-12);
    assertEquals(List.of("summed", "seed 1", "1", "-", "-"), fits.get(3).row());
    assertEquals(List.of("obert", "seed 1", "4", "0.800", "1.62"), fits.get(0).row());
  }

  @Test
  void withoutPredictionsThereIsNothingToCompare() throws Exception {
    final EventRecord measuredOnly =
        new EventRecord(1, 0.5, OptionalDouble.empty(), OptionalDouble.of(1), OptionalDouble.of(2));
    final EventRecord predictedOnly =
        new EventRecord(1, 0.5, OptionalDouble.of(1), OptionalDouble.of(1), OptionalDouble.empty());
    assertEquals(
        List.of(),
        PredictionFit.of(
            section(
                cell("a-1", 1, step("prune", "a", List.of(), measuredOnly)),
                cell("b-1", 1, step("prune", "b", List.of(), predictedOnly)))));
  }

  @Test
  void equalMeasuredLossesHaveNoRank() throws Exception {
    final PredictionFit fit =
        PredictionFit.of(
                section(
                    cell(
                        "a-1",
                        1,
                        step("prune", "a", List.of(), event(1, 1, 0, 2), event(2, 2, 0, 2)))))
            .get(0);
    assertEquals(OptionalDouble.empty(), fit.rank());
    assertEquals(1.5, fit.factor().getAsDouble(), 1e-12);
  }

  @Test
  void bothPagesShowTheFit() throws Exception {
    section(
        cell("obert-0.5", 1, step("prune", "obert", List.of(), event(1, 1, 0.5, 2.5))),
        cell("obert-0.7", 1, step("prune", "obert", List.of(), event(1, 2, 0.5, 300.5))));
    final Path target = folder.resolve("out");
    Reports.write(
        Report.of(List.of(RunFolder.read(folder.resolve("run"))), Samples.context()),
        target,
        Optional.of("not wanted"));
    final String markdown = Files.readString(target.resolve("report.md"));
    assertTrue(markdown.contains("### How well the increases of the loss were predicted"));
    assertTrue(markdown.contains("| obert | seed 1 | 2 | 1.000 | 76.0 |"), markdown);
    final String html = Files.readString(target.resolve("report.html"));
    assertTrue(html.contains("<h3>How well the increases of the loss were predicted</h3>"));
    assertTrue(html.contains("76.0"));
  }

  @Test
  void zerosOfEachMatrixAreThoseOfTheLastStepOfTheFirstReplicate() throws Exception {
    final String output = "encoder.layer.10.attention.output.dense.weight";
    final String down = "encoder.layer.2.output.dense.weight";
    final StepRecord first =
        step(
            "prune",
            "magnitude",
            List.of(
                tensor(down, 0.25),
                tensor(QUERY, 0.5),
                tensor(output, 0.75),
                tensor("embeddings.word_embeddings.weight", 0.9),
                tensor("encoder.layer.1.attention.output.LayerNorm.weight", 0.9)));
    final StepRecord again = step("quantize", "rtn", List.of(tensor(QUERY, 0.625)));
    final Section section =
        section(
            cell("pruned-0.5", 1, first, again),
            cell("pruned-0.5", 2, step("prune", "magnitude", List.of(tensor(QUERY, 0.1)))),
            cell("even-0.3", 1, step("prune", "magnitude", List.of(tensor(QUERY, 0.3)))),
            cell("rtn-int4", 1, step("quantize", "rtn", List.of(tensor(QUERY, 0.2)))));
    final ChartSpec chart = section.charts().get(section.charts().size() - 1);
    assertEquals("sparsity-by-layer", chart.name());
    assertEquals(
        List.of(
            List.of("pruned-0.5", "0", "0.6250", "-", "-", "-", "-", "-"),
            List.of("pruned-0.5", "2", "-", "-", "-", "-", "-", "0.2500"),
            List.of("pruned-0.5", "10", "-", "-", "-", "0.7500", "-", "-"),
            List.of("even-0.3", "0", "0.3000", "-", "-", "-", "-", "-")),
        chart.table());
    assertEquals(
        "Chart: share of zeros in each encoder matrix. pruned-0.5 from 0.25 (layer 2, feed-forward"
            + " down) to 0.75 (layer 10, attention output); even-0.3 0.30 everywhere.",
        chart.alternative());
    assertEquals(chart.table().get(0).size(), chart.columns().size());
    final String svg = ChartRenderer.svg(chart, "x", "t");
    for (String text : List.of("0.2 to 0.3", "0.3 to 0.4", "0.6 to 0.7", "0.7 to 0.8")) {
      assertTrue(svg.contains(text), text);
    }
    assertFalse(svg.contains("0.8 to 0.9"), "a shade that does not occur");
  }

  @Test
  void withoutPruningThereIsNoChartOfZeros() throws Exception {
    final Section section =
        section(
            cell("rtn-int4", 1, step("quantize", "rtn", List.of(tensor(QUERY, 0.2)))),
            cell(
                "words-0.5",
                1,
                step(
                    "prune",
                    "magnitude",
                    List.of(tensor("embeddings.word_embeddings.weight", 0.5)))));
    assertTrue(section.charts().stream().noneMatch(c -> c.name().equals("sparsity-by-layer")));
  }

  private static TensorRecord measured(String name, int bits, double value, double error) {
    return new TensorRecord(
        name,
        "codes",
        0,
        10,
        0.1,
        OptionalInt.of(bits),
        OptionalDouble.empty(),
        OptionalDouble.of(value),
        OptionalDouble.of(error));
  }

  /** One chart of widths for all variants that have several, one of each measurement. */
  @Test
  void widthsAndSensitivities() throws Exception {
    final String down = "encoder.layer.1.output.dense.weight";
    final List<TensorRecord> hessian =
        List.of(measured(QUERY, 2, -0.5, 0.25), measured(down, 3, 4e-3, 1e-3));
    final List<TensorRecord> swapped =
        List.of(measured(QUERY, 3, -0.5, 0.25), measured(down, 2, 4e-3, 1e-3));
    final List<TensorRecord> fisher = List.of(measured(QUERY, 3, 7, 1), measured(down, 2, 6, 1));
    final Section section =
        section(
            cell("mp-2-3-hessian", 1, step("quantize", "mp-2-3-hessian", hessian)),
            cell("mp-2-3-complement", 1, step("quantize", "mp-2-3-complement", swapped)),
            cell("mp-2-3-fisher", 1, step("quantize", "mp-2-3-fisher", fisher)),
            cell(
                "rtn-int4",
                1,
                step(
                    "quantize",
                    "rtn",
                    List.of(
                        new TensorRecord(QUERY, "codes", 0, 10, 0.1, OptionalInt.of(4)),
                        new TensorRecord(down, "codes", 0, 10, 0.1, OptionalInt.of(4))))));
    final List<ChartSpec> charts =
        section.charts().stream()
            .filter(c -> c.name().startsWith("bits-by") || c.name().startsWith("sensitivity"))
            .toList();
    assertEquals(
        List.of("bits-by-layer", "sensitivity-1", "sensitivity-2"),
        charts.stream().map(ChartSpec::name).toList());
    final List<String> names = charts.get(0).table().stream().map(row -> row.get(0)).toList();
    assertEquals(6, names.size());
    assertFalse(names.contains("rtn-int4"), "one width is no choice");
    final int at = names.indexOf("mp-2-3-hessian");
    assertEquals(
        List.of("mp-2-3-hessian", "0", "2", "-", "-", "-", "-", "-"),
        charts.get(0).table().get(at));
    assertEquals(
        List.of("mp-2-3-hessian", "1", "-", "-", "-", "-", "-", "3"),
        charts.get(0).table().get(at + 1));
    assertTrue(
        charts
            .get(0)
            .alternative()
            .contains(
                "mp-2-3-hessian from 2 (layer 0, query) to 3 bits (layer 1, feed-forward down)"),
        charts.get(0).alternative());
    final ChartSpec shared =
        charts.stream().filter(c -> c.alternative().contains("-0.500")).findFirst().orElseThrow();
    assertEquals(2, shared.table().size());
    assertEquals(List.of("0", "query", "-0.5000", "0.25"), shared.table().get(0).subList(1, 5));
    assertEquals(
        List.of("1", "feed-forward down", "0.004000", "0.0010"),
        shared.table().get(1).subList(1, 5));
    assertTrue(shared.alternative().contains("from -0.500 (layer 0, query) to 0.00400 (layer 1"));
    for (ChartSpec chart : charts) {
      final String svg = ChartRenderer.svg(chart, chart.name(), "t");
      assertTrue(svg.contains("2 bits") && svg.contains("3 bits"), chart.name());
      assertTrue(svg.contains("layer 1"), chart.name());
    }
  }
}
