package dev.bantam.outliersuppression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.StoredOperation;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Operations;
import dev.bantam.compression.StepLog;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.Site;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

class QuantizeActivationsTest {
  private static dev.bantam.compression.Step quantize(String method, Object... settings) {
    return SuppressOutliersTest.step("quantize-activations", method, settings);
  }

  /** What a file holds gives a model with the same outputs, to the bit. */
  @ParameterizedTest
  @CsvSource({
    "static,observer,percentile",
    "static,observer,mse",
    "static,observer,kl",
    "static,observer,moving-average",
    "static,scheme,symmetric",
    "dynamic,scheme,affine",
    "grouped,observer,min-max",
    "token-clipping,scheme,symmetric",
  })
  void storedOperationsGiveTheSameBits(String method, String key, String word) {
    try (TinyBench bench = new TinyBench(2)) {
      final float[] exact = bench.model().outputs(bench.all()).values();
      final CompressionState state = bench.state(1);
      SuppressOutliersTest.step("suppress-outliers", "smoothquant").apply(state);
      final StepLog log = quantize(method, "bits", 6, key, word).apply(state);
      assertEquals(8 * TinyBench.LAYERS, log.tensors().size());
      final float[] live = bench.model().outputs(bench.all()).values();
      final Map<String, StoredOperation> stored = new TreeMap<>();
      state
          .finish()
          .operations()
          .forEach(
              (place, operation) ->
                  stored.put(
                      place,
                      new StoredOperation(
                          operation.kind(),
                          Map.copyOf(operation.attributes()),
                          operation.tensors())));
      assertEquals(10 * TinyBench.LAYERS, stored.size());
      try (EncoderModel reopened = bench.copy()) {
        Operations.attach(reopened, stored);
        assertArrayEquals(live, reopened.outputs(bench.all()).values());
      }
      boolean differs = false;
      for (int i = 0; i < exact.length; i++) {
        assertEquals(exact[i], live[i], 2, "6 bit are no noise");
        differs |= exact[i] != live[i];
      }
      assertTrue(differs, "nothing was rounded");
    }
  }

  /** The range of all rows by hand, rounding by hand, and the product behind it by the model. */
  @Test
  void aStaticRangeIsThatOfTheRows() {
    try (TinyBench bench = new TinyBench(1)) {
      final EncoderModel model = bench.model();
      final Site hidden = model.site("layer.1.ffn.hidden");
      final float[] x = model.siteValues(bench.all(), List.of(hidden)).get(0);
      quantize("static", "bits", 3, "targets", List.of("layer.1.ffn.hidden")).apply(bench.state(1));
      float min = 0;
      float max = 0;
      for (float value : x) {
        min = Math.min(min, value);
        max = Math.max(max, value);
      }
      final float scale = (max - min) / 7;
      final long zero = Math.round(Math.rint(-min / scale));
      for (int i = 0; i < x.length; i++) {
        final double code = Math.max(0, Math.min(7, Math.rint(x[i] / scale) + zero));
        x[i] = (float) (code - zero) * scale;
      }
      final INDArray rows = Floats.tensor(x, x.length / TinyBench.FFN, TinyBench.FFN);
      final float[] expected =
          Floats.toArray(model.runModule(hidden, rows, bench.all().offsets(), Map.of()));
      final float[] actual =
          model.siteValues(bench.all(), List.of(model.site("layer.1.ffn.output"))).get(0);
      assertArrayEquals(expected, actual, 1e-5f);
    }
  }

  /** Every row by its own range: rows that are multiples of each other round alike. */
  @Test
  void tokensHaveTheirOwnRanges() {
    final float[] x = {1, 2, -3.3f, 100, 200, -330};
    new Rounding.PerToken(Codes.AFFINE, 4).forward(new dev.bantam.model.Tile(x, 2, 3, -1, -1, 0));
    for (int j = 0; j < 3; j++) {
      assertEquals(100 * x[j], x[3 + j], 1e-3);
    }
    assertEquals(-3.3, x[2], 0.2);
  }

  @Test
  void oneGroupIsTheTensorAndAGroupForEachIsTheChannel() {
    try (TinyBench bench = new TinyBench(1)) {
      final float[] grouped = with(bench, "grouped", 1);
      assertArrayEquals(with(bench, "static", 0), grouped);
      final double all = error(bench, grouped);
      final double six = error(bench, with(bench, "grouped", 6));
      final double each = error(bench, with(bench, "grouped", 10_000));
      assertTrue(six < 0.5 * all, "groups " + six + ", one " + all);
      assertTrue(each < six, "each " + each + ", groups " + six);
    }
  }

  /** The values behind attention inputs rounded to 4 bit. */
  private static float[] with(TinyBench bench, String method, int groups) {
    final CompressionState state = bench.state(1);
    final Object[] settings = {"bits", 4, "targets", List.of("layer.0.attention.input")};
    final Object[] more = {
      "bits", 4, "targets", List.of("layer.0.attention.input"), "groups", groups,
    };
    quantize(method, groups == 0 ? settings : more).apply(state);
    final float[] values = query(bench);
    state.detach("layer.0.attention.input");
    return values;
  }

