package dev.bantam.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Expected values are worked out by hand in the comments. */
class SummaryTest {
  @TempDir Path folder;

  private Summary summary(CellRecord... records) throws Exception {
    return Summary.of(RunFolder.read(Samples.write(folder, List.of(records))).cells());
  }

  @Test
  void threeSeedsByHand() throws Exception {
    final Summary summary =
        summary(
            Samples.ok("dense", 1, 0.8),
            Samples.ok("dense", 2, 0.5),
            Samples.ok("dense", 3, 1.0),
            Samples.ok("half", 1, 0.4),
            Samples.ok("half", 2, 0.5),
            Samples.ok("half", 3, 0.6));
    assertEquals(2, summary.rows().size());
    final SummaryRow dense = summary.rows().get(0);
    assertEquals("dense", dense.variant());
    assertEquals(1.0, dense.recovery().getAsDouble());
    final SummaryRow half = summary.rows().get(1);
    assertEquals(3, half.n());
    assertEquals(0.5, half.mean().getAsDouble(), 1e-15);
    // deviations -0.1, 0, 0.1: 0.02 / 2 = 0.01
    assertEquals(0.1, half.std().getAsDouble(), 1e-15);
    // 0.5, 1, 0.6 -> 0.7; the ratio of the means would be 0.652
    assertEquals(0.7, half.recovery().getAsDouble(), 1e-15);
    // deviations -0.2, 0.3, -0.1: 0.14 / 2 = 0.07
    assertEquals(Math.sqrt(0.07), half.stdRecovery().getAsDouble(), 1e-15);
    assertEquals(0.4, half.min().getAsDouble());
    assertEquals(0.6, half.max().getAsDouble());
    assertTrue(summary.notes().isEmpty());
  }

  @Test
  void sizesByHand() throws Exception {
    // mean of 900, 1000 and 1001 bytes: 967 after rounding
    final Summary summary =
        summary(
            Samples.ok(Samples.id("dense", 1), 0.8, 900),
            Samples.ok(Samples.id("dense", 2), 0.8, 1000),
            Samples.ok(Samples.id("dense", 3), 0.8, 1001));
    final SummaryRow row = summary.rows().get(0);
    assertEquals(967, row.bytes().getAsLong());
    assertEquals(4000 / 967.0, row.ratioFp32().getAsDouble(), 1e-12);
    assertEquals(2000 / 967.0, row.ratioFp16().getAsDouble(), 1e-12);
    assertEquals(8 * 967 / 1000.0, row.bitsPerWeight().getAsDouble(), 1e-12);
    assertEquals(8 * 300 / 600.0, row.bitsPerWeightEncoder().getAsDouble(), 1e-12);
    assertEquals(0.25, row.sparsity().getAsDouble());
    assertTrue(row.bits().isEmpty());
  }

  @Test
  void oneSeedHasNoSpread() throws Exception {
    final SummaryRow row =
        summary(Samples.ok("dense", 1, 0.8), Samples.ok("half", 1, 0.4)).rows().get(1);
    assertEquals(1, row.n());
    assertTrue(row.std().isEmpty());
    assertTrue(row.stdRecovery().isEmpty());
    assertEquals(0.5, row.recovery().getAsDouble());
  }

  @Test
  void failedCellsAreCountedAndLeftOut() throws Exception {
    final Summary summary =
        summary(
            Samples.ok("dense", 1, 0.8),
            Samples.failed(Samples.id("dense", 2), "no memory"),
            Samples.ok("half", 1, 0.4),
            Samples.ok("half", 2, 0.2),
            Samples.failed(Samples.id("none", 1), "no memory"));
    final SummaryRow dense = summary.rows().get(0);
    assertEquals(1, dense.n());
    assertEquals(1, dense.failed());
    final SummaryRow half = summary.rows().get(1);
    assertEquals(2, half.n());
    assertEquals(0.3, half.mean().getAsDouble(), 1e-15);
    assertEquals(0.5, half.recovery().getAsDouble(), 1e-15, "seed 2 cannot be compared");
    assertEquals(1, summary.notes().size());
    assertTrue(summary.notes().get(0).contains("half"), summary.notes().get(0));
    assertTrue(summary.notes().get(0).contains("seed 2"), summary.notes().get(0));
    final SummaryRow none = summary.rows().get(2);
    assertEquals(0, none.n());
    assertEquals(1, none.failed());
    assertTrue(none.mean().isEmpty() && none.bytes().isEmpty() && none.recovery().isEmpty());
  }

  @Test
  void drawsAreReplicatesOfTheirSeed() throws Exception {
    final List<CellRecord> records = new ArrayList<>(List.of(Samples.ok("dense", 1, 0.8)));
    for (int draw = 1; draw <= 2; draw++) {
      final CellId id = new CellId("tiny", "mini", "words", "cal", 1, draw, "dev");
      records.add(Samples.ok(id, draw == 1 ? 0.4 : 0.8, 1000));
    }
    final SummaryRow row = summary(records.toArray(CellRecord[]::new)).rows().get(1);
    assertEquals(2, row.n());
    assertEquals(0.75, row.recovery().getAsDouble(), 1e-15); // (0.5 + 1) / 2
  }

  @Test
  void aLossIsDividedTheOtherWayRound() throws Exception {
    final SummaryRow row = summary(loss("dense", 0.5), loss("worse", 2.0)).rows().get(1);
    assertEquals(0.25, row.recovery().getAsDouble());
  }

  private static CellRecord loss(String variant, double value) {
    return CellRecord.ok(
        Samples.id(variant, 1), Samples.hash(variant), Samples.result("loss", value, 1000));
  }

  @Test
  void noDenseValueAboveZeroMeansNoRecovery() throws Exception {
    final Summary summary = summary(Samples.ok("dense", 1, 0), Samples.ok("half", 1, 0.4));
    assertTrue(summary.rows().get(1).recovery().isEmpty());
    assertEquals(1, summary.notes().size());
  }

  @Test
  void timesAreMeansAndDenseHasNoSeconds() throws Exception {
    final CellRecord dense = Samples.ok("dense", 1, 0.8);
    final CellRecord one = Samples.ok("half", 1, 0.4);
    final CellRecord two = Samples.ok("half", 2, 0.4);
    final CellRecord start = Samples.ok("dense-start", 1, 0.7);
    final CellTimings first = new CellTimings(2, 9, OptionalDouble.empty(), OptionalDouble.of(5));
    final CellTimings second =
        new CellTimings(3, 9, OptionalDouble.empty(), OptionalDouble.empty());
    final List<CellRecord> all = List.of(dense, one, two, start);
    Samples.write(
        folder,
        all,
        Map.of(dense, first, one, first, two, second, start, first),
        Samples.manifest(all));
    final Summary summary = Summary.of(RunFolder.read(folder).cells());
    assertTrue(summary.rows().get(0).seconds().isEmpty());
    assertEquals(5, summary.rows().get(0).latencyMsP50().getAsDouble());
    assertEquals(2.5, summary.rows().get(1).seconds().getAsDouble());
    assertEquals(5, summary.rows().get(1).latencyMsP50().getAsDouble(), "one of two is timed");
    assertEquals("dense-start", summary.rows().get(2).variant());
    assertTrue(summary.rows().get(2).seconds().isEmpty(), "it was not compressed");
  }

  @Test
  void rowsFollowTheManifest() throws Exception {
    final Summary summary =
        summary(
            Samples.ok("zebra", 1, 0.1), Samples.ok("dense", 1, 0.2), Samples.ok("ant", 1, 0.1));
    assertEquals(
        List.of("zebra", "dense", "ant"),
        summary.rows().stream().map(SummaryRow::variant).toList());
  }