  private static float[] query(TinyBench bench) {
    return bench
        .model()
        .siteValues(bench.all(), List.of(bench.model().site("layer.0.attention.query")))
        .get(0);
  }

  private static double error(TinyBench bench, float[] rounded) {
    final float[] exact = query(bench);
    double sum = 0;
    for (int i = 0; i < exact.length; i++) {
      sum += Math.pow((double) exact[i] - rounded[i], 2);
    }
    return sum;
  }

  @Test
  void histogramsForTooManyGroupsAreAProblem() {
    final MapSettings many = new MapSettings(Map.of("groups", 65, "observer", "mse"));
    new QuantizeActivations.GroupedFactory().parse(many);
    assertTrue(many.problems.get(0).contains("Up to 64 groups"), many.problems.toString());
    final MapSettings plain = new MapSettings(Map.of("groups", 65));
    new QuantizeActivations.GroupedFactory().parse(plain);
    assertEquals(List.of(), plain.problems);
  }

  @Test
  void channelsOfSimilarRangesShareAGroup() {
    final ChannelRanges ranges = new ChannelRanges(5);
    ranges.add(new float[] {-9, -1, -40, -2, 0, 9, 1, 30, 2, 0}, 2);
    assertArrayEquals(new int[] {1, 0, 2, 1, 0}, SiteRanges.groupsOf(ranges, 3));
    assertArrayEquals(new int[] {3, 1, 4, 2, 0}, SiteRanges.groupsOf(ranges, 99));
  }

  /** Straight through inside the range, nothing outside of it. */
  @Test
  void gradientsPassInsideTheRangeOnly() {
    final Rounding fixed = new Rounding.Fixed(Codes.SYMMETRIC, 3, Codes.SYMMETRIC.of(-3, 3, 3));
    final float[] x = {-3.6f, -3.4f, 0.2f, 3.4f, 3.6f};
    final float[] gradient = {1, 2, 3, 4, 5};
    fixed.backward(new dev.bantam.model.Tile(x, 1, 5, -1, -1, 0), gradient, new double[0][]);
    assertArrayEquals(new float[] {0, 2, 3, 4, 0}, gradient);
  }

  @ParameterizedTest
  @ValueSource(strings = {"layer.7.*", "layer.0.ffn.output", "encoder.*"})
  void patternsThatMatchNothingAreProblems(String pattern) {
    try (TinyBench bench = new TinyBench(1)) {
      final var problems =
          quantize("static", "targets", List.of(pattern)).check(bench.state(1).shapes());
      assertEquals(1, problems.size());
      assertEquals("targets", problems.get(0).key());
      assertTrue(problems.get(0).message().contains("attention.input"), problems.toString());
      assertEquals(
          "skip",
          quantize("static", "skip", List.of("layer.*"))
              .check(bench.state(1).shapes())
              .get(0)
              .key());
    }
  }

  @Test
  void aSiteIsRoundedOnce() {
    try (TinyBench bench = new TinyBench(1)) {
      final CompressionState state = bench.state(1);
      quantize("dynamic", "targets", List.of("layer.0.ffn.input")).apply(state);
      final BantamException twice =
          assertThrows(BantamException.class, () -> quantize("dynamic").apply(state));
      assertTrue(twice.getMessage().contains("layer.0.ffn.input"), twice.getMessage());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "bits,9,'[2, 8]'",
    "bits,x,whole number",
    "codes,full,one of affine",
    "granularity,row,one of tensor",
    "scale,0,scale 0.0",
    "scale,NaN,finite",
    "zero_point,300,zero point 300",
    "more,1,has no more",
  })
  void wrongAttributesAreRefused(String key, String value, String expected) {
    final Map<String, String> attributes =
        new TreeMap<>(
            Map.of(
                "bits", "8",
                "codes", "affine",
                "granularity", "tensor",
                "scale", "0.5",
                "zero_point", "3"));
    Operations.decode(new StoredOperation("fake-quantize", attributes, Map.of()));
    attributes.put(key, value);
    final BantamException refused =
        assertThrows(
            BantamException.class,
            () -> Operations.decode(new StoredOperation("fake-quantize", attributes, Map.of())));
    assertTrue(refused.getMessage().contains(expected), refused.getMessage());
  }

  @Test
  void mapsOfAnotherWidthDoNotFit() {
    try (TinyBench bench = new TinyBench(1)) {
      final StoredOperation narrow =
          new StoredOperation(
              "affine",
              Map.of(),
              Map.of(
                  "scale", Floats.tensor(new float[] {1, 2}, 2),
                  "shift", Floats.tensor(new float[] {0, 1}, 2)));
      final BantamException refused =
          assertThrows(
              BantamException.class,
              () -> Operations.attach(bench.model(), Map.of("layer.0.ffn.residual", narrow)));
      assertTrue(refused.getMessage().contains("24 channels"), refused.getMessage());
    }
  }
}