  /** Two draws of each of two seeds, by hand; t of one degree of freedom is 12.706. */
  @Test
  void differencesArePairedAndDrawsAreApart() throws Exception {
    final SummaryRow row =
        summary(
                Samples.ok("dense", 1, 0.80),
                Samples.ok("dense", 2, 0.90),
                Samples.ok(new CellId("tiny", "mini", "words", "x", 1, 1, "dev"), 0.70, 1000),
                Samples.ok(new CellId("tiny", "mini", "words", "x", 1, 2, "dev"), 0.74, 1000),
                Samples.ok(new CellId("tiny", "mini", "words", "x", 2, 1, "dev"), 0.86, 1000),
                Samples.ok(new CellId("tiny", "mini", "words", "x", 2, 2, "dev"), 0.86, 1000))
            .rows()
            .get(1);
    // -0.08 for the first seed, -0.04 for the second
    assertEquals(-0.06, row.difference().getAsDouble(), 1e-12);
    assertEquals(
        12.7062 * 0.02 * Math.sqrt(2) / Math.sqrt(2), row.differenceInterval().getAsDouble(), 1e-4);
    // variances 0.0008 and 0
    assertEquals(0.02, row.stdOfDraws().getAsDouble(), 1e-12);
  }

  @Test
  void csvHasTheDocumentedColumnsAndEmptyCellsForTheUnknown() throws Exception {
    final String csv =
        Csv.summary(
            summary(
                    Samples.ok("dense", 1, 0.8),
                    Samples.ok("third", 1, 0.8 / 3),
                    Samples.failed(Samples.id("none", 1), "x"))
                .rows());
    assertEquals(
        "experiment,model,task,variant,metric,n,mean,std,recovery,bytes,ratio_fp32,ratio_fp16,"
            + "bits_per_weight,bits_per_weight_encoder,seconds,latency_ms_p50,std_recovery,"
            + "sparsity,bits,failed,min,max,difference,difference_ci95,std_draws\n"
            + "tiny,mini,words,dense,accuracy,1,0.8000,,1.0000,1000,4.000,2.000,8.000,4.000,,,,"
            + "0.2500,,0,0.8000,0.8000,,,\n"
            + "tiny,mini,words,third,accuracy,1,0.2667,,0.3333,1000,4.000,2.000,8.000,4.000,,,,"
            + "0.2500,,0,0.2667,0.2667,-0.5333,,\n"
            + "tiny,mini,words,none,,0,,,,,,,,,,,,,,1,,,,,\n",
        csv);
  }

  @Test
  void resultsAreExactAndTextIsNeutralised() throws Exception {
    final CellId hostile = new CellId("=1+1", "-m", "@t", "a,\"b\"", -5, 1, "dev");
    final CellRecord record =
        CellRecord.ok(hostile, Samples.hash("h"), Samples.result("mcc", -0.1 - 0.2, 400));
    final CellRecord failed = Samples.failed(Samples.id("none", 1), "x");
    Samples.write(folder, List.of(record, failed));
    assertEquals(
        "experiment,model,task,variant,seed,draw,split,metric,value\n"
            + "'=1+1,'-m,'@t,\"a,\"\"b\"\"\",-5,1,dev,mcc,-0.30000000000000004\n",
        Csv.results(RunFolder.read(folder).cells()));
    assertEquals("'\tx", Csv.text("\tx"));
    assertEquals("'\rx", Csv.text("\rx"));
    assertEquals("'+x", Csv.text("+x"));
    assertEquals("x=1", Csv.text("x=1"));
  }

  @Test
  void exactNumbersReadBackToTheSameBits() {
    final java.util.Random random = new java.util.Random(3);
    for (int i = 0; i < 2000; i++) {
      final double value = Double.longBitsToDouble(random.nextLong());
      if (Double.isFinite(value)) {
        assertEquals(value, Double.parseDouble(Numbers.exact(value)));
      }
    }
    assertEquals("0.0001", Numbers.exact(1e-4));
    assertEquals("100", Numbers.exact(100));
    assertEquals("0", Numbers.exact(-0.0));
    assertEquals("0.000", Numbers.fixed(-0.0001, 3));
    assertEquals("0.12", Numbers.fixed(0.125, 2));
  }
}
